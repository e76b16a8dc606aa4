"""Intervals from a value, its standard error and an effective number: by hand, against SciPy, and within bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from embedscope.errors import InvalidOptionError
from embedscope.stats.intervals import auc_bounds, interval_bounds, root_between, student_quantile, wilson


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


def test_without_bounds_the_interval_is_that_of_student():
    t = stats.t.ppf(0.975, 9.5)
    assert student_quantile(10.5) == pytest.approx(t)
    assert interval_bounds(0.3, 0.1, 10.5) == pytest.approx((0.3 - t * 0.1, 0.3 + t * 0.1))


def test_within_bounds_it_is_the_score_interval_of_as_many_trials_as_have_the_error():
    # Of 100 trials 30 succeed: the error is sqrt(0.3 * 0.7 / 100); with so many observations t is z.
    found = interval_bounds(0.3, math.sqrt(0.3 * 0.7 / 100), 1e9, (0.0, 1.0))
    expected = stats.binomtest(30, 100).proportion_ci(0.95, method="wilson")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-6)
    twice = interval_bounds(-1 + 2 * 0.3, 2 * math.sqrt(0.3 * 0.7 / 100), 1e9, (-1.0, 1.0))
    assert twice == pytest.approx(tuple(-1 + 2 * end for end in found))


@given(st.floats(0.01, 0.99), st.floats(1e-4, 0.3), st.floats(2, 1000))
def test_intervals_within_bounds_hold_their_value_and_end_within_them(value, error, n):
    for low, high in (interval_bounds(value, error, n, (0.0, 1.0)), auc_bounds(value, error, n)):
        assert 0 <= low < value < high <= 1


def test_the_interval_of_an_auc_solves_its_equation_and_reaches_further_from_1_than_towards_it():
    value, error, n = 0.9, 0.03, 40.0
    scale = (student_quantile(n) * error) ** 2 / (0.9 * 0.1**2 / 1.1)
    low, high = auc_bounds(value, error, n)
    for end in (low, high):
        assert (value - end) ** 2 == pytest.approx(scale * end * (1 - end) ** 2 / (2 - end), rel=1e-6)
    assert value - low > 1.5 * (high - value)


def test_a_figure_at_its_bound_has_an_interval_that_ends_there():
    assert interval_bounds(1.0, 0.1, 30, (0.0, 1.0))[1] == auc_bounds(1.0, 0.1, 30)[1] == 1.0


def test_a_large_error_near_one_does_not_throw_the_auc_across_the_scale() -> None:
    lows = [auc_bounds(0.9998, error, 60)[0] for error in (0.00005, 0.0001, 0.00015, 0.0002)]
    assert lows == sorted(lows, reverse=True)
    assert lows[-1] > 0.98


@given(value=st.floats(1e-9, 1 - 1e-9), scale=st.floats(1e-12, 1e3))
def test_a_root_is_the_one_that_scipy_finds(value, scale):
    def excess(x):
        return (value - x) ** 2 - scale * x * (1 - x) ** 2 / (2 - x)

    for low, high in ((0.0, value), (value, 1.0)):
        assert root_between(excess, low, high) == pytest.approx(optimize.brentq(excess, low, high), rel=1e-14, abs=0)


def test_a_root_at_an_end_or_of_a_steep_function_is_found():
    assert root_between(lambda x: x, 0.0, 1.0) == 0.0
    assert root_between(lambda x: x - 1, 0.0, 1.0) == 1.0
    steep = 0.3
    assert root_between(lambda x: math.copysign(1.0, x - steep), 0.0, 1.0) == pytest.approx(steep, abs=2e-12)
