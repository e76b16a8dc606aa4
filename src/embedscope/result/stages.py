"""The stages of a run, each complete when it exists: scored, diagnosed, mapped, and the result with its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from embedscope.result.codec import ADDED, UNWRITTEN
from embedscope.result.comparisons import BASELINES, LEXICAL_NAMES, Comparison
from embedscope.result.decision import Check, Verdict, VerdictOutcome
from embedscope.result.deployment import DeploymentCost, ThresholdTable
from embedscope.result.estimate import Estimate
from embedscope.result.explanations import Explanations
from embedscope.result.finding import Finding
from embedscope.result.formatting import number, run_label, verdict_line, with_interval
from embedscope.result.mapped_points import MapLayout, Points, Theme
from embedscope.result.perturbed import Robustness
from embedscope.result.provenance import DataFacts, ModelFacts
from embedscope.result.scores import Example, Heatmap, Leakage, Metric, NegativeType, Power, Similarity
from embedscope.result.several_sets import SHOWN
from embedscope.result.spaces import Geometry
from embedscope.result.tables import DocumentTable, QueryTable


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Scored:
    """What the similarities of queries and documents say."""

    data: DataFacts
    model: ModelFacts
    similarity: Similarity | None  # None of a run, which has no vectors
    metrics: Mapping[str, Metric]
    negative_types: Mapping[str, NegativeType]
    queries: QueryTable = field(metadata=UNWRITTEN)
    documents: DocumentTable = field(metadata=UNWRITTEN)
    heatmap: Heatmap | None = field(metadata=UNWRITTEN)
    examples: tuple[Example, ...]
    clustering: Estimate  # share of queries with a relevant document among their 10 nearest documents
    tie_tolerance: float
    seed: int
    n_draws: int = field(default=0, metadata=ADDED)  # that the intervals took; 0 where there are none
    comparisons: tuple[Comparison, ...] = ()  # against the lexical baseline, the base model, the references
    references: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # name -> metric -> value
    lexical_baseline: str = field(default="n-grams", metadata=ADDED)  # the stronger, which is "lexical" everywhere
    lexical_baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict, metadata=ADDED)  # all of them
    weights: Mapping[str, Estimate] = field(default_factory=dict)  # weighted violation rate, Kendall tau-b
    leakage: Leakage | None = None
    power: Power | None = None
    caveats: tuple[str, ...] = field(default=(), metadata=ADDED)  # why a comparison with a reference is not quite fair

    @property
    def baseline_names(self) -> dict[str, str]:
        """What the model is compared with unasked, as a sentence has it."""
        return {**BASELINES, "lexical": LEXICAL_NAMES.get(self.lexical_baseline, self.lexical_baseline)}

    @property
    def lexical_columns(self) -> dict[str, Mapping[str, float | None]]:
        """Metric -> value of each lexical baseline, the stronger first; of an old run, the one that it has."""
        stronger = {name: metric.lexical for name, metric in self.metrics.items()}
        return {self.lexical_baseline: stronger, **self.lexical_baselines}

    @property
    def to_reference(self) -> Comparison | None:
        """The paired difference to the reference that decides; None where the model is judged alone."""
        return next((c for c in self.comparisons if c.metric == SHOWN and c.b not in BASELINES), None)

    def __repr__(self) -> str:
        """One line: what was found first of all, of what, on what."""
        metric = next(iter(self.metrics.values()), None)
        figure = "" if metric is None else f"{metric.name} {with_interval(number(metric.value), metric)} on "
        on = f"{self.data.n_queries:,} queries x {self.data.n_documents:,} documents"
        return f"<{type(self).__name__} of {run_label(self.model.checkpoint)}: {figure}{on}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Diagnosed(Scored):
    """Why the failures fail, what the space looks like, and what serving it would cost.

    ``failure_modes`` counts the failed queries by mode, in the order of decision; ``not_measured`` says why one of the
    five records above it is None.
    """

    findings: tuple[Finding, ...] = ()  # ordered by what fixing them would gain
    failure_modes: Mapping[str, int] = field(default_factory=dict, metadata=ADDED)
    geometry: Geometry | None = field(default=None, metadata=ADDED)
    thresholds: ThresholdTable | None = field(default=None, metadata=ADDED)
    robustness: Robustness | None = field(default=None, metadata=ADDED)
    deployment: DeploymentCost | None = field(default=None, metadata=ADDED)
    explanations: Explanations | None = field(default=None, metadata=ADDED)
    not_measured: Mapping[str, str] = field(default_factory=dict, metadata=ADDED)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Mapped(Diagnosed):
    """The points and their maps, for navigation; the broad themes first, each level by size."""

    points: Points | None = field(default=None, metadata=UNWRITTEN)
    maps: Mapping[str, MapLayout] = field(default_factory=dict)
    maps_absent: Mapping[str, str] = field(default_factory=dict)  # name of a map -> the line that says why
    themes: tuple[Theme, ...] = field(default=(), metadata=ADDED)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result(Mapped):
    """Everything that one run found, and what to do about it."""

    inputs: Mapping[str, Any] = field(default_factory=dict)  # what the run was asked for; plain values
    checklist: tuple[Check, ...]
    verdict: Verdict

    @property
    def verdict_line(self) -> str | None:
        """The line for monitors (``VERDICT: WIN | score=... | ...``); None without a reference."""
        found = self.to_reference
        return None if found is None else self.line_of(found, self.references[found.b][found.metric])

    def line_of(self, found: Comparison, baseline: float) -> str:
        """The same where ``found`` decides; ``baseline`` is what its reference reaches."""
        is_fit = self.verdict.outcome is not VerdictOutcome.UNFIT
        return verdict_line(found, self.metrics[found.metric].value, baseline, is_fit=is_fit)

    def __repr__(self) -> str:
        """One line, the verdict first."""
        return f"{self.verdict.outcome.value.upper()} {Scored.__repr__(self)}"


Stage = TypeVar("Stage", bound=Scored)


def extended(stage: Scored, kind: type[Stage], **more: Any) -> Stage:
    """The next stage of a run: the fields of ``stage`` and ``more``, which may replace some of them."""
    return kind(**{each.name: getattr(stage, each.name) for each in fields(stage)} | more)
