"""Training and validation queries share no positive, no group, and no luck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.data.collection import Row, build_collection
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.training.split import split_collection

from .tiny import collection


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


def test_queries_of_one_group_stay_together() -> None:
    rows = [Row(f"query {i}", (f"positive {i}",), group=f"street {i // 5}") for i in range(50)]
    split = split_collection(build_collection(rows, format="tiny"), 0.4, np.random.default_rng(0))
    assert not set(split.train.groups) & set(split.valid.groups)


def test_lone_queries_are_split_as_rows_would_be_and_none_is_moved() -> None:
    split = split_collection(collection(40), 0.25, np.random.default_rng(0))
    assert (split.n_pairs, split.n_clusters, split.n_moved) == (10, 10, 0)


def test_pairs_that_a_split_by_rows_would_have_torn_apart_are_counted() -> None:
    split = split_collection(collection(40, n_shared=20), 0.25, np.random.default_rng(0))
    order = np.random.default_rng(0).permutation(40)
    by_row = set(order[:10].tolist())
    by_cluster = {int(query.split()[1]) for query in split.valid.queries}
    assert split.n_moved == len(by_row ^ by_cluster) > 0


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
