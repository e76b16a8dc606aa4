"""Ranks of a search in two steps: a coarse score picks candidates, a fine score orders them.

The ranked list is the candidates by fine score, then all other documents by coarse score. Where the coarse score
ties across the edge of the candidates, the search has to cut somewhere; `TopKAccumulator` cuts by document index, so
documents should stand in random order, or the data set's own order (right answers first) would help the model.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.ties import TieCounts, TieGroups, tie_groups
from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray

_CHUNK_ELEMENTS = 1 << 20


def rescored(
    judgments: Judgments,
    coarse_scores: npt.ArrayLike,
    coarse_counts: TieCounts,
    candidates: IntArray,
    candidate_scores: FloatArray,
    *,
    tolerance: float,
) -> tuple[Float64Array, TieCounts]:
    """Pair scores and tie counts of the two-step list, for `ranking.metric_per_query` under the expected order.

    Parameters
    ----------
    coarse_scores : array_like of shape (P,)
        Coarse score of each (query, relevant document) pair; exact (``coarse_counts.tolerance`` is 0).
    coarse_counts : TieCounts
        Counts under the coarse scores over all documents.
    candidates : ndarray of shape (Q, c), int64
        The c best documents of each query by coarse score.
    candidate_scores : ndarray of shape (Q, c)
        Their fine scores, finite.
    tolerance : float
        Two fine scores that differ by no more are tied.

    Returns
    -------
    scores : ndarray of shape (P,), float64
        Fine scores of the pairs among the candidates; those of the others are moved below them.
    counts : TieCounts
        ``tied_before`` is 0: only readings that do not ask for the order of documents may be taken.

    Raises
    ------
    InvalidOptionError
        If the coarse counts have a tolerance, or the shapes do not fit.
    """
    if coarse_counts.tolerance != 0:
        raise InvalidOptionError(
            f"Coarse scores must be exact, counted with tolerance 0; got {coarse_counts.tolerance}. Hamming distances "
            "are."
        )
    if candidates.shape != candidate_scores.shape or candidates.ndim != 2 or len(candidates) != judgments.n_queries:
        raise InvalidOptionError(
            f"Expected the candidates of {judgments.n_queries} queries and a score for each, got shapes "
            f"{candidates.shape} and {candidate_scores.shape}."
        )
    coarse, fine = np.asarray(coarse_scores, dtype=np.float64), np.asarray(candidate_scores, dtype=np.float64)
    place = _place_of_pairs(judgments, candidates)
    is_candidate = place >= 0
    scores = np.where(is_candidate, fine[judgments.query_of_pair, np.maximum(place, 0)], 0.0)
    if (~is_candidate).any():
        # Coarse scores of the others are moved below every fine score and keep their order and their ties.
        floor = float(fine.min()) - 1.0 - tolerance - float(coarse.max())
        scores[~is_candidate] = coarse[~is_candidate] + floor
    groups = tie_groups(judgments, scores, tolerance)
    is_wrong = ~judgments.are_relevant(candidates)
    above, beside = _candidates_around(groups, fine, is_wrong, tolerance)
    # Every document with a higher coarse score than one outside is a candidate; what wrong candidates are left tie.
    n_wrong = is_wrong.sum(axis=1)[judgments.query_of_pair]
    wrong_tied = np.maximum(n_wrong - coarse_counts.greater, 0)
    counts = TieCounts(
        greater=np.where(is_candidate, above[groups.of_pair], coarse_counts.greater + wrong_tied),
        tied=np.where(is_candidate, beside[groups.of_pair], coarse_counts.tied - wrong_tied),
        tied_before=np.zeros(len(scores), dtype=np.int64),
        tolerance=tolerance,
    )
    return scores, counts


def _place_of_pairs(judgments: Judgments, candidates: IntArray) -> IntArray:
    """Column of each relevant pair among its query's candidates, -1 where it is not there; shape (P,)."""
    cells, wanted = judgments.cells_of(candidates).reshape(-1), judgments.cells
    order = np.argsort(cells)
    found = order[np.minimum(np.searchsorted(cells, wanted, sorter=order), len(cells) - 1)]
    return np.where(cells[found] == wanted, found % candidates.shape[1], -1)


def _candidates_around(
    groups: TieGroups, fine: Float64Array, is_wrong: BoolArray, tolerance: float
) -> tuple[IntArray, IntArray]:
    """Wrong candidates above each tie group, and those within the tolerance of it; shapes (G,)."""
    n = len(groups.query)
    above, beside = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    step = max(1, _CHUNK_ELEMENTS // max(fine.shape[1], 1))
    for start in range(0, n, step):
        part = slice(start, start + step)
        rows = groups.query[part]
        scores, wrong = fine[rows], is_wrong[rows]  # (g, c)
        is_above = scores > (groups.high[part] + tolerance)[:, np.newaxis]
        is_beside = ~is_above & (scores >= (groups.low[part] - tolerance)[:, np.newaxis])
        above[part], beside[part] = (is_above & wrong).sum(axis=1), (is_beside & wrong).sum(axis=1)
    return above, beside
