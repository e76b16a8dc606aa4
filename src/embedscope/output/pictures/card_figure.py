"""The verdict as a card: one picture of 1200 x 630, for a pull request, a chat or the page of a model.

It is also read at half its size, so that nothing but the signature is smaller than 17 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.map_artists import frame
from embedscope.output.pictures.text_layout import abridged, ellipsis, wrap
from embedscope.output.pictures.theme_labels import draw_theme_labels
from embedscope.protocols import Role
from embedscope.result import (
    MAP_NAMES,
    Comparison,
    Estimate,
    MapLayout,
    Points,
    Result,
    SetResult,
    SeveralSets,
    Verdict,
    VerdictOutcome,
    run_label,
)
from embedscope.result.formatting import count, interval, number, percent, queries_in_words, sentence
from embedscope.result.several_sets import SHOWN

WIDTH, HEIGHT, DPI = 1200, 630, 100
"""Size in pixels: the shape in which sites show the picture of a link."""

_LEFT, _TEXT_WIDTH = 64, 580
_PANEL = (690, 92, 454, 454)  # left, bottom, width, height
_WORD, _NAME, _TEXT, _VALUE, _SMALL = 46.0, 20.0, 16.5, 29.0, 12.5  # points
_COLUMNS = ((0, 160), (170, 240), (425, 155))  # left and width of each figure: the second names a reference
_N_THEMES = 4
_N_SETS = 8
_RIGHT_AT_1 = "Success@1"
_RANKS = (
    (1.0, "1"), (3.0, "2 to 3"), (10.0, "4 to 10"), (100.0, "11 to 100"), (np.finfo(np.float64).max, "beyond 100"),
)  # fmt: skip
"""Ranks up to which queries are counted; an infinite one is that of a document that a run did not return."""

_BASELINES = {"lexical": "", "base": "base model", "PCA": "PCA of the base", "random": "random projection"}
"""What a model is held against unasked, in the order in which it is shown; the lexical one by its own name."""

_LOOKS = {
    VerdictOutcome.DEPLOY: (style.GREEN, style.TICK),
    VerdictOutcome.RETRAIN: (style.VERMILLION, style.CROSS),
    VerdictOutcome.UNDECIDED: (style.AMBER, "?"),
    VerdictOutcome.UNFIT: (style.PURPLE, style.EN_DASH),
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One figure: what it is, its value, and its interval or what else stands under it."""

    label: str
    value: str
    below: str


@style.look()
def draw_card(result: Result, difference: Comparison | None = None) -> Figure:
    """The verdict on one run: word, reason, model and data, three figures, and its map, or else the ranks.

    ``difference`` is that to the reference, where the verdict is by one.
    """
    data = result.data
    on = f"on {run_label(data.name)}" if data.name else "on its data"
    size = f"{count(data.n_queries, 'query', 'queries')}, {count(data.n_documents, 'document')}"
    figure = _card(result.verdict, result.model.checkpoint, on, size, _figures_of_run(result, difference))
    name = next((name for name in MAP_NAMES if name in result.maps), None)
    if name is None or result.points is None:
        _draw_ranks(figure, result)
    else:
        _draw_map(figure, result, result.points, result.maps[name])
    return figure


@style.look()
def draw_card_of_sets(found: SeveralSets) -> Figure:
    """The verdict on several sets: means over them in place of figures, and each set with its interval."""
    against = "" if found.reference is None else f", against {run_label(found.reference)}"
    n_queries = sum(each.n_queries for each in found.sets)
    on = f"on {count(len(found.sets), 'data set')}{against}"
    figure = _card(found.verdict, found.checkpoint, on, queries_in_words(n_queries, None), _figures_of_sets(found))
    _draw_sets(figure, found)
    return figure


# --- texts --------------------------------------------------------------------------------------------------------


