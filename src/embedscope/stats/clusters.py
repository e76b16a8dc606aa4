"""Connected groups of queries: those that share a relevant document, directly or through others.

Nothing of one group stands in another, so that groups are what data is divided by. They say nothing of how much queries
depend on one another: one shared document chains a whole collection (`embedscope.stats.dependence`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embedscope.errors import InvalidOptionError
from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray


def clusters_from_judgments(
    indptr: IntArray,
    documents: IntArray,
    n_documents: int,
    groups: Sequence[str | None] | None = None,
) -> IntArray:
    """Cluster label of every query: connected components of queries that share a relevant document.

    Parameters
    ----------
    indptr : ndarray of shape (n_queries + 1,), int64
    documents : ndarray of shape (indptr[-1],), int64
        Relevant documents of query q are ``documents[indptr[q]:indptr[q + 1]]``. A query without any is a cluster
        of its own.
    groups : sequence of str or None, of length n_queries, optional
        Queries with the same group are one cluster, whatever they share; a query whose group is None keeps its
        component. An empty sequence is no groups.

    Returns
    -------
    ndarray of shape (n_queries,), int64
        Labels 0 .. n_clusters - 1, numbered by first appearance.

    Raises
    ------
    InvalidOptionError
        If ``groups`` has another length than there are queries, or a document index is out of range.
    """
    n_queries = len(indptr) - 1
    if len(documents) and (documents.min() < 0 or documents.max() >= n_documents):
        raise InvalidOptionError(
            f"Relevant documents must be indices in [0, {n_documents}); got {documents.min()} to {documents.max()}. "
            "Queries cannot be grouped by documents that are not in the collection. Build the judgments from the same "
            "collection."
        )
    queries = np.repeat(np.arange(n_queries), np.diff(indptr))
    n_nodes = n_queries + n_documents
    ones = np.ones(len(queries), dtype=np.int8)
    links = coo_array((ones, (queries, documents + n_queries)), shape=(n_nodes, n_nodes))
    components = connected_components(links, directed=False)[1][:n_queries]
    if not groups:
        return _by_first_appearance(components.tolist())
    if len(groups) != n_queries:
        raise InvalidOptionError(
            f"Expected one group a query, that is {n_queries}; got {len(groups)}. Groups say which queries count as "
            "one observation. Pass one group (or None) a query, in the order of the queries."
        )
    own = [("component", str(c)) if g is None else ("group", g) for c, g in zip(components, groups, strict=True)]
    return _by_first_appearance(own)


def _by_first_appearance(labels: Sequence[object]) -> IntArray:
    """Labels renumbered 0, 1, ... in the order in which they first occur."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)


def numbered_along(clusters: IntArray, order: IntArray) -> IntArray:
    """The same clusters, numbered as they first appear in ``order``, a permutation of the queries.

    A draw over clusters depends on their numbers; along an order of the texts, not of the rows of a file, it does not
    change where the rows change places.
    """
    numbered = np.empty_like(clusters)
    numbered[order] = _by_first_appearance(clusters[order].tolist())
    return numbered


def cluster_sums(columns: FloatArray, clusters: IntArray) -> Float64Array:
    """Sums of per-query ``columns`` of shape (n_queries, n_columns) over each cluster, (n_clusters, n_columns).

    Clusters stand in ascending order of their labels, (n_queries,); labels need not be consecutive.
    """
    rows = np.unique(clusters, return_inverse=True)[1]
    n_clusters = int(rows.max()) + 1 if len(rows) else 0
    sums = np.empty((n_clusters, columns.shape[1]))
    for j, column in enumerate(columns.T):
        sums[:, j] = np.bincount(rows, weights=column, minlength=n_clusters)
    return sums


def random_half(clusters: IntArray, generator: np.random.Generator) -> BoolArray:
    """Which queries belong to half of the clusters (of an odd number the smaller), drawn at random; (n_queries,)."""
    labels, places = np.unique(clusters, return_inverse=True)
    is_first = np.zeros(len(labels), dtype=bool)
    is_first[generator.permutation(len(labels))[: len(labels) // 2]] = True
    return np.asarray(is_first[places], dtype=bool)


def has_value(values: Float64Array, n: int) -> BoolArray:
    """Which of ``n`` queries have a value, shape (n,); NaN marks a query that is left out.

    Raises InvalidOptionError if there are not n values, or one is infinite.
    """
    if values.shape != (n,):
        raise InvalidOptionError(
            f"Expected one value a query, that is {n}; got values of shape {values.shape}. Without its value a query "
            "has no place in a mean. Pass all of them, in the order of the queries, NaN where there is none."
        )
    if np.isinf(values).any():
        raise InvalidOptionError(
            f"Per-query values must be finite, or NaN for a query that is left out; query "
            f"{int(np.flatnonzero(np.isinf(values))[0])} has an infinite value, which would make the mean infinite. "
            "Correct the value or set it to NaN."
        )
    return ~np.isnan(values)
