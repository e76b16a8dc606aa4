"""What each epoch is judged by: ranks of the validation queries, violations by type, effective rank.

The vectors are made by the NumPy projection that evaluates a checkpoint, and ranked by the counting that evaluates a
run, so that a curve of training and a later evaluation of the same epoch show the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection
from embedscope.measure.space_statistics import spectrum
from embedscope.measure.typed_negatives import NegativePairs
from embedscope.metrics.accumulators import TieAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import for_each_block
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.ranking import metric_per_query
from embedscope.metrics.vectors import score_pairs
from embedscope.models.projectors import Identity, Projection
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import Comparison, Estimate
from embedscope.stats.bootstrap import cluster_bootstrap
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.paired_tests import sign_flip_test

OUTCOME_DRAWS = 10_000
"""Of the interval and the test of the outcome, which are made once, as in an evaluation."""

TIE_TOLERANCE = 1e-6
"""As in an evaluation: cosines of float32 vectors closer than this are tied (conventions, section 2)."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures of one epoch; ``violation_rate`` over all hard negatives, None where there are none."""

    metrics: dict[str, Estimate]
    violation_rate: float | None
    violation_rates: dict[str, float]
    effective_rank: float | None


class Validator:
    """Measures heads on the validation queries.

    Parameters
    ----------
    collection : Collection
        Queries without a relevant document are left out.
    query_vectors : ndarray of shape (Q, dim), float32
        Pooled base vectors in the order of ``collection.queries``.
    document_vectors : ndarray of shape (N, dim), float32
    measures : sequence of str
        Rank metrics, such as "MRR".
    seed, n_draws : int
        Of the intervals.
    """

    def __init__(
        self,
        collection: Collection,
        query_vectors: Float32Array,
        document_vectors: Float32Array,
        *,
        measures: Sequence[str],
        seed: int,
        n_draws: int,
    ) -> None:
        self._rows = np.flatnonzero(np.diff(collection.indptr))
        self._queries = query_vectors[self._rows]
        self._documents = document_vectors
        self._measures = tuple(measures)
        self._seed = seed
        self._n_draws = n_draws
        counts = np.diff(collection.indptr)[self._rows]
        self._judgments = Judgments(
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            documents=collection.relevant,
            gains=collection.gains,
            n_documents=len(collection.documents),
        )
        groups = [collection.groups[row] for row in self._rows] if collection.groups else None
        self.clusters = clusters_from_judgments(
            self._judgments.indptr, self._judgments.documents, len(collection.documents), groups
        )
        self._collection = collection
        self._type_rows: dict[str, IntArray] = {}
        self._base_values: dict[str, Float64Array] = {}

    @property
    def n_queries(self) -> int:
        """Queries that are measured."""
        return len(self._rows)

    @property
    def has_negatives(self) -> bool:
        """Whether these queries have hard negatives."""
        return bool(np.isin(self._collection.negatives.queries, self._rows).any())

    def base(self) -> dict[str, float]:
        """Each measure for the base vectors without a head."""
        return {name: float(np.mean(column)) for name, column in self._values_of_base().items()}

    @property
    def n_clusters(self) -> int:
        """Independent groups of the queries that are measured."""
        return len(np.unique(self.clusters))

    def against_base(self, projection: Projection, measure: str, *, n_choices: int = 1) -> Comparison:
        """A head against the base vectors without one, paired over the same queries.

        The interval is that of the cluster bootstrap of the differences, ``p`` of the cluster sign-flip test, both with
        10,000 draws; ``p_adjusted`` is ``p`` times ``n_choices`` (Bonferroni), the epochs that the head was picked
        from.
        """
        differences = self._values(projection)[0][measure] - self._values_of_base()[measure]
        test = sign_flip_test(
            differences, self.clusters, generator=np.random.default_rng([self._seed, 4]), n_draws=OUTCOME_DRAWS
        )
        generator = np.random.default_rng([self._seed, 5])
        found = cluster_bootstrap({measure: differences}, self.clusters, generator=generator, n_draws=OUTCOME_DRAWS)[
            measure
        ]
        return Comparison(
            a="head",
            b="base model",
            metric=measure,
            difference=test.difference,
            low=found.low,
            high=found.high,
            p=test.p,
            p_adjusted=min(1.0, test.p * n_choices),
            effect_size=test.effect_size,
            wins=test.wins,
            losses=test.losses,
            ties=test.ties,
        )

    def _values_of_base(self) -> dict[str, Float64Array]:
        """Values of each query under the base vectors, measured once: every head is held against the same."""
        if not self._base_values:
            self._base_values.update(self._values(Identity(self._queries.shape[1]))[0])
        return self._base_values

    def measure(self, projection: Projection) -> Validation:
        """The figures of a head.

        Raises
        ------
        InvalidEmbeddingsError
            If a vector is zero or not finite under the head.
        """
        values, vectors = self._values(projection)
        generator = np.random.default_rng([self._seed, 1])
        found = cluster_bootstrap(values, self.clusters, generator=generator, n_draws=self._n_draws, bounds=(0.0, 1.0))
        overall, by_type = self._violation_rates(*vectors)
        return Validation(
            metrics={name: Estimate(i.value, i.low, i.high) for name, i in found.items()},
            violation_rate=overall,
            violation_rates=by_type,
            effective_rank=spectrum(vectors[1]).effective_rank,
        )

    def _values(self, projection: Projection) -> tuple[dict[str, Float64Array], tuple[Float32Array, Float32Array]]:
        queries = projection.project(self._queries, what="query")
        documents = projection.project(self._documents, what="document", ids=self._collection.document_ids)
        pair_scores = score_pairs(queries, documents, self._judgments.query_of_pair, self._judgments.documents)
        ties = TieAccumulator(self._judgments, pair_scores, TIE_TOLERANCE)
        for_each_block(queries, documents, (ties,))
        counts = ties.result()
        values = {
            name: metric_per_query(parse_measure(name), self._judgments, pair_scores, counts) for name in self._measures
        }
        return values, (queries, documents)

    def _violation_rates(self, queries: Float32Array, documents: Float32Array) -> tuple[float | None, dict[str, float]]:
        pairs = self._negative_pairs(queries, documents)
        if pairs is None:
            return None, {}
        violated = pairs.violations(TIE_TOLERANCE)
        by_type = {name: float(violated[rows].mean()) for name, rows in self._rows_by_type(pairs).items()}
        return float(violated.mean()), by_type

    def _rows_by_type(self, pairs: NegativePairs) -> dict[str, IntArray]:
        """Rows of each type, found once: pairs and their types are the same for every head."""
        if not self._type_rows:
            self._type_rows.update({name: pairs.rows_of(name) for name in pairs.names()})
        return self._type_rows

    def _negative_pairs(self, queries: Float32Array, documents: Float32Array) -> NegativePairs | None:
        negatives = self._collection.negatives
        place = np.full(len(self._collection.queries), -1, dtype=np.int64)
        place[self._rows] = np.arange(len(self._rows))
        kept: IntArray = np.flatnonzero(place[negatives.queries] >= 0)
        if not kept.size:
            return None
        q, d = place[negatives.queries[kept]], negatives.documents[kept]
        own = score_pairs(queries, documents, self._judgments.query_of_pair, self._judgments.documents)
        best = np.maximum.reduceat(own, self._judgments.indptr[:-1])
        scores = score_pairs(queries, documents, q, d)
        return NegativePairs(
            queries=q,
            documents=d,
            scores=scores,
            margins=best[q] - scores,
            weights=negatives.weights[kept],
            types=tuple(negatives.types[e] for e in kept),
        )
