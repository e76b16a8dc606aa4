"""Hard negatives by type: how many reach the positive, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import score_pairs
from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray

UNTYPED = "untyped"
"""The name under which negatives without a type are counted."""


@dataclass(frozen=True, slots=True)
class NegativePairs:
    """All (query, hard negative) pairs as columns; ``margins`` is ``s+ - s-`` with s+ the query's best positive."""

    queries: IntArray  # (E,)
    documents: IntArray  # (E,)
    scores: Float64Array  # (E,)
    margins: Float64Array  # (E,)
    weights: Float64Array  # (E,)
    types: tuple[tuple[str, ...], ...]  # (E,)

    @classmethod
    def of(
        cls,
        collection: Collection,
        rows: IntArray,
        queries: Float32Array,
        documents: Float32Array,
        judgments: Judgments,
        pair_scores: Float64Array,
    ) -> NegativePairs | None:
        """Hard negatives of the queries ``rows`` of ``collection``; None where the data has none.

        ``queries`` are the vectors of these rows, ``judgments`` theirs, ``pair_scores`` those of their relevant pairs.
        """
        place = np.full(len(collection.queries), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        negatives = collection.negatives
        kept: IntArray = np.flatnonzero(place[negatives.queries] >= 0)
        if not kept.size:
            return None
        q, d = place[negatives.queries[kept]], negatives.documents[kept]
        best_positive = np.maximum.reduceat(pair_scores, judgments.indptr[:-1])
        scores = score_pairs(queries, documents, q, d)
        types = tuple(negatives.types[row] for row in kept)
        return cls(q, d, scores, best_positive[q] - scores, negatives.weights[kept], types)

    def violations(self, tolerance: float) -> BoolArray:
        """Pairs whose negative reaches the positive, ties included: ``m <= tolerance``."""
        return self.margins <= tolerance

    def names(self) -> tuple[str, ...]:
        """The types that occur, most frequent first."""
        counts: dict[str, int] = {}
        for types in self.types:
            for name in types or (UNTYPED,):
                counts[name] = counts.get(name, 0) + 1
        return tuple(sorted(counts, key=lambda name: (-counts[name], name)))

    def rows_of(self, name: str) -> IntArray:
        """Rows of the pairs of a type; a pair of several types counts in each."""
        return np.flatnonzero([name in (types or (UNTYPED,)) for types in self.types])

    def best_of_each_query(self, n_queries: int) -> Float64Array:
        """Best hard-negative similarity of each query, NaN where it has none; shape (n_queries,)."""
        best = np.full(n_queries, -np.inf)
        np.maximum.at(best, self.queries, self.scores)
        return np.where(np.isneginf(best), np.nan, best)


def type_of_document(pairs: NegativePairs, wrong_document: IntArray) -> tuple[str, ...]:
    """For each query the type of its ``wrong_document`` where that is one of its own hard negatives, else ""."""
    own = {
        (int(q), int(d)): " + ".join(types) or UNTYPED
        for q, d, types in zip(pairs.queries, pairs.documents, pairs.types, strict=True)
    }
    return tuple(own.get((q, int(d)), "") for q, d in enumerate(wrong_document))
