"""How often 95 % intervals hold the true value, and how often equal models are called different.

Claims: where 30 and more queries are effectively independent, intervals of rank metrics and of figures over pairs hold
the truth in 93 to 97 % of simulated test sets, with 10 to 30 in 90 to 98 %, and the paired test calls equal models
different in 3 to 7 %. Prints a Markdown table; docs/coverage.md holds it, with the cases in which a claim fails.

A test set is drawn anew each time: its queries, its documents, and what they have to do with each other. An invented
graph of judgments is redrawn whole. Of a real one (``--qrels``, gzipped TSV of query-id, corpus-id, score) as many
queries as it has are drawn with replacement; a query that was drawn twice has the same relevant documents and two
vectors. Documents of queries that were not drawn leave with them, or stay (``--collection whole``).

Vectors are planted: every document has a topic and a query the sum of those of its relevant documents (``--topics
documents``), or every query has one and a document the sum of those it is relevant to (``queries``: documents of one
query resemble one another, and popular ones are worse). Both have noise and longer and shorter topics, so that
documents as well as queries are good or bad. Two models have the same topics and their own noise: no difference
between them is real. The true value of a figure is its mean over all simulations.

    PYTHONPATH=src python benchmarks/interval_coverage.py --qrels FOLDER
    PYTHONPATH=src python benchmarks/interval_coverage.py --simulations 50 --worlds single-225 groups-100    (short)
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from embedscope.measure.scoring import score, values_of
from embedscope.measure.similarity import measure_similarity
from embedscope.metrics.judgments import Judgments
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import Estimate
from embedscope.settings import TIE_TOLERANCE
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.dependence import Dependence
from embedscope.stats.resampler import Resampler

METRICS = ("MRR", "nDCG@10", "Recall@10", "Success@1")
PAIRS = ("margin", "separation", "auc", "off_diagonal", "diagonal", "gap", "overlap")
TESTED = ("MRR", "Success@1")
N_OTHERS = 500  # documents that are relevant to nothing
DIM, COMMON, UNEVENNESS = 32, 0.7, 0.35

Draw = Callable[[np.random.Generator], tuple[Judgments, IntArray]]
"""Judgments of a test set, and the topic of each query, (Q,)."""


@dataclass(frozen=True)
class World:
    """Test sets of one kind: how they are drawn, and how near a query lies to its documents."""

    name: str
    draw: Draw
    strength: float
    by_queries: bool = False


def own_topics(
    lists: list[IntArray], n_documents: int, gains: list[Float64Array] | None = None
) -> tuple[Judgments, IntArray]:
    judgments = Judgments.from_lists(lists, n_documents=n_documents + N_OTHERS, gains=gains)
    return judgments, np.arange(len(lists))


def single(n: int) -> Draw:
    """Every query has a document of its own."""
    return lambda generator: own_topics([np.array([q]) for q in range(n)], n)


def groups(n: int, largest: int) -> Draw:
    """``n`` documents, each relevant to 1 to ``largest`` queries and to no query together with another."""

    def draw(generator: np.random.Generator) -> tuple[Judgments, IntArray]:
        owners = np.repeat(np.arange(n), generator.integers(1, largest + 1, n))
        return own_topics([np.array([document]) for document in owners], n)

    return draw


def uneven(n: int, n_documents: int, most: int, *, graded: bool = False) -> Draw:
    """``n`` queries with 1 to ``most`` relevant documents, some of which are relevant to very many queries."""
    popularity = 1 / np.arange(1, n_documents + 1) ** 0.7
    popularity /= popularity.sum()

    def draw(generator: np.random.Generator) -> tuple[Judgments, IntArray]:
        sizes = generator.integers(1, most + 1, n)
        lists = [generator.choice(n_documents, size, replace=False, p=popularity) for size in sizes]
        gains = [generator.integers(1, 4, size).astype(np.float64) for size in sizes] if graded else None
        return own_topics(lists, n_documents, gains)

    return draw


def real(file: Path, least: int, *, whole: bool) -> Draw:
    """Queries of a published test collection, drawn with replacement; documents of a score below ``least`` left out.

    Documents of queries that are not drawn stay in a ``whole`` collection, else its size varies with the queries.
    """
    relevant: dict[str, dict[str, float]] = {}
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if int(row["score"]) >= least:
                relevant.setdefault(row["query-id"], {})[row["corpus-id"]] = float(row["score"])
    names: dict[str, int] = {}
    lists = [np.array([names.setdefault(d, len(names)) for d in own]) for own in relevant.values()]
    gains = [np.array(list(own.values())) for own in relevant.values()]

    def draw(generator: np.random.Generator) -> tuple[Judgments, IntArray]:
        drawn = generator.integers(0, len(lists), len(lists))
        parts, n_documents = [lists[q] for q in drawn], len(names)
        if not whole:
            used, places = np.unique(np.concatenate(parts), return_inverse=True)
            parts, n_documents = np.split(places, np.cumsum([len(part) for part in parts])[:-1]), len(used)
        judgments, _ = own_topics(parts, n_documents, [gains[q] for q in drawn])
        return judgments, np.unique(drawn, return_inverse=True)[1]

    return draw


def worlds(qrels: Path | None, *, by_queries: bool = False, whole: bool = False) -> Iterator[World]:
    """All kinds of test sets, a weak and a good model each; real ones where their judgments are there."""
    invented: tuple[tuple[str, Draw, tuple[float, ...]], ...] = (
        ("single-20", single(20), (0.9, 1.3)),
        ("single-50", single(50), (0.9, 1.3)),
        ("single-225", single(225), (0.9, 1.3)),
        ("single-1000", single(1000), (1.0,)),
        ("groups-40", groups(40, 6), (0.9, 1.3)),
        ("groups-100", groups(100, 6), (0.9, 1.3)),
        ("uneven-60", uneven(60, 120, 5), (1.0, 1.6)),
        ("uneven-300", uneven(300, 600, 10), (1.0, 2.0)),
        ("graded-300", uneven(300, 400, 30, graded=True), (1.0, 2.0)),
    )
    collections = (("nfcorpus", 1), ("scidocs", 1), ("trec-covid", 2), ("dbpedia-entity", 2))
    for name, draw, strengths in invented:
        yield from (World(name, draw, strength, by_queries) for strength in strengths)
    for name, least in collections if qrels is not None else ():
        file = Path(qrels or "") / f"{name}.tsv.gz"
        if file.is_file():
            draw = real(file, least, whole=whole)
            yield from (World(name, draw, strength, by_queries) for strength in (0.8, 1.6))


def planted(
    judgments: Judgments, topic_of: IntArray, world: World, generator: np.random.Generator, n_models: int
) -> list[tuple[Float32Array, Float32Array]]:
    """Unit rows of queries and documents under each of some models that are equally good."""
    shape = (judgments.n_queries, judgments.n_documents)
    relevant = csr_array((np.ones(len(judgments.documents)), judgments.documents, judgments.indptr), shape)
    if world.by_queries:
        of_queries = generator.standard_normal((int(topic_of.max()) + 1, DIM))[topic_of]
        of_documents = generator.standard_normal((judgments.n_documents, DIM))
        degrees = np.bincount(judgments.documents, minlength=judgments.n_documents)
        is_relevant = degrees > 0
        of_documents[is_relevant] = (relevant.T @ of_queries)[is_relevant] / np.sqrt(degrees[is_relevant, np.newaxis])
    else:
        of_documents = generator.standard_normal((judgments.n_documents, DIM))
        of_queries = (relevant @ of_documents) / np.sqrt(judgments.n_relevant)[:, np.newaxis]

    def vectors(topics: Float64Array) -> Float32Array:
        sizes = np.exp(generator.normal(0, UNEVENNESS, (2, len(topics), 1)))
        rows = world.strength * sizes[0] * topics + generator.standard_normal(topics.shape)
        rows[:, :1] += COMMON * np.sqrt(DIM) * sizes[1]
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    return [(vectors(of_queries), vectors(of_documents)) for _ in range(n_models)]


@dataclass(frozen=True)
class Simulated:
    """One test set: the estimates, the p-values of equal models, and how many queries are effectively independent."""

    estimates: dict[str, Estimate]
    p_values: dict[str, float]
    n_queries: int
    n_effective: float


def simulate(world: World, seed: int, number: int) -> Simulated:
    """Measure one test set as a run does."""
    generator = np.random.default_rng([seed, number])
    judgments, topic_of = world.draw(generator)
    clusters = clusters_from_judgments(judgments.indptr, judgments.documents, judgments.n_documents)
    dependence = Dependence.of_judgments(judgments.indptr, judgments.documents)
    resampler = Resampler(clusters, 1_000, number, dependence=dependence)
    found = []
    for queries, documents in planted(judgments, topic_of, world, generator, 2):
        scores = score(queries, documents, judgments, k=10, tolerance=TIE_TOLERANCE)
        found.append((values_of(METRICS, judgments, scores.pair_scores, scores.counts), queries, documents, scores))
    (values, queries, documents, scores), (others, *_) = found
    similarity = measure_similarity(queries, documents, scores, None, resampler)
    compared = resampler.compare("a", values, {"b": others}, TESTED)
    return Simulated(
        estimates=resampler.means(values) | {name: getattr(similarity, name) for name in PAIRS},
        p_values={test.metric: test.p for test in compared},
        n_queries=judgments.n_queries,
        n_effective=resampler.n_effective(values["MRR"]),
    )


def coverage(estimates: list[Estimate]) -> float:
    """Share of the intervals that hold the mean of all values; NaN where fewer than half are there.

    Shares often end on it exactly, up to rounding.
    """
    known = [e for e in estimates if e.value is not None and e.low is not None and e.high is not None]
    if 2 * len(known) < len(estimates):
        return float("nan")
    truth = np.mean([e.value for e in estimates if e.value is not None])
    return float(np.mean([(e.low or 0.0) - 1e-12 <= truth <= (e.high or 0.0) + 1e-12 for e in known]))


def row(world: World, n_simulations: int, seed: int) -> str:
    """One line of the table."""
    runs = [simulate(world, seed, number) for number in range(n_simulations)]
    names = (*METRICS, *PAIRS)
    covered = [coverage([run.estimates[name] for run in runs]) for name in names]
    truth = np.mean([run.estimates["MRR"].value for run in runs])
    alarms = [np.mean([run.p_values[name] <= 0.05 for run in runs]) for name in TESTED]
    size = f"{np.median([run.n_queries for run in runs]):.0f} | {np.median([run.n_effective for run in runs]):.0f}"
    figures = " | ".join("" if np.isnan(share) else f"{100 * share:.1f}" for share in covered)
    return f"| {world.name} | {size} | {truth:.2f} | {figures} | {100 * alarms[0]:.1f} | {100 * alarms[1]:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("EMBEDSCOPE_QRELS")
    parser.add_argument("--qrels", type=Path, default=folder and Path(folder), help="folder of judgments, NAME.tsv.gz")
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--worlds", nargs="+", help="names of the table (default: all)")
    parser.add_argument("--topics", choices=("documents", "queries"), default="documents", help="whose are drawn")
    parser.add_argument(
        "--collection", choices=("drawn", "whole"), default="drawn", help="documents of real queries that are not drawn"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    heads = [*METRICS, "margin", "separation", "AUC", "off-diagonal", "diagonal", "gap", "overlap"]
    print(f"| test set | queries | effective | MRR is | {' | '.join(heads)} | alarms, MRR | alarms, Success@1 |")
    print("|---" + "|---:" * (len(heads) + 5) + "|")
    kinds = worlds(options.qrels, by_queries=options.topics == "queries", whole=options.collection == "whole")
    for world in kinds:
        if options.worlds is None or world.name in options.worlds:
            print(row(world, options.simulations, options.seed), flush=True)
    error = 100 * np.sqrt(0.95 * 0.05 / options.simulations)
    print(
        f"\n{options.simulations} simulations a row, seed {options.seed}; the standard error of a share near 95 % (or "
        f"5 %) is {error:.1f} points. Took {time.perf_counter() - start:.0f} s."
    )


if __name__ == "__main__":
    main()
