"""``training.json``: the record of a run as plain values, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from embedscope import __version__
from embedscope.result import TrainingRecord

SCHEMA_VERSION = 1


def training_report(record: TrainingRecord, config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``training.json`` holds: versions, options, the epochs, which one is the best, and the notes.

    Numbers are finite or None; ``epochs[0]`` is the head before its first step.
    """
    payload: dict[str, Any] = _finite(
        {
            "schema_version": SCHEMA_VERSION,
            "embedscope_version": __version__,
            "config": dict(config),
            **asdict(record),
        }
    )
    return payload


def _finite(value: Any) -> Any:
    """``value`` with None for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
