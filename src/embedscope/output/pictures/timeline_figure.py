"""A training run over its checkpoints: metrics, violations, what each segment moved, and the map as small multiples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedscope.output.pictures import style
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.output.pictures.training_figure import MAX_TYPES, draw_bands
from embedscope.protocols import BoolArray, Float32Array, Float64Array, Role
from embedscope.result import Estimate, MapAnimation, Points, Scored, Timeline
from embedscope.result.formatting import count

_WIDTH = 11.0
_LEFT, _RIGHT, _BOTTOM, _GAP = 1.05, 1.3, 0.62, 0.26
_PANEL, _BARS = 2.15, 1.5
SHOWN_METRICS = ("MRR", "Success@1", "nDCG@10", "Recall@100")

_TILE, _TILE_GAP, _TILE_TITLE, _ANIMATION_TITLE, _ANIMATION_GAP, _MARGIN, _LEGEND = 2.55, 0.14, 0.5, 0.3, 0.2, 0.45, 0.6
_MOST_COLUMNS, _NARROWEST = 5, 8.2
MAX_FRAMES = 12
"""Maps drawn; of more, so many at even distances, the first and the last among them."""

_BACK_TO_FRONT = (Role.DOCUMENT, Role.HARD_NEGATIVE, Role.POSITIVE, Role.QUERY)
_NAMES = {Role.DOCUMENT: "other documents", Role.HARD_NEGATIVE: "hard negatives", Role.POSITIVE: "positives"}


@style.styled
def draw_timeline(timeline: Timeline) -> Figure:
    """Rank metrics and violations by type with intervals, and the queries that each segment gained and lost.

    The best checkpoint is marked; over-fitting, where it is more than chance, stands under the title.
    """
    has_types = bool(timeline.violation_rates)
    subtitles = [
        f"{len(timeline.names)} checkpoints{style.DOT}{count(timeline.n_queries, 'query', 'queries')} in "
        f"{count(timeline.n_clusters, 'independent group')}{style.DOT}best by {timeline.metric}: "
        f"epoch {timeline.epochs[timeline.best]}{style.DOT}bands are 95 % intervals"
    ]
    subtitles += [] if timeline.over_fitting is None else _lines(timeline.over_fitting)
    top = style.header_height(len(subtitles)) + 0.12
    height = top + _PANEL + _BARS + _GAP + (_PANEL + _GAP if has_types else 0) + _BOTTOM
    figure = style.new_figure(_WIDTH, height)
    style.header(figure, "Training, checkpoint by checkpoint", *subtitles)
    bottom = height - top
    x = np.array(timeline.epochs, dtype=np.float64)
    for name, size in (("metrics", _PANEL), ("violations", _PANEL), ("queries", _BARS)):
        if name == "violations" and not has_types:
            continue
        bottom -= size
        axes = style.axes_at(figure, _LEFT, bottom, _WIDTH - _LEFT - _RIGHT, size)
        bottom -= _GAP
        style.mark(axes, name)
        _frame(axes, x, is_last=name == "queries")
        if name == "metrics":
            draw_bands(axes, x, _shown_metrics(timeline), bottom=0.0)
            axes.set_ylabel("metric")
        elif name == "violations":
            draw_bands(axes, x, _worst_types(timeline), bottom=0.0)
            axes.set_ylabel("violation rate\nby negative type")
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        else:
            _draw_segments(axes, timeline, x)
        style.mark(_best_line(axes, x[timeline.best]), "best checkpoint")
    return figure


def _lines(note: str, limit: int = 135) -> list[str]:
    """A note over as many lines as it takes, broken between words."""
    lines = [""]
    for word in (note[:1].upper() + note[1:]).split():
        if len(lines[-1]) + len(word) + 1 > limit:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _frame(axes: Axes, x: Float64Array, *, is_last: bool) -> None:
    pad = 0.03 * max(float(np.ptp(x)), 1.0)
    axes.set_xlim(x[0] - pad, x[-1] + pad)
    if len(x) <= 20:
        axes.set_xticks(x, [f"{value:g}" for value in x])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
    axes.margins(y=0.12)
    axes.tick_params(axis="x", labelbottom=is_last)
    axes.yaxis.set_label_coords(-0.62 / (_WIDTH - _LEFT - _RIGHT), 0.5)
    if is_last:
        axes.set_xlabel("epoch")


def _best_line(axes: Axes, epoch: float) -> Line2D:
    return axes.axvline(epoch, color=style.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)


def _shown_metrics(timeline: Timeline) -> Mapping[str, Sequence[Estimate]]:
    names = dict.fromkeys((timeline.metric, *SHOWN_METRICS))
    return {name: timeline.metrics[name] for name in names if name in timeline.metrics}


def _worst_types(timeline: Timeline) -> Mapping[str, Sequence[Estimate]]:
    def last(name: str) -> float:
        value = timeline.violation_rates[name][-1].value
        return -1.0 if value is None else value

    names = sorted(timeline.violation_rates, key=last, reverse=True)[:MAX_TYPES]
    return {style.shown(name): timeline.violation_rates[name] for name in names}


def _draw_segments(axes: Axes, timeline: Timeline, x: Float64Array) -> None:
    """Queries gained upwards and lost downwards, between the two checkpoints that they moved between."""
    middles, widths = (x[1:] + x[:-1]) / 2, 0.7 * np.diff(x)
    gained = np.array([len(segment.gained) for segment in timeline.segments])
    lost = np.array([len(segment.lost) for segment in timeline.segments])
    for name, heights, colour, hatch in (
        ("gained", gained, style.RIGHT, ""),
        ("lost", -lost, style.WRONG, "////"),
    ):
        bars = axes.bar(
            middles,
            heights,
            width=widths,
            facecolor=colour,
            alpha=0.75,
            hatch=hatch,
            edgecolor=style.PAPER,
            linewidth=0,
        )
        for bar in bars:
            style.mark(bar, name)
        _name_bars(axes, middles, heights)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    up, down = float(gained.max(initial=0)), float(lost.max(initial=0))
    margin = max(1.0, 0.25 * max(up, down))  # for the numbers at the ends of the bars
    axes.set_ylim(-down - margin, up + margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.set_ylabel("queries right\nat rank 1")
    for lift, word, colour in ((8, "gained", style.RIGHT), (-8, "lost", style.WRONG)):
        axes.annotate(
            word,
            (1.0, 0.0),
            xycoords=("axes fraction", "data"),
            xytext=(4, lift),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL_SIZE,
            color=colour,
        )


def _name_bars(axes: Axes, middles: Float64Array, heights: Float64Array) -> None:
    if len(middles) > 24:
        return  # numbers would stand on one another
    for x, height in zip(middles, heights, strict=True):
        if height:
            axes.annotate(
                f"{abs(int(height)):,}",
                (x, height),
                xytext=(0, 2 if height > 0 else -2),
                textcoords="offset points",
                ha="center",
                va="bottom" if height > 0 else "top",
                fontsize=style.SMALL_SIZE,
                color=style.MUTED,
            )


@style.styled
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
    frames = _chosen_frames(len(first.maps))
    columns = _columns(len(frames))
    rows = -(-len(frames) // columns)
    subtitles = (
        f"{count(len(first.points.rows), 'point')}, the same in each map{style.DOT}"
        f"each map starts from the one before and is turned and scaled onto it",
        "What moves is the space more than the layout; the distance between far groups means nothing",
    )
    top = style.header_height(len(subtitles)) + 0.1
    block = rows * (_TILE + _TILE_TITLE) + _ANIMATION_TITLE + _ANIMATION_GAP
    width = max(2 * _MARGIN + columns * _TILE + (columns - 1) * _TILE_GAP, _NARROWEST)
    height = top + len(animations) * block + _LEGEND
    figure = style.new_figure(width, height)
    style.header(figure, "The map over the epochs of training", *subtitles)
    for place, animation in enumerate(animations):
        upper = height - top - place * block
        _draw_animation(figure, animation, frames, columns, upper, runs)
    _draw_legend(figure, first.points, has_links=runs is not None)
    return figure


def _columns(n: int) -> int:
    """Maps in a row: as few rows as fit, and among the widths that give so few the one that fills them best."""
    rows = -(-n // _MOST_COLUMNS)
    return -(-n // rows)


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
    name = {"tsne": "t-SNE", "umap": "UMAP"}.get(animation.method, animation.method)
    figure.text(_MARGIN / width, (top - 0.2) / height, name, fontsize=11, weight="bold", va="center", gid="method")
    limits = _limits([animation.maps[frame].xy for frame in frames])
    for place, frame in enumerate(frames):
        row, column = divmod(place, columns)
        left = _MARGIN + column * (_TILE + _TILE_GAP)
        bottom = top - _ANIMATION_TITLE - (row + 1) * (_TILE + _TILE_TITLE)
        axes = style.axes_at(figure, left, bottom, _TILE, _TILE)
        style.mark(axes, f"{animation.method} epoch {animation.epochs[frame]}")
        axes.set(xlim=limits[0], ylim=limits[1], xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, color=style.FAINT)
        _draw_frame(axes, animation, frame, None if runs is None else runs[animation.names[frame]])


def _chosen_frames(n: int) -> list[int]:
    if n <= MAX_FRAMES:
        return list(range(n))
    return sorted({round(frame) for frame in np.linspace(0, n - 1, MAX_FRAMES)})


def _limits(maps: Sequence[Float32Array]) -> tuple[tuple[float, float], tuple[float, float]]:
    """One square window that shows every point of every map."""
    low, high = np.min([xy.min(axis=0) for xy in maps], axis=0), np.max([xy.max(axis=0) for xy in maps], axis=0)
    middle, half = (low + high) / 2, 0.53 * max(float((high - low).max()), 1e-3)
    return (middle[0] - half, middle[0] + half), (middle[1] - half, middle[1] + half)


def _draw_frame(axes: Axes, animation: MapAnimation, frame: int, result: Scored | None) -> None:
    layout, points = animation.maps[frame], animation.points
    roles = np.array([str(role) for role in points.roles])
    size = float(np.clip(7 * (1_000 / len(roles)) ** 0.75, 1.0, 12))
    if result is not None:
        is_right = result.queries.is_correct[points.rows[points.link_queries]]
        _draw_links(axes, layout.xy, points, is_right)
    for order, role in enumerate(_BACK_TO_FRONT):
        chosen = layout.xy[roles == str(role)]
        drawn = axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=size * (1.3 if role is Role.POSITIVE else 1.0),
            marker=style.ROLE_MARKERS[role],
            facecolor=style.ROLE_COLOURS[role],
            linewidth=0,
            alpha=0.35 if role in (Role.DOCUMENT, Role.HARD_NEGATIVE) else 0.8,
            zorder=4 + order,
            rasterized=True,
        )
        style.mark(drawn, str(role))
    metric = None if result is None else result.metrics.get("MRR")
    value = "" if metric is None else f"{style.DOT}MRR {style.number(metric.value, 3)}"
    below = f"trustworthiness {style.number(layout.trustworthiness)}"
    if frame:
        below += f"{style.DOT}{100 * animation.turnover[frame]:.0f} % new neighbours"
    above = ellipsis(f"epoch {animation.epochs[frame]}{value}", 40)
    for y, text, size_of_text, weight, colour in (
        (17, above, style.BODY_SIZE, "bold", style.INK),
        (5, below, style.SMALL_SIZE, "normal", style.MUTED),
    ):
        axes.annotate(
            text,
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, y),
            textcoords="offset points",
            va="bottom",
            fontsize=size_of_text,
            weight=weight,
            color=colour,
        )


def _draw_links(axes: Axes, xy: Float32Array, points: Points, is_right: BoolArray) -> None:
    """Links of right queries under those of wrong ones, which are what one looks for."""
    ends = np.stack([xy[points.link_queries], xy[points.link_documents]], axis=1)  # (L, 2, 2)
    alpha = float(np.clip(90 / max(len(ends), 1), 0.05, 0.6))  # a thousand lines would hide the points
    for right in (True, False):
        lines = LineCollection(
            list(ends[is_right == right]),
            colors=style.RIGHT if right else style.WRONG,
            linestyles="solid" if right else (0, (4, 2)),
            linewidths=0.5,
            alpha=alpha,
            zorder=3 if right else 3.5,
            rasterized=True,
        )
        style.mark(lines, "links right" if right else "links wrong")
        axes.add_collection(lines, autolim=False)


def _draw_legend(figure: Figure, points: Points, *, has_links: bool) -> None:
    width, height = figure.get_size_inches()
    present = [role for role in Role if role in points.roles]
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=style.ROLE_MARKERS[role],
            markersize=7,
            markerfacecolor=style.ROLE_COLOURS[role],
            markeredgecolor=style.PAPER,
            label=_NAMES.get(role, "queries"),
        )
        for role in present
    ]
    if has_links:
        handles += [
            Line2D([], [], color=style.RIGHT, linewidth=1.4, label="query right at rank 1"),
            Line2D([], [], color=style.WRONG, linewidth=1.4, linestyle=(0, (4, 2)), label="query wrong"),
        ]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(_MARGIN / width, 0.22 / height),
        ncols=len(handles),
        borderpad=0,
        borderaxespad=0,
        handletextpad=0.4,
        columnspacing=1.6,
        handlelength=1.6,
    )
