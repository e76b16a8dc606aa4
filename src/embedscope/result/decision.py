"""Criteria, the checks they make, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from embedscope.result.codec import Finite


class Outcome(StrEnum):
    """The four outcomes of a check."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_COMPUTABLE = "not computable"


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion applied to one figure."""

    id: str
    title: str
    value: float | None
    low: float | None
    high: float | None
    threshold: Finite
    direction: str  # ">", ">=", "<" or "<="
    outcome: Outcome
    reason: str
    gating: bool = True

    @property
    def sentence(self) -> str:
        """What was checked, and what came of it."""
        return f"{self.title}: {self.reason}"


class VerdictOutcome(StrEnum):
    """What to do with the checkpoint."""

    DEPLOY = "deploy"
    RETRAIN = "retrain"
    UNDECIDED = "undecided"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, the profile of criteria it was made by, and every reason with its figures.

    ``headline`` is the one sentence that says why, and the first of the ``reasons``; the decisive ones come first. What
    passed is no reason. ``profile`` is "comparison" where the paired difference to a reference decided, and names the
    criteria too where they had to hold as well.
    """

    outcome: VerdictOutcome
    profile: str
    headline: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the checklist: the figure at ``metric`` must stand in ``direction`` to ``threshold``.

    ``metric`` is a path such as "similarity.margin", "metrics.Success@1", "negative_types.*.violation_rate" or
    "comparisons.lexical.MRR"; ``bound`` says what is held against the threshold: the whole "interval" (four
    outcomes) or the "value" alone (no interval is consulted). A level, such as a margin, is held against its threshold
    where the model compares by ``similarity``, "cosine" or "dot": under another it has another scale. ``optional``:
    where this data or model has no such figure, such as hard negatives of none, the criterion advises instead of
    leaving the verdict open.
    """

    id: str
    title: str
    metric: str
    direction: str
    threshold: float
    gating: bool = True
    bound: str = "interval"
    similarity: str = "cosine"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Fitness:
    """When a test set can answer at all; outside these limits the verdict is ``unfit``.

    ``min_clusters`` is held against the effective number of independent queries; ``refuse_lexical_pass`` holds only
    without a reference to compare with.
    """

    min_clusters: int = 30
    max_chance: float = 0.1
    max_leakage: float = 0.05
    max_contradictions: float = 0.05
    refuse_lexical_pass: bool = True
    refuse_wide_ties: bool = True


@dataclass(frozen=True, slots=True)
class Criteria:
    """A named profile: the criteria, and what makes a test set fit to be judged by.

    ``must_beat_lexical``: without a reference, a gain over the lexical baseline that is not certain leaves the verdict
    open, and a loss is a reason to retrain. ``gates_comparison``: with a reference the gating criteria have to hold
    beside the paired difference; else that decides alone.
    """

    name: str
    criteria: tuple[Criterion, ...]
    fitness: Fitness = Fitness()
    must_beat_lexical: bool = True
    gates_comparison: bool = True
