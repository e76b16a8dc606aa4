"""How much of the first documents of each query changes from one model to another."""

from __future__ import annotations

import numpy as np

from embedscope.measure.neighbor_lists import overlap_at_k
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import Turnover
from embedscope.stats.resampler import Resampler

PERSISTENCE = 0.9
"""Of rank-biased overlap: nine tenths of the readers of a rank go on to the next one."""


def turnover_of(old: IntArray, new: IntArray, resampler: Resampler) -> Turnover:
    """The change from the lists ``old`` to ``new``, both (Q, k), with intervals over the queries."""
    found = resampler.means(
        {
            "changed": 1 - overlap_at_k(old, new),
            "first": (old[:, 0] != new[:, 0]).astype(np.float64),
            "biased": rank_biased_overlap(old, new),
        }
    )
    return Turnover(old.shape[1], found["changed"], found["first"], found["biased"])


def rank_biased_overlap(first: IntArray, second: IntArray, *, persistence: float = PERSISTENCE) -> Float64Array:
    """Rank-biased overlap of two lists for each query, extrapolated from their k ranks.

    ``A_k p^k + (1 - p) / p sum_{d=1..k} A_d p^d`` with ``A_d`` the share of the first d documents in common.

    Parameters
    ----------
    first, second : ndarray of shape (n_queries, k), int64
        Documents, best first, each at most once in a row.
    persistence : float
        p, between 0 and 1.

    Returns
    -------
    ndarray of shape (n_queries,), float64, in [0, 1]
        1 for equal lists, 0 for lists without a common document.

    References
    ----------
    Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", ACM TOIS 28 (2010).
    """
    n_queries, k = first.shape
    place = np.full((n_queries, k), k)  # depth - 1 at which both lists hold the document of this place
    for column in range(k):
        rows, other = np.nonzero(second == first[:, [column]])
        place[rows, column] = np.maximum(other, column)
    depths = np.arange(1, k + 1)
    agreement = (place[:, :, np.newaxis] < depths).sum(axis=1) / depths  # (Q, k)
    weights = (1 - persistence) / persistence * persistence**depths
    found: Float64Array = agreement[:, -1] * persistence**k + agreement @ weights
    return found
