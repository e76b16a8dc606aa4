"""The one loop over the query x document matrix, in this process.

Blocks are matrix products into one reused buffer: memory stays at one block a thread and what the accumulators keep,
and the product runs about twice as fast as when every block is allocated again.

Over a large matrix whose accumulators all have compiled loops (`accumulators.CompiledAccumulator`), each thread takes
blocks of queries of its own, multiplies and reads. Threads then wait for one another once, at the end, where a product
shared among threads makes them wait at every block: on a core that others use as well that costs more than the
reading. The results are the same to the last bit wherever the product of a block is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import cast

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.metrics.accumulators import Accumulator, CompiledAccumulator, cells_in
from embedscope.metrics.judgments import Cells
from embedscope.metrics.kernels import MIN_CELLS, Kernels, for_matrix
from embedscope.metrics.threads import in_threads, n_threads, one_thread_products
from embedscope.metrics.top_k import TopK, TopKAccumulator
from embedscope.metrics.vectors import require_same_dim
from embedscope.protocols import FloatArray, ProgressCallback

QUERY_BLOCK = 128
DOCUMENT_BLOCK = 8192
"""Block for NumPy: 4 MiB of float32, measured quickest between 1 and 16 MiB; small enough to stay in cache while the
accumulators read it, large enough for the product. Long rows, because each row costs some calls."""

COMPILED_QUERY_BLOCK = 512
COMPILED_DOCUMENT_BLOCK = 2048
"""Block for compiled loops: of the same size, and of the shape that a thread multiplies quickest (a fifth quicker than
the other with AVX-512, a twentieth with AVX2)."""

_COMPILED_TURNS = 8
_LEAST_COMPILED_ROWS = 64
_ROWS_STEP = 16
"""Few queries are cut into so many turns for the threads, of so many rows at least, in steps of a multiple that the
product's inner loops take whole. Not by the number of threads: a product of another shape may round otherwise."""

_PIECE_BYTES = 1 << 20
"""Rows handed from accumulator to accumulator: a mebibyte stays in a core's second-level cache meanwhile, or is not far
from it. Half of it costs more in calls than it saves."""


