"""The queries and documents of a collection under two models, ranked over any index that holds vectors of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from embedscope.data.collection import Collection
from embedscope.measure.query_set import QuerySet
from embedscope.measure.scoring import bound_of, rank_values, values_of
from embedscope.metrics.accumulators import cells_in
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.vectors import unit_rows
from embedscope.migration.index_parts import IndexPart, joined
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, Float64Array
from embedscope.settings import Settings, SimilarityFunction

METRICS = ("MRR", "Success@1", "nDCG@10")
SAME = 1e-6
"""``1 - cosine`` of two vectors that are the same, as `parity` has it."""

RRF_OFFSET, RRF_DEPTH = 60, 1000
_CELLS = 1 << 22

Values = dict[str, Float64Array]
"""Each metric for each query, (Q,)."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelSwap:
    """Vectors of the queries that can be measured and of all documents, under both models, as they are compared."""

    query_set: QuerySet
    old_queries: Float32Array  # (Q, d_old)
    old_documents: Float32Array  # (N, d_old)
    new_queries: Float32Array  # (Q, d_new)
    new_documents: Float32Array  # (N, d_new)
    old_similarity: str
    tolerance: float
    device: str

    @classmethod
    def of(
        cls, collection: Collection, query_set: QuerySet, old: Embeddings, new: Embeddings, settings: Settings
    ) -> ModelSwap:
        """The collection under ``old`` and ``new``; scores within a millionth of the larger bound are tied."""
        rows = query_set.rows
        bounds = [bound_of(each.queries[rows], each.documents, each.similarity) for each in (old, new)]
        return cls(
            query_set=query_set,
            old_queries=old.queries[rows],
            old_documents=old.documents,
            new_queries=new.queries[rows],
            new_documents=new.documents,
            old_similarity=old.similarity,
            tolerance=settings.measure.tie_tolerance * max(bounds),
            device=settings.model.device,
        )

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return len(self.old_documents)

    @property
    def is_one_width(self) -> bool:
        """Whether the vectors of both models have as many numbers, so that one can be scored against the other."""
        return self.old_documents.shape[1:] == self.new_documents.shape[1:]

    @property
    def is_old_unit(self) -> bool:
        """Whether OLD compares by cosine."""
        return SimilarityFunction(self.old_similarity) is SimilarityFunction.COSINE

    def values(self, parts: Sequence[IndexPart]) -> Values:
        """The metrics of an index made of ``parts``."""
        queries, documents = joined(parts)
        judgments = self.query_set.judgments
        return rank_values(queries, documents, judgments, METRICS, tolerance=self.tolerance, device=self.device)

    def fused_values(self) -> Values:
        """The metrics of both indexes fused: ``1 / (60 + rank)`` summed over the two lists of 1,000 (RRF).

        Documents of one score share the mean of their ranks; those in neither list are tied at the end.

        References
        ----------
        Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods",
        SIGIR 2009.
        """
        parts = []
        for start, block in self._fused_blocks():
            own = self.query_set.judgments.select(np.arange(start, start + len(block)))
            pair_scores = block[own.query_of_pair, own.documents]
            ties = TieAccumulator(own, pair_scores, tolerance=1e-12)
            ties.update(block, 0, 0)
            parts.append(values_of(METRICS, own, pair_scores, ties.result()))
        return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}

    def _fused_blocks(self) -> Iterator[tuple[int, Float64Array]]:
        step = max(1, _CELLS // self.n_documents)
        sides = ((self.old_queries, self.old_documents), (self.new_queries, self.new_documents))
        excluded = self.query_set.judgments.excluded
        for start in range(0, len(self.old_queries), step):
            rows = slice(start, start + step)
            fused = np.zeros((len(self.old_queries[rows]), self.n_documents))
            outside = None if excluded is None else cells_in(excluded, fused, start, 0)
            for queries, documents in sides:
                scores = queries[rows] @ documents.T
                if outside is not None:
                    scores[outside] = -np.inf
                ranks = rankdata(-scores, axis=1)
                fused += np.where(ranks <= RRF_DEPTH, 1 / (RRF_OFFSET + ranks), 0.0)
            if outside is not None:
                fused[outside] = -np.inf
            yield start, fused

    def is_same(self) -> bool:
        """Whether both models give every text the same vector."""
        return self.is_one_width and all(
            _farthest(old, new) <= SAME
            for old, new in ((self.old_queries, self.new_queries), (self.old_documents, self.new_documents))
        )


def _farthest(one: Float32Array, other: Float32Array) -> float:
    """Largest ``1 - cosine`` of matched rows, from their difference."""
    u, v = (unit_rows(rows.astype(np.float64)) for rows in (one, other))
    return float(np.square(u - v).sum(axis=1).max()) / 2
