"""Rank metrics per query, exact under ties.

For a query and one of its relevant documents only three counts are needed: how many non-relevant documents score
higher, how many tie, and how many of the tied come earlier in the corpus (`TieCounts`; the streaming pass that counts
them is `embedscope.metrics.tie_counting.TieAccumulator`). Relevant documents of one query whose scores chain within the
tolerance form a *tie group*. A group of ``r`` relevant and ``e`` non-relevant documents that starts after ``start``
documents occupies the ranks ``start + 1 ... start + m``, ``m = r + e``. Every metric is a sum over groups, in closed
form:

- a fixed order of the tied documents (`Ties.OPTIMISTIC`, ``PESSIMISTIC``, ``TREC``, ``ST``) gives integer ranks;
- `Ties.EXPECTED`, the headline, is the mean over all ``m!`` orders of each group.

Sources: F. McSherry and M. Najork, "Computing information retrieval performance measures efficiently in the presence
of tied scores", ECIR 2008; trec_eval 9 (``recip_rank``, ``success``, ``recall``, ``P``, ``ndcg_cut``, ``map``,
``map_cut``) for the definitions. Conventions, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import digamma

from embedscope.metrics.judgments import Judgments
from embedscope.metrics.metric_names import Measure
from embedscope.metrics.ties import TieCounts, TieGroups, tie_groups
from embedscope.protocols import Float64Array, IntArray, Ties


def metric_per_query(
    measure: Measure,
    judgments: Judgments,
    pair_scores: npt.ArrayLike,
    counts: TieCounts,
    ties: Ties = Ties.EXPECTED,
) -> Float64Array:
    """A rank metric for every query.

    With ``rank`` the 1-based rank of a relevant document, ``R`` the number of relevant documents, sums over relevant
    documents with ``rank <= k``:

    - ``MRR@k``: ``1 / min(rank)``, 0 if it exceeds k; ``Success@k``: 1 if ``min(rank) <= k``
    - ``Recall@k``: ``count / R``; ``P@k``: ``count / k``, also where the corpus is smaller than k
    - ``nDCG@k``: ``sum(gain / log2(rank + 1))`` over the same sum for the best order of all judged documents
    - ``MAP@k``: ``sum(hits up to rank / rank) / R`` (trec_eval; sentence-transformers divides by ``min(k, R)``)

    Parameters
    ----------
    pair_scores : array_like of shape (P,)
        Scores of the (query, relevant document) pairs from which ``counts`` were made.
    ties : Ties
        ``EXPECTED``: the mean over all orders of tied documents. ``OPTIMISTIC``: relevant first, by falling gain;
        ``PESSIMISTIC``: relevant last, by rising gain. ``TREC``, ``ST``: by document index, falling and rising,
        which is by document id where the corpus is sorted by id.

    Returns
    -------
    ndarray of shape (Q,), float64
        In [0, 1]; NaN for a query without relevant documents.

    Raises
    ------
    InvalidOptionError
        As `tie_groups`.

    Notes
    -----
    McSherry & Najork (ECIR 2008), sections 2 and 3.
    """
    (values,) = metrics_per_query((measure,), judgments, pair_scores, counts, ties)
    return values


def metrics_per_query(
    measures: Sequence[Measure],
    judgments: Judgments,
    pair_scores: npt.ArrayLike,
    counts: TieCounts,
    ties: Ties = Ties.EXPECTED,
) -> list[Float64Array]:
    """Several rank metrics for every query, as :func:`metric_per_query`; documents are ranked once for all."""
    groups = tie_groups(judgments, pair_scores, counts.tolerance)
    n = judgments.n_documents
    cutoffs = [n if measure.k is None else min(measure.k, n) for measure in measures]
    names = [measure.name for measure in measures]
    if ties is Ties.EXPECTED:
        placed = _placed(judgments, groups, counts)
        totals = [_EXPECTED[name](placed, cutoff) for name, cutoff in zip(names, cutoffs, strict=True)]
    else:
        ranks = _ranks(judgments, groups, counts, ties)
        totals = [_ranked_sum(name, judgments, ranks, cutoff) for name, cutoff in zip(names, cutoffs, strict=True)]
    found = []
    for measure, cutoff, total in zip(measures, cutoffs, totals, strict=True):
        values = np.full(len(total), np.nan)
        np.divide(total, _divisor(measure, judgments, cutoff), out=values, where=judgments.n_relevant > 0)
        found.append(values)
    return found


def chance_level(measure: Measure, judgments: Judgments) -> Float64Array:
    """Expected value of ``measure`` for every query when the documents that it is ranked against come in random order.

    It is the expectation of a model that gives every document the same score. ``Success@k``:
    ``1 - C(N-R, k) / C(N, k)``; ``MRR`` with one relevant document: ``H_N / N``. Shape (Q,), float64; NaN for a query
    without relevant documents.
    """
    n_pairs = len(judgments.documents)
    counts = TieCounts(
        greater=np.zeros(n_pairs, dtype=np.int64),
        tied=(judgments.n_ranked - judgments.n_relevant)[judgments.query_of_pair],
        # The expectation does not depend on where in the corpus the tied documents stand.
        tied_before=np.zeros(n_pairs, dtype=np.int64),
        tolerance=0.0,
    )
    return metric_per_query(measure, judgments, np.zeros(n_pairs), counts, Ties.EXPECTED)


def ideal_level(measure: Measure, judgments: Judgments) -> Float64Array:
    """Value of ``measure`` for every query when its relevant documents come first, by falling gain.

    Below 1 where the cutoff leaves no room for all of them, as in ``Recall@10`` of 30, or is not filled by them, as in
    ``P@10`` of one. Shape (Q,), float64; NaN for a query without relevant documents.
    """
    none = np.zeros(len(judgments.documents), dtype=np.int64)
    counts = TieCounts(greater=none, tied=none, tied_before=none, tolerance=0.0)
    return metric_per_query(measure, judgments, judgments.gains, counts, Ties.OPTIMISTIC)


def expected_first_rank(judgments: Judgments, pair_scores: npt.ArrayLike, counts: TieCounts) -> Float64Array:
    """Expected rank of the first relevant document of every query, over all orders of tied documents.

    ``start + (m + 1) / (r + 1)`` for the first group: ``r`` relevant among ``m`` tied after ``start`` documents. Shape
    (Q,), float64; NaN for a query without relevant documents. Raises as `tie_groups`.
    """
    placed = _placed(judgments, tie_groups(judgments, pair_scores, counts.tolerance), counts)
    first = placed.first
    ranks = np.full(judgments.n_queries, np.nan)
    ranks[placed.query[first]] = placed.start[first] + (placed.size[first] + 1) / (placed.n_relevant[first] + 1)
    return ranks


def n_tied_with_first(judgments: Judgments, pair_scores: npt.ArrayLike, counts: TieCounts) -> IntArray:
    """Number of non-relevant documents tied with the best-scoring relevant document (its tie group) of every query.

    Shape (Q,), int64; 0 for a query without relevant documents. Raises as `tie_groups`.
    """
    placed = _placed(judgments, tie_groups(judgments, pair_scores, counts.tolerance), counts)
    tied = np.zeros(judgments.n_queries, dtype=np.int64)
    tied[placed.query[placed.first]] = placed.n_tied[placed.first]
    return tied


def _divisor(measure: Measure, judgments: Judgments, cutoff: int) -> Float64Array:
    """What the sum over relevant documents is divided by, shape (Q,)."""
    if measure.name in ("Recall", "MAP"):
        return judgments.n_relevant.astype(np.float64)
    if measure.name == "P":
        return np.full(judgments.n_queries, float(measure.k or 1))
    if measure.name == "nDCG":
        return _ideal_gain(judgments, cutoff)
    return np.ones(judgments.n_queries)


def _ideal_gain(judgments: Judgments, cutoff: int) -> Float64Array:
    """Discounted gain of all judged documents in their best order, cut at rank ``cutoff``, shape (Q,)."""
    query = judgments.query_of_pair
    gains = judgments.gains[np.lexsort((-judgments.gains, query))]
    rank = np.arange(len(gains)) - judgments.indptr[query] + 1
    return _sum_by_query(query, gains * _discount(rank) * (rank <= cutoff), judgments.n_queries)


def _discount(rank: npt.NDArray[Any]) -> Float64Array:
    discount: Float64Array = 1.0 / np.log2(rank + 1.0)
    return discount


def _sum_by_query(query: IntArray, values: npt.NDArray[Any], n_queries: int) -> Float64Array:
    return np.bincount(query, weights=values, minlength=n_queries).astype(np.float64, copy=False)


def _ranks(judgments: Judgments, groups: TieGroups, counts: TieCounts, ties: Ties) -> IntArray:
    """Rank of every relevant document (1-based) when ``ties`` fixes the order inside each group, shape (P,)."""
    key = {
        Ties.OPTIMISTIC: -judgments.gains,
        Ties.PESSIMISTIC: judgments.gains,
        Ties.TREC: -judgments.documents,
        Ties.ST: judgments.documents,
    }[ties]
    not_relevant_before = {
        Ties.OPTIMISTIC: np.zeros_like(counts.tied),
        Ties.PESSIMISTIC: counts.tied,
        Ties.TREC: counts.tied - counts.tied_before,
        Ties.ST: counts.tied_before,
    }[ties]
    order = np.lexsort((key, groups.of_pair))
    relevant_before = np.empty(len(order), dtype=np.int64)
    # Groups are numbered by query and then by score, so the place in `order` counts every relevant document before.
    relevant_before[order] = np.arange(len(order)) - judgments.indptr[judgments.query_of_pair[order]]
    return counts.greater + not_relevant_before + relevant_before + 1


def _ranked_sum(name: str, judgments: Judgments, ranks: IntArray, cutoff: int) -> Float64Array:
    """What the metric adds up over the relevant documents of each query, shape (Q,)."""
    query = judgments.query_of_pair
    if name in ("MRR", "Success"):
        first = np.full(judgments.n_queries, judgments.n_documents + 1, dtype=np.int64)  # above every cutoff
        np.minimum.at(first, query, ranks)
        return (first <= cutoff) / (first if name == "MRR" else 1)
    values: npt.NDArray[Any] = ranks <= cutoff
    if name == "nDCG":
        values = judgments.gains * _discount(ranks) * values
    elif name == "MAP":
        ordered = ranks[np.lexsort((ranks, query))]
        hits = np.arange(len(ordered)) - judgments.indptr[query] + 1
        values = hits / ordered * (ordered <= cutoff)
    return _sum_by_query(query, values, judgments.n_queries)


@dataclass(frozen=True, slots=True)
class _PlacedGroups:
    """Tie groups with their place in the ranked list; columns of shape (G,), groups numbered by query."""

    query: IntArray
    start: IntArray  # documents ranked before the group
    n_relevant: IntArray  # r
    n_tied: IntArray  # e, not relevant
    hits_before: IntArray  # relevant documents ranked before the group
    gain: Float64Array  # sum of the group's gains
    first: IntArray  # numbers of the groups that are the first of their query
    n_queries: int

    @property
    def size(self) -> IntArray:
        """m = r + e."""
        return self.n_relevant + self.n_tied

    def span(self, cutoff: int) -> tuple[IntArray, IntArray]:
        """The group covers the ranks begin + 1 ... end, once the list is cut after ``cutoff``."""
        return np.minimum(self.start, cutoff), np.minimum(self.start + self.size, cutoff)


def _placed(judgments: Judgments, groups: TieGroups, counts: TieCounts) -> _PlacedGroups:
    representative = groups.order[groups.pair_indptr[:-1]]
    hits_before = groups.pair_indptr[:-1] - judgments.indptr[groups.query]
    return _PlacedGroups(
        query=groups.query,
        start=counts.greater[representative] + hits_before,
        n_relevant=groups.size,
        n_tied=counts.tied[representative],
        hits_before=hits_before,
        gain=_sum_by_query(groups.of_pair, judgments.gains, len(groups.query)),
        first=np.flatnonzero(hits_before == 0),
        n_queries=judgments.n_queries,
    )


def _expected_reciprocal(placed: _PlacedGroups, cutoff: int) -> Float64Array:
    start, r, e = (column[placed.first] for column in (placed.start, placed.n_relevant, placed.n_tied))
    # With r = 1 the first hit is at each offset 0 ... e equally often; with e = 0 it is at offset 0.
    width = e + 1
    values = _harmonic_span(np.minimum(start, cutoff), np.minimum(start + width, cutoff)) / width
    mixed = np.flatnonzero((r > 1) & (e > 0))
    shapes = list(zip(start[mixed].tolist(), r[mixed].tolist(), e[mixed].tolist(), strict=True))
    # A collapsed model gives thousands of queries one and the same group.
    by_shape = {shape: _expected_reciprocal_of_mixed(*shape, cutoff) for shape in set(shapes)}
    values[mixed] = [by_shape[shape] for shape in shapes]
    return _sum_by_query(placed.query[placed.first], values, placed.n_queries)


def _expected_reciprocal_of_mixed(start: int, r: int, e: int, cutoff: int) -> float:
    """Sum over offsets j of P(first hit at j) / (start + 1 + j), P hypergeometric, for one group."""
    n_offsets = min(e + 1, cutoff - start)
    if n_offsets <= 0:
        return 0.0
    offset = np.arange(n_offsets)
    left = (r + e - offset).astype(np.float64)  # documents of the group not yet drawn
    no_hit_yet = np.ones(n_offsets)
    no_hit_yet[1:] = np.cumprod(((e - offset) / left)[:-1])
    return float(np.sum(no_hit_yet * (r / left) / (start + 1 + offset)))


def _expected_success(placed: _PlacedGroups, cutoff: int) -> Float64Array:
    begin, end = placed.span(cutoff)
    drawn = (end - begin)[placed.first]
    values = 1.0 - _probability_of_no_hit(placed.size[placed.first], placed.n_relevant[placed.first], drawn)
    return _sum_by_query(placed.query[placed.first], values, placed.n_queries)


def _probability_of_no_hit(m: IntArray, r: IntArray, drawn: IntArray) -> Float64Array:
    """``C(m - r, t) / C(m, t)``: no relevant document among the first t of m in random order.

    Equal to ``prod_{i < t} (m - r - i) / (m - i)`` and, with r and t exchanged, to the shorter product; exact zeros
    come out as zeros, which logarithms of factorials would not give.
    """
    short, long = np.minimum(r, drawn), np.maximum(r, drawn)
    probability = np.ones(len(m))
    for i in range(int(short.max(initial=0))):
        active = i < short
        probability[active] *= np.maximum((m - long - i)[active], 0) / (m - i)[active]
    return probability


def _expected_hits(placed: _PlacedGroups, cutoff: int) -> Float64Array:
    begin, end = placed.span(cutoff)
    return _sum_by_query(placed.query, placed.n_relevant * (end - begin) / placed.size, placed.n_queries)


def _expected_gain(placed: _PlacedGroups, cutoff: int) -> Float64Array:
    begin, end = placed.span(cutoff)
    up_to = np.zeros(cutoff + 1)
    up_to[1:] = np.cumsum(_discount(np.arange(1, cutoff + 1)))
    values = placed.gain * (up_to[end] - up_to[begin]) / placed.size
    return _sum_by_query(placed.query, values, placed.n_queries)


def _expected_precision(placed: _PlacedGroups, cutoff: int) -> Float64Array:
    """Sum of precisions at the relevant documents.

    At offset j of a group a document is relevant with probability r/m and then has, on average, ``j (r-1)/(m-1)``
    relevant ones of its group before it. Its rank is ``start + 1 + j``, so with ``slope = (r-1)/(m-1)`` the sum over
    the ranks a+1 ... b is ``r/m * [(hits_before + 1 - slope (start + 1)) (H_b - H_a) + slope (b - a)]``.
    """
    begin, end = placed.span(cutoff)
    slope = (placed.n_relevant - 1) / np.maximum(placed.size - 1, 1)
    harmonic = (placed.hits_before + 1 - slope * (placed.start + 1)) * _harmonic_span(begin, end)
    values = placed.n_relevant / placed.size * (harmonic + slope * (end - begin))
    return _sum_by_query(placed.query, values, placed.n_queries)


def _harmonic_span(begin: IntArray, end: IntArray) -> Float64Array:
    """``1/(begin + 1) + ... + 1/end``, 0 where empty.

    By digamma, so that a tie of a million documents costs as much as one of two; error about 1e-15. A single term is
    exact, so that a list without ties has no rounding at all.
    """
    difference: Float64Array = digamma(end + 1.0) - digamma(begin + 1.0)
    return np.where(end - begin == 1, 1.0 / np.maximum(end, 1), np.maximum(difference, 0.0))


_EXPECTED: dict[str, Callable[[_PlacedGroups, int], Float64Array]] = {
    "MRR": _expected_reciprocal,
    "Success": _expected_success,
    "Recall": _expected_hits,
    "P": _expected_hits,
    "nDCG": _expected_gain,
    "MAP": _expected_precision,
}
