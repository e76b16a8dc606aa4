"""What a test set of this size can and cannot see: standard errors over clusters, and what follows from them.

Sources
-------
Kish, "Survey Sampling" (1965): design effect. Liang & Zeger, Biometrika 73 (1986): cluster-robust variance.
Bloom, "Minimum detectable effects", Evaluation Review 19 (1995).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

from embedscope.protocols import FloatArray, IntArray
from embedscope.stats.clusters import ClusterSums, finite_queries

_ALPHA, _POWER = 0.05, 0.8


def cluster_standard_error(values: FloatArray, clusters: IntArray) -> float | None:
    """Cluster-robust standard error of the mean over queries.

    ``sqrt(C / (C - 1) * sum_c (S_c - n_c m)^2) / n``, m the mean, S_c and n_c the sum and the size of cluster c.
    With one query a cluster this is the usual ``s / sqrt(n)``.

    Parameters
    ----------
    values : ndarray of shape (n_queries,)
        NaN marks a query that is left out.
    clusters : ndarray of shape (n_queries,), int64

    Returns
    -------
    float or None
        Unit of the values. None with fewer than two clusters, or where the clusters show no spread: such a sample
        does not tell how uncertain its mean is.
    """
    values, labels = finite_queries(values, clusters)
    if len(values) == 0:
        return None
    scale = np.abs(values).max()
    deviations = ClusterSums.of((values - values.mean())[:, np.newaxis], labels).sums[:, 0]
    n_clusters = len(deviations)
    if n_clusters < 2 or np.abs(deviations).max() <= 1e-12 * scale * len(values):
        return None
    return math.sqrt(n_clusters / (n_clusters - 1) * float((deviations**2).sum())) / len(values)


def design_effect(values: FloatArray, clusters: IntArray) -> float | None:
    """How many times larger the variance of the mean is than if every query were independent (Kish 1965).

    Cluster-robust variance over ``s^2 / n``; 1.0 where each query is its own cluster. None as for
    :func:`cluster_standard_error`.
    """
    error = cluster_standard_error(values, clusters)
    if error is None:
        return None
    finite, _ = finite_queries(values, clusters)
    return error**2 / (float(finite.var(ddof=1)) / len(finite))


def minimum_detectable_difference(values: FloatArray, clusters: IntArray, *, n_tests: int = 1) -> float | None:
    """Smallest true mean (of paired differences) or shift of a mean that a test of this size finds in 4 of 5 cases.

    :func:`detectable` with the cluster-robust standard error. ``values``, ``clusters`` and None as for
    :func:`cluster_standard_error`.
    """
    error = cluster_standard_error(values, clusters)
    if error is None:
        return None
    n_clusters = len(np.unique(finite_queries(values, clusters)[1]))
    return detectable(error, n_clusters - 1, n_tests=n_tests)


def detectable(error: float, freedom: float, *, n_tests: int = 1) -> float:
    """Smallest true difference that a two-sided test finds in 4 of 5 cases, at the level of 0.05 over ``n_tests``.

    ``(t(1 - 0.025 / n_tests; freedom) + t(0.8; freedom)) * error`` (Bloom 1995). Of several tests under Holm's
    correction this is what the strictest of them finds, so that the one that decides finds no less.
    """
    return float(stdtrit(freedom, 1 - _ALPHA / 2 / n_tests) + stdtrit(freedom, _POWER)) * error


def error_of_interval(half_width: float, freedom: float) -> float:
    """The standard error of which an interval of 95 % with this half-width was made (Student's quantile)."""
    return half_width / float(stdtrit(freedom, 1 - _ALPHA / 2))
