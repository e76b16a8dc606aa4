"""Kendall's tau-b within groups: by hand and against SciPy."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedscope.errors import InvalidOptionError
from embedscope.stats.rank_correlation import mean_kendall_tau_b

SEEDS = st.integers(0, 2**32 - 1)


def groups_of(seed: int, n_groups: int = 12, largest: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of 0 to ``largest`` entries with few distinct values, so that ties abound."""
    generator = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(generator.integers(0, largest + 1, n_groups))])
    return indptr, generator.integers(0, 4, indptr[-1]) / 4, generator.integers(0, 5, indptr[-1]) / 5


def scipy_tau(x: np.ndarray, y: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns about empty groups
        return float(stats.kendalltau(x, y).statistic) if len(x) else np.nan


@given(SEEDS)
@settings(max_examples=50)
def test_tau_of_each_group_equals_scipy_with_ties(seed):
    indptr, x, y = groups_of(seed)
    mean, tau = mean_kendall_tau_b(indptr, x, y)
    expected = np.array([scipy_tau(x[a:b], y[a:b]) for a, b in pairwise(indptr)])
    np.testing.assert_allclose(tau, expected, atol=1e-12)
    assert mean == pytest.approx(np.nanmean(expected))


def test_groups_too_large_to_compare_all_pairs_and_many_chunks_give_the_same(monkeypatch):
    indptr, x, y = groups_of(3, 40, 30)
    expected = mean_kendall_tau_b(indptr, x, y)[1]
    monkeypatch.setattr("embedscope.stats.rank_correlation._CHUNK", 100)
    np.testing.assert_allclose(mean_kendall_tau_b(indptr, x, y)[1], expected, atol=1e-12)
    monkeypatch.setattr("embedscope.stats.rank_correlation._MAX_PAIRWISE", 10)
    np.testing.assert_allclose(mean_kendall_tau_b(indptr, x, y)[1], expected, atol=1e-12)


def test_tau_by_hand():
    # agreeing, opposed, and one pair tied in x: 2 concordant of sqrt(2 * 3)
    x = np.array([1, 2, 3, 1, 2, 3, 1, 1, 2])
    y = np.array([4, 5, 6, 6, 5, 4, 1, 2, 3])
    mean, tau = mean_kendall_tau_b(np.array([0, 3, 6, 9]), x, y)
    assert tau == pytest.approx([1.0, -1.0, 2 / np.sqrt(6)])
    assert mean == pytest.approx(2 / np.sqrt(6) / 3)


def test_a_group_without_an_order_is_nan_and_left_out_of_the_mean():
    x, y = np.array([1.0, 1.0, 1.0, 2.0, 5.0]), np.array([1.0, 2.0, 1.0, 2.0, 5.0])
    mean, tau = mean_kendall_tau_b(np.array([0, 2, 4, 5, 5]), x, y)
    assert mean == 1.0
    np.testing.assert_array_equal(tau, [np.nan, 1.0, np.nan, np.nan])


def test_where_no_group_has_an_order_there_is_no_mean():
    mean, tau = mean_kendall_tau_b(np.array([0, 1]), np.array([1.0]), np.array([1.0]))
    assert mean is None
    assert np.isnan(tau).all()
    assert mean_kendall_tau_b(np.array([0]), np.array([]), np.array([]))[0] is None


@given(SEEDS)
@settings(max_examples=50)
def test_only_the_order_matters_and_turning_it_turns_the_sign(seed):
    indptr, x, y = groups_of(seed)
    tau = mean_kendall_tau_b(indptr, x, y)[1]
    np.testing.assert_allclose(mean_kendall_tau_b(indptr, np.exp(x), y**3)[1], tau)
    np.testing.assert_allclose(mean_kendall_tau_b(indptr, y, x)[1], tau)
    np.testing.assert_allclose(mean_kendall_tau_b(indptr, -x, y)[1], -tau)


def test_lengths_that_do_not_fit_and_values_that_are_not_numbers_are_refused():
    with pytest.raises(InvalidOptionError, match=r"shape \(2,\), the end of indptr"):
        mean_kendall_tau_b(np.array([0, 2]), np.zeros(2), np.zeros(3))
    with pytest.raises(InvalidOptionError, match="entry 1 is not"):
        mean_kendall_tau_b(np.array([0, 2]), np.array([0.0, np.nan]), np.zeros(2))
