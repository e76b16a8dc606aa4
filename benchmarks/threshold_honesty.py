"""How often a suggested threshold has a true precision below the wanted one.

Claim: in at most 5 % of runs, whatever precision is wanted. Two kinds of model. Of one the precision rises with the
threshold: each run draws queries, has thresholds suggested for them, and measures the true precision of each suggestion
on 20,000 other queries of the same kind. Of the other it is the same at every threshold and too low, which is where
choosing among many goes wrong most easily: every suggestion is one too many. Prints Markdown tables;
docs/deployment-cost.md holds them.

    PYTHONPATH=src python benchmarks/threshold_honesty.py
    PYTHONPATH=src python benchmarks/threshold_honesty.py --runs 20     (a short run)
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from embedscope.measure.thresholds import WANTED, measure_thresholds
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.protocols import Float32Array, IntArray
from embedscope.stats.resampler import Resampler

N_DOCUMENTS, DIM, N_TRUE = 200, 16, 20_000
SETTINGS = ((100, 0.9), (100, 0.6), (300, 0.9))
"""Numbers of queries, and the length of the noise beside a positive of length 1."""

FLAT = ((100, 0.78, 0.8), (300, 0.78, 0.8), (100, 0.88, 0.9))
"""Numbers of queries, their precision at every threshold, and the wanted precision."""


def drawn(
    documents: Float32Array, n: int, noise: float, generator: np.random.Generator
) -> tuple[Float32Array, IntArray]:
    """Queries near documents drawn at random, some nearer than others, and the documents."""
    own = generator.integers(len(documents), size=n)
    lengths = noise * np.exp(0.5 * generator.standard_normal((n, 1)))
    rows = documents[own] + lengths * unit_rows(generator.standard_normal((n, documents.shape[1])))
    return unit_rows(rows).astype(np.float32), own


def shortfalls(seed: int, n_queries: int, noise: float, wanted: Sequence[float]) -> list[float | None]:
    """True precision minus wanted precision of each suggestion, None where nothing is suggested."""
    generator = np.random.default_rng(seed)
    documents = unit_rows(generator.standard_normal((N_DOCUMENTS, DIM))).astype(np.float32)
    queries, own = drawn(documents, n_queries, noise, generator)
    judgments = Judgments.from_lists([[document] for document in own.tolist()], n_documents=N_DOCUMENTS)
    resampler = Resampler(np.arange(n_queries), 500, seed)
    choices = measure_thresholds(queries, documents, judgments, resampler, wanted=wanted).choices
    others, theirs = drawn(documents, N_TRUE, noise, generator)
    scores = others @ documents.T
    right = scores[np.arange(N_TRUE), theirs]
    return [
        None
        if choice.threshold is None
        else float((right >= choice.threshold).sum() / (scores >= choice.threshold).sum()) - choice.wanted
        for choice in choices
    ]


def is_taken_in(seed: int, n_queries: int, precision: float, wanted: float) -> bool:
    """Whether a threshold is suggested where the true precision is ``precision`` at every threshold."""
    generator = np.random.default_rng(seed)
    named, scores = generator.integers(N_DOCUMENTS, size=n_queries), generator.uniform(0.2, 0.95, n_queries)
    rows = np.arange(n_queries)
    queries = np.zeros((n_queries, N_DOCUMENTS + 1), dtype=np.float32)
    queries[rows, named], queries[:, -1] = (
        scores,
        np.sqrt(1 - scores**2),
    )  # one document at this score, no other above 0
    others = (named + 1 + generator.integers(N_DOCUMENTS - 1, size=n_queries)) % N_DOCUMENTS
    relevant = np.where(generator.random(n_queries) < precision, named, others)
    judgments = Judgments.from_lists([[document] for document in relevant.tolist()], n_documents=N_DOCUMENTS)
    resampler = Resampler(rows, 500, seed)
    documents = np.eye(N_DOCUMENTS, N_DOCUMENTS + 1, dtype=np.float32)
    (choice,) = measure_thresholds(queries, documents, judgments, resampler, wanted=(wanted,)).choices
    return choice.threshold is not None


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    n_runs = parser.parse_args().runs
    print("| queries | noise | wanted precision | suggested | true precision below |")
    print("|---:|---:|---:|---:|---:|")
    for n_queries, noise in SETTINGS:
        runs = [shortfalls(seed, n_queries, noise, WANTED) for seed in range(n_runs)]
        for place, wanted in enumerate(WANTED):
            found = [short for run in runs if (short := run[place]) is not None]
            below = sum(short < 0 for short in found)
            print(f"| {n_queries} | {noise} | {wanted} | {len(found)} of {n_runs} | {below} |", flush=True)
    print("\n| queries | precision at every threshold | wanted precision | suggested |")
    print("|---:|---:|---:|---:|")
    for n_queries, precision, wanted in FLAT:
        n_taken_in = sum(is_taken_in(seed, n_queries, precision, wanted) for seed in range(n_runs))
        print(f"| {n_queries} | {precision} | {wanted} | {n_taken_in} of {n_runs} |", flush=True)


if __name__ == "__main__":
    main()