def for_each_block(
    queries: FloatArray,
    documents: FloatArray,
    consumers: Sequence[Accumulator],
    *,
    query_block: int | None = None,
    document_block: int | None = None,
    document_offset: int = 0,
    excluded: Cells | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Show every block of ``queries @ documents.T`` to every consumer.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), same dtype
        Unit rows (`vectors.unit_rows`), where the scores are to be cosines.
    consumers : sequence of Accumulator
        Each is updated with every block, rows of queries outermost, documents in rising order. A block is valid
        during the call only. Where all have compiled loops and the matrix has ``kernels.MIN_CELLS`` scores or more,
        as many threads as there are cores (or ``OMP_NUM_THREADS``, where that is less) each take rows of queries.
    query_block, document_block : int, optional
        Rows and columns of a block; those of `block_shape` by default. A single row or column that would be left
        over goes to the block before: a product of one row takes another path and may round otherwise.
    document_offset : int
        Where these documents stand in the whole matrix, when they are a shard of it.
    excluded : Cells, optional
        Cells of the whole matrix that are shown as minus infinity, as `Judgments.excluded` has them.
    progress : ProgressCallback, optional
        Called after every block of rows how many queries are done.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    InvalidOptionError
        If a block would be empty.

    Notes
    -----
    Memory beyond the arguments: ``query_block * document_block`` scores, and up to three times as much scratch in
    the consumers; with compiled loops ``query_block * document_block`` scores a thread.
    """
    require_same_dim(queries, documents)
    kernels = for_matrix(len(queries) * len(documents))
    if not consumers or not all(isinstance(consumer, CompiledAccumulator) for consumer in consumers):
        kernels = None
    usual = (QUERY_BLOCK, DOCUMENT_BLOCK) if kernels is None else block_shape(len(queries), len(documents))
    rows = usual[0] if query_block is None else query_block
    columns = usual[1] if document_block is None else document_block
    if rows < 1 or columns < 1:
        raise InvalidOptionError(f"Expected blocks of at least 1 x 1, got {rows} x {columns}.")
    matrix = _Matrix(queries, documents, rows, columns, document_offset, excluded)
    if kernels is not None:
        shown = _show_by_threads(matrix, cast(Sequence[CompiledAccumulator], consumers), kernels)
    else:
        shown = _show(matrix, consumers)
    with one_thread_products():
        for n_done in shown:
            if progress is not None:
                progress(n_done, len(queries))


def block_shape(n_queries: int, n_documents: int) -> tuple[int, int]:
    """Rows and columns of the blocks that a matrix of this size is cut into.

    It depends on these two numbers alone, not on the threads of a machine or on what is installed there: whoever
    computes the matrix forms the same products.
    """
    if n_queries * n_documents < MIN_CELLS:
        return QUERY_BLOCK, DOCUMENT_BLOCK
    share = -(-n_queries // (_COMPILED_TURNS * _ROWS_STEP)) * _ROWS_STEP
    return min(COMPILED_QUERY_BLOCK, max(_LEAST_COMPILED_ROWS, share)), COMPILED_DOCUMENT_BLOCK


def _show(matrix: _Matrix, consumers: Sequence[Accumulator]) -> Iterator[int]:
    """Show every block to every consumer, in this thread; after every block of rows, how many queries are done."""
    buffer = matrix.empty_block()
    for cut in matrix.query_cuts():
        for block, query, document in matrix.blocks_of(cut, buffer):
            for consumer in consumers:
                consumer.update(block, query, document)
        yield cut[1]


@dataclass(frozen=True, slots=True)
class _Matrix:
    """The scores of all queries with all documents, cut into blocks."""

    queries: FloatArray
    documents: FloatArray
    query_block: int
    document_block: int
    document_offset: int
    excluded: Cells | None

    def empty_block(self) -> FloatArray:
        """A buffer for the largest block, flat."""
        shape = [max((stop - start for start, stop in cut), default=0) for cut in (self.query_cuts(), self._columns())]
        return np.empty(shape[0] * shape[1], dtype=np.result_type(self.queries, self.documents))

    def query_cuts(self) -> list[tuple[int, int]]:
        """First query of every block of rows, and the one after its last."""
        return _cuts(len(self.queries), self.query_block)

    def _columns(self) -> list[tuple[int, int]]:
        return _cuts(len(self.documents), self.document_block)

    def blocks_of(self, cut: tuple[int, int], buffer: FloatArray) -> Iterator[tuple[FloatArray, int, int]]:
        """The blocks of some rows of queries, each in ``buffer``, with the place of its first cell."""
        rows = self.queries[slice(*cut)]
        for start, stop in self._columns():
            block = buffer[: len(rows) * (stop - start)].reshape(len(rows), stop - start)
            np.matmul(rows, self.documents[start:stop].T, out=block)
            place = cut[0], self.document_offset + start
            if self.excluded is not None:
                block[cells_in(self.excluded, block, *place)] = -np.inf
            yield block, *place


def _cuts(n: int, size: int) -> list[tuple[int, int]]:
    """Where ``n`` rows are cut into pieces of ``size``; a single row left over goes to the piece before."""
    starts = list(range(0, n, size))
    if len(starts) > 1 and n - starts[-1] == 1 < size:
        starts.pop()
    return [(start, n if start == starts[-1] else start + size) for start in starts]


def _show_by_threads(matrix: _Matrix, consumers: Sequence[CompiledAccumulator], kernels: Kernels) -> Iterator[int]:
    """As `_show`, rows of queries dealt to the threads."""
    buffers: SimpleQueue[FloatArray] = SimpleQueue()
    for _ in range(n_threads()):
        buffers.put(matrix.empty_block())

    def show(cut: tuple[int, int]) -> int:
        buffer = buffers.get()
        try:
            for block, query, document in matrix.blocks_of(cut, buffer):
                n_rows = max(1, _PIECE_BYTES // (block.shape[1] * block.itemsize))
                for first in range(0, len(block), n_rows):
                    for consumer in consumers:
                        consumer.update_with(kernels, block[first : first + n_rows], query + first, document)
        finally:
            buffers.put(buffer)
        return cut[1]

    yield from in_threads(show, matrix.query_cuts())


def search_top_k(queries: FloatArray, documents: FloatArray, k: int, *, excluded: Cells | None = None) -> TopK:
    """The min(k, n_documents) best documents of every query by inner product, exact; ties go to the smaller index.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), same dtype
        Unit rows, where the scores are to be cosines.
    k : int
    excluded : Cells, optional
        Documents that stand in no list of their query; a list may then end with -1.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    InvalidOptionError
        If k is less than 1 or there are no documents.
    """
    best = TopKAccumulator(len(queries), min(k, len(documents)), dtype=np.result_type(queries, documents))
    for_each_block(queries, documents, [best], excluded=excluded)
    return best.result()
