"""Non-relevant documents above and beside every relevant one, counted in ranked lists."""

from __future__ import annotations

import numpy as np

from embedscope.metrics.judgments import Judgments
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.metrics.ties import TieCounts, tie_groups
from embedscope.protocols import BoolArray, Float64Array, IntArray


def count_in_lists(lists: RankedLists, judgments: Judgments) -> tuple[Float64Array, BoolArray, TieCounts]:
    """Scores of the relevant pairs, which of them the lists hold, and what stands above and beside each.

    A pair that is not in the list of its query has all documents above it, so that it adds 0 to every metric, as in
    trec_eval; its score is below all of the list.

    Parameters
    ----------
    lists : RankedLists
        One list a query of ``judgments``, without excluded documents.

    Returns
    -------
    scores : ndarray of shape (P,), float64, finite
    is_listed : ndarray of shape (P,), bool
    counts : TieCounts
    """
    query, tolerance = judgments.query_of_pair, lists.tolerance
    found = lists.scores_of(query, judgments.documents)
    is_listed = ~np.isnan(found)
    floor = float(lists.scores.min(initial=0.0)) - 1.0 - tolerance
    scores = np.where(is_listed, found, floor - abs(floor))  # beyond rounding, below every score
    groups = tie_groups(judgments, scores, tolerance)
    is_relevant = np.isin(lists.query_of_entry * judgments.n_documents + lists.documents, judgments.cells)
    is_relevant &= lists.documents >= 0
    greater, tied = np.zeros(len(groups.query), dtype=np.int64), np.zeros(len(groups.query), dtype=np.int64)
    before = np.zeros(len(scores), dtype=np.int64)
    id_order = lists.id_order
    for row in range(judgments.n_queries):
        entries, own = _span(lists.indptr, row), _span(groups.query_indptr, row)
        others = ~is_relevant[entries]
        rising, ids = -lists.scores[entries][others], id_order[entries][others]
        first = np.searchsorted(rising, -(groups.high[own] + tolerance), side="left")
        last = np.searchsorted(rising, -(groups.low[own] - tolerance), side="right")
        greater[own], tied[own] = first, last - first
        for group in np.flatnonzero(last > first).tolist():
            pairs = groups.order[_span(groups.pair_indptr, own.start + group)]
            beside = np.sort(ids[first[group] : last[group]])
            before[pairs] = np.searchsorted(beside, judgments.documents[pairs])
    counts = TieCounts(
        greater=np.where(is_listed, greater[groups.of_pair], judgments.n_documents),
        tied=np.where(is_listed, tied[groups.of_pair], 0),
        tied_before=np.where(is_listed, before, 0),
        tolerance=tolerance,
    )
    return scores, is_listed, counts


def _span(indptr: IntArray, row: int) -> slice:
    return slice(int(indptr[row]), int(indptr[row + 1]))
