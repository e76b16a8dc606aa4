"""The timeline of a training as ``report.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedscope.protocols import IntArray
from embedscope.result import Estimate, MapAnimation, Timeline
from embedscope.result.report_json import clean, comparison_row


def timeline_report(timeline: Timeline, animations: Sequence[MapAnimation], texts: Sequence[str]) -> dict[str, Any]:
    """What ``compare`` adds to ``report.json`` under ``timeline``; every list has one entry a checkpoint.

    Parameters
    ----------
    timeline : Timeline
    films : sequence of MapFilm
        Those of other runs than the timeline's are left out.
    texts : sequence of str
        Of the queries.
    """
    payload: dict[str, Any] = clean(
        {
            "checkpoints": list(timeline.names),
            "epochs": list(timeline.epochs),
            "metric": timeline.metric,
            "metrics": _figures(timeline.metrics),
            "violation_rates": _figures(timeline.violation_rates),
            "stretches": [
                {
                    "comparison": comparison_row(segment.comparison),
                    "gained": _texts(segment.gained, texts),
                    "lost": _texts(segment.lost, texts),
                }
                for segment in timeline.segments
            ],
            "best_epoch": timeline.epochs[timeline.best],
            "since_best": None if timeline.since_best is None else comparison_row(timeline.since_best),
            "over_fitting": timeline.over_fitting,
            "maps": {
                animation.method: _maps(animation) for animation in animations if animation.names == timeline.names
            },
        }
    )
    return payload


def _figures(curves: Mapping[str, Sequence[Estimate]]) -> dict[str, list[dict[str, float | None]]]:
    return {
        name: [{"value": figure.value, "low": figure.low, "high": figure.high} for figure in figures]
        for name, figures in curves.items()
    }


def _texts(rows: IntArray, texts: Sequence[str]) -> list[str]:
    return [texts[row] for row in rows]


def _maps(animation: MapAnimation) -> list[dict[str, float]]:
    """How far each map may be believed, and how much of the movement before it is the space's own."""
    return [
        {"trustworthiness": layout.trustworthiness, "continuity": layout.continuity, "moved": moved, "turnover": turn}
        for layout, moved, turn in zip(animation.maps, animation.moved, animation.turnover, strict=True)
    ]
