"""Is one model better than another on the same queries: paired tests, and many tests at once.

Under the null hypothesis that two models are exchangeable, swapping their values within a cluster of queries changes
the sign of the cluster's summed difference and nothing else. The reference distribution is that of all such swaps. It
needs clusters that are independent of one another. Where queries depend in part there are none, and the difference is
held against its standard error instead, with Student's t (`embedscope.stats.dependence`).

Sources
-------
Phipson & Smyth, "Permutation p-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010): the +1.
Westfall & Young, "Resampling-based multiple testing" (1993): single-step max-T.
Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
Benjamini & Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995).
Smucker, Allan & Carterette, CIKM 2007: why a randomisation test for retrieval metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.protocols import Float64Array, FloatArray, IntArray
from embedscope.stats.clusters import cluster_sums, has_value
from embedscope.stats.dependence import Dependence

_MAX_EXACT = 20  # 2^19 sign patterns, at which enumeration is as quick as drawing
_CHUNK = 1 << 20  # cells of the sign matrix made at once
_FEW_COLUMNS = 4
_SORTED_DIGITS = 9  # of the largest sum; rounding, which follows the order of the queries, must not order them
_ROUNDING = 1e-12  # sums that differ by less than this share of their terms are equal


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A paired difference and its two-sided p-value.

    Attributes
    ----------
    difference : float
        Mean over the ``n`` queries that have a value; exactly 0.0 for equal models.
    p : float
        In (0, 1]. ``is_exact`` says whether all sign patterns were enumerated.
    n : int
    wins, losses, ties : int
        Queries with a positive, a negative, no difference.
    effect_size : float or None
        Cohen's d_z. By sign flips the mean of the cluster sums of differences over their standard deviation (ddof 1);
        by Student's t the mean over the standard deviation of an independent query, ``SE sqrt(n_eff)``. 0.0 where all
        differences are zero; None where it is undefined (one cluster, or equal differences).
    """

    difference: float
    p: float
    n: int
    wins: int
    losses: int
    ties: int
    effect_size: float | None
    is_exact: bool


@dataclass(frozen=True, slots=True)
class MaxTTest:
    """Paired differences of K candidates, each of shape (K,): means, p-values alone and adjusted for the choice."""

    difference: Float64Array
    p: Float64Array
    p_adjusted: Float64Array
    is_exact: bool


def paired_test(
    differences: FloatArray, dependence: Dependence, *, generator: np.random.Generator, n_draws: int = 10_000
) -> PairedTest:
    """Two-sided test of the mean paired difference: sign flips where queries fall into independent clusters, else t.

    Parameters
    ----------
    differences : ndarray of shape (n_queries,)
        Value of one model minus value of the other; NaN where either has none.
    dependence : Dependence
        Of the queries. Sign flips need K of 0 and 1 alone.

    Raises
    ------
    TooFewPointsError
        If no query has a difference.
    InvalidOptionError
        If lengths differ, a difference is infinite, or ``n_draws`` is not positive.
    """
    column = np.asarray(differences, dtype=np.float64)
    known = has_value(column, len(dependence))
    values, own = column[known], dependence.among(known)
    _require_values(len(values))
    if own.blocks is not None:
        return _sign_flip_test(values, own.blocks, generator, n_draws)
    return _student_test(values, own)


def _sign_flip_test(
    values: Float64Array, clusters: IntArray, generator: np.random.Generator, n_draws: int
) -> PairedTest:
    """``p`` is the share of sign patterns e in {-1, 1}^C with ``|sum_c e_c D_c| >= |sum_c D_c|``.

    D_c is the sum of the differences in cluster c. Exact where 20 or fewer D_c are non-zero; else ``p = (count + 1) /
    (n_draws + 1)`` (Phipson & Smyth 2010).
    """
    sums = _cluster_differences(values[:, np.newaxis], clusters)  # (C, 1)
    flips = _Flips.of(sums, n_draws)
    count = _count_as_extreme(flips, generator, np.ones(1))[0][0]
    return _paired(values, float(flips.p_value(count)), _effect_size(sums[:, 0]), is_exact=flips.is_exact)


def _student_test(values: Float64Array, dependence: Dependence) -> PairedTest:
    """``|mean| / SE`` against Student's t with ``n_eff - 1`` degrees of freedom."""
    t, p, sizes = _student(values[:, np.newaxis], dependence)
    effect = float(t[0]) / math.sqrt(sizes[0])
    return _paired(values, float(p[0]), effect if math.isfinite(effect) else None, is_exact=False)


def _student(columns: Float64Array, dependence: Dependence) -> tuple[Float64Array, Float64Array, Float64Array]:
    """t, p and the effective number of queries of each column, (K,).

    Where all differences are equal they show no spread, and p is that of a sign test over n_K observations.
    """
    spread, means = dependence.spread(columns), columns.mean(axis=0)
    errors, sizes = np.sqrt(spread.variance_of_mean), spread.n_effective
    scale = _ROUNDING * np.abs(columns).max(axis=0)
    has_spread, differs = errors > scale, np.abs(means) > scale
    t = np.where(differs, np.copysign(np.inf, means), 0.0)
    t[has_spread] = means[has_spread] / errors[has_spread]
    p = np.where(has_spread, 2 * stdtr(sizes - 1, -np.abs(t)), np.where(differs, 2.0 ** (1 - dependence.n_shared), 1.0))
    return t, p, sizes


