"""Means over several data sets, each counted once, with intervals that rest on the queries within the sets.

The sets are what they are and no sample of all sets there could be: nothing is said of a further one. They are taken
to be independent of one another.

Sources
-------
Zou & Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in Medicine 27
(2008): limits of a sum from the limits of its terms (MOVER).
Welch, "The generalization of 'Student's' problem when several different population variances are involved", Biometrika
34 (1947), with the degrees of freedom of Satterthwaite (1946).
Thakur et al., "BEIR", NeurIPS 2021: the mean over data sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr

from embedscope.result import Estimate
from embedscope.stats.intervals import student_quantile
from embedscope.stats.power import error_of_interval


@dataclass(frozen=True, slots=True)
class MacroDifference:
    """The mean of paired differences over sets, its interval and its two-sided p-value."""

    difference: float
    low: float | None
    high: float | None
    p: float


def macro_mean(figures: Sequence[Estimate]) -> Estimate:
    """The mean of a figure over S sets, ``m = sum m_s / S``.

    Its ends are ``m - sqrt(sum (m_s - l_s)^2) / S`` and ``m + sqrt(sum (u_s - m_s)^2) / S`` for the ends l_s and u_s of
    each set (Zou & Donner 2008): they are skewed as those are, and lie in [0, 1] where those do. ``n`` counts sets.
    Absent where a set lacks the figure; without an interval where a set has none.
    """
    n = len(figures)
    values = [figure.value for figure in figures if figure.value is not None]
    if not values or len(values) < n:
        return Estimate(None, n=n, reason=f"{n - len(values)} of {n} sets lack this figure")
    mean = math.fsum(values) / n
    reaches = [
        (value - figure.low, figure.high - value)
        for value, figure in zip(values, figures, strict=True)
        if figure.low is not None and figure.high is not None
    ]
    if len(reaches) < n:
        return Estimate(mean, n=n, reason=f"{n - len(reaches)} of {n} sets have no interval")
    below, above = (math.hypot(*sides) / n for sides in zip(*reaches, strict=True))
    return Estimate(mean, mean - below, mean + above, n)


def macro_difference(differences: Sequence[Estimate], sizes: Sequence[float]) -> MacroDifference:
    """The mean over S sets of paired differences, with Welch's interval and test.

    ``SE^2 = sum SE_s^2 / S^2`` with ``sum(SE_s^2)^2 / sum(SE_s^4 / (n_s - 1))`` degrees of freedom. ``SE_s`` is that of
    which the interval of a set was made. Where no query differs from the others of its set p is that of a sign test
    over all effective queries; where a set has no interval nothing is known, and p is 1.

    Parameters
    ----------
    differences : sequence of Estimate
        One a set, ends at equal distances from the value.
    sizes : sequence of float
        Effective number of independent queries of each set.
    """
    n = len(differences)
    mean = math.fsum(each.value or 0.0 for each in differences) / n
    freedoms = [max(size - 1, 1.0) for size in sizes]
    errors = [
        error_of_interval((each.high - each.low) / 2, freedom)
        for each, freedom in zip(differences, freedoms, strict=True)
        if each.low is not None and each.high is not None
    ]
    if len(errors) < n:
        return MacroDifference(mean, None, None, 1.0)
    total = math.fsum(error**2 for error in errors)
    if total == 0:
        p = 1.0 if mean == 0 else min(2.0 ** (1 - math.fsum(sizes)), 1.0)
        return MacroDifference(mean, mean, mean, p)
    freedom = total**2 / math.fsum(error**4 / own for error, own in zip(errors, freedoms, strict=True))
    error = math.sqrt(total) / n
    reach = student_quantile(freedom + 1) * error
    p = 2 * float(stdtr(freedom, -abs(mean) / error))
    return MacroDifference(mean, mean - reach, mean + reach, p)
