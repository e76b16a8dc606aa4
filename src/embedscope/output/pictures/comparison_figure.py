"""Several runs beside one another: metrics with their intervals, and which queries moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import abridged, names_apart
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import RunComparison, Scored, run_labels
from embedscope.result.formatting import queries_of

_WIDTH, _LEFT, _RIGHT, _BOTTOM = 11.0, 1.5, 0.45, 0.7
_GROUP_HEIGHT = 0.35
_MAX_SLOPES = 400
_CANDIDATE_COLOURS = (style.BLUE, style.GREEN, style.VERMILLION, style.AMBER)
_CANDIDATE_MARKERS = ("s", "^", "D", "v", "P")  # one more than colours, so that 20 runs differ in one of the two
_LEGEND_ROW = 0.2
_SLOPES_WIDTH, _SLOPES_HEIGHT = 8.4, 6.8
METRICS = ("MRR", "Success@1", "Success@10", "nDCG@10", "Recall@100")


@style.look()
def draw_metric_comparison(runs: Mapping[str, Scored], comparison: RunComparison) -> Figure:
    """Each metric of each run with its 95 % interval; the reference stands first and in grey."""
    names = [comparison.reference, *comparison.candidates]
    labels = _labels(names, (_WIDTH - _LEFT - _RIGHT - 0.5) * 72, style.BODY_SIZE)
    limit = (_WIDTH - 2 * style.MARGIN) * 72
    metrics = [metric for metric in METRICS if metric in runs[comparison.reference].metrics]
    row = _GROUP_HEIGHT + 0.16 * len(names)
    bottom = _BOTTOM + _LEGEND_ROW * len(names)
    height = style.header_height(2) + row * len(metrics) + bottom
    first = runs[comparison.reference]
    size = f"{queries_of(first.data)}{style.DOT}{first.data.n_documents:,} documents{style.DOT}reference: "
    width_of = measure(style.SUBTITLE_SIZE)
    figure = style.titled_figure(
        _WIDTH,
        height,
        "Metrics of each run",
        size + abridged(labels[comparison.reference], limit - width_of(size), width_of),
        "Lines are 95 % intervals of each run alone; the paired test says whether two runs differ",
    )
    axes = style.axes_at(figure, _LEFT, bottom, _WIDTH - _LEFT - _RIGHT, row * len(metrics))
    for j, name in enumerate(names):
        _draw_run(axes, runs[name], metrics, labels[name], j, len(names))
    axes.set_yticks(range(len(metrics)), metrics)
    axes.set_ylim(len(metrics) - 0.5, -0.5)
    axes.set_xlabel("mean over queries")
    axes.grid(axis="x", color=style.FAINT, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="lower left",
        bbox_to_anchor=(_LEFT / _WIDTH, 0.1 / height),
        frameon=False,
    )
    return figure


def _draw_run(axes: Axes, result: Scored, metrics: Sequence[str], label: str, j: int, n_runs: int) -> None:
    """Run ``j`` of ``n_runs``; the reference is run 0."""
    offset = (j - (n_runs - 1) / 2) * min(0.22, 0.7 / n_runs)
    colour = style.MUTED if j == 0 else _CANDIDATE_COLOURS[(j - 1) % len(_CANDIDATE_COLOURS)]
    marker = "o" if j == 0 else _CANDIDATE_MARKERS[(j - 1) % len(_CANDIDATE_MARKERS)]
    found = [result.metrics[metric] for metric in metrics]
    values = np.array([each.value for each in found])
    low = np.array([each.value if each.low is None else each.low for each in found])
    high = np.array([each.value if each.high is None else each.high for each in found])
    axes.errorbar(
        values,
        np.arange(len(metrics)) + offset,
        xerr=np.vstack([values - low, high - values]).clip(min=0),
        fmt=marker,
        color=colour,
        capsize=3,
        markersize=5.5,
        linewidth=1.6,
        label=label,
    )
    for place, (value, end) in enumerate(zip(values, high, strict=True)):
        style.annotate(axes, style.number(value, 3), (end, place + offset), (6, 0), color=colour)


@style.look()
def draw_rank_slopes(runs: Mapping[str, Scored], comparison: RunComparison, candidate: str) -> Figure:
    """Rank of the first relevant document before and after, one line a query that crossed rank 1."""
    before, after = runs[comparison.reference].queries, runs[candidate].queries
    lost, gained = comparison.lost[candidate], comparison.gained[candidate]
    pair = (comparison.reference, candidate)
    between = " (left) against ", " (right)"
    limit = (_SLOPES_WIDTH - 2 * style.MARGIN) * 72 - measure(style.SUBTITLE_SIZE)("".join(between))
    left, right = _labels(pair, limit / 2, style.SUBTITLE_SIZE).values()
    figure = style.titled_figure(
        _SLOPES_WIDTH,
        _SLOPES_HEIGHT,
        "Queries that moved across rank 1",
        f"{len(gained):,} gained{style.DOT}{len(lost):,} lost{style.DOT}"
        f"{len(before.texts) - len(gained) - len(lost):,} others not drawn",
        f"{left}{between[0]}{right}{between[1]}",
        "solid: right at rank 1 now, dashed: no longer",
    )
    axes = style.axes_at(figure, 1.0, 0.7, _SLOPES_WIDTH - 2.0, _SLOPES_HEIGHT - style.header_height(3) - 0.7)
    moved = np.concatenate([lost[:_MAX_SLOPES], gained[:_MAX_SLOPES]])
    both = np.concatenate([before.rank[moved], after.rank[moved]])
    last = max(10.0, both[np.isfinite(both)].max(initial=0.0))
    worst = last if np.isfinite(both).all() else 2 * last  # what a run did not return stands below all
    ends = [np.minimum(ranks, worst) for ranks in (before.rank, after.rank)]
    _draw_slopes(axes, ends, gained[:_MAX_SLOPES], style.GREEN, "solid")
    _draw_slopes(axes, ends, lost[:_MAX_SLOPES], style.VERMILLION, "dashed")
    axes.set_yscale("log")
    axes.set_ylim(worst * 1.25, 0.85)
    axes.yaxis.set_major_formatter(lambda rank, _: f"{rank:,.0f}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xlim(-0.12, 1.12)
    axes.set_xticks((0, 1), [*_labels(pair, 3.0 * 72, style.SMALL_SIZE).values()])
    axes.set_ylabel("rank of the first relevant document (logarithmic)")
    axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
    return figure


def _labels(names: Sequence[str], limit: float, size: float) -> dict[str, str]:
    """Labels of runs that stay apart, each at most ``limit`` points wide in letters of ``size``."""
    labels = [style.shown(label) for label in run_labels(names).values()]
    return dict(zip(names, names_apart(labels, limit, measure(size)), strict=True))


def _draw_slopes(axes: Axes, ends: Sequence[Float64Array], rows: IntArray, colour: str, line: str) -> None:
    before, after = ends
    alpha = float(np.clip(12 / max(len(rows), 1), 0.18, 0.9))
    for row in rows:
        axes.plot((0, 1), (before[row], after[row]), color=colour, linestyle=line, linewidth=1.0, alpha=alpha)
    axes.scatter(np.zeros(len(rows)), before[rows], s=9, color=colour, zorder=3)
    axes.scatter(np.ones(len(rows)), after[rows], s=9, color=colour, zorder=3)
