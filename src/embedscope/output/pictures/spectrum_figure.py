"""How the variance of a space is spread over its directions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.output.pictures import style
from embedscope.result import CloudShape, Geometry

_WIDTH, _HEIGHT = 11.0, 5.6
_LEFT, _GAP, _RIGHT, _BOTTOM = 1.05, 0.45, 0.45, 0.65
_FLOOR = 1e-6  # share of the variance below which a direction is not drawn: it is empty
_LINES = {
    "model": (style.BLUE, "solid", "o", 2.4),
    "base": (style.INK, (0, (5, 2)), "s", 1.5),
    "PCA": (style.GREEN, (0, (1, 1.2)), "^", 1.8),
    "random": (style.VERMILLION, "dashdot", "D", 1.4),
}
_NAMES = {"model": "this model", "base": "base model", "PCA": "PCA of the base", "random": "random projection"}


@style.look()
def draw_spectrum(geometry: Geometry) -> Figure:
    """Share of the variance in each principal direction, of queries and of documents, for every space.

    Both axes are logarithmic. A line that breaks off early is a space that uses few of its directions; a marker stands
    where 90 % of the variance is reached. Directions with less than a millionth of the variance are not drawn.
    """
    figure = style.titled_figure(
        _WIDTH,
        _HEIGHT,
        "Directions that the vectors use",
        "share of the variance in each principal direction, the largest first; both axes logarithmic",
        f"marker: 90 % of the variance is reached{style.DOT}"
        "effective rank: so many equally strong directions would be as spread out",
    )
    width = (_WIDTH - _LEFT - _GAP - _RIGHT) / 2
    height = _HEIGHT - style.header_height(2) - _BOTTOM - 0.25
    queries = {name: space.queries for name, space in geometry.spaces.items()}
    documents = {name: space.documents for name, space in geometry.spaces.items()}
    for place, (title, clouds) in enumerate((("Queries", queries), ("Documents", documents))):
        axes = style.axes_at(figure, _LEFT + place * (width + _GAP), _BOTTOM, width, height)
        for name, cloud in clouds.items():
            _draw_line(axes, name, cloud)
        _finish(axes, title, is_first=place == 0)
    return figure


def _draw_line(axes: Axes, name: str, cloud: CloudShape) -> None:
    colour, dashes, marker, width = _LINES.get(name, (style.GREY, "solid", "v", 1.2))
    rank = f"effective rank {cloud.effective_rank:.0f} of {cloud.dim}"
    label = f"{_NAMES.get(name, style.shown(name))}: {rank}"
    shares = cloud.spectrum[cloud.spectrum >= _FLOOR]
    direction = np.arange(1, len(shares) + 1)
    zorder, size = (3, 80) if name == "model" else (2, 46)
    axes.plot(direction, shares, color=colour, linestyle=dashes, linewidth=width, label=label, zorder=zorder,
              gid=f"spectrum {name}")  # fmt: skip
    at = cloud.n_directions
    if at is not None and at <= len(shares):
        axes.scatter([at], [shares[at - 1]], s=size, marker=marker, color=colour, edgecolors=style.PAPER,
                     zorder=zorder + 2, gid=f"directions {name}")  # fmt: skip


def _finish(axes: Axes, title: str, *, is_first: bool) -> None:
    axes.set_title(title, loc="left", fontsize=style.BODY_SIZE, weight="bold")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=_FLOOR, top=1.4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.minorticks_off()
    axes.set_xlabel("principal direction")
    axes.grid(which="major")
    axes.legend(loc="lower left", fontsize=style.SMALL_SIZE)
    if is_first:
        axes.set_ylabel("share of the variance")
    else:
        axes.tick_params(axis="y", labelleft=False)
