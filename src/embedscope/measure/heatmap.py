"""The part of the query x positive similarity matrix that a person can read."""

from __future__ import annotations

import numpy as np

from embedscope.metrics.judgments import Judgments
from embedscope.metrics.norms import directions_of
from embedscope.protocols import Float32Array, FloatArray, IntArray
from embedscope.result import Heatmap


def choose_heatmap(
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    *,
    n_cells: int,
    generator: np.random.Generator,
) -> Heatmap | None:
    """A random sample of distinct positives, each with one of its queries, ordered so that like stands beside like.

    Cells of a query and a document that is excluded from its ranking are NaN.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim)
    documents : ndarray of shape (N, dim)
    judgments : Judgments of the Q queries over the N documents
    n_cells : int
        Rows and columns at most; more labels cannot be read.

    Returns
    -------
    Heatmap or None
        None where no query has a relevant document. Columns are ordered by the optimal leaf ordering of an average
        linkage under cosine distance (Bar-Joseph et al. 2001); a row stands where its positive stands.
    """
    positives = np.unique(judgments.documents)
    if not positives.size:
        return None
    chosen = np.sort(generator.permutation(positives)[:n_cells])
    columns = chosen[_leaf_order(directions_of(documents[chosen]))]
    is_shown = np.isin(judgments.documents, columns)
    rows = _one_query_each(columns, judgments.query_of_pair[is_shown], judgments.documents[is_shown], generator)
    similarity = (queries[rows] @ documents[columns].T).astype(np.float32)  # (R, C)
    if judgments.excluded is not None:
        own = judgments.excluded.select(rows)
        pair, column = np.nonzero(own.documents[:, np.newaxis] == columns)
        similarity[own.query_of_pair[pair], column] = np.nan
    return Heatmap(
        queries=rows,
        documents=columns,
        similarity=similarity,
        is_relevant=judgments.select(rows).are_relevant(np.broadcast_to(columns, similarity.shape)),
        n_queries=len(queries),
        n_documents=int(positives.size),
    )


def _leaf_order(vectors: FloatArray) -> IntArray:
    if len(vectors) < 3:
        return np.arange(len(vectors))
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import pdist

    distances = np.maximum(pdist(vectors.astype(np.float64), "sqeuclidean"), 0.0)  # 2 (1 - cosine) for unit rows
    order: IntArray = leaves_list(optimal_leaf_ordering(linkage(distances, "average"), distances)).astype(np.int64)
    return order


def _one_query_each(
    columns: IntArray, query_of_pair: IntArray, relevant: IntArray, generator: np.random.Generator
) -> IntArray:
    """A query for each of ``columns``, in their order; a column whose queries all stand for others has none."""
    shuffled = generator.permutation(len(relevant))
    first_query: dict[int, int] = {}
    taken: set[int] = set()
    for pair in shuffled:
        query, document = int(query_of_pair[pair]), int(relevant[pair])
        if document not in first_query and query not in taken:
            first_query[document] = query
            taken.add(query)
    return np.array([first_query[int(c)] for c in columns if int(c) in first_query], dtype=np.int64)
