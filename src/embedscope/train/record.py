"""``training.json``: the record of a run as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedscope import __version__
from embedscope.result import EpochRecord, TrainingRecord
from embedscope.result.codec import encode

SCHEMA_VERSION = 1


def training_report(record: TrainingRecord, config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``training.json`` holds: versions, options, the epochs, which one is the best, and the notes.

    Numbers are finite or None; ``epochs[0]`` is the head before its first step.
    """
    plain: dict[str, Any] = encode({"config": config}) | encode(record)
    return {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, **plain}


def figures_of(record: EpochRecord) -> dict[str, float]:
    """The numbers of an epoch by the name of their curve; what was not measured is left out."""
    named = {
        "train/loss": record.train_loss,
        "train/learning_rate": record.learning_rate,
        "train/gradient_norm": record.gradient_norm,
        "valid/loss": record.valid_loss,
        "valid/effective_rank": record.effective_rank,
        "valid/violation_rate": record.violation_rate,
        "epoch_seconds": record.elapsed_s,
    }
    for name, figure in record.metrics.items():
        named |= {f"valid/{name}": figure.value, f"valid/{name}_low": figure.low, f"valid/{name}_high": figure.high}
    named |= {f"violation_rate/{name}": rate for name, rate in record.violation_rates.items()}
    return {name: value for name, value in named.items() if value is not None}
