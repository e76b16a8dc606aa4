"""The heat map: similarity of some queries to some positives."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import differing_parts, ellipsis
from embedscope.protocols import BoolArray, Float32Array
from embedscope.result import Scored
from embedscope.result.formatting import count, similarity_name

MAX_SIDE = 40
LABEL_COLUMNS = 28
COLOUR_MAP = "RdYlBu"  # diverging, and apart for every common colour vision, unlike red to green

_CENTRE = 0.5
_ROUNDING = 1e-3  # a cosine of 1.0000001 does not leave [0, 1]
_GRID = 8.4  # inches that the longer side takes, as long as the cells stay within their limits
_CELL_LIMITS = (0.21, 0.62)
_CELL_WITH_NUMBER = 0.40
_LABEL_SIZE = 7.5
_LABEL_SPACE = 1.95
_BAR_SPACE = 1.35
_BAR_LIMITS = (1.7, 3.2)
_LEFT = style.MARGIN + _LABEL_SPACE


@style.look()
def draw_heatmap(result: Scored, *, axes: Axes | None = None) -> Figure:
    """Similarity of queries (rows) to distinct positives (columns); a black frame marks what is relevant.

    A cell without a value, of a query and its own text, stays empty.

    At most 40 rows and 40 columns are drawn. The colours of cosines run from 0 to 1 with the middle at 0.5; where one
    lies outside, the scale is stretched on that side and the colour bar says so. Those of dot products run from the
    lowest to the highest that is drawn. Into ``axes``, where those are named, go the cells, without the texts.

    Raises
    ------
    InvalidOptionError
        The result holds no heat map.
    """
    heatmap = result.heatmap
    if heatmap is None or heatmap.similarity.size == 0:
        raise InvalidOptionError("There is no heat map to draw: no query with a relevant document was measured.")
    similarity = heatmap.similarity[:MAX_SIDE, :MAX_SIDE]
    n_rows, n_columns = similarity.shape
    is_relevant = heatmap.is_relevant[:MAX_SIDE, :MAX_SIDE]
    cell = float(np.clip(_GRID / max(n_rows, n_columns), *_CELL_LIMITS))
    is_cosine = result.model.similarity == "cosine"
    norm = _norm_of(similarity, is_cosine=is_cosine)
    if axes is not None:
        _draw_cells(axes, similarity, norm)
        _frame_relevant(axes, is_relevant, 0)
        axes.set(xticks=[], yticks=[], xlabel="positives", ylabel="queries")
        style.title_axes(axes, "Similarity of queries to positives")
        return style.figure_of(axes)
    bottom = style.MARGIN + _LABEL_SPACE * 0.86
    empty = " An empty cell is a query and its own text." if np.isnan(similarity).any() else ""
    width = max(_LEFT + n_columns * cell + _BAR_SPACE + style.MARGIN, 6.6)  # never too narrow for the title
    figure = style.titled_figure(
        width,
        bottom + n_rows * cell + style.header_height(2),
        "Similarity of queries to positives",
        f"{n_rows:,} of {count(heatmap.n_queries, 'query', 'queries')} (rows) and "
        f"{n_columns:,} of {count(heatmap.n_documents, 'positive')} (columns)",
        f"A black frame marks a relevant pair. In a good row, only the framed cells are blue.{empty}",
    )
    axes = style.axes_at(figure, _LEFT, bottom, n_columns * cell, n_rows * cell)
    image = _draw_cells(axes, similarity, norm)
    _frame_relevant(axes, is_relevant, cell)
    queries = _labels(result.queries.texts[row] for row in heatmap.queries[:MAX_SIDE])
    documents = _labels(result.documents.texts[row] for row in heatmap.documents[:MAX_SIDE])
    axes.set_yticks(range(n_rows), queries, fontsize=_LABEL_SIZE)
    axes.set_xticks(range(n_columns), documents, fontsize=_LABEL_SIZE, rotation=55.0, ha="right", va="top",
                    rotation_mode="anchor")  # fmt: skip
    if cell >= _CELL_WITH_NUMBER:
        _write_numbers(axes, image, similarity)
    _draw_scale(figure, axes, image, similarity_name(result.model.similarity), is_cosine=is_cosine)
    return figure


def _draw_scale(figure: Figure, axes: Axes, image: AxesImage, name: str, *, is_cosine: bool) -> None:
    """The colour bar, whose label says where the scale is not that of a cosine."""
    low, high = image.get_clim()
    if is_cosine:
        between = [tick for tick in (0.0, 0.25, _CENTRE, 0.75, 1.0) if low + 0.08 < tick < high - 0.08]
        beyond = "" if (low, high) == (0.0, 1.0) else "; scale stretched beyond 0 to 1"
        _draw_colour_bar(figure, axes, image, [low, *between, high], f"{name}{beyond}")
    else:
        _draw_colour_bar(figure, axes, image, np.linspace(low, high, 5).tolist(), f"{name}, lowest to highest shown")


def _norm_of(similarity: Float32Array, *, is_cosine: bool) -> Normalize:
    if np.isnan(similarity).all():
        return Normalize(0, 1)
    low, high = float(np.nanmin(similarity)), float(np.nanmax(similarity))
    if not is_cosine:
        return Normalize(low, high if high > low else low + 1.0)
    low, high = (low if low < -_ROUNDING else 0.0), (high if high > 1.0 + _ROUNDING else 1.0)
    return Normalize(0, 1) if (low, high) == (0, 1) else TwoSlopeNorm(vcenter=_CENTRE, vmin=low, vmax=high)


def _draw_cells(axes: Axes, similarity: Float32Array, norm: Normalize) -> AxesImage:
    image = axes.imshow(similarity, cmap=COLOUR_MAP, norm=norm, aspect="auto", interpolation="nearest")
    n_rows, n_columns = similarity.shape
    columns, rows = np.arange(n_columns + 1) - 0.5, np.arange(n_rows + 1) - 0.5
    axes.vlines(columns, rows[0], rows[-1], colors=style.PAPER, linewidth=0.6)
    axes.hlines(rows, columns[0], columns[-1], colors=style.PAPER, linewidth=0.6)
    axes.set(xlim=(columns[0], columns[-1]), ylim=(rows[-1], rows[0]))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _frame_relevant(axes: Axes, is_relevant: BoolArray, cell: float) -> None:
    frames = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in np.argwhere(is_relevant)]
    width = 1.2 if cell < _CELL_WITH_NUMBER else 1.8
    collection = PatchCollection(frames, facecolor="none", edgecolor="black", linewidth=width, joinstyle="miter",
                                 zorder=5, clip_on=False, gid="relevant")  # fmt: skip
    axes.add_collection(collection, autolim=False)


def _labels(texts: Iterable[str]) -> list[str]:
    """At most ``LABEL_COLUMNS`` columns, and never wider than the space beside the grid; different texts differ."""
    width = measure(_LABEL_SIZE)

    def fit(text: str) -> str:
        return ellipsis(ellipsis(text, LABEL_COLUMNS), (_LABEL_SPACE - 0.1) * 72, width)

    return [fit(text) for text in differing_parts([style.shown(text) or "(empty)" for text in texts], fit)]


def _write_numbers(axes: Axes, image: AxesImage, similarity: Float32Array) -> None:
    cells = np.asarray(image.norm(similarity))
    for row, column in np.argwhere(~np.isnan(similarity)):
        red, green, blue, _ = image.cmap(float(cells[row, column]))
        is_bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
        axes.text(
            column,
            row,
            style.similarity(float(similarity[row, column])),
            ha="center",
            va="center",
            fontsize=7.5,
            color=style.INK if is_bright else style.PAPER,
            gid="cell value",
        )


def _draw_colour_bar(figure: Figure, axes: Axes, image: AxesImage, ticks: list[float], label: str) -> None:
    width, height = figure.get_size_inches()
    box = axes.get_position()
    bar_height = float(np.clip(box.height, *(inches / height for inches in _BAR_LIMITS)))
    bar_axes = figure.add_axes((box.x1 + 0.25 / width, box.y1 - bar_height, 0.16 / width, bar_height))
    bar = figure.colorbar(image, cax=bar_axes, ticks=ticks)
    bar.ax.set_yticklabels([style.similarity(tick) for tick in bar.get_ticks()])
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=style.SMALL_SIZE)
