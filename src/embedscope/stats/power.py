"""What a test set of this size can and cannot see: standard errors by the dependence of its queries.

Sources
-------
Kish, "Survey Sampling" (1965): design effect.
Bloom, "Minimum detectable effects", Evaluation Review 19 (1995).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

from embedscope.protocols import Float64Array, FloatArray
from embedscope.stats.clusters import has_value
from embedscope.stats.dependence import Dependence

_ALPHA, _POWER = 0.05, 0.8


def standard_error(values: FloatArray, dependence: Dependence) -> float | None:
    """Standard error of the mean over queries; for independent queries the usual ``s / sqrt(n)``.

    Parameters
    ----------
    values : ndarray of shape (n_queries,)
        NaN marks a query that is left out.
    dependence : Dependence
        Of the queries.

    Returns
    -------
    float or None
        Unit of the values. None where the queries show no spread, or depend fully on one another: such a sample does
        not tell how uncertain its mean is.
    """
    return _error_and_size(*_known(values, dependence))[0]


def design_effect(values: FloatArray, dependence: Dependence) -> float | None:
    """How many times larger the variance of the mean is than if every query were independent (Kish 1965).

    ``SE^2 / (s^2 / n)``; 1.0 where queries are independent. None as for :func:`standard_error`.
    """
    known, own = _known(values, dependence)
    error, _ = _error_and_size(known, own)
    return None if error is None else error**2 / (float(known.var(ddof=1)) / len(known))


def minimum_detectable_difference(values: FloatArray, dependence: Dependence, *, n_tests: int = 1) -> float | None:
    """Smallest true mean (of paired differences) or shift of a mean that a test of this size finds in 4 of 5 cases.

    :func:`detectable` with ``n_eff - 1`` degrees of freedom. ``values``, ``dependence`` and None as for
    :func:`standard_error`.
    """
    error, size = _error_and_size(*_known(values, dependence))
    if error is None:
        return None
    return detectable(error, size - 1, n_tests=n_tests)


def detectable(error: float, freedom: float, *, n_tests: int = 1) -> float:
    """Smallest true difference that a two-sided test finds in 4 of 5 cases, at the level of 0.05 over ``n_tests``.

    ``(t(1 - 0.025 / n_tests; freedom) + t(0.8; freedom)) * error`` (Bloom 1995). Of several tests under Holm's
    correction this is what the strictest of them finds, so that the one that decides finds no less.
    """
    return float(stdtrit(freedom, 1 - _ALPHA / 2 / n_tests) + stdtrit(freedom, _POWER)) * error


def error_of_interval(half_width: float, freedom: float) -> float:
    """The standard error of which an interval of 95 % with this half-width was made (Student's quantile)."""
    return half_width / float(stdtrit(freedom, 1 - _ALPHA / 2))


def _known(values: FloatArray, dependence: Dependence) -> tuple[Float64Array, Dependence]:
    column = np.asarray(values, dtype=np.float64)
    known = has_value(column, len(dependence))
    return column[known], dependence.among(known)


def _error_and_size(values: Float64Array, dependence: Dependence) -> tuple[float | None, float]:
    """Standard error, and the effective number of queries that it rests on."""
    if len(values) < 2:
        return None, float(len(values))
    spread = dependence.spread(values[:, np.newaxis])
    error, size = math.sqrt(spread.variance_of_mean[0]), float(spread.n_effective[0])
    return (error if error > 1e-12 * float(np.abs(values).max()) else None), size
