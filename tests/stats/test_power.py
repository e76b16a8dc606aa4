"""Standard errors by dependence, and what a test set of a given size can detect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedscope.stats.dependence import Dependence
from embedscope.stats.paired_tests import paired_test
from embedscope.stats.power import design_effect, minimum_detectable_difference, standard_error

SEEDS = st.integers(0, 2**32 - 1)


of_groups = Dependence.of_groups


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(SEEDS, st.integers(2, 30))
@settings(max_examples=50)
def test_with_single_queries_the_standard_error_is_the_usual_one_and_the_design_effect_is_one(seed, n):
    values = rng(seed).normal(size=n)
    assert standard_error(values, of_groups(np.arange(n))) == pytest.approx(stats.sem(values))
    assert design_effect(values, of_groups(np.arange(n))) == pytest.approx(1.0)


def test_the_standard_error_by_hand():
    # Two clusters of equal values, means 1 and 0: their standard deviation is 1 / sqrt(2), over the root of 2.
    assert standard_error(np.array([1.0, 1.0, 0.0, 0.0]), of_groups(np.array([0, 0, 1, 1]))) == pytest.approx(0.5)


@given(SEEDS)
@settings(max_examples=50)
def test_repeating_each_query_within_its_cluster_leaves_the_standard_error_as_it_was(seed):
    values = rng(seed).normal(size=12)
    single, fivefold = np.arange(12), np.repeat(np.arange(12), 5)
    assert standard_error(np.repeat(values, 5), of_groups(fivefold)) == pytest.approx(
        standard_error(values, of_groups(single))
    )
    assert design_effect(np.repeat(values, 5), of_groups(fivefold)) == pytest.approx(5 * 59 / 55)


def test_the_design_effect_tends_to_that_of_kish():
    n_clusters, size, icc = 4_000, 4, 0.5
    clusters = np.repeat(np.arange(n_clusters), size)
    values = np.sqrt(icc) * rng(0).normal(size=n_clusters)[clusters] + np.sqrt(1 - icc) * rng(1).normal(
        size=len(clusters)
    )
    assert design_effect(values, of_groups(clusters)) == pytest.approx(1 + (size - 1) * icc, rel=0.05)


def test_a_difference_of_the_size_called_detectable_is_found_in_four_of_five_tests():
    generator, n, sigma = rng(7), 40, 1.0
    promised = 2.8866 * sigma / np.sqrt(n)  # (t(0.975; 39) + t(0.8; 39)) / sqrt(40)
    found = [
        paired_test(generator.normal(promised, sigma, n), of_groups(np.arange(n)), generator=generator, n_draws=400).p
        <= 0.05
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)
    values = generator.normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    expected = (stats.t.ppf(0.975, 39) + stats.t.ppf(0.8, 39)) / np.sqrt(n)
    assert minimum_detectable_difference(values, of_groups(np.arange(n))) == pytest.approx(expected)
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
    assert standard_error(values, of_groups(clusters)) is None
    assert design_effect(values, of_groups(clusters)) is None
    assert minimum_detectable_difference(values, of_groups(clusters)) is None


def test_queries_without_a_value_are_left_out():
    values, clusters = np.array([0.1, np.nan, 0.5, 0.9]), np.array([0, 7, 1, 2])
    assert minimum_detectable_difference(values, of_groups(clusters)) == minimum_detectable_difference(
        values[[0, 2, 3]], of_groups(clusters[[0, 2, 3]])
    )
