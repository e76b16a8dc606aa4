"""Per-query and per-document tables of a result."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embedscope.data.collection import Collection
from embedscope.measure.negatives import NegativePairs, type_of_document
from embedscope.measure.scoring import Scores, gaps
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.metric_names import Measure
from embedscope.metrics.ranking import expected_first_rank, metric_per_query, n_tied_with_first
from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.result import DocumentTable, QueryTable

_ROUNDING = 1e-9  # of an expectation over orders; the next lower value is 1 / (number of documents) away


def query_table(
    collection: Collection,
    rows: IntArray,
    scores: Scores,
    negatives: NegativePairs | None,
    values: Mapping[str, Float64Array],
    clusters: IntArray,
    k: int,
) -> QueryTable:
    """One row a query with a relevant document; ``rows`` are the places of these queries in ``collection``."""
    judgments = scores.judgments
    n = len(rows)
    is_relevant = judgments.are_relevant(scores.top_documents)
    wrong_document, wrong_similarity = _best_wrong(scores, is_relevant)
    best_positive = np.maximum.reduceat(scores.pair_scores, judgments.indptr[:-1])
    pairs = negatives or _no_pairs()
    order = np.argsort(pairs.queries, kind="stable")
    best_negative = pairs.best_of_each_query(n)
    first_is_relevant = metric_per_query(Measure("Success", 1), judgments, scores.pair_scores, scores.counts)
    k = min(k, int((~np.isnan(scores.top_scores)).sum(axis=1).max(initial=1)))  # as wide as the longest list
    return QueryTable(
        ids=tuple(collection.query_ids[row] for row in rows),
        texts=tuple(collection.queries[row] for row in rows),
        clusters=clusters,
        n_relevant=judgments.n_relevant,
        rank=expected_first_rank(judgments, scores.pair_scores, scores.counts),
        n_tied=n_tied_with_first(judgments, scores.pair_scores, scores.counts),
        is_correct=is_right(first_is_relevant),
        positive_similarity=best_positive,
        negative_similarity=best_negative,
        margin=best_positive - best_negative,
        gap=gaps(scores),
        wrong_document=wrong_document,
        wrong_similarity=wrong_similarity,
        wrong_type=type_of_document(pairs, wrong_document),
        top_documents=scores.top_documents[:, :k],
        top_scores=scores.top_scores[:, :k].astype(np.float32, copy=False),
        top_is_relevant=is_relevant[:, :k],
        relevant_indptr=judgments.indptr,
        relevant_documents=judgments.documents,
        relevant_scores=scores.pair_scores,
        negative_indptr=np.concatenate([[0], np.cumsum(np.bincount(pairs.queries, minlength=n))]).astype(np.int64),
        negative_documents=pairs.documents[order],
        negative_scores=pairs.scores[order],
        negative_weights=pairs.weights[order],
        negative_types=tuple(pairs.types[row] for row in order),
        values=dict(values),
        relevant_gains=judgments.gains,
        listed_documents=scores.top_documents,
        listed_scores=scores.top_scores,
        groups=tuple(collection.groups[row] for row in rows) if collection.groups else (),
        metadata={column: tuple(stated[row] for row in rows) for column, stated in collection.metadata.items()},
    )


def is_right(success_at_1: Float64Array) -> BoolArray:
    """Queries with a relevant document at rank 1 in every order of tied documents, shape (Q,).

    ``success_at_1`` is the expected Success@1. Below 1 a document that is not relevant ties for rank 1: what a user
    sees first is then left to chance, and such a query has failed. NaN (nothing is relevant) is not right.
    """
    return np.asarray(success_at_1 > 1 - _ROUNDING, dtype=bool)


def _no_pairs() -> NegativePairs:
    nothing, no_rows = np.zeros(0), np.zeros(0, dtype=np.int64)
    return NegativePairs(no_rows, no_rows, nothing, nothing, nothing, ())


def _best_wrong(scores: Scores, is_relevant: BoolArray) -> tuple[IntArray, Float64Array]:
    """Best-scoring document of each query that is not relevant, and its score; -1 and NaN where none was kept."""
    place = np.argmin(is_relevant, axis=1)
    rows = np.arange(len(place))
    exists = ~is_relevant[rows, place]
    document = np.where(exists, scores.top_documents[rows, place], -1)
    similarity = np.where(exists, scores.top_scores[rows, place], np.nan)
    return document.astype(np.int64), similarity.astype(np.float64)


def document_table(collection: Collection, judgments: Judgments, negatives: NegativePairs | None) -> DocumentTable:
    """One row for each document of the pool."""
    n = len(collection.documents)
    rows = np.zeros(0, dtype=np.int64) if negatives is None else negatives.documents
    return DocumentTable(
        ids=collection.document_ids,
        texts=collection.documents,
        n_relevant_to=np.bincount(judgments.documents, minlength=n),
        n_negative_of=np.bincount(rows, minlength=n),
    )
