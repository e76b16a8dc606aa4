"""The two maps: queries, documents and the links between a query and what is relevant to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.map_artists import (
    ROLE_NAMES,
    draw_links,
    draw_points,
    link_key,
    role_key,
    without_ticks,
)
from embedscope.protocols import Float32Array, Role
from embedscope.result import MAP_NAMES, MapLayout, Mapped, Points
from embedscope.result.formatting import MAP_BY_DIRECTION, count

_ROLE_SIZE = {Role.DOCUMENT: 0.5, Role.HARD_NEGATIVE: 0.75, Role.POSITIVE: 1.35, Role.QUERY: 1.0}
_ROLE_ALPHA = {Role.DOCUMENT: 0.45, Role.HARD_NEGATIVE: 0.5, Role.POSITIVE: 0.9, Role.QUERY: 0.9}
_WIDTH, _HEIGHT = 10.0, 9.6
_LEGEND_HEIGHT = 0.95
_MANY_POINTS = 5_000
_LINK_INK = 45.0  # total length, in widths of the map, up to which links are drawn at their strongest


@style.look()
def draw_map(result: Mapped, name: str) -> Figure:
    """The map ``name`` ("tsne" or "umap"): points by role, and a link from each query to its relevant documents.

    A link is a solid line where the query has a relevant document at rank 1, a dashed one where it has not. The axes
    carry no ticks: a position has no unit.

    Raises
    ------
    InvalidOptionError
        There is no such map in the result; the message says why.
    """
    layout, points = result.maps.get(name), result.points
    if layout is None or points is None:
        raise InvalidOptionError(f"There is no map {name!r} to draw: it was left out (--skip-{name}).")
    title = f"{MAP_NAMES.get(name, name)} map of queries and documents"
    figure = style.titled_figure(_WIDTH, _HEIGHT, title, *_subtitles(layout, points, result.model.similarity))
    height = _HEIGHT - _LEGEND_HEIGHT - style.header_height(2)
    axes = style.axes_at(figure, style.MARGIN, _LEGEND_HEIGHT, _WIDTH - 2 * style.MARGIN, height)
    _frame(axes, layout.xy)
    _draw_links(axes, layout.xy, points)
    n = len(points.roles)
    size = float(np.clip(42 * (1_000 / n) ** 0.75, 4, 48))
    sizes = {role: size * share for role, share in _ROLE_SIZE.items()}
    draw_points(axes, layout.xy, points, sizes=sizes, alphas=_ROLE_ALPHA, edge=0.08, is_raster=n > _MANY_POINTS)
    _draw_legend(figure, points)
    return figure


def _subtitles(layout: MapLayout, points: Points, similarity: str) -> tuple[str, str]:
    """What is drawn and how far it may be believed; how it may be read."""
    n_points = count(len(points.roles), "point")
    if layout.n_fitted is not None:
        n_points = f"fitted on {layout.n_fitted:,} of {n_points}, the rest placed by their neighbours"
    left_out = f" ({points.n_left_out:,} more not drawn)" if points.n_left_out else ""
    believed = (
        f"trustworthiness {style.number(layout.trustworthiness, 3)}, "
        f"continuity {style.number(layout.continuity, 3)} (k = {layout.k})"
    )
    first = f"{n_points}{left_out}{style.DOT}{believed}"
    second = "Neighbourhoods may be read; the distance between far groups and the size of a group mean nothing."
    if similarity == "dot":
        second = f"Laid out by direction: {MAP_BY_DIRECTION}. Far distances and sizes of groups mean nothing."
    return first, second


def _frame(axes: Axes, xy: Float32Array) -> None:
    """Limits that show every point, at one scale for both axes."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    middle, extent = (low + high) / 2, np.maximum(high - low, 1e-3) * 1.06
    box = axes.get_window_extent()
    unit = max(extent[0] / box.width, extent[1] / box.height)  # data units a pixel
    axes.set_xlim(middle[0] - unit * box.width / 2, middle[0] + unit * box.width / 2)
    axes.set_ylim(middle[1] - unit * box.height / 2, middle[1] + unit * box.height / 2)
    without_ticks(axes)


def _draw_links(axes: Axes, xy: Float32Array, points: Points) -> None:
    """Links, the fainter the more ink they take: a weak model has many long ones."""
    lengths = np.linalg.norm(xy[points.link_queries] - xy[points.link_documents], axis=1)
    widths_of_map = lengths.sum() / max(float(np.ptp(axes.get_xlim())), 1e-9)
    alpha = float(np.clip(_LINK_INK / max(widths_of_map, 1e-9), 0.16, 0.85))
    width = float(np.clip(1.2 * alpha + 0.2, 0.45, 0.9))
    draw_links(axes, xy, points, points.link_is_correct, alpha=alpha, width=width, n_vector=_MANY_POINTS)


def _draw_legend(figure: Figure, points: Points) -> None:
    """One row of point roles and one of link kinds, under the map, with their numbers."""
    roles = [(role, points.roles.count(role)) for role in Role]
    role_keys = [role_key(role, count(n, *ROLE_NAMES[role]), 8) for role, n in roles if n]
    links = [(is_correct, int((points.link_is_correct == is_correct).sum())) for is_correct in (True, False)]
    what = {True: "relevant document at rank 1", False: "another document at rank 1"}
    link_keys = [link_key(is_correct, f"link: {what[is_correct]} ({n:,})") for is_correct, n in links if n]
    for row, handles in enumerate((role_keys, link_keys)):
        y = (_LEGEND_HEIGHT - 0.14 - 0.30 * row) / _HEIGHT
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(style.MARGIN / _WIDTH, y),
            ncols=max(1, len(handles)),
            borderpad=0,
            borderaxespad=0,
            handletextpad=0.5,
            columnspacing=2.2,
            handlelength=2.2 if row else 1.0,
        )
