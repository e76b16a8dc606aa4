"""The queries and documents of a collection under two models, and the scores that a path to serve is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection
from embedscope.measure.query_set import QuerySet
from embedscope.measure.scoring import bound_of
from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.metrics.vectors import unit_rows
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, IntArray
from embedscope.settings import TIE_TOLERANCE, SimilarityFunction

SAME = 1e-6
"""``1 - cosine`` of two vectors that are the same, as `parity` has it."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelSwap:
    """Vectors of the queries that can be measured and of all documents, under both models, as they are compared."""

    query_set: QuerySet
    old_queries: Float32Array  # (Q, d_old)
    old_documents: Float32Array  # (N, d_old)
    new_queries: Float32Array  # (Q, d_new)
    new_documents: Float32Array  # (N, d_new)
    is_old_unit: bool  # OLD compares by cosine
    tolerance: float

    @classmethod
    def of(cls, collection: Collection, query_set: QuerySet, old: Embeddings, new: Embeddings) -> ModelSwap:
        """The collection under ``old`` and ``new``; scores within a millionth of the larger bound are tied."""
        rows = query_set.rows
        bounds = [bound_of(each.queries[rows], each.documents, each.similarity) for each in (old, new)]
        return cls(
            query_set=query_set,
            old_queries=old.queries[rows],
            old_documents=old.documents,
            new_queries=new.queries[rows],
            new_documents=new.documents,
            is_old_unit=SimilarityFunction(old.similarity) is SimilarityFunction.COSINE,
            tolerance=TIE_TOLERANCE * max(bounds),
        )

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return len(self.old_documents)

    @property
    def is_one_width(self) -> bool:
        """Whether the vectors of both models have as many numbers, so that one can be scored against the other."""
        return self.old_documents.shape[1:] == self.new_documents.shape[1:]

    def is_same(self) -> bool:
        """Whether both models give every text the same vector."""
        return self.is_one_width and all(
            farthest(old, new) <= SAME
            for old, new in ((self.old_queries, self.new_queries), (self.old_documents, self.new_documents))
        )


def farthest(one: Float32Array, other: Float32Array) -> float:
    """Largest ``1 - cosine`` of matched rows, from their difference."""
    u, v = (unit_rows(rows.astype(np.float64)) for rows in (one, other))
    return float(np.square(u - v).sum(axis=1).max()) / 2


@dataclass(frozen=True, slots=True, eq=False)
class IndexPart:
    """Some documents of an index and the queries that search them."""

    queries: Float32Array  # (Q, d)
    documents: Float32Array  # (n, d)
    rows: IntArray | None = None  # (n,) which documents of the collection they are; None for all of them


def scores_of(parts: Sequence[IndexPart], queries: slice, n_documents: int) -> Float32Array:
    """Scores of some queries and all documents, (q, N): each document by the part that it is in."""
    if len(parts) == 1 and parts[0].rows is None:
        return parts[0].queries[queries] @ parts[0].documents.T
    scores = np.empty((len(parts[0].queries[queries]), n_documents), dtype=np.float32)
    for part in parts:
        scores[:, slice(None) if part.rows is None else part.rows] = part.queries[queries] @ part.documents.T
    return scores


@dataclass(frozen=True, slots=True)
class ScoreLevel:
    """Mean and standard deviation of the scores of all pairs of queries and documents."""

    mean: float
    std: float

    @classmethod
    def of(cls, parts: Sequence[IndexPart]) -> ScoreLevel:
        """``sum = sum(q) . sum(d)``, ``sum of squares = tr(Q'Q D'D)``, in float64, without a pair."""
        total = squares = 0.0
        n_pairs = 0
        for part in parts:
            query_sum, query_gram = sum_and_gram(part.queries)
            document_sum, document_gram = sum_and_gram(part.documents)
            total += float(query_sum @ document_sum)
            squares += float((query_gram * document_gram).sum())
            n_pairs += len(part.queries) * len(part.documents)
        mean = total / n_pairs
        return cls(mean, float(np.sqrt(max(squares / n_pairs - mean**2, 0.0))))

    def onto(self, other: ScoreLevel) -> tuple[float, float]:
        """Scale and shift that bring scores of this level to ``other``; none where they have no spread."""
        if min(self.std, other.std) <= 0:
            return 1.0, 0.0
        scale = other.std / self.std
        return scale, other.mean - scale * self.mean
