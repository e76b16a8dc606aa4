"""Similarities, metrics, typed negatives and what else the scores of one run say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray
from embedscope.result.codec import ADDED, ENTRY_NAME, UNWRITTEN
from embedscope.result.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Distribution:
    """One population of similarities.

    ``mean`` and ``std`` (population, ddof 0) are exact. ``quantiles`` (keys "0.05" ... "0.95") and ``density`` come
    from a histogram; ``density`` integrates to 1 over ``Similarity.edges``.
    """

    n: int
    mean: float
    std: float
    quantiles: Mapping[str, float]
    density: Float64Array = field(metadata=UNWRITTEN, repr=False)


NO_VECTORS = "a run has no vectors"
"""Why something is not measured of ranked lists."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """Positive, negative and hard-negative similarities and how far apart they lie (conventions, section 4).

    Similarities lie in [-bound, bound]: 1 for cosines, for dot products by the norms of the vectors.
    """

    edges: Float64Array = field(metadata=UNWRITTEN, repr=False)
    positive: Distribution
    negative: Distribution
    hard_negative: Distribution | None
    margin: Estimate
    separation: Estimate
    auc: Estimate
    overlap: Estimate
    d_prime: Estimate
    diagonal: Estimate
    off_diagonal: Estimate
    gap: Estimate
    bound: float = field(default=1.0, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class Metric:
    """A rank metric, averaged over queries, under every reading of ties, beside what no model would reach.

    ``value`` is the expectation over all orders of tied documents; ``trec`` and ``st`` break ties as trec_eval and
    sentence-transformers do. ``chance``, ``lexical`` and ``base`` are the same metric for a random order, for
    the stronger lexical baseline (`Scored.lexical_baseline`), and for the base model without its head; ``ideal`` is
    that of a perfect order, which is below 1 where a cutoff leaves no room for all relevant documents. None where not
    computed.
    """

    name: str = field(metadata=ENTRY_NAME)
    value: float
    low: float | None
    high: float | None
    optimistic: float
    pessimistic: float
    trec: float
    st: float
    chance: float | None
    lexical: float | None = None
    base: float | None = None
    warnings: tuple[str, ...] = ()
    ideal: float | None = field(default=None, metadata=ADDED)

    @property
    def estimate(self) -> Estimate:
        """The value with its interval."""
        return Estimate(self.value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class NegativeType:
    """How the model treats one type of hard negative.

    ``violation_rate`` is the share of (query, negative) pairs of this type whose similarity reaches that of the
    query's best positive. ``margins`` holds ``s+ - s-`` for each such pair; a run has none.
    """

    name: str = field(metadata=ENTRY_NAME)
    n: int
    n_queries: int
    violation_rate: Estimate
    margin: Estimate
    mean_weight: float | None
    margins: Float64Array = field(metadata=UNWRITTEN, repr=False)
    similarity: Distribution | None  # None of a run


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A readable part of the query x positive similarity matrix, ordered so that similar rows stand together."""

    queries: IntArray = field(repr=False)  # (R,) rows of QueryTable
    documents: IntArray = field(repr=False)  # (C,) rows of DocumentTable
    similarity: Float32Array = field(repr=False)  # (R, C)
    is_relevant: BoolArray = field(repr=False)  # (R, C)
    n_queries: int  # of how many queries R were drawn
    n_documents: int


class ExampleKind(StrEnum):
    """Why a query was chosen as an example."""

    ASKED = "asked for"
    WORST_FAILURE = "worst failure"
    NEAR_MISS = "near miss"
    SUCCESS = "typical success"


@dataclass(frozen=True, slots=True)
class Example:
    """A query worth looking at, and why."""

    query: int
    kind: ExampleKind


@dataclass(frozen=True, slots=True)
class Leakage:
    """How much of the test set stands in the training file: exactly, after normalisation, or nearly.

    ``queries`` and ``positives`` count distinct texts of the test set under "exact", "normalised" and "near";
    each text is counted once, under the closest of the three. ``examples`` are pairs (test text, training text).
    ``leaked_queries`` are the queries that stand there exactly or after normalisation; reports do not repeat them.
    """

    train: str
    n_queries: int
    n_positives: int
    queries: Mapping[str, int]
    positives: Mapping[str, int]
    share_of_queries: float
    examples: tuple[tuple[str, str], ...]
    leaked_queries: tuple[str, ...] = field(default=(), metadata=UNWRITTEN)


@dataclass(frozen=True, slots=True)
class Power:
    """What this test set can tell: ``minimum_detectable`` is for the paired test of the verdict, at 80 % power."""

    metric: str
    n_clusters: int
    design_effect: float | None
    minimum_detectable: float | None
