"""A training run over its checkpoints: metrics, violations, and what each segment moved."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from embedscope.output.pictures import style
from embedscope.output.pictures.curve_artists import MAX_TYPES, PANEL, Panel, draw_bands, draw_panels, label_violations
from embedscope.protocols import Float64Array
from embedscope.result import Timeline
from embedscope.result.formatting import queries_in_words, sentence

_BARS = 1.5
SHOWN_METRICS = ("MRR", "Success@1", "nDCG@10", "Recall@100")


@style.look()
def draw_timeline(timeline: Timeline) -> Figure:
    """Rank metrics and violations by type with intervals, and the queries that each segment gained and lost.

    The best checkpoint is marked; over-fitting, where it is more than chance, stands under the title.
    """
    subtitles = [
        f"{len(timeline.names)} checkpoints{style.DOT}"
        f"{queries_in_words(timeline.n_queries, timeline.n_effective)}{style.DOT}best by {timeline.metric}: "
        f"epoch {timeline.epochs[timeline.best]}{style.DOT}bands are 95 % intervals"
    ]
    if timeline.over_fitting is not None:
        note = sentence(timeline.over_fitting)
        subtitles += textwrap.wrap(note, 135, break_long_words=False, break_on_hyphens=False)
    x = np.array(timeline.epochs, dtype=np.float64)
    panels = [
        Panel("metrics", PANEL, lambda axes: _draw_metrics(axes, timeline, x)),
        Panel("violations", PANEL, lambda axes: _draw_violations(axes, timeline, x)),
        Panel("queries", _BARS, lambda axes: _draw_segments(axes, timeline, x)),
    ]
    return draw_panels(
        "Training, checkpoint by checkpoint",
        subtitles,
        panels if timeline.violation_rates else [panels[0], panels[2]],
        frame=lambda axes: _frame(axes, x),
        best=x[timeline.best],
        best_gid="best checkpoint",
    )


def _frame(axes: Axes, x: Float64Array) -> None:
    pad = 0.03 * max(float(np.ptp(x)), 1.0)
    axes.set_xlim(x[0] - pad, x[-1] + pad)
    if len(x) <= 20:
        axes.set_xticks(x, [f"{value:g}" for value in x])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))


def _draw_metrics(axes: Axes, timeline: Timeline, x: Float64Array) -> None:
    names = dict.fromkeys((timeline.metric, *SHOWN_METRICS))
    draw_bands(axes, x, {name: timeline.metrics[name] for name in names if name in timeline.metrics})
    axes.set_ylabel("metric")


def _draw_violations(axes: Axes, timeline: Timeline, x: Float64Array) -> None:
    def last(name: str) -> float:
        value = timeline.violation_rates[name][-1].value
        return -1.0 if value is None else value

    worst = sorted(timeline.violation_rates, key=last, reverse=True)[:MAX_TYPES]
    draw_bands(axes, x, {style.shown(name): timeline.violation_rates[name] for name in worst})
    label_violations(axes)


def _draw_segments(axes: Axes, timeline: Timeline, x: Float64Array) -> None:
    """Queries gained upwards and lost downwards, between the two checkpoints that they moved between."""
    middles, widths = (x[1:] + x[:-1]) / 2, 0.7 * np.diff(x)
    gained = np.array([len(segment.gained) for segment in timeline.segments])
    lost = np.array([len(segment.lost) for segment in timeline.segments])
    for name, heights, colour, hatch, lift in (
        ("gained", gained, style.RIGHT, "", 8),
        ("lost", -lost, style.WRONG, "////", -8),
    ):
        axes.bar(
            middles,
            heights,
            width=widths,
            facecolor=colour,
            alpha=0.75,
            hatch=hatch,
            edgecolor=style.PAPER,
            linewidth=0,
            gid=name,
        )
        _name_bars(axes, middles, heights)
        style.annotate(axes, name, (1.0, 0.0), (4, lift), xycoords=("axes fraction", "data"), color=colour)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    up, down = float(gained.max(initial=0)), float(lost.max(initial=0))
    margin = max(1.0, 0.25 * max(up, down))  # for the numbers at the ends of the bars
    axes.set_ylim(-down - margin, up + margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.set_ylabel("queries right\nat rank 1")


def _name_bars(axes: Axes, middles: Float64Array, heights: Float64Array) -> None:
    if len(middles) > 24:
        return  # numbers would stand on one another
    for x, height in zip(middles, heights, strict=True):
        if height:
            side, anchor = (2, "bottom") if height > 0 else (-2, "top")
            text = f"{abs(int(height)):,}"
            style.annotate(axes, text, (x, height), (0, side), ha="center", va=anchor, color=style.MUTED)
