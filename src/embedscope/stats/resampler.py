"""Values of queries to estimates with intervals: which interval fits which figure is decided here, once.

Nothing else draws random numbers for an interval or a test, so that the seed and the number of draws of a run hold for
all of them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeVar

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray
from embedscope.result import Comparison, Estimate, IndexSetting, PerturbationEffect, StorageFormat
from embedscope.stats.clusters import has_value, random_half
from embedscope.stats.dependence import Dependence
from embedscope.stats.estimates import Ends, figure_estimates, mean_estimates
from embedscope.stats.figures import Statistic, ratio_of_sums
from embedscope.stats.intervals import NO_VALUES, interval_bounds, wilson
from embedscope.stats.pair_figures import PairColumns, pair_estimates
from embedscope.stats.paired_tests import MaxTTest, holm, max_t, paired_test

UNIT = (0.0, 1.0)
Changed = TypeVar("Changed", StorageFormat, IndexSetting, PerturbationEffect)
_FEWEST_DRAWS = 100
_MAX_PERMUTED = 1 << 20  # of more rows a sample is drawn without permuting them all, which would take 8 bytes a row


class Stream(IntEnum):
    """The streams of random numbers under one seed; what stands on one stream shares its draws."""

    RUN = 1
    COMPARISON = 2
    BEST_OF_MANY = 3
    TIMELINE = 4
    SLICES = zlib.crc32(b"slices")


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """The queries (or rows, or pairs) that figures are taken over, how they depend on one another, and the draws.

    Intervals are computed, not drawn; draws are spent on tests, samples and halves.
    """

    clusters: IntArray  # (Q,) connected groups, which halves do not divide
    n_draws: int
    seed: int
    stream: Stream = Stream.RUN
    dependence: Dependence = None  # type: ignore[assignment]  # full within the clusters where nothing else is known

    def __post_init__(self) -> None:
        if self.n_draws < _FEWEST_DRAWS:
            raise InvalidOptionError(
                f"n_draws must be at least {_FEWEST_DRAWS}; got {self.n_draws}. A p-value is a share of the draws, and "
                "cannot be smaller than one of them. 10,000 is the default."
            )
        if self.dependence is None:
            object.__setattr__(self, "dependence", Dependence.of_groups(self.clusters))

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.stream])

    def among(self, chosen: BoolArray | IntArray) -> Resampler:
        """The same for some of the queries, by mask or by rows; one that stands twice depends fully on itself."""
        return replace(self, clusters=self.clusters[chosen], dependence=self.dependence.among(chosen))

    def on(self, stream: Stream) -> Resampler:
        """The same queries under another stream of random numbers."""
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
        """Effective number of independent queries for the mean of ``values``, (Q,); NaN leaves a query out."""
        known = has_value(values, len(self.dependence))
        if not known.any():
            return 0.0
        own = self.dependence if known.all() else self.dependence.among(known)
        (size,) = own.spread(values[known][:, np.newaxis]).n_effective
        return float(size) if np.isfinite(size) else own.n_shared

    def means(
        self, values: Mapping[str, Float64Array], *, bounds: tuple[float, float] | None = UNIT
    ) -> dict[str, Estimate]:
        """Mean over queries with its interval: Wilson for plain proportions of independent queries, else by spread."""
        has_shares = bounds == UNIT and self.dependence.is_independent
        shares = {name for name, column in values.items() if has_shares and _is_proportion(column)}
        others = {name: column for name, column in values.items() if name not in shares}
        found = mean_estimates(others, self.dependence, bounds=bounds)
        return {name: _proportion(column) if name in shares else found[name] for name, column in values.items()}

    def statistic(
        self,
        columns: Float64Array,
        statistic: Statistic,
        *,
        bounds: tuple[float, float] | None = None,
        weights: Float64Array | None = None,
        more: float = 0.0,
    ) -> list[Estimate]:
        """Figures of per-query sums, ``columns`` of shape (Q, S); queries whose columns are all 0 take no part.

        ``more`` is variance that is not of the queries.
        """
        used = np.flatnonzero(columns.any(axis=1))
        if not len(used):
            n_figures = len(statistic(np.zeros((1, columns.shape[1])))[0])
            return [NO_VALUES] * n_figures
        if len(used) == len(columns):
            return figure_estimates(columns, statistic, self.dependence, bounds=bounds, weights=weights, more=more)
        own = None if weights is None else weights[used]
        return self.among(used).statistic(columns[used], statistic, bounds=bounds, weights=own, more=more)

    def over_pairs(
        self,
        columns: PairColumns,
        statistic: Statistic,
        *,
        bounds: tuple[float, float] | None = None,
        ends: Ends = interval_bounds,
    ) -> list[Estimate]:
        """Figures of sums over pairs, whose documents vary as the queries do."""
        return pair_estimates(columns, statistic, self.dependence, bounds=bounds, ends=ends)

    def ratio(self, columns: Float64Array, *, bounds: tuple[float, float] | None = None) -> list[Estimate]:
        """First half of the per-query columns over the second half, summed over queries first."""
        denominators = columns[:, columns.shape[1] // 2 :]
        return self.statistic(columns, ratio_of_sums, bounds=bounds, weights=denominators)

    def share(self, hits: BoolArray) -> Estimate:
        """Share of hits: Wilson where entries are independent, else by their spread; absent of nothing."""
        if self.dependence.is_independent:
            return _proportion(np.asarray(hits, dtype=np.float64))
        return self.rate(hits, np.ones(len(hits)))

    def rate(self, numerators: FloatArray | BoolArray, denominators: FloatArray | BoolArray) -> Estimate:
        """``sum numerators / sum denominators`` with its interval, ends within [0, 1].

        Entries without a denominator take no part; absent where none has one.
        """
        used = np.asarray(denominators) != 0
        columns = np.column_stack([numerators, denominators]).astype(np.float64)
        (found,) = self.among(used).ratio(columns[used], bounds=UNIT)
        return found

    def contrast(self, values: FloatArray | BoolArray, inside: BoolArray) -> Estimate:
        """Mean of ``values`` inside minus mean outside, with its interval; absent where a side is empty."""
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
            test = paired_test(column, self.dependence, generator=self._generator(), n_draws=self.n_draws)
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

    def optimism(self, columns: Float64Array, *, n_halves: int = 200) -> float:
        """By how much the best mean of ``columns``, (Q, K), is too good for having been chosen on these queries.

        The best column of a random half of the clusters has a higher mean there than on the other half; the mean of
        this difference over ``n_halves`` halves, taken both ways, divided by sqrt(2): a half is that much noisier than
        all queries. NaN where there is one cluster.
        """
        generator = self.on(Stream.BEST_OF_MANY)._generator()
        found = []
        for _ in range(n_halves):
            inside = random_half(self.clusters, generator)
            if not inside.any():
                return math.nan
            ours, others = columns[inside].mean(axis=0), columns[~inside].mean(axis=0)
            first, second = ours.argmax(), others.argmax()
            found.append((ours - others)[first] + (others - ours)[second])
        return float(np.mean(found)) / 2 / math.sqrt(2)

    def best_of(self, differences: Float64Array) -> MaxTTest:
        """Max-T test of candidates against one reference; differences of shape (Q, n_candidates)."""
        generator = self.on(Stream.BEST_OF_MANY)._generator()
        return max_t(differences, self.dependence, generator=generator, n_draws=self.n_draws)


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
