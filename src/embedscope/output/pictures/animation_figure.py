"""The map over the checkpoints of a training, as small multiples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.output.pictures import style
from embedscope.output.pictures.map_artists import (
    ROLE_NAMES,
    draw_links,
    draw_points,
    link_key,
    role_key,
    without_ticks,
)
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.protocols import Float32Array, Role
from embedscope.result import MAP_NAMES, MapAnimation, Points, Scored
from embedscope.result.formatting import count, percent

_TILE, _TILE_GAP, _TILE_TITLE, _ANIMATION_TITLE, _ANIMATION_GAP, _LEGEND = 2.55, 0.14, 0.5, 0.3, 0.2, 0.6
_MOST_COLUMNS, _NARROWEST = 5, 8.2
_ROLE_ALPHA = {Role.DOCUMENT: 0.35, Role.HARD_NEGATIVE: 0.35, Role.POSITIVE: 0.8, Role.QUERY: 0.8}
MAX_FRAMES = 12
"""Maps drawn; of more, so many at even distances, the first and the last among them."""


@style.look()
def draw_map_animations(animations: Sequence[MapAnimation], runs: Mapping[str, Scored] | None = None) -> Figure:
    """The map of each checkpoint beside the others, all of one method in one frame of reference; methods in turn.

    Parameters
    ----------
    animations : sequence of MapAnimation
        At least one, all of the same checkpoints and points.
    runs : mapping of name to Scored, optional
        Of the checkpoints: their MRR stands over each map, and a link is drawn as right or wrong where
        its query is right or wrong at that checkpoint.
    """
    first = animations[0]
    n = len(first.maps)
    frames = sorted({round(frame) for frame in np.linspace(0, n - 1, min(n, MAX_FRAMES))})
    rows = -(-len(frames) // _MOST_COLUMNS)
    columns = -(-len(frames) // rows)  # of the widths that give so few rows the one that fills them best
    top = style.header_height(2) + 0.1
    block = rows * (_TILE + _TILE_TITLE) + _ANIMATION_TITLE + _ANIMATION_GAP
    width = max(2 * style.MARGIN + columns * _TILE + (columns - 1) * _TILE_GAP, _NARROWEST)
    height = top + len(animations) * block + _LEGEND
    figure = style.titled_figure(
        width,
        height,
        "The map over the epochs of training",
        f"{count(len(first.points.rows), 'point')}, the same in each map{style.DOT}"
        f"each map starts from the one before and is turned and scaled onto it",
        "What moves is the space more than the layout; the distance between far groups means nothing",
    )
    for place, animation in enumerate(animations):
        upper = height - top - place * block
        _draw_animation(figure, animation, frames, columns, upper, runs)
    _draw_legend(figure, first.points, has_links=runs is not None)
    return figure


def _draw_animation(
    figure: Figure,
    animation: MapAnimation,
    frames: Sequence[int],
    columns: int,
    top: float,
    runs: Mapping[str, Scored] | None,
) -> None:
    """The maps of one method below ``top`` (inches from the bottom of the figure)."""
    width, height = figure.get_size_inches()
    name = MAP_NAMES.get(animation.method, animation.method)
    figure.text(style.MARGIN / width, (top - 0.2) / height, name, fontsize=11, weight="bold", va="center", gid="method")
    limits = _limits([animation.maps[frame].xy for frame in frames])
    for place, frame in enumerate(frames):
        row, column = divmod(place, columns)
        left = style.MARGIN + column * (_TILE + _TILE_GAP)
        bottom = top - _ANIMATION_TITLE - (row + 1) * (_TILE + _TILE_TITLE)
        axes = style.axes_at(figure, left, bottom, _TILE, _TILE)
        axes.set(xlim=limits[0], ylim=limits[1], gid=f"{animation.method} epoch {animation.epochs[frame]}")
        without_ticks(axes)
        _draw_frame(axes, animation, frame, None if runs is None else runs[animation.names[frame]])


def _limits(maps: Sequence[Float32Array]) -> tuple[tuple[float, float], tuple[float, float]]:
    """One square window that shows every point of every map."""
    low, high = np.min([xy.min(axis=0) for xy in maps], axis=0), np.max([xy.max(axis=0) for xy in maps], axis=0)
    middle, half = (low + high) / 2, 0.53 * max(float((high - low).max()), 1e-3)
    return (middle[0] - half, middle[0] + half), (middle[1] - half, middle[1] + half)


def _draw_frame(axes: Axes, animation: MapAnimation, frame: int, result: Scored | None) -> None:
    """A map; over it the epoch and how good the model is, over how far the map may be believed."""
    layout, points = animation.maps[frame], animation.points
    if result is not None:
        is_right = result.queries.is_correct[points.rows[points.link_queries]]
        alpha = float(np.clip(90 / max(len(is_right), 1), 0.05, 0.6))  # a thousand lines would hide the points
        draw_links(axes, layout.xy, points, is_right, alpha=alpha, width=0.5, n_vector=0)
    size = float(np.clip(7 * (1_000 / len(points.roles)) ** 0.75, 1.0, 12))
    sizes = {role: size * (1.3 if role is Role.POSITIVE else 1.0) for role in Role}
    draw_points(axes, layout.xy, points, sizes=sizes, alphas=_ROLE_ALPHA, edge=0, is_raster=True)
    metric = None if result is None else result.metrics.get("MRR")
    value = "" if metric is None else f"{style.DOT}MRR {style.number(metric.value, 3)}"
    below = f"trustworthiness {style.number(animation.maps[frame].trustworthiness)}"
    if frame:
        below += f"{style.DOT}{percent(animation.turnover[frame], 0)} new neighbours"
    above = ellipsis(f"epoch {animation.epochs[frame]}{value}", 40)
    look = {"xycoords": "axes fraction", "va": "bottom"}
    style.annotate(axes, above, (0, 1), (0, 17), fontsize=style.BODY_SIZE, weight="bold", color=style.INK, **look)
    style.annotate(axes, below, (0, 1), (0, 5), color=style.MUTED, **look)


def _draw_legend(figure: Figure, points: Points, *, has_links: bool) -> None:
    width, height = figure.get_size_inches()
    handles = [role_key(role, ROLE_NAMES[role][1], 7) for role in Role if role in points.roles]
    if has_links:
        handles += [link_key(True, "query right at rank 1"), link_key(False, "query wrong")]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(style.MARGIN / width, 0.22 / height),
        ncols=len(handles),
        borderpad=0,
        borderaxespad=0,
        handletextpad=0.4,
        columnspacing=1.6,
        handlelength=1.6,
    )
