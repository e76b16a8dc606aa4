"""Estimates by influence: by hand, by properties that must hold on any data, in every degenerate case, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedscope.errors import InvalidOptionError
from embedscope.result import Estimate
from embedscope.stats.dependence import Dependence
from embedscope.stats.estimates import degrees_of_freedom, figure_estimates, mean_estimates
from embedscope.stats.figures import margin_and_separation, ratio_of_sums
from embedscope.stats.intervals import interval_bounds, wilson

SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_of(values, clusters, **options) -> Estimate:
    column = np.asarray(values, dtype=float)
    return mean_estimates({"m": column}, Dependence.of_groups(np.asarray(clusters)), **options)["m"]


def simulated(seed: int, n_clusters: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal ranks that agree within clusters of 1 to 4 queries."""
    generator = rng(seed)
    clusters = np.repeat(np.arange(n_clusters), generator.integers(1, 5, n_clusters))
    shared = 1 / generator.geometric(0.5, n_clusters)[clusters]
    own = 1 / generator.geometric(0.5, len(clusters))
    return np.where(generator.random(len(clusters)) < 0.6, shared, own), clusters


# Means


def test_independent_queries_have_students_interval():
    values = rng().normal(size=20)
    found = mean_of(values, np.arange(20))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 19, values.mean(), stats.sem(values)))


@given(SEEDS)
@settings(max_examples=25)
def test_the_order_of_queries_changes_nothing(seed):
    values, clusters = simulated(seed)
    order = rng(seed + 1).permutation(len(values))
    first, second = mean_of(values, clusters), mean_of(values[order], clusters[order])
    assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high), abs=1e-9)


@given(SEEDS, st.sampled_from([1e-6, 0.5, 3.0, 1e6]), st.sampled_from([-1e4, 0.0, 0.25, 7.0]))
@settings(max_examples=25)
def test_scaling_and_shifting_the_values_scales_and_shifts_the_interval(seed, scale, shift):
    values, clusters = simulated(seed)
    plain, moved = mean_of(values, clusters), mean_of(scale * values + shift, clusters)
    expected = [scale * end + shift for end in (plain.value, plain.low, plain.high)]
    assert [moved.value, moved.low, moved.high] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(SEEDS)
@settings(max_examples=25)
def test_turning_the_sign_turns_the_interval(seed):
    values, clusters = simulated(seed)
    plain, turned = mean_of(values, clusters), mean_of(-values, clusters)
    assert (turned.low, turned.high) == pytest.approx((-plain.high, -plain.low), abs=1e-9)


def test_the_interval_of_a_metric_does_not_depend_on_the_metrics_beside_it():
    values, clusters = simulated(0)
    partial = np.where(np.arange(len(values)) % 3 == 0, np.nan, values)
    both = mean_estimates({"a": partial, "b": values, "c": values**2}, Dependence.of_groups(clusters))
    assert list(both) == ["a", "b", "c"]
    assert both["a"] == mean_of(partial, clusters)
    alone = mean_of(values, clusters)
    assert (both["b"].low, both["b"].high) == pytest.approx((alone.low, alone.high), abs=1e-12)


def test_queries_without_a_value_are_left_out():
    values, clusters = simulated(2)
    padded = mean_of(np.append(values, [np.nan, np.nan]), np.append(clusters, [500, 501]))
    expected = mean_of(values, clusters)
    assert (padded.low, padded.high, padded.n) == (
        pytest.approx(expected.low),
        pytest.approx(expected.high),
        len(values),
    )


