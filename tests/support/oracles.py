"""Slow and obvious: the same numbers as `embedscope.metrics`, from whole ranked lists and explicit loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, permutations, product
from math import log2

import numpy as np
import numpy.typing as npt

from embedscope.metrics.judgments import Judgments
from embedscope.metrics.metric_names import Measure
from embedscope.metrics.ties import TieCounts

CUTOFFS = {
    "MRR": (None, 1, 3),
    "Success": (1, 3),
    "Recall": (1, 3),
    "P": (1, 4, 50),
    "nDCG": (1, 3, 50),
    "MAP": (None, 2, 4),
}
MEASURES = tuple(Measure(name, k) for name, cutoffs in CUTOFFS.items() for k in cutoffs)


@dataclass(frozen=True)
class Case:
    """A small retrieval problem: every score, every gain."""

    scores: npt.NDArray[np.floating]  # (Q, N)
    gains: tuple[Mapping[int, float], ...]  # for each query: relevant document -> gain

    @property
    def judgments(self) -> Judgments:
        return Judgments.from_lists(
            [list(gains) for gains in self.gains],
            n_documents=self.scores.shape[1],
            gains=[list(gains.values()) for gains in self.gains],
        )

    @property
    def pair_scores(self) -> npt.NDArray[np.floating]:
        judgments = self.judgments
        return self.scores[judgments.query_of_pair, judgments.documents]


def random_case(
    seed: int, *, n_queries: int, n_documents: int, n_levels: int, max_relevant: int, graded: bool = True
) -> Case:
    """Scores on ``n_levels`` values, so that ties abound; some queries without relevant documents."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, n_levels, (n_queries, n_documents)).astype(np.float32) / n_levels
    gains = []
    for _ in range(n_queries):
        relevant = generator.permutation(n_documents)[: generator.integers(0, max_relevant + 1)]
        gains.append({int(d): float(generator.integers(1, 4)) if graded else 1.0 for d in relevant})
    return Case(scores, tuple(gains))


def naive_counts(case: Case, tolerance: float = 0.0) -> TieCounts:
    """`TieCounts` by one loop over queries, relevant documents and documents, scores compared in float64."""
    columns: list[tuple[int, int, int]] = []
    for row, gains in zip(case.scores.astype(np.float64), case.gains, strict=True):
        others = [d for d in range(len(row)) if d not in gains]
        for document in sorted(gains):
            low, high = chain(row, gains, document, tolerance)
            tied = [d for d in others if low - tolerance <= row[d] <= high + tolerance]
            greater = sum(row[d] > high + tolerance for d in others)
            columns.append((greater, len(tied), sum(d < document for d in tied)))
    greater_, tied_, before_ = np.array(columns, dtype=np.int64).reshape(-1, 3).T
    return TieCounts(greater_, tied_, before_, tolerance)


def chain(
    row: npt.NDArray[np.float64], gains: Mapping[int, float], document: int, tolerance: float
) -> tuple[float, float]:
    """Lowest and highest relevant score that can be reached from that of ``document`` in steps <= tolerance."""
    low = high = float(row[document])
    while True:
        reached = [float(row[d]) for d in gains if low - tolerance <= row[d] <= high + tolerance]
        if (low, high) == (min(reached), max(reached)):
            return low, high
        low, high = min(reached), max(reached)


def orders_of_ties(row: npt.NDArray[np.floating]) -> Iterator[tuple[int, ...]]:
    """Every ranked list that falling scores allow."""
    ranked = sorted(range(len(row)), key=lambda d: -row[d])
    classes = [list(members) for _, members in groupby(ranked, key=lambda d: row[d])]
    for choice in product(*(permutations(members) for members in classes)):
        yield tuple(document for part in choice for document in part)


def metric_of_list(measure: Measure, ranked: Sequence[int], gains: Mapping[int, float]) -> float:
    """The textbook definition on one ranked list; NaN without relevant documents."""
    if not gains:
        return float("nan")
    k = measure.k or len(ranked)
    hit_ranks = [rank for rank, document in enumerate(ranked[:k], 1) if document in gains]
    if measure.name == "MRR":
        return 1 / hit_ranks[0] if hit_ranks else 0.0
    if measure.name == "Success":
        return float(bool(hit_ranks))
    if measure.name == "Recall":
        return len(hit_ranks) / len(gains)
    if measure.name == "P":
        return len(hit_ranks) / k
    if measure.name == "MAP":
        return sum(hits / rank for hits, rank in enumerate(hit_ranks, 1)) / len(gains)
    gained = sum(gains[ranked[rank - 1]] / log2(rank + 1) for rank in hit_ranks)
    ideal = sum(gain / log2(rank + 1) for rank, gain in enumerate(sorted(gains.values(), reverse=True)[:k], 1))
    return gained / ideal


def values_over_orders(measure: Measure, case: Case, query: int) -> list[float]:
    """The metric of one query under every order of its tied documents."""
    return [metric_of_list(measure, ranked, case.gains[query]) for ranked in orders_of_ties(case.scores[query])]
