"""``report.json``: a run, a comparison of runs, a training of several checkpoints, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedscope import __version__
from embedscope.result.codec import encode
from embedscope.result.comparisons import RunComparison, Timeline
from embedscope.result.mapped_points import MapAnimation
from embedscope.result.stages import Result

SCHEMA_VERSION = 1

MOVED = {"dim": ("model", "data"), "clustering": (None, "similarity")}
"""Keys that the file holds in another table than their record: key -> (table of the record, table of the file)."""

COMPARED = ("model", "metrics", "similarity", "negative_types")
"""Keys that the report of a comparison repeats for each run."""


def report(result: Result) -> dict[str, Any]:
    """The whole of ``report.json``: plain numbers, strings, lists and tables; None where a figure does not exist."""
    table: dict[str, Any] = encode(result, result)
    for key, (own, other) in MOVED.items():
        table[other][key] = (table if own is None else table[own]).pop(key)
    return {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, **table}


def comparison_report(runs: Mapping[str, Result], comparison: RunComparison) -> dict[str, Any]:
    """What ``compare`` adds to ``report.json``: each run's metrics, the paired differences, what moved."""
    reports = {name: report(result) for name, result in runs.items()}
    table: dict[str, Any] = encode(comparison, runs[comparison.reference])
    return {**table, "runs": {name: {key: each[key] for key in COMPARED} for name, each in reports.items()}}


def timeline_report(timeline: Timeline, animations: Sequence[MapAnimation], run: Result) -> dict[str, Any]:
    """What ``compare`` adds to ``report.json`` under ``timeline``; every list has one entry a checkpoint.

    Of each map it says how far it may be believed, and how much of the movement before it is the space's own.
    Animations of other runs than the timeline's are left out; ``run`` is one of the timeline's.
    """
    maps = {each.method: _frames(each) for each in animations if each.names == timeline.names}
    return {**encode(timeline, run), "maps": maps}


def _frames(animation: MapAnimation) -> list[dict[str, float]]:
    return [
        {"trustworthiness": layout.trustworthiness, "continuity": layout.continuity, "moved": moved, "turnover": turn}
        for layout, moved, turn in zip(animation.maps, animation.moved, animation.turnover, strict=True)
    ]