def test_every_query_twice_does_not_shrink_the_interval():
    values = 1 / rng(4).geometric(0.5, 40)
    once, twice = mean_of(values, np.arange(40)), mean_of(np.tile(values, 2), np.tile(np.arange(40), 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert twice.n == 2 * once.n


# Degenerate cases


def test_queries_that_depend_fully_have_a_mean_and_no_interval():
    found = mean_of([0.0, 1.0, 1.0], [4, 4, 4])
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high, found.n) == (None, None, 3)
    assert "depend fully on one another" in found.reason


def test_no_values_have_no_mean_and_no_interval():
    found = mean_of([np.nan, np.nan], [0, 1])
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
    assert found.reason == "no query has a value"


def test_equal_values_have_an_interval_without_width_and_a_reason():
    found = mean_of([0.1] * 7 + [0.3 - 0.2], np.arange(8))
    assert (found.low, found.high) == (found.value, found.value)
    assert found.value == pytest.approx(0.1)
    assert "no spread" in found.reason


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_a_model_without_an_error_gets_the_wilson_interval_over_the_groups(bound):
    found = mean_of([bound] * 80, np.arange(80) // 2, bounds=(0.0, 1.0))
    expected = wilson(round(40 * bound), 40)
    assert found.value == bound
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert "every query has the value" in found.reason


def test_equal_values_inside_the_bounds_are_not_taken_for_a_share():
    found = mean_of([0.5] * 9, np.arange(9), bounds=(0.0, 1.0))
    assert (found.low, found.high) == (0.5, 0.5)


def test_infinite_values_and_lengths_that_differ_are_refused():
    with pytest.raises(InvalidOptionError, match="query 1 has an infinite value"):
        mean_of([0.0, np.inf], [0, 1])
    with pytest.raises(InvalidOptionError, match="one value a query, that is 3"):
        mean_of([0.0, 1.0], [0, 1, 2])


# Functions of sums


def pair_sums(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Per-query counts, sums and sums of squares of (Q, a) positive and (Q, b) negative similarities."""
    columns = [
        column
        for side in (positive, negative)
        for column in (np.full(len(side), side.shape[1]), side.sum(axis=1), (side**2).sum(axis=1))
    ]
    return np.stack(columns, axis=1)


def test_margin_separation_and_d_prime_equal_their_definitions():
    positive, negative = rng(0).normal(0.7, 0.1, (9, 2)), rng(1).normal(0.3, 0.2, (9, 50))
    margin = positive.mean() - negative.mean()
    expected = [
        margin,
        margin / (positive.std() + negative.std()),
        margin / math.sqrt((positive.var() + negative.var()) / 2),
    ]
    sums = pair_sums(positive, negative).sum(axis=0, keepdims=True)
    assert margin_and_separation(sums)[0] == pytest.approx(expected)


def test_the_mean_is_the_ratio_of_sums():
    values, clusters = simulated(6)
    dependence, ones = Dependence.of_groups(clusters), np.ones_like(values)
    (general,) = figure_estimates(np.column_stack([values, ones]), ratio_of_sums, dependence)
    special = mean_of(values, clusters)
    assert (general.value, general.low, general.high) == pytest.approx((special.value, special.low, special.high))


def test_a_weighted_rate_ignores_the_scale_of_the_weights_and_uneven_ones_count_for_fewer_queries():
    violated, weight = rng(0).random(50) < 0.3, rng(1).random(50)
    alone = Dependence.of_groups(np.arange(50))

    def rate(w: np.ndarray) -> Estimate:
        return figure_estimates(np.column_stack([w * violated, w]), ratio_of_sums, alone, weights=w[:, None])[0]

    first, scaled = rate(weight), rate(1000 * weight)
    assert first.value == pytest.approx((weight * violated).sum() / weight.sum())
    assert (first.low, first.high) == pytest.approx((scaled.low, scaled.high))
    lopsided = rate(np.where(np.arange(50) < 5, 100.0, 1.0))
    assert lopsided.high - lopsided.low > 1.3 * (first.high - first.low)


def test_a_figure_that_rests_on_one_query_has_no_interval():
    columns = np.zeros((10, 2))
    columns[3] = 1.0
    (found,) = figure_estimates(columns, ratio_of_sums, Dependence.of_groups(np.arange(10)))
    assert (found.value, found.low) == (1.0, None)
    assert "rests on one query" in found.reason


def test_an_undefined_figure_is_none_and_never_nan():
    (found,) = figure_estimates(np.zeros((8, 2)), ratio_of_sums, Dependence.of_groups(np.arange(8)))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "undefined" in found.reason


def test_a_column_to_be_summed_must_be_finite():
    with pytest.raises(InvalidOptionError, match="query 1 has nan in column 0"):
        figure_estimates(np.array([[1.0], [np.nan]]), ratio_of_sums, Dependence.of_groups(np.arange(2)))


# Coverage, in small; benchmarks/interval_coverage.py has the full table


def test_the_interval_covers_the_true_mean_of_clustered_queries_where_the_naive_one_does_not():
    held, naive_held, n_simulations = 0, 0, 300
    generator = rng(11)
    for _ in range(n_simulations):
        clusters = np.repeat(np.arange(40), generator.integers(1, 7, 40))
        shared = generator.random(40)[clusters]
        rank_one = np.where(generator.random(len(clusters)) < math.sqrt(0.5), shared, generator.random(len(clusters)))
        values = (rank_one < 0.7).astype(float)
        found = mean_of(values, clusters, bounds=(0.0, 1.0))
        held += found.low <= 0.7 <= found.high
        naive_held += abs(values.mean() - 0.7) <= 1.96 * values.std() / math.sqrt(len(values))
    assert 0.92 <= held / n_simulations <= 0.98
    assert naive_held / n_simulations < 0.85


def test_degrees_of_freedom_are_those_of_the_variance_of_the_sum_of_squares() -> None:
    influences = np.random.default_rng(0).normal(size=(400, 3)) * [[1.0, 2.0, 1.0]]
    influences[:5, 2] *= 30  # five make up the spread
    squares = influences**2
    plain = 2 * 400 * squares.mean(axis=0) ** 2 / squares.var(axis=0)
    assert degrees_of_freedom(influences) == pytest.approx(np.minimum(plain, 399))
    assert degrees_of_freedom(influences)[2] < 10


def test_near_a_bound_the_quantile_rests_on_the_few_values_that_differ() -> None:
    """Ten of fifty values below 1, one of them far: Student's quantile of as many degrees as its square leaves."""
    values = np.ones(50)
    values[:10] = [0.1, *np.linspace(0.7, 0.9, 9)]
    found = mean_estimates({"nDCG@10": values}, Dependence.of_groups(np.arange(50)), bounds=(0.0, 1.0))["nDCG@10"]
    e = values - values.mean()
    degrees = 2 / ((e**4).sum() / (e**2).sum() ** 2 - 1 / 50)
    error = values.std(ddof=1) / np.sqrt(50)
    assert (found.low, found.high) == pytest.approx(interval_bounds(values.mean(), error, 1 + degrees, (0.0, 1.0)))
    assert degrees < 5


@pytest.mark.parametrize("wrong", [[0.5], [0.5, 0.2], [0.0, 0.5], [0.9]])
def test_the_mean_reciprocal_rank_is_never_less_sure_than_the_share_at_rank_one(wrong: list[float]) -> None:
    """Of two figures on the same queries the one that is nowhere below the other has the higher lower end."""
    ranks = np.array([*wrong, *[1.0] * (30 - len(wrong))])
    found = mean_estimates({"MRR": ranks, "S@1": np.floor(ranks)}, Dependence.of_groups(np.arange(30)), bounds=(0, 1))
    assert found["MRR"].low >= found["S@1"].low
