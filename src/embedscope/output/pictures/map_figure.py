"""The two maps: queries, documents and the links between a query and what is relevant to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.map_artists import (
    ROLE_NAMES,
    draw_links,
    draw_points,
    frame,
    link_key,
    role_key,
)
from embedscope.output.pictures.text_layout import ellipsis, names_apart
from embedscope.output.pictures.theme_labels import draw_theme_labels
from embedscope.protocols import BoolArray, Float32Array, Role
from embedscope.result import MAP_NAMES, MapLayout, Mapped, Points
from embedscope.result.formatting import MAP_BY_DIRECTION, count

_ROLE_SIZE = {Role.DOCUMENT: 0.5, Role.HARD_NEGATIVE: 0.75, Role.POSITIVE: 1.35, Role.QUERY: 1.0}
_ROLE_ALPHA = {Role.DOCUMENT: 0.45, Role.HARD_NEGATIVE: 0.5, Role.POSITIVE: 0.9, Role.QUERY: 0.9}
_WIDTH, _HEIGHT = 10.0, 9.6
_LEGEND_HEIGHT, _ROW_HEIGHT = 0.35, 0.30  # inches, the second for each row
_VALUES_A_ROW, _VALUE_WIDTH = 4, 24  # columns of text
_FULL_WIDTH = 9.0  # inches; the points of a narrower map are smaller
_MANY_POINTS = 5_000
_LINK_INK = {False: 16.0, True: 8.0}  # total length, in widths of the map, up to which links are drawn: wrong, right
_LEAST_LINKS = 30  # of each kind
_GOLDEN = (5**0.5 - 1) / 2  # its multiples, modulo 1, spread evenly however many are taken


@style.look()
def draw_map(result: Mapped, name: str, *, color_by: str | None = None, axes: Axes | None = None) -> Figure:
    """The map ``name`` ("tsne" or "umap"): points by role, and a link from each query to its relevant documents.

    Links of queries that fail are drawn first, as many as leave the map readable; the legend counts them. Names of
    themes stand where the themes lie close together. The axes carry no ticks: a position has no unit. With
    ``color_by``, a column of the data, queries are coloured by its values, documents are grey and no links are drawn.
    Into ``axes``, where those are named, go the map, its title and a short legend; else it has a figure of its own.

    Raises
    ------
    InvalidOptionError
        There is no such map in the result, or no such column; the message says why.
    """
    layout, points = result.maps.get(name), result.points
    if layout is None or points is None:
        raise InvalidOptionError(f"There is no map {name!r} to draw: it was left out (--skip-{name}).")
    values = None if color_by is None else _values(result, points, color_by)
    is_drawn = links_drawn(layout.xy, points)
    title = f"{MAP_NAMES.get(name, name)} map of queries and documents"
    if color_by is not None:
        title += f" by {ellipsis(style.shown(color_by), _VALUE_WIDTH)}"
    legend = (
        _role_legend(points, is_drawn, is_short=axes is not None) if values is None else _value_legend(points, values)
    )
    if axes is None:
        figure = style.titled_figure(_WIDTH, _HEIGHT, title, *_subtitles(layout, points, result.model.similarity))
        bottom = _LEGEND_HEIGHT + _ROW_HEIGHT * len(legend)
        height = _HEIGHT - bottom - style.header_height(2)
        axes = style.axes_at(figure, style.MARGIN, bottom, _WIDTH - 2 * style.MARGIN, height)
        _draw_legend(figure, legend)
    else:
        style.title_axes(axes, title)
        axes.set_aspect("equal", adjustable="box")  # the layout of that figure may change their size
        keys = [key for row in legend for key in row]
        axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, 0), ncols=2, fontsize=7.5, borderaxespad=0.3)
    _draw_into(axes, result, layout, points, values=values, is_drawn=is_drawn)
    return style.figure_of(axes)


def _draw_into(
    axes: Axes, result: Mapped, layout: MapLayout, points: Points, *, values: list[str] | None, is_drawn: BoolArray
) -> None:
    frame(axes, layout.xy)
    n = len(points.roles)
    scale = min(1.0, axes.get_window_extent().width / style.figure_of(axes).dpi / _FULL_WIDTH)
    size = float(np.clip(42 * (1_000 / n) ** 0.75, 4, 48)) * scale
    sizes = {role: size * share for role, share in _ROLE_SIZE.items()}
    colours: dict[Role, str | Sequence[str]] = {**style.ROLE_COLOURS}
    if values is None:
        draw_links(
            axes, layout.xy, points, points.link_is_correct, alpha=0.6, width=0.4, n_vector=_MANY_POINTS,
            is_drawn=is_drawn,
        )  # fmt: skip
    else:
        of_value = _colours(values)
        colours = {**dict.fromkeys(Role, style.GREY), Role.QUERY: [of_value[value] for value in values]}
    is_raster = n > _MANY_POINTS
    draw_points(
        axes, layout.xy, points, sizes=sizes, alphas=_ROLE_ALPHA, edge=0.08, is_raster=is_raster, colours=colours
    )
    draw_theme_labels(axes, layout.xy, result.themes, layout.name, scale=max(0.7, scale))


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


def links_drawn(xy: Float32Array, points: Points) -> BoolArray:
    """Which links are drawn, shape (L,): of each kind as many as their ink allows, spread over all of them.

    A weak model has hundreds of long ones, and all of them together show nothing.
    """
    lengths = np.linalg.norm(xy[points.link_queries] - xy[points.link_documents], axis=1)
    lengths /= max(float(np.ptp(xy, axis=0).max()), 1e-9)
    is_drawn = np.zeros(len(lengths), dtype=bool)
    for is_correct, ink in _LINK_INK.items():
        rows = np.flatnonzero(points.link_is_correct == is_correct)
        rows = rows[np.argsort(np.arange(len(rows)) * _GOLDEN % 1, kind="stable")]
        n = max(int(np.searchsorted(np.cumsum(lengths[rows]), ink, side="right")), _LEAST_LINKS)
        is_drawn[rows[:n]] = True
    return is_drawn


_OTHER, _NONE = "other values", "not stated"


def _values(result: Mapped, points: Points, column: str) -> list[str]:
    """The value of each query on the map; the rare ones as one."""
    stated = result.queries.stated
    if column not in stated:
        known = f"known are {', '.join(stated)}" if stated else "it states none"
        raise InvalidOptionError(f"There is no column {column!r} of the queries in this data set: {known}.")
    rows = [row for role, row in zip(points.roles, points.rows.tolist(), strict=True) if role is Role.QUERY]
    of_query = stated[column]
    found = Counter(value for row in rows if (value := of_query[row]) is not None)
    frequent = sorted(found, key=lambda value: (-found[value], value))[: len(style.VALUE_COLOURS)]
    place = dict(zip(frequent, names_apart([style.shown(value) for value in frequent], _VALUE_WIDTH), strict=True))
    return [_NONE if (value := of_query[row]) is None else place.get(value, _OTHER) for row in rows]


def _colours(values: Sequence[str]) -> dict[str, str]:
    """The colour of each value, the most frequent first."""
    found = Counter(value for value in values if value not in (_OTHER, _NONE))
    frequent = sorted(found, key=lambda value: (-found[value], value))
    colours = dict(zip(frequent, style.VALUE_COLOURS, strict=False))
    rest = {_OTHER: style.MUTED, _NONE: style.FAINT}
    return colours | {value: colour for value, colour in rest.items() if value in values}


def _role_legend(points: Points, is_drawn: BoolArray, *, is_short: bool) -> list[list[Line2D]]:
    """A row of point roles and one of link kinds, with their numbers, which a short one has of roles only."""
    roles = [(role, points.roles.count(role)) for role in Role]
    kinds = {kind: points.link_is_correct == kind for kind in (True, False)}
    links = [(kind, int(own.sum()), int((own & is_drawn).sum())) for kind, own in kinds.items()]
    what = {True: "relevant document at rank 1", False: "another document at rank 1"}
    return [
        [role_key(role, count(n, *ROLE_NAMES[role]), 8) for role, n in roles if n],
        [
            link_key(
                kind,
                what[kind] if is_short else f"link: {what[kind]} ({n:,}{'' if n == shown else f', {shown:,} drawn'})",
            )
            for kind, n, shown in links
            if n
        ],
    ]


def _value_legend(points: Points, values: Sequence[str]) -> list[list[Line2D]]:
    """Rows of the values of queries, and one of the roles of documents, with their numbers."""
    keys: list[Line2D] = [
        role_key(Role.QUERY, f"{value} ({values.count(value):,})", 8, colour)
        for value, colour in _colours(values).items()
    ]
    roles = [(role, points.roles.count(role)) for role in Role if role is not Role.QUERY]
    documents: list[Line2D] = [role_key(role, count(n, *ROLE_NAMES[role]), 8, style.GREY) for role, n in roles if n]
    return [*(keys[i : i + _VALUES_A_ROW] for i in range(0, len(keys), _VALUES_A_ROW)), documents]


def _draw_legend(figure: Figure, rows: Sequence[list[Line2D]]) -> None:
    """The rows of keys, under the map."""
    for row, handles in enumerate(rows):
        y = (_LEGEND_HEIGHT + _ROW_HEIGHT * (len(rows) - row) - 0.14) / _HEIGHT
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(style.MARGIN / _WIDTH, y),
            ncols=max(1, len(handles)),
            borderpad=0,
            borderaxespad=0,
            handletextpad=0.5,
            columnspacing=2.2,
            handlelength=1.0 if handles[0].get_linestyle() == "None" else 2.2,
        )
