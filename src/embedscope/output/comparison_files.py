"""Pictures of a comparison, and of the training whose checkpoints it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embedscope.result import MapAnimation, RunComparison, Scored, Timeline, run_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = ("metrics_comparison", "rank_changes", "timeline", "timeline_maps")


def comparison_pictures(
    runs: Mapping[str, Scored],
    comparison: RunComparison,
    shown: RunComparison,
    timeline: Timeline | None,
    animations: Sequence[MapAnimation],
    *,
    dpi: float,
    format: str,  # noqa: A002
) -> dict[str, bytes]:
    """Metrics and the queries that moved of each candidate in ``shown``, and the timeline; content by file name."""
    from embedscope.output import pictures

    figures: dict[str, Figure] = {"metrics_comparison": pictures.draw_metric_comparison(runs, shown)}
    for name in shown.candidates:
        position = comparison.candidates.index(name) + 2
        suffix = "" if len(comparison.candidates) == 1 else f"_{position}"
        figures[f"rank_changes{suffix}"] = pictures.draw_rank_slopes(runs, comparison, name)
    if timeline is not None:
        figures["timeline"] = pictures.draw_timeline(timeline)
        if any(animation.names == timeline.names for animation in animations):  # they may be of all runs compared
            figures["timeline_maps"] = pictures.draw_map_animations(animations, runs)
    source = f"on {run_label(runs[comparison.reference].data.name)}" if runs[comparison.reference].data.name else ""
    return {
        f"{name}.{format}": pictures.drawn(pictures.sign(figure, source), dpi=dpi, format=format)()
        for name, figure in figures.items()
    }