def _paired(values: Float64Array, p: float, effect_size: float | None, *, is_exact: bool) -> PairedTest:
    threshold = _ROUNDING * float(np.abs(values).max())
    wins, losses = int((values > threshold).sum()), int((values < -threshold).sum())
    return PairedTest(
        difference=float(values.mean()),
        p=p,
        n=len(values),
        wins=wins,
        losses=losses,
        ties=len(values) - wins - losses,
        effect_size=effect_size,
        is_exact=is_exact,
    )


def max_t(
    differences: FloatArray, dependence: Dependence, *, generator: np.random.Generator, n_draws: int = 10_000
) -> MaxTTest:
    """Single-step max-T: p-values that stay honest when the best of K candidates was picked (Westfall & Young 1993).

    ``T_k = |sum_c D_ck| / sqrt(sum_c D_ck^2)`` over independent clusters. Its denominator is the same under every sign
    pattern. The adjusted p-value of candidate k is the share of sign patterns, common to all candidates, with
    ``max_j T*_j >= T_k``. Where queries depend in part, T_k is Student's t, and T* are draws of as many t with the
    correlation of the differences.

    Parameters
    ----------
    differences : ndarray of shape (n_queries, n_candidates)
        Candidate minus reference; NaN where either has no value.
    dependence : Dependence
        Of the queries.

    Raises
    ------
    TooFewPointsError
        If a candidate has no query with a difference.
    InvalidOptionError
        If the shapes do not fit, a difference is infinite, or ``n_draws`` is not positive.
    """
    columns = np.asarray(differences, dtype=np.float64)
    if columns.ndim != 2:
        raise InvalidOptionError(
            f"Expected differences of shape (n_queries, n_candidates); got {columns.shape}. Each candidate is a "
            "column. Use paired_test for a single one."
        )
    for column in columns.T:
        _require_values(int(has_value(column, len(dependence)).sum()))
    filled = np.nan_to_num(columns, nan=0.0)
    means = np.nanmean(columns, axis=0)
    if dependence.blocks is None:
        p, p_adjusted = _max_student(filled, dependence, generator, n_draws)
        return MaxTTest(means, p, p_adjusted, is_exact=False)
    sums = _cluster_differences(filled, dependence.blocks)  # (C, K)
    flips = _Flips.of(sums, n_draws)
    norms = np.sqrt((sums**2).sum(axis=0))
    alone, best = _count_as_extreme(flips, generator, np.where(norms > 0, norms, 1.0))
    return MaxTTest(means, flips.p_value(alone), flips.p_value(best), flips.is_exact)


def _max_student(
    columns: Float64Array, dependence: Dependence, generator: np.random.Generator, n_draws: int
) -> tuple[Float64Array, Float64Array]:
    """p alone and adjusted, (K,): the largest of K correlated Student's t, as rare as the least certain of them."""
    t, p, sizes = _student(columns, dependence)
    deviations = columns - columns.mean(axis=0)
    norms = np.sqrt((deviations**2).sum(axis=0))
    unit = deviations / np.where(norms > 0, norms, 1.0)
    normal = generator.standard_normal((n_draws, len(t))) @ np.linalg.cholesky(_definite(unit.T @ unit)).T
    df = float(sizes.min()) - 1
    largest = np.abs(normal / np.sqrt(generator.chisquare(df, (n_draws, 1)) / df)).max(axis=1)
    count = (largest[:, np.newaxis] >= np.abs(t)).sum(axis=0)
    return p, np.maximum((count + 1) / (n_draws + 1), p)


def _definite(correlation: Float64Array) -> Float64Array:
    """The correlation with so much more on its diagonal that equal columns have a Cholesky factor too."""
    return correlation + 1e-9 * np.eye(len(correlation))


