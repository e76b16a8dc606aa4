"""Ranked lists of any system: which documents it returned for each query, best first, and with which scores.

All that is not one vector a text is judged in this form: run files, sparse and late-interaction heads, rerankers,
fusions, BM25.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from embedscope.errors import DataFormatError
from embedscope.metrics.judgments import Cells
from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.result import ModelFacts

LISTED = 1000
"""Documents that a list of our own keeps for a query, as runs of TREC have it."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedLists:
    """The ranked lists of a system over a collection; the list of query ``q`` is ``indptr[q]:indptr[q + 1]``.

    A document that stands in no list of a query was not returned: it counts as behind all others, and a relevant one
    adds 0 to every metric (trec_eval). An entry below 0 is a document that the collection does not have: it is relevant
    to nothing and keeps its rank. Of ``-1 - u``, ``outside[u]`` is its place by id among the documents of the
    collection: 2.5 where three of them have a smaller one. ``tolerance`` is the difference of two scores up to which
    they are tied: 0 for scores that were given.

    Raises DataFormatError if a list names a document twice, or has a score that is not finite or rises.
    """

    indptr: IntArray  # (Q + 1,) rows of Collection.queries
    documents: IntArray  # (L,) rows of Collection.documents, or below 0
    scores: Float64Array  # (L,) falling within a query
    facts: ModelFacts
    tolerance: float = 0.0
    notes: tuple[str, ...] = ()  # what was left out or found odd while reading, one sentence each
    outside: Float64Array = field(default_factory=lambda: np.zeros(0))  # (U,)

    def __post_init__(self) -> None:
        query = self.query_of_entry
        if not np.isfinite(self.scores).all():
            raise DataFormatError(f"{self.facts.checkpoint}: a score is not finite.")
        if ((np.diff(self.scores) > 0) & (np.diff(query) == 0)).any():
            raise DataFormatError(f"{self.facts.checkpoint}: the scores of a list rise.")
        cells = (query * (int(self.documents.max(initial=0)) + 1) + self.documents)[self.documents >= 0]
        cells.sort()
        if (np.diff(cells) == 0).any():
            raise DataFormatError(f"{self.facts.checkpoint}: a list names a document twice.")

    @property
    def similarity(self) -> str:
        """ "score": neither a cosine nor a dot product, and on a scale of its own."""
        return self.facts.similarity

    @property
    def query_of_entry(self) -> IntArray:
        """Query of each entry, shape (L,)."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int64), np.diff(self.indptr))

    @property
    def n_missing(self) -> int:
        """Queries for which nothing was returned."""
        return int(np.count_nonzero(np.diff(self.indptr) == 0))

    @property
    def id_order(self) -> Float64Array:
        """Place of the document of each entry by its id, shape (L,): its row, between two rows if it is outside."""
        return _id_order(self.documents, self.outside)

    def select(self, rows: IntArray) -> RankedLists:
        """The lists of some queries, in the order of ``rows``."""
        counts = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = np.repeat(self.indptr[rows] - indptr[:-1], counts) + np.arange(indptr[-1])
        return replace(self, indptr=indptr, documents=self.documents[entries], scores=self.scores[entries])

    def without(self, excluded: Cells) -> RankedLists:
        """The lists without some documents of each query."""
        n = 1 + max(int(self.documents.max(initial=-1)), int(excluded.documents.max(initial=-1)))
        left_out = np.isin(self.query_of_entry * n + self.documents, excluded.query_of_pair * n + excluded.documents)
        return self.kept(~left_out | (self.documents < 0))

    def kept(self, is_kept: BoolArray) -> RankedLists:
        """The lists with some of their entries, ``is_kept`` of shape (L,)."""
        indptr = np.concatenate([[0], np.cumsum(is_kept)])[self.indptr].astype(np.int64)
        return replace(self, indptr=indptr, documents=self.documents[is_kept], scores=self.scores[is_kept])

    def top(self, k: int) -> tuple[IntArray, Float64Array]:
        """The first documents of every query and their scores, (Q, k) each; -1 and NaN behind the end of a list."""
        n = np.minimum(np.diff(self.indptr), k)
        rows, places = np.nonzero(np.arange(k) < n[:, np.newaxis])
        documents, scores = np.full((len(n), k), -1, dtype=np.int64), np.full((len(n), k), np.nan)
        entries = self.indptr[rows] + places
        documents[rows, places], scores[rows, places] = np.maximum(self.documents[entries], -1), self.scores[entries]
        return documents, scores

    def scores_of(self, queries: IntArray, documents: IntArray) -> Float64Array:
        """Score of each pair (queries[p], documents[p]), shape (P,); NaN where the document was not returned."""
        n = 1 + max(int(self.documents.max(initial=-1)), int(documents.max(initial=-1)))
        known = np.flatnonzero(self.documents >= 0)
        keys = (self.query_of_entry * n + self.documents)[known]
        order = np.argsort(keys, kind="stable")
        wanted = queries * n + documents
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), max(len(keys) - 1, 0))
        if not len(keys):
            return np.full(len(wanted), np.nan)
        found = known[order[place]]
        return np.where(keys[order[place]] == wanted, self.scores[found], np.nan)

    @classmethod
    def of_scores(
        cls,
        queries: IntArray,
        documents: IntArray,
        scores: Float64Array,
        n_queries: int,
        facts: ModelFacts,
        *,
        tolerance: float = 0.0,
        notes: tuple[str, ...] = (),
        outside: Float64Array | None = None,
    ) -> RankedLists:
        """Lists from entries in any order; equal scores by falling id of the document, as trec_eval has it."""
        outside = np.zeros(0) if outside is None else outside
        places = _id_order(documents, outside)
        if _are_ordered(queries, scores):  # then equal scores alone can be out of order
            is_tied = np.zeros(len(scores) + 1, dtype=bool)
            is_tied[1:-1] = (np.diff(queries) == 0) & (np.diff(scores) == 0)
            tied = np.flatnonzero(is_tied[1:] | is_tied[:-1])
            order = np.arange(len(scores))
            order[tied] = tied[np.lexsort((-places[tied], -scores[tied], queries[tied]))]
        else:
            order = np.lexsort((-places, -scores, queries))
        queries, documents, scores = queries[order], documents[order], scores[order]
        indptr = np.searchsorted(queries, np.arange(n_queries + 1)).astype(np.int64)
        return cls(indptr, documents, scores, facts, tolerance, notes, outside)


def _are_ordered(queries: IntArray, scores: Float64Array) -> bool:
    """Whether queries rise and the scores of each fall."""
    step = np.diff(queries)
    return bool(((step > 0) | ((step == 0) & (np.diff(scores) <= 0))).all())


def _id_order(documents: IntArray, outside: Float64Array) -> Float64Array:
    order = documents.astype(np.float64)
    placed = np.flatnonzero((documents < 0) & (documents >= -len(outside)))
    order[placed] = outside[-1 - documents[placed]]
    return order
