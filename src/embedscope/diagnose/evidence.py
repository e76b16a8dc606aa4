"""From flags to findings: shares with intervals, candidates with what mending them would gain, their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray
from embedscope.result import Finding, Severity
from embedscope.stats.bootstrap import bootstrap_statistic, ratio_of_sums
from embedscope.stats.clusters import ClusterSums
from embedscope.stats.draws import Draws
from embedscope.stats.intervals import wilson

N_DRAWS = 2_000
MAX_ROWS = 1_000
"""Rows kept in a finding, the worst first; the count is in ``n`` and ``effect``."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; the ends are None where no interval exists (one cluster)."""

    value: float
    low: float | None
    high: float | None

    @property
    def at_least(self) -> float:
        """The lower end; 0 where there is none, because a single cluster is no evidence."""
        return 0.0 if self.low is None else self.low


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finding and what it is ordered by.

    ``gain`` of a model's finding is an estimate of the MRR that mending it could win at most, on this test set: the sum
    of ``1 - RR`` over the queries that it explains, divided by all queries. An audit measures no model; there it is the
    share of the rows or pairs concerned.
    """

    finding: Finding
    gain: float


def share(hits: BoolArray, clusters: IntArray) -> Estimate:
    """Share of hits with its interval: Wilson where every entry stands alone, else a cluster bootstrap (BCa)."""
    flags = np.asarray(hits, dtype=np.float64)
    if len(np.unique(clusters)) == len(clusters):
        found = wilson(int(flags.sum()), len(flags))
        return Estimate(float(found.value or 0.0), found.low, found.high)
    return rate(flags, np.ones_like(flags), clusters)


def rate(numerators: FloatArray, denominators: FloatArray, clusters: IntArray, *, seed: int = 0) -> Estimate:
    """``sum numerators / sum denominators`` with its cluster bootstrap interval, ends kept within [0, 1].

    Entries without a denominator take no part.
    """
    used = np.asarray(denominators) != 0
    if not used.any():
        return Estimate(0.0, None, None)
    sums = ClusterSums.of(np.column_stack([numerators, denominators])[used], clusters[used])
    (found,) = bootstrap_statistic(sums, ratio_of_sums, draws=Draws(seed, N_DRAWS), bounds=(0.0, 1.0))
    low = None if found.low is None else max(found.low, 0.0)
    return Estimate(float(found.value or 0.0), low, None if found.high is None else min(found.high, 1.0))


def contrast(values: FloatArray, inside: BoolArray, clusters: IntArray, *, seed: int = 0) -> Estimate:
    """Mean of ``values`` inside minus mean outside, with its cluster bootstrap interval (BCa).

    No interval where a side is empty, or is so in more than 1 % of the resamples.
    """
    ours = np.asarray(inside, dtype=np.float64)
    column = np.asarray(values, dtype=np.float64)
    if not 0 < ours.sum() < len(ours):
        return Estimate(0.0, None, None)
    sums = ClusterSums.of(np.column_stack([ours * column, (1 - ours) * column, ours, 1 - ours]), clusters)
    (found,) = bootstrap_statistic(sums, _difference_of_means, draws=Draws(seed, N_DRAWS))
    return Estimate(float(found.value or 0.0), found.low, found.high)


def _difference_of_means(sums: Float64Array) -> Float64Array:
    means = ratio_of_sums(sums)
    return np.asarray(means[:, :1] - means[:, 1:])


def ordered(candidates: Iterable[Candidate]) -> tuple[Finding, ...]:
    """The findings, the one whose mending gains most first; equal gains by severity, then code."""
    ranks = {severity: place for place, severity in enumerate(Severity)}
    return tuple(
        candidate.finding
        for candidate in sorted(candidates, key=lambda c: (-c.gain, ranks[c.finding.severity], c.finding.code))
    )


def percent(value: float) -> str:
    """A share in words: "31 %", "0.4 %"."""
    return f"{100 * value:.0f} %" if value >= 0.0995 or value == 0 else f"{100 * value:.1f} %"


def some_rows(rows: Iterable[int]) -> tuple[int, ...]:
    """The first :data:`MAX_ROWS` different rows."""
    return tuple(dict.fromkeys(int(row) for row in rows))[:MAX_ROWS]
