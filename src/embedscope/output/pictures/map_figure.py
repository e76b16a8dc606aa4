"""The two maps: queries, documents and the links between a query and what is relevant to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.protocols import Float32Array, Role
from embedscope.result import MapLayout, Mapped, Points
from embedscope.result.formatting import count

_TITLES = {"tsne": "t-SNE map of queries and documents", "umap": "UMAP map of queries and documents"}
_NAMES = {
    Role.QUERY: ("query", "queries"),
    Role.POSITIVE: ("positive", "positives"),
    Role.HARD_NEGATIVE: ("hard negative", "hard negatives"),
    Role.DOCUMENT: ("other document", "other documents"),
}
_BACK_TO_FRONT = (Role.DOCUMENT, Role.HARD_NEGATIVE, Role.POSITIVE, Role.QUERY)
_ROLE_SIZE = {Role.DOCUMENT: 0.5, Role.HARD_NEGATIVE: 0.75, Role.POSITIVE: 1.35, Role.QUERY: 1.0}
_ROLE_ALPHA = {Role.DOCUMENT: 0.45, Role.HARD_NEGATIVE: 0.5, Role.POSITIVE: 0.9, Role.QUERY: 0.9}
_WIDTH, _HEIGHT, _MARGIN = 10.0, 9.6, 0.45
_LEGEND_HEIGHT = 0.95
_MANY_POINTS = 5_000
_LINK_INK = 45.0  # total length, in widths of the map, up to which links are drawn at their strongest
_DASHES = (0, (4, 2))


@style.styled
def draw_map(result: Mapped, name: str) -> Figure:
    """The map ``name`` ("tsne" or "umap"): points by role, and a link from each query to its relevant documents.

    A link is a solid line where the query has a relevant document at rank 1, a dashed one where it has not. The axes
    carry no ticks: a position has no unit.

    Raises
    ------
    InvalidOptionError
        There is no such map in the result; the message says why.
    """
    layout, points = _map_of(result, name)
    figure = style.new_figure(_WIDTH, _HEIGHT)
    style.header(figure, _TITLES.get(name, f"{name} map of queries and documents"), *_subtitles(layout, points))
    height = _HEIGHT - _LEGEND_HEIGHT - style.header_height(2)
    axes = style.axes_at(figure, _MARGIN, _LEGEND_HEIGHT, _WIDTH - 2 * _MARGIN, height)
    _frame(axes, layout.xy)
    _draw_links(axes, layout.xy, points)
    roles = np.array([str(role) for role in points.roles])
    for order, role in enumerate(_BACK_TO_FRONT):
        _draw_role(axes, layout.xy[roles == str(role)], role, n_points=len(roles), zorder=4 + order)
    _draw_legend(figure, points)
    return figure


def _map_of(result: Mapped, name: str) -> tuple[MapLayout, Points]:
    layout = result.maps.get(name)
    if layout is None or result.points is None:
        why = result.maps_absent.get(name, "it was not computed")
        raise InvalidOptionError(f"There is no map {name!r} to draw: {why}.")
    return layout, result.points


def _subtitles(layout: MapLayout, points: Points) -> tuple[str, str]:
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
    return first, "Neighbourhoods may be read; the distance between far groups and the size of a group mean nothing."


def _frame(axes: Axes, xy: Float32Array) -> None:
    """Limits that show every point, at one scale for both axes."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    middle, extent = (low + high) / 2, np.maximum(high - low, 1e-3) * 1.06
    box = axes.get_window_extent()
    unit = max(extent[0] / box.width, extent[1] / box.height)  # data units a pixel
    axes.set_xlim(middle[0] - unit * box.width / 2, middle[0] + unit * box.width / 2)
    axes.set_ylim(middle[1] - unit * box.height / 2, middle[1] + unit * box.height / 2)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.FAINT)


def _draw_links(axes: Axes, xy: Float32Array, points: Points) -> None:
    """Links under the points, the fainter the more ink they take: a weak model has many long ones."""
    drawn = xy[points.link_queries], xy[points.link_documents]
    widths_of_map = np.linalg.norm(drawn[0] - drawn[1], axis=1).sum() / max(float(np.ptp(axes.get_xlim())), 1e-9)
    alpha = float(np.clip(_LINK_INK / max(widths_of_map, 1e-9), 0.16, 0.85))
    for is_correct in (True, False):  # wrong ones on top: they are what one looks for
        chosen = points.link_is_correct == is_correct
        if not chosen.any():
            continue
        lines = LineCollection(
            list(np.stack([ends[chosen] for ends in drawn], axis=1)),  # (L, 2, 2)
            colors=style.RIGHT if is_correct else style.WRONG,
            linestyles="solid" if is_correct else _DASHES,
            linewidths=float(np.clip(1.2 * alpha + 0.2, 0.45, 0.9)),
            alpha=alpha,
            zorder=3 if is_correct else 3.5,
            rasterized=len(chosen) > _MANY_POINTS,
        )
        style.mark(lines, "links right" if is_correct else "links wrong")
        axes.add_collection(lines, autolim=False)


def _draw_role(axes: Axes, xy: Float32Array, role: Role, *, n_points: int, zorder: float) -> None:
    if not len(xy):
        return
    size = float(np.clip(42 * (1_000 / n_points) ** 0.75, 4, 48)) * _ROLE_SIZE[role]
    drawn = axes.scatter(
        xy[:, 0],
        xy[:, 1],
        s=size,
        marker=style.ROLE_MARKERS[role],
        facecolor=style.ROLE_COLOURS[role],
        edgecolor=style.PAPER,
        linewidth=0.08 * np.sqrt(size),
        alpha=_ROLE_ALPHA[role],
        zorder=zorder,
        rasterized=n_points > _MANY_POINTS,
    )
    style.mark(drawn, str(role))


def _draw_legend(figure: Figure, points: Points) -> None:
    """One row of point roles and one of link kinds, under the map, with their numbers."""
    roles = [(role, points.roles.count(role)) for role in Role]
    role_handles = [_role_handle(role, n) for role, n in roles if n]
    links = [(is_correct, int((points.link_is_correct == is_correct).sum())) for is_correct in (True, False)]
    link_handles = [_link_handle(is_correct, n) for is_correct, n in links if n]
    for row, handles in enumerate((role_handles, link_handles)):
        y = (_LEGEND_HEIGHT - 0.14 - 0.30 * row) / _HEIGHT
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(_MARGIN / _WIDTH, y),
            ncols=max(1, len(handles)),
            borderpad=0,
            borderaxespad=0,
            handletextpad=0.5,
            columnspacing=2.2,
            handlelength=2.2 if row else 1.0,
        )


def _role_handle(role: Role, n: int) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=style.ROLE_MARKERS[role],
        markersize=8,
        markerfacecolor=style.ROLE_COLOURS[role],
        markeredgecolor=style.PAPER,
        label=count(n, *_NAMES[role]),
    )


def _link_handle(is_correct: bool, n: int) -> Line2D:
    what = "relevant document at rank 1" if is_correct else "another document at rank 1"
    return Line2D(
        [],
        [],
        color=style.RIGHT if is_correct else style.WRONG,
        linestyle="solid" if is_correct else _DASHES,
        linewidth=1.4,
        label=f"link: {what} ({n:,})",
    )
