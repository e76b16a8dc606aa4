"""Values of queries to estimates with intervals: by influence, with the dependence of the queries.

To first order every figure is a mean of what each query contributes (its influence), so that one measurement of the
spread serves them all: a mean's influences are its values, those of a smooth function of sums come from leaving out one
query at a time. No random number is drawn. Figures over pairs vary by their documents too
(`embedscope.stats.pair_figures`).

Sources
-------
Efron & Stein, "The jackknife estimate of variance", Annals of Statistics 9 (1981).
Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.protocols import BoolArray, Float64Array, FloatArray
from embedscope.result import Estimate
from embedscope.stats.clusters import has_value
from embedscope.stats.dependence import Dependence
from embedscope.stats.figures import Statistic, quotient
from embedscope.stats.intervals import NO_VALUES, interval_bounds, student_quantile, wilson_bounds

Bounds = tuple[float, float] | None
"""What a figure can range over."""

Ends = Callable[[float, float, float, Bounds], tuple[float, float]]
"""Ends of an interval from a value, its standard error, the effective number of observations and the bounds."""

_ROUNDING = 1e-12  # spread below this share of the scale is rounding
_FEWEST = 1 + 1e-9  # effective observations: an interval needs more than one


def mean_estimates(
    values: Mapping[str, FloatArray], dependence: Dependence, *, bounds: Bounds = None
) -> dict[str, Estimate]:
    """Mean over queries and its interval, for every column of values.

    Parameters
    ----------
    values : mapping of name to ndarray of shape (n_queries,)
        NaN marks a query that the column leaves out.
    dependence : Dependence
        Of the queries.
    bounds : (float, float), optional
        What the values can range over, (0, 1) for MRR or Success@k. Where all values equal a bound (a model without
        an error) there is no spread; the Wilson interval over the effective number of queries takes its place.

    Returns
    -------
    dict of name to Estimate
        Queries that all depend fully on one another give no interval, equal values one without width, each with its
        reason. ``n`` counts queries.

    Raises
    ------
    InvalidOptionError
        If lengths differ or a value is infinite.
    """
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}
    by_queries: dict[bytes, list[str]] = {}
    for name, column in columns.items():
        by_queries.setdefault(has_value(column, len(dependence)).tobytes(), []).append(name)
    estimates: dict[str, Estimate] = {}
    for known, names in by_queries.items():
        rows = np.flatnonzero(np.frombuffer(known, dtype=bool))
        matrix = np.stack([columns[name][rows] for name in names], axis=1)
        own = dependence if len(rows) == len(dependence) else dependence.among(rows)
        estimates.update(zip(names, _mean_estimates(matrix, own, bounds), strict=True))
    return {name: estimates[name] for name in values}


def _mean_estimates(columns: Float64Array, dependence: Dependence, bounds: Bounds) -> list[Estimate]:
    if not len(columns):
        return [NO_VALUES] * columns.shape[1]
    spread, least = dependence.spread(columns), np.full(columns.shape[1], dependence.n_shared)
    means, scale = columns.mean(axis=0), np.abs(columns).max(axis=0)
    independent, variances = spread.n_effective, spread.variance_of_mean
    if bounds is None:
        return with_intervals(means, variances, independent, least, len(columns), bounds, scale)
    # Near a bound a few values make up the spread. Where all are bounds, the interval knows it from the mean.
    is_share: BoolArray = np.asarray(np.isin(columns, bounds).all(axis=0))
    sizes = np.where(is_share, independent, np.minimum(independent, 1 + degrees_of_freedom(columns - means)))
    estimates = with_intervals(means, variances, sizes, least, len(columns), bounds, scale)
    of_columns = zip(estimates, independent.tolist(), is_share.tolist(), strict=True)
    return [found if is_plain else _within_share(found, n, bounds) for found, n, is_plain in of_columns]


def _within_share(estimate: Estimate, n: float, bounds: tuple[float, float]) -> Estimate:
    """The interval no wider than were all values bounds: of values with one mean those vary most."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    floor, ceiling = bounds
    share = (estimate.value - floor) / (ceiling - floor)
    low, high = (floor + (ceiling - floor) * end for end in wilson_bounds(share, n, student_quantile(n)))
    return replace(estimate, low=max(estimate.low, low), high=min(estimate.high, high))


