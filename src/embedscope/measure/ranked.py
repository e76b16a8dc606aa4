"""What one pass over the similarities leaves: ranks, scores of the relevant pairs, hard negatives, the tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from embedscope.data.collection import Collection, digest
from embedscope.errors import InvalidEmbeddingsError
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.ngrams import SplitTexts
from embedscope.measure.query_set import QuerySet
from embedscope.measure.query_tables import document_table, query_table
from embedscope.measure.scoring import Scores, bound_of, score, values_of
from embedscope.measure.similarity import DocumentSummary
from embedscope.metrics.judgments import Judgments
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, Float64Array, ProgressCallback
from embedscope.result import DataFacts, DocumentTable, QueryTable
from embedscope.settings import Settings

MOST_RELEVANT_KEPT = 90
"""Relevant documents for which a list is lengthened, so that the best wrong one stands in it."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """The queries of a collection ranked by one model; all that the measures need of it.

    ``documents`` are their vectors, or a summary where they do not fit into memory. ``queries`` are those of
    ``query_set``; ``values`` hold each metric for each of them; ``similarity`` is "cosine" or "dot".
    """

    query_set: QuerySet
    queries: Float32Array  # (Q, dim) as they are compared
    documents: Float32Array | DocumentSummary
    scores: Scores
    values: dict[str, Float64Array]
    negatives: NegativePairs | None
    query_table: QueryTable
    document_table: DocumentTable
    similarity: str

    @cached_property
    def split_texts(self) -> tuple[SplitTexts, SplitTexts]:
        """Texts of the queries and of the documents, cut once for all that count n-grams."""
        return SplitTexts.of(self.query_table.texts), SplitTexts.of(self.document_table.texts)

    @property
    def n_effective(self) -> float:
        """Effective number of independent queries: for MRR, on which the verdict rests, else for the first metric."""
        return self.query_set.resampler.n_effective(self.values.get("MRR", next(iter(self.values.values()))))


def rank(
    collection: Collection,
    embeddings: Embeddings,
    query_set: QuerySet,
    settings: Settings,
    progress: ProgressCallback | None = None,
) -> Ranked:
    """Every query of ``query_set`` against every document, in one pass that never holds the matrix.

    Raises InvalidEmbeddingsError if the vectors do not fit the collection.
    """
    _require_one_vector_a_text(collection, embeddings)
    chosen, judgments = settings.measure, query_set.judgments
    queries, documents = embeddings.queries[query_set.rows], embeddings.documents
    bound = bound_of(queries, documents, embeddings.similarity)
    scores = score(
        queries,
        documents,
        judgments,
        k=n_kept(chosen.k, int(judgments.n_relevant.max())),
        tolerance=chosen.tie_tolerance * bound,
        bound=bound,
        device=settings.model.device,
        progress=progress,
    )
    values = values_of(chosen.metrics, judgments, scores.pair_scores, scores.counts)
    negatives = NegativePairs.of(collection, query_set.rows, queries, documents, judgments, scores.pair_scores)
    clusters = query_set.resampler.clusters
    return Ranked(
        query_set=query_set,
        queries=queries,
        documents=documents,
        scores=scores,
        values=values,
        negatives=negatives,
        query_table=query_table(collection, query_set.rows, scores, negatives, values, clusters, chosen.k),
        document_table=document_table(collection, judgments, negatives),
        similarity=embeddings.similarity,
    )


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
