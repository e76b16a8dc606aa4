"""MaxSim: the score of late interaction, exact, in blocks of token vectors.

Khattab & Zaharia 2020 (ColBERT): each token of the query is held against the token of the document that is nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.protocols import Float32Array, FloatArray, IntArray

PRODUCT_BYTES = 64 << 20
"""Bound of the similarities of tokens that are held at a time; one query with one document may exceed it."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenVectors:
    """The token vectors of some texts; those of text ``i`` are ``vectors[indptr[i]:indptr[i + 1]]``."""

    vectors: FloatArray  # (T, dim), float32 or float16
    indptr: IntArray  # (n + 1,)

    @classmethod
    def of(cls, matrices: Sequence[FloatArray], dim: int) -> TokenVectors:
        """Those of ``matrices``, one of shape (tokens, dim) for each text; it may have no row."""
        indptr = np.concatenate([[0], np.cumsum([len(matrix) for matrix in matrices])]).astype(np.int64)
        return cls(np.concatenate([np.zeros((0, dim), np.float32), *matrices]), indptr)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def part(self, start: int, stop: int) -> TokenVectors:
        """The texts from ``start`` to before ``stop``."""
        first, last = self.indptr[start], self.indptr[stop]
        return TokenVectors(self.vectors[first:last], self.indptr[start : stop + 1] - first)


def max_sim(queries: TokenVectors, documents: TokenVectors, *, is_mean: bool = False) -> Float32Array:
    """MaxSim of every query with every document.

    ``out[q, d] = sum_i max_j <q_i, d_j>`` over the tokens i of the query and j of the document; divided by the number
    of tokens of the query where ``is_mean``.

    Parameters
    ----------
    queries, documents : TokenVectors
        Products are of float32, whatever the vectors are.
    is_mean : bool
        As FlagEmbedding has it; ColBERT sums.

    Returns
    -------
    ndarray of shape (Q, N), float32
        Minus infinity where a query or a document has no token: nothing is compared.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.

    Notes
    -----
    Memory beyond the arguments and the result: the similarities of some tokens of queries with some of documents, at
    most ``PRODUCT_BYTES``, and as much again for the largest of each document.
    """
    if queries.vectors.shape[1] != documents.vectors.shape[1]:
        raise InvalidEmbeddingsError(
            f"Token vectors of queries have {queries.vectors.shape[1]} numbers and those of documents "
            f"{documents.vectors.shape[1]}; only vectors of one space can be compared."
        )
    scores = np.full((len(queries), len(documents)), -np.inf, dtype=np.float32)
    side = int((PRODUCT_BYTES // 4) ** 0.5)  # tokens of queries and of documents in a product
    for d_start, d_stop in _pieces(documents.indptr, side):
        block = documents.part(d_start, d_stop)
        vectors = block.vectors.astype(np.float32, copy=False).T  # (dim, T)
        for q_start, q_stop in _pieces(queries.indptr, side):
            own = queries.part(q_start, q_stop)
            similarities = own.vectors.astype(np.float32, copy=False) @ vectors  # (tokens, tokens)
            scores[q_start:q_stop, d_start:d_stop] = _reduced(similarities, own.indptr, block.indptr, is_mean=is_mean)
    return scores


def _pieces(indptr: IntArray, n_tokens: int) -> list[tuple[int, int]]:
    """Where texts are cut into pieces of at most so many tokens, or of one text."""
    pieces, start = [], 0
    while start < len(indptr) - 1:
        stop = int(np.searchsorted(indptr, indptr[start] + n_tokens, side="right")) - 1
        pieces.append((start, max(stop, start + 1)))
        start = pieces[-1][1]
    return pieces


def _reduced(similarities: Float32Array, queries: IntArray, documents: IntArray, *, is_mean: bool) -> Float32Array:
    """The sum, or mean, over the tokens of each query of the largest over those of each document."""
    has_query, has_document = np.diff(queries) > 0, np.diff(documents) > 0
    scores = np.full((len(has_query), len(has_document)), -np.inf, dtype=np.float32)
    if has_query.any() and has_document.any():  # reduceat takes an empty stretch for its first element
        largest = np.maximum.reduceat(similarities, documents[:-1][has_document], axis=1)
        summed = np.add.reduceat(largest, queries[:-1][has_query], axis=0)
        if is_mean:
            summed /= np.diff(queries)[has_query][:, np.newaxis]
        scores[np.ix_(has_query, has_document)] = summed
    return scores
