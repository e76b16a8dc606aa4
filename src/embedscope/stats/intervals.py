"""Confidence intervals from a value, its standard error and the effective number of observations.

Sources
-------
Student, "The probable error of a mean", Biometrika 6 (1908).
Hanley & McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982).
Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic", Statistics in Medicine
25 (2006).
Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
Korn & Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
survey data", Survey Methodology 24 (1998): an effective sample size and Student's quantile in the interval of a share.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from scipy.special import expit, logit, ndtri, stdtrit

from embedscope.errors import InvalidOptionError
from embedscope.result import Estimate

CONFIDENCE = 0.95
"""Of every interval."""

NORMAL_QUANTILE = float(ndtri((1 + CONFIDENCE) / 2))
"""The two-sided one: 1.96."""

EPSILON = sys.float_info.epsilon

NO_VALUES = Estimate(None, n=0, reason="no query has a value")


def wilson(successes: int, n: int) -> Estimate:
    """Share of successes and its Wilson score interval; for queries that are independent of one another.

    ``(p + z^2/2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)`` (Wilson 1927).

    Raises InvalidOptionError if not ``0 <= successes <= n``.
    """
    if not 0 <= successes <= n:
        raise InvalidOptionError(
            f"Expected 0 <= successes <= n; got {successes} of {n}. A share outside [0, 1] has no interval. Count "
            "successes among the same n queries."
        )
    if n == 0:
        return NO_VALUES
    low, high = wilson_bounds(successes / n, n)
    return Estimate(successes / n, low, high, n)


def wilson_bounds(share: float, n: float, z: float = NORMAL_QUANTILE) -> tuple[float, float]:
    """Ends of the Wilson score interval of ``share`` among ``n`` trials; ``n`` may be an effective number."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At the ends the formula gives 0 and 1 up to rounding only.
    return (0.0 if share == 0 else centre - half_width), (1.0 if share == 1 else centre + half_width)


def student_quantile(n: float) -> float:
    """Two-sided quantile of Student's t for a sample of ``n``, which may be an effective number above 1."""
    return float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))


def auc_bounds(value: float, error: float, n: float, bounds: tuple[float, float] | None = None) -> tuple[float, float]:
    """Ends of the interval of an AUC: those figures whose own standard error would lie within the quantile of it.

    ``(A - x)^2 = t(n - 1)^2 error^2 v(x) / v(A)`` with the variance ``v(x) = x / (2 - x) - x^2`` of an AUC of few
    positives among many negatives (Hanley & McNeil 1982; by score, Newcombe 2006). Near 1 the error falls with the
    distance from 1, so that a value that is too high by luck has an error that is too small. Where t times the error
    comes near the distance from 1 that equation has no root nearby: no end lies further than the interval of twice the
    width in log odds.
    """
    t = student_quantile(n)
    if not 0 < value < 1:
        return max(value - t * error, 0.0), min(value + t * error, 1.0)

    def variance(x: float) -> float:
        return x * (1 - x) ** 2 / (2 - x)

    scale = (t * error) ** 2 / variance(value)

    def excess(x: float) -> float:
        return (value - x) ** 2 - scale * variance(x)

    furthest = float(expit(logit(value) - 2 * t * error / (value * (1 - value))))
    return max(root_between(excess, 0.0, value), furthest), root_between(excess, value, 1.0)


def root_between(
    of: Callable[[float], float], low: float, high: float, *, nearness: float = 2e-12, n_steps: int = 100
) -> float:
    """Where ``of`` is 0 between ``low`` and ``high``, where its signs differ or one value is 0 (Brent 1973, chapter 4).

    Inverse quadratic interpolation as long as it converges, else bisection: the steps of ``scipy.optimize.brentq``,
    tested equal to it, without `scipy.optimize`, which takes longer to load than all intervals of a run to compute.
    """
    before, at, of_before, of_at = low, high, of(low), of(high)
    other, of_other, last, step = 0.0, 0.0, 0.0, 0.0  # the other end of the interval; the last two steps
    if of_before == 0:
        return before
    for _ in range(n_steps):
        if of_before != 0 and of_at != 0 and (of_before < 0) != (of_at < 0):
            other, of_other = before, of_before
            last = step = at - before
        if abs(of_other) < abs(of_at):
            before, at, other = at, other, at
            of_before, of_at, of_other = of_at, of_other, of_at
        delta = (nearness + 4 * EPSILON * abs(at)) / 2
        half = (other - at) / 2
        if of_at == 0 or abs(half) < delta:
            break
        wanted = math.inf
        if abs(last) > delta and abs(of_at) < abs(of_before):
            if before == other:
                wanted = -of_at * (at - before) / (of_at - of_before)
            else:
                slope, other_slope = (of_before - of_at) / (before - at), (of_other - of_at) / (other - at)
                wanted = -of_at * (of_other * other_slope - of_before * slope)
                wanted /= other_slope * slope * (of_other - of_before)
        last, step = (step, wanted) if 2 * abs(wanted) < min(abs(last), 3 * abs(half) - delta) else (half, half)
        before, of_before = at, of_at
        at += step if abs(step) > delta else math.copysign(delta, half)
        of_at = of(at)
    return at


def interval_bounds(
    value: float, error: float, n: float, bounds: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Ends of the interval of ``value`` with its standard error, from ``n`` effectively independent observations.

    ``value -+ t(n - 1) error``. Within ``bounds`` it is the score interval (Wilson 1927) of the share of the range,
    with Student's quantile and as many trials as have this standard error: ``p (1 - p) / error^2`` (Korn & Graubard
    1998). It is skewed as the figure is, ends within the bounds, and has a width also where few observations differ.
    """
    t = student_quantile(n)
    if bounds is None:
        return value - t * error, value + t * error
    floor, ceiling = bounds
    share, relative = (value - floor) / (ceiling - floor), error / (ceiling - floor)
    if not 0 < share < 1:
        return max(value - t * error, floor), min(value + t * error, ceiling)
    low, high = wilson_bounds(share, share * (1 - share) / relative**2, t)
    return floor + (ceiling - floor) * low, floor + (ceiling - floor) * high
