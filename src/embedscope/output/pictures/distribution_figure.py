"""How similar queries are to what is relevant to them, and to everything else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import wrap
from embedscope.protocols import Float64Array
from embedscope.result import Distribution, Scored, Similarity
from embedscope.result.formatting import count, similarity_name

_WIDTH, _HEIGHT = 11.0, 7.4
_LEFT, _RIGHT, _BOTTOM = 0.8, 0.45, 0.65
_SIDE_WIDTH = 2.75
_BOX_HEIGHT = 1.45
_GAP = 0.3
_BOX = {"whislo": 0.05, "q1": 0.25, "med": 0.5, "q3": 0.75, "whishi": 0.95}
_MAX_BINS = 60
_TAIL = 0.001  # share of a population that may lie outside the x range on either side
_PEAK_RATIO = 6.0  # beyond it the lower curves would be flat on a linear scale
_LABEL_BAND = 0.26  # share of the axes height kept free above the curves, for the means


@dataclass(frozen=True, slots=True)
class _Population:
    """One curve: its name, its look, and what was measured."""

    name: str
    colour: str
    line: str | tuple[float, tuple[float, ...]]
    hatch: str
    measured: Distribution


@style.look()
def draw_similarity_distribution(result: Scored) -> Figure:
    """Densities of positive, negative and hard-negative similarities, their spread, and the four summary figures.

    Each density has area 1, so a thousand positives stay visible beside a million negatives. Boxes run from the 25 %
    to the 75 % quantile, whiskers from 5 % to 95 %.

    Raises
    ------
    InvalidOptionError
        The result is of a run, which has no vectors.
    """
    similarity = result.similarity
    if similarity is None:
        raise InvalidOptionError("There are no similarities to draw: a run has no vectors.")
    populations = _populations(similarity)
    figure = style.titled_figure(
        _WIDTH,
        _HEIGHT,
        "Similarity to positives and negatives",
        style.DOT.join(f"{count(each.measured.n, each.name + ' pair')}" for each in populations),
        f"Every curve has area 1{style.DOT}vertical lines and diamonds: means{style.DOT}"
        "boxes: 25 to 75 %, whiskers: 5 to 95 % of the pairs",
    )
    width = _WIDTH - _LEFT - _SIDE_WIDTH - _GAP - _RIGHT
    density_bottom = _BOTTOM + _BOX_HEIGHT + _GAP
    density_height = _HEIGHT - density_bottom - style.header_height(2)
    density_axes = style.axes_at(figure, _LEFT, density_bottom, width, density_height)
    box_axes = style.axes_at(figure, _LEFT, _BOTTOM, width, _BOX_HEIGHT)
    limits = _limits(similarity.edges, populations)
    _draw_densities(density_axes, similarity.edges, populations, limits, width)
    _draw_boxes(box_axes, populations, limits, similarity_name(result.model.similarity))
    _draw_figures(figure, similarity, density_axes)
    return figure


def _populations(similarity: Similarity) -> list[_Population]:
    found = [_Population("positive", style.GREEN, "solid", "", similarity.positive)]
    hard = similarity.hard_negative
    if hard is not None:
        found.append(_Population("hard negative", style.VERMILLION, (0, (1.2, 1.2)), "////", hard))
    found.append(_Population("negative", style.MUTED, (0, (5, 2)), "", similarity.negative))
    return [each for each in found if each.measured.n]


def _limits(edges: Float64Array, populations: list[_Population]) -> tuple[float, float]:
    """The part of the axis that holds all but the outermost thousandth of each population."""
    bounds = [_bulk(edges, each.measured) for each in populations]
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    pad = 0.04 * (high - low)
    return max(low - pad, float(edges[0])), min(high + pad, float(edges[-1]))


def _bulk(edges: Float64Array, measured: Distribution) -> tuple[float, float]:
    mass = np.cumsum(measured.density * np.diff(edges))
    first = int(np.searchsorted(mass, _TAIL * mass[-1], side="right"))
    last = int(np.searchsorted(mass, (1 - _TAIL) * mass[-1]))
    return float(edges[min(first, len(edges) - 2)]), float(edges[min(last, len(edges) - 2) + 1])


def _draw_densities(
    axes: Axes, edges: Float64Array, populations: list[_Population], limits: tuple[float, float], width: float
) -> None:
    n_visible = np.count_nonzero((edges > limits[0]) & (edges < limits[1]))
    step = max(1, int(np.ceil(n_visible / _MAX_BINS)))
    curves = [(each, *_coarser(edges, each.measured.density, step)) for each in populations]
    peaks = [float(density.max()) for _, _, density in curves]
    for order, (each, bins, density) in enumerate(curves):
        for name, is_filled in (("fill", True), ("outline", False)):
            axes.stairs(
                density if is_filled else np.where(density > 0, density, np.nan),  # no outline where it is empty
                bins,
                fill=is_filled,
                facecolor=each.colour if is_filled else "none",
                edgecolor=each.colour,
                linestyle="solid" if is_filled else each.line,
                linewidth=0 if is_filled else 1.6,
                alpha=0.22 if is_filled else 1.0,
                hatch=each.hatch if is_filled else None,
                zorder=2 + (not is_filled) + 0.1 * order,
                gid=f"density {name} {each.name}",
            )
    _scale_densities(axes, peaks)
    axes.set_xlim(*limits)
    axes.tick_params(labelbottom=False)
    axes.grid(axis="x")
    _draw_means(axes, populations, limits, width)


def _coarser(edges: Float64Array, density: Float64Array, step: int) -> tuple[Float64Array, Float64Array]:
    """The same density on bins ``step`` times as wide, the last one as wide as what is left."""
    starts = np.arange(0, len(density), step)
    wide = np.append(edges[starts], edges[-1])
    return wide, np.add.reduceat(density * np.diff(edges), starts) / np.diff(wide)


def _scale_densities(axes: Axes, peaks: list[float]) -> None:
    """A square-root axis where one peak dwarfs the others, and space above the curves for the means."""
    is_root = max(peaks) > _PEAK_RATIO * min(peaks)
    if is_root:
        axes.set_yscale("function", functions=(lambda y: np.sqrt(np.maximum(y, 0)), np.square))
    headroom = 1 / (1 - _LABEL_BAND)
    axes.set_ylim(0, max(peaks) * (headroom**2 if is_root else headroom))
    axes.set_ylabel("density (square-root scale)" if is_root else "density")


def _draw_means(axes: Axes, populations: list[_Population], limits: tuple[float, float], width: float) -> None:
    """A line at each mean, as high as its label."""
    across_data = blended_transform_factory(axes.transData, axes.transAxes)
    texts = [f"{each.name} {style.number(each.measured.mean, 3)}" for each in populations]
    width_of = measure(style.BODY_SIZE, is_bold=True)
    inches = [(each.measured.mean - limits[0]) / (limits[1] - limits[0]) * width for each in populations]
    places = _label_places(inches, [width_of(text) / 72 + 0.12 for text in texts], width)
    for each, text, (row, is_left) in zip(populations, texts, places, strict=True):
        y = 0.965 - 0.075 * row
        mean = each.measured.mean
        axes.plot((mean, mean), (0, y), transform=across_data, color=each.colour, linestyle=each.line, lw=1.3, zorder=4,
                  gid=f"mean {each.name}")  # fmt: skip
        style.annotate(
            axes,
            text,
            (mean, y),
            (-5 if is_left else 5, 0),
            xycoords=across_data,
            ha="right" if is_left else "left",
            fontsize=style.BODY_SIZE,
            color=each.colour,
            weight="bold",
            zorder=6,
            gid=f"mean label {each.name}",
        )


def _label_places(means: list[float], widths: list[float], total: float) -> list[tuple[int, bool]]:
    """A row (0 on top) and a side (left or not) for each label, so that no label meets another or a line.

    A line ends at the row of its own label, so only lines of higher labels can cross a lower one. There are at most
    three labels: every arrangement is tried, and the first one with the fewest collisions wins.
    """
    arrangements = [
        list(zip(rows, sides, strict=True))
        for sides in product((False, True), repeat=len(means))
        for rows in permutations(range(len(means)))
    ]
    return min(arrangements, key=lambda places: _collisions(places, means, widths, total))


def _collisions(places: list[tuple[int, bool]], means: list[float], widths: list[float], total: float) -> int:
    found = 0
    for (row, is_left), mean, width in zip(places, means, widths, strict=True):
        start, end = (mean - width, mean) if is_left else (mean, mean + width)
        found += 10 * (start < 0 or end > total)
        found += sum(start <= x <= end for (other, _), x in zip(places, means, strict=True) if other < row)
    return found


def _draw_boxes(axes: Axes, populations: list[_Population], limits: tuple[float, float], name: str) -> None:
    boxes = []
    for each in populations:
        levels = {float(level): value for level, value in each.measured.quantiles.items()}
        boxes.append({end: levels[level] for end, level in _BOX.items()} | {"mean": each.measured.mean})
    drawn = axes.bxp(
        boxes,
        positions=range(len(populations)),
        orientation="horizontal",
        widths=0.5,
        showfliers=False,
        showmeans=True,
        patch_artist=True,
        medianprops={"color": style.INK, "linewidth": 1.6},
        meanprops={"marker": "D", "markersize": 5, "markerfacecolor": style.PAPER, "markeredgecolor": style.INK},
    )
    for each, box in zip(populations, drawn["boxes"], strict=True):
        box.set(facecolor=each.colour, edgecolor=each.colour, alpha=0.45, hatch=each.hatch, gid=f"box {each.name}")
    axes.invert_yaxis()
    axes.set_yticks(range(len(populations)), [each.name.replace(" ", "\n") for each in populations])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(*limits)
    axes.grid(axis="x")
    axes.set_xlabel(f"{name} (the outermost 0.1 % of a population may lie outside)")


def _draw_figures(figure: Figure, similarity: Similarity, beside: Axes) -> None:
    """The four summary figures in a box to the right of the curves, each with what it is."""
    rows = (
        ("margin", similarity.margin, 3, "mean positive minus mean negative"),
        ("separation", similarity.separation, 2, "margin over the sum of the two\nstandard deviations"),
        ("AUC", similarity.auc, 3, "chance that a positive pair scores\nabove a negative one"),
        ("overlap", similarity.overlap, 3, "area that the positive and negative\ncurves share"),
    )
    curves = beside.get_position()
    left = 1 - (_RIGHT + _SIDE_WIDTH) / _WIDTH
    axes = figure.add_axes((left, curves.y0, _SIDE_WIDTH / _WIDTH, curves.height))
    axes.set(xticks=[], yticks=[], facecolor=style.SHADE, xlim=(0, 1), ylim=(len(rows), 0), gid="figures box")
    axes.spines[:].set(visible=True, color=style.FAINT)
    for row, (name, measured, decimals, meaning) in enumerate(rows):
        value = style.interval(measured, decimals)
        note = meaning
        if measured.value is None:
            reason = style.shown(f"not computed: {measured.reason}")
            note = "\n".join(wrap(reason, 0.88 * _SIDE_WIDTH * 72, measure(7.5), max_lines=2))
        axes.text(0.07, row + 0.16, name, va="top", color=style.MUTED)
        axes.text(0.07, row + 0.36, value, va="top", fontsize=12, weight="bold", gid=f"value {name}")
        axes.text(0.07, row + 0.63, note, va="top", color=style.MUTED, fontsize=7.5, linespacing=1.25)
