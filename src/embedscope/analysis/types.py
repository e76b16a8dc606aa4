"""Typed negatives as findings: violation rates and margins by type, and whether the order follows the weights."""

from __future__ import annotations

import numpy as np

from embedscope.analysis.intervals import UNIT, Resampler
from embedscope.analysis.scoring import N_BINS
from embedscope.analysis.similarity import distribution_of
from embedscope.diagnosis.typed_negatives import UNTYPED, NegativePairs
from embedscope.findings import Figure, NegativeType
from embedscope.numerics.agreement import mean_kendall_tau_b
from embedscope.numerics.resampling import ratio_of_sums
from embedscope.protocols import Float64Array, IntArray


def measure_types(
    pairs: NegativePairs, resampler: Resampler, edges: Float64Array, tolerance: float
) -> dict[str, NegativeType]:
    """Each negative type, most frequent first; ``edges`` are those of the densities."""
    violations = pairs.violations(tolerance).astype(np.float64)
    types = {}
    for name in pairs.names():
        rows = pairs.rows_of(name)
        rate, margin = _mean_by_query(pairs, rows, np.column_stack([violations, pairs.margins]), resampler)
        weights = pairs.weights[rows]
        types[name] = NegativeType(
            name=name,
            n=len(rows),
            n_queries=len(np.unique(pairs.queries[rows])),
            violation_rate=Figure(rate.value, *_within_unit(rate)),
            margin=margin,
            mean_weight=float(weights.mean()),
            margins=pairs.margins[rows],
            similarity=distribution_of(pairs.scores[rows], edges, N_BINS),
        )
    return types


def measure_weights(pairs: NegativePairs, resampler: Resampler, tolerance: float) -> dict[str, Figure]:
    """Overall, weighted violation rate and mean Kendall tau-b of weights and margins; nothing where weights agree.

    ``violation_rate = mean [m <= 0]``; ``weighted_violation_rate = sum w [m <= 0] / sum w``; ``kendall_tau`` is the
    mean over queries of tau-b between the weights of its negatives and ``s+ - s-``: 1 where the most heavily weighted
    negative is pushed away the furthest.
    """
    violations = pairs.violations(tolerance).astype(np.float64)
    every = np.arange(len(violations))
    (rate,) = _mean_by_query(pairs, every, violations[:, None], resampler)
    figures = {"violation_rate": Figure(rate.value, *_within_unit(rate))}
    if np.ptp(pairs.weights) > 0:
        weighted = _sum_by_query(pairs, every, np.column_stack([pairs.weights * violations, pairs.weights]), resampler)
        (figure,) = resampler.statistic(weighted, ratio_of_sums, bounds=UNIT)
        figures["weighted_violation_rate"] = figure
        figures["kendall_tau"] = _agreement(pairs, resampler)
    return figures


def _mean_by_query(
    pairs: NegativePairs, rows: IntArray, columns: Float64Array, resampler: Resampler
) -> tuple[Figure, ...]:
    """Means over the pairs ``rows`` of each column of shape (E,), resampled by clusters of queries."""
    stacked = np.column_stack([columns, np.ones_like(columns)])
    bounds = UNIT if columns.shape[1] == 1 else None
    return resampler.statistic(_sum_by_query(pairs, rows, stacked, resampler), ratio_of_sums, bounds=bounds)


def _sum_by_query(pairs: NegativePairs, rows: IntArray, columns: Float64Array, resampler: Resampler) -> Float64Array:
    n = len(resampler.clusters)
    queries = pairs.queries[rows]
    return np.column_stack([np.bincount(queries, weights=column[rows], minlength=n) for column in columns.T])


def _within_unit(figure: Figure) -> tuple[float | None, float | None]:
    if figure.low is None or figure.high is None:
        return None, None
    return max(figure.low, 0.0), min(figure.high, 1.0)


def _agreement(pairs: NegativePairs, resampler: Resampler) -> Figure:
    order = np.argsort(pairs.queries, kind="stable")
    counts = np.bincount(pairs.queries, minlength=len(resampler.clusters))
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    mean, by_query = mean_kendall_tau_b(indptr, pairs.weights[order], pairs.margins[order])
    if mean is None:
        return Figure.absent("no query has two negatives that differ in weight and in margin")
    return resampler.means({"tau": by_query}, bounds=None)["tau"]


__all__ = ["UNTYPED", "measure_types", "measure_weights"]
