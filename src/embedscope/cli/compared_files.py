"""Pictures and page of a comparison, and of the training whose checkpoints it compares."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.output.page import html
from embedscope.output.page import payload as page
from embedscope.output.page.sections import comparison_section, timeline_section, timeline_section_of
from embedscope.result import Estimate, MapAnimation, Result, RunComparison, Timeline, run_labels

PICTURES = ("metrics_comparison", "rank_changes", "timeline", "timeline_maps")


def draw_pictures(
    runs: Mapping[str, Result],
    comparison: RunComparison,
    told: RunComparison,
    timeline: Timeline | None,
    animations: Sequence[MapAnimation],
    folder: Path,
    options: argparse.Namespace,
) -> list[str]:
    """The metrics and the queries that moved of each candidate in ``told``, and the timeline; the file names."""
    from embedscope.output import pictures as plots

    drawn: dict[str, Any] = {"metrics_comparison": plots.draw_metric_comparison(runs, told)}
    for name in told.candidates:
        position = comparison.candidates.index(name) + 2
        suffix = "" if len(comparison.candidates) == 1 else f"_{position}"
        drawn[f"rank_changes{suffix}"] = plots.draw_rank_slopes(runs, comparison, name)
    if timeline is not None:
        drawn["timeline"] = plots.draw_timeline(timeline)
        if _is_of(animations, timeline):
            drawn["timeline_maps"] = plots.draw_map_animations(animations, runs)
    names = []
    for name, figure in drawn.items():
        file = f"{name}.{options.format}"
        plots.save(figure, folder / file, dpi=options.dpi, format=options.format)
        names.append(file)
    return names


def _is_of(animations: Sequence[MapAnimation], timeline: Timeline) -> bool:
    """Whether there are films, and of the checkpoints of the timeline: they may be of all runs compared."""
    return any(animation.names == timeline.names for animation in animations)


def write_page(
    folder: Path,
    judged: Mapping[str, Any],
    runs: Mapping[str, Result],
    comparison: RunComparison,
    candidate: str,
    timeline: Timeline | None,
    animations: Sequence[MapAnimation],
) -> list[str]:
    """The page of the judged candidate with the comparison in it, and the data it is drawn from; the file names."""
    section = None
    if timeline is not None and candidate in timeline.names:
        shown = timeline.names.index(candidate)
        section = timeline_section_of(timeline, animations, runs[candidate], shown=shown)
    elif animations:
        section = animation_section(runs, animations, candidate)
    compared = comparison_section(runs, comparison, judged=candidate)
    payload = page.page_payload(judged, runs[candidate], compare=compared, timeline=section)
    (folder / page.PAGE_FILE).write_text(page.to_json(payload), encoding="utf-8")
    (folder / "report.html").write_text(html.render(payload, title=html.page_title(judged)), encoding="utf-8")
    return ["report.html", page.PAGE_FILE]


def animation_section(runs: Mapping[str, Result], animations: Sequence[MapAnimation], shown: str) -> dict[str, Any]:
    """Runs that are no training one after the other, for the page: where the points move, and what became right."""
    names = animations[0].names
    found = [runs[name] for name in names]
    first = runs[shown]
    labels = run_labels(runs)
    return timeline_section(
        unit="run",
        labels=[labels[name] for name in names],
        epochs=range(1, len(names) + 1),
        metrics={
            name: [Estimate(m.value, m.low, m.high) for m in (run.metrics[name] for run in found)]
            for name in first.metrics
        },
        violation={name: [run.negative_types[name].violation_rate for run in found] for name in first.negative_types},
        shown=names.index(shown),
        maps={animation.method: [layout.xy for layout in animation.maps] for animation in animations},
        drawn=page.drawn_points(first, page.POINT_BUDGET),
        is_correct=np.stack([run.queries.is_correct for run in found]),
    )