def holm(p_values: FloatArray) -> Float64Array:
    """Holm-adjusted p-values, in the order of the input: the family-wise error stays below alpha (Holm 1979).

    ``p_(i) -> max_{j <= i} min(1, (n - j + 1) p_(j))`` over ascending p-values.

    Raises InvalidOptionError if a p-value is not in [0, 1].
    """
    p = _checked_p_values(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def benjamini_hochberg(p_values: FloatArray) -> Float64Array:
    """Benjamini-Hochberg adjusted p-values, in the order of the input: bounds the share of false discoveries.

    ``p_(i) -> min_{j >= i} min(1, n p_(j) / j)`` over ascending p-values (Benjamini & Hochberg 1995).

    Raises InvalidOptionError if a p-value is not in [0, 1].
    """
    p = _checked_p_values(p_values)
    order = np.argsort(p, kind="stable")[::-1]
    adjusted = np.empty_like(p)
    ranks = np.arange(len(p), 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(p[order] * len(p) / ranks), 1.0)
    return adjusted


@dataclass(frozen=True, slots=True)
class _Flips:
    """The sign patterns to be tried on the clusters whose sums are not all zero.

    The clusters stand in the order of their sums, each with the sign that makes its first sum positive: no pattern is
    more likely so, and those that are drawn are the same whatever the order of the queries and the sign.
    """

    sums: Float64Array  # (m, K)
    observed: Float64Array  # (K,) sums over clusters before any flip
    n_patterns: int
    is_exact: bool

    @classmethod
    def of(cls, sums: Float64Array, n_draws: int) -> _Flips:
        if n_draws < 1:
            raise InvalidOptionError(
                f"n_draws must be positive; got {n_draws}. The p-value is a share of the draws. 10,000 is the default."
            )
        moving = sums[(sums != 0).any(axis=1)]
        first = moving[np.arange(len(moving)), (moving != 0).argmax(axis=1)]
        upright = moving * np.sign(first)[:, np.newaxis]
        places = np.round(upright / max(np.abs(moving).max(initial=0.0), np.finfo(float).tiny), _SORTED_DIGITS)
        upright = upright[np.lexsort(places.T[::-1])]
        is_exact = len(moving) <= _MAX_EXACT
        # |sum| is the same when all signs turn, so the last sign can stay and half of the patterns suffice.
        n_patterns = 2 ** max(len(moving) - 1, 0) if is_exact else n_draws
        return cls(upright, moving.sum(axis=0), n_patterns, is_exact)

    def p_value(self, count: IntArray) -> Float64Array:
        extra = 0 if self.is_exact else 1
        return np.asarray((count + extra) / (self.n_patterns + extra), dtype=np.float64)

    def flipped_sums(self, generator: np.random.Generator) -> Iterator[Float64Array]:
        """Sums under each sign pattern, in chunks of shape (n_rows, K)."""
        total = self.sums.sum(axis=0)
        n = len(self.sums)
        rows = max(1, _CHUNK // max(n, 1))
        width = -(-n // 8)
        # What the eight signs of a byte add, for each of its values: for few columns quicker than a product.
        padded = np.pad(self.sums, ((0, 8 * width - n), (0, 0))).reshape(width, 8, self.sums.shape[1])
        by_byte = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1).astype(np.float64) @ padded
        for start in range(0, self.n_patterns, rows):
            stop = min(start + rows, self.n_patterns)
            bits: npt.NDArray[Any]
            if self.is_exact:  # binary digits of start .. stop - 1
                bits = (np.arange(start, stop)[:, np.newaxis] >> np.arange(n)) & 1
            else:
                packed = np.frombuffer(generator.bytes((stop - start) * width), dtype=np.uint8).reshape(-1, width)
                if self.sums.shape[1] <= _FEW_COLUMNS:
                    yield total - 2 * by_byte[np.arange(width), packed].sum(axis=1)
                    continue
                bits = np.unpackbits(packed, axis=1, count=n)
            yield total - 2 * (bits.astype(np.float64) @ self.sums)


def _count_as_extreme(flips: _Flips, generator: np.random.Generator, norms: Float64Array) -> tuple[IntArray, IntArray]:
    """How many sign patterns reach each observed |sum| / norm: by the same column, and by the largest of all."""
    observed = np.abs(flips.observed) / norms  # (K,)
    reached = observed - _ROUNDING * np.abs(flips.sums).sum(axis=0) / norms
    alone = np.zeros(len(observed), dtype=np.int64)
    best = np.zeros(len(observed), dtype=np.int64)
    for sums in flips.flipped_sums(generator):
        statistics = np.abs(sums) / norms  # (n_rows, K)
        alone += (statistics >= reached).sum(axis=0)
        best += (statistics.max(axis=1, keepdims=True) >= reached).sum(axis=0)
    return alone, best


def _cluster_differences(differences: Float64Array, clusters: IntArray) -> Float64Array:
    """Differences summed over clusters, (C, K); sums that are zero up to rounding are set to zero."""
    sums, size = cluster_sums(differences, clusters), cluster_sums(np.abs(differences), clusters)
    return np.where(np.abs(sums) <= _ROUNDING * size, 0.0, sums)


def _effect_size(sums: Float64Array) -> float | None:
    if not sums.any():
        return 0.0
    if len(sums) < 2 or np.ptp(sums) <= _ROUNDING * np.abs(sums).max():
        return None
    return float(sums.mean() / sums.std(ddof=1))


def _require_values(n: int) -> None:
    if n == 0:
        raise TooFewPointsError(
            "Expected at least one query with a value under both models; got none. A paired test compares models on "
            "the same queries. Check that both were evaluated on this data set and that its queries have relevant "
            "documents."
        )


def _checked_p_values(p_values: FloatArray) -> Float64Array:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise InvalidOptionError(
            f"Expected a vector of p-values in [0, 1]; got shape {p.shape} with values {p.tolist()}. A NaN stands "
            "for a test that was not made, and the correction depends on how many were. Leave such tests out."
        )
    return p
