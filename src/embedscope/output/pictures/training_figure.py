"""Training seen as it went: losses, learning rate, ranks of the validation queries, violations by type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from embedscope.output.pictures import style
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.protocols import Float64Array
from embedscope.result import EpochRecord, Estimate, TrainingRecord
from embedscope.result.formatting import count

_WIDTH = 11.0
_LEFT, _RIGHT, _BOTTOM, _GAP = 1.05, 1.3, 0.62, 0.26
_PANEL, _SMALL_PANEL = 2.15, 0.62
MAX_TYPES = 8
"""Negative types drawn, the most violated first; the record holds all."""

COLOURS = (
    style.BLUE,
    style.VERMILLION,
    style.GREEN,
    style.AMBER,
    "#cc79a7",
    "#56b4e9",
    style.INK,
    style.GREY,
)
LINES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")


@style.styled
def draw_training_curves(record: TrainingRecord, *, title: str = "Training of the projection head") -> Figure:
    """Four panels over one axis of epochs: losses, learning rate, rank metrics with intervals, violations by type.

    Panels without data (no validation, no hard negatives) are left out. The best epoch is marked in each.
    """
    epochs = record.epochs
    panels: list[tuple[float, str]] = [(_PANEL, "loss"), (_SMALL_PANEL, "rate")]
    panels += [(_PANEL, "metrics")] if any(epoch.metrics for epoch in epochs) else []
    panels += [(_PANEL, "violations")] if any(epoch.violation_rates for epoch in epochs) else []
    subtitles = _subtitles(record)
    top = style.header_height(len(subtitles)) + 0.12
    height = top + sum(size for size, _ in panels) + _GAP * (len(panels) - 1) + _BOTTOM
    figure = style.new_figure(_WIDTH, height)
    style.header(figure, title, *subtitles)
    draw = {"loss": _draw_losses, "rate": _draw_rate, "metrics": _draw_metrics, "violations": _draw_violations}
    bottom = height - top
    for place, (size, name) in enumerate(panels):
        bottom -= size + (_GAP if place else 0.0)
        axes = style.axes_at(figure, _LEFT, bottom, _WIDTH - _LEFT - _RIGHT, size)
        style.mark(axes, name)
        _frame(axes, epochs, is_last=place == len(panels) - 1)
        draw[name](axes, record)
        _mark_best(axes, record, is_named=place == 0)
    return figure


def _subtitles(record: TrainingRecord) -> list[str]:
    best = next(epoch for epoch in record.epochs if epoch.epoch == record.best_epoch)
    seconds = sum(epoch.elapsed_s for epoch in record.epochs)
    chosen = best.metrics.get(record.selected_by)
    value = f": {style.interval(chosen, 3)}" if chosen is not None else ""
    lines = [
        f"{record.n_pairs:,} pairs, {count(record.n_negatives, 'hard negative')}{style.DOT}"
        f"{len(record.epochs) - 1} epochs in {seconds:.0f} s{style.DOT}best by {record.selected_by}: "
        f"epoch {record.best_epoch}{value}"
    ]
    if record.n_valid_queries:
        lines.append(
            f"validation: {count(record.n_valid_queries, 'query', 'queries')} in "
            f"{count(record.n_valid_clusters, 'independent group')}; bands are 95 % intervals; "
            f"epoch 0 is the head before its first step"
        )
    lines += [ellipsis(note[:1].upper() + note[1:], 150) for note in record.notes if note.startswith("over-fitting")]
    return lines


def _frame(axes: Axes, epochs: Sequence[EpochRecord], *, is_last: bool) -> None:
    last = epochs[-1].epoch
    axes.set_xlim(-0.02 * last, last * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
    axes.margins(y=0.12)
    axes.tick_params(axis="x", labelbottom=is_last)
    axes.yaxis.set_label_coords(-0.62 / (_WIDTH - _LEFT - _RIGHT), 0.5)
    if is_last:
        axes.set_xlabel("epoch")


def _mark_best(axes: Axes, record: TrainingRecord, *, is_named: bool) -> None:
    line = axes.axvline(record.best_epoch, color=style.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    style.mark(line, "best epoch")
    if is_named:
        axes.annotate(
            f"best: epoch {record.best_epoch}",
            (record.best_epoch, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center" if 0.1 < record.best_epoch / record.epochs[-1].epoch < 0.9 else "right",
            va="bottom",
            fontsize=style.SMALL_SIZE,
            color=style.MUTED,
        )


def _draw_losses(axes: Axes, record: TrainingRecord) -> None:
    curves = {
        "train": [epoch.train_loss for epoch in record.epochs],
        "validation": [epoch.valid_loss for epoch in record.epochs],
    }
    losses = [value for curve in curves.values() for value in curve if value is not None]
    if losses and min(losses) > 0 and max(losses) > 8 * min(losses):
        axes.set_yscale("log")  # before the curves are named: a name stands beside the place of its last point
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if _is_round(value) else "")
    draw_curves(axes, _numbers(record), {name: _values(curve) for name, curve in curves.items()})
    axes.set_ylabel("loss")


def _is_round(value: float) -> bool:
    """Whether a tick of a logarithmic axis is worth a label: 2 and 5 times a power of ten."""
    return round(value / 10 ** np.floor(np.log10(value))) in (2, 5)


def _draw_rate(axes: Axes, record: TrainingRecord) -> None:
    rates = _values([epoch.learning_rate for epoch in record.epochs])
    line = axes.plot(_numbers(record), rates, color=style.INK, linewidth=1.4)[0]
    style.mark(line, "learning rate")
    axes.set_ylabel("learning\nrate")
    highest = float(np.nanmax(rates)) if np.isfinite(rates).any() else 1.0
    axes.set_ylim(0, highest * 1.25)
    axes.set_yticks((0, highest), ("0", _short_number(highest)))


def _short_number(value: float) -> str:
    """``2e-4`` for a small number, as options are written."""
    if value == 0 or abs(value) >= 0.01:
        return f"{value:g}"
    digits, _, power = f"{value:e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _draw_metrics(axes: Axes, record: TrainingRecord) -> None:
    numbers = _numbers(record)
    names = list(record.epochs[-1].metrics)
    bands = {
        name: [epoch.metrics.get(name, Estimate.absent("not measured")) for epoch in record.epochs] for name in names
    }
    draw_bands(axes, numbers, bands, bottom=0.0)
    for position, name in enumerate(names):
        if name in record.base:
            colour = COLOURS[position % len(COLOURS)]
            axes.axhline(record.base[name], color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), alpha=0.8)
    if record.base:
        lowest = min(record.base, key=lambda name: record.base[name])
        axes.annotate(
            "dotted: base model without head",
            (1.0, record.base[lowest]),
            xycoords=("axes fraction", "data"),
            xytext=(-2, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=style.SMALL_SIZE,
            color=style.MUTED,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},  # over the line of the best
        )
    axes.set_ylabel("validation metric")


def _draw_violations(axes: Axes, record: TrainingRecord) -> None:
    last = record.epochs[-1].violation_rates
    names = sorted(last, key=lambda name: -last[name])[:MAX_TYPES]
    curves = {style.shown(name): _values([e.violation_rates.get(name) for e in record.epochs]) for name in names}
    draw_curves(axes, _numbers(record), curves, bottom=0.0)
    axes.set_ylabel("violation rate\nby negative type")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def _numbers(record: TrainingRecord) -> Float64Array:
    return np.array([epoch.epoch for epoch in record.epochs], dtype=np.float64)


def _values(curve: Sequence[float | None]) -> Float64Array:
    return np.array([np.nan if value is None else value for value in curve])


def draw_curves(
    axes: Axes, x: Float64Array, curves: Mapping[str, Float64Array], *, bottom: float | None = None
) -> None:
    """One line a curve, told apart by colour, dash and marker, its name beside its last point.

    The vertical axis begins at ``bottom`` where given; it is not to be changed afterwards, or names leave their lines.
    """
    shown = {name: y for name, y in curves.items() if np.isfinite(y).any()}
    every = max(1, len(x) // 12)
    for position, (name, y) in enumerate(shown.items()):
        line = axes.plot(
            x,
            y,
            color=COLOURS[position % len(COLOURS)],
            linestyle=LINES[position % len(LINES)],
            marker=_MARKERS[position % len(_MARKERS)],
            markevery=(position % every, every),
            markersize=4.5,
            linewidth=1.5,
        )[0]
        style.mark(line, name)
    axes.autoscale_view()
    if bottom is not None:
        axes.set_ylim(bottom=bottom)
    label_ends(axes, x, shown)


def draw_bands(
    axes: Axes, x: Float64Array, curves: Mapping[str, Sequence[Estimate]], *, bottom: float | None = None
) -> None:
    """One line a curve with its interval as a band."""
    for position, (name, figures) in enumerate(curves.items()):
        low, high = _values([f.low for f in figures]), _values([f.high for f in figures])
        band = axes.fill_between(x, low, high, color=COLOURS[position % len(COLOURS)], alpha=0.16, linewidth=0)
        style.mark(band, f"{name} interval")
    values = {name: _values([f.value for f in figures]) for name, figures in curves.items()}
    draw_curves(axes, x, values, bottom=bottom)


def label_ends(axes: Axes, x: Float64Array, curves: Mapping[str, Float64Array]) -> None:
    """The name of each curve at its right end, pushed apart so that no two names stand on one another."""
    ends = {name: float(y[np.isfinite(y)][-1]) for name, y in curves.items()}
    order = sorted(ends, key=lambda name: ends[name])
    height_points = axes.get_window_extent().height * 72 / axes.figure.dpi
    points = axes.transData.transform([(x[-1], ends[name]) for name in order])  # in pixels, whatever the scale
    places = axes.transAxes.inverted().transform(points)[:, 1] * height_points
    spread = _apart(places, style.SMALL_SIZE * 1.25, height_points)
    for name, place, wanted in zip(order, spread, places, strict=True):
        position = list(curves).index(name)
        last = x[np.isfinite(curves[name])][-1]
        axes.annotate(
            ellipsis(name, 22),
            (last, ends[name]),
            xytext=(8, float(place - wanted)),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL_SIZE,
            color=COLOURS[position % len(COLOURS)],
            annotation_clip=False,
        )


def _apart(places: Float64Array, least: float, height: float) -> Float64Array:
    """``places`` (ascending) moved as little as it takes for neighbours to be ``least`` apart, within 0 and height."""
    moved = places.copy()
    for _ in range(100):
        short = np.clip(least - np.diff(moved), 0, None)
        moved[:-1] -= short / 2
        moved[1:] += short / 2
        moved += max(0.0, least / 2 - moved[0]) - max(0.0, moved[-1] - height)
        if not (short > 0.01).any():
            break
    return moved
