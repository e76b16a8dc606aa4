"""Time of BCa cluster bootstrap intervals for many metrics at once, beside scipy.stats.bootstrap on one metric.

Claim: 10,000 draws for 12 metrics over 10,000 queries take 3 seconds or less.

Both run in the same process on the same values. SciPy resamples one statistic at a time and knows no clusters: it is
timed on the mean of one metric, each query by itself, and its time for all metrics is that time multiplied.

    PYTHONPATH=src python benchmarks/bootstrap_speed.py
"""

from __future__ import annotations

import argparse
import os
import platform
import time

import numpy as np
from scipy import stats

from embedscope.numerics.resampling import cluster_bootstrap
from embedscope.protocols import Float64Array, IntArray


def simulated_values(
    n_queries: int, n_metrics: int, cluster_size: int, generator: np.random.Generator
) -> tuple[dict[str, Float64Array], IntArray]:
    """Reciprocal ranks of ``n_metrics`` models, and cluster labels with ``cluster_size`` queries each."""
    ranks = generator.geometric(0.6, size=(n_metrics, n_queries))
    values = {f"metric {j}": 1.0 / row for j, row in enumerate(ranks)}
    return values, np.arange(n_queries, dtype=np.int64) // cluster_size


def time_of_clusters(
    values: dict[str, Float64Array], clusters: IntArray, n_draws: int, seed: int, repeats: int
) -> float:
    """Shortest of ``repeats`` runs, in seconds."""
    elapsed_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        cluster_bootstrap(values, clusters, n_draws=n_draws, generator=np.random.default_rng(seed))
        elapsed_s.append(time.perf_counter() - start)
    return min(elapsed_s)


def time_of_scipy(values: Float64Array, n_draws: int, seed: int, batch: int) -> float:
    """One BCa bootstrap of the mean by SciPy, in seconds; ``batch`` resamples at once bound its memory."""
    start = time.perf_counter()
    stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=n_draws,
        method="BCa",
        vectorized=True,
        batch=batch,
        rng=np.random.default_rng(seed),
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=12)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip-scipy", action="store_true")
    options = parser.parse_args()
    print(
        f"{options.draws} draws, {options.metrics} metrics, {options.queries} queries; "
        f"{platform.machine()}, {os.cpu_count()} cores\n"
    )
    print("| what | clusters | seconds |")
    print("|---|---:|---:|")
    for cluster_size in (1, 3):
        values, clusters = simulated_values(
            options.queries, options.metrics, cluster_size, np.random.default_rng(options.seed)
        )
        elapsed_s = time_of_clusters(values, clusters, options.draws, options.seed, options.repeats)
        print(f"| embedscope, {options.metrics} metrics | {len(np.unique(clusters))} | {elapsed_s:.2f} |", flush=True)
    if not options.skip_scipy:
        one_s = time_of_scipy(values["metric 0"], options.draws, options.seed, batch=250)
        print(f"| scipy.stats.bootstrap, 1 metric | {options.queries} | {one_s:.2f} |")
        total_s = options.metrics * one_s
        print(
            f"| scipy.stats.bootstrap, {options.metrics} metrics (extrapolated) | {options.queries} | {total_s:.1f} |"
        )


if __name__ == "__main__":
    main()
