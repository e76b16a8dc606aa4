"""A result as the payload of the interactive page: ``report.json`` and, beside it, the columns that the page draws.

The payload selects and encodes; it measures nothing. Numbers that repeat (one a query, a point, a bin) stand as typed
arrays in base64, texts as deflated JSON, so that the page of 500 queries with 10 documents each stays under 2 MB.
Vectors never enter it. A run keeps the payload as ``page.json``: from that file alone the page can be drawn again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np

from embedscope.output.page.contract import (
    CompareSection,
    DocumentColumns,
    ExplanationColumns,
    HeatmapColumns,
    MapColumns,
    Payload,
    PointColumns,
    QueryColumns,
    SimilarityColumns,
    StatedColumn,
    TimelineSection,
)
from embedscope.output.page.packing import number_column, text_column
from embedscope.output.page.shown_texts import TEXT_BUDGET, shown_texts
from embedscope.protocols import BoolArray, IntArray, Role
from embedscope.result import (
    MOST_VALUES,
    DocumentTable,
    Explanations,
    Heatmap,
    MapLayout,
    Mapped,
    NegativeType,
    Points,
    QueryTable,
    Result,
    Similarity,
    TextRole,
    Theme,
)
from embedscope.result.report import report

PAGE_VERSION: Literal[1] = 1
"""Version of the payload; a page refuses one that it does not know."""

PAGE_FILE = "page.json"
"""Name of the payload in a run folder."""

POINT_BUDGET = 200_000
"""Points drawn at most; above it the maps show a stratified sample."""

ROLES = (Role.QUERY, Role.POSITIVE, Role.HARD_NEGATIVE, Role.DOCUMENT)
"""Roles by their code in the column ``points.roles``."""

TEXT_ROLES = (TextRole.QUERY, TextRole.RIGHT, TextRole.WRONG)
"""Texts of a failed query by their code in the column ``explanations.role``."""

FOREIGN_ID, FOREIGN_TEXT = "outside", "(a document that the data set does not have)"
"""What stands for documents of a run that have no text."""

UNTYPED = "untyped"
"""The name under which negatives without a type are counted."""


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A number as both Python and JavaScript read it."""


def page_payload(
    result: Result,
    *,
    point_budget: int = POINT_BUDGET,
    text_budget: int = TEXT_BUDGET,
    compare: CompareSection | None = None,
    timeline: TimelineSection | None = None,
) -> Payload:
    """What ``report.html`` draws: the report itself, and columns of queries, documents, similarities and points.

    Parameters
    ----------
    point_budget : int
        Points on the maps at most. Every failing query is kept, even above the budget.
    text_budget : int
        Characters of all texts at most, as `shown_texts` counts them; longer ones are then cut, which the report says.
    compare : mapping, optional
        Several runs beside this one, from :func:`embedscope.output.page.sections.comparison_section`.
    timeline : mapping, optional
        A training, epoch by epoch, from :func:`embedscope.output.page.sections.timeline_section`.

    Returns
    -------
    dict
        As ``schema.json`` describes it; plain JSON without NaN. A NaN in a ``float32`` column stands for "no value".

    Raises
    ------
    ValueError
        If ``compare`` or ``timeline`` was made of other queries or other points than the page shows.
    """
    points = drawn_points(result, point_budget)
    _require_fit(len(result.queries.ids), 0 if points is None else len(points), compare, timeline)
    used = _used_documents(result, points)
    place = np.full(len(result.documents.ids) + 1, -1, dtype=np.int64)  # the last entry: document -1 stays -1
    place[used] = np.arange(len(used))
    untyped = (UNTYPED,) if UNTYPED in result.negative_types else ()
    typed = [types or untyped for types in result.queries.negative_types]
    type_names = list(dict.fromkeys([*result.negative_types, *chain.from_iterable(typed)]))
    texts = shown_texts(result, used.tolist(), text_budget)
    d, heatmap, explanations = result.documents, result.heatmap, result.explanations
    return {
        "kind": "embedscope-page",
        "page_version": PAGE_VERSION,
        "report": _report(result, texts.limit),
        "types": type_names,
        "queries": _queries(result.queries, texts.queries, place, typed, type_names, tuple(result.failure_modes)),
        "documents": _documents(d, used, texts.documents, has_foreign=bool(_are_foreign(result.queries).any())),
        "similarity": None if result.similarity is None else _similarity(result.similarity, result.negative_types),
        "points": None if result.points is None or points is None else _points(result, result.points, points, place),
        "heatmap": None if heatmap is None else _heatmap(heatmap, place),
        "explanations": None if explanations is None else _explanations(explanations, result, place),
        "compare": compare,
        "timeline": timeline,
    }


