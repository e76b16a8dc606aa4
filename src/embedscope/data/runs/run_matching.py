"""A run over a collection: its names looked up, and what is missing, unknown or stated twice."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, excerpt, identity
from embedscope.data.runs.run_entries import RunEntries
from embedscope.errors import DataFormatError
from embedscope.metrics.listing import SCORE
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import ModelFacts
from embedscope.result.formatting import count, one_word

_LARGEST_SCORE = float(np.finfo(np.float32).max)  # reports hold scores in single precision


@dataclass(frozen=True, slots=True)
class _Names:
    """Where the names of a run are in the collection: row of each, -1 where it is not there."""

    rows: IntArray
    is_by_text: bool

    @property
    def n_known(self) -> int:
        return int(np.count_nonzero(self.rows >= 0))

    @property
    def are_shared(self) -> bool:
        """Whether two names are of one row."""
        known = self.rows[self.rows >= 0]
        return len(np.unique(known)) < len(known)


def lists_of_entries(entries: RunEntries, collection: Collection, *, source: str, fingerprint: str) -> RankedLists:
    """The ranked lists of a run over the queries and documents of ``collection``.

    Names are ids, those of merged documents among them, or texts, whichever more are known by. Of two documents with
    one text the better score counts. Lists of unknown queries are left out. Unknown documents keep their ranks.

    Raises
    ------
    DataFormatError
        If a score is not finite, a query names a document twice, no query is known, or most of what was returned is
        not in the collection.
    """
    _require_scores(entries)
    _require_distinct(entries)
    queries = _looked_up(entries.queries, collection.query_ids, collection.queries)
    documents = _looked_up(entries.documents, collection.document_ids, collection.documents, collection.merged_ids)
    _require_known(entries, queries, collection)
    codes, outside = _with_outside(entries.documents, documents, collection)
    query_rows, document_rows, scores = queries.rows[entries.query_of], codes[entries.document_of], entries.scores
    if queries.n_known < len(entries.queries):
        kept = query_rows >= 0
        query_rows, document_rows, scores = query_rows[kept], document_rows[kept], scores[kept]
    _require_mostly_inside(entries, document_rows, collection)
    if queries.are_shared or documents.are_shared:
        query_rows, document_rows, scores = _best_of_each(query_rows, document_rows, scores)
    is_judgments = _are_judgments(query_rows, document_rows, scores, collection)
    sizes = np.bincount(query_rows, minlength=len(collection.queries))
    n_outside = int(np.count_nonzero(document_rows < 0))
    notes = (*entries.notes, *_notes(queries, documents, sizes, n_outside, is_of_rows=bool(collection.columns)))
    if is_judgments:
        notes = (*notes, "The lists are the judgments of the data set, with gains as scores: no system ranked them.")
    facts = ModelFacts(source, entries.layout, 0, fingerprint=fingerprint, notes=notes, similarity=SCORE)
    return RankedLists.of_scores(query_rows, document_rows, scores, len(sizes), facts, notes=notes, outside=outside)


def _require_scores(entries: RunEntries) -> None:
    is_sound = np.abs(entries.scores) <= _LARGEST_SCORE  # not NaN either
    if not is_sound.all():
        first = int(np.argmin(is_sound))
        score = entries.scores[first]
        what = "larger than reports can hold" if np.isfinite(score) else "not finite, and such a document has no rank"
        raise DataFormatError(
            f"{entries.place(first)}: the score {score} is {what} "
            f"({count(int(np.count_nonzero(~is_sound)), 'score')} in all). Leave the document out, or correct it."
        )


def _require_distinct(entries: RunEntries) -> None:
    cells = entries.query_of.astype(np.int64) * len(entries.documents) + entries.document_of
    ordered = np.sort(cells)
    is_repeated = np.diff(ordered) == 0
    if not is_repeated.any():
        return
    first, second = np.flatnonzero(cells == ordered[int(np.argmax(is_repeated))])[:2].tolist()
    query, document = entries.queries[entries.query_of[first]], entries.documents[entries.document_of[first]]
    raise DataFormatError(
        f"{entries.place(second)}: the document {excerpt(document)} of the query {excerpt(query)} stands a second time "
        f"(first: {entries.place(first)}; {count(int(np.count_nonzero(is_repeated)), 'repetition')} in all), so its "
        "score is unclear. Two runs in one file are a common cause; leave one of them out."
    )


def _looked_up(
    wanted: Sequence[str],
    ids: Sequence[str],
    texts: Sequence[str],
    merged: Mapping[str, tuple[str, ...]] | None = None,
) -> _Names:
    by_id: dict[str, int] = {}
    for row, name in enumerate(ids):
        for own in (name, *(merged or {}).get(name, ())):
            by_id[one_word(own)] = row
            by_id[own] = row
    found = _Names(_rows(wanted, by_id), is_by_text=False)
    if 2 * found.n_known >= len(wanted):
        return found
    by_text = {identity(text): row for row, text in enumerate(texts)}
    other = _Names(_rows(map(identity, wanted), by_text), is_by_text=True)
    return max(found, other, key=lambda names: names.n_known)


def _rows(wanted: Iterable[str], known: Mapping[str, int]) -> IntArray:
    return np.array([known.get(name, -1) for name in wanted], dtype=np.int64)


def _require_known(entries: RunEntries, queries: _Names, collection: Collection) -> None:
    if queries.n_known == 0:
        raise DataFormatError(
            f"none of its {len(entries.queries):,} queries is among the {len(collection.queries):,} to be judged: the "
            f"run names {_some(entries.queries)}, the data set {_some(collection.query_ids)}. Give the run of this "
            f"data set, with its query ids or texts."
        )


def _with_outside(wanted: Sequence[str], documents: _Names, collection: Collection) -> tuple[IntArray, Float64Array]:
    """Row of each name, -1 - u of the unknown ones, and where these stand by id."""
    unknown = np.flatnonzero(documents.rows < 0)
    codes = documents.rows.copy()
    codes[unknown] = -1 - np.arange(len(unknown))
    outside = [bisect_left(collection.document_ids, wanted[place]) - 0.5 for place in unknown.tolist()]
    return codes, np.array(outside, dtype=np.float64)


def _require_mostly_inside(entries: RunEntries, document_rows: IntArray, collection: Collection) -> None:
    n_outside = int(np.count_nonzero(document_rows < 0))
    if 2 * n_outside > len(document_rows):
        raise DataFormatError(
            f"{n_outside:,} of {len(document_rows):,} documents that it returns are not among the "
            f"{len(collection.documents):,} of the data set: the run names {_some(entries.documents)}, the data set "
            f"{_some(collection.document_ids)}. Give the run of this data set; if it searched a larger corpus, add the "
            "documents of that corpus to the data set."
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(excerpt, names[:2])) + (", …" if len(names) > 2 else "")


def _best_of_each(
    queries: IntArray, documents: IntArray, scores: Float64Array
) -> tuple[IntArray, IntArray, Float64Array]:
    """Each (query, document) pair once, with its highest score."""
    order = np.lexsort((-scores, documents, queries))
    queries, documents, scores = queries[order], documents[order], scores[order]
    is_first = np.append(True, (np.diff(queries) != 0) | (np.diff(documents) != 0))
    return queries[is_first], documents[is_first], scores[is_first]


def _are_judgments(queries: IntArray, documents: IntArray, scores: Float64Array, collection: Collection) -> bool:
    """Whether a run returns what is relevant and nothing else, with the gains as scores."""
    if len(scores) != len(collection.relevant):
        return False
    order = np.lexsort((documents, queries))
    owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
    stated = (owners, collection.relevant, collection.gains)
    found = (column[order] for column in (queries, documents, scores))
    return all(map(np.array_equal, found, stated))


def _notes(queries: _Names, documents: _Names, sizes: IntArray, n_outside: int, *, is_of_rows: bool) -> list[str]:
    """What a reader of the figures has to know of the run, one sentence each; ``sizes`` are those of the lists."""
    notes = [f"Lists of up to {count(int(sizes.max()), 'document')}: what stands in none counts as not found."]
    by_text = [what for what, side in (("queries", queries), ("documents", documents)) if side.is_by_text]
    if by_text:
        notes.append(f"The {' and '.join(by_text)} were found by text.")
    if is_of_rows and len(by_text) < 2:
        notes.append("The ids of rows number their texts: the run has to be of this very file.")
    n_missing, n_unknown = int(np.count_nonzero(sizes == 0)), len(queries.rows) - queries.n_known
    if n_missing:
        notes.append(f"{count(n_missing, 'query has no list and counts', 'queries have no list and count')} 0.")
    if n_unknown:
        notes.append(f"{count(n_unknown, 'list is of a query', 'lists are of queries')} not judged here: left out.")
    if n_outside:
        notes.append(
            f"{n_outside:,} of {sizes.sum():,} documents returned are not in the data set; each takes its rank and "
            "counts as not relevant, as in trec_eval."
        )
    return notes
