"""Clusters, cluster bootstrap and intervals: by hand, against SciPy, and by properties that must hold on any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedscope.errors import InvalidOptionError
from embedscope.result import Estimate
from embedscope.stats.bootstrap import (
    bootstrap_statistic,
    cluster_bootstrap,
    margin_and_separation,
    ratio_of_sums,
)
from embedscope.stats.clusters import ClusterSums, clusters_from_judgments, random_half
from embedscope.stats.draws import Draws
from embedscope.stats.intervals import bca_bounds, expanded_quantile, wilson

SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bootstrap_of(values, clusters, *, seed=0, n_draws=400, **options) -> Estimate:
    column = np.asarray(values, dtype=float)
    return cluster_bootstrap({"m": column}, np.asarray(clusters), Draws(seed, n_draws), **options)["m"]


def simulated(seed: int, n_clusters: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal ranks that agree within clusters of 1 to 4 queries."""
    generator = rng(seed)
    clusters = np.repeat(np.arange(n_clusters), generator.integers(1, 5, n_clusters))
    shared = 1 / generator.geometric(0.5, n_clusters)[clusters]
    own = 1 / generator.geometric(0.5, len(clusters))
    return np.where(generator.random(len(clusters)) < 0.6, shared, own), clusters


# Clusters


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
    sums = ClusterSums.of(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([7, -2, 7]))
    assert sums.sums.tolist() == [[3.0, 4.0], [6.0, 8.0]]
    assert sums.sizes.tolist() == [1.0, 2.0]
    assert (sums.n_clusters, sums.n_queries) == (2, 3)
    assert sums.n_effective == pytest.approx(9 / 5)


def test_a_column_to_be_summed_must_be_finite():
    with pytest.raises(InvalidOptionError, match="query 1 has nan in column 0"):
        ClusterSums.of(np.array([[1.0], [np.nan]]), np.array([0, 1]))


# Intervals


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (7, 7), (3, 7), (86, 100), (1, 1), (850, 1000)])
def test_wilson_equals_scipy(successes, n):
    found = wilson(successes, n)
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert (found.value, found.n) == (successes / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_says_so_and_of_an_impossible_count_is_refused():
    assert wilson(0, 0).value is None
    assert wilson(0, 0).reason == "no query has a value"
    with pytest.raises(InvalidOptionError, match="got 4 of 3"):
        wilson(4, 3)


def test_the_expanded_quantile_widens_small_samples_and_tends_to_the_normal_one():
    assert expanded_quantile(10) == pytest.approx(math.sqrt(10 / 9) * stats.t.ppf(0.975, 9))
    assert expanded_quantile(1e9) == pytest.approx(1.959964, abs=1e-6)
    assert np.isfinite(expanded_quantile(1.0))


def test_bca_without_bias_and_skew_is_the_percentile_interval():
    draws = np.linspace(-1, 1, 10_001)
    low, high = bca_bounds(0.0, np.array([-0.1, 0.0, 0.1]), draws, stats.norm.ppf(0.975))
    assert (low, high) == pytest.approx((-0.95, 0.95), abs=1e-9)


def test_bca_beyond_the_pole_of_its_transformation_ends_at_the_extreme_draw():
    left_out = np.array([0.0, 0.0, 0.0, -1.0])  # acceleration 0.1 and more
    low, high = bca_bounds(0.0, left_out, np.linspace(-1, 1, 1001), z=40.0)
    assert low <= 0.0 <= high == 1.0


# Cluster bootstrap


@pytest.mark.parametrize("seed", range(3))
def test_without_correction_and_with_single_queries_the_interval_is_that_of_scipy(seed):
    values = 1 / rng(seed).geometric(0.5, 60)
    found = bootstrap_of(values, np.arange(60), seed=seed, n_draws=40_000, correction=False)
    expected = stats.bootstrap((values,), np.mean, n_resamples=40_000, method="BCa", rng=rng(seed + 100))
    # Two runs of 40,000 draws put a 2.5 % quantile within about 2 % of the standard error of each other.
    tolerance = 0.08 * expected.standard_error
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=tolerance)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=tolerance)


