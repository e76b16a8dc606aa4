"""A training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedscope.result.codec import ADDED
from embedscope.result.comparisons import Comparison
from embedscope.result.estimate import Estimate


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch of training left behind; epoch 0 is the head before its first step.

    ``metrics`` and ``violation_rates`` (by negative type) are of the validation queries, empty without validation. A
    loss is the mean over (query, positive) pairs; ``learning_rate`` is that of the last step, ``gradient_norm`` the
    mean before clipping.
    """

    epoch: int
    train_loss: float | None
    valid_loss: float | None
    learning_rate: float | None
    gradient_norm: float | None
    metrics: Mapping[str, Estimate]
    violation_rate: float | None  # over all (query, hard negative) pairs
    violation_rates: Mapping[str, float]
    effective_rank: float | None  # of the validation documents
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """A training run, epoch by epoch.

    ``selected_by`` is the figure whose best value made ``best_epoch``; ``base`` holds the validation metrics of the
    base model without a head; ``notes`` say what a person should know, over-fitting among it. ``against_base`` is the
    best head against that base on the same validation queries, which also chose it; ``prefixes`` are the same metric of
    its first numbers, for a head trained on Matryoshka prefixes. Both are measured when the run has ended.
    ``n_valid_effective`` is the effective number of independent validation queries, for MRR of the base model.
    """

    epochs: tuple[EpochRecord, ...]
    selected_by: str
    best_epoch: int
    stopped: str
    base: Mapping[str, float]
    n_pairs: int
    n_negatives: int
    n_valid_queries: int
    n_valid_clusters: int
    notes: tuple[str, ...] = ()
    against_base: Comparison | None = None
    prefixes: Mapping[int, Estimate] = field(default_factory=dict)
    n_valid_effective: float | None = field(default=None, metadata=ADDED)
