"""Training and validation queries from one collection, with every cluster on one side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, keep_queries
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.numerics.clusters import clusters_from_judgments
from embedscope.protocols import BoolArray, IntArray

MAX_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Split:
    """Two collections over the same documents. ``n_moved`` counts pairs that a split by rows would have misplaced."""

    train: Collection
    valid: Collection
    n_pairs: int
    n_clusters: int
    n_moved: int


def split_collection(collection: Collection, share: float, generator: np.random.Generator) -> Split:
    """About ``share`` of the pairs for validation; queries that share a positive (or a group) stay together.

    Clusters are taken in a random order for as long as they fit, so the validation part is at most ``share``, and
    less where the clusters are large. Rows of one query are one query of the collection, so they stay together too.
    Both sides keep every document: the pool that a query is ranked against does not depend on the split.

    ``n_moved`` compares with what is done without clusters: the first ``share`` of the same random order of queries
    goes to validation. It counts the (query, positive) pairs that stand on the other side here.

    Parameters
    ----------
    collection : Collection
    share : float
        In (0, 0.9].
    generator : numpy.random.Generator

    Raises
    ------
    InvalidOptionError
        If ``share`` is out of range.
    TooFewPointsError
        If no cluster fits into the validation part, or a side has fewer than two queries with a positive.
    """
    if not 0 < share <= MAX_SHARE:
        raise InvalidOptionError(
            f"--split is {share}; expected the share of the pairs that validates, above 0 and at most {MAX_SHARE} "
            f"(0 turns validation off)."
        )
    sizes = np.diff(collection.indptr)  # (Q,) pairs of each query
    clusters = clusters_from_judgments(
        collection.indptr, collection.relevant, len(collection.documents), collection.groups or None
    )
    order = generator.permutation(len(sizes))
    budget = share * sizes.sum()
    by_row = np.zeros(len(sizes), dtype=bool)
    by_row[order[np.cumsum(sizes[order]) <= budget]] = True
    by_cluster = _whole_clusters(sizes, clusters, order, budget)
    valid, train = np.flatnonzero(by_cluster), np.flatnonzero(~by_cluster)
    _require_answerable(sizes, valid, train, share, int(clusters.max()) + 1)
    return Split(
        train=keep_queries(collection, train),
        valid=keep_queries(collection, valid),
        n_pairs=int(sizes[valid].sum()),
        n_clusters=len(np.unique(clusters[valid])),
        n_moved=int(sizes[by_row != by_cluster].sum()),
    )


def _whole_clusters(sizes: IntArray, clusters: IntArray, order: IntArray, budget: float) -> BoolArray:
    """Queries of the clusters that fit into ``budget`` pairs, tried in the order in which ``order`` meets them."""
    n_pairs = np.bincount(clusters, weights=sizes)
    taken = np.zeros(len(n_pairs), dtype=bool)
    filled = 0.0
    for cluster in dict.fromkeys(clusters[order].tolist()):
        if filled + n_pairs[cluster] <= budget:
            taken[cluster] = True
            filled += n_pairs[cluster]
    chosen: BoolArray = taken[clusters]
    return chosen


def _require_answerable(sizes: IntArray, valid: IntArray, train: IntArray, share: float, n_clusters: int) -> None:
    for side, rows in (("validation", valid), ("training", train)):
        n = int(np.count_nonzero(sizes[rows]))
        if n < 2:
            raise TooFewPointsError(
                f"--split {share} leaves {n} queries with a positive for {side}; at least 2 are needed. The data has "
                f"{int(sizes.sum())} pairs in {n_clusters} groups of queries that share a positive, and a group is "
                f"never divided, because its other half would give the answer away. Pass another share, a file of "
                f"its own with --valid, or --split 0 to train without validation."
            )