def test_clusters_of_several_queries_agree_with_scipy_on_a_ratio_of_cluster_sums():
    values, clusters = simulated(3, 40)
    sums = ClusterSums.of(values[:, np.newaxis], clusters)

    def mean(total, size, axis):
        return total.sum(axis=axis) / size.sum(axis=axis)

    expected = stats.bootstrap(
        (sums.sums[:, 0], sums.sizes), mean, paired=True, vectorized=True, n_resamples=40_000, method="BCa", rng=rng(9)
    )
    found = bootstrap_of(values, clusters, n_draws=40_000, correction=False)
    tolerance = 0.08 * expected.standard_error
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=tolerance)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=tolerance)
    assert (found.value, found.n, sums.n_clusters) == (pytest.approx(values.mean()), len(values), 40)


def test_the_correction_widens_the_interval():
    values, clusters = simulated(1, 12)
    plain = bootstrap_of(values, clusters, correction=False)
    corrected = bootstrap_of(values, clusters)
    assert corrected.low < plain.low < plain.value < plain.high < corrected.high


@given(SEEDS)
@settings(max_examples=25)
def test_the_order_of_queries_changes_nothing(seed):
    values, clusters = simulated(seed)
    order = rng(seed + 1).permutation(len(values))
    first, second = bootstrap_of(values, clusters), bootstrap_of(values[order], clusters[order])
    assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high), abs=1e-12)


@given(SEEDS, st.sampled_from([1e-6, 0.5, 3.0, 1e6]), st.sampled_from([-1e4, 0.0, 0.25, 7.0]))
@settings(max_examples=25)
def test_scaling_and_shifting_the_values_scales_and_shifts_the_interval(seed, scale, shift):
    values, clusters = simulated(seed)
    plain, moved = bootstrap_of(values, clusters), bootstrap_of(scale * values + shift, clusters)
    expected = [scale * end + shift for end in (plain.value, plain.low, plain.high)]
    assert [moved.value, moved.low, moved.high] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(SEEDS)
@settings(max_examples=25)
def test_turning_the_sign_turns_the_interval(seed):
    values, clusters = simulated(seed)
    plain, turned = bootstrap_of(values, clusters), bootstrap_of(-values, clusters)
    assert (turned.low, turned.high) == pytest.approx((-plain.high, -plain.low), abs=1e-9)


@given(SEEDS)
@settings(max_examples=25)
def test_the_estimate_lies_in_its_interval_and_the_interval_within_the_values(seed):
    values, clusters = simulated(seed, 8)
    found = bootstrap_of(values, clusters)
    assert values.min() <= found.low <= found.value <= found.high <= values.max()


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values, clusters = simulated(0)
    assert bootstrap_of(values, clusters, seed=5) == bootstrap_of(values, clusters, seed=5)
    assert bootstrap_of(values, clusters, seed=5) != bootstrap_of(values, clusters, seed=6)


def test_the_interval_of_a_metric_does_not_depend_on_the_metrics_beside_it():
    values, clusters = simulated(0)
    partial = np.where(np.arange(len(values)) % 3 == 0, np.nan, values)
    both = cluster_bootstrap({"a": partial, "b": values, "c": values**2}, clusters, Draws(0, 300))
    assert list(both) == ["a", "b", "c"]
    assert both["a"] == bootstrap_of(partial, clusters, n_draws=300)
    alone = bootstrap_of(values, clusters, n_draws=300)
    assert (both["b"].low, both["b"].high) == pytest.approx((alone.low, alone.high), abs=1e-12)


def test_queries_without_a_value_are_left_out_with_their_clusters():
    values, clusters = simulated(2)
    padded = bootstrap_of(np.append(values, [np.nan, np.nan]), np.append(clusters, [500, 501]))
    assert padded == bootstrap_of(values, clusters)


