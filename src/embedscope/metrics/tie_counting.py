"""Non-relevant documents above and beside every relevant one, counted block by block."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from embedscope.metrics.accumulators import cells_in, count_rows, require_mergeable
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.kernels import MAX_GROUPS, Kernels
from embedscope.metrics.ties import TieCounts, tie_groups
from embedscope.protocols import Float64Array, FloatArray, IntArray

_SORTED_GROUPS = 8
"""From this many tie groups in a query on, sorting its row once is quicker than comparing it twice for each group."""


class TieAccumulator:
    """Counts the non-relevant documents above and beside every relevant one.

    Parameters
    ----------
    pair_scores : array_like of shape (P,)
        Score of every (query, relevant document) pair, known before the pass (`vectors.score_pairs`).
    tolerance : float
        Two scores that differ by no more are tied. 1e-6 for float32 cosines, whose matrix product differs from
        ``pair_scores`` by about 1e-7; 1e-6 of `norms.score_bound` for dot products, which round with the norms; 0 for
        precomputed scores, which must then be the very numbers of the blocks.

    Raises
    ------
    InvalidOptionError
        If a pair score is not finite, their number is not P, or the tolerance is negative.

    Notes
    -----
    Memory: a dozen integers a pair. Time: two comparisons a cell, or one sort a row for a query whose relevant
    documents form many tie groups.
    """

    def __init__(self, judgments: Judgments, pair_scores: npt.ArrayLike, tolerance: float) -> None:
        self.judgments = judgments
        self.groups = tie_groups(judgments, pair_scores, tolerance)
        self._tolerance = float(tolerance)
        self._greater = np.zeros(len(self.groups.query), dtype=np.int64)  # (G,)
        self._tied = np.zeros(len(self.groups.query), dtype=np.int64)  # (G,)
        self._tied_before = np.zeros(len(judgments.documents), dtype=np.int64)  # (P,)
        self._limits: dict[np.dtype[Any], tuple[FloatArray, FloatArray]] = {}

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in, the relevant documents' own cells left out; see `Accumulator`."""
        others = block.copy()
        others[cells_in(self.judgments, block, query_start, document_start)] = -np.inf  # below every window
        above, lowest = self.limits_in(block.dtype)
        indptr = self.groups.query_indptr[query_start : query_start + len(block) + 1]
        n_groups = np.diff(indptr)
        for row in np.flatnonzero(n_groups >= _SORTED_GROUPS):
            own, ordered = slice(indptr[row], indptr[row + 1]), np.sort(others[row])
            n_above = len(ordered) - np.searchsorted(ordered, above[own], side="right")
            n_at_least = len(ordered) - np.searchsorted(ordered, lowest[own], side="left")
            self._count(np.arange(own.start, own.stop), n_above, n_at_least, others, query_start, document_start)
        n_groups[n_groups >= _SORTED_GROUPS] = 0
        for turn in range(int(n_groups.max(initial=0))):  # the first group of every row, then the second, ...
            rows = np.flatnonzero(n_groups > turn)
            groups = indptr[rows] + turn
            part = others if len(rows) == len(others) else others[rows]
            n_above = count_rows(part > above[groups, np.newaxis])
            n_at_least = count_rows(part >= lowest[groups, np.newaxis])
            self._count(groups, n_above, n_at_least, others, query_start, document_start)

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in by a compiled loop; see `CompiledAccumulator`."""
        groups, judgments = self.groups, self.judgments
        above, lowest = self.limits_in(block.dtype)
        kernels.count_windows(
            block,
            query_start,
            document_start,
            judgments.indptr,
            judgments.documents,
            groups.query_indptr,
            groups.of_pair,
            above,
            lowest,
            MAX_GROUPS,
            self._greater,
            self._tied,
            self._tied_before,
        )
        n_groups = np.diff(groups.query_indptr[query_start : query_start + len(block) + 1])
        left_out = np.flatnonzero(n_groups > MAX_GROUPS)
        for run in np.split(left_out, np.flatnonzero(np.diff(left_out) > 1) + 1) if len(left_out) else ():
            first, last = int(run[0]), int(run[-1])
            self.update(block[first : last + 1], query_start + first, document_start)

    def merge(self, other: Self) -> Self:
        """A new accumulator with the counts of both; see `Accumulator`.

        Raises InvalidOptionError if the two were made for different judgments or tie groups.
        """
        same_groups = np.array_equal(self.groups.of_pair, other.groups.of_pair)
        same_pairs = np.array_equal(self.judgments.documents, other.judgments.documents)
        require_mergeable(same_groups and same_pairs and self._tolerance == other._tolerance, "tie counts")
        merged = object.__new__(type(self))
        merged.judgments, merged.groups, merged._tolerance = self.judgments, self.groups, self._tolerance
        merged._limits = self._limits
        merged._greater = self._greater + other._greater
        merged._tied = self._tied + other._tied
        merged._tied_before = self._tied_before + other._tied_before
        return merged

    def result(self) -> TieCounts:
        """The counts so far, one row a (query, relevant document) pair."""
        return TieCounts(
            greater=self._greater[self.groups.of_pair],
            tied=self._tied[self.groups.of_pair],
            tied_before=self._tied_before.copy(),
            tolerance=self._tolerance,
        )

    def add(self, greater: IntArray, tied: IntArray, tied_before: IntArray) -> None:
        """Add counts made elsewhere of cells not shown here: by group, shape (G,), and by pair, shape (P,)."""
        self._greater += greater
        self._tied += tied
        self._tied_before += tied_before

    def limits_in(self, dtype: np.dtype[Any]) -> tuple[FloatArray, FloatArray]:
        """``(above, lowest)``, both of shape (G,), in the dtype of the blocks.

        A score ``s`` of that dtype is above a group if ``s > above``, else tied with it if ``s >= lowest``.
        """
        if dtype not in self._limits:
            above = _largest_at_most(self.groups.high + self._tolerance, dtype)
            # Rounded up: the mirror image.
            self._limits[dtype] = above, -_largest_at_most(self._tolerance - self.groups.low, dtype)
        return self._limits[dtype]

    def _count(
        self,
        groups: IntArray,
        n_above: IntArray,
        n_at_least: IntArray,
        others: FloatArray,
        query_start: int,
        document_start: int,
    ) -> None:
        """Add the counts of some groups, and the tied documents of smaller index than the relevant one of each pair."""
        n_tied = n_at_least - n_above
        self._greater[groups] += n_above
        self._tied[groups] += n_tied
        above, lowest = self.limits_in(others.dtype)
        for group in groups[n_tied > 0]:
            row = others[self.groups.query[group] - query_start]
            tied = np.flatnonzero((row >= lowest[group]) & (row <= above[group]))
            pairs = self.groups.order[self.groups.pair_indptr[group] : self.groups.pair_indptr[group + 1]]
            self._tied_before[pairs] += np.searchsorted(tied, self.judgments.documents[pairs] - document_start)


def _largest_at_most(limits: Float64Array, dtype: np.dtype[Any]) -> FloatArray:
    """Limits rounded down, so that ``s > limit`` says for every ``s`` of ``dtype`` what it says in float64.

    Comparing float32 blocks with float64 limits instead would convert every block.
    """
    rounded: FloatArray = limits.astype(dtype)
    return np.where(rounded > limits, np.nextafter(rounded, dtype.type(-np.inf)), rounded)
