"""What pictures with one named row for each thing measured have in common."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import names_apart


def row_axes(figure: Figure, names: Sequence[str], *, row: float, bottom: float, right: float, longest: float) -> Axes:
    """Axes with a row for each name, the first on top, and a line at zero; sizes in inches.

    Left of them the names, of at most ``longest``, and ``right`` of them space for what `write_beside` writes.
    """
    width_of = measure(style.BODY_SIZE)
    shown = names_apart(names, longest * 72, width_of)
    left = style.MARGIN + max(width_of(name) for name in shown) / 72 + 0.2
    width = float(figure.get_size_inches()[0]) - left - right
    axes = style.axes_at(figure, left, bottom, width, row * len(names))
    axes.set_yticks(range(len(names)), shown, fontsize=style.BODY_SIZE)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=style.INK, linewidth=1.2, zorder=1.5, gid="zero")
    axes.grid(axis="x")
    return axes


def write_beside(axes: Axes, place: int, rate: str, what: str, *, above: float, gid: str) -> None:
    """To the right of the row at ``place`` a rate, by ``above`` of a row over its middle; under it, of what it is."""
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    axes.text(1.03, place - above, rate, transform=beside, va="center", weight="bold", fontsize=style.BODY_SIZE,
              gid=gid)  # fmt: skip
    axes.text(1.03, place + 0.2, what, transform=beside, va="center", color=style.MUTED, fontsize=7.5)
