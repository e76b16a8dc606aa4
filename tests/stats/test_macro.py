"""Means over several sets: against NumPy, against SciPy's Welch test, and by how often the intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from embedscope.result import Estimate
from embedscope.stats.dependence import Dependence
from embedscope.stats.estimates import mean_estimates
from embedscope.stats.macro import macro_difference, macro_mean

UNIT = (0.0, 1.0)


def estimate_of(values: np.ndarray, bounds: tuple[float, float] | None = None) -> Estimate:
    """The mean of independent queries, as a run has it."""
    return mean_estimates({"m": values}, Dependence.of_groups(np.arange(len(values))), bounds=bounds)["m"]


def columns(*sizes: int, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(0.1 * i, 0.3 + 0.1 * i, size) for i, size in enumerate(sizes)]


def test_a_set_counts_once_whatever_its_size() -> None:
    sets = columns(20, 2000)
    found = macro_mean([estimate_of(values) for values in sets])
    assert found.value == pytest.approx(np.mean([values.mean() for values in sets]), abs=1e-15)
    assert found.value != pytest.approx(np.concatenate(sets).mean(), abs=1e-3)
    assert found.n == 2


def test_the_ends_are_those_of_zou_and_donner() -> None:
    generator = np.random.default_rng(1)
    figures = [estimate_of(generator.beta(5, 1, size), UNIT) for size in (30, 80, 200)]
    found = macro_mean(figures)
    value, low, high = (np.array([getattr(f, name) for f in figures], dtype=float) for name in ("value", "low", "high"))
    assert found.low == pytest.approx(value.mean() - np.sqrt(((value - low) ** 2).sum()) / 3, abs=1e-12)
    assert found.high == pytest.approx(value.mean() + np.sqrt(((high - value) ** 2).sum()) / 3, abs=1e-12)
    assert found.value - found.low > found.high - found.value  # skewed, as the ends of the sets are


def test_of_one_set_the_figures_are_those_of_the_set() -> None:
    (values,) = columns(50)
    own = estimate_of(values)
    mean, difference = macro_mean([own]), macro_difference([own], [50.0])
    assert (mean.value, mean.low, mean.high) == pytest.approx((own.value, own.low, own.high), abs=1e-12)
    assert (difference.low, difference.high) == pytest.approx((own.low, own.high), abs=1e-12)
    assert difference.p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, abs=1e-12)


def test_of_two_sets_difference_and_p_are_those_of_the_welch_test_of_scipy() -> None:
    one, other = columns(25, 60, seed=2)
    found = macro_difference([estimate_of(one), estimate_of(other)], [25.0, 60.0])
    welch = stats.ttest_ind(one, -other, equal_var=False)  # mean + mean is the difference of one and minus the other
    ends = welch.confidence_interval(0.95)
    assert found.difference == pytest.approx((one.mean() + other.mean()) / 2, abs=1e-12)
    assert found.p == pytest.approx(welch.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((ends.low / 2, ends.high / 2), abs=1e-12)


def test_of_three_sets_the_degrees_of_freedom_are_those_of_satterthwaite() -> None:
    sets = columns(15, 40, 90, seed=3)
    found = macro_difference([estimate_of(values) for values in sets], [15.0, 40.0, 90.0])
    parts = np.array([values.var(ddof=1) / len(values) for values in sets]) / 9
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([15, 40, 90]) - 1)).sum()
    t = np.mean([values.mean() for values in sets]) / np.sqrt(parts.sum())
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-9)


def test_the_order_of_the_sets_changes_nothing() -> None:
    figures = [estimate_of(values) for values in columns(15, 40, 90)]
    sizes = [15.0, 40.0, 90.0]
    assert macro_mean(figures) == macro_mean(figures[::-1])
    assert macro_difference(figures, sizes) == macro_difference(figures[::-1], sizes[::-1])


@pytest.mark.parametrize(
    ("values", "p"), [((0.0, 0.0), 1.0), ((0.5, 0.5), 2.0**-19)], ids=["nothing differs", "all differ alike"]
)
def test_without_spread_p_is_that_of_a_sign_test(values: tuple[float, float], p: float) -> None:
    found = macro_difference([Estimate(v, v, v) for v in values], [10.0, 10.0])
    assert (found.difference, found.low, found.high, found.p) == (values[0], values[0], values[0], p)


def test_a_set_without_the_figure_or_without_an_interval_leaves_none_and_is_counted() -> None:
    whole = Estimate(0.5, 0.4, 0.6)
    assert macro_mean([whole, Estimate.absent("none")]).reason == "1 of 2 sets lack this figure"
    open_ = macro_mean([whole, Estimate(0.7)])
    assert (open_.value, open_.low, open_.reason) == (pytest.approx(0.6), None, "1 of 2 sets have no interval")
    difference = macro_difference([whole, Estimate(0.7)], [10.0, 10.0])
    assert (difference.low, difference.high, difference.p) == (None, None, 1.0)


def test_intervals_hold_the_truth_in_95_of_100_cases_and_the_test_errs_in_5() -> None:
    generator = np.random.default_rng(5)
    truth = np.mean([5 / 6, 1 / 2, 1 / 4])
    n, held, rejected = 600, 0, 0
    for _ in range(n):
        sets = [generator.beta(5, 1, 40), generator.beta(2, 2, 60), generator.beta(1, 3, 30)]
        mean = macro_mean([estimate_of(values, UNIT) for values in sets])
        held += mean.low <= truth <= mean.high
        nothing = [estimate_of(values - expected) for values, expected in zip(sets, (5 / 6, 1 / 2, 1 / 4), strict=True)]
        rejected += macro_difference(nothing, [40.0, 60.0, 30.0]).p < 0.05
    assert 0.925 <= held / n <= 0.985
    assert 0.025 <= rejected / n <= 0.075
