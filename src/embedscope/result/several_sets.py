"""Several data sets under one verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from embedscope.result.codec import ADDED
from embedscope.result.comparisons import LEXICAL_NAMES, Comparison
from embedscope.result.decision import Check, Verdict, VerdictOutcome
from embedscope.result.estimate import Estimate
from embedscope.result.formatting import verdict_line
from embedscope.result.scores import Metric

SHOWN = "MRR"
"""The metric by which sets are shown side by side, and whose differences decide."""


@dataclass(frozen=True, slots=True)
class SetResult:
    """What one of several sets says; ``folder``, below that of the report, holds everything else.

    ``comparisons`` are the paired differences to the reference, ``p_adjusted`` after Holm over the primary metrics of
    all sets; the verdict is by these.
    """

    name: str
    path: str
    folder: str
    n_queries: int
    n_effective: float | None
    n_documents: int
    metrics: Mapping[str, Metric]
    comparisons: tuple[Comparison, ...]
    checklist: tuple[Check, ...]
    verdict: Verdict
    lexical_baseline: str = field(default="", metadata=ADDED)  # the stronger on this set; its values are "lexical"


@dataclass(frozen=True, slots=True)
class Macro:
    """Means over the sets, each counted once. Intervals rest on the queries within the sets: the sets are fixed.

    ``lexical`` are the means of the lexical baseline, of each set the stronger one. Wins, losses and ties of the
    ``comparisons`` count the queries of all sets.
    """

    metrics: Mapping[str, Estimate]
    lexical: Mapping[str, float]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class SeveralSets:
    """One model on several sets: each set, the means over them, and the verdict on all.

    ``reference`` is what ``checkpoint`` is compared with; None where it stands alone.
    """

    checkpoint: str
    reference: str | None
    sets: tuple[SetResult, ...]
    macro: Macro
    verdict: Verdict
    seed: int
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lexical_names(self) -> str:
        """What "lexical" is on these sets, as a sentence has it; nothing where it was not measured."""
        found = Counter(each.lexical_baseline for each in self.sets if each.lexical_baseline)
        if not self.macro.lexical or not found:
            return ""
        names = {name: LEXICAL_NAMES.get(name, name) for name in found}
        if len(found) == 1:
            return next(iter(names.values()))
        return " and ".join(f"{names[name]} on {n:,} {'set' if n == 1 else 'sets'}" for name, n in found.most_common())

    def deciding(self, rows: Sequence[Comparison]) -> Comparison | None:
        """The difference that decides among those of one set or of the means; None without a reference."""
        return next((row for row in rows if (row.a, row.metric) == (self.checkpoint, SHOWN)), None)

    @property
    def verdict_line(self) -> str | None:
        """The line for monitors, by the means over the sets; None without a reference."""
        mean = self.deciding(self.macro.comparisons)
        if mean is None:
            return None
        score, word = self.macro.metrics[mean.metric].value or 0.0, self.verdict.outcome
        is_fit, has_lost = word is not VerdictOutcome.UNFIT, word is VerdictOutcome.RETRAIN
        return verdict_line(mean, score, score - mean.difference, is_fit=is_fit, has_lost=has_lost)
