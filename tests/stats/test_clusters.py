"""Connected groups of queries: by hand and by what must hold of any judgments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidOptionError
from embedscope.stats.clusters import cluster_sums, clusters_from_judgments, random_half

SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_queries_that_share_a_document_directly_or_through_others_are_one_cluster():
    relevant = [[0], [0, 1], [1], [2], [], [3], [2]]
    indptr = np.cumsum([0] + [len(r) for r in relevant])
    documents = np.array([d for r in relevant for d in r])
    labels = clusters_from_judgments(indptr, documents, 5)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 0, 0, 1, 2, 3, 1]


def test_a_group_wins_over_shared_documents_and_queries_without_one_keep_their_component():
    indptr, documents = np.array([0, 1, 2, 3, 4]), np.array([0, 0, 1, 1])
    labels = clusters_from_judgments(indptr, documents, 2, groups=("a", None, "a", "b"))
    assert labels.tolist() == [0, 1, 0, 2]
    assert clusters_from_judgments(indptr, documents, 2, groups=()).tolist() == [0, 0, 1, 1]


def test_a_group_named_like_a_component_number_is_not_that_component():
    labels = clusters_from_judgments(np.array([0, 1, 2]), np.array([0, 1]), 2, groups=("1", None))
    assert labels.tolist() == [0, 1]


def test_no_queries_have_no_clusters():
    assert clusters_from_judgments(np.array([0]), np.array([], dtype=np.int64), 3).tolist() == []


@pytest.mark.parametrize("documents", [[-1], [2]])
def test_a_document_outside_the_collection_is_refused(documents):
    with pytest.raises(InvalidOptionError, match=r"indices in \[0, 2\)"):
        clusters_from_judgments(np.array([0, 1]), np.array(documents), 2)


def test_groups_of_another_length_are_refused():
    with pytest.raises(InvalidOptionError, match="one group a query, that is 1; got 2"):
        clusters_from_judgments(np.array([0, 1]), np.array([0]), 1, groups=("a", "b"))


@given(SEEDS)
@settings(max_examples=50)
def test_two_queries_of_different_clusters_share_no_document(seed):
    generator = rng(seed)
    counts = generator.integers(0, 3, 12)
    documents = generator.integers(0, 15, counts.sum())
    labels = clusters_from_judgments(np.concatenate([[0], np.cumsum(counts)]), documents, 15)
    of_entry = np.repeat(labels, counts)
    assert all(len(set(of_entry[documents == d])) <= 1 for d in range(15))
    assert sorted(set(labels)) == list(range(labels.max() + 1))


def test_cluster_sums_add_up_within_labels_that_need_not_be_consecutive():
    sums = cluster_sums(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([7, -2, 7]))
    assert sums.tolist() == [[3.0, 4.0], [6.0, 8.0]]


def test_a_random_half_holds_whole_clusters_and_half_of_them() -> None:
    clusters = np.array([4, 4, 9, 1, 1, 1, 7, 9, 3])
    halves = [random_half(clusters, np.random.default_rng(seed)) for seed in range(20)]
    for chosen in halves:
        assert len(np.unique(clusters[chosen])) == 2
        assert not set(clusters[chosen]) & set(clusters[~chosen])
    assert len({chosen.tobytes() for chosen in halves}) > 5
