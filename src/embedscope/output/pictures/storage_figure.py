"""What fewer bytes a document cost, and where a threshold may be set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.result import DeploymentCost, IndexSetting, StorageFormat, ThresholdTable
from embedscope.result.formatting import count, decimals_of, threshold_name

_WIDTH, _HEIGHT = 9.6, 6.0
_LEFT, _RIGHT, _BOTTOM = 0.85, 0.45, 0.7
_KINDS = {
    "float32": (style.BLUE, "o", "solid", "float32", (-12, 9)),
    "float16": (style.INK, "s", "none", "float16", (-12, 9)),
    "int8": (style.GREEN, "^", (0, (5, 2)), "int8, a scale for each dimension", (-12, 9)),
    "binary": (style.VERMILLION, "X", (0, (1, 1.2)), "binary, Hamming distance", (12, -9)),
    "rescored": (style.AMBER, "D", "none", "binary, best candidates rescored by float32", (12, 9)),
    "PCA": (style.PURPLE, "P", "none", "float32, PCA", (12, 9)),
    "random": (style.SKY, "v", "none", "float32, random dimensions", (12, -14)),
}
_INDEXES = {
    "exact": (style.BLUE, "o", "exact search"),
    "int8": (style.GREEN, "^", "int8, all compared"),
    "binary": (style.VERMILLION, "X", "binary, all compared"),
    "HNSW": (style.AMBER, "D", "HNSW"),
    "IVF-PQ": (style.PURPLE, "s", "IVF-PQ"),
}
_INDEXES_HEIGHT = 4.2
_SHIFT = {"int8": 1.04, "binary": 0.96}  # so that bars of formats of one size stand beside one another


@style.look()
def draw_deployment_cost(cost: DeploymentCost, *, metric: str = "MRR", similarity: str = "cosine") -> Figure:
    """``metric`` against the bytes that are searched for each document, one line a precision.

    A bar is the 95 % interval of the paired difference from float32 at full width, placed on that reference's value:
    where it crosses the horizontal line, the loss is not told from none. Numbers beside the points are dimensions.
    Below, where indexes were measured, ``metric`` of the documents that each returns against its speed.

    Raises
    ------
    InvalidOptionError
        No format has a value of ``metric``.
    """
    measured = [each for each in cost.formats if metric in each.metrics and each.metrics[metric].value is not None]
    if not measured:
        raise InvalidOptionError(f"There is nothing to draw: {metric} was not measured for any storage format.")
    again = ", made unit vectors again" if similarity == "cosine" else ""
    reference = cost.reference.replace(" x ", " \N{MULTIPLICATION SIGN} ")
    indexes = [each for each in cost.indexes if each.queries_per_second is not None and metric in each.metrics]
    below = _INDEXES_HEIGHT if indexes else 0.0
    figure = style.titled_figure(
        _WIDTH,
        _HEIGHT + below,
        "Quality against bytes a document",
        f"bars: 95 % interval of the difference from {reference}, on its level (line){style.DOT}"
        f"{count(cost.n_documents, 'document')}",
        f"numbers: dimensions kept{again}; rescoring reads the float32 vectors of its candidates too",
    )
    height = _HEIGHT - style.header_height(2) - _BOTTOM - 0.1
    axes = style.axes_at(figure, _LEFT, _BOTTOM + below, _WIDTH - _LEFT - _RIGHT, height)
    level = _value(measured[0], metric)
    for kind in _KINDS:
        own = [each for each in measured if kind == _kind(each)]
        if own:
            _draw_kind(axes, kind, own, metric, level)
    axes.axhline(level, color=style.MUTED, linewidth=1.0, zorder=1.5, gid="reference")
    _finish(axes, [each.bytes_in_index for each in measured], metric)
    if indexes:
        lower = style.axes_at(figure, _LEFT, _BOTTOM, _WIDTH - _LEFT - _RIGHT, below - _BOTTOM - 0.25)
        _draw_indexes(lower, indexes, metric, cost.k)
    return figure


def _kind(each: StorageFormat) -> str:
    if each.n_rescored:
        return "rescored"
    return each.precision if each.reduction == "prefix" else each.reduction


def _draw_indexes(axes: Axes, indexes: Sequence[IndexSetting], metric: str, k: int) -> None:
    """One line a kind of index; bars as above, from exact search."""
    level = _value(indexes[0], metric)
    for kind, (colour, marker, label) in _INDEXES.items():
        own = [each for each in indexes if each.kind == kind]
        if not own:
            continue
        values = [_value(each, metric) for each in own]
        axes.plot([_speed(each) for each in own], values, color=colour, marker=marker, markersize=7, linewidth=1.6,
                  markeredgecolor=style.PAPER, label=label, zorder=3, gid=f"index {kind}")  # fmt: skip
        for each in own:
            _draw_interval(axes, each, _speed(each), metric, level, colour)
            if "=" in each.name:  # the setting that its search was given
                setting = each.name.rpartition(", ")[2]
                at = (_speed(each), _value(each, metric))
                style.annotate(axes, setting, at, (7, 5), ha="left", fontsize=7.5, color=colour)
    axes.axhline(level, color=style.MUTED, linewidth=1.0, zorder=1.5, gid="exact")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter("")
    axes.margins(0.08, 0.2)
    axes.set_xlabel("queries a second through an index, one at a time on one thread of this machine (logarithmic)")
    axes.set_ylabel(f"{metric} of {k} documents returned")
    axes.grid()
    axes.legend(loc="lower left", fontsize=style.SMALL_SIZE)


def _speed(each: IndexSetting) -> float:
    return each.queries_per_second or np.nan


def _value(each: StorageFormat | IndexSetting, metric: str) -> float:
    value = each.metrics[metric].value
    return np.nan if value is None else value


def _draw_kind(axes: Axes, kind: str, own: Sequence[StorageFormat], metric: str, level: float) -> None:
    colour, marker, dashes, label, offset = _KINDS[kind]
    own = sorted(own, key=lambda each: each.bytes_in_index)
    bytes_each = [each.bytes_in_index * _SHIFT.get(kind, 1.0) for each in own]
    values = [_value(each, metric) for each in own]
    axes.plot(bytes_each, values, color=colour, marker=marker, linestyle=dashes, markersize=7, linewidth=1.6,
              markeredgecolor=style.PAPER, label=label, zorder=3, gid=f"format {kind}")  # fmt: skip
    for each, at, value in zip(own, bytes_each, values, strict=True):
        _draw_interval(axes, each, at, metric, level, colour)
        style.annotate(axes, f"{each.width}", (at, value), offset, ha="center", fontsize=7.5, color=colour)


def _draw_interval(
    axes: Axes, each: StorageFormat | IndexSetting, at: float, metric: str, level: float, colour: str
) -> None:
    change = next((change for change in each.changes if change.metric == metric), None)
    if change is not None and change.low is not None and change.high is not None:
        ends = (level + change.low, level + change.high)
        axes.plot((at, at), ends, color=colour, linewidth=1.4, alpha=0.8, zorder=2, gid="interval")


def _finish(axes: Axes, sizes: Sequence[int], metric: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(sizes) / 1.6, max(sizes) * 1.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("bytes a document in the index (logarithmic)")
    axes.set_ylabel(metric)
    axes.grid()
    axes.legend(loc="best", fontsize=style.SMALL_SIZE)


@style.look()
def draw_thresholds(table: ThresholdTable, *, similarity: str = "cosine", axes: Axes | None = None) -> Figure:
    """Precision and recall of a threshold with their 95 % intervals, and the thresholds that are suggested.

    In a figure of its own, or in ``axes``.
    """
    threshold = threshold_name(similarity)
    title = f"Precision and recall of a {threshold}"
    if axes is None:
        figure = style.titled_figure(
            _WIDTH,
            5.2,
            title,
            f"every document at or above the threshold is taken, out of {table.n_documents:,}; one that nobody judged "
            "counts as wrong",
            _choices(table),
        )
        height = 5.2 - style.header_height(2) - _BOTTOM - 0.1
        axes = style.axes_at(figure, _LEFT, _BOTTOM, _WIDTH - _LEFT - _RIGHT, height)
    else:
        style.title_axes(axes, title)
    # A line through one threshold would be invisible: a space where every pair has one similarity has no other.
    marker = "o" if len(table.thresholds) == 1 else ""
    for name, colour, dashes in (("precision", style.BLUE, "solid"), ("recall", style.AMBER, (0, (5, 2)))):
        value, low, high = (getattr(table, f"{name}{end}") for end in ("", "_low", "_high"))
        axes.fill_between(table.thresholds, low, high, color=colour, alpha=0.18, linewidth=0, zorder=2,
                          gid=f"interval {name}")  # fmt: skip
        axes.plot(table.thresholds, value, color=colour, linestyle=dashes, linewidth=2.0, marker=marker, label=name,
                  zorder=3, gid=name)  # fmt: skip
    for choice in table.choices:
        if choice.threshold is not None:
            axes.axvline(choice.threshold, color=style.MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1.5,
                         gid="suggested")  # fmt: skip
    axes.set_ylim(-0.02, 1.02)
    pad = (
        0.01 * max(1.0, abs(table.thresholds[0])) if len(table.thresholds) == 1 else 0.0
    )  # one alone would be an axis of no width
    axes.set_xlim(table.thresholds[0] - pad, table.thresholds[-1] + pad)
    axes.set_xlabel(threshold)
    axes.grid()
    axes.legend(loc="center left")
    return style.figure_of(axes)


def _choices(table: ThresholdTable) -> str:
    decimals = decimals_of(table.thresholds)
    parts = [
        f"{100 * choice.wanted:g} %: "
        + (style.EN_DASH if choice.threshold is None else style.number(choice.threshold, decimals))
        for choice in table.choices
    ]
    unreachable = f" ({style.EN_DASH}: not reachable)" if any(c.threshold is None for c in table.choices) else ""
    return f"threshold for a precision of at least {', '.join(parts)}{unreachable}"
