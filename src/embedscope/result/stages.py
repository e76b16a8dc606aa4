"""The stages of a run: scored, diagnosed, mapped, and the complete result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedscope.result.comparisons import Comparison
from embedscope.result.deployment import DeploymentCost, ThresholdTable
from embedscope.result.estimate import Estimate
from embedscope.result.finding import Finding
from embedscope.result.mapped_points import MapLayout, Points
from embedscope.result.perturbed import Robustness
from embedscope.result.provenance import DataFacts, ModelFacts
from embedscope.result.scores import Example, Heatmap, Leakage, Metric, NegativeType, Power, Similarity
from embedscope.result.spaces import Geometry
from embedscope.result.tables import DocumentTable, QueryTable


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that one run measured."""

    data: DataFacts
    model: ModelFacts
    similarity: Similarity
    metrics: Mapping[str, Metric]
    negative_types: Mapping[str, NegativeType]
    queries: QueryTable
    documents: DocumentTable
    points: Points | None
    maps: Mapping[str, MapLayout]
    maps_absent: Mapping[str, str]  # name of a map -> the one line that says why it is missing
    heatmap: Heatmap | None
    examples: tuple[Example, ...]
    clustering: Estimate  # share of queries with a relevant document among their 10 nearest documents
    tie_tolerance: float
    seed: int
    comparisons: tuple[Comparison, ...] = ()  # against the lexical baseline, the base model, the references
    references: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # name -> metric -> value
    weights: Mapping[str, Estimate] = field(default_factory=dict)  # weighted violation rate, Kendall tau-b
    leakage: Leakage | None = None
    findings: tuple[Finding, ...] = ()  # ordered by what mending them would gain
    power: Power | None = None
    failure_modes: Mapping[str, int] = field(default_factory=dict)  # failed queries by mode, in the order of decision
    geometry: Geometry | None = None
    thresholds: ThresholdTable | None = None
    robustness: Robustness | None = None
    deployment: DeploymentCost | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)  # one of the four above -> why it is None
