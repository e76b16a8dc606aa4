"""The k best documents of every query, kept block by block."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError
from embedscope.metrics.accumulators import count_rows, require_mergeable
from embedscope.metrics.kernels import MAX_K, Kernels
from embedscope.protocols import BoolArray, FloatArray, IntArray


class TopK(NamedTuple):
    """The best documents of every query, by falling score, then by rising index."""

    scores: FloatArray  # (Q, k), -inf where fewer than k documents were seen
    documents: IntArray  # (Q, k), -1 there


_INSERTIONS_A_PLACE = 8
_SPARE_INSERTIONS = 64
"""Insertions for which a row of a block may keep the compiled loop busy: documents that come in no order need fewer."""

_MERGED_AT_ONCE = 1 << 17
"""Places of lists merged at once: sorting them takes some 100 bytes each."""


class TopKAccumulator:
    """Keeps the k best documents of every query.

    Parameters
    ----------
    dtype : dtype
        Of the scores: float32 or float64.

    Raises
    ------
    InvalidOptionError
        If k is less than 1.

    Notes
    -----
    Memory: ``n_queries * k`` scores and integers. Time: one comparison a cell with the k-th best so far; only what
    passes is sorted.
    """

    def __init__(self, n_queries: int, k: int, *, dtype: npt.DTypeLike = np.float32) -> None:
        if k < 1:
            raise InvalidOptionError(f"Expected at least one document to keep for every query, got k = {k}.")
        self.k, self.dtype = k, np.dtype(dtype)
        self._scores: FloatArray = np.full((n_queries, k), -np.inf, dtype=dtype)
        self._documents = np.full((n_queries, k), _NO_DOCUMENT, dtype=np.int64)

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Let the block's documents compete; see `Accumulator`."""
        rows = slice(query_start, query_start + len(block))
        last_score = self._scores[rows, -1:]
        # Equal scores go to the smaller index, so they can only win over a document that comes later than the block.
        ties_can_win = (self._documents[rows, -1] > document_start).any()
        is_candidate: BoolArray = (np.greater_equal if ties_can_win else np.greater)(block, last_score)
        self._thin_out(block, is_candidate)
        cells = np.flatnonzero(is_candidate)
        row, column = np.divmod(cells, block.shape[1])
        self.offer(query_start + row, block.reshape(-1)[cells], document_start + column)

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """Let the block's documents compete in a compiled loop; see `CompiledAccumulator`."""
        if self.k > MAX_K or block.dtype != self.dtype:
            self.update(block, query_start, document_start)
            return
        stopped = np.empty(len(block), dtype=np.int64)
        most = _INSERTIONS_A_PLACE * self.k + _SPARE_INSERTIONS
        kernels.keep_best(block, query_start, document_start, self._scores, self._documents, most, stopped)
        for row in np.flatnonzero(stopped < block.shape[1]).tolist():
            column = int(stopped[row])
            self.update(block[row : row + 1, column:], query_start + row, document_start + column)

    def merge(self, other: Self) -> Self:
        """A new accumulator with the best of both; see `Accumulator`.

        Raises InvalidOptionError if the two differ in the number of queries, in k or in dtype.
        """
        is_same = self._scores.shape == other._scores.shape and self.dtype == other.dtype
        require_mergeable(is_same, "top-k lists")
        merged = type(self)(*self._scores.shape, dtype=self.dtype)
        merged._scores[:], merged._documents[:] = self._scores, self._documents
        step = max(1, _MERGED_AT_ONCE // self.k)
        for start in range(0, len(other._documents), step):
            queries, places = np.nonzero(other._documents[start : start + step] != _NO_DOCUMENT)
            queries += start
            merged.offer(queries, other._scores[queries, places], other._documents[queries, places])
        return merged

    def offer(self, queries: IntArray, scores: FloatArray, documents: IntArray) -> None:
        """Let single cells compete with what their queries hold, in columns of shape (n,); ``queries`` rise."""
        if not len(queries):
            return
        touched, n_new = np.unique(queries, return_counts=True)
        all_queries = np.concatenate([np.repeat(touched, self.k), queries])
        all_scores = np.concatenate([self._scores[touched].reshape(-1), scores])
        all_documents = np.concatenate([self._documents[touched].reshape(-1), documents])
        order = np.lexsort((all_documents, -all_scores, all_queries))
        starts = np.cumsum(n_new + self.k) - (n_new + self.k)
        kept = order[starts[:, np.newaxis] + np.arange(self.k)]  # (touched, k)
        self._scores[touched], self._documents[touched] = all_scores[kept], all_documents[kept]

    def result(self) -> TopK:
        """The lists so far."""
        return TopK(self._scores.copy(), np.where(self._scores == -np.inf, -1, self._documents))

    def _thin_out(self, block: FloatArray, is_candidate: BoolArray) -> None:
        """Where candidates are so many that sorting them all would be slow, leave each row only those that can win."""
        n_sortable = max(64, 4 * self.k)
        if np.count_nonzero(is_candidate) <= n_sortable * len(block):
            return
        for row in np.flatnonzero(count_rows(is_candidate) > n_sortable):
            best = _best_columns(block[row], self.k)
            is_candidate[row] = False
            is_candidate[row, best] = True


_NO_DOCUMENT = np.iinfo(np.int64).max
"""Fills the places not yet taken: after every real index in the order of ties."""


def _best_columns(scores: FloatArray, k: int) -> IntArray:
    """Columns of the k best scores of one row, ties to the smaller column; in no particular order."""
    if len(scores) <= k:
        return np.arange(len(scores))
    limit = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > limit)
    return np.concatenate([above, np.flatnonzero(scores == limit)[: k - len(above)]])
