"""How the model treats each type of hard negative."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.protocols import Float64Array
from embedscope.result import Mapped, NegativeType
from embedscope.result.formatting import count, percent_estimate

MAX_TYPES = 20

_WIDTH = 11.0
_MARGIN, _RIGHT, _BOTTOM = 0.45, 2.75, 0.7
_MAX_NAME = 2.2
_ROW = 0.58
_MAX_DOTS = 400
_GOLDEN = 0.6180339887498949  # multiples of it fill the unit interval evenly, without a random number


@style.styled
def draw_negative_types(result: Mapped) -> Figure:
    """Margins of the (query, hard negative) pairs of each type, the most often violated type first.

    A dot is a pair: a cross left of zero where the negative reaches the query's best positive (a violation), a circle
    right of it. The box runs from the 25 % to the 75 % quantile, its whiskers from 5 % to 95 %. The violation rate
    with its interval stands at the right. 20 types are drawn at most, and 400 dots of a type, evenly chosen.

    Raises
    ------
    InvalidOptionError
        The result holds no typed hard negatives.
    """
    types = sorted(result.negative_types.values(), key=_badness)[:MAX_TYPES]
    if not types:
        raise InvalidOptionError("There are no types to draw: no hard negative of the data has a type.")
    height = _BOTTOM + _ROW * len(types) + style.header_height(2)
    figure = style.new_figure(_WIDTH, height)
    _write_title(figure, len(types), len(result.negative_types))
    names = _names(types)
    left = _MARGIN + max(measure(style.BODY_SIZE)(name) for name in names) / 72 + 0.2
    axes = style.axes_at(figure, left, _BOTTOM, _WIDTH - left - _RIGHT, _ROW * len(types))
    for place, each in enumerate(types):
        _draw_dots(axes, place, np.sort(each.margins))
        _write_rate(axes, place, each)
    _draw_boxes(axes, types)
    _finish(axes, names)
    return figure


def _badness(each: NegativeType) -> tuple[float, str]:
    rate = each.violation_rate.value
    return (1.0 if rate is None else -rate), each.name


def _write_title(figure: Figure, n_types: int, n_available: int) -> None:
    shown = f"{n_types} of {count(n_available, 'type')}" if n_available > n_types else ""
    style.header(
        figure,
        "Margin over hard negatives, by type",
        f"similarity of the best positive minus that of the negative{style.DOT}"
        f"{style.CROSS} left of zero: the negative wins{style.DOT if shown else ''}{shown}",
        "box: 25 to 75 %, whiskers: 5 to 95 % of the pairs",
    )


def _draw_dots(axes: Axes, place: int, margins: Float64Array) -> None:
    step = max(1, int(np.ceil(len(margins) / _MAX_DOTS)))
    chosen = margins[step // 2 :: step]
    offsets = 0.52 * ((np.arange(len(chosen)) * _GOLDEN) % 1.0 - 0.5)
    is_violation = chosen <= 0
    kinds = (("violated", is_violation, "x", style.WRONG), ("kept", ~is_violation, "o", style.BLUE))
    for name, among, marker, colour in kinds:
        if among.any():
            drawn = axes.scatter(chosen[among], place + offsets[among], s=9, marker=marker, color=colour,
                                 alpha=0.5, linewidths=0.7 if marker == "x" else 0, zorder=2)  # fmt: skip
            style.mark(drawn, f"pairs {name}")


def _draw_boxes(axes: Axes, types: list[NegativeType]) -> None:
    drawn = axes.boxplot(
        [each.margins for each in types],
        positions=range(len(types)),
        orientation="horizontal",
        widths=0.62,
        whis=(5, 95),
        showfliers=False,
        manage_ticks=False,
        zorder=3,
        boxprops={"color": style.INK, "linewidth": 1.0},
        whiskerprops={"color": style.INK, "linewidth": 1.0},
        capprops={"color": style.INK, "linewidth": 1.0},
        medianprops={"color": style.INK, "linewidth": 2.0},
    )
    for box in drawn["boxes"]:
        style.mark(box, "box")


def _write_rate(axes: Axes, place: int, each: NegativeType) -> None:
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    axes.text(1.03, place - 0.13, f"{percent_estimate(each.violation_rate)} violated", transform=beside, va="center",
              weight="bold", fontsize=style.BODY_SIZE, gid="violation rate")  # fmt: skip
    pairs = f"{count(each.n, 'pair')} of {count(each.n_queries, 'query', 'queries')}"
    axes.text(1.03, place + 0.2, pairs, transform=beside, va="center", color=style.MUTED, fontsize=7.5)


def _names(types: list[NegativeType]) -> list[str]:
    width_of = measure(style.BODY_SIZE)
    return [ellipsis(style.shown(each.name) or "(no type)", _MAX_NAME * 72, width_of) for each in types]


def _finish(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=style.BODY_SIZE)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    zero = axes.axvline(0, color=style.INK, linewidth=1.2, zorder=1.5)
    style.mark(zero, "zero")
    axes.grid(axis="x")
    axes.set_xlabel("margin (difference of cosine similarities)")