def test_duplicating_every_query_within_its_cluster_changes_nothing_but_n():
    values, clusters = simulated(4)
    once, twice = bootstrap_of(values, clusters), bootstrap_of(np.tile(values, 2), np.tile(clusters, 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert twice.n == 2 * once.n


# Degenerate cases


def test_one_cluster_has_a_mean_and_no_interval():
    found = bootstrap_of([0.0, 1.0, 1.0], [4, 4, 4])
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high, found.n) == (None, None, 3)
    assert "one cluster" in found.reason


def test_no_values_have_no_mean_and_no_interval():
    found = bootstrap_of([np.nan, np.nan], [0, 1])
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
    assert found.reason == "no query has a value"


def test_equal_values_have_an_interval_without_width_and_a_reason():
    found = bootstrap_of([0.1] * 7 + [0.3 - 0.2], np.arange(8))
    assert (found.low, found.high) == (found.value, found.value)
    assert found.value == pytest.approx(0.1)
    assert "no spread" in found.reason


def test_clusters_that_agree_though_their_queries_differ_have_no_spread():
    found = bootstrap_of([0.1, 0.7] * 8, np.arange(16) // 2)
    assert (found.low, found.high) == (found.value, found.value)


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_a_model_without_an_error_gets_the_wilson_interval_over_clusters(bound):
    found = bootstrap_of([bound] * 80, np.arange(80) // 2, bounds=(0.0, 1.0))
    expected = wilson(round(40 * bound), 40)
    assert found.value == bound
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert "every query has the value" in found.reason


def test_equal_values_inside_the_bounds_are_not_taken_for_a_share():
    found = bootstrap_of([0.5] * 9, np.arange(9), bounds=(0.0, 1.0))
    assert (found.low, found.high) == (0.5, 0.5)


def test_fewer_than_six_clusters_get_students_t_within_the_bounds():
    values = np.array([0.2, 0.9, 1.0, 0.7, 0.6])
    found = bootstrap_of(values, np.arange(5))
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert high > 1.0
    assert bootstrap_of(values, np.arange(5), bounds=(0.0, 1.0)).high == 1.0
    six = np.array([*values, 0.3])
    assert bootstrap_of(six, np.arange(6)).low != pytest.approx(six.mean() - stats.t.ppf(0.975, 5) * stats.sem(six))


def test_too_few_draws_are_refused():
    with pytest.raises(InvalidOptionError, match="at least 100; got 10"):
        bootstrap_of([0.0, 1.0], [0, 1], n_draws=10)


def test_infinite_values_and_lengths_that_differ_are_refused():
    with pytest.raises(InvalidOptionError, match="query 1 has an infinite value"):
        bootstrap_of([0.0, np.inf], [0, 1])
    with pytest.raises(InvalidOptionError, match="one cluster label a query"):
        bootstrap_of([0.0, 1.0], [0, 1, 2])


# General statistics


def pair_sums(positive: np.ndarray, negative: np.ndarray, clusters: np.ndarray) -> ClusterSums:
    """Per-query counts, sums and sums of squares of (Q, a) positive and (Q, b) negative similarities, by cluster."""
    columns = [
        column
        for side in (positive, negative)
        for column in (np.full(len(side), side.shape[1]), side.sum(axis=1), (side**2).sum(axis=1))
    ]
    return ClusterSums.of(np.stack(columns, axis=1), clusters)


def test_margin_separation_and_d_prime_equal_their_definitions():
    positive, negative = rng(0).normal(0.7, 0.1, (9, 2)), rng(1).normal(0.3, 0.2, (9, 50))
    sums = pair_sums(positive, negative, np.arange(9) // 2)
    margin = positive.mean() - negative.mean()
    expected = [
        margin,
        margin / (positive.std() + negative.std()),
        margin / math.sqrt((positive.var() + negative.var()) / 2),
    ]
    assert margin_and_separation(sums.sums.sum(axis=0, keepdims=True))[0] == pytest.approx(expected)


def test_the_interval_of_separation_agrees_with_scipy_on_whole_queries():
    generator = rng(5)
    shift = generator.normal(0, 0.05, (40, 1))
    positive = generator.normal(0.7, 0.1, (40, 3)) + shift
    negative = generator.normal(0.3, 0.1, (40, 20)) + shift
    found = bootstrap_statistic(
        pair_sums(positive, negative, np.arange(40)),
        margin_and_separation,
        Draws(0, 20_000),
        correction=False,
    )[1]

    def separation(query):
        p, n = positive[query.astype(int)], negative[query.astype(int)]
        return (p.mean() - n.mean()) / (p.std() + n.std())

    expected = stats.bootstrap((np.arange(40.0),), separation, n_resamples=4_000, vectorized=False, rng=rng(1))
    tolerance = 0.2 * expected.standard_error
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=tolerance)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=tolerance)


def test_the_mean_is_the_ratio_of_sums():
    values, clusters = simulated(6)
    sums = ClusterSums.of(np.stack([values, np.ones_like(values)], axis=1), clusters)
    general = bootstrap_statistic(sums, ratio_of_sums, Draws(1, 20_000))[0]
    special = bootstrap_of(values, clusters, seed=2, n_draws=20_000)
    width = special.high - special.low
    assert general.value == pytest.approx(special.value)
    assert (general.low, general.high) == pytest.approx((special.low, special.high), abs=0.03 * width)


def test_a_weighted_rate_ignores_the_scale_of_the_weights():
    violated, weight = rng(0).random(50) < 0.3, rng(1).random(50)
    found = [
        bootstrap_statistic(
            ClusterSums.of(np.stack([c * weight * violated, c * weight], axis=1), np.arange(50)),
            ratio_of_sums,
            Draws(0, 500),
        )[0]
        for c in (1.0, 1000.0)
    ]
    assert found[0].value == pytest.approx((weight * violated).sum() / weight.sum())
    assert (found[0].low, found[0].high) == pytest.approx((found[1].low, found[1].high))


def test_a_figure_that_rests_on_one_cluster_has_no_interval():
    columns = np.zeros((10, 2))
    columns[3] = 1.0
    found = bootstrap_statistic(ClusterSums.of(columns, np.arange(10)), ratio_of_sums, Draws(0))[0]
    assert (found.value, found.low) == (1.0, None)
    assert "rests on one cluster" in found.reason


def test_a_figure_undefined_in_many_resamples_has_no_interval():
    columns = np.zeros((10, 2))
    columns[:2] = [[1.0, 1.0], [0.0, 1.0]]
    found = bootstrap_statistic(ClusterSums.of(columns, np.arange(10)), ratio_of_sums, Draws(0))[0]
    assert (found.value, found.low) == (0.5, None)
    assert "undefined in" in found.reason


def test_an_undefined_figure_is_none_and_never_nan():
    found = bootstrap_statistic(ClusterSums.of(np.zeros((8, 2)), np.arange(8)), ratio_of_sums, Draws(0))[0]
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "undefined" in found.reason


def test_no_clusters_give_one_empty_interval_a_figure():
    sums = ClusterSums.of(np.zeros((0, 6)), np.zeros(0, dtype=np.int64))
    found = bootstrap_statistic(sums, margin_and_separation, Draws(0))
    assert [estimate.value for estimate in found] == [None, None, None]


# Coverage, in small; benchmarks/interval_coverage.py has the full table


def test_the_interval_covers_the_true_mean_of_clustered_queries_where_the_naive_one_does_not():
    held, naive_held, n_simulations = 0, 0, 300
    generator = rng(11)
    for _ in range(n_simulations):
        clusters = np.repeat(np.arange(40), generator.integers(1, 7, 40))
        shared = generator.random(40)[clusters]
        rank_one = np.where(generator.random(len(clusters)) < math.sqrt(0.5), shared, generator.random(len(clusters)))
        values = (rank_one < 0.7).astype(float)
        found = cluster_bootstrap({"m": values}, clusters, Draws(int(generator.integers(2**63)), 400))["m"]
        held += found.low <= 0.7 <= found.high
        naive_held += abs(values.mean() - 0.7) <= 1.96 * values.std() / math.sqrt(len(values))
    assert 0.92 <= held / n_simulations <= 0.98
    assert naive_held / n_simulations < 0.85


def test_a_random_half_holds_whole_clusters_and_half_of_them() -> None:
    clusters = np.array([4, 4, 9, 1, 1, 1, 7, 9, 3])
    halves = [random_half(clusters, np.random.default_rng(seed)) for seed in range(20)]
    for chosen in halves:
        assert len(np.unique(clusters[chosen])) == 2
        assert not set(clusters[chosen]) & set(clusters[~chosen])
    assert len({chosen.tobytes() for chosen in halves}) > 5