def _report(result: Result, limit: int | None) -> dict[str, Any]:
    """The report, and a warning where texts are cut."""
    found = report(result)
    if limit is None:
        return found
    warning = (
        f"This page shows the first {limit:,} characters of longer texts, and so do its exports: all texts together "
        "are too many for a browser. queries.parquet has those of the queries and --export-failures has all, whole."
    )
    return {**found, "data": {**found["data"], "warnings": [*found["data"]["warnings"], warning]}}


def _documents(d: DocumentTable, used: IntArray, texts: Sequence[str], *, has_foreign: bool) -> DocumentColumns:
    """The documents that the page shows; the last stands for all that a run returned and the data set does not have."""
    foreign = ([FOREIGN_ID], [FOREIGN_TEXT], [0]) if has_foreign else ([], [], [])
    return {
        "n": len(used) + has_foreign,
        "ids": text_column([*(d.ids[i] for i in used), *foreign[0]]),
        "texts": text_column([*texts, *foreign[1]]),
        "n_relevant_to": number_column([*d.n_relevant_to[used], *foreign[2]], "int32"),
        "n_negative_of": number_column([*d.n_negative_of[used], *foreign[2]], "int32"),
    }


def _are_foreign(q: QueryTable) -> BoolArray:
    """Places of top lists that hold a document that the data set does not have, shape (Q, k)."""
    return np.asarray((q.top_documents < 0) & ~np.isnan(q.top_scores), dtype=bool)


def drawn_points(result: Mapped, point_budget: int = POINT_BUDGET) -> IntArray | None:
    """Indices of the points that a page draws, ascending; None for a run without points.

    All of them, or above the budget every failing query with its relevant documents and a share of every role.
    """
    points = result.points
    if points is None:
        return None
    n = len(points.rows)
    if n <= point_budget:
        return np.arange(n)
    roles = np.array([ROLES.index(role) for role in points.roles])
    kept = np.zeros(n, dtype=bool)
    is_query = roles == 0
    kept[is_query] = ~result.queries.is_correct[points.rows[is_query]]
    answers = points.link_documents[kept[points.link_queries]]
    if np.count_nonzero(kept) + len(np.unique(answers)) <= point_budget:
        kept[answers] = True
    for theme in result.themes:
        kept[list(theme.label_points.values())] = True
    _fill_evenly(kept, roles, point_budget)
    return np.flatnonzero(kept)


def _require_fit(
    n_queries: int, n_points: int, compare: CompareSection | None, timeline: TimelineSection | None
) -> None:
    columns = [] if compare is None else [run["rank"]["shape"] for run in compare["runs"]]
    if timeline is not None and timeline["is_correct"] is not None:
        columns.append(timeline["is_correct"]["shape"][1:])
    if any(shape != [n_queries] for shape in columns):
        raise ValueError(f"a page of {n_queries} queries cannot show runs measured on others: {columns}")
    shapes = [] if timeline is None else [frame["shape"] for frames in timeline["maps"].values() for frame in frames]
    if any(shape != [n_points, 2] for shape in shapes):
        raise ValueError(f"a page that draws {n_points} points cannot move others: {shapes}; see drawn_points")


