"""Training seen as it went: losses, learning rate, ranks of the validation queries, violations by type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from embedscope.output.pictures import style
from embedscope.output.pictures.curve_artists import (
    BOTTOM,
    COLOURS,
    GAP,
    LEFT,
    MAX_TYPES,
    PANEL,
    RIGHT,
    WIDTH,
    draw_bands,
    draw_best,
    draw_curves,
    frame_panel,
    label_violations,
    values_of,
)
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.protocols import Float64Array
from embedscope.result import EpochRecord, Estimate, TrainingRecord
from embedscope.result.formatting import count

_SMALL_PANEL = 0.62


@style.styled
def draw_training_curves(record: TrainingRecord, *, title: str = "Training of the projection head") -> Figure:
    """Four panels over one axis of epochs: losses, learning rate, rank metrics with intervals, violations by type.

    Panels without data (no validation, no hard negatives) are left out. The best epoch is marked in each.
    """
    epochs = record.epochs
    panels: list[tuple[float, str]] = [(PANEL, "loss"), (_SMALL_PANEL, "rate")]
    panels += [(PANEL, "metrics")] if any(epoch.metrics for epoch in epochs) else []
    panels += [(PANEL, "violations")] if any(epoch.violation_rates for epoch in epochs) else []
    subtitles = _subtitles(record)
    top = style.header_height(len(subtitles)) + 0.12
    height = top + sum(size for size, _ in panels) + GAP * (len(panels) - 1) + BOTTOM
    figure = style.new_figure(WIDTH, height)
    style.header(figure, title, *subtitles)
    draw = {"loss": _draw_losses, "rate": _draw_rate, "metrics": _draw_metrics, "violations": _draw_violations}
    bottom = height - top
    for place, (size, name) in enumerate(panels):
        bottom -= size + (GAP if place else 0.0)
        axes = style.axes_at(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, size)
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
    frame_panel(axes, is_last=is_last)


def _mark_best(axes: Axes, record: TrainingRecord, *, is_named: bool) -> None:
    draw_best(axes, record.best_epoch, "best epoch")
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
    draw_curves(axes, _numbers(record), {name: values_of(curve) for name, curve in curves.items()})
    axes.set_ylabel("loss")


def _is_round(value: float) -> bool:
    """Whether a tick of a logarithmic axis is worth a label: 2 and 5 times a power of ten."""
    return round(value / 10 ** np.floor(np.log10(value))) in (2, 5)


def _draw_rate(axes: Axes, record: TrainingRecord) -> None:
    rates = values_of([epoch.learning_rate for epoch in record.epochs])
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
    curves = {style.shown(name): values_of([e.violation_rates.get(name) for e in record.epochs]) for name in names}
    draw_curves(axes, _numbers(record), curves, bottom=0.0)
    label_violations(axes)


def _numbers(record: TrainingRecord) -> Float64Array:
    return np.array([epoch.epoch for epoch in record.epochs], dtype=np.float64)
