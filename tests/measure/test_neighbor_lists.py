"""Lists of nearest documents: hand-worked numbers, scipy as an oracle, chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, skew

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.measure import neighbor_lists
from embedscope.measure.neighbor_lists import chance_hubness, hubness, k_occurrences, overlap_at_k, wrong_occurrences


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_occurrences_and_their_inequality_are_those_worked_by_hand() -> None:
    counts = k_occurrences(np.array([[0, 1], [0, 2], [0, 1]]), 4)
    assert counts.tolist() == [3, 2, 1, 0]
    found = hubness(counts)
    assert found.anti_hub_share == 0.25
    assert found.skewness == pytest.approx(0)
    assert found.gini == pytest.approx((1 + 2 + 3 + 1 + 2 + 1) * 2 / (2 * 16 * 1.5))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=30).filter(any), st.integers(0, 100))
def test_hubness_agrees_with_scipy_and_pairs_in_any_order(counts: list[int], seed: int) -> None:
    values = generator(seed).permutation(np.array(counts))
    found = hubness(values)
    pairs = np.abs(values[:, None] - values[None, :]).sum()
    assert found.gini == pytest.approx(pairs / (2 * len(values) ** 2 * values.mean()))
    if np.ptp(values) > 0:
        assert found.skewness == pytest.approx(skew(values.astype(float)), abs=1e-9)
    else:
        assert found.skewness is None


def test_one_hub_for_all_queries_has_the_largest_gini_and_skewness() -> None:
    counts = np.array([50, *[0] * 99])
    found = hubness(counts)
    assert found.gini == pytest.approx(0.99)
    assert found.anti_hub_share == 0.99
    assert found.skewness == pytest.approx(skew(counts))


def test_chance_hubness_is_that_of_binomial_counts() -> None:
    found = chance_hubness(200, 10, 500)
    x, p = np.arange(201), binom.pmf(np.arange(201), 200, 0.02)
    assert found.anti_hub_share == pytest.approx(p[0])
    assert found.skewness == pytest.approx(float(binom.stats(200, 0.02, moments="s")))
    assert found.gini == pytest.approx((p[:, None] * p * np.abs(x[:, None] - x)).sum() / (2 * 4.0))


def test_lists_drawn_at_random_show_the_hubness_of_chance() -> None:
    lists = np.array([generator(q).choice(400, 10, replace=False) for q in range(800)])
    found, chance = hubness(k_occurrences(lists, 400)), chance_hubness(800, 10, 400)
    assert found.gini == pytest.approx(chance.gini, rel=0.1)
    assert abs((found.skewness or 0) - (chance.skewness or 0)) < 0.4


def test_chance_hubness_of_whole_lists_and_of_many_queries_is_finite() -> None:
    assert chance_hubness(10, 5, 5) == neighbor_lists.Occurrences(None, 0.0, 0.0)
    many = chance_hubness(1_000_000, 10, 1_000)
    assert 0 < many.gini < 0.01
    with pytest.raises(InvalidOptionError, match="k = 6"):
        chance_hubness(10, 6, 5)


def test_wrong_occurrences_leave_relevant_places_out() -> None:
    neighbors, is_relevant = np.array([[0, 1], [0, 2]]), np.array([[True, False], [False, False]])
    assert wrong_occurrences(neighbors, is_relevant, 3).tolist() == [1, 1, 1]


def test_hubness_of_empty_lists_is_refused() -> None:
    with pytest.raises(TooFewPointsError, match="at least 1, got 0"):
        hubness(np.zeros(3, dtype=np.int64))


def test_overlap_counts_common_neighbours_whatever_their_order() -> None:
    first, second = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[3, 9, 1], [7, 8, 9]])
    assert overlap_at_k(first, second).tolist() == [2 / 3, 0.0]
    assert overlap_at_k(first, first[:, ::-1]).tolist() == [1.0, 1.0]


def test_overlap_agrees_with_sets() -> None:
    first, second = (np.array([generator(s + q).choice(30, 10, replace=False) for q in range(25)]) for s in (0, 99))
    expected = [len({*a} & {*b}) / 10 for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert overlap_at_k(first, second).tolist() == expected


def test_overlap_of_lists_of_different_lengths_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="same k"):
        overlap_at_k(np.zeros((2, 3), dtype=np.int64), np.zeros((2, 4), dtype=np.int64))
