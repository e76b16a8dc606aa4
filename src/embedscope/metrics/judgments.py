"""Which documents are relevant to which queries, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.errors import DataFormatError
from embedscope.protocols import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, slots=True)
class Cells:
    """Some documents of each query: those of query ``q`` are ``documents[indptr[q]:indptr[q + 1]]``."""

    indptr: IntArray  # (Q + 1,)
    documents: IntArray  # (P,) ascending within a query

    @classmethod
    def of_pairs(cls, queries: IntArray, documents: IntArray, n_queries: int) -> Cells:
        """The cells (queries[p], documents[p]), in any order, each once."""
        order = np.lexsort((documents, queries))
        return Cells(np.searchsorted(queries[order], np.arange(n_queries + 1)).astype(np.int64), documents[order])

    @property
    def n_queries(self) -> int:
        """Number of queries, those without a document included."""
        return len(self.indptr) - 1

    @property
    def query_of_pair(self) -> IntArray:
        """Query of each (query, document) pair, shape (P,)."""
        return np.repeat(np.arange(self.n_queries, dtype=np.int64), np.diff(self.indptr))

    def select(self, rows: IntArray) -> Cells:
        """The cells of some queries, in the order of ``rows``."""
        counts, pairs = np.diff(self.indptr)[rows], self._pairs_of(rows)
        return Cells(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), self.documents[pairs])

    def _pairs_of(self, rows: IntArray) -> IntArray:
        return np.concatenate([np.arange(self.indptr[q], self.indptr[q + 1]) for q in rows] or [rows])


@dataclass(frozen=True, slots=True)
class Judgments(Cells):
    """Which documents are relevant to which query, and how much.

    Pair ``p`` with ``indptr[q] <= p < indptr[q + 1]`` says that ``documents[p]`` is relevant to query ``q`` with
    ``gains[p]``. ``Q`` queries, ``P`` pairs. ``excluded`` documents are neither relevant to their query nor wrong: they
    stand in no ranking of it and in no figure over pairs.

    Raises DataFormatError if the columns do not fit together, a document lies outside the corpus or stands twice in one
    query, a gain is not a positive finite number, or a document is both relevant and excluded.
    """

    gains: Float64Array  # (P,) > 0
    n_documents: int
    excluded: Cells | None = None  # of the same queries

    def __post_init__(self) -> None:
        _check_columns(self)
        _check_documents(self)
        _check_excluded(self)
        if not (np.isfinite(self.gains) & (self.gains > 0)).all():
            first = int(np.argmin(np.isfinite(self.gains) & (self.gains > 0)))
            raise DataFormatError(
                f"Expected positive finite gains, got {self.gains[first]} for document {self.documents[first]} of "
                f"query {self.query_of_pair[first]}. A document without relevance does not belong among the relevant "
                "ones; leave it out."
            )

    @classmethod
    def from_lists(
        cls,
        relevant: Sequence[Sequence[int] | IntArray],
        *,
        n_documents: int,
        gains: Sequence[Sequence[float] | Float64Array] | None = None,
        excluded: Cells | None = None,
    ) -> Judgments:
        """Judgments from one list of document indices a query, in any order.

        Parameters
        ----------
        relevant : sequence of length Q
            For every query the indices of its relevant documents; empty where it has none.
        n_documents : int
            Size of the corpus.
        gains : sequence of length Q, optional
            For every query one positive gain a relevant document; 1.0 by default.
        excluded : Cells, optional

        Raises
        ------
        DataFormatError
            As for `Judgments`, or if ``gains`` does not match ``relevant``.
        """
        lists = [_integer_list(documents, query) for query, documents in enumerate(relevant)]
        sizes = np.array([len(documents) for documents in lists], dtype=np.int64)
        weights = [np.ones(size) for size in sizes] if gains is None else [np.asarray(g, np.float64) for g in gains]
        if [w.shape for w in weights] != [(size,) for size in sizes]:
            raise DataFormatError(
                f"Expected one gain for each of the {int(sizes.sum())} relevant documents of {len(lists)} queries, "
                f"got {sum(w.size for w in weights)} gains in {len(weights)} lists. Give `gains` the same lengths as "
                "`relevant`."
            )
        orders = [np.argsort(documents, kind="stable") for documents in lists]
        return cls(
            indptr=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)]),
            documents=np.concatenate([np.zeros(0, np.int64), *(d[o] for d, o in zip(lists, orders, strict=True))]),
            gains=np.concatenate([np.zeros(0), *(w[o] for w, o in zip(weights, orders, strict=True))]),
            n_documents=n_documents,
            excluded=excluded,
        )

    @property
    def n_relevant(self) -> IntArray:
        """Number of relevant documents of each query, shape (Q,)."""
        return np.diff(self.indptr)

    @property
    def n_ranked(self) -> IntArray:
        """Number of documents that each query is ranked against, shape (Q,)."""
        n_excluded = 0 if self.excluded is None else np.diff(self.excluded.indptr)
        return np.full(self.n_queries, self.n_documents, dtype=np.int64) - n_excluded

    @property
    def not_negative(self) -> Cells:
        """The cells that are no negatives: relevant documents, and excluded ones."""
        return self if self.excluded is None else self._with(self.excluded, np.ones(len(self.excluded.documents), bool))

    def select(self, rows: IntArray) -> Judgments:
        """The judgments of some queries, in the order of ``rows``, over the same documents."""
        pairs = self._pairs_of(rows)
        indptr = np.concatenate([[0], np.cumsum(self.n_relevant[rows])]).astype(np.int64)
        excluded = None if self.excluded is None else self.excluded.select(rows)
        return Judgments(indptr, self.documents[pairs], self.gains[pairs], self.n_documents, excluded)

    @property
    def common(self) -> Cells:
        """What queries can have in common: relevant documents, and own ones that are relevant to another query.

        Of two queries that are each other's positive both have both: they are one observation.
        """
        if self.excluded is None:
            return self
        return self._with(self.excluded, np.isin(self.excluded.documents, self.documents))

    def _with(self, others: Cells, chosen: BoolArray) -> Cells:
        """The cells, and those of ``others`` that are ``chosen``, of which none is among them."""
        queries = np.concatenate([self.query_of_pair, others.query_of_pair[chosen]])
        return Cells.of_pairs(queries, np.concatenate([self.documents, others.documents[chosen]]), self.n_queries)

    @property
    def cells(self) -> IntArray:
        """Place of each (query, relevant document) pair in the flat matrix of queries and documents, shape (P,)."""
        return self.query_of_pair * self.n_documents + self.documents

    def cells_of(self, lists: IntArray) -> IntArray:
        """Places of the documents of a list for each query in the flat matrix, shape (Q, k) as ``lists``."""
        return np.arange(self.n_queries)[:, np.newaxis] * self.n_documents + lists

    def are_relevant(self, lists: IntArray) -> BoolArray:
        """Which documents of a list for each query are relevant to it, shape (Q, k) as ``lists``; -1 is none."""
        return np.isin(self.cells_of(lists), self.cells) & (lists >= 0)


def _integer_list(documents: Sequence[int] | IntArray, query: int) -> IntArray:
    values = np.asarray(documents)
    if values.size and (values.ndim != 1 or not np.issubdtype(values.dtype, np.integer)):
        raise DataFormatError(
            f"Expected the relevant documents of query {query} as a flat list of integer row numbers, got "
            f"{values.dtype} of shape {values.shape}. Map document ids to rows of the document matrix first."
        )
    return values.astype(np.int64).reshape(-1)


def _check_columns(judgments: Judgments) -> None:
    indptr, n_pairs = judgments.indptr, len(judgments.documents)
    fits = indptr.ndim == 1 and len(indptr) > 0 and indptr[0] == 0 and indptr[-1] == n_pairs
    if not fits or (np.diff(indptr) < 0).any() or len(judgments.gains) != n_pairs:
        raise DataFormatError(
            f"Judgments do not fit together: {n_pairs} documents, {len(judgments.gains)} gains and an indptr that "
            f"should rise from 0 to {n_pairs}. Build them with Judgments.from_lists."
        )


def _check_documents(judgments: Judgments) -> None:
    documents, query = judgments.documents, judgments.query_of_pair
    outside = (documents < 0) | (documents >= judgments.n_documents)
    if outside.any():
        first = int(np.argmax(outside))
        raise DataFormatError(
            f"{int(outside.sum())} of {len(documents)} relevant documents are not in the corpus of "
            f"{judgments.n_documents} (first: document {documents[first]} of query {query[first]}). They can never "
            "be retrieved; add them to the corpus or drop them from the judgments."
        )
    falls = (np.diff(documents) <= 0) & (np.diff(query) == 0)
    if falls.any():
        first = int(np.argmax(falls)) + 1
        raise DataFormatError(
            f"Relevant documents must stand once each, in ascending order; document {documents[first]} of query "
            f"{query[first]} follows document {documents[first - 1]}. A document counted twice would be found twice; "
            "drop the repetition."
        )


def _check_excluded(judgments: Judgments) -> None:
    excluded = judgments.excluded
    if excluded is None:
        return
    documents = excluded.documents
    if excluded.n_queries != judgments.n_queries or ((documents < 0) | (documents >= judgments.n_documents)).any():
        raise DataFormatError(
            f"Excluded documents must be those of the same {judgments.n_queries} queries, with numbers from 0 to "
            f"{judgments.n_documents - 1}; they are of {excluded.n_queries} queries."
        )
    cells = excluded.query_of_pair * judgments.n_documents + documents
    both = np.isin(cells, judgments.cells)
    if both.any():
        first = int(np.argmax(both))
        raise DataFormatError(
            f"Document {documents[first]} is both relevant to query {excluded.query_of_pair[first]} and excluded from "
            "its ranking, where it could never be found. Let it be one of the two."
        )
