"""Values of queries to estimates with intervals: which interval fits which figure is decided here, once.

Nothing else draws random numbers for an interval or a test, so that the seed and the number of draws of a run hold for
all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeVar

import numpy as np

from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray
from embedscope.result import Comparison, Estimate, PerturbationEffect, StorageFormat
from embedscope.stats.bootstrap import Statistic, bootstrap_statistic, cluster_bootstrap, ratio_of_sums
from embedscope.stats.clusters import ClusterSums, random_half
from embedscope.stats.draws import Draws, Kept
from embedscope.stats.intervals import NO_VALUES, wilson
from embedscope.stats.paired_tests import MaxTTest, holm, max_t, sign_flip_test

UNIT = (0.0, 1.0)
Changed = TypeVar("Changed", StorageFormat, PerturbationEffect)
_MAX_PERMUTED = 1 << 20  # of more rows a sample is drawn without permuting them all, which would take 8 bytes a row


class Stream(IntEnum):
    """The streams of random numbers under one seed; figures of one stream share their resamples."""

    RUN = 1
    COMPARISON = 2
    BEST_OF_MANY = 3
    TIMELINE = 4
    SLICES = zlib.crc32(b"slices")


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """The clusters of some queries (or rows, or pairs), and the draws spent on every interval and test of them."""

    clusters: IntArray  # (Q,)
    n_draws: int
    seed: int
    stream: Stream = Stream.RUN
    _kept: Kept = field(default_factory=dict, repr=False)  # every figure of the same clusters has the same resamples

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.stream])

    def _draws(self, seed: int | tuple[int, ...]) -> Draws:
        return Draws(seed, self.n_draws, self._kept)

    def _stand_alone(self) -> bool:
        """Whether no two entries share a cluster."""
        return len(np.unique(self.clusters)) == len(self.clusters)

    def among(self, chosen: BoolArray | IntArray) -> Resampler:
        """The same for some of the queries, by mask or by rows."""
        return replace(self, clusters=self.clusters[chosen])

    def over(self, clusters: IntArray) -> Resampler:
        """The same seed and draws for other entries, such as pairs, that belong to ``clusters`` of shape (E,)."""
        return replace(self, clusters=clusters)

    def on(self, stream: Stream) -> Resampler:
        """The same clusters under another stream of random numbers."""
        return replace(self, stream=stream)

    def half(self) -> BoolArray:
        """Which queries belong to a random half of the clusters, shape (Q,)."""
        return random_half(self.clusters, self._generator())

    def sample(self, n: int, size: int) -> IntArray:
        """``size`` of the rows 0 .. n - 1 (all, where there are no more), drawn without replacement, ascending."""
        generator = self._generator()
        if n > _MAX_PERMUTED:
            return np.sort(generator.choice(n, size, replace=False, shuffle=False))
        return np.sort(generator.permutation(n)[:size])

    def resamples(self, n: int, size: int, n_draws: int) -> Iterator[IntArray]:
        """``n_draws`` times ``size`` of the rows 0 .. n - 1, drawn with replacement."""
        generator = self._generator()
        return (generator.integers(0, n, size) for _ in range(n_draws))

    def n_effective(self, values: Float64Array) -> float:
        """Effective number of independent queries for the mean of ``values`` of shape (Q,)."""
        return ClusterSums.of(np.zeros((len(values), 1)), self.clusters).n_effective

    def means(
        self, values: Mapping[str, Float64Array], *, bounds: tuple[float, float] | None = UNIT
    ) -> dict[str, Estimate]:
        """Mean over queries with its interval: Wilson for plain proportions of lone queries, else BCa over clusters."""
        has_shares = bounds == UNIT and self._stand_alone()
        shares = {name for name, column in values.items() if has_shares and _is_proportion(column)}
        others = {name: column for name, column in values.items() if name not in shares}
        draws = self._draws(int(self._generator().integers(2**63)))
        found = cluster_bootstrap(others, self.clusters, draws, bounds=bounds)
        return {name: _proportion(column) if name in shares else found[name] for name, column in values.items()}

    def statistic(
        self, columns: Float64Array, statistic: Statistic, *, bounds: tuple[float, float] | None = None
    ) -> tuple[Estimate, ...]:
        """Figures of per-query sums, ``columns`` of shape (Q, S); queries whose columns are all 0 take no part."""
        used = columns.any(axis=1)
        if not used.any():
            n_figures = len(statistic(np.zeros((1, columns.shape[1])))[0])
            return (NO_VALUES,) * n_figures
        sums = ClusterSums.of(columns[used], self.clusters[used])
        return bootstrap_statistic(sums, statistic, self._draws((self.seed, self.stream)), bounds=bounds)

    def ratio(self, columns: Float64Array) -> tuple[Estimate, ...]:
        """First half of the per-query columns over the second half, summed over queries first."""
        return self.statistic(columns, ratio_of_sums)

    def share(self, hits: BoolArray) -> Estimate:
        """Share of hits: Wilson where every entry stands alone, else a cluster bootstrap (BCa); absent of nothing."""
        if self._stand_alone():
            return _proportion(np.asarray(hits, dtype=np.float64))
        return self.rate(hits, np.ones(len(hits)))

    def rate(self, numerators: FloatArray | BoolArray, denominators: FloatArray | BoolArray) -> Estimate:
        """``sum numerators / sum denominators`` with its cluster bootstrap interval, ends kept within [0, 1].

        Entries without a denominator take no part; absent where none has one.
        """
        used = np.asarray(denominators) != 0
        columns = np.column_stack([numerators, denominators]).astype(np.float64)
        (found,) = self.among(used).statistic(columns[used], ratio_of_sums, bounds=UNIT)
        low = None if found.low is None else max(found.low, 0.0)
        return replace(found, low=low, high=None if found.high is None else min(found.high, 1.0))

    def contrast(self, values: FloatArray | BoolArray, inside: BoolArray) -> Estimate:
        """Mean of ``values`` inside minus mean outside, with its cluster bootstrap interval (BCa).

        Absent where a side is empty; no interval where one is so in more than 1 % of the resamples.
        """
        ours = np.asarray(inside, dtype=np.float64)
        if not 0 < ours.sum() < len(ours):
            return Estimate.absent("a side of the comparison is empty")
        column = np.asarray(values, dtype=np.float64)
        columns = np.column_stack([ours * column, (1 - ours) * column, ours, 1 - ours])
        (found,) = self.statistic(columns, _difference_of_means)
        return found

    def compare(
        self,
        a: str,
        ours: Mapping[str, Float64Array],
        others: Mapping[str, Mapping[str, Float64Array]],
        measures: tuple[str, ...],
    ) -> tuple[Comparison, ...]:
        """Run ``a`` against each other run on ``measures``; ``p_adjusted`` is ``p`` until :func:`holm_over`."""
        pairs = [(b, name) for b in others for name in measures if name in ours and name in others[b]]
        differences = [ours[name] - others[b][name] for b, name in pairs]
        intervals = self.means({str(i): column for i, column in enumerate(differences)}, bounds=None)
        comparisons = []
        for (b, name), column, interval in zip(pairs, differences, intervals.values(), strict=True):
            test = sign_flip_test(column, self.clusters, generator=self._generator(), n_draws=self.n_draws)
            comparisons.append(
                Comparison(
                    a=a,
                    b=b,
                    metric=name,
                    difference=test.difference,
                    low=interval.low,
                    high=interval.high,
                    p=test.p,
                    p_adjusted=test.p,
                    effect_size=test.effect_size,
                    wins=test.wins,
                    losses=test.losses,
                    ties=test.ties,
                )
            )
        return tuple(comparisons)

    def best_of(self, differences: Float64Array) -> MaxTTest:
        """Max-T test of candidates against one reference; differences of shape (Q, n_candidates)."""
        generator = self.on(Stream.BEST_OF_MANY)._generator()
        return max_t(differences, self.clusters, generator=generator, n_draws=self.n_draws)


def _difference_of_means(sums: Float64Array) -> Float64Array:
    means = ratio_of_sums(sums)
    return np.asarray(means[:, :1] - means[:, 1:])


def holm_over(comparisons: Sequence[Comparison], primary: Sequence[str]) -> tuple[Comparison, ...]:
    """The comparisons with Holm's correction over those of the ``primary`` metrics, declared before measuring.

    The others keep their raw p-value: they describe, they do not decide.
    """
    rows = [i for i, comparison in enumerate(comparisons) if comparison.metric in primary]
    corrected = list(comparisons)
    if rows:
        adjusted = holm(np.array([comparisons[i].p for i in rows]))
        for row, p in zip(rows, adjusted, strict=True):
            corrected[row] = replace(comparisons[row], p_adjusted=float(p))
    return tuple(corrected)


def holm_over_changes(records: Sequence[Changed], primary: Sequence[str]) -> tuple[Changed, ...]:
    """The records with the p-values of their ``changes`` corrected by :func:`holm_over` over all of them."""
    changes = iter(holm_over([change for record in records for change in record.changes], primary))
    return tuple(replace(record, changes=tuple(next(changes) for _ in record.changes)) for record in records)


def _is_proportion(values: Float64Array) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size) and bool(np.isin(known, (0.0, 1.0)).all())


def _proportion(values: Float64Array) -> Estimate:
    known = values[~np.isnan(values)]
    return wilson(int(known.sum()), len(known))
