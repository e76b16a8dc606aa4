"""Dependence by degree: the operator and its moments against dense algebra, and numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidOptionError
from embedscope.stats import dependence as module
from embedscope.stats.dependence import Dependence

SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def of(lists: list[list[int]], groups: tuple[str | None, ...] = ()) -> Dependence:
    indptr = np.cumsum([0] + [len(one) for one in lists])
    return Dependence.of_judgments(indptr, np.array([d for one in lists for d in one], dtype=np.int64), groups)


def drawn(seed: int, n: int = 25) -> list[list[int]]:
    generator = rng(seed)
    return [sorted(generator.choice(15, generator.integers(0, 5), replace=False).tolist()) for _ in range(n)]


def dense(lists: list[list[int]]) -> np.ndarray:
    """K by its definition."""
    return np.array(
        [
            [float(a is b) if not (a and b) else len({*a} & {*b}) / np.sqrt(len(a) * len(b)) for b in lists]
            for a in lists
        ]
    )


def matrix(dependence: Dependence) -> np.ndarray:
    return dependence.incidence.toarray() @ dependence.incidence.toarray().T


@given(SEEDS)
@settings(max_examples=40)
def test_the_operator_and_its_moments_are_those_of_the_dense_matrix(seed):
    lists = drawn(seed)
    found, k = of(lists), dense(lists)
    assert matrix(found) == pytest.approx(k)
    assert found.total == pytest.approx(k.sum())
    sizes = np.log([max(len(one), 1) for one in lists])
    trend = np.linalg.qr(np.vander(sizes, 3))[0] if len({*sizes}) > 2 else None
    if trend is None:
        return
    p = np.eye(len(k)) - trend @ trend.T
    assert found._traces == pytest.approx((np.trace(p @ k), np.trace(p @ k @ p @ k)))


def test_queries_with_one_document_each_depend_fully_where_it_is_the_same():
    found = of([[0], [1], [0], [2], []])
    assert matrix(found).tolist() == [
        [1, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
        [1, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    assert found.n_shared == pytest.approx(25 / 7)
    assert found.blocks.tolist() == [0, 1, 0, 2, 3]


def test_half_of_the_documents_in_common_is_a_dependence_of_one_half_and_no_block():
    found = of([[0, 1], [1, 2], [3]])
    assert matrix(found)[0].tolist() == pytest.approx([1, 0.5, 0])
    assert found.n_shared == pytest.approx(9 / 4)
    assert found.blocks is None


def test_a_group_wins_over_documents_and_queries_without_one_keep_theirs():
    found = of([[0], [0], [1], [1], [1]], ("a", None, "a", "b", None))
    assert matrix(found).tolist() == [
        [1, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
        [1, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    with pytest.raises(InvalidOptionError, match="one group a query, that is 1; got 2"):
        of([[0]], ("a", "b"))


def test_some_of_the_queries_depend_as_they_did_and_a_query_on_its_repetition_fully():
    whole = of([[0, 1], [1, 2], [3]])
    assert matrix(whole.among(np.array([True, True, False]))) == pytest.approx(matrix(whole)[:2, :2])
    assert matrix(whole.among(np.array([0, 0, 1])))[0] == pytest.approx([1, 1, 0.5])


def test_independent_queries_are_as_many_as_there_are_and_have_the_usual_variance():
    values = rng().normal(size=(30, 2))
    spread = Dependence.of_groups(np.arange(30)).spread(values)
    assert spread.variance_of_mean == pytest.approx(values.var(axis=0, ddof=1) / 30)
    assert spread.n_effective == pytest.approx([30, 30])


def test_spread_that_is_all_between_equal_groups_leaves_as_many_queries_as_groups():
    values = np.repeat(rng(1).normal(size=12), 4)[:, np.newaxis]
    spread = Dependence.of_groups(np.repeat(np.arange(12), 4)).spread(values)
    assert spread.own == pytest.approx([0.0], abs=1e-12)
    assert spread.n_effective == pytest.approx([12])
    assert spread.variance_of_mean == pytest.approx(values[::4].var(axis=0, ddof=1) / 12)


def test_spread_within_groups_alone_leaves_all_queries():
    values = np.tile([[0.0], [1.0]], (10, 1))
    spread = Dependence.of_groups(np.repeat(np.arange(10), 2)).spread(values)
    assert spread.n_effective == pytest.approx([20])


def test_both_parts_of_the_spread_are_found_where_both_are_there():
    generator = rng(3)
    lists = [generator.choice(400, 4, replace=False).tolist() for _ in range(2_000)]
    found, effect = of(lists), generator.normal(size=400)
    values = found.incidence @ effect + 0.5 * generator.normal(size=2_000)
    spread = found.spread(values[:, np.newaxis])
    assert spread.shared[0] == pytest.approx(1.0, abs=0.15)
    assert spread.own[0] == pytest.approx(0.25, abs=0.15)


def test_a_figure_that_follows_the_number_of_relevant_documents_does_not_pass_for_shared_spread():
    generator = rng(5)
    lists = [generator.choice(60, generator.integers(1, 30), replace=False).tolist() for _ in range(300)]
    recall = 1 / np.sqrt([len(one) for one in lists]) + 0.05 * generator.normal(size=300)
    assert of(lists).spread(recall[:, np.newaxis]).n_effective[0] > 150


@given(SEEDS)
@settings(max_examples=25)
def test_the_order_of_queries_changes_nothing(seed):
    lists, values = drawn(seed), rng(seed).normal(size=(25, 2))
    order = rng(seed + 1).permutation(25)
    first, second = of(lists).spread(values), of([lists[q] for q in order]).spread(values[order])
    assert first.variance_of_mean == pytest.approx(second.variance_of_mean, rel=1e-6)
    assert first.n_effective == pytest.approx(second.n_effective, rel=1e-6)


@given(SEEDS)
@settings(max_examples=25)
def test_every_query_twice_is_no_more_than_once(seed):
    values = rng(seed).normal(size=(20, 1))
    once, twice = Dependence.of_groups(np.arange(20)), Dependence.of_groups(np.tile(np.arange(20), 2))
    doubled = twice.spread(np.tile(values, (2, 1)))
    assert doubled.variance_of_mean == pytest.approx(once.spread(values).variance_of_mean)
    assert doubled.n_effective == pytest.approx([20])


def test_queries_that_are_one_show_no_spread_of_their_own():
    spread = of([[0, 1]] * 5).spread(rng().normal(size=(5, 1)))
    assert np.isnan(spread.variance_of_mean).all()


def test_the_squares_of_k_are_added_up_in_parts_and_by_the_smaller_product(monkeypatch):
    popular, many = [[0]] * 40 + [[q] for q in range(1, 30)], [list(range(20 * q, 20 * q + 20)) for q in range(6)]
    expected = [(dense(lists) ** 2).sum() for lists in (popular, many)]
    monkeypatch.setattr(module, "_CHUNK", 50)
    assert [module._squared_norm(of(lists).incidence) for lists in (popular, many)] == pytest.approx(expected)
