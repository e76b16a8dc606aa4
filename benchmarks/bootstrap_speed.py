"""Time of the intervals of many metrics at once, beside scipy.stats.bootstrap on one metric.

Claim: intervals of 12 metrics over 10,000 queries take a tenth of a second or less.

Both run in the same process on the same values. embedscope computes the spread and how much of it is shared; SciPy
resamples one statistic at a time and knows no groups: it is timed on the mean of one metric, each query by itself, and
its time for all metrics is that time multiplied.

    PYTHONPATH=src python benchmarks/bootstrap_speed.py
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from embedscope.protocols import Float64Array, IntArray
from embedscope.stats.dependence import Dependence
from embedscope.stats.estimates import mean_estimates
from measuring import Claim, PeerTiming, alternate, argument_parser, publish, seconds_of

TARGET_S = 0.1


def simulated_values(
    n_queries: int, n_metrics: int, cluster_size: int, generator: np.random.Generator
) -> tuple[dict[str, Float64Array], IntArray]:
    """Reciprocal ranks of ``n_metrics`` models, and cluster labels with ``cluster_size`` queries each."""
    ranks = generator.geometric(0.6, size=(n_metrics, n_queries))
    values = {f"metric {j}": 1.0 / row for j, row in enumerate(ranks)}
    return values, np.arange(n_queries, dtype=np.int64) // cluster_size


def clusters_claim(options: argparse.Namespace, cluster_size: int, one_metric_s: float | None) -> Claim:
    """Intervals of every metric, with ``cluster_size`` queries a cluster."""
    values, clusters = simulated_values(
        options.queries, options.metrics, cluster_size, np.random.default_rng(options.seed)
    )

    def intervals() -> object:
        return mean_estimates(values, Dependence.of_groups(clusters), bounds=(0.0, 1.0))

    ours = alternate({"embedscope": intervals}, repeats=options.repeats, warm_up=False).timing("embedscope")
    return Claim(
        claim=f"Intervals of {options.metrics} metrics, {options.queries:,} queries in "
        f"{len(np.unique(clusters)):,} groups",
        ours=ours,
        peers=() if one_metric_s is None else (all_metrics_by_scipy(one_metric_s, options.metrics, ours.median_s),),
        target=f"{TARGET_S:g} s or less",
        met=ours.median_s <= TARGET_S,
        note=f"SciPy was timed once, on one metric, without groups and with {options.draws:,} draws; its time for all "
        "is that time multiplied."
        if one_metric_s is not None
        else "",
    )


def all_metrics_by_scipy(one_metric_s: float, n_metrics: int, ours_s: float) -> PeerTiming:
    """SciPy's time for all metrics, one after the other."""
    total_s = n_metrics * one_metric_s
    return PeerTiming("scipy.stats.bootstrap", total_s, total_s, total_s, total_s / ours_s)


def scipy_on_one_metric(values: Float64Array, n_draws: int, seed: int, batch: int) -> None:
    """One BCa bootstrap of the mean by SciPy; ``batch`` resamples at once bound its memory."""
    stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=n_draws,
        method="BCa",
        vectorized=True,
        batch=batch,
        rng=np.random.default_rng(seed),
    )


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=12)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--skip-scipy", action="store_true")
    options = parser.parse_args()
    one_metric_s = None
    if not options.skip_scipy:
        values, _ = simulated_values(options.queries, 1, 1, np.random.default_rng(options.seed))
        one_metric_s = seconds_of(lambda: scipy_on_one_metric(values["metric 0"], options.draws, options.seed, 250))
    publish([clusters_claim(options, size, one_metric_s) for size in (1, 3)], options.json)


if __name__ == "__main__":
    main()
