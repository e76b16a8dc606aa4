"""``report.json``: a run, a comparison of runs, a training of several checkpoints, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from embedscope import __version__
from embedscope.result.codec import encode
from embedscope.result.comparisons import RunComparison, Timeline
from embedscope.result.mapped_points import MapAnimation
from embedscope.result.several_sets import SeveralSets
from embedscope.result.stages import Scored

SCHEMA_VERSION = 1

MOVED = {"dim": ("model", "data"), "clustering": (None, "similarity")}
"""Keys that the file holds in another table than their record: key -> (table of the record, table of the file)."""

COMPARED = ("model", "metrics", "similarity", "negative_types")
"""Keys that the report of a comparison repeats for each run."""


def report(result: Scored) -> dict[str, Any]:
    """The whole of ``report.json``: plain numbers, strings, lists and tables; None where a figure does not exist."""
    return {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, **_table(result)}


def sets_report(found: SeveralSets) -> dict[str, Any]:
    """The whole of ``report.json`` of several sets; each set has one of its own in its folder."""
    return {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, **encode(found)}


def _table(run: Scored) -> dict[str, Any]:
    table: dict[str, Any] = encode(run, run)
    for key, (own, other) in MOVED.items():
        moved = (table if own is None else table[own]).pop(key)
        if table[other] is not None:  # similarities are there for vectors alone
            table[other][key] = moved
    return table


def comparison_report(runs: Mapping[str, Scored], comparison: RunComparison) -> dict[str, Any]:
    """What ``compare`` adds to ``report.json``: each run's metrics, the paired differences, what moved."""
    tables = {name: _table(run) for name, run in runs.items()}
    compared = {name: {key: table[key] for key in COMPARED} for name, table in tables.items()}
    return {**encode(comparison, runs[comparison.reference]), "runs": compared}


class Frame(TypedDict):
    """How far a map may be believed, and how far the points went since the map before.

    moved is the median way of a point in units of the map, turnover the share of its nearest neighbours in the original
    space that changed since then.
    """

    trustworthiness: float
    continuity: float
    moved: float
    turnover: float


def timeline_report(timeline: Timeline, animations: Sequence[MapAnimation], run: Scored) -> dict[str, Any]:
    """What ``compare`` adds to ``report.json`` under ``timeline``; every list has one entry a checkpoint.

    Animations of other runs than the timeline's are left out; ``run`` is one of the timeline's.
    """
    maps = {each.method: encode(_frames(each)) for each in animations if each.names == timeline.names}
    return {**encode(timeline, run), "maps": maps}


def _frames(animation: MapAnimation) -> list[Frame]:
    rows = zip(animation.maps, animation.moved, animation.turnover, strict=True)
    return [Frame(trustworthiness=m.trustworthiness, continuity=m.continuity, moved=x, turnover=t) for m, x, t in rows]
