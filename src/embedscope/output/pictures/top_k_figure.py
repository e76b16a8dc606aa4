"""The nearest documents of a few telling queries: what the model would have answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import differing_parts, ellipsis, wrap
from embedscope.result import Example, ExampleKind, Scored
from embedscope.result.formatting import count, rank_name

MAX_EXAMPLES = 6
K = 10

_WIDTH = 11.0
_ROW = 0.262
_PANEL_HEAD = 0.58  # without the query
_QUERY_LINE = 0.195
_PANEL_GAP = 0.34
_BAR_LEFT = 7.45  # inches from the left edge of the figure to the bars
_SCORE_SPACE = 0.55
_TEXT_AFTER = 0.33  # inches from the ranks to the documents, with the sign between them
_QUERY_SIZE = 10.0
_TEXT_SIZE = 8.5
_KIND_COLOURS = {
    ExampleKind.ASKED: style.BLUE,
    ExampleKind.WORST_FAILURE: style.VERMILLION,
    ExampleKind.NEAR_MISS: style.AMBER,
    ExampleKind.SUCCESS: style.GREEN,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One bar: a document at a rank."""

    rank: str
    text: str
    score: float  # NaN of what a run did not return
    is_relevant: bool
    types: tuple[str, ...]
    is_below: bool = False  # ranked below the k that are shown


@dataclass(frozen=True, slots=True)
class _Panel:
    """One example: its heading and its bars."""

    kind: ExampleKind
    query_lines: list[str]
    outcome: str
    rows: list[_Row]

    @property
    def height(self) -> float:
        """Inches."""
        return _PANEL_HEAD + _QUERY_LINE * len(self.query_lines) + _ROW * len(self.rows)


@style.look()
def draw_top_k(result: Scored) -> Figure:
    """A panel for each example: the ten nearest documents with their similarities, right or wrong.

    A relevant document has a plain green bar and a tick, any other a hatched red one and a cross; the types stand in
    brackets where it is one of the query's own hard negatives. Where no relevant document is among the ten, the best
    one follows below at its rank. Six examples are drawn at most.

    Raises
    ------
    InvalidOptionError
        The result holds no examples.
    """
    examples = result.examples[:MAX_EXAMPLES]
    if not examples:
        raise InvalidOptionError("There are no examples to draw: no query was chosen or none has a ranked list.")
    panels = [_panel(result, example) for example in examples]
    total = style.header_height(1) + sum(panel.height + _PANEL_GAP for panel in panels)
    figure = style.titled_figure(_WIDTH, total, *_titles(result))
    rows = [row for panel in panels for row in panel.rows]
    scores = [row.score for row in rows if not np.isnan(row.score)]
    limits = (min(0.0, *scores), max(1e-3, *scores))  # one scale for all bars
    rank_right = style.MARGIN + max((measure(_TEXT_SIZE)(row.rank) for row in rows), default=0.0) / 72
    top = total - style.header_height(1)
    for panel in panels:
        _write_head(figure, panel, top)
        _draw_panel(figure, panel.rows, top - panel.height, limits, rank_right)
        top -= panel.height + _PANEL_GAP
    return figure


def _panel(result: Scored, example: Example) -> _Panel:
    query = style.shown(result.queries.texts[example.query]) or "(empty query)"
    lines = wrap(query, (_WIDTH - 2 * style.MARGIN) * 72, measure(_QUERY_SIZE, is_bold=True), max_lines=2)
    rank = result.queries.rank[example.query]
    if not result.queries.n_relevant[example.query]:
        outcome = "no relevant document in the data"
    else:
        outcome = "first relevant document " + (f"at rank {rank_name(rank)}" if np.isfinite(rank) else rank_name(rank))
    return _Panel(example.kind, lines, outcome, _rows(result, example.query))


def _rows(result: Scored, query: int) -> list[_Row]:
    """The nearest documents of a query, and where none of them is relevant the best relevant one."""
    table, texts = result.queries, result.documents.texts
    own = {
        int(table.negative_documents[entry]): table.negative_types[entry] or ("hard negative",)
        for entry in table.negatives_of(query)
    }
    top = zip(table.top_documents[query], table.top_scores[query], table.top_is_relevant[query], strict=True)
    rows = [
        _Row(str(rank), texts[document], float(score), bool(hit), own.get(int(document), ()))
        for rank, (document, score, hit) in enumerate(islice(top, K), start=1)
        if document >= 0
    ]
    relevant = table.relevant_of(query)
    if relevant and not any(row.is_relevant for row in rows):
        best = table.best_relevant(query)
        score = table.positive_similarity[query]
        rank = rank_name(table.rank[query])
        rank = f"rank {rank}" if np.isfinite(score) else rank
        rows.append(_Row(rank, texts[best], float(score), True, (), is_below=True))
    return rows


