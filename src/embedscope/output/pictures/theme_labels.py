"""Names of themes on a map: as many as have room, the broad ones first."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from embedscope.output.pictures import style
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.protocols import Float32Array
from embedscope.result import Theme

MAX_LABELS = 12

_MAX_COLUMNS = 34
_SIZES = (10.5, 8.5)  # points, by level
_GAP = 3.0  # pixels between labels, and to the frame
_FINER_GAP = 30.0  # around the name of a finer theme: beside a broad one it says little more
_SHIFTS = (0.0, 1.2, -1.2)  # heights of a label by which it may stand above or below its place


def draw_theme_labels(
    axes: Axes, xy: Float32Array, themes: Sequence[Theme], map_name: str, *, scale: float = 1.0
) -> None:
    """The names of ``themes``, by level and size; none over another or over the frame, at most `MAX_LABELS`.

    ``scale`` makes them smaller on a small map.
    """
    frame = axes.get_window_extent().padded(-_GAP)
    taken: list[Bbox] = []
    for theme in sorted(themes, key=lambda theme: (theme.level, -theme.n_queries - theme.n_documents)):
        if len(taken) == MAX_LABELS:
            break
        if map_name in theme.label_points:
            x, y = xy[theme.label_points[map_name]].tolist()
            gap = _FINER_GAP if theme.level else _GAP
            box = _placed(axes, _label(axes, theme, x, y, scale), frame, taken, gap)
            taken += [] if box is None else [box]


def _label(axes: Axes, theme: Theme, x: float, y: float, scale: float) -> Text:
    return axes.text(
        x,
        y,
        ellipsis(style.shown(theme.name), _MAX_COLUMNS),
        ha="center",
        va="center",
        fontsize=scale * _SIZES[min(theme.level, 1)],
        weight="bold" if theme.level == 0 else "normal",
        color=style.INK,
        path_effects=[withStroke(linewidth=3, foreground=style.PAPER, alpha=0.9)],
        zorder=20,
        gid="theme",
    )


def _placed(axes: Axes, label: Text, frame: Bbox, taken: Sequence[Bbox], gap: float) -> Bbox | None:
    """Where ``label`` stands, moved up or down where that makes room; None, and it is gone, where there is none."""
    box = label.get_window_extent()
    for shift in _SHIFTS:
        moved = box.translated(0, shift * box.height)
        is_inside = frame.x0 <= moved.x0 and moved.x1 <= frame.x1 and frame.y0 <= moved.y0 and moved.y1 <= frame.y1
        if is_inside and not any(moved.padded(gap).overlaps(other) for other in taken):
            middle = axes.transData.inverted().transform((moved.x0 + moved.width / 2, moved.y0 + moved.height / 2))
            label.set_position((float(middle[0]), float(middle[1])))
            return moved
    label.remove()
    return None
