"""Parts of a page that hold several runs: a comparison of checkpoints, and a training epoch by epoch.

Like the rest of the payload they select and encode, and measure nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from embedscope.output.page.contract import CompareSection, MovedRows, Numbers, TimelineSection
from embedscope.output.page.packing import number_column
from embedscope.output.page.payload import POINT_BUDGET, drawn_points
from embedscope.protocols import BoolArray, IntArray
from embedscope.result import Estimate, MapAnimation, Mapped, RunComparison, Scored, Segment, Timeline, run_labels
from embedscope.result.codec import encode
from embedscope.result.formatting import similarity_name
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
    """
    found = comparison_report(runs, comparison)
    names = (comparison.reference, *comparison.candidates)
    labels = run_labels(names)
    if len({runs[name].model.similarity for name in names}) > 1:
        labels = {name: f"{labels[name]} ({similarity_name(runs[name].model.similarity)})" for name in names}
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
        "moved": [_moved(comparison.gained[name], comparison.lost[name]) for name in comparison.candidates],
        "type_changes": found["type_changes"],
        "level_shifts": found["level_shifts"],
        "best": found["best_of_many"],
    }


def _moved(gained: IntArray, lost: IntArray) -> MovedRows:
    return {"gained": number_column(gained, "int32"), "lost": number_column(lost, "int32")}


def timeline_section(
    *,
    labels: Sequence[str],
    epochs: Sequence[int],
    metrics: Mapping[str, Sequence[Estimate]],
    violation: Mapping[str, Sequence[Estimate]],
    shown: int,
    maps: Mapping[str, list[Numbers]] | None = None,
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
    maps : mapping of method to list of E columns, optional
        Where the points that the page draws stand at each checkpoint.
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
    n = len(labels)
    sequences: dict[str, Sequence[Any]] = {"epochs": epochs, **metrics, **violation, **(maps or {})}
    for name, entries in sequences.items():
        if len(entries) != n:
            raise ValueError(f"a timeline of {n} checkpoints needs {n} entries of {name!r}, and {len(entries)} came")
    return {
        "labels": list(labels),
        "epochs": [int(epoch) for epoch in epochs],
        "shown": shown,
        "metrics": encode(metrics),
        "violation": encode(violation),
        "maps": dict(maps or {}),
        "is_correct": None if is_correct is None else number_column(is_correct, "uint8"),
        "stretches": [
            {"comparison": encode(segment.comparison), **_moved(segment.gained, segment.lost)} for segment in segments
        ],
        "unit": unit,
        "note": note,
    }


def timeline_section_of(
    timeline: Timeline,
    animations: Sequence[MapAnimation],
    result: Mapped,
    *,
    shown: int,
    point_budget: int = POINT_BUDGET,
) -> TimelineSection:
    """The section ``timeline`` of the page of ``result``, the run of the checkpoint ``timeline.names[shown]``.

    ``animations`` are of the points of ``result`` and may be none; ``point_budget`` is that of the page.

    Raises
    ------
    ValueError
        If an animation shows other points than ``result``.
    """
    return timeline_section(
        labels=list(run_labels(timeline.names).values()),
        epochs=timeline.epochs,
        metrics=timeline.metrics,
        violation=timeline.violation_rates,
        shown=shown,
        maps=_positions(animations, result, point_budget),
        is_correct=_outcomes(timeline, shown, result.queries.is_correct),
        segments=timeline.segments,
        note=timeline.over_fitting,
    )


def animation_section(
    runs: Mapping[str, Scored], animations: Sequence[MapAnimation], result: Mapped, *, shown: str
) -> TimelineSection:
    """Runs that are no training one after the other, for the page: where the points move, and what became right."""
    names = animations[0].names
    found = [runs[name] for name in names]
    labels = run_labels(runs)
    return timeline_section(
        unit="run",
        labels=[labels[name] for name in names],
        epochs=range(1, len(names) + 1),
        metrics={name: [run.metrics[name].estimate for run in found] for name in runs[shown].metrics},
        violation={
            name: [run.negative_types[name].violation_rate for run in found] for name in runs[shown].negative_types
        },
        shown=names.index(shown),
        maps=_positions(animations, result, POINT_BUDGET),
        is_correct=np.stack([run.queries.is_correct for run in found]),
    )


def _positions(animations: Sequence[MapAnimation], result: Mapped, point_budget: int) -> dict[str, list[Numbers]]:
    """Where the points that the page of ``result`` draws stand on each map, by method."""
    drawn = drawn_points(result, point_budget)
    found = {}
    for each in animations:
        if drawn is None or result.points is None or not np.array_equal(each.points.rows, result.points.rows):
            raise ValueError(f"the animation of {each.method} shows other points than the page")
        found[each.method] = [number_column(layout.xy[drawn], "float32") for layout in each.maps]
    return found


def _outcomes(timeline: Timeline, shown: int, is_correct: BoolArray) -> BoolArray:
    """Outcomes of the queries at every checkpoint, (E, Q): those of one, and what each segment gained and lost."""
    outcomes = np.tile(is_correct, (len(timeline.names), 1))
    for place, segment in enumerate(timeline.segments):  # what moved after `shown` holds from there to the end
        if place >= shown:
            outcomes[place + 1 :, segment.gained] = True
            outcomes[place + 1 :, segment.lost] = False
    for place in reversed(range(shown)):
        outcomes[: place + 1, timeline.segments[place].gained] = False
        outcomes[: place + 1, timeline.segments[place].lost] = True
    return outcomes
