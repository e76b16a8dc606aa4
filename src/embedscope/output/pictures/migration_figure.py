"""A swap of models, path by path."""

from __future__ import annotations

from matplotlib.figure import Figure

from embedscope.output.path_rows import metric_of, path_name
from embedscope.output.pictures import style
from embedscope.result import Migration, MigrationPath, PathKind
from embedscope.result.formatting import queries_of

_WIDTH, _LEFT, _RIGHT, _BOTTOM, _ROW = 10.4, 4.3, 0.7, 0.7, 0.3


@style.look()
def draw_migration(found: Migration, *, metric: str = "MRR") -> Figure:
    """``metric`` of every path with its 95 % interval; the lines are the levels of OLD and of NEW alone."""
    paths = [path for path in found.paths if metric_of(path, metric).value is not None]
    height = style.header_height(2) + _ROW * len(paths) + _BOTTOM
    figure = style.titled_figure(
        _WIDTH,
        height,
        f"{metric} on every path from OLD to NEW",
        f"{queries_of(found.data)}{style.DOT}{found.data.n_documents:,} documents{style.DOT}adapters never scored a "
        "document that they were fitted on",
        "bars: 95 % interval of each path alone; the paired test says whether two paths differ",
    )
    axes = style.axes_at(figure, _LEFT, _BOTTOM, _WIDTH - _LEFT - _RIGHT, _ROW * len(paths))
    for row, path in enumerate(paths):
        estimate = metric_of(path, metric)
        value = estimate.value or 0.0
        colour, marker = _look_of(path)
        low, high = (value if end is None else end for end in (estimate.low, estimate.high))
        axes.plot((low, high), (row, row), color=colour, linewidth=1.6, gid="interval")
        axes.plot((value,), (row,), color=colour, marker=marker, markersize=6, linestyle="none", gid=str(path.kind))
        style.annotate(axes, style.number(value, 3), (high, row), (6, 0), color=colour)
    for kind, colour in ((PathKind.OLD, style.MUTED), (PathKind.NEW, style.BLUE)):
        level = metric_of(found.path(kind), metric).value or 0.0
        axes.axvline(level, color=colour, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1, gid=f"level {kind}")
    axes.set_yticks(range(len(paths)), [path_name(path) for path in paths])
    axes.set_ylim(len(paths) - 0.5, -0.5)
    axes.set_xlim(left=0.0)
    axes.set_xlabel(f"{metric}, mean over queries")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=style.FAINT, linewidth=0.6)
    return figure


def _look_of(path: MigrationPath) -> tuple[str, str]:
    """Colour and marker: OLD, NEW, what cannot work by itself, adapters, mixtures of both queries."""
    if path.kind is PathKind.OLD:
        return style.MUTED, "o"
    if path.kind is PathKind.NEW:
        return style.BLUE, "s"
    if path.kind in (PathKind.UNADAPTED, PathKind.MIXED_UNADAPTED):
        return style.VERMILLION, "X"
    if path.kind in (PathKind.ORTHOGONAL, PathKind.AFFINE, PathKind.MIXED_ADAPTED):
        return style.AMBER, "D"
    return style.GREEN, "^"
