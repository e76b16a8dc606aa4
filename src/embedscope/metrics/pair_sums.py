"""Sums over all pairs of each query, without forming a pair."""

from __future__ import annotations

import numpy as np

from embedscope.metrics.threads import in_threads
from embedscope.protocols import Float64Array, FloatArray

_CHUNK_ELEMENTS = 1 << 20
"""Elements converted to float64 at a time: 8 MiB of scratch."""

_CHUNK_ROWS = 2048
_PART_ROWS = 1 << 14
"""Rows that one thread takes at a time."""


def sums_from_moments(
    queries: FloatArray, total: Float64Array, gram: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Sum and sum of squares of the inner products of each query with all documents, each of shape (n_queries,).

    ``sum_j <q_i, d_j> = <q_i, sum_j d_j>`` and ``sum_j <q_i, d_j>^2 = q_i' (D'D) q_i``, in float64, at
    O(n_queries dim^2). ``total`` is ``sum_j d_j`` of shape (dim,), ``gram`` is ``D'D`` of shape (dim, dim): both are
    sums over documents (`sum_and_gram`), so that documents may be added up block by block and never be held.
    """
    sums, squares = np.empty(len(queries)), np.empty(len(queries))

    def add(start: int) -> None:
        part = slice(start, start + _PART_ROWS)
        sums[part], squares[part] = _sums_of_part(queries[part], total, gram)

    for _ in in_threads(add, range(0, len(queries), _PART_ROWS)):
        pass
    return sums, squares


def _sums_of_part(queries: FloatArray, total: Float64Array, gram: Float64Array) -> tuple[Float64Array, Float64Array]:
    sums, squares = np.empty(len(queries)), np.empty(len(queries))
    shape = min(_CHUNK_ROWS, len(queries)), queries.shape[1]
    buffer, product = np.empty(shape), np.empty(shape)  # reused: fresh pages would cost as much as the sums
    for start in range(0, len(queries), _CHUNK_ROWS):
        part = queries[start : start + _CHUNK_ROWS]
        rows = buffer[: len(part)]
        rows[:] = part
        sums[start : start + len(rows)] = rows @ total
        np.matmul(rows, gram, out=product[: len(rows)])
        squares[start : start + len(rows)] = np.einsum("ij,ij->i", product[: len(rows)], rows)
    return sums, squares


def sum_and_gram(vectors: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Sum of the rows, shape (dim,), and V'V, shape (dim, dim), in float64.

    Rows are cut into parts of one size whatever the machine, which threads compute, each by itself, and whose sums are
    added in their order: the same numbers on one core and on many.
    """
    dim = vectors.shape[1]
    parts = [vectors[start : start + _PART_ROWS] for start in range(0, len(vectors), _PART_ROWS)]
    total, gram = np.zeros(dim), np.zeros((dim, dim))
    for part_total, part_gram in in_threads(_sum_and_gram, parts):
        total += part_total
        gram += part_gram
    return total, gram


def _sum_and_gram(vectors: FloatArray) -> tuple[Float64Array, Float64Array]:
    dim = vectors.shape[1]
    total, gram = np.zeros(dim), np.zeros((dim, dim))
    step = max(1, _CHUNK_ELEMENTS // dim)
    buffer = np.empty((min(step, len(vectors)), dim))  # one for all chunks: fresh pages would cost as much as the sums
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        rows = buffer[: len(part)]
        rows[:] = part
        total += rows.sum(axis=0)
        gram += rows.T @ rows
    return total, gram
