"""Documents that score alike: the groups they form and how many stand above, beside and before a relevant one.

Conventions, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError
from embedscope.metrics.judgments import Judgments
from embedscope.protocols import Float64Array, IntArray


@dataclass(frozen=True, slots=True)
class TieCounts:
    """How many non-relevant documents stand above and beside each (query, relevant document) pair.

    The scores of a pair's tie group reach from ``low`` to ``high``; ``s`` is the score of a non-relevant document and
    ``tol`` the ``tolerance``. Shapes (P,), pairs in the order of `Judgments`. A document that lies within the tolerance
    of two groups (which are then less than two tolerances apart) counts as tied with both.
    """

    greater: IntArray  # s > high + tol
    tied: IntArray  # low - tol <= s <= high + tol
    tied_before: IntArray  # tied, and of a smaller index than the relevant document
    tolerance: float


@dataclass(frozen=True, slots=True)
class TieGroups:
    """Relevant documents of one query whose descending scores follow one another within the tolerance.

    Groups are numbered by query, then by descending score; ``G`` groups, ``P`` pairs. ``order`` lists the pairs group
    after group: group ``g`` owns ``order[pair_indptr[g]:pair_indptr[g + 1]]``.
    """

    order: IntArray  # (P,)
    pair_indptr: IntArray  # (G + 1,)
    of_pair: IntArray  # (P,) group of each pair, in the order of `Judgments`
    query: IntArray  # (G,)
    query_indptr: IntArray  # (Q + 1,) query q owns the groups query_indptr[q]:query_indptr[q + 1]
    high: Float64Array  # (G,) highest score of the group
    low: Float64Array  # (G,) lowest score of the group

    @property
    def size(self) -> IntArray:
        """Number of relevant documents of each group, shape (G,)."""
        return np.diff(self.pair_indptr)


def tie_groups(judgments: Judgments, pair_scores: npt.ArrayLike, tolerance: float) -> TieGroups:
    """The relevant documents of each query, grouped where their scores chain within ``tolerance``.

    Parameters
    ----------
    pair_scores : array_like of shape (P,)
        Score of each (query, relevant document) pair; compared in float64.
    tolerance : float
        Two scores that differ by no more are tied; 0 for exact scores.

    Raises
    ------
    InvalidOptionError
        If a score is not finite, their number is not P, or the tolerance is negative or not finite.
    """
    scores = _finite_scores(judgments, pair_scores)
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise InvalidOptionError(
            f"Expected a tie tolerance of 0 or more, got {tolerance}. Use 1e-6 for float32 cosines, 1e-6 of "
            "their bound for dot products, and 0 for scores that are exact."
        )
    query = judgments.query_of_pair
    order = np.lexsort((-scores, query))
    ordered, ordered_query = scores[order], query[order]
    opens = np.ones(len(order), dtype=np.bool_)
    opens[1:] = (np.diff(ordered_query) > 0) | (-np.diff(ordered) > tolerance)
    first = np.flatnonzero(opens)
    of_pair = np.empty(len(order), dtype=np.int64)
    of_pair[order] = np.cumsum(opens) - 1
    pair_indptr = np.append(first, len(order))
    return TieGroups(
        order=order,
        pair_indptr=pair_indptr,
        of_pair=of_pair,
        query=ordered_query[first],
        query_indptr=np.searchsorted(first, judgments.indptr),
        high=ordered[first],
        low=ordered[pair_indptr[1:] - 1],
    )


def _finite_scores(judgments: Judgments, pair_scores: npt.ArrayLike) -> Float64Array:
    scores = np.asarray(pair_scores, dtype=np.float64)
    if scores.shape != judgments.documents.shape:
        raise InvalidOptionError(
            f"Expected one score for each of the {len(judgments.documents)} (query, relevant document) pairs, got an "
            f"array of shape {scores.shape}."
        )
    is_finite = np.isfinite(scores)
    if not is_finite.all():
        first = int(np.argmin(is_finite))
        raise InvalidOptionError(
            f"{int(np.count_nonzero(~is_finite))} of {len(scores)} pair scores are not finite (first: query "
            f"{judgments.query_of_pair[first]}, document {judgments.documents[first]}, score {scores[first]}). Such "
            "a score has no rank; look for zero or non-finite vectors."
        )
    return scores
