"""What documents add to sums over negative pairs: figures of pairs vary by documents as they do by queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.metrics.histograms import bin_numbers
from embedscope.metrics.judgments import Cells
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments
from embedscope.protocols import Float32Array, Float64Array, IntArray

_CELLS = 1 << 20  # similarities looked up at once


def moments_by_document(
    vectors: Float32Array, ids: IntArray, queries: Float32Array, others: IntArray, scores: Float64Array
) -> Float64Array:
    """Number, sum and sum of squares of the negative similarities of documents ``ids`` to all queries, (n, 3).

    ``vectors`` are the rows of the documents, ascending in ``ids``; ``others`` the documents of the pairs that are no
    negatives, and ``scores`` theirs.
    """
    total, squares = sums_from_moments(vectors, *sum_and_gram(queries))
    is_here = np.isin(others, ids)
    places, found = np.searchsorted(ids, others[is_here]), scores[is_here]
    n_others, *of_others = (np.bincount(places, weights=w, minlength=len(ids)) for w in (None, found, found**2))
    return np.column_stack([len(queries) - n_others, total - of_others[0], squares - of_others[1]])


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
        left_out: Cells,
        bound: float,
    ) -> TableSums:
        """Sums of ``tables`` of shape (T, n_bins), over bins of [-bound, bound].

        ``vectors`` are the rows of the documents ``ids``, ascending; ``left_out`` are those cells of the queries that
        are no negatives.
        """
        n_tables, n_bins = tables.shape
        of_queries = np.zeros((len(queries), n_tables + 1))
        of_documents = np.zeros((len(ids), n_tables + 1))
        rows = max(1, _CELLS // max(1, len(ids)))
        for start in range(0, len(queries), rows):
            block = queries[start : start + rows] @ vectors.T  # (q, n)
            others = _cells_among(ids, left_out, start, len(block))
            bins = bin_numbers(block, n_bins, bound).reshape(block.shape)
            for j, table in enumerate((*tables, None)):
                entries = np.ones(block.shape) if table is None else table[bins]
                entries[others] = 0.0
                of_queries[start : start + len(block), j] = entries.sum(axis=1)
                of_documents[:, j] += entries.sum(axis=0)
        return cls(of_queries, of_documents)


def _cells_among(ids: IntArray, cells: Cells, start: int, size: int) -> tuple[IntArray, IntArray]:
    """Those of ``cells`` in a block of queries, (row, column); column j is document ``ids[j]``."""
    own = cells.documents[cells.indptr[start] : cells.indptr[start + size]]
    rows = np.repeat(np.arange(size), np.diff(cells.indptr[start : start + size + 1]))
    is_here = np.isin(own, ids)
    return rows[is_here], np.searchsorted(ids, own[is_here])
