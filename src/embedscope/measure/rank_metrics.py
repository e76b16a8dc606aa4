"""Rank metrics with their intervals, every reading of ties, and the baselines beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from embedscope.measure.ranked import Ranked
from embedscope.measure.scoring import Scores, values_of
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.ranking import chance_level, ideal_level
from embedscope.protocols import Float64Array, Ties
from embedscope.result import Metric, Power
from embedscope.stats.power import design_effect, minimum_detectable_difference
from embedscope.stats.resampler import Resampler

PRIMARY_METRICS = ("MRR", "Success@1")
"""Declared before anything is measured: Holm corrects over these, within each question that a run is asked."""


def measure_metrics(
    measures: Sequence[str],
    scores: Scores,
    values: Mapping[str, Float64Array],
    resampler: Resampler,
    *,
    lexical: Mapping[str, Float64Array] | None = None,
    base: Mapping[str, Float64Array] | None = None,
) -> dict[str, Metric]:
    """Each measure averaged over queries; ``values`` are its per-query values under the expected order of ties."""
    readings = {
        ties: values_of(measures, scores.judgments, scores.pair_scores, scores.counts, ties)
        for ties in (Ties.OPTIMISTIC, Ties.PESSIMISTIC, Ties.TREC, Ties.ST)
    }
    figures = resampler.means({name: values[name] for name in measures})
    metrics = {}
    for name in measures:
        figure = figures[name]
        optimistic, pessimistic = mean(readings[Ties.OPTIMISTIC][name]), mean(readings[Ties.PESSIMISTIC][name])
        metrics[name] = Metric(
            name=name,
            value=mean(values[name]),
            low=figure.low,
            high=figure.high,
            optimistic=optimistic,
            pessimistic=pessimistic,
            trec=mean(readings[Ties.TREC][name]),
            st=mean(readings[Ties.ST][name]),
            chance=mean(chance_level(parse_measure(name), scores.judgments)),
            lexical=None if lexical is None else mean(lexical[name]),
            base=None if base is None else mean(base[name]),
            ideal=mean(ideal_level(parse_measure(name), scores.judgments)),
            warnings=tuple(_warnings(name, scores.judgments, optimistic - pessimistic, figure.low, figure.high)),
        )
    return metrics


def mean(values: Float64Array) -> float:
    """Mean over the queries that have a value."""
    return float(np.nanmean(values))


def _warnings(name: str, judgments: Judgments, spread: float, low: float | None, high: float | None) -> list[str]:
    warnings = []
    measure = parse_measure(name)
    if measure.k is not None and measure.k >= judgments.n_documents:
        means = f"this is {measure.name} of all of them" if measure.is_ordered else "every order has the same value"
        warnings.append(f"k = {measure.k} reaches the end of the {judgments.n_documents} documents: {means}")
    if low is not None and high is not None and spread > max((high - low) / 2, 1e-9):
        warnings.append(f"tied documents move it by {spread:.4f}, more than half its interval")
    return warnings


def power_of(ranked: Ranked, other: Mapping[str, Float64Array] | None) -> Power | None:
    """What a paired MRR difference on these queries could show, from the spread of the difference to a baseline."""
    if "MRR" not in ranked.values:
        return None
    ours, dependence = ranked.values["MRR"], ranked.query_set.resampler.dependence
    spread = ours if other is None else ours - other["MRR"]
    return Power(
        metric="MRR",
        n_clusters=ranked.query_set.n_clusters,
        design_effect=design_effect(ours, dependence),
        minimum_detectable=minimum_detectable_difference(spread, dependence, n_tests=len(PRIMARY_METRICS)),
    )
