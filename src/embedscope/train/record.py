"""``training.json``: the record of a run as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedscope import __version__
from embedscope.result import TrainingRecord
from embedscope.result.codec import encode

SCHEMA_VERSION = 1


def training_report(record: TrainingRecord, config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``training.json`` holds: versions, options, the epochs, which one is the best, and the notes.

    Numbers are finite or None; ``epochs[0]`` is the head before its first step.
    """
    plain: dict[str, Any] = encode({"config": config}) | encode(record)
    return {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, **plain}
