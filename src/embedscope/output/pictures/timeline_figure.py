"""A training run over its checkpoints: metrics, violations, and what each segment moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from embedscope.output.pictures import style
from embedscope.output.pictures.curve_artists import (
    BOTTOM,
    GAP,
    LEFT,
    MAX_TYPES,
    PANEL,
    RIGHT,
    WIDTH,
    draw_bands,
    draw_best,
    frame_panel,
    label_violations,
)
from embedscope.protocols import Float64Array
from embedscope.result import Estimate, Timeline
from embedscope.result.formatting import count

_BARS = 1.5
SHOWN_METRICS = ("MRR", "Success@1", "nDCG@10", "Recall@100")


@style.styled
def draw_timeline(timeline: Timeline) -> Figure:
    """Rank metrics and violations by type with intervals, and the queries that each segment gained and lost.

    The best checkpoint is marked; over-fitting, where it is more than chance, stands under the title.
    """
    has_types = bool(timeline.violation_rates)
    subtitles = [
        f"{len(timeline.names)} checkpoints{style.DOT}{count(timeline.n_queries, 'query', 'queries')} in "
        f"{count(timeline.n_clusters, 'independent group')}{style.DOT}best by {timeline.metric}: "
        f"epoch {timeline.epochs[timeline.best]}{style.DOT}bands are 95 % intervals"
    ]
    subtitles += [] if timeline.over_fitting is None else _lines(timeline.over_fitting)
    top = style.header_height(len(subtitles)) + 0.12
    height = top + PANEL + _BARS + GAP + (PANEL + GAP if has_types else 0) + BOTTOM
    figure = style.new_figure(WIDTH, height)
    style.header(figure, "Training, checkpoint by checkpoint", *subtitles)
    bottom = height - top
    x = np.array(timeline.epochs, dtype=np.float64)
    for name, size in (("metrics", PANEL), ("violations", PANEL), ("queries", _BARS)):
        if name == "violations" and not has_types:
            continue
        bottom -= size
        axes = style.axes_at(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, size)
        bottom -= GAP
        style.mark(axes, name)
        _frame(axes, x, is_last=name == "queries")
        if name == "metrics":
            draw_bands(axes, x, _shown_metrics(timeline), bottom=0.0)
            axes.set_ylabel("metric")
        elif name == "violations":
            draw_bands(axes, x, _worst_types(timeline), bottom=0.0)
            label_violations(axes)
        else:
            _draw_segments(axes, timeline, x)
        draw_best(axes, x[timeline.best], "best checkpoint")
    return figure


def _lines(note: str, limit: int = 135) -> list[str]:
    """A note over as many lines as it takes, broken between words."""
    lines = [""]
    for word in (note[:1].upper() + note[1:]).split():
        if len(lines[-1]) + len(word) + 1 > limit:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _frame(axes: Axes, x: Float64Array, *, is_last: bool) -> None:
    pad = 0.03 * max(float(np.ptp(x)), 1.0)
    axes.set_xlim(x[0] - pad, x[-1] + pad)
    if len(x) <= 20:
        axes.set_xticks(x, [f"{value:g}" for value in x])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    frame_panel(axes, is_last=is_last)


def _shown_metrics(timeline: Timeline) -> Mapping[str, Sequence[Estimate]]:
    names = dict.fromkeys((timeline.metric, *SHOWN_METRICS))
    return {name: timeline.metrics[name] for name in names if name in timeline.metrics}


def _worst_types(timeline: Timeline) -> Mapping[str, Sequence[Estimate]]:
    def last(name: str) -> float:
        value = timeline.violation_rates[name][-1].value
        return -1.0 if value is None else value

    names = sorted(timeline.violation_rates, key=last, reverse=True)[:MAX_TYPES]
    return {style.shown(name): timeline.violation_rates[name] for name in names}


def _draw_segments(axes: Axes, timeline: Timeline, x: Float64Array) -> None:
    """Queries gained upwards and lost downwards, between the two checkpoints that they moved between."""
    middles, widths = (x[1:] + x[:-1]) / 2, 0.7 * np.diff(x)
    gained = np.array([len(segment.gained) for segment in timeline.segments])
    lost = np.array([len(segment.lost) for segment in timeline.segments])
    for name, heights, colour, hatch in (
        ("gained", gained, style.RIGHT, ""),
        ("lost", -lost, style.WRONG, "////"),
    ):
        bars = axes.bar(
            middles,
            heights,
            width=widths,
            facecolor=colour,
            alpha=0.75,
            hatch=hatch,
            edgecolor=style.PAPER,
            linewidth=0,
        )
        for bar in bars:
            style.mark(bar, name)
        _name_bars(axes, middles, heights)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    up, down = float(gained.max(initial=0)), float(lost.max(initial=0))
    margin = max(1.0, 0.25 * max(up, down))  # for the numbers at the ends of the bars
    axes.set_ylim(-down - margin, up + margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.set_ylabel("queries right\nat rank 1")
    for lift, word, colour in ((8, "gained", style.RIGHT), (-8, "lost", style.WRONG)):
        axes.annotate(
            word,
            (1.0, 0.0),
            xycoords=("axes fraction", "data"),
            xytext=(4, lift),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL_SIZE,
            color=colour,
        )


def _name_bars(axes: Axes, middles: Float64Array, heights: Float64Array) -> None:
    if len(middles) > 24:
        return  # numbers would stand on one another
    for x, height in zip(middles, heights, strict=True):
        if height:
            axes.annotate(
                f"{abs(int(height)):,}",
                (x, height),
                xytext=(0, 2 if height > 0 else -2),
                textcoords="offset points",
                ha="center",
                va="bottom" if height > 0 else "top",
                fontsize=style.SMALL_SIZE,
                color=style.MUTED,
            )
