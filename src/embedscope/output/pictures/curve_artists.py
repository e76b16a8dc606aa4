"""Curves over the epochs of a training: panels below one another, lines with bands, names at their ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import names_apart
from embedscope.protocols import Float64Array
from embedscope.result import Estimate

PANEL = 2.15  # inches
MAX_TYPES = 8
"""Negative types drawn, the most violated first; the record holds all."""

COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.AMBER, "#cc79a7", "#56b4e9", style.INK, style.GREY)
_LINES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
_WIDTH = 11.0
_LEFT, _RIGHT, _BOTTOM, _GAP = 1.05, 1.3, 0.62, 0.26
_TO_NAME = 8  # points from the end of a curve to its name


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of curves: its name, its height in inches, and what draws it."""

    name: str
    height: float
    draw: Callable[[Axes], None]


def draw_panels(
    title: str,
    subtitles: Sequence[str],
    panels: Sequence[Panel],
    *,
    frame: Callable[[Axes], None],
    best: float,
    best_gid: str,
) -> Figure:
    """Panels below one another over one axis of epochs, which ``frame`` sets; a dotted line at the ``best`` one."""
    top = style.header_height(len(subtitles)) + 0.12
    height = top + sum(panel.height for panel in panels) + _GAP * (len(panels) - 1) + _BOTTOM
    figure = style.titled_figure(_WIDTH, height, title, *subtitles)
    bottom = height - top + _GAP
    width = _WIDTH - _LEFT - _RIGHT
    for panel in panels:
        bottom -= _GAP + panel.height
        axes = style.axes_at(figure, _LEFT, bottom, width, panel.height)
        axes.set_gid(panel.name)
        frame(axes)
        axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
        axes.margins(y=0.12)
        axes.tick_params(axis="x", labelbottom=panel is panels[-1])
        axes.yaxis.set_label_coords(-0.62 / width, 0.5)
        panel.draw(axes)
        axes.axvline(best, color=style.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1, gid=best_gid)
    axes.set_xlabel("epoch")
    return figure


def label_violations(axes: Axes) -> None:
    """The axis of violation rates, in percent."""
    axes.set_ylabel("violation rate\nby negative type")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def values_of(curve: Sequence[float | None]) -> Float64Array:
    """NaN where there is no value."""
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
        axes.plot(
            x,
            y,
            color=COLOURS[position % len(COLOURS)],
            linestyle=_LINES[position % len(_LINES)],
            marker=_MARKERS[position % len(_MARKERS)],
            markevery=(position % every, every),
            markersize=4.5,
            linewidth=1.5,
            gid=name,
        )
    axes.autoscale_view()
    if bottom is not None:
        axes.set_ylim(bottom=bottom)
    _label_ends(axes, x, shown)


def draw_bands(axes: Axes, x: Float64Array, curves: Mapping[str, Sequence[Estimate]]) -> None:
    """One line a curve with its interval as a band, over an axis that begins at 0."""
    for position, (name, estimates) in enumerate(curves.items()):
        low, high = values_of([each.low for each in estimates]), values_of([each.high for each in estimates])
        colour = COLOURS[position % len(COLOURS)]
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0, gid=f"{name} interval")
    values = {name: values_of([each.value for each in estimates]) for name, estimates in curves.items()}
    draw_curves(axes, x, values, bottom=0.0)


def _label_ends(axes: Axes, x: Float64Array, curves: Mapping[str, Float64Array]) -> None:
    """The name of each curve at its right end, pushed apart so that no two names stand on one another."""
    ends = {name: float(y[np.isfinite(y)][-1]) for name, y in curves.items()}
    order = sorted(ends, key=lambda name: ends[name])
    height_points = axes.get_window_extent().height * 72 / axes.figure.dpi
    points = axes.transData.transform([(x[-1], ends[name]) for name in order])  # in pixels, whatever the scale
    places = axes.transAxes.inverted().transform(points)[:, 1] * height_points
    spread = _apart(places, style.SMALL_SIZE * 1.25, height_points)
    limit = _RIGHT * 72 - _TO_NAME - 2
    shown = dict(zip(order, names_apart(order, limit, measure(style.SMALL_SIZE)), strict=True))
    for name, place, wanted in zip(order, spread, places, strict=True):
        colour = COLOURS[list(curves).index(name) % len(COLOURS)]
        at = (x[np.isfinite(curves[name])][-1], ends[name])
        style.annotate(axes, shown[name], at, (_TO_NAME, float(place - wanted)), color=colour, annotation_clip=False)


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
