"""Per-query values to figures with intervals: which interval fits which figure is decided here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.result import Comparison, Estimate
from embedscope.stats.bootstrap import Statistic, bootstrap_statistic, cluster_bootstrap, ratio_of_sums
from embedscope.stats.clusters import ClusterSums
from embedscope.stats.intervals import Interval, wilson
from embedscope.stats.paired_tests import holm, sign_flip_test

UNIT = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Resampler:
    """The clusters of one collection and the draws to spend on every interval."""

    clusters: IntArray  # (Q,)
    n_draws: int
    seed: np.random.SeedSequence

    def generator(self) -> np.random.Generator:
        """The same draws for every figure: figures of one run are compared under the same resamples."""
        return np.random.default_rng(self.seed)

    @property
    def every_query_stands_alone(self) -> bool:
        """Whether no two queries share a cluster."""
        return len(np.unique(self.clusters)) == len(self.clusters)

    def of(self, chosen: BoolArray) -> Resampler:
        """The same for some of the queries, shape (Q,)."""
        return replace(self, clusters=self.clusters[chosen])

    def means(
        self, values: Mapping[str, Float64Array], *, bounds: tuple[float, float] | None = UNIT
    ) -> dict[str, Estimate]:
        """Mean over queries with its interval: Wilson for plain proportions of lone queries, else BCa over clusters."""
        found = cluster_bootstrap(
            values, self.clusters, generator=self.generator(), n_draws=self.n_draws, bounds=bounds
        )
        if bounds == UNIT and self.every_query_stands_alone:
            found |= {name: _proportion(v) for name, v in values.items() if _is_proportion(v)}
        return {name: figure_of(interval) for name, interval in found.items()}

    def statistic(
        self, columns: Float64Array, statistic: Statistic, *, bounds: tuple[float, float] | None = None
    ) -> tuple[Estimate, ...]:
        """Figures of per-query sums, ``columns`` of shape (Q, S); queries whose columns are all 0 take no part."""
        used = columns.any(axis=1)
        if not used.any():
            n_figures = len(statistic(np.zeros((1, columns.shape[1])))[0])
            return tuple(Estimate.absent("no query has a value") for _ in range(n_figures))
        sums = ClusterSums.of(columns[used], self.clusters[used])
        found = bootstrap_statistic(sums, statistic, generator=self.generator(), n_draws=self.n_draws, bounds=bounds)
        return tuple(figure_of(interval) for interval in found)

    def ratio(self, columns: Float64Array) -> tuple[Estimate, ...]:
        """First half of the per-query columns over the second half, summed over queries first."""
        return self.statistic(columns, ratio_of_sums)

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
        return tuple(
            self._comparison(a, b, name, column, interval)
            for (b, name), column, interval in zip(pairs, differences, intervals.values(), strict=True)
        )

    def _comparison(self, a: str, b: str, metric: str, differences: Float64Array, interval: Estimate) -> Comparison:
        test = sign_flip_test(differences, self.clusters, generator=self.generator(), n_draws=self.n_draws)
        return Comparison(
            a=a,
            b=b,
            metric=metric,
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


def figure_of(interval: Interval) -> Estimate:
    """The figure of an interval."""
    reason = interval.reason if interval.value is None else None
    return Estimate(interval.value, interval.low, interval.high, reason=reason)


def _is_proportion(values: Float64Array) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size) and bool(np.isin(known, (0.0, 1.0)).all())


def _proportion(values: Float64Array) -> Interval:
    known = values[~np.isnan(values)]
    return wilson(int(known.sum()), len(known))
