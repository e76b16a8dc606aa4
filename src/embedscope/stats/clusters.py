"""The unit of uncertainty: clusters of queries, and columns summed over them.

Two queries that share a relevant text succeed and fail together, so they are one observation and not two
(conventions, section 5). Every statistic that is a smooth function of sums over queries is a function of sums over
clusters, which is all that resampling needs to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Columns summed over each cluster: all that a cluster bootstrap of a function of sums has to hold.

    Attributes
    ----------
    sums : ndarray of shape (n_clusters, n_columns), float64
    sizes : ndarray of shape (n_clusters,), float64
        Queries in each cluster.
    """

    sums: Float64Array
    sizes: Float64Array

    @classmethod
    def of(cls, columns: FloatArray, clusters: IntArray) -> ClusterSums:
        """Sums of per-query ``columns`` of shape (n_queries, n_columns) over ``clusters`` of shape (n_queries,).

        Clusters stand in ascending order of their labels; labels need not be consecutive.

        Raises InvalidOptionError if the lengths differ, or a column holds a value that is not finite.
        """
        columns = np.asarray(columns, dtype=np.float64)
        check_lengths(columns, clusters)
        if not np.isfinite(columns).all():
            query, column = np.argwhere(~np.isfinite(columns))[0]
            raise InvalidOptionError(
                f"Columns to be summed over clusters must be finite; query {query} has {columns[query, column]} in "
                f"column {column}. One such value makes every sum meaningless. Leave the query out, or give it the "
                "values 0 in the numerator and the denominator."
            )
        rows = np.unique(clusters, return_inverse=True)[1]
        n_clusters = int(rows.max()) + 1 if len(rows) else 0
        sums = np.empty((n_clusters, columns.shape[1]))
        for j, column in enumerate(columns.T):
            sums[:, j] = np.bincount(rows, weights=column, minlength=n_clusters)
        return cls(sums, np.bincount(rows, minlength=n_clusters).astype(np.float64))

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.sizes)

    @property
    def n_queries(self) -> int:
        """Number of queries in all clusters."""
        return int(self.sizes.sum())

    @property
    def n_effective(self) -> float:
        """Effective number of clusters, ``(sum_c n_c)^2 / sum_c n_c^2`` (Kish, Survey Sampling, 1965).

        In [1, n_clusters]; equal to ``n_clusters`` where all have the same size; 0.0 without clusters.
        """
        return float(self.sizes.sum() ** 2 / (self.sizes**2).sum()) if self.n_clusters else 0.0


def random_half(clusters: IntArray, generator: np.random.Generator) -> BoolArray:
    """Which queries belong to half of the clusters (of an odd number the smaller), drawn at random; (n_queries,)."""
    labels, places = np.unique(clusters, return_inverse=True)
    is_first = np.zeros(len(labels), dtype=bool)
    is_first[generator.permutation(len(labels))[: len(labels) // 2]] = True
    return np.asarray(is_first[places], dtype=bool)


def finite_queries(values: FloatArray, clusters: IntArray) -> tuple[Float64Array, IntArray]:
    """Values and clusters of the queries that have a value (NaN marks a query left out).

    Raises InvalidOptionError if the lengths differ, or a value is infinite.
    """
    column = np.asarray(values, dtype=np.float64)
    check_lengths(column, clusters)
    if np.isinf(column).any():
        raise InvalidOptionError(
            f"Per-query values must be finite, or NaN for a query that is left out; query "
            f"{int(np.flatnonzero(np.isinf(column))[0])} has an infinite value, which would make the mean infinite. "
            "Correct the value or set it to NaN."
        )
    has_value = ~np.isnan(column)
    return column[has_value], np.asarray(clusters)[has_value]


def check_lengths(values: FloatArray, clusters: IntArray) -> None:
    """Raise InvalidOptionError unless there is one cluster label a row of ``values``."""
    if np.ndim(clusters) != 1 or np.ndim(values) == 0 or len(values) != len(clusters):
        raise InvalidOptionError(
            f"Expected one cluster label a query; got values of shape {np.shape(values)} and labels of shape "
            f"{np.shape(clusters)}. Without its cluster a query has no place in the resampling. Pass both over the "
            "same queries, in the same order."
        )
