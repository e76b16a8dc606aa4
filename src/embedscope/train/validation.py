"""What is measured after each epoch: ranks of the validation queries, violations by type, effective rank.

The vectors are made by the NumPy projection that evaluates a checkpoint, and ranked by the counting that evaluates a
run, so that a curve of training and a later evaluation of the same epoch show the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from embedscope.data.collection import Collection
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.query_set import QuerySet
from embedscope.measure.scoring import bound_of, rank_values
from embedscope.measure.space_statistics import spectrum
from embedscope.metrics.vectors import score_pairs
from embedscope.models.projectors import Identity, Projection
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import Comparison, Estimate
from embedscope.settings import TIE_TOLERANCE, MeasureSettings, SimilarityFunction
from embedscope.stats.power import standard_error

OUTCOME_DRAWS = MeasureSettings().draws
"""Of the interval and the test of the outcome, which are made once, as in an evaluation."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures of one epoch; ``violation_rate`` over all hard negatives, None where there are none."""

    metrics: dict[str, Estimate]
    violation_rate: float | None
    violation_rates: dict[str, float]
    effective_rank: float | None
    values: dict[str, Float64Array] = field(default_factory=dict, compare=False)  # each (Q,)


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
    base_similarity : SimilarityFunction
        How the base vectors are compared without a head; heads are compared by cosine.

    Raises
    ------
    TooFewPointsError
        If no query has a relevant document.
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
        base_similarity: SimilarityFunction = SimilarityFunction.COSINE,
    ) -> None:
        self._collection = collection
        self._query_set = QuerySet.of(collection, seed=seed, draws=n_draws, least=1)
        self._queries = query_vectors[self._query_set.rows]
        self._documents = document_vectors
        self._measures = tuple(measures)
        self._base_similarity = base_similarity
        self._type_rows: dict[str, IntArray] = {}

    @property
    def n_queries(self) -> int:
        """Queries that are measured."""
        return len(self._query_set.rows)

    @property
    def n_clusters(self) -> int:
        """Independent groups of the queries that are measured."""
        return self._query_set.n_clusters

    @cached_property
    def n_effective(self) -> float:
        """Effective number of independent queries, for MRR of the base vectors."""
        return self._query_set.resampler.n_effective(self._values_of_base["MRR"])

    @property
    def has_negatives(self) -> bool:
        """Whether these queries have hard negatives."""
        return bool(np.isin(self._collection.negatives.queries, self._query_set.rows).any())

    def base(self) -> dict[str, float]:
        """Each measure for the base vectors without a head."""
        return {name: float(np.mean(column)) for name, column in self._values_of_base.items()}

    def against_base(self, projection: Projection, measure: str, *, n_choices: int = 1) -> Comparison:
        """A head against the base vectors without one, paired over the same queries, as an evaluation compares them.

        ``p_adjusted`` is ``p`` times ``n_choices`` (Bonferroni), the epochs that the head was picked from.
        """
        resampler = replace(self._query_set.resampler, n_draws=OUTCOME_DRAWS)
        ours = self._values(*self._projected(projection))
        (found,) = resampler.compare("head", ours, {"base model": self._values_of_base}, (measure,))
        return replace(found, p_adjusted=min(1.0, found.p * n_choices))

    def measure(self, projection: Projection) -> Validation:
        """The figures of a head, without intervals where a single query is measured.

        Raises
        ------
        InvalidEmbeddingsError
            If a vector is zero or not finite under the head.
        """
        queries, documents = self._projected(projection)
        overall, by_type = self._violation_rates(queries, documents)
        values = self._values(queries, documents)
        metrics = self._query_set.resampler.means(values)
        if self.n_queries == 1:
            metrics = {name: replace(found, low=None, high=None) for name, found in metrics.items()}
        return Validation(
            metrics=metrics,
            violation_rate=overall,
            violation_rates=by_type,
            effective_rank=spectrum(documents).effective_rank,
            values=values,
        )

    def values_of(self, projection: Projection, measure: str) -> Float64Array:
        """``measure`` of each query under a head, (Q,)."""
        return self._values(*self._projected(projection))[measure]

    def is_improvement(self, values: Float64Array, before: Float64Array) -> bool:
        """Whether the mean of ``values`` is above that of ``before`` by more than one standard error; each (Q,).

        The error is that of the paired difference over the queries, as they depend on one another (conventions,
        section 5); the rule is that of Breiman et al. 1984.
        """
        gain = values - before
        return float(gain.mean()) > (standard_error(gain, self._query_set.resampler.dependence) or 0.0)

    def optimism(self, columns: Float64Array) -> float:
        """By how much the best mean of ``columns``, (Q, K), is too good for having been chosen on these queries."""
        return self._query_set.resampler.optimism(columns)

    @cached_property
    def _values_of_base(self) -> dict[str, Float64Array]:
        """Values of each query under the base vectors, measured once: every head is held against the same."""
        is_unit = self._base_similarity is SimilarityFunction.COSINE
        queries, documents = self._projected(Identity(self._queries.shape[1], is_unit=is_unit))
        return self._values(queries, documents, bound_of(queries, documents, self._base_similarity))

    def _projected(self, projection: Projection) -> tuple[Float32Array, Float32Array]:
        queries = projection.project(self._queries, what="query")
        return queries, projection.project(self._documents, what="document", ids=self._collection.document_ids)

    def _values(self, queries: Float32Array, documents: Float32Array, bound: float = 1.0) -> dict[str, Float64Array]:
        judgments = self._query_set.judgments
        return rank_values(queries, documents, judgments, self._measures, tolerance=TIE_TOLERANCE * bound)

    def _violation_rates(self, queries: Float32Array, documents: Float32Array) -> tuple[float | None, dict[str, float]]:
        judgments = self._query_set.judgments
        pair_scores = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
        pairs = NegativePairs.of(self._collection, self._query_set.rows, queries, documents, judgments, pair_scores)
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
