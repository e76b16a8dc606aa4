"""AUC, overlap, quantiles and spread: hand work, the exact samples, and figures that say why they are absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.measure.distributions import (
    auc_from_histograms,
    histogram_quantile,
    mean_and_std,
    overlap_bin,
    overlap_coefficient,
)
from embedscope.metrics.histograms import bin_edges, histogram_of_values
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments

SEEDS = st.integers(0, 2**32 - 1)
EDGES = bin_edges(200)
NOTHING = np.zeros(200, dtype=np.int64)


def samples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positives and negatives that overlap, with ties."""
    generator = np.random.default_rng(seed)
    positive = generator.normal(0.5, 0.2, generator.integers(1, 60)).clip(-1, 1).round(2)
    negative = generator.normal(0.2, 0.3, generator.integers(1, 90)).clip(-1, 1).round(2)
    return positive, negative


def test_the_spread_of_a_collapsed_model_is_zero_and_not_rounding() -> None:
    row = np.random.default_rng(0).normal(size=64)
    rows = np.tile((row / np.linalg.norm(row)).astype(np.float32), (50, 1))
    sums, squares = sums_from_moments(rows, *sum_and_gram(rows))
    assert mean_and_std(2500, float(sums.sum()), float(squares.sum()))[1] == 0.0


@settings(max_examples=40)
@given(SEEDS)
def test_mean_and_std_are_those_of_the_values_and_quantiles_lie_within_a_bin(seed: int) -> None:
    values, _ = samples(seed)
    np.testing.assert_allclose(
        mean_and_std(len(values), values.sum(), (values**2).sum()),
        [values.mean(), values.std()],
        rtol=1e-9,
        atol=1e-6,
    )
    counts = histogram_of_values(values, 200)
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        nearest = [np.quantile(values, q, method=m) for m in ("inverted_cdf", "higher", "lower")]
        assert min(nearest) - 0.0101 <= histogram_quantile(counts, EDGES, q) <= max(nearest) + 0.0101


def test_quantiles_fill_bins_evenly_and_skip_empty_ones() -> None:
    counts, edges = np.array([4, 0, 0, 4]), np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert [histogram_quantile(counts, edges, q) for q in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.0, 0.5, 1.0, 3.5, 4.0]


def test_the_distribution_of_nothing_is_refused() -> None:
    with pytest.raises(TooFewPointsError, match="got none"):
        mean_and_std(0, 0.0, 0.0)
    with pytest.raises(TooFewPointsError, match="no quantiles"):
        histogram_quantile(NOTHING, EDGES, 0.5)


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan")])
def test_a_quantile_outside_of_the_unit_interval_is_refused(q: float) -> None:
    with pytest.raises(InvalidOptionError, match="between 0 and 1"):
        histogram_quantile(np.array([1]), np.array([0.0, 1.0]), q)


@settings(max_examples=60)
@given(SEEDS, st.sampled_from([4, 50, 200, 2000]))
def test_auc_from_histograms_differs_from_the_share_of_pairs_won_by_half_of_those_in_one_bin(
    seed: int, n_bins: int
) -> None:
    positive, negative = samples(seed)
    pairs = positive[:, None] - negative[None, :]
    exact = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    counts = [histogram_of_values(values, n_bins) for values in (positive, negative)]
    in_one_bin = float(counts[0] @ counts[1]) / pairs.size
    assert abs((auc_from_histograms(*counts).value or 0.0) - exact) <= in_one_bin / 2 + 1e-12


def test_auc_of_two_equal_populations_is_one_half_and_of_swapped_ones_the_complement() -> None:
    low, high = histogram_of_values(np.array([0.1, 0.2, 0.2]), 200), histogram_of_values(np.array([0.2, 0.9]), 200)
    assert auc_from_histograms(low, low).value == 0.5
    assert auc_from_histograms(low, high).value == pytest.approx(1 - auc_from_histograms(high, low).value)


def test_overlap_is_one_for_equal_and_zero_for_disjoint_populations() -> None:
    low, high = histogram_of_values(np.array([0.1, 0.1, 0.3]), 200), histogram_of_values(np.array([0.8]), 200)
    assert overlap_coefficient(low, 7 * low).value == pytest.approx(1.0)
    assert overlap_coefficient(low, high).value == 0.0


def test_overlap_of_finer_bins_is_that_of_bins_of_one_hundredth() -> None:
    generator = np.random.default_rng(4)
    positive, negative = generator.normal(0.4, 0.2, 500), generator.normal(0.1, 0.2, 700)
    fine = [histogram_of_values(values, 1000) for values in (positive, negative)]
    coarse = [histogram_of_values(values, 200) for values in (positive, negative)]
    assert overlap_coefficient(*fine) == overlap_coefficient(*coarse)


def test_a_space_ten_times_as_narrow_has_bins_ten_times_as_narrow_and_the_same_overlap() -> None:
    generator = np.random.default_rng(4)
    positive, negative = generator.normal(0.04, 0.02, 5_000), generator.normal(-0.04, 0.02, 5_000)
    wide, narrow = (
        [histogram_of_values(scale * values, 40_000) for values in (positive, negative)] for scale in (3.0, 0.1)
    )
    assert (overlap_bin(*wide), overlap_bin(*narrow)) == (200, 10)
    exact = 2 * float(ndtr(-2.0))  # two normal densities four standard deviations apart
    for found in (overlap_coefficient(*wide), overlap_coefficient(*narrow)):
        assert found.value == pytest.approx(exact, abs=0.01)


def test_equal_similarities_have_the_narrowest_bins() -> None:
    spike = histogram_of_values(np.full(9, 0.5), 40_000)
    assert overlap_bin(spike, spike) == 1


def test_figures_of_an_empty_population_are_absent_and_say_why() -> None:
    some = histogram_of_values(np.array([0.1, 0.2]), 200)
    figures = (
        auc_from_histograms(NOTHING, some),
        overlap_coefficient(some, NOTHING),
    )
    for figure in figures:
        assert figure.value is None
        assert "compares positives with negatives; there are" in (figure.reason or "")


def test_histograms_on_different_bins_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="same bins, got 200 and 10 bins"):
        auc_from_histograms(NOTHING, np.zeros(10, dtype=int))
