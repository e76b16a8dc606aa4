"""Confidence intervals from what resampling leaves: BCa, Student's t for a handful of clusters, Wilson.

Sources
-------
Efron, "Better bootstrap confidence intervals", JASA 82 (1987): bias correction and acceleration (BCa).
Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69 (2015): the percentile
levels are moved outwards so that a small sample is not too narrow.
Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from embedscope.errors import InvalidOptionError
from embedscope.protocols import Float64Array
from embedscope.result import Estimate

CONFIDENCE = 0.95
"""Of every interval."""

NORMAL_QUANTILE = float(ndtri((1 + CONFIDENCE) / 2))
"""The two-sided one: 1.96."""

NO_VALUES = Estimate(None, n=0, reason="no query has a value")


def wilson(successes: int, n: int) -> Estimate:
    """Share of successes and its Wilson score interval; for queries that are each a cluster of their own.

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


def wilson_bounds(share: float, n: float) -> tuple[float, float]:
    """Ends of the Wilson score interval of ``share`` among ``n`` trials; ``n`` may be an effective number."""
    z = NORMAL_QUANTILE
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At the ends the formula gives 0 and 1 up to rounding only.
    return (0.0 if share == 0 else centre - half_width), (1.0 if share == 1 else centre + half_width)


def student_bounds(observed: float, left_out: Float64Array) -> tuple[float, float]:
    """``observed -+ t(C - 1) * SE`` with the jackknife standard error.

    ``SE^2 = (C - 1) / C * sum_c (theta_(c) - mean theta_(.))^2`` over the figures ``left_out`` of shape (C,), each
    without one cluster.
    """
    n = len(left_out)
    error = math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum()))
    half_width = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    return observed - half_width, observed + half_width


def bca_bounds(observed: float, left_out: Float64Array, draws: Float64Array, z: float) -> tuple[float, float]:
    """Quantiles of the draws at the bias-corrected and accelerated levels for -z and z (Efron 1987, section 4).

    Parameters
    ----------
    left_out : ndarray of shape (n_clusters,), float64
        The figure without each cluster in turn.
    draws : ndarray of shape (n_draws,), float64
        The figure on each resample.
    z : float
        `NORMAL_QUANTILE` or from :func:`expanded_quantile`.
    """
    tie = 1e-9 * float(draws.std())  # draws equal to the estimate count half on each side, whatever their rounding
    below, upto = np.mean(draws < observed - tie), np.mean(draws <= observed + tie)
    margin = 0.5 / len(draws)
    bias = float(ndtri(np.clip((below + upto) / 2, margin, 1 - margin)))
    acceleration = _acceleration(left_out)
    low, high = np.quantile(draws, [_bca_level(bias, acceleration, end) for end in (-z, z)])
    # Extreme acceleration can push an end past the estimate; an interval without its estimate helps nobody.
    return min(float(low), observed), max(float(high), observed)


def expanded_quantile(n: float) -> float:
    """``sqrt(n / (n - 1)) * t(n - 1)``: what stands for the normal quantile in a sample of n (Hesterberg 2015).

    The bootstrap of n observations has a variance that is (n - 1) / n of what it should be, and takes its own
    standard error for the true one; the two factors make up for that. ``n`` may be an effective number.
    """
    n = max(n, 2.0)  # below 2 the sample is one large cluster, and the ends are already the extreme draws
    return math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))


def _acceleration(left_out: Float64Array) -> float:
    """``sum_c u_c^3 / (6 (sum_c u_c^2)^1.5)`` with the jackknife influence u_c of each cluster (Efron 1987)."""
    influence = left_out.mean() - left_out
    largest = np.abs(influence).max()
    if largest == 0:
        return 0.0
    influence = influence / largest  # the result is free of scale, but powers of small numbers underflow
    return float((influence**3).sum() / (6 * (influence**2).sum() ** 1.5))


def _bca_level(bias: float, acceleration: float, z: float) -> float:
    shifted = bias + z
    scale = 1 - acceleration * shifted
    if scale <= 0:  # beyond the pole of the transformation: the end of the distribution on that side
        return 1.0 if shifted > 0 else 0.0
    return float(ndtr(bias + shifted / scale))
