"""Several runs on the same queries: paired differences, and the checkpoints of one training in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedscope.protocols import IntArray
from embedscope.result.codec import FLAT, UNWRITTEN, texts, written
from embedscope.result.estimate import Estimate

BASELINES = {
    "lexical": "the lexical baseline",
    "base": "the base model without its head",
    "PCA": "the PCA of the base model",
    "random": "a random projection of the base model",
}
"""What a run is compared with whether or not a reference is named; any other run that it is compared with is one."""

LEXICAL_NAMES = {"n-grams": "character n-grams", "BM25": "BM25"}
"""The lexical baselines, short and as a sentence has them; "lexical" is the stronger of the two."""

SIGNIFICANCE = 0.05
"""Level of the paired tests that decide, after correction for how many there are."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run ``a`` against run ``b`` on one metric, paired on the same queries: ``difference = a - b``.

    ``p`` is the two-sided cluster sign-flip p-value, ``p_adjusted`` after Holm over the primary metrics of
    the same question; ``effect_size`` is the mean of the cluster sums divided by their standard deviation.
    """

    a: str
    b: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    effect_size: float | None
    wins: int
    losses: int
    ties: int

    def is_surely(self, sign: int) -> bool:
        """Whether ``a`` is better (``sign`` 1) or worse (-1) by the test, not only by the mean."""
        return self.p_adjusted < SIGNIFICANCE and sign * self.difference > 0


@dataclass(frozen=True, slots=True)
class TypeChange:
    """Change of the violation rate of one negative type, candidate minus reference; negative is better."""

    candidate: str
    type: str
    n: int
    change: Estimate = field(metadata=FLAT)


@dataclass(frozen=True, slots=True)
class LevelShift:
    """Candidate minus reference: raw levels (``positive``, ``negative``) beside scale-free ``separation``, ``auc``."""

    candidate: str
    positive: float
    negative: float
    separation: float | None
    auc: float | None


@dataclass(frozen=True, slots=True)
class BestOfMany:
    """The best of several candidates, its p-value paying for the choice (single-step max-T)."""

    metric: str
    best: str
    difference: float
    p_adjusted: float
    n_candidates: int


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Several runs against one reference, on the same queries. Rows of ``lost`` and ``gained`` are queries."""

    reference: str
    candidates: tuple[str, ...] = field(metadata=UNWRITTEN)
    comparisons: tuple[Comparison, ...]
    lost: Mapping[str, IntArray] = field(metadata=written(Mapping[str, tuple[str, ...]], texts("lost")))
    gained: Mapping[str, IntArray] = field(metadata=written(Mapping[str, tuple[str, ...]], texts("gained")))
    type_changes: tuple[TypeChange, ...]
    level_shifts: tuple[LevelShift, ...]
    best: BestOfMany | None = field(metadata=written(name="best_of_many"))


@dataclass(frozen=True, slots=True)
class Segment:
    """From one checkpoint of a timeline to the next. Rows of ``gained`` and ``lost`` are queries."""

    start: str = field(metadata=UNWRITTEN)
    end: str = field(metadata=UNWRITTEN)
    comparison: Comparison  # end against start, on the metric of the timeline
    gained: IntArray = field(metadata=written(tuple[str, ...], texts("gained")))  # now right at rank 1, and before not
    lost: IntArray = field(metadata=written(tuple[str, ...], texts("lost")))


@dataclass(frozen=True, slots=True)
class Timeline:
    """Checkpoints of one training run in the order of their epochs, measured on the same queries.

    Every sequence has one entry a checkpoint (``segments`` one fewer). ``since_best`` compares the last checkpoint
    with the best one where the best is not the last; ``over_fitting`` says in words that training went on too long,
    None where nothing shows it.
    """

    names: tuple[str, ...] = field(metadata=written(name="checkpoints"))
    epochs: tuple[int, ...]
    metric: str
    metrics: Mapping[str, tuple[Estimate, ...]]
    violation_rates: Mapping[str, tuple[Estimate, ...]]
    segments: tuple[Segment, ...] = field(metadata=written(name="stretches"))
    best: int = field(metadata=written(int, lambda timeline, run: timeline.epochs[timeline.best], name="best_epoch"))
    since_best: Comparison | None
    over_fitting: str | None
    n_queries: int = field(metadata=UNWRITTEN)
    n_effective: float | None = field(metadata=UNWRITTEN)  # independent queries, for MRR of the first
