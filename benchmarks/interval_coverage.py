"""How often 95 % intervals hold the true value, and how often equal models are called different.

Claims: the cluster bootstrap covers the true MRR and Success@1 in 93 to 97 % of simulated test sets with clustered
queries, where the interval for independent queries does not; the paired test calls equal models different in 3 to
7 %. Prints Markdown tables; docs/coverage.md holds them, with the cases in which the first claim fails.

A test set has clusters of 1 to 6 queries (uniform), or, as "heavy", of sizes with a Pareto tail. The rank of the
first relevant document is 1 with the probability asked, else r = 2 .. 1000 with probability proportional to 1 / r,
so that the true metrics are known exactly. Each query takes the rank of its cluster with probability sqrt(ICC) and
otherwise draws its own: two queries of a cluster then have correlation ICC in every metric.

    PYTHONPATH=src python benchmarks/interval_coverage.py
    PYTHONPATH=src python benchmarks/interval_coverage.py --simulations 100 --draws 500     (a short run)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats

from embedscope.protocols import Float64Array, IntArray
from embedscope.stats.bootstrap import cluster_bootstrap
from embedscope.stats.draws import Draws
from embedscope.stats.paired_tests import max_t, sign_flip_test

LOWEST_RANK = 1_000
N_CANDIDATES = 5
METRICS = ("MRR", "Success@1")


@dataclass(frozen=True)
class Cell:
    """One row of a table: what is simulated."""

    success: float  # true Success@1
    sizes: str  # "1-6" or "heavy"
    icc: float
    n_clusters: int

    def generator(self, seed: int) -> np.random.Generator:
        """A stream of its own, so that a row does not depend on the rows before it."""
        where = [round(1000 * self.success), int(self.sizes == "heavy"), round(1000 * self.icc), self.n_clusters]
        return np.random.default_rng([seed, *where])


def rank_probabilities(success: float) -> Float64Array:
    """Probability of rank 1 .. LOWEST_RANK, shape (LOWEST_RANK,)."""
    tail = 1 / np.arange(2, LOWEST_RANK + 1)
    return np.concatenate([[success], (1 - success) * tail / tail.sum()])


def true_metrics(success: float) -> dict[str, float]:
    """Expected value of each metric."""
    return {"MRR": float(rank_probabilities(success) @ (1 / np.arange(1, LOWEST_RANK + 1))), "Success@1": success}


def metrics_of(ranks: IntArray) -> dict[str, Float64Array]:
    """Per-query value of each metric, shape of ``ranks``."""
    return {"MRR": 1 / ranks, "Success@1": (ranks == 1).astype(np.float64)}


def simulated_clusters(cell: Cell, generator: np.random.Generator) -> IntArray:
    """Cluster label of every query of a test set."""
    if cell.sizes == "heavy":
        sizes = np.minimum(1 + np.floor(2 * generator.pareto(2.0, cell.n_clusters)), 200).astype(np.int64)
    else:
        sizes = generator.integers(1, 7, cell.n_clusters)
    return np.repeat(np.arange(cell.n_clusters), sizes)


def simulated_ranks(cell: Cell, clusters: IntArray, generator: np.random.Generator) -> IntArray:
    """Rank of the first relevant document of every query."""
    cumulative = np.cumsum(rank_probabilities(cell.success))[:-1]
    of_cluster = np.searchsorted(cumulative, generator.random(cell.n_clusters), side="right") + 1
    own = np.searchsorted(cumulative, generator.random(len(clusters)), side="right") + 1
    takes_cluster = generator.random(len(clusters)) < np.sqrt(cell.icc)
    return np.where(takes_cluster, of_cluster[clusters], own)


def naive_interval(values: Float64Array) -> tuple[float, float]:
    """95 % Student interval that takes every query for independent."""
    half_width = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half_width, values.mean() + half_width


def holds(low: float, high: float, truth: float) -> bool:
    """Whether the interval holds the truth; shares often end on it exactly, up to rounding."""
    return bool(low - 1e-12 <= truth <= high + 1e-12)


def coverage(cell: Cell, n_simulations: int, n_draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Share of simulations in which each kind of interval holds the true value, by metric and kind."""
    generator = cell.generator(seed)
    truth = true_metrics(cell.success)
    held = {name: dict.fromkeys(("corrected", "plain", "naive"), 0) for name in METRICS}
    for _ in range(n_simulations):
        clusters = simulated_clusters(cell, generator)
        values = metrics_of(simulated_ranks(cell, clusters, generator))
        for kind, correction in (("corrected", True), ("plain", False)):
            draws = Draws(int(generator.integers(2**63)), n_draws)
            found = cluster_bootstrap(values, clusters, draws, bounds=(0.0, 1.0), correction=correction)
            for name, interval in found.items():
                assert interval.low is not None
                assert interval.high is not None
                held[name][kind] += holds(interval.low, interval.high, truth[name])
        for name in METRICS:
            low, high = naive_interval(values[name])
            held[name]["naive"] += holds(low, high, truth[name])
    return {name: {kind: count / n_simulations for kind, count in kinds.items()} for name, kinds in held.items()}


