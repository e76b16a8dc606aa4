"""The records of a run, and their one form on disk."""

from embedscope.result.comparisons import (
    BASELINES,
    SIGNIFICANCE,
    BestOfMany,
    Comparison,
    LevelShift,
    RunComparison,
    Segment,
    Timeline,
    TypeChange,
)
from embedscope.result.decision import Check, Criteria, Criterion, Fitness, Outcome, Verdict, VerdictOutcome
from embedscope.result.deployment import DeploymentCost, StorageFormat, ThresholdChoice, ThresholdTable
from embedscope.result.estimate import Estimate
from embedscope.result.explanations import DecidingWord, Deletion, Explanation, Explanations, MinimalPairs, TextRole
from embedscope.result.finding import Finding, Severity
from embedscope.result.formatting import run_label, run_labels
from embedscope.result.mapped_points import MAP_NAMES, MapAnimation, MapLayout, Points, Theme
from embedscope.result.parity import (
    Cosines,
    DifferingText,
    Evidence,
    NormDifference,
    Parity,
    ParityCause,
    ParityOutcome,
    RankAgreement,
)
from embedscope.result.perturbed import PerturbationEffect, Robustness
from embedscope.result.provenance import DataFacts, ModelFacts, TensorAccount
from embedscope.result.scores import (
    Distribution,
    Example,
    ExampleKind,
    Heatmap,
    Leakage,
    Metric,
    NegativeType,
    Power,
    Similarity,
)
from embedscope.result.spaces import CloudShape, Geometry, Hubness, SpaceGeometry
from embedscope.result.stages import Diagnosed, Mapped, Result, Scored, extended
from embedscope.result.tables import DocumentTable, QueryTable
from embedscope.result.training import EpochRecord, TrainingRecord

__all__ = [
    "BASELINES",
    "MAP_NAMES",
    "SIGNIFICANCE",
    "BestOfMany",
    "Check",
    "CloudShape",
    "Comparison",
    "Cosines",
    "Criteria",
    "Criterion",
    "DataFacts",
    "DecidingWord",
    "Deletion",
    "DeploymentCost",
    "Diagnosed",
    "DifferingText",
    "Distribution",
    "DocumentTable",
    "EpochRecord",
    "Estimate",
    "Evidence",
    "Example",
    "ExampleKind",
    "Explanation",
    "Explanations",
    "Finding",
    "Fitness",
    "Geometry",
    "Heatmap",
    "Hubness",
    "Leakage",
    "LevelShift",
    "MapAnimation",
    "MapLayout",
    "Mapped",
    "Metric",
    "MinimalPairs",
    "ModelFacts",
    "NegativeType",
    "NormDifference",
    "Outcome",
    "Parity",
    "ParityCause",
    "ParityOutcome",
    "PerturbationEffect",
    "Points",
    "Power",
    "QueryTable",
    "RankAgreement",
    "Result",
    "Robustness",
    "RunComparison",
    "Scored",
    "Segment",
    "Severity",
    "Similarity",
    "SpaceGeometry",
    "StorageFormat",
    "TensorAccount",
    "TextRole",
    "Theme",
    "ThresholdChoice",
    "ThresholdTable",
    "Timeline",
    "TrainingRecord",
    "TypeChange",
    "Verdict",
    "VerdictOutcome",
    "extended",
    "run_label",
    "run_labels",
]