def _card(verdict: Verdict, model: str, on: str, size: str, figures: Sequence[_Shown]) -> Figure:
    """Everything but the panel on the right."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    colour, sign = _LOOKS[verdict.outcome]
    figure.add_artist(Rectangle((0, 0), 18 / WIDTH, 1, color=colour))
    _write(figure, f"{sign} {verdict.outcome.value.capitalize()}", (_LEFT, 40), _WORD, color=colour, weight="bold")
    name = abridged(style.shown(run_label(model)), _points(_TEXT_WIDTH), measure(_NAME, is_bold=True))
    _write(figure, name, (_LEFT, 128), _NAME, weight="bold", gid="model")
    for line, text in enumerate((on, size)):
        fitted = abridged(style.shown(text), _points(_TEXT_WIDTH), measure(_TEXT))
        _write(figure, fitted, (_LEFT, 167 + 30 * line), _TEXT, color=style.MUTED, gid="data")
    headline = style.with_minus(style.shown(sentence(verdict.headline)))
    for row, part in enumerate(wrap(headline, _points(_TEXT_WIDTH), measure(_TEXT), max_lines=4)):
        _write(figure, part, (_LEFT, 246 + 32 * row), _TEXT, gid="headline")
    _draw_figures(figure, figures)
    _write(figure, "embedscope", (_LEFT, 586), 11.0, color=style.MUTED, gid="signature")
    return figure


def _draw_figures(figure: Figure, shown: Sequence[_Shown]) -> None:
    for each, (left, width) in zip(shown, _COLUMNS, strict=False):
        lines = ((each.label, 420, _SMALL, style.MUTED), (style.with_minus(each.value), 446, _VALUE, style.INK),
                 (style.with_minus(each.below), 500, _SMALL, style.MUTED))  # fmt: skip
        for text, top, size, colour in lines:
            weight = "bold" if size == _VALUE else "normal"
            fitted = abridged(style.shown(text), _points(width), measure(size, is_bold=weight == "bold"))
            _write(figure, fitted, (_LEFT + left, top), size, color=colour, weight=weight, gid="figure")


def _write(figure: Figure, text: str, at: tuple[float, float], size: float, **look: Any) -> None:
    """``text`` with its upper left corner so many pixels from that of the card."""
    x, y = at
    figure.text(x / WIDTH, 1 - y / HEIGHT, text, fontsize=size, **{"va": "top", "ha": "left", **look})


def _points(pixels: float) -> float:
    return pixels / DPI * 72


def _figures_of_run(result: Result, difference: Comparison | None) -> list[_Shown]:
    """The metric that decides, its difference to what the model is held against, and one more.

    Alone it is held against what it surely loses to, else against words and letters.
    """
    names = {**_BASELINES, "lexical": result.lexical_baseline}
    unasked = {c.b: c for c in result.comparisons if c.metric == SHOWN and c.b in names}
    found = [unasked[name] for name in names if name in unasked]
    lost = (c for c in found if c.is_surely(-1))
    against = difference or next(lost, None) or next(iter(found), None)
    wanted = dict.fromkeys((against.metric if against is not None else SHOWN, _RIGHT_AT_1, *result.metrics))
    first, *others = [result.metrics[name] for name in wanted if name in result.metrics]
    shown = [_estimated(first.name, first.estimate)]
    if against is not None:
        other = names.get(against.b) or run_label(against.b)
        shown.append(_of_difference(f"{against.metric} {style.MINUS} {other}", against))
    return [*shown, *(_estimated(other.name, other.estimate) for other in others)][:3]


def _figures_of_sets(found: SeveralSets) -> list[_Shown]:
    mean = found.deciding(found.macro.comparisons)
    wanted = dict.fromkeys((SHOWN, _RIGHT_AT_1, *found.macro.metrics))
    means = [_estimated(f"mean {name}", found.macro.metrics[name]) for name in wanted if name in found.macro.metrics]
    shown = means[:2] if mean is None else [*means[:1], _of_difference("mean difference", mean)]
    words = [each.verdict.outcome for each in found.sets]
    n_same = words.count(found.verdict.outcome)
    shown.append(_Shown(f"sets: {found.verdict.outcome.value}", f"{n_same} of {len(words)}", ""))
    return shown


def _estimated(name: str, found: Estimate) -> _Shown:
    if name == _RIGHT_AT_1:
        return _Shown("right at rank 1", percent(found.value, 1), interval(found, 1, scale=100) or "no interval")
    return _Shown(name, number(found.value, 3), _interval(found))


def _of_difference(label: str, found: Comparison) -> _Shown:
    value = number(found.difference, 3, sign=True)
    return _Shown(label, value, _interval(found, sign=True))


def _interval(found: Estimate | Comparison, *, sign: bool = False) -> str:
    return interval(found, 3, sign=sign) or "no interval"


# --- the panel ----------------------------------------------------------------------------------------------------


def _panel(figure: Figure, title: str, *, left: int = 0) -> Axes:
    """Axes on the right, ``left`` pixels of them for labels, under a title."""
    x, bottom, width, height = _PANEL
    _write(figure, ellipsis(title, _points(width), measure(_SMALL)), (x, 52), _SMALL, color=style.MUTED, gid="panel")
    return style.axes_at(figure, (x + left) / DPI, bottom / DPI, (width - left) / DPI, height / DPI)


def _draw_map(figure: Figure, result: Result, points: Points, layout: MapLayout) -> None:
    """Documents in grey, and queries by whether a relevant document stands at rank 1."""
    axes = _panel(figure, f"{MAP_NAMES[layout.name]} map; queries right or wrong at rank 1")
    frame(axes, layout.xy)
    is_query = np.array([role is Role.QUERY for role in points.roles])
    is_right = np.zeros(len(is_query), dtype=bool)
    is_right[is_query] = result.queries.is_correct[points.rows[is_query]]
    kinds = (
        ("documents", ~is_query, style.GREY, style.ROLE_MARKERS[Role.DOCUMENT], 0.5, 0.4),
        ("right", is_query & is_right, style.RIGHT, "o", 1.0, 0.85),
        ("wrong", is_query & ~is_right, style.WRONG, "X", 1.4, 0.9),
    )
    size = float(np.clip(30 * (1_000 / len(is_query)) ** 0.75, 5, 40))
    for depth, (name, rows, colour, marker, share, alpha) in enumerate(kinds):
        axes.scatter(
            layout.xy[rows, 0], layout.xy[rows, 1], s=size * share, marker=marker, facecolor=colour,
            edgecolor=style.PAPER, linewidth=0.3, alpha=alpha, zorder=3 + depth, gid=name,
        )  # fmt: skip
    broad = [theme for theme in result.themes if theme.level == 0][:_N_THEMES]
    draw_theme_labels(axes, layout.xy, broad, layout.name)
    keys = [
        Line2D([], [], linestyle="none", marker=marker, markersize=8, markerfacecolor=colour,
               markeredgecolor=style.PAPER, label=f"{np.count_nonzero(rows):,} {name}")
        for name, rows, colour, marker, _, _ in reversed(kinds)
        if rows.any()
    ]  # fmt: skip
    figure.legend(
        handles=keys, loc="lower left", bbox_to_anchor=(_PANEL[0] / WIDTH, 46 / HEIGHT), ncols=3, fontsize=_SMALL,
        borderpad=0, borderaxespad=0, handletextpad=0.1, columnspacing=0.8, handlelength=1.2,
    )  # fmt: skip


def _draw_ranks(figure: Figure, result: Result) -> None:
    """The share of queries by the rank of their first relevant document."""
    ranks = result.queries.rank[~np.isnan(result.queries.rank)]
    bounds = np.array([bound for bound, _ in _RANKS])
    counts = np.bincount(np.searchsorted(bounds, ranks), minlength=len(_RANKS) + 1)
    names = [name for _, name in _RANKS] + ["not listed"]
    kept = [row for row in range(len(counts)) if row < len(_RANKS) - 1 or counts[row]]
    axes = _panel(figure, "Queries by the rank of their first relevant document", left=96)
    shares = counts / max(len(ranks), 1)
    colours = [style.RIGHT if row == 0 else style.WRONG if row >= 3 else style.GREY for row in kept]
    axes.barh(range(len(kept)), shares[kept], height=0.62, color=colours)
    for place, row in enumerate(kept):
        style.annotate(axes, percent(shares[row]), (float(shares[row]), place), (6, 0), fontsize=_SMALL)
    axes.set_yticks(range(len(kept)), [names[row] for row in kept], fontsize=_SMALL)
    axes.set(xticks=[], xlim=(0, 1.2 * max(shares.max(), 0.01)), ylim=(len(kept) - 0.4, -0.6))
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_sets(figure: Figure, found: SeveralSets) -> None:
    """The difference of each set to the reference, or else its score, with intervals; the lowest first."""
    is_compared = found.reference is not None
    rows = [(each, own) for each in found.sets if (own := _of_set(found, each)) is not None]
    rows.sort(key=lambda row: float(row[1].value or 0.0))
    title = f"Difference in {SHOWN} on each set" if is_compared else f"{SHOWN} on each set"
    if len(rows) > _N_SETS:
        title += f", the {_N_SETS} lowest of {len(rows)}"
    axes = _panel(figure, title, left=170)
    fit = measure(_SMALL)
    for place, (each, own) in enumerate(rows[:_N_SETS]):
        colour = _LOOKS[each.verdict.outcome][0]
        value = float(own.value or 0.0)
        low, high = value if own.low is None else own.low, value if own.high is None else own.high
        axes.plot((low, high), (place, place), color=colour, linewidth=3, solid_capstyle="round")
        axes.plot(value, place, marker="o", markersize=10, color=colour)
        said = style.number(value, 3) if not is_compared else style.with_minus(number(value, 3, sign=True))
        text = f"{_LOOKS[each.verdict.outcome][1]} {said}"
        style.annotate(axes, text, (value, place), (0, 15), ha="center", fontsize=_SMALL, color=colour)
    names = [abridged(style.shown(each.name), _points(160), fit) for each, _ in rows[:_N_SETS]]
    axes.set_yticks(range(len(names)), names, fontsize=_SMALL)
    axes.set_ylim(max(len(names), 3) - 0.5, -0.7)
    axes.margins(x=0.16)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=_SMALL)
    axes.locator_params(axis="x", nbins=3)
    axes.axvline(0, color=style.MUTED, linewidth=1, zorder=0) if is_compared else axes.grid(axis="x")


def _of_set(found: SeveralSets, each: SetResult) -> Estimate | None:
    """The difference of a set that decides, or its score where there is no reference."""
    if found.reference is None:
        return each.metrics[SHOWN].estimate if SHOWN in each.metrics else None
    own = found.deciding(each.comparisons)
    return None if own is None else Estimate(own.difference, own.low, own.high)