def figure_estimates(
    columns: FloatArray,
    statistic: Statistic,
    dependence: Dependence,
    *,
    bounds: Bounds = None,
    weights: Float64Array | None = None,
    more: Float64Array | float = 0.0,
) -> list[Estimate]:
    """Figures that are smooth functions of sums over queries, such as a ratio, with their intervals.

    With ``T`` the figure of all n queries and ``T_(q)`` that without query q, the influence of q is
    ``(n - 1) (T - T_(q))``: for a mean, its deviation.

    Parameters
    ----------
    columns : ndarray of shape (n_queries, n_columns)
        What each query adds to the sums.
    statistic : callable
        From sums to figures.
    weights : ndarray of shape (n_queries, n_figures), optional
        What each query weighs in each figure, the denominators of a ratio: unequal weights are fewer observations.
    more : ndarray of shape (n_figures,), optional
        Variance that is not of the queries, such as that of documents which several of them hold.

    Returns
    -------
    list of Estimate
        One a figure. A figure that is undefined, or undefined without one query, has no interval.
    """
    n, sums = len(columns), Sums.of(columns, statistic)
    if n < 2:
        return [without_interval(float(value), n) for value in sums.figures]
    spread = dependence.spread((n - 1) * sums.without(columns))
    sizes, least = spread.n_effective, np.full(len(sums.figures), dependence.n_shared)
    if weights is not None:
        least = dependence.n_shared_by(weights)
        sizes = np.maximum(sizes * _evenness(weights), least)
    return with_intervals(sums.figures, spread.variance_of_mean + more, sizes, least, n, bounds)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Figures of sums over all queries, and how they change where a part falls away."""

    total: Float64Array  # (S,)
    statistic: Statistic
    figures: Float64Array  # (M,)

    @classmethod
    def of(cls, columns: FloatArray, statistic: Statistic) -> Sums:
        """Sums of ``columns`` of shape (n, S). Raises InvalidOptionError if a value is not finite."""
        _require_finite(columns)
        total = columns.sum(axis=0, dtype=np.float64)
        return cls(total, statistic, statistic(total[np.newaxis])[0])

    def without(self, parts: FloatArray) -> Float64Array:
        """What each of ``parts`` of the sums, (k, S), adds to the figures, (k, M): ``T - T_(k)``."""
        return self.figures - self.statistic(self.total - parts)


def degrees_of_freedom(influences: Float64Array) -> Float64Array:
    """Of ``sum e^2`` for influences e of shape (n, M): ``2 / (sum e^4 / (sum e^2)^2 - 1 / n)``, (M,).

    Twice the squared mean of the sum over its variance (Satterthwaite 1946): n for normal influences, few where a few
    queries make up most of the spread, and never more than n - 1.
    """
    n = len(influences)
    fourth = quotient((influences**4).sum(axis=0), (influences**2).sum(axis=0) ** 2)
    return np.asarray(np.fmin(quotient(np.full(fourth.shape, 2.0), np.maximum(fourth - 1 / n, 0.0)), n - 1.0))


def _evenness(weights: Float64Array) -> Float64Array:
    """``(sum w)^2 / (n sum w^2)`` of each column: the share of the observations that unequal weights leave (Kish)."""
    return quotient(weights.sum(axis=0) ** 2, len(weights) * (weights**2).sum(axis=0))


def with_intervals(
    figures: Float64Array,
    variances: Float64Array,
    sizes: Float64Array,
    least: Float64Array,
    n: int,
    bounds: Bounds,
    scale: Float64Array | float = 0.0,
    ends: Ends = interval_bounds,
) -> list[Estimate]:
    """Estimates of figures (M,) of ``n`` queries from the variance of each.

    ``sizes`` are the effective numbers of observations, ``least`` what they were if all spread were shared; spread
    below rounding at ``scale`` counts as none. ``ends`` makes the interval.
    """
    rounding = _ROUNDING * np.maximum(scale, np.abs(figures))
    rows = np.stack([figures, np.sqrt(variances), sizes, least, rounding], axis=1).tolist()
    return [_with_interval(n, *row, bounds=bounds, ends=ends) for row in rows]


def _with_interval(
    n: int, value: float, error: float, size: float, least: float, rounding: float, *, bounds: Bounds, ends: Ends
) -> Estimate:
    if not np.isfinite(value) or least < _FEWEST:
        return without_interval(value, n)
    if not np.isfinite(error):
        return Estimate(value, n=n, reason="the figure rests on one query and is undefined without it")
    if error <= rounding:
        return _without_spread(n, value, least, rounding, bounds)
    low, high = ends(value, error, size, bounds)
    return Estimate(value, low, high, n)


def without_interval(value: float, n: int) -> Estimate:
    """The estimate where nothing is known of its spread."""
    if not np.isfinite(value):
        return Estimate(None, n=n, reason="the figure is undefined on these queries")
    return Estimate(
        value, n=n, reason="all queries depend fully on one another, so that they show no spread of their own"
    )


def _without_spread(n: int, value: float, least: float, rounding: float, bounds: Bounds) -> Estimate:
    """The estimate where leaving out any query changes nothing."""
    for bound, share in zip(bounds or (), (0.0, 1.0), strict=False):
        if abs(value - bound) <= rounding:
            floor, ceiling = bounds or (0.0, 1.0)
            low, high = (floor + (ceiling - floor) * end for end in wilson_bounds(share, least))
            reason = f"every query has the value {bound:g}; Wilson over the effective number of queries"
            return Estimate(value, low, high, n, reason)
    return Estimate(value, value, value, n, "all queries agree, so that there is no spread")


def _require_finite(columns: FloatArray) -> None:
    if not np.isfinite(columns).all():
        query, column = np.argwhere(~np.isfinite(columns))[0]
        raise InvalidOptionError(
            f"Columns to be summed over queries must be finite; query {query} has {columns[query, column]} in column "
            f"{column}. One such value makes every sum meaningless. Leave the query out, or give it the values 0 in "
            "the numerator and the denominator."
        )
