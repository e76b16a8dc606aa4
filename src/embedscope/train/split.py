"""Training and validation queries from one collection, with every cluster on one side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, keep_queries
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.metrics.judgments import Judgments
from embedscope.protocols import BoolArray, IntArray
from embedscope.stats.clusters import clusters_from_judgments

MAX_SHARE = 0.9


ENOUGH = 0.9
"""Part of the wanted share from which a cluster that does not fit ends the choice, in place of being passed over."""


@dataclass(frozen=True, slots=True)
class Split:
    """Two collections over the same documents, ``n_pairs`` of them in ``n_clusters`` to validate.

    ``n_torn`` counts the pairs that a split by rows would have put into validation while others of their cluster were
    trained on.
    """

    train: Collection
    valid: Collection
    n_pairs: int
    n_clusters: int
    n_torn: int


def split_collection(collection: Collection, share: float, generator: np.random.Generator) -> Split:
    """About ``share`` of the pairs for validation; queries that share a positive or a group stay together.

    Here a cluster is a connected component over shared positives and shared groups alike: either gives the answer away,
    while for the intervals of an evaluation a given group replaces the component (conventions, section 5). Clusters are
    taken in a random order, whatever their sizes, for as long as they fit, so the validation part is at most ``share``;
    one that does not fit is passed over until nine tenths of the share are found. Rows of one query are one query of
    the collection, so they stay together too. Both sides keep every document: the pool that a query is ranked against
    does not depend on the split.

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
    clusters = _leaking_clusters(collection)
    is_valid = _whole_clusters(sizes, clusters, share * sizes.sum(), generator)
    valid, train = np.flatnonzero(is_valid), np.flatnonzero(~is_valid)
    _require_answerable(sizes, valid, train, share, int(clusters.max()) + 1)
    return Split(
        train=keep_queries(collection, train),
        valid=keep_queries(collection, valid),
        n_pairs=int(sizes[valid].sum()),
        n_clusters=len(np.unique(clusters[valid])),
        n_torn=_torn_by_rows(np.repeat(clusters, sizes), int(share * sizes.sum()), generator),
    )


def _leaking_clusters(collection: Collection) -> IntArray:
    """Component of each query, (Q,): a group is one more text that its queries share.

    A query that is a document shares its text with the queries whose positive it is: a pair turned round tells the
    answer.
    """
    groups = collection.groups or (None,) * len(collection.queries)
    places = {name: place for place, name in enumerate(dict.fromkeys(g for g in groups if g is not None))}
    n_documents = len(collection.documents)
    texts = Judgments(
        collection.indptr, collection.relevant, collection.gains, n_documents, collection.own
    ).not_negative
    shared = [
        [*texts.documents[start:end].tolist(), *([] if group is None else [n_documents + places[group]])]
        for start, end, group in zip(texts.indptr[:-1], texts.indptr[1:], groups, strict=True)
    ]
    indptr = np.cumsum([0, *map(len, shared)]).astype(np.int64)
    flat = np.array([text for texts in shared for text in texts], dtype=np.int64)
    return clusters_from_judgments(indptr, flat, n_documents + len(places))


def _whole_clusters(sizes: IntArray, clusters: IntArray, budget: float, generator: np.random.Generator) -> BoolArray:
    """Queries of clusters that fit into ``budget`` pairs, tried in a random order of the clusters."""
    n_pairs = np.bincount(clusters, weights=sizes)
    taken = np.zeros(len(n_pairs), dtype=bool)
    filled = 0.0
    for cluster in generator.permutation(len(n_pairs)):
        if filled + n_pairs[cluster] <= budget:
            taken[cluster] = True
            filled += n_pairs[cluster]
        elif filled >= ENOUGH * budget:
            break  # to fill up with what is small enough would favour lone queries
    chosen: BoolArray = taken[clusters]
    return chosen


def _torn_by_rows(clusters: IntArray, n_valid: int, generator: np.random.Generator) -> int:
    """Of ``n_valid`` pairs drawn without regard to clusters, how many leave others of their cluster behind."""
    drawn = generator.permutation(len(clusters))[:n_valid]
    n_left = np.bincount(clusters) - np.bincount(clusters[drawn], minlength=int(clusters.max()) + 1)
    return int(np.count_nonzero(n_left[clusters[drawn]]))


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