def to_json(payload: Mapping[str, Any]) -> str:
    """The payload as the text of ``page.json``: ASCII only, on one line, no NaN.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(payload, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _fill_evenly(kept: BoolArray, roles: IntArray, budget: int) -> None:
    """Mark further points until ``budget``: of each role the same share, evenly spaced in the order of the table."""
    open_places = budget - int(np.count_nonzero(kept))
    share = max(open_places, 0) / max(int(np.count_nonzero(~kept)), 1)
    for code in range(len(ROLES)):
        waiting = np.flatnonzero((roles == code) & ~kept)
        chosen = int(share * len(waiting))
        if chosen:
            kept[waiting[(np.arange(chosen) * len(waiting)) // chosen]] = True


def _used_documents(result: Result, points: IntArray | None) -> IntArray:
    """Rows of the documents that the page can show, ascending."""
    q = result.queries
    rows = [q.top_documents.ravel(), q.relevant_documents, q.negative_documents, q.wrong_document]
    if result.heatmap is not None:
        rows.append(result.heatmap.documents)
    if result.explanations is not None:
        rows.append(np.array([(e.right, e.wrong) for e in result.explanations.failures]).ravel())
    if result.points is not None and points is not None:
        is_document = np.array([role is not Role.QUERY for role in result.points.roles], dtype=bool)
        rows.append(result.points.rows[points[is_document[points]]])
    used = np.unique(np.concatenate([np.asarray(r, dtype=np.int64) for r in rows]))
    return used[used >= 0]


def _queries(
    q: QueryTable,
    texts: Sequence[str],
    place: IntArray,
    typed: Sequence[Sequence[str]],
    type_names: Sequence[str],
    modes: Sequence[str],
) -> QueryColumns:
    code = {name: i for i, name in enumerate(type_names)}
    type_indptr = np.concatenate([[0], np.cumsum([len(types) for types in typed])])
    columns: QueryColumns = {
        "n": len(q.ids),
        "ids": text_column(q.ids),
        "texts": text_column(texts),
        "rank": number_column(q.rank, "float32"),
        "positive_similarity": number_column(q.positive_similarity, "float32"),
        "negative_similarity": number_column(q.negative_similarity, "float32"),
        "margin": number_column(q.margin, "float32"),
        "gap": number_column(q.gap, "float32"),
        "wrong_similarity": number_column(q.wrong_similarity, "float32"),
        "clusters": number_column(q.clusters, "int32"),
        "n_tied": number_column(q.n_tied, "int32"),
        "is_correct": number_column(q.is_correct, "uint8"),
        "wrong_document": number_column(place[q.wrong_document], "int32"),
        "top_documents": number_column(
            np.where(_are_foreign(q), int(place.max()) + 1, place[q.top_documents]), "int32"
        ),
        "top_scores": number_column(q.top_scores, "float32"),
        "top_is_relevant": number_column(q.top_is_relevant, "uint8"),
        "relevant_indptr": number_column(q.relevant_indptr, "int32"),
        "relevant_documents": number_column(place[q.relevant_documents], "int32"),
        "relevant_scores": number_column(q.relevant_scores, "float32"),
        "negative_indptr": number_column(q.negative_indptr, "int32"),
        "negative_documents": number_column(place[q.negative_documents], "int32"),
        "negative_scores": number_column(q.negative_scores, "float32"),
        "negative_weights": number_column(q.negative_weights, "float32"),
        "negative_type_indptr": number_column(type_indptr, "int32"),
        "negative_types": number_column([code[name] for name in chain.from_iterable(typed)], "int32"),
    }
    if q.failure_modes:
        place_of = {mode: code for code, mode in enumerate(("", *modes))}
        columns["failure_mode"] = number_column([place_of[mode] for mode in q.failure_modes], "uint8")
    if q.failure_evidence:
        columns["failure_evidence"] = text_column(q.failure_evidence)
    stated = [_stated(name, values) for name, values in q.stated.items() if _is_shown(values)]
    if stated:
        columns["stated"] = stated
    return columns


def _is_shown(values: Sequence[str | None]) -> bool:
    """Whether a column of the data file groups queries or is a scale: it has few values, or only numbers.

    Whole numbers of which no two queries share one are an identifier.
    """
    found = [value for value in values if value is not None]
    distinct = set(found)
    if len(distinct) <= MOST_VALUES:
        return len(distinct) > 1
    if not all(_NUMBER.fullmatch(value) and np.isfinite(float(value)) for value in distinct):
        return False
    return len(distinct) < len(found) or not all(float(value).is_integer() for value in distinct)


def _stated(name: str, values: Sequence[str | None]) -> StatedColumn:
    """A column of the data file, its most frequent value first."""
    counts = Counter(value for value in values if value is not None)
    frequent = sorted(counts, key=lambda value: (-counts[value], value))
    place: dict[str | None, int] = {value: i for i, value in enumerate(frequent)}
    return {
        "name": name,
        "values": text_column(frequent),
        "of": number_column([place.get(value, -1) for value in values], "int32"),
    }


def _similarity(similarity: Similarity, types: Mapping[str, NegativeType]) -> SimilarityColumns:
    hard = similarity.hard_negative
    return {
        "edges": number_column(similarity.edges, "float32"),
        "positive": number_column(similarity.positive.density, "float32"),
        "negative": number_column(similarity.negative.density, "float32"),
        "hard_negative": None if hard is None else number_column(hard.density, "float32"),
        "types": [
            {
                "name": name,
                "density": number_column(t.similarity.density, "float32"),
                "margins": number_column(t.margins, "float32"),
            }
            for name, t in types.items()
            if t.similarity is not None
        ],
    }


def _points(result: Mapped, points: Points, kept: IntArray, place: IntArray) -> PointColumns:
    roles = np.array([ROLES.index(role) for role in points.roles], dtype=np.int64)[kept]
    rows = points.rows[kept]
    new = np.full(len(points.rows), -1, dtype=np.int64)
    new[kept] = np.arange(len(kept))
    links = np.flatnonzero((new[points.link_queries] >= 0) & (new[points.link_documents] >= 0))
    n_dropped = len(points.rows) - len(kept)
    columns: PointColumns = {
        "n": len(kept),
        "n_left_out": points.n_left_out + n_dropped,
        "roles": number_column(roles, "uint8"),
        "rows": number_column(np.where(roles == 0, rows, place[np.where(roles == 0, -1, rows)]), "int32"),
        "link_queries": number_column(new[points.link_queries[links]], "int32"),
        "link_documents": number_column(new[points.link_documents[links]], "int32"),
        "link_is_correct": number_column(points.link_is_correct[links], "uint8"),
        "maps": [_map(layout, result.themes, kept, new) for layout in result.maps.values()],
    }
    if len(points.themes):
        columns["themes"] = number_column(points.themes[kept], "int32")
    return columns


def _map(layout: MapLayout, themes: Sequence[Theme], kept: IntArray, new: IntArray) -> MapColumns:
    columns: MapColumns = {
        "name": layout.name,
        "xy": number_column(layout.xy[kept], "float32"),
        "kept": number_column(layout.kept[kept], "float32"),
    }
    named = [place for place, theme in enumerate(themes) if layout.name in theme.label_points]
    if named:
        columns["label_themes"] = number_column(named, "int32")
        columns["label_points"] = number_column([new[themes[i].label_points[layout.name]] for i in named], "int32")
    return columns


def _heatmap(heatmap: Heatmap, place: IntArray) -> HeatmapColumns:
    return {
        "queries": number_column(heatmap.queries, "int32"),
        "documents": number_column(place[heatmap.documents], "int32"),
        "similarity": number_column(heatmap.similarity, "float32"),
        "is_relevant": number_column(heatmap.is_relevant, "uint8"),
        "n_queries": int(heatmap.n_queries),
        "n_documents": int(heatmap.n_documents),
    }


def _explanations(explanations: Explanations, result: Result, place: IntArray) -> ExplanationColumns:
    failures = explanations.failures
    deletions = [deletion for failure in failures for deletion in failure.deletions]
    spans: list[IntArray] = []
    for failure in failures:
        offsets = {role: utf16_offsets(failure.text(role, result.queries, result.documents)) for role in TEXT_ROLES}
        spans.extend(offsets[each.role][[each.start, each.end]] for each in failure.deletions)
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    return {
        "query": number_column([failure.query for failure in failures], "int32"),
        "right": number_column(place[[failure.right for failure in failures]], "int32"),
        "wrong": number_column(place[[failure.wrong for failure in failures]], "int32"),
        "best": number_column([f.deletions.index(f.best) if f.best in f.deletions else -1 for f in failures], "int32"),
        "indptr": number_column(np.cumsum([0, *(len(failure.deletions) for failure in failures)]), "int32"),
        "role": number_column([TEXT_ROLES.index(each.role) for each in deletions], "uint8"),
        "start": number_column(start, "int32"),
        "end": number_column(end, "int32"),
        "change": number_column([each.change for each in deletions], "float32"),
        "puts_right_first": number_column([each.puts_right_first for each in deletions], "uint8"),
    }


def utf16_offsets(text: str) -> IntArray:
    """How many UTF-16 code units stand before each place between characters of ``text``: from 0 to its length."""
    return np.cumsum([0, *(2 if character > "\uffff" else 1 for character in text)])
