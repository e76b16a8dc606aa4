"""Parts of a page that hold several runs: a comparison of checkpoints, and a training epoch by epoch.

Like the rest of the payload they select and encode, and measure nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from embedscope.output.page.contract import CompareSection, SegmentColumns, TimelineSection
from embedscope.output.page.packing import number_column
from embedscope.output.page.payload import POINT_BUDGET, drawn_points
from embedscope.protocols import BoolArray, Float32Array, IntArray
from embedscope.result import (
    Estimate,
    MapAnimation,
    Mapped,
    RunComparison,
    Scored,
    Segment,
    Timeline,
    run_labels,
)
from embedscope.result.codec import encode
from embedscope.result.report import comparison_report


def comparison_section(runs: Mapping[str, Scored], comparison: RunComparison, *, shown: str) -> CompareSection:
    """The section ``compare`` of a page: each run's metrics and ranks, the paired differences, what moved.

    Parameters
    ----------
    runs : mapping of name to Scored
        The runs compared. Of a run read from its folder only metrics, ranks and outcomes are needed.
    comparison : RunComparison
        What :func:`embedscope.comparison.paired.compare_runs` returns for ``runs``.
    shown : str
        The candidate that the rest of the page shows.

    Returns
    -------
    dict
        As ``compare_section`` of ``schema.json``; ``runs`` starts with the reference.
    """
    found = comparison_report(runs, comparison)
    names = (comparison.reference, *comparison.candidates)
    labels = run_labels(names)
    return {
        "judged": names.index(shown),
        "runs": [
            {
                "name": name,
                "label": labels[name],
                "metrics": found["runs"][name]["metrics"],
                "rank": number_column(runs[name].queries.rank, "float32"),
                "is_correct": number_column(runs[name].queries.is_correct, "uint8"),
            }
            for name in names
        ],
        "comparisons": found["comparisons"],
        "moved": [
            {
                "gained": number_column(comparison.gained[name], "int32"),
                "lost": number_column(comparison.lost[name], "int32"),
            }
            for name in comparison.candidates
        ],
        "type_changes": found["type_changes"],
        "level_shifts": found["level_shifts"],
        "best": found["best_of_many"],
    }


def timeline_section(
    *,
    labels: Sequence[str],
    epochs: Sequence[int],
    metrics: Mapping[str, Sequence[Estimate]],
    violation: Mapping[str, Sequence[Estimate]],
    shown: int,
    maps: Mapping[str, Sequence[Float32Array]] | None = None,
    drawn: IntArray | None = None,
    is_correct: BoolArray | None = None,
    segments: Sequence[Segment] = (),
    unit: Literal["epoch", "run"] = "epoch",
    note: str | None = None,
) -> TimelineSection:
    """The section ``timeline`` of a page: E checkpoints of one training in the order of their epochs, or E runs.

    Parameters
    ----------
    labels, epochs : sequence of length E
    metrics, violation : mapping of name to sequence of E Estimates
        Metrics, and the violation rate of each negative type.
    shown : int
        The checkpoint that the rest of the page shows.
    maps : mapping of name to sequence of E ndarrays of shape (M, 2), float32, optional
        Where the points of the page's result stand at each checkpoint; all frames of one map in one frame of
        reference.
    drawn : ndarray of int, optional
        The points that the page draws, from :func:`embedscope.output.page.payload.drawn_points`; all by default.
    is_correct : ndarray of shape (E, Q), bool, optional
        Whether each query is right at rank 1 at each checkpoint.
    segments : sequence of E - 1 Segments, optional
        What came right and went wrong from each checkpoint to the next.
    unit : "epoch" or "run"
        What the entries are: runs have no order that a line could follow.
    note : str, optional
        What a person should know first, over-fitting among it.

    Raises
    ------
    ValueError
        If a sequence does not have one entry a checkpoint.
    """
    frames = {} if maps is None else maps
    _require_entries(len(labels), {"epochs": epochs, **metrics, **violation, **frames})
    return {
        "labels": list(labels),
        "epochs": [int(epoch) for epoch in epochs],
        "shown": shown,
        "metrics": encode(metrics),
        "violation": encode(violation),
        "maps": {
            name: [number_column(xy if drawn is None else xy[drawn], "float32") for xy in positions]
            for name, positions in frames.items()
        },
        "is_correct": None if is_correct is None else number_column(is_correct, "uint8"),
        "stretches": [_segment(segment) for segment in segments],
        "unit": unit,
        "note": note,
    }


def _segment(segment: Segment) -> SegmentColumns:
    return {
        "comparison": encode(segment.comparison),
        "gained": number_column(segment.gained, "int32"),
        "lost": number_column(segment.lost, "int32"),
    }


def timeline_section_of(
    timeline: Timeline,
    animations: Sequence[MapAnimation],
    result: Mapped,
    *,
    shown: int,
    point_budget: int = POINT_BUDGET,
) -> TimelineSection:
    """The section ``timeline`` of the page of ``result``, from the records of the analysis.

    Parameters
    ----------
    timeline : Timeline
    animations : sequence of MapAnimation
        Of the points of ``result``; may be empty.
    result : Mapped
        Of the checkpoint ``timeline.names[shown]``.
    shown : int
    point_budget : int
        As for :func:`embedscope.output.page.payload.page_payload`.

    Raises
    ------
    ValueError
        If an animation shows other points than ``result``.
    """
    for animation in animations:
        if result.points is None or not np.array_equal(animation.points.rows, result.points.rows):
            raise ValueError(f"the animation of {animation.method} shows other points than the page")
    return timeline_section(
        labels=list(run_labels(timeline.names).values()),
        epochs=timeline.epochs,
        metrics=timeline.metrics,
        violation=timeline.violation_rates,
        shown=shown,
        maps={animation.method: [layout.xy for layout in animation.maps] for animation in animations},
        drawn=drawn_points(result, point_budget),
        is_correct=_outcomes(timeline, shown, result.queries.is_correct),
        segments=timeline.segments,
        note=timeline.over_fitting,
    )


def _outcomes(timeline: Timeline, shown: int, is_correct: BoolArray) -> BoolArray:
    """Outcomes of the queries at every checkpoint, (E, Q): those of one, and what each segment gained and lost."""
    outcomes = np.tile(is_correct, (len(timeline.names), 1))
    for after in range(shown + 1, len(outcomes)):
        segment = timeline.segments[after - 1]
        outcomes[after] = _changed(outcomes[after - 1], right=segment.gained, wrong=segment.lost)
    for after, before in pairwise(range(shown, -1, -1)):
        segment = timeline.segments[before]
        outcomes[before] = _changed(outcomes[after], right=segment.lost, wrong=segment.gained)
    return outcomes


def _changed(is_correct: BoolArray, *, right: IntArray, wrong: IntArray) -> BoolArray:
    changed = is_correct.copy()
    changed[right] = True
    changed[wrong] = False
    return changed


def _require_entries(n: int, sequences: Mapping[str, Sequence[Any]]) -> None:
    for name, entries in sequences.items():
        if len(entries) != n:
            raise ValueError(f"a timeline of {n} checkpoints needs {n} entries of {name!r}, and {len(entries)} came")


def animation_section(
    runs: Mapping[str, Scored], animations: Sequence[MapAnimation], result: Mapped, *, shown: str
) -> TimelineSection:
    """Runs that are no training one after the other, for the page: where the points move, and what became right."""
    names = animations[0].names
    found = [runs[name] for name in names]
    first = runs[shown]
    labels = run_labels(runs)
    return timeline_section(
        unit="run",
        labels=[labels[name] for name in names],
        epochs=range(1, len(names) + 1),
        metrics={name: [run.metrics[name].estimate for run in found] for name in first.metrics},
        violation={name: [run.negative_types[name].violation_rate for run in found] for name in first.negative_types},
        shown=names.index(shown),
        maps={animation.method: [layout.xy for layout in animation.maps] for animation in animations},
        drawn=drawn_points(result, POINT_BUDGET),
        is_correct=np.stack([run.queries.is_correct for run in found]),
    )
