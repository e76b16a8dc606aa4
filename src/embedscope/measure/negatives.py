"""Hard negatives by type: how many reach the positive, by how much, and whether their order follows the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection
from embedscope.measure.distributions import distribution_of
from embedscope.measure.scoring import N_BINS
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.metrics.vectors import score_pairs
from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray
from embedscope.result import Estimate, NegativeType
from embedscope.stats.figures import ratio_of_sums
from embedscope.stats.rank_correlation import mean_kendall_tau_b
from embedscope.stats.resampler import UNIT, Resampler

UNTYPED = "untyped"
"""The name under which negatives without a type are counted."""

MIN_WEIGHTED_SHARE = 0.05
"""Share of the queries that must have a weighted negative, for figures of the weights to speak of the data set."""


@dataclass(frozen=True, slots=True)
class NegativePairs:
    """All (query, hard negative) pairs as columns; ``margins`` is ``s+ - s-`` with s+ the query's best positive.

    Of ranked lists a score is NaN where the document was not returned. A negative that was returned and no positive
    beside it has the margin -infinity, the reverse infinity; where neither was, NaN: nothing is known.
    """

    queries: IntArray  # (E,)
    documents: IntArray  # (E,)
    scores: Float64Array  # (E,)
    margins: Float64Array  # (E,)
    weights: Float64Array  # (E,)
    types: tuple[tuple[str, ...], ...]  # (E,)

    @classmethod
    def of(
        cls,
        collection: Collection,
        rows: IntArray,
        queries: Float32Array,
        documents: Float32Array,
        judgments: Judgments,
        pair_scores: Float64Array,
    ) -> NegativePairs | None:
        """Hard negatives of the queries ``rows`` of ``collection``; None where the data has none.

        ``queries`` are the vectors of these rows, ``judgments`` theirs, ``pair_scores`` those of their relevant pairs.
        """
        own = collection.negatives.among(rows, len(collection.queries))
        q, d = own.queries, own.documents
        if not q.size:
            return None
        best_positive = np.maximum.reduceat(pair_scores, judgments.indptr[:-1])
        scores = score_pairs(queries, documents, q, d)
        return cls(q, d, scores, best_positive[q] - scores, own.weights, own.types)

    @classmethod
    def of_lists(
        cls,
        collection: Collection,
        rows: IntArray,
        lists: RankedLists,
        judgments: Judgments,
        pair_scores: Float64Array,
    ) -> NegativePairs | None:
        """Hard negatives of the queries ``rows`` in the lists of these; ``pair_scores`` are NaN where not returned."""
        own = collection.negatives.among(rows, len(collection.queries))
        q, d = own.queries, own.documents
        if not q.size:
            return None
        best, scores = np.fmax.reduceat(pair_scores, judgments.indptr[:-1])[q], lists.scores_of(q, d)
        margins = best - scores
        margins[np.isnan(best) & ~np.isnan(scores)] = -np.inf
        margins[~np.isnan(best) & np.isnan(scores)] = np.inf
        return cls(q, d, scores, margins, own.weights, own.types)

    def violations(self, tolerance: float) -> BoolArray:
        """Pairs whose negative reaches the positive, ties included: ``m <= tolerance``."""
        return self.margins <= tolerance

    def names(self) -> tuple[str, ...]:
        """The types that occur, most frequent first."""
        counts: dict[str, int] = {}
        for types in self.types:
            for name in types or (UNTYPED,):
                counts[name] = counts.get(name, 0) + 1
        return tuple(sorted(counts, key=lambda name: (-counts[name], name)))

    def rows_of(self, name: str) -> IntArray:
        """Rows of the pairs of a type; a pair of several types counts in each."""
        return np.flatnonzero([name in (types or (UNTYPED,)) for types in self.types])

    def best_of_each_query(self, n_queries: int) -> Float64Array:
        """Best hard-negative similarity of each query, NaN where it has none; shape (n_queries,)."""
        best = np.full(n_queries, -np.inf)
        np.fmax.at(best, self.queries, self.scores)
        return np.where(np.isneginf(best), np.nan, best)


def type_of_document(pairs: NegativePairs, wrong_document: IntArray) -> tuple[str, ...]:
    """For each query the type of its ``wrong_document`` where that is one of its own hard negatives, else ""."""
    own = {
        (int(q), int(d)): " + ".join(types) or UNTYPED
        for q, d, types in zip(pairs.queries, pairs.documents, pairs.types, strict=True)
    }
    return tuple(own.get((q, int(d)), "") for q, d in enumerate(wrong_document))


def measure_types(
    pairs: NegativePairs, resampler: Resampler, edges: Float64Array | None, tolerance: float, bound: float = 1.0
) -> dict[str, NegativeType]:
    """Each negative type, most frequent first; ``edges`` are those of the densities, ``bound`` that of the scores.

    Without ``edges`` there are no levels: of ranked lists, only what reaches the positive is measured.
    """
    no_levels = Estimate.absent("the scores of a run are on a scale of their own")
    violations = pairs.violations(tolerance).astype(np.float64)
    types = {}
    for name in pairs.names():
        rows = pairs.rows_of(name)
        rate = _mean_by_query(pairs, rows, violations, resampler, bounds=UNIT)
        weights = pairs.weights[rows]
        types[name] = NegativeType(
            name=name,
            n=len(rows),
            n_queries=len(np.unique(pairs.queries[rows])),
            violation_rate=rate,
            margin=no_levels if edges is None else _mean_by_query(pairs, rows, pairs.margins, resampler),
            mean_weight=float(weights.mean()),
            margins=pairs.margins[rows] if edges is not None else np.zeros(0),
            similarity=None if edges is None else distribution_of(pairs.scores[rows], edges, N_BINS, bound),
        )
    return types


def measure_weights(
    pairs: NegativePairs, resampler: Resampler, tolerance: float, *, has_levels: bool = True
) -> dict[str, Estimate]:
    """Violation rate of all hard negatives and, where their weights differ, how far the model follows the weights.

    ``violation_rate = mean [m <= 0]``; ``weighted_violation_rate = sum w [m <= 0] / sum w``; ``kendall_tau`` is the
    mean over queries of tau-b between the weights of its negatives and ``s+ - s-``: 1 where the most heavily weighted
    negative is pushed away the furthest. The last two are left out where fewer than 5 % of the queries have a weight
    above 0: a file with placeholder weights would otherwise rest on the one row that was filled in. Of ranked lists
    (``has_levels`` false) there is no tau: how far two documents lie apart that were not returned is not known.
    """
    violations = pairs.violations(tolerance).astype(np.float64)
    every = np.arange(len(violations))
    figures = {"violation_rate": _mean_by_query(pairs, every, violations, resampler, bounds=UNIT)}
    weighted_share = len(np.unique(pairs.queries[pairs.weights > 0])) / len(np.unique(pairs.queries))
    if np.ptp(pairs.weights) > 0 and weighted_share >= MIN_WEIGHTED_SHARE:
        weighted = _mean_by_query(pairs, every, violations, resampler, weights=pairs.weights, bounds=UNIT)
        figures["weighted_violation_rate"] = weighted
        figures["kendall_tau"] = (
            _agreement(pairs, resampler)
            if has_levels
            else Estimate.absent("a run does not say how far apart documents lie that it did not return")
        )
    return figures


def _mean_by_query(
    pairs: NegativePairs,
    rows: IntArray,
    values: Float64Array,
    resampler: Resampler,
    *,
    weights: Float64Array | None = None,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """Weighted mean over the pairs ``rows`` of ``values``, shape (E,), with its interval.

    It varies by queries, and by documents that are negatives of several: ``sum_d v_d^2 - sum_p v_p^2`` for influences v
    of documents d and of pairs p, of which the latter are the queries' already (Cameron, Gelbach & Miller, "Robust
    inference with multiway clustering", J. Business & Economic Statistics 29, 2011).
    """
    weights = np.ones(len(values)) if weights is None else weights
    queries, n_queries = pairs.queries[rows], len(resampler.clusters)
    columns = [np.bincount(queries, weights=c[rows], minlength=n_queries) for c in (weights * values, weights)]
    total = float(columns[1].sum())
    influences = weights[rows] * (values[rows] - float(columns[0].sum()) / total) / total
    shared = float((np.bincount(pairs.documents[rows], weights=influences) ** 2).sum() - (influences**2).sum())
    (figure,) = resampler.statistic(np.column_stack(columns), ratio_of_sums, bounds=bounds, more=max(shared, 0.0))
    return figure


def _agreement(pairs: NegativePairs, resampler: Resampler) -> Estimate:
    order = np.argsort(pairs.queries, kind="stable")
    counts = np.bincount(pairs.queries, minlength=len(resampler.clusters))
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    mean, by_query = mean_kendall_tau_b(indptr, pairs.weights[order], pairs.margins[order])
    if mean is None:
        return Estimate.absent("no query has two negatives that differ in weight and in margin")
    return resampler.means({"tau": by_query}, bounds=None)["tau"]
