"""Cluster-robust standard errors and what a test set of a given size can detect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedscope.stats.paired_tests import sign_flip_test
from embedscope.stats.power import cluster_standard_error, design_effect, minimum_detectable_difference

SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(SEEDS, st.integers(2, 30))
@settings(max_examples=50)
def test_with_single_queries_the_standard_error_is_the_usual_one_and_the_design_effect_is_one(seed, n):
    values = rng(seed).normal(size=n)
    assert cluster_standard_error(values, np.arange(n)) == pytest.approx(stats.sem(values))
    assert design_effect(values, np.arange(n)) == pytest.approx(1.0)


def test_the_standard_error_by_hand():
    # mean 0.5; cluster sums of deviations 1.0 and -1.0; sqrt(2 / 1 * 2) / 4
    assert cluster_standard_error(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1])) == pytest.approx(0.5)


@given(SEEDS)
@settings(max_examples=50)
def test_repeating_each_query_within_its_cluster_leaves_the_standard_error_as_it_was(seed):
    values = rng(seed).normal(size=12)
    single, fivefold = np.arange(12), np.repeat(np.arange(12), 5)
    assert cluster_standard_error(np.repeat(values, 5), fivefold) == pytest.approx(
        cluster_standard_error(values, single)
    )
    assert design_effect(np.repeat(values, 5), fivefold) == pytest.approx(5 * 59 / 55)


def test_the_design_effect_tends_to_that_of_kish():
    n_clusters, size, icc = 4_000, 4, 0.5
    clusters = np.repeat(np.arange(n_clusters), size)
    values = np.sqrt(icc) * rng(0).normal(size=n_clusters)[clusters] + np.sqrt(1 - icc) * rng(1).normal(
        size=len(clusters)
    )
    assert design_effect(values, clusters) == pytest.approx(1 + (size - 1) * icc, rel=0.05)


def test_a_difference_of_the_size_called_detectable_is_found_in_four_of_five_tests():
    generator, n, sigma = rng(7), 40, 1.0
    promised = 2.8866 * sigma / np.sqrt(n)  # (t(0.975; 39) + t(0.8; 39)) / sqrt(40)
    found = [
        sign_flip_test(generator.normal(promised, sigma, n), np.arange(n), generator=generator, n_draws=400).p <= 0.05
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)
    values = generator.normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    expected = (stats.t.ppf(0.975, 39) + stats.t.ppf(0.8, 39)) / np.sqrt(n)
    assert minimum_detectable_difference(values, np.arange(n)) == pytest.approx(expected)
    assert expected == pytest.approx(promised, abs=0.01)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [
        ([1.0, 0.0, 1.0], [0, 0, 0]),  # one cluster
        ([0.3, 0.1 + 0.2, 0.3], [0, 1, 2]),  # equal up to rounding
        ([0.0, 0.0], [0, 1]),  # identical models
        ([np.nan, np.nan], [0, 1]),  # no values
    ],
)
def test_a_sample_without_spread_promises_nothing(values, clusters):
    values, clusters = np.array(values), np.array(clusters)
    assert cluster_standard_error(values, clusters) is None
    assert design_effect(values, clusters) is None
    assert minimum_detectable_difference(values, clusters) is None


def test_queries_without_a_value_are_left_out():
    values, clusters = np.array([0.1, np.nan, 0.5, 0.9]), np.array([0, 7, 1, 2])
    assert minimum_detectable_difference(values, clusters) == minimum_detectable_difference(
        values[[0, 2, 3]], clusters[[0, 2, 3]]
    )
