"""One row a query, one row a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from embedscope.protocols import BoolArray, Float32Array, Float64Array, FloatArray, IntArray
from embedscope.result.codec import UNWRITTEN, written

MOST_VALUES = 30
"""Values of a column of the data file up to which it groups queries; one with more is an identifier."""


@dataclass(frozen=True, slots=True, repr=False)
class QueryTable:
    """One row a query. Ragged columns are (indptr, values) pairs: row i owns values[indptr[i]:indptr[i + 1]].

    ``rank`` is the expected rank of the first relevant document among N (1 is best; fractions come from ties, NaN
    where the query has no relevant document, infinity where a run did not return one). ``margin`` is ``s+ - s-``: best
    relevant minus best hard negative, NaN without hard negatives. ``wrong_document`` is the best-scoring document that
    is not relevant, -1 if none. A list that ends early is filled with -1 and NaN, and the score of a document that a
    run did not return is NaN. ``listed_documents``, (Q, k'), are what ``run.trec`` holds; -1 with a score is a document
    that the collection does not have.
    """

    ids: tuple[str, ...] = field(metadata=written(name="id"))
    texts: tuple[str, ...] = field(metadata=written(name="text"))
    clusters: IntArray = field(metadata=written(name="cluster"))  # (Q,)
    n_relevant: IntArray  # (Q,)
    rank: Float64Array  # (Q,)
    n_tied: IntArray  # (Q,)
    is_correct: BoolArray  # (Q,) a relevant document stands first, tied with no other: E[Success@1] = 1
    positive_similarity: Float64Array  # (Q,) best relevant document
    negative_similarity: Float64Array  # (Q,) best hard negative, NaN if none
    margin: Float64Array  # (Q,)
    gap: Float64Array  # (Q,) first minus second of the ranked list
    wrong_document: IntArray  # (Q,)
    wrong_similarity: Float64Array  # (Q,)
    wrong_type: tuple[str, ...]  # type of wrong_document when it is one of the query's own hard negatives, else ""
    top_documents: IntArray  # (Q, k)
    top_scores: Float32Array  # (Q, k)
    top_is_relevant: BoolArray  # (Q, k)
    relevant_indptr: IntArray  # (Q + 1,)
    relevant_documents: IntArray
    relevant_scores: Float64Array
    negative_indptr: IntArray  # (Q + 1,)
    negative_documents: IntArray
    negative_scores: Float64Array
    negative_weights: Float64Array
    negative_types: tuple[tuple[str, ...], ...]
    values: Mapping[str, Float64Array] = field(default_factory=dict)  # metric name -> (Q,), NaN where undefined
    failure_modes: tuple[str, ...] = ()  # why a query is not right at rank 1, "" where it is; () where nobody asked
    failure_evidence: tuple[str, ...] = ()  # what shows each, "" where nothing does; () where nobody asked
    relevant_gains: Float64Array = field(default_factory=lambda: np.zeros(0), metadata=UNWRITTEN)
    listed_documents: IntArray = field(default_factory=lambda: np.zeros((0, 0), np.int64), metadata=UNWRITTEN)
    listed_scores: FloatArray = field(default_factory=lambda: np.zeros((0, 0)), metadata=UNWRITTEN)
    groups: tuple[str | None, ...] = ()  # as the data file states them, () where it has none
    metadata: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)  # other columns of the data file

    def __repr__(self) -> str:
        return f"<QueryTable of {len(self.ids):,} queries>"

    @property
    def stated(self) -> dict[str, tuple[str | None, ...]]:
        """What the data file says of each query, by column; its groups as ``group``."""
        return {**({"group": self.groups} if self.groups else {}), **self.metadata}

    @property
    def lost(self) -> IntArray:
        """Queries that are not right at rank 1 and have a document that is not relevant, ascending."""
        return np.flatnonzero(~self.is_correct & (self.wrong_document >= 0))

    def relevant_of(self, row: int) -> range:
        """Entries of one query in the columns of relevant documents."""
        return range(int(self.relevant_indptr[row]), int(self.relevant_indptr[row + 1]))

    def best_relevant(self, row: int) -> int:
        """The best-scoring relevant document of one query, the first of equal ones."""
        own = self.relevant_of(row)
        scores = np.nan_to_num(self.relevant_scores[own.start : own.stop], nan=-np.inf)
        return int(self.relevant_documents[own.start + int(np.argmax(scores))])

    def negatives_of(self, row: int) -> range:
        """Entries of one query in the columns of hard negatives."""
        return range(int(self.negative_indptr[row]), int(self.negative_indptr[row + 1]))


@dataclass(frozen=True, slots=True, repr=False)
class DocumentTable:
    """One row a distinct document text."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    n_relevant_to: IntArray  # (N,) for how many queries it is relevant
    n_negative_of: IntArray  # (N,) of how many queries it is a hard negative

    def __repr__(self) -> str:
        return f"<DocumentTable of {len(self.ids):,} documents>"
