"""Which queries and documents stand on the maps, and the links between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.maps.neighbor_graph import NeighborGraph
from embedscope.protocols import BoolArray, Float32Array, IntArray, Role
from embedscope.result import Points, QueryTable

N_NEIGHBORS_KEPT = 15
"""Neighbours of each point that points.parquet and the map-quality figures use."""


@dataclass(frozen=True, slots=True)
class PointChoice:
    """Rows on the map, queries first; ``rows`` index the query table for queries, else the document table."""

    roles: tuple[Role, ...]
    rows: IntArray  # (M,)
    link_queries: IntArray  # (L,) point indices
    link_documents: IntArray  # (L,)
    link_is_correct: BoolArray  # (L,)
    n_left_out: int

    def vectors(self, queries: Float32Array, documents: Float32Array) -> Float32Array:
        """Vectors of the points, shape (M, dim): queries first, then documents."""
        n_queries = self.roles.count(Role.QUERY)
        return np.concatenate([queries[self.rows[:n_queries]], documents[self.rows[n_queries:]]])

    def points(self, graph: NeighborGraph) -> Points:
        """The points with their nearest neighbours in the original space."""
        return Points(
            roles=self.roles,
            rows=self.rows,
            link_queries=self.link_queries,
            link_documents=self.link_documents,
            link_is_correct=self.link_is_correct,
            neighbor_ids=graph.indices[:, :N_NEIGHBORS_KEPT],
            neighbor_distances=graph.distances[:, :N_NEIGHBORS_KEPT],
            n_left_out=self.n_left_out,
        )


def points_of_run(queries: QueryTable, n_documents: int, *, budget: int, generator: np.random.Generator) -> PointChoice:
    """The queries and documents that stand on the maps of a run."""
    return choose_points(
        len(queries.texts),
        n_documents,
        queries.relevant_indptr,
        queries.relevant_documents,
        queries.negative_documents,
        queries.is_correct,
        budget=budget,
        generator=generator,
    )


def choose_points(
    n_queries: int,
    n_documents: int,
    relevant_indptr: IntArray,
    relevant: IntArray,
    negatives: IntArray,
    is_correct: BoolArray,
    *,
    budget: int,
    generator: np.random.Generator,
) -> PointChoice:
    """All points, or a seeded sample of at most ``budget``: queries and their positives before other documents.

    Of a sample at most half are queries, unless the documents leave more room.

    Parameters
    ----------
    n_queries, n_documents : int
    relevant_indptr, relevant : CSR of the relevant documents of each query
    negatives : ndarray of document rows that are hard negatives of some query (may repeat)
    is_correct : ndarray of shape (n_queries,), bool
    budget : int
        Points at most. Failing queries are kept before the others.
    generator : numpy.random.Generator
    """
    n_kept = max(budget // 2, budget - n_documents)
    queries = _sample_queries(is_correct, n_kept, generator) if n_queries > n_kept else np.arange(n_queries)
    role_of = np.zeros(n_documents, dtype=np.int64)  # 0 document, 1 hard negative, 2 positive of a drawn query
    role_of[negatives] = 1
    role_of[relevant] = np.maximum(role_of[relevant], 1)
    drawn = np.concatenate([relevant[relevant_indptr[q] : relevant_indptr[q + 1]] for q in queries] or [relevant[:0]])
    role_of[np.unique(drawn)] = 2
    documents = _by_importance(role_of, max(budget - len(queries), 0), generator)
    point_of_document = np.full(n_documents, -1, dtype=np.int64)
    point_of_document[documents] = len(queries) + np.arange(len(documents))
    link_q, link_d, right = _links(queries, relevant_indptr, relevant, point_of_document, is_correct)
    is_positive = np.zeros(n_documents, dtype=bool)
    is_positive[relevant] = True
    is_negative = np.zeros(n_documents, dtype=bool)
    is_negative[negatives] = True
    names = [
        Role.POSITIVE if is_positive[d] else Role.HARD_NEGATIVE if is_negative[d] else Role.DOCUMENT for d in documents
    ]
    return PointChoice(
        roles=(Role.QUERY,) * len(queries) + tuple(names),
        rows=np.concatenate([queries, documents]).astype(np.int64),
        link_queries=link_q,
        link_documents=link_d,
        link_is_correct=right,
        n_left_out=n_queries + n_documents - len(queries) - len(documents),
    )


def _sample_queries(is_correct: BoolArray, n: int, generator: np.random.Generator) -> IntArray:
    order = generator.permutation(len(is_correct))
    failing_first = order[np.argsort(is_correct[order], kind="stable")]
    return np.sort(failing_first[:n])


def _by_importance(role_of: IntArray, n: int, generator: np.random.Generator) -> IntArray:
    if len(role_of) <= n:
        return np.arange(len(role_of))
    order = generator.permutation(len(role_of))
    return np.sort(order[np.argsort(-role_of[order], kind="stable")][:n])


def _links(
    queries: IntArray, indptr: IntArray, relevant: IntArray, point_of_document: IntArray, is_correct: BoolArray
) -> tuple[IntArray, IntArray, BoolArray]:
    counts = np.diff(indptr)[queries]
    point_of_link = np.repeat(np.arange(len(queries)), counts)
    targets = np.concatenate([relevant[indptr[q] : indptr[q + 1]] for q in queries] or [relevant[:0]])
    ends = point_of_document[targets]
    kept = ends >= 0
    return point_of_link[kept], ends[kept], is_correct[queries][point_of_link[kept]]
