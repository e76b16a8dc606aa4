"""What documents add to sums over negative pairs: figures of pairs vary by documents as they do by queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.metrics.histograms import bin_numbers
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments
from embedscope.protocols import Float32Array, Float64Array, IntArray

_CELLS = 1 << 20  # similarities looked up at once


def moments_by_document(
    vectors: Float32Array, ids: IntArray, queries: Float32Array, judgments: Judgments, pair_scores: Float64Array
) -> Float64Array:
    """Number, sum and sum of squares of the negative similarities of documents ``ids`` to all queries, (n, 3).

    ``vectors`` are the rows of the documents, ascending in ``ids``; ``pair_scores`` those of the relevant pairs.
    """
    total, squares = sums_from_moments(vectors, *sum_and_gram(queries))
    is_here = np.isin(judgments.documents, ids)
    places, scores = np.searchsorted(ids, judgments.documents[is_here]), pair_scores[is_here]
    n_relevant, *relevant = (np.bincount(places, weights=w, minlength=len(ids)) for w in (None, scores, scores**2))
    return np.column_stack([judgments.n_queries - n_relevant, total - relevant[0], squares - relevant[1]])


@dataclass(frozen=True, slots=True, eq=False)
class TableSums:
    """Entries of some tables at the negative similarities of queries to documents, summed by either side.

    Columns are the tables, then the number of negatives.
    """

    by_query: Float64Array  # (q, T + 1)
    by_document: Float64Array  # (n, T + 1)

    @classmethod
    def of(
        cls,
        queries: Float32Array,
        vectors: Float32Array,
        ids: IntArray,
        tables: Float64Array,
        judgments: Judgments,
        bound: float,
    ) -> TableSums:
        """Sums of ``tables`` of shape (T, n_bins), over bins of [-bound, bound].

        ``vectors`` are the rows of the documents ``ids``, ascending; ``judgments`` are those of the queries.
        """
        n_tables, n_bins = tables.shape
        of_queries = np.zeros((len(queries), n_tables + 1))
        of_documents = np.zeros((len(ids), n_tables + 1))
        rows = max(1, _CELLS // max(1, len(ids)))
        for start in range(0, len(queries), rows):
            block = queries[start : start + rows] @ vectors.T  # (q, n)
            relevant = _relevant_cells(ids, judgments, start, len(block))
            bins = bin_numbers(block, n_bins, bound).reshape(block.shape)
            for j, table in enumerate((*tables, None)):
                entries = np.ones(block.shape) if table is None else table[bins]
                entries[relevant] = 0.0
                of_queries[start : start + len(block), j] = entries.sum(axis=1)
                of_documents[:, j] += entries.sum(axis=0)
        return cls(of_queries, of_documents)


def _relevant_cells(ids: IntArray, judgments: Judgments, start: int, size: int) -> tuple[IntArray, IntArray]:
    """Cells (row, column) of a block of queries that hold relevant documents; column j is document ``ids[j]``."""
    own = judgments.documents[judgments.indptr[start] : judgments.indptr[start + size]]
    rows = np.repeat(np.arange(size), np.diff(judgments.indptr[start : start + size + 1]))
    is_here = np.isin(own, ids)
    return rows[is_here], np.searchsorted(ids, own[is_here])
