"""Ranked lists of any system: which documents it returned for each query, best first, and with which scores.

All that is not one vector a text is judged in this form: run files, sparse and late-interaction heads, rerankers,
fusions, BM25.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from embedscope.errors import DataFormatError
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import ModelFacts

LISTED = 1000
"""Documents that a list of our own keeps for a query, as runs of TREC have it."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedLists:
    """The ranked lists of a system over a collection; the list of query ``q`` is ``indptr[q]:indptr[q + 1]``.

    A document that stands in no list of a query was not returned: it counts as behind all others, and a relevant one
    adds 0 to every metric (trec_eval). ``tolerance`` is the difference of two scores up to which they are tied: 0 for
    scores that were given.

    A document outside the collection takes its rank and is relevant to nobody, as trec_eval counts one that was not
    judged. ``documents`` has it as ``-1 - u``, and ``outside[u]`` is its place among the documents of the collection by
    id: 2.5 behind the third of them.

    Raises DataFormatError if a list names a document twice, or has a score that is not finite or rises.
    """

    indptr: IntArray  # (Q + 1,) rows of Collection.queries
    documents: IntArray  # (L,) rows of Collection.documents; below 0 of those outside
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
        cells = query * (self.documents.max(initial=0) + len(self.outside) + 1) + self.documents
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
    def id_order(self) -> Float64Array:
        """Place of the document of each entry by its id, shape (L,): its row, between two rows if it is outside."""
        return _id_order(self.documents, self.outside)

    @property
    def n_missing(self) -> int:
        """Queries for which nothing was returned."""
        return int(np.count_nonzero(np.diff(self.indptr) == 0))

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
        if not _are_ordered(queries, scores):
            order = np.lexsort((-_id_order(documents, outside), -scores, queries))
            queries, documents, scores = queries[order], documents[order], scores[order]
        indptr = np.searchsorted(queries, np.arange(n_queries + 1)).astype(np.int64)
        return cls(indptr, documents, scores, facts, tolerance, notes, outside)


def _are_ordered(queries: IntArray, scores: Float64Array) -> bool:
    """Whether queries rise and the scores of each fall, with no two equal."""
    step = np.diff(queries)
    return bool(((step > 0) | ((step == 0) & (np.diff(scores) < 0))).all())


def _id_order(documents: IntArray, outside: Float64Array) -> Float64Array:
    order = documents.astype(np.float64)
    is_outside = documents < 0
    order[is_outside] = outside[-1 - documents[is_outside]]
    return order
