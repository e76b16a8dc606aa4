"""Sums over all pairs of one query, without forming a pair."""

from __future__ import annotations

import numpy as np

from embedscope.numerics.streaming import sum_and_gram
from embedscope.protocols import Float64Array, FloatArray

_CHUNK_ROWS = 8192


def per_query_sums(queries: FloatArray, documents: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Sum and sum of squares of the inner products of each query with all documents.

    ``sum_j <q_i, d_j> = <q_i, sum_j d_j>`` and ``sum_j <q_i, d_j>^2 = q_i' (D'D) q_i``, in float64.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), float32 or float64

    Returns
    -------
    (sums, squares) : two ndarrays of shape (n_queries,), float64
        At O((n_queries + n_documents) dim^2), whatever the number of pairs.
    """
    total, gram = sum_and_gram(documents)  # (dim,), (dim, dim)
    sums, squares = np.empty(len(queries)), np.empty(len(queries))
    for start in range(0, len(queries), _CHUNK_ROWS):
        rows = queries[start : start + _CHUNK_ROWS].astype(np.float64)
        sums[start : start + len(rows)] = rows @ total
        squares[start : start + len(rows)] = np.einsum("ij,ij->i", rows @ gram, rows)
    return sums, squares
