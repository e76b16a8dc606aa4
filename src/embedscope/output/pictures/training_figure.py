"""Training seen as it went: losses, learning rate, ranks of the validation queries, violations by type."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from embedscope.output.pictures import style
from embedscope.output.pictures.curve_artists import (
    COLOURS,
    MAX_TYPES,
    PANEL,
    Panel,
    draw_bands,
    draw_curves,
    draw_panels,
    label_violations,
    values_of,
)
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.protocols import Float64Array
from embedscope.result import Estimate, TrainingRecord
from embedscope.result.formatting import count, queries_in_words, sentence

_SMALL_PANEL = 0.62


@style.look()
def draw_training_curves(record: TrainingRecord) -> Figure:
    """Four panels over one axis of epochs: losses, learning rate, rank metrics with intervals, violations by type.

    Panels without data (no validation, no hard negatives) are left out. The best epoch is marked in each.
    """
    panels = [
        Panel("loss", PANEL, lambda axes: _draw_losses(axes, record)),
        Panel("rate", _SMALL_PANEL, lambda axes: _draw_rate(axes, record)),
    ]
    if any(epoch.metrics for epoch in record.epochs):
        panels.append(Panel("metrics", PANEL, lambda axes: _draw_metrics(axes, record)))
    if any(epoch.violation_rates for epoch in record.epochs):
        panels.append(Panel("violations", PANEL, lambda axes: _draw_violations(axes, record)))
    last = record.epochs[-1].epoch

    def frame(axes: Axes) -> None:
        axes.set_xlim(-0.02 * last, last * 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))

    figure = draw_panels(
        "Training of the projection head",
        _subtitles(record),
        panels,
        frame=frame,
        best=record.best_epoch,
        best_gid="best epoch",
    )
    style.annotate(
        figure.axes[0],
        f"best: epoch {record.best_epoch}",
        (record.best_epoch, 1.0),
        (0, 3),
        xycoords=("data", "axes fraction"),
        ha="center" if 0.1 < record.best_epoch / last < 0.9 else "right",
        va="bottom",
        color=style.MUTED,
    )
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
            f"validation: "
            f"{queries_in_words(record.n_valid_queries, record.n_valid_effective)}; bands are 95 % intervals; "
            f"epoch 0 is the head before its first step"
        )
    lines += [ellipsis(sentence(note), 150) for note in record.notes if note.startswith("over-fitting")]
    return lines


def _draw_losses(axes: Axes, record: TrainingRecord) -> None:
    curves = {
        "train": values_of([epoch.train_loss for epoch in record.epochs]),
        "validation": values_of([epoch.valid_loss for epoch in record.epochs]),
    }
    losses = np.concatenate(list(curves.values()))
    losses = losses[np.isfinite(losses)]
    if len(losses) and losses.min() > 0 and losses.max() > 8 * losses.min():
        axes.set_yscale("log")  # before the curves are named: a name stands beside the place of its last point
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if _is_round(value) else "")
    draw_curves(axes, _epochs(record), curves)
    axes.set_ylabel("loss")


def _is_round(value: float) -> bool:
    """Whether a tick of a logarithmic axis is worth a label: 2 and 5 times a power of ten."""
    return round(value / 10 ** np.floor(np.log10(value))) in (2, 5)


def _draw_rate(axes: Axes, record: TrainingRecord) -> None:
    rates = values_of([epoch.learning_rate for epoch in record.epochs])
    axes.plot(_epochs(record), rates, color=style.INK, linewidth=1.4, gid="learning rate")
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
    absent = Estimate.absent("not measured")
    names = list(record.epochs[-1].metrics)
    curves = {name: [epoch.metrics.get(name, absent) for epoch in record.epochs] for name in names}
    draw_bands(axes, _epochs(record), curves)
    for position, name in enumerate(names):
        if name in record.base:
            colour = COLOURS[position % len(COLOURS)]
            axes.axhline(record.base[name], color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), alpha=0.8)
    if record.base:
        style.annotate(
            axes,
            "dotted: base model without head",
            (1.0, min(record.base.values())),
            (-2, -3),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="top",
            color=style.MUTED,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},  # over the line of the best
        )
    axes.set_ylabel("validation metric")


def _draw_violations(axes: Axes, record: TrainingRecord) -> None:
    last = record.epochs[-1].violation_rates
    names = sorted(last, key=lambda name: -last[name])[:MAX_TYPES]
    curves = {style.shown(name): values_of([e.violation_rates.get(name) for e in record.epochs]) for name in names}
    draw_curves(axes, _epochs(record), curves, bottom=0.0)
    label_violations(axes)


def _epochs(record: TrainingRecord) -> Float64Array:
    return np.array([epoch.epoch for epoch in record.epochs], dtype=np.float64)
