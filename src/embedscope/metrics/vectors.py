"""Rows as they are compared: what a matrix of embeddings must be, unit rows, cosine and dot product.

Norms are computed in float64 on rows scaled by their largest entry, so that a row of float32 values near 1e30 (whose
squares overflow float32) keeps its direction. A zero or non-finite row has none and is refused, never ranked
(conventions, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.protocols import BoolArray, Float32Array, Float64Array, FloatArray, IntArray

_CHUNK_ELEMENTS = 1 << 20
"""Elements converted to float64 at a time: 8 MiB of scratch however large the matrix is."""


def require_matrix(vectors: FloatArray, *, what: str = "document") -> FloatArray:
    """``vectors`` itself, once it is known to be a float matrix with at least one column.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64
    what : str
        What a row is, for the message: "query", "document".

    Raises
    ------
    InvalidEmbeddingsError
        If it is not a two-dimensional float32 or float64 array with ``dim >= 1``.
    """
    if not isinstance(vectors, np.ndarray):
        raise InvalidEmbeddingsError(
            f"Expected the {what} vectors as a NumPy array of shape (n, dim), got {type(vectors).__name__}. "
            "Convert them with numpy.asarray(vectors, dtype=numpy.float32)."
        )
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise InvalidEmbeddingsError(
            f"Expected the {what} vectors as a matrix of shape (n, dim) with dim >= 1, got shape {vectors.shape}. "
            "One row is one text; reshape a single vector with vector[numpy.newaxis, :]."
        )
    if vectors.dtype not in (np.float32, np.float64):
        raise InvalidEmbeddingsError(
            f"Expected the {what} vectors in float32 or float64, got {vectors.dtype}: coarser numbers would make "
            "ties that the model did not make. Convert them with vectors.astype(numpy.float32)."
        )
    return vectors


def require_same_dim(queries: FloatArray, documents: FloatArray) -> None:
    """Nothing, once both matrices are known to have rows of one length.

    Raises InvalidEmbeddingsError if either is not a matrix (see `require_matrix`) or the dimensions differ.
    """
    require_matrix(queries, what="query")
    require_matrix(documents, what="document")
    if queries.shape[1] != documents.shape[1]:
        raise InvalidEmbeddingsError(
            f"Query vectors have {queries.shape[1]} dimensions and document vectors {documents.shape[1]}: their "
            "similarity is undefined. Encode both with the same checkpoint and the same head."
        )


def unit_rows(vectors: FloatArray, *, what: str = "document", ids: Sequence[str] | None = None) -> FloatArray:
    """Every row divided by its Euclidean norm.

    ``out[i] = v_i / ||v_i||``

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64
    what : str
        What a row is, for the message: "query", "document".
    ids : sequence of str of length n, optional
        Names the first offending row in the message.

    Returns
    -------
    ndarray of shape (n, dim), dtype of the input
        A new array; norms are 1 up to rounding of the dtype.

    Raises
    ------
    InvalidEmbeddingsError
        If the shape or dtype is wrong (see `require_matrix`), or a row is zero or not finite.
    """
    require_matrix(vectors, what=what)
    out = np.empty_like(vectors)
    is_directed = np.empty(len(vectors), dtype=np.bool_)
    step = max(1, _CHUNK_ELEMENTS // vectors.shape[1])
    for start in range(0, len(vectors), step):
        rows = slice(start, start + step)
        is_directed[rows] = _write_unit_rows(vectors[rows], out[rows])
    if not is_directed.all():
        raise InvalidEmbeddingsError(_undirected_message(vectors, is_directed, what, ids))
    return out


def compared_rows(
    vectors: FloatArray, *, is_unit: bool, what: str = "document", ids: Sequence[str] | None = None
) -> Float32Array:
    """The rows whose inner products are the scores: unit rows for the cosine, else the rows as they are.

    A zero row is refused either way. Its dot products are all 0, but it is the vector of no text: ranked by them, an
    empty document would beat every one that points away from the query.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64
    is_unit : bool
        Whether rows are made unit rows.
    what, ids
        As in `unit_rows`.

    Returns
    -------
    ndarray of shape (n, dim), float32

    Raises
    ------
    InvalidEmbeddingsError
        As `unit_rows`; of rows as they are also if one overflows float32.
    """
    if is_unit:
        return unit_rows(vectors, what=what, ids=ids).astype(np.float32, copy=False)
    require_matrix(vectors, what=what)
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused
        rows = vectors.astype(np.float32, copy=False)
    # The smallest and the largest entry: no copy of the rows is made, and NaN passes through both.
    low, high = rows.min(axis=1), rows.max(axis=1)
    is_directed = np.isfinite(low) & np.isfinite(high) & ((low < 0) | (high > 0))
    if not is_directed.all():
        raise InvalidEmbeddingsError(_undirected_message(rows, is_directed, what, ids))
    return rows


def similarity_matrix(queries: FloatArray, documents: FloatArray, *, is_cosine: bool) -> FloatArray:
    """Cosine or dot product of every query and every document, shape (n_queries, n_documents).

    Raises InvalidEmbeddingsError if the dimensions differ, or a row is zero or not finite.
    """
    if is_cosine:
        return cosine_similarity(queries, documents)
    require_same_dim(queries, documents)
    found: FloatArray = (
        compared_rows(queries, is_unit=False, what="query") @ compared_rows(documents, is_unit=False, what="document").T
    )
    return found


def cosine_similarity(queries: FloatArray, documents: FloatArray) -> FloatArray:
    """Cosine similarity between every query and every document.

    ``out[i, j] = <q_i, d_j> / (||q_i|| * ||d_j||)``

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), same dtype
        Rows need not be normalised.

    Returns
    -------
    ndarray of shape (n_queries, n_documents), dtype of the inputs (float64 where they differ)
        Dimensionless; in [-1, 1] up to rounding.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ, or a row is zero or not finite: it has no direction.
    """
    require_same_dim(queries, documents)
    similarity: FloatArray = unit_rows(queries, what="query") @ unit_rows(documents, what="document").T
    return similarity


def score_pairs(
    queries: FloatArray, documents: FloatArray, query_rows: IntArray, document_rows: IntArray
) -> Float64Array:
    """Inner products of chosen pairs, summed in float64.

    ``out[p] = <q[query_rows[p]], d[document_rows[p]]>``

    Of unit rows this is the cosine. A float32 matrix product of the same rows differs from it by about 1e-7, which
    is why ranks are counted with a tolerance (conventions, section 2).

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), float32 or float64
    query_rows, document_rows : ndarray of shape (n_pairs,), int64

    Returns
    -------
    ndarray of shape (n_pairs,), float64

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    """
    require_same_dim(queries, documents)
    out = np.empty(len(query_rows), dtype=np.float64)
    step = max(1, _CHUNK_ELEMENTS // queries.shape[1])
    for start in range(0, len(out), step):
        pairs = slice(start, start + step)
        left = queries[query_rows[pairs]].astype(np.float64)
        right = documents[document_rows[pairs]].astype(np.float64)
        out[pairs] = np.einsum("pd,pd->p", left, right)
    return out


def _write_unit_rows(vectors: FloatArray, out: FloatArray) -> BoolArray:
    """Write the unit rows of ``vectors`` into ``out``; return which rows have a direction."""
    scaled = vectors.astype(np.float64)
    if vectors.dtype == np.float64:
        # Division by the largest entry first: no square can then overflow, nor all of them underflow.
        peak = np.abs(scaled).max(axis=1, keepdims=True)  # (n, 1), NaN where a row holds one
        np.divide(scaled, peak, out=scaled, where=np.isfinite(peak) & (peak > 0.0))
    norm = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))[:, np.newaxis]
    is_directed: BoolArray = np.isfinite(norm) & (norm > 0.0)
    np.divide(scaled, norm, out=scaled, where=is_directed)
    np.copyto(out, scaled, where=is_directed, casting="same_kind")
    return is_directed.reshape(-1)


def _undirected_message(vectors: FloatArray, is_directed: BoolArray, what: str, ids: Sequence[str] | None) -> str:
    n_bad = int(np.count_nonzero(~is_directed))
    first = int(np.argmin(is_directed))
    name = "" if ids is None else f", id {ids[first]!r}"
    norm = float(np.linalg.norm(vectors[first].astype(np.float64)))
    have = "has" if n_bad == 1 else "have"
    return (
        f"{_grouped(n_bad)} of {_grouped(len(vectors))} {what} rows {have} a zero or non-finite norm "
        f"(first: row {first}{name}, norm {norm}). Such a row has no direction, so its cosine is undefined; empty "
        "texts are the usual cause. Leave these rows out, or give them a text and encode them again."
    )


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")
