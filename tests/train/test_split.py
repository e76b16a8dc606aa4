"""Training and validation queries share no positive, no group, and no luck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tiny_training import collection

from embedscope.data.collection import Row, build_collection
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.train.split import split_collection


def shared_rows(seed: int, n: int = 60, n_documents: int = 40) -> list[Row]:
    generator = np.random.default_rng(seed)
    return [Row(f"query {i % 50}", (f"positive {generator.integers(n_documents)}",)) for i in range(n)]


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.3, 0.5]))
@settings(max_examples=30)
def test_no_positive_and_no_query_stands_on_both_sides(seed: int, share: float) -> None:
    c = build_collection(shared_rows(seed), format="tiny")
    try:
        split = split_collection(c, share, np.random.default_rng(seed))
    except TooFewPointsError:
        return
    assert not set(split.train.queries) & set(split.valid.queries)
    assert sorted(split.train.queries + split.valid.queries) == sorted(c.queries)
    assert not set(split.train.relevant.tolist()) & set(split.valid.relevant.tolist())
    assert len(split.valid.relevant) == split.n_pairs <= share * len(c.relevant)
    assert len(split.train.relevant) + split.n_pairs == len(c.relevant)


def test_a_pair_and_the_same_pair_turned_round_stay_together() -> None:
    rows = [Row(f"question {i}", (f"question {i ^ 1}",)) for i in range(60)]
    split = split_collection(build_collection(rows, format="tiny"), 0.3, np.random.default_rng(0))
    assert len(split.valid.queries) == 18
    assert not set(split.train.queries) & {split.valid.documents[d] for d in split.valid.relevant}


def test_queries_of_one_group_stay_together() -> None:
    rows = [Row(f"query {i}", (f"positive {i}",), group=f"street {i // 5}") for i in range(50)]
    split = split_collection(build_collection(rows, format="tiny"), 0.4, np.random.default_rng(0))
    assert not set(split.train.groups) & set(split.valid.groups)


def test_queries_that_share_a_positive_across_groups_stay_together_and_so_do_their_groups() -> None:
    rows = [Row(f"query {i}", (f"positive {i // 3}",), group=f"user {i % 40}") for i in range(120)]
    rows += [Row(f"query {i}", (f"positive {i}",), group=f"user {i // 2}") for i in range(200, 260)]
    split = split_collection(build_collection(rows, format="tiny"), 0.3, np.random.default_rng(0))
    assert not set(split.train.relevant.tolist()) & set(split.valid.relevant.tolist())
    assert not set(split.train.groups) & set(split.valid.groups)


def test_a_split_by_rows_tears_no_lone_query() -> None:
    split = split_collection(collection(40), 0.25, np.random.default_rng(0))
    assert (split.n_pairs, split.n_clusters, split.n_torn) == (10, 10, 0)


def test_pairs_that_a_split_by_rows_would_have_torn_from_their_cluster_are_counted() -> None:
    """Pairs are one cluster of 20 and 20 of one: of the 10 drawn, those of the great one leave others behind."""
    counts = [
        split_collection(collection(40, n_shared=20), 0.25, np.random.default_rng(seed)).n_torn for seed in range(200)
    ]
    assert max(counts) <= 10
    assert np.mean(counts) == pytest.approx(5, abs=0.5)


def test_a_giant_cluster_stays_in_training_and_the_share_is_reached_all_the_same() -> None:
    rows = [Row(f"query {i}", (f"positive {0 if i < 300 else i}",)) for i in range(1000)]
    split = split_collection(build_collection(rows, format="tiny"), 0.1, np.random.default_rng(0))
    assert split.n_pairs == 100
    assert split.n_torn < 100  # a split by rows has only 100 pairs to tear


def test_a_query_of_a_large_cluster_validates_as_often_as_a_lone_one() -> None:
    """30 clusters of 10 queries and 300 lone queries: half of the validation pairs come from each, on average."""
    rows = [Row(f"query {i}", (f"positive {i // 10 if i < 300 else i}",)) for i in range(600)]
    c = build_collection(rows, format="tiny")
    splits = [split_collection(c, 0.2, np.random.default_rng(seed)) for seed in range(100)]
    assert all(108 <= split.n_pairs <= 120 for split in splits)
    shared = np.mean([sum(int(query.split()[1]) < 300 for query in split.valid.queries) for split in splits])
    assert shared / np.mean([split.n_pairs for split in splits]) == pytest.approx(0.5, abs=0.06)


def test_the_pool_is_the_same_on_both_sides() -> None:
    c = collection(40)
    split = split_collection(c, 0.25, np.random.default_rng(0))
    assert split.train.documents == split.valid.documents == c.documents


def test_the_same_generator_gives_the_same_split() -> None:
    c = collection(40, n_shared=5)
    first, second = (split_collection(c, 0.25, np.random.default_rng(3)) for _ in range(2))
    assert first.valid.queries == second.valid.queries


def test_one_great_cluster_cannot_be_split_and_the_message_says_what_to_do() -> None:
    c = collection(20, n_shared=20)
    with pytest.raises(TooFewPointsError, match=r"never divided.*--valid"):
        split_collection(c, 0.2, np.random.default_rng(0))


@pytest.mark.parametrize("share", [0.0, -0.1, 0.95, 2.0])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(InvalidOptionError, match="--split"):
        split_collection(collection(20), share, np.random.default_rng(0))
