"""Which queries and documents stand on the maps, and the links between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.maps.neighbor_graph import QUALITY_K, NeighborGraph
from embedscope.protocols import BoolArray, Float32Array, IntArray, Role
from embedscope.result import Points, QueryTable

N_NEIGHBORS_KEPT = QUALITY_K
"""Neighbours of each point that points.parquet and the figures of quality use."""

_DOCUMENT_ROLES = (Role.DOCUMENT, Role.HARD_NEGATIVE, Role.POSITIVE)


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


def points_of_run(table: QueryTable, n_documents: int, *, budget: int, generator: np.random.Generator) -> PointChoice:
    """All queries and documents of a run, or a random sample of at most ``budget``: queries and their positives before
    other documents, failing queries before the others.

    Of a sample at most half are queries, unless the documents leave more room.
    """
    is_correct, n_queries = table.is_correct, len(table.is_correct)
    relevant_indptr, relevant, negatives = table.relevant_indptr, table.relevant_documents, table.negative_documents
    queries = _drawn_first(is_correct, max(budget // 2, budget - n_documents), generator)
    link_queries = np.repeat(np.arange(len(queries)), np.diff(relevant_indptr)[queries])
    linked = np.concatenate(
        [relevant[:0], *(relevant[relevant_indptr[q] : relevant_indptr[q + 1]] for q in queries.tolist())]
    )
    importance = np.full(n_documents, 2)  # 0 positive of a drawn query, 1 positive of another or hard negative
    importance[negatives] = 1
    importance[relevant] = 1
    importance[linked] = 0
    documents = _drawn_first(importance, max(budget - len(queries), 0), generator)
    point_of_document = np.full(n_documents, -1, dtype=np.int64)
    point_of_document[documents] = len(queries) + np.arange(len(documents))
    is_shown = point_of_document[linked] >= 0
    role = np.zeros(n_documents, dtype=np.int64)  # place in _DOCUMENT_ROLES
    role[negatives] = 1
    role[relevant] = 2
    return PointChoice(
        roles=(Role.QUERY,) * len(queries) + tuple(_DOCUMENT_ROLES[place] for place in role[documents].tolist()),
        rows=np.concatenate([queries, documents]).astype(np.int64),
        link_queries=link_queries[is_shown],
        link_documents=point_of_document[linked[is_shown]],
        link_is_correct=is_correct[queries[link_queries[is_shown]]],
        n_left_out=n_queries + n_documents - len(queries) - len(documents),
    )


def _drawn_first(rank: npt.NDArray[Any], n: int, generator: np.random.Generator) -> IntArray:
    """``n`` rows, ascending: the lower ``rank`` first, at random among equals; all where there are fewer."""
    if len(rank) <= n:
        return np.arange(len(rank))
    order = generator.permutation(len(rank))
    return np.sort(order[np.argsort(rank[order], kind="stable")][:n])
