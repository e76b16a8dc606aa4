"""How the model treats each type of hard negative."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.row_artists import row_axes, write_beside
from embedscope.protocols import Float64Array
from embedscope.result import NegativeType, Scored
from embedscope.result.formatting import count, percent_estimate

MAX_TYPES = 20

_ROW, _BOTTOM = 0.58, 0.7
_MAX_DOTS = 400
_GOLDEN = 0.6180339887498949  # multiples of it fill the unit interval evenly, without a random number


@style.look()
def draw_negative_types(result: Scored) -> Figure:
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
    n_available = len(result.negative_types)
    shown = f"{style.DOT}{len(types)} of {count(n_available, 'type')}" if n_available > len(types) else ""
    figure = style.titled_figure(
        11.0,
        _BOTTOM + _ROW * len(types) + style.header_height(2),
        "Margin over hard negatives, by type",
        f"similarity of the best positive minus that of the negative{style.DOT}"
        f"{style.CROSS} left of zero: the negative wins{shown}",
        "box: 25 to 75 %, whiskers: 5 to 95 % of the pairs",
    )
    names = [style.shown(each.name) or "(no type)" for each in types]
    axes = row_axes(figure, names, row=_ROW, bottom=_BOTTOM, right=2.75, longest=2.2)
    for place, each in enumerate(types):
        _draw_dots(axes, place, np.sort(each.margins))
        rate = f"{percent_estimate(each.violation_rate)} violated"
        pairs = f"{count(each.n, 'pair')} of {count(each.n_queries, 'query', 'queries')}"
        write_beside(axes, place, rate, pairs, above=0.13, gid="violation rate")
    _draw_boxes(axes, types)
    kind = "dot products" if result.model.similarity == "dot" else "cosine similarities"
    axes.set_xlabel(f"margin (difference of {kind})")
    return figure


def _badness(each: NegativeType) -> tuple[float, str]:
    rate = each.violation_rate.value
    return (1.0 if rate is None else -rate), each.name


def _draw_dots(axes: Axes, place: int, margins: Float64Array) -> None:
    step = max(1, int(np.ceil(len(margins) / _MAX_DOTS)))
    chosen = margins[step // 2 :: step]
    offsets = 0.52 * ((np.arange(len(chosen)) * _GOLDEN) % 1.0 - 0.5)
    is_violation = chosen <= 0
    kinds = (("violated", is_violation, "x", style.WRONG), ("kept", ~is_violation, "o", style.BLUE))
    for name, among, marker, colour in kinds:
        if among.any():
            axes.scatter(chosen[among], place + offsets[among], s=9, marker=marker, color=colour, alpha=0.5,
                         linewidths=0.7 if marker == "x" else 0, zorder=2, gid=f"pairs {name}")  # fmt: skip


def _draw_boxes(axes: Axes, types: list[NegativeType]) -> None:
    line = {"color": style.INK, "linewidth": 1.0}
    drawn = axes.boxplot(
        [each.margins for each in types],
        positions=range(len(types)),
        orientation="horizontal",
        widths=0.62,
        whis=(5, 95),
        showfliers=False,
        manage_ticks=False,
        zorder=3,
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops={"color": style.INK, "linewidth": 2.0},
    )
    for box in drawn["boxes"]:
        box.set_gid("box")
