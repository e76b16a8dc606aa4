"""What a ranking leaves: ranks, scores of the relevant pairs, hard negatives, the tables.

Vectors are ranked in one pass over their similarities; ranked lists are taken as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from embedscope.data.collection import Collection, digest
from embedscope.errors import InvalidEmbeddingsError
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.query_set import QuerySet
from embedscope.measure.query_tables import document_table, query_table
from embedscope.measure.scoring import Scores, bound_of, list_scores, score, values_of
from embedscope.measure.similarity import DocumentSummary
from embedscope.measure.texts import Texts
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, Float64Array, ProgressCallback
from embedscope.result import NO_VECTORS, DataFacts, DocumentTable, QueryTable
from embedscope.settings import Settings

WRITTEN_DEPTH = 100
"""Documents of each query that ``run.trec`` holds at least: as deep as the standard metrics go."""

MOST_RELEVANT_KEPT = 90
"""Relevant documents for which a list is lengthened, so that the best wrong one stands in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What a model compares: the queries of a query set and the documents, or a summary where they are too many."""

    queries: Float32Array  # (Q, dim) as they are compared
    documents: Float32Array | DocumentSummary


@dataclass(frozen=True, eq=False)
class Ranked:
    """The queries of a collection ranked by one system; all that the measures need of it.

    ``vectors`` is None for ranked lists. ``values`` hold each metric for each query of ``query_set``; ``similarity`` is
    "cosine", "dot" or "score".
    """

    query_set: QuerySet
    vectors: Vectors | None
    scores: Scores
    values: dict[str, Float64Array]
    negatives: NegativePairs | None
    query_table: QueryTable
    document_table: DocumentTable
    similarity: str

    @property
    def queries(self) -> Float32Array:
        """The vectors of the queries, (Q, dim); a ValueError where there are none."""
        return self._own_vectors.queries

    @property
    def documents(self) -> Float32Array | DocumentSummary:
        """The vectors of the documents, (N, dim), or their summary; a ValueError where there are none."""
        return self._own_vectors.documents

    @property
    def _own_vectors(self) -> Vectors:
        if self.vectors is None:
            raise ValueError(NO_VECTORS)
        return self.vectors

    @cached_property
    def texts(self) -> Texts:
        """Texts of the queries and of the documents."""
        return Texts(self.query_table.texts, self.document_table.texts)

    @property
    def n_effective(self) -> float:
        """Effective number of independent queries: for MRR, on which the verdict rests, else for the first metric."""
        return self.query_set.resampler.n_effective(self.values.get("MRR", next(iter(self.values.values()))))


def rank(
    collection: Collection,
    system: Embeddings | RankedLists,
    query_set: QuerySet,
    settings: Settings,
    progress: ProgressCallback | None = None,
) -> Ranked:
    """Every query of ``query_set`` against every document: vectors in one pass that never holds the matrix.

    Raises InvalidEmbeddingsError if the vectors do not fit the collection.
    """
    if isinstance(system, RankedLists):
        return _rank_lists(collection, system, query_set, settings)
    _require_one_vector_a_text(collection, system)
    chosen, judgments = settings.measure, query_set.judgments
    queries, documents = system.queries[query_set.rows], system.documents
    bound = bound_of(queries, documents, system.similarity)
    scores = score(
        queries,
        documents,
        judgments,
        k=max(WRITTEN_DEPTH, n_kept(chosen.k, int(judgments.n_relevant.max()))),
        tolerance=chosen.tie_tolerance * bound,
        bound=bound,
        device=settings.model.device,
        progress=progress,
    )
    negatives = NegativePairs.of(collection, query_set.rows, queries, documents, judgments, scores.pair_scores)
    return _ranked(collection, query_set, settings, scores, negatives, Vectors(queries, documents), system.similarity)


def _ranked(
    collection: Collection,
    query_set: QuerySet,
    settings: Settings,
    scores: Scores,
    negatives: NegativePairs | None,
    vectors: Vectors | None,
    similarity: str,
) -> Ranked:
    """What was scored, with its metrics and its tables."""
    chosen, judgments, clusters = settings.measure, query_set.judgments, query_set.resampler.clusters
    values = values_of(chosen.metrics, judgments, scores.pair_scores, scores.counts)
    return Ranked(
        query_set=query_set,
        vectors=vectors,
        scores=scores,
        values=values,
        negatives=negatives,
        query_table=query_table(collection, query_set.rows, scores, negatives, values, clusters, chosen.k),
        document_table=document_table(collection, judgments, negatives),
        similarity=similarity,
    )


def _rank_lists(collection: Collection, lists: RankedLists, query_set: QuerySet, settings: Settings) -> Ranked:
    """The queries as the lists have them; a relevant document that was not returned has rank infinity and no score."""
    own, judgments = lists.select(query_set.rows), query_set.judgments
    scores, is_listed = list_scores(
        own, judgments, k=max(WRITTEN_DEPTH, n_kept(settings.measure.k, int(judgments.n_relevant.max())))
    )
    found = np.where(is_listed, scores.pair_scores, np.nan)
    negatives = NegativePairs.of_lists(collection, query_set.rows, own, judgments, found)
    ranked = _ranked(collection, query_set, settings, scores, negatives, None, lists.similarity)
    best = np.fmax.reduceat(found, judgments.indptr[:-1])
    table = replace(
        ranked.query_table,
        rank=np.where(np.isnan(best), np.inf, ranked.query_table.rank),
        positive_similarity=best,
        margin=best - ranked.query_table.negative_similarity,
        relevant_scores=found,
    )
    return replace(ranked, query_table=table)


def n_kept(k: int, most_relevant: int) -> int:
    """Documents of a ranked list: so many that the best wrong one is among them, up to 90 relevant ones of a query."""
    return k + min(most_relevant, MOST_RELEVANT_KEPT)


def _require_one_vector_a_text(collection: Collection, embeddings: Embeddings) -> None:
    for what, texts, rows in (
        ("query", collection.queries, embeddings.queries),
        ("document", collection.documents, embeddings.documents),
    ):
        if rows.ndim != 2 or len(rows) != len(texts):
            raise InvalidEmbeddingsError(
                f"Expected one {what} vector for each of the {len(texts):,} distinct {what} texts; got an array of "
                f"shape {rows.shape}. Encode the texts of this collection in its order."
            )


def n_excluded(judgments: Judgments) -> int:
    """Number of (query, document) pairs that are left out of the rankings."""
    return 0 if judgments.excluded is None else len(judgments.excluded.documents)


def facts_of(collection: Collection, ranked: Ranked) -> DataFacts:
    """What the data set holds, after equal texts were merged."""
    n_queries = len(ranked.query_set.rows)
    return DataFacts(
        format=collection.format,
        n_rows=collection.n_rows,
        n_queries=n_queries,
        n_queries_available=collection.n_queries_available,
        n_documents=len(collection.documents),
        n_relevant_documents=len(np.unique(collection.relevant)),
        n_hard_negatives=len(collection.negatives.queries),
        n_clusters=ranked.query_set.n_clusters,
        n_duplicate_queries=collection.n_duplicate_queries,
        n_duplicate_documents=collection.n_duplicate_documents,
        n_queries_without_relevant=len(collection.queries) - n_queries,
        contradictions=collection.contradictions,
        warnings=collection.warnings,
        digest=digest(collection),
        n_effective=ranked.n_effective,
        columns=collection.columns,
        n_own_documents=n_excluded(ranked.query_set.judgments),
    )
