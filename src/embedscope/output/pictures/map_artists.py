"""What every map draws alike: points by role, links, and their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from embedscope.output.pictures import style
from embedscope.protocols import BoolArray, Float32Array, Role
from embedscope.result import Points

_BACK_TO_FRONT = (Role.DOCUMENT, Role.HARD_NEGATIVE, Role.POSITIVE, Role.QUERY)
ROLE_NAMES = {
    Role.QUERY: ("query", "queries"),
    Role.POSITIVE: ("positive", "positives"),
    Role.HARD_NEGATIVE: ("hard negative", "hard negatives"),
    Role.DOCUMENT: ("other document", "other documents"),
}


def without_ticks(axes: Axes) -> None:
    """A faint frame around a map: a position has no unit."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.FAINT)


def frame(axes: Axes, xy: Float32Array) -> None:
    """Limits that show every point, at one scale for both axes."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    middle, extent = (low + high) / 2, np.maximum(high - low, 1e-3) * 1.06
    box = axes.get_window_extent()
    unit = max(extent[0] / box.width, extent[1] / box.height)  # data units a pixel
    axes.set_xlim(middle[0] - unit * box.width / 2, middle[0] + unit * box.width / 2)
    axes.set_ylim(middle[1] - unit * box.height / 2, middle[1] + unit * box.height / 2)
    without_ticks(axes)


def draw_points(
    axes: Axes,
    xy: Float32Array,
    points: Points,
    *,
    sizes: Mapping[Role, float],
    alphas: Mapping[Role, float],
    edge: float,
    is_raster: bool,
    colours: Mapping[Role, str | Sequence[str]] = style.ROLE_COLOURS,
) -> None:
    """The points by role, queries in front; ``edge`` is the width of their rims in parts of their width.

    ``colours`` has one for each role, or one for each of its points.
    """
    roles = np.array([str(role) for role in points.roles])
    for depth, role in enumerate(_BACK_TO_FRONT):
        chosen = xy[roles == str(role)]
        if not len(chosen):
            continue
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=sizes[role],
            marker=style.ROLE_MARKERS[role],
            facecolor=colours[role],
            edgecolor=style.PAPER,
            linewidth=edge * np.sqrt(sizes[role]),
            alpha=alphas[role],
            zorder=4 + depth,
            rasterized=is_raster,
            gid=str(role),
        )


def draw_links(
    axes: Axes,
    xy: Float32Array,
    points: Points,
    is_correct: BoolArray,
    *,
    alpha: float,
    width: float,
    n_vector: int,
    is_drawn: BoolArray | None = None,
) -> None:
    """Links under the points, those of wrong queries on top and twice as wide: they are what one looks for.

    Of more than ``n_vector`` links of one kind a vector file holds a picture. ``is_drawn`` says which are drawn, all by
    default.
    """
    ends = np.stack([xy[points.link_queries], xy[points.link_documents]], axis=1)  # (L, 2, 2)
    for right in (True, False):
        chosen = ends[(is_correct == right) & (True if is_drawn is None else is_drawn)]
        if not len(chosen):
            continue
        lines = LineCollection(
            list(chosen),
            colors=style.RIGHT if right else style.WRONG,
            linewidths=width if right else 2 * width,
            alpha=alpha,
            zorder=3 if right else 3.5,
            rasterized=len(chosen) > n_vector,
            gid="links right" if right else "links wrong",
        )
        axes.add_collection(lines, autolim=False)


def role_key(role: Role, label: str, size: float, colour: str | None = None) -> Line2D:
    """A role in a legend; in a ``colour`` other than its own where one is named."""
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=style.ROLE_MARKERS[role],
        markersize=size,
        markerfacecolor=colour or style.ROLE_COLOURS[role],
        markeredgecolor=style.PAPER,
        label=label,
    )


def link_key(is_correct: bool, label: str) -> Line2D:
    """A kind of link in a legend."""
    colour = style.RIGHT if is_correct else style.WRONG
    return Line2D([], [], color=colour, linewidth=0.8 if is_correct else 1.6, label=label)