def _titles(result: Scored) -> tuple[str, str]:
    n_left_out = max(0, len(result.examples) - MAX_EXAMPLES)
    left_out = f"{style.DOT}{n_left_out:,} more examples not drawn" if n_left_out else ""
    n_nearest = min(K, result.queries.top_documents.shape[1])
    n_examples = min(len(result.examples), MAX_EXAMPLES)
    nearest = count(n_nearest, "nearest document")
    shown = nearest if result.similarity is not None else f"first {count(n_nearest, 'document')}"
    signs = (
        f"{style.TICK} relevant (plain bar){style.DOT}{style.CROSS} not relevant (hatched bar), "
        "in brackets the type of a hard negative of this query"
    )
    return (
        f"The {shown} of {count(n_examples, 'query', 'queries')}",
        f"{signs}{style.DOT}among {count(len(result.documents.ids), 'document')}{left_out}",
    )


def _write_head(figure: Figure, panel: _Panel, top: float) -> None:
    """The kind of example and the rank on one line, the query below them."""
    width, height = figure.get_size_inches()
    left, right = style.MARGIN / width, 1 - style.MARGIN / width
    figure.add_artist(Line2D([left, right], [top / height] * 2, color=style.FAINT, lw=1.0))
    y = (top - 0.16) / height
    figure.text(left, y, panel.kind.upper(), va="top", fontsize=8, weight="bold", color=_KIND_COLOURS[panel.kind],
                gid="example kind")  # fmt: skip
    figure.text(right, y, panel.outcome, va="top", ha="right", color=style.MUTED, gid="example rank")
    for line, text in enumerate(panel.query_lines):
        y = (top - 0.37 - _QUERY_LINE * line) / height
        figure.text(left, y, text, va="top", fontsize=_QUERY_SIZE, weight="bold", gid="example query")


def _draw_panel(
    figure: Figure, rows: list[_Row], bottom: float, limits: tuple[float, float], rank_right: float
) -> None:
    if not rows:
        return
    width = _WIDTH - style.MARGIN - _SCORE_SPACE - _BAR_LEFT
    axes = style.axes_at(figure, _BAR_LEFT, bottom, width, _ROW * len(rows))
    axes.set(xlim=limits, ylim=(len(rows) - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    fitting = list(_fitting(rows, _BAR_LEFT - 0.12 - rank_right - _TEXT_AFTER))
    for place, row in enumerate(rows):
        axes.barh(
            place,
            np.nan_to_num(row.score),
            height=0.66,
            facecolor=style.RIGHT if row.is_relevant else "#f6cdb4",
            edgecolor=style.RIGHT if row.is_relevant else style.WRONG,
            linewidth=0.8,
            hatch=None if row.is_relevant else "/////",
            gid="bar below" if row.is_below else "bar",
        )
        _write_row(axes, place, row, rank_right, fitting[place])
    if rows[-1].is_below:  # a dotted line across the panel: what follows is not the next rank
        inches = blended_transform_factory(axes.figure.dpi_scale_trans, axes.transData)
        ends, edge = (style.MARGIN, _WIDTH - style.MARGIN), len(rows) - 1.5
        axes.plot(ends, (edge, edge), transform=inches, color=style.MUTED, lw=0.8, ls=(0, (1, 2)), clip_on=False)


def _write_row(axes: Axes, place: int, row: _Row, rank_right: float, fitting: tuple[str, str]) -> None:
    """Rank, sign and text left of the bar, the similarity after its end."""
    inches = blended_transform_factory(axes.figure.dpi_scale_trans, axes.transData)
    colour = style.RIGHT if row.is_relevant else style.WRONG
    common: dict[str, Any] = {"va": "center_baseline", "fontsize": _TEXT_SIZE, "transform": inches}
    sign = style.TICK if row.is_relevant else style.CROSS
    axes.text(rank_right, place, row.rank, ha="right", color=style.MUTED, gid="rank", **common)
    axes.text(rank_right + 0.16, place, sign, ha="center", color=colour, gid="sign", **{**common, "fontsize": 10})
    left = rank_right + _TEXT_AFTER
    text, types = fitting
    axes.text(left, place, text, ha="left", gid="document", **common)
    after = left + measure(_TEXT_SIZE)(text) / 72 + 0.1  # a text of its own: beside Arabic it would change sides
    axes.text(after, place, types, ha="left", color=style.MUTED, gid="types", **common)
    if np.isnan(row.score):
        return
    style.annotate(axes, style.similarity(row.score, 3), (max(row.score, 0.0), place), (4, 0), va="center_baseline",
                   fontsize=_TEXT_SIZE, annotation_clip=False, gid="score")  # fmt: skip


def _fitting(rows: Sequence[_Row], width: float) -> Iterator[tuple[str, str]]:
    """Each document, cut so that the brackets with its types fit beside it, and those brackets.

    Documents that begin alike are shown from where they differ.
    """
    width_of = measure(_TEXT_SIZE)
    types = [
        f"[{ellipsis(style.shown(', '.join(row.types)), 0.4 * width * 72, width_of)}]" if row.types else ""
        for row in rows
    ]
    taken = max((width_of(each) + 0.1 * 72 for each in types if each), default=0.0)
    texts = [style.shown(row.text) or "(empty text)" for row in rows]
    # Told apart in what the longest brackets leave, so that no brackets hide the difference.
    parts = differing_parts(texts, lambda text: ellipsis(text, width * 72 - taken, width_of))
    for part, own in zip(parts, types, strict=True):
        yield ellipsis(part, width * 72 - (width_of(own) + 0.1 * 72 if own else 0.0), width_of), own