def false_alarms(cell: Cell, n_simulations: int, n_draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Share of simulations in which p <= 0.05 for models that are equal, by metric and test.

    ``single`` compares one candidate with the reference, ``naive`` by the paired t-test over queries; ``best`` takes
    the smallest of the p-values of several candidates as it is, ``max-T`` the one adjusted for the choice.
    """
    generator = cell.generator(seed + 1)
    alarms = {name: dict.fromkeys(("single", "naive", "best", "max-T"), 0) for name in METRICS}
    for _ in range(n_simulations):
        clusters = simulated_clusters(cell, generator)
        models = [metrics_of(simulated_ranks(cell, clusters, generator)) for _ in range(N_CANDIDATES + 1)]
        for name in METRICS:
            differences = np.stack([model[name] - models[0][name] for model in models[1:]], axis=1)
            single = sign_flip_test(differences[:, 0], clusters, generator=generator, n_draws=n_draws)
            several = max_t(differences, clusters, generator=generator, n_draws=n_draws)
            alarms[name]["single"] += single.p <= 0.05
            alarms[name]["naive"] += bool(stats.ttest_1samp(differences[:, 0], 0).pvalue <= 0.05)
            alarms[name]["best"] += bool(several.p.min() <= 0.05)
            alarms[name]["max-T"] += bool(several.p_adjusted.min() <= 0.05)
    return {name: {kind: count / n_simulations for kind, count in kinds.items()} for name, kinds in alarms.items()}


def coverage_table(cells: list[Cell], n_simulations: int, n_draws: int, seed: int) -> Iterator[str]:
    """Lines of the table of coverages."""
    yield "| true Success@1 | cluster sizes | ICC | clusters | metric | cluster BCa | without correction | naive t |"
    yield "|---:|---|---:|---:|---|---:|---:|---:|"
    for cell in cells:
        for name, share in coverage(cell, n_simulations, n_draws, seed).items():
            yield (
                f"| {cell.success:g} | {cell.sizes} | {cell.icc:g} | {cell.n_clusters} | {name} "
                f"| {share['corrected']:.1%} | {share['plain']:.1%} | {share['naive']:.1%} |"
            )


def false_alarm_table(cells: list[Cell], n_simulations: int, n_draws: int, seed: int) -> Iterator[str]:
    """Lines of the table of false alarms."""
    yield (
        "| ICC | clusters | metric | sign-flip over clusters | naive paired t "
        f"| best of {N_CANDIDATES}, unadjusted | best of {N_CANDIDATES}, max-T |"
    )
    yield "|---:|---:|---|---:|---:|---:|---:|"
    for cell in cells:
        for name, share in false_alarms(cell, n_simulations, n_draws, seed).items():
            yield (
                f"| {cell.icc:g} | {cell.n_clusters} | {name} | {share['single']:.1%} | {share['naive']:.1%} "
                f"| {share['best']:.1%} | {share['max-T']:.1%} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--draws", type=int, default=2_000, help="fewer than the 10,000 of a run, for speed")
    parser.add_argument("--clusters", type=int, nargs="+", default=[40, 100, 400])
    parser.add_argument("--success", type=float, nargs="+", default=[0.6, 0.9], help="true Success@1")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    common = (options.simulations, options.draws, options.seed)
    start = time.perf_counter()

    grid = product(options.success, ("1-6", "heavy"), (0.0, 0.5), options.clusters)
    print("Coverage of 95 % intervals\n")
    for line in coverage_table([Cell(*row) for row in grid], *common):
        print(line, flush=True)

    grid = product(options.success[:1], ("1-6",), (0.0, 0.5), options.clusters)
    print("\nFalse alarms at alpha = 0.05\n")
    for line in false_alarm_table([Cell(*row) for row in grid], *common):
        print(line, flush=True)

    error = 100 * np.sqrt(0.95 * 0.05 / options.simulations)
    print(
        f"\n{options.simulations} simulations a row, {options.draws} draws each, seed {options.seed}; the standard "
        f"error of a share near 95 % (or 5 %) is {error:.1f} points. Took {time.perf_counter() - start:.0f} s."
    )


if __name__ == "__main__":
    main()
