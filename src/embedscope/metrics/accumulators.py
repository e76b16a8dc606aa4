"""Statistics of the query x document score matrix, gathered block by block; the whole matrix is never held.

An accumulator has ``update(block, query_start, document_start)``, ``merge(other)`` and ``result()``. A block of shape
(q, n) holds the scores of queries ``query_start ... query_start + q - 1`` with documents ``document_start ...
document_start + n - 1``. Every cell of the matrix must be shown exactly once, in any blocks and any order, to one
accumulator or to several that are merged; ``merge`` returns a new accumulator and is associative and commutative.
Counts and top-k lists come out identical for every way of cutting the matrix.

A block is only read, and may be a buffer that is overwritten after ``update`` returns. Scores are finite, but for those
of excluded cells (`Judgments.excluded`), which are minus infinity: below every score, and in no list.
"""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.metrics.judgments import Cells
from embedscope.metrics.kernels import Kernels
from embedscope.protocols import BoolArray, FloatArray, IntArray


class Accumulator(Protocol):
    """What can be shown the score matrix block by block."""

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Take in scores of shape (q, n), float32 or float64, whose first cell is (query_start, document_start)."""
        ...

    def merge(self, other: Self) -> Self:
        """A new accumulator that has seen what both have seen."""
        ...


@runtime_checkable
class CompiledAccumulator(Protocol):
    """An accumulator that also has a compiled way of taking a block in."""

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """As ``update``, to the last bit; threads may call it at the same time with rows of different queries.

        The block's rows and columns lie in row order without gaps.
        """
        ...


def require_mergeable(is_same: bool, what: str) -> None:
    """Raise InvalidOptionError where two accumulators were not made for the same data and options."""
    if not is_same:
        raise InvalidOptionError(
            f"Cannot merge two {what} that were made for different data or options: their numbers would be mixed up. "
            "Make every part from the same judgments, scores and options."
        )


def cells_in(cells: Cells, block: FloatArray, query_start: int, document_start: int) -> tuple[IntArray, IntArray]:
    """Rows and columns, in row order, of those of ``cells`` that lie in the block."""
    indptr = cells.indptr[query_start : query_start + len(block) + 1]
    columns = cells.documents[indptr[0] : indptr[-1]] - document_start
    inside = np.flatnonzero((columns >= 0) & (columns < block.shape[1]))
    rows = np.repeat(np.arange(len(block), dtype=np.int64), np.diff(indptr))
    return rows[inside], columns[inside]


def count_rows(mask: BoolArray) -> IntArray:
    """Number of True in each row; row by row, because ``count_nonzero(axis=1)`` first makes integers of them all."""
    return np.fromiter((np.count_nonzero(row) for row in mask), dtype=np.int64, count=len(mask))
