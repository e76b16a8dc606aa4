"""Ranked lists of any system: which documents it returned for each query, best first, and with which scores.

All that is not one vector a text is judged in this form: run files, sparse and late-interaction heads, rerankers,
fusions, BM25.
"""

from __future__ import annotations

from dataclasses import dataclass

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

    Raises DataFormatError if a list names a document twice, or has a score that is not finite or rises.
    """

    indptr: IntArray  # (Q + 1,) rows of Collection.queries
    documents: IntArray  # (L,) rows of Collection.documents
    scores: Float64Array  # (L,) falling within a query
    facts: ModelFacts
    tolerance: float = 0.0
    notes: tuple[str, ...] = ()  # what was left out or found odd while reading, one sentence each

    def __post_init__(self) -> None:
        query = self.query_of_entry
        if not np.isfinite(self.scores).all():
            raise DataFormatError(f"{self.facts.checkpoint}: a score is not finite.")
        if ((np.diff(self.scores) > 0) & (np.diff(query) == 0)).any():
            raise DataFormatError(f"{self.facts.checkpoint}: the scores of a list rise.")
        order = np.lexsort((self.documents, query))
        if ((np.diff(self.documents[order]) == 0) & (np.diff(query[order]) == 0)).any():
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
    ) -> RankedLists:
        """Lists from entries in any order; equal scores by falling row of the document, as trec_eval has it by id."""
        order = np.lexsort((-documents, -scores, queries))
        indptr = np.searchsorted(queries[order], np.arange(n_queries + 1)).astype(np.int64)
        return cls(indptr, documents[order], scores[order], facts, tolerance, notes)
