"""Figures over pairs of queries and documents, with intervals for which both sides vary.

Test sets differ in their queries and in their documents, so that two pairs depend on one another where they have one of
the two in common, and where one's query has the other's document for an answer: what is far from all documents is far
from all queries.

Sources
-------
Cameron, Gelbach & Miller, "Robust inference with multiway clustering", J. Business & Economic Statistics 29 (2011).
Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from embedscope.protocols import Float64Array, IntArray
from embedscope.result import Estimate
from embedscope.stats.dependence import Dependence
from embedscope.stats.estimates import Bounds, Ends, Sums, with_intervals, without_interval
from embedscope.stats.figures import Statistic
from embedscope.stats.intervals import interval_bounds


@dataclass(frozen=True, slots=True, eq=False)
class PairColumns:
    """What queries, relevant pairs and documents add to S sums over pairs.

    Attributes
    ----------
    by_query : ndarray of shape (Q, S), float64
        All pairs of each query: the sums are over these.
    queries, documents : ndarray of shape (P,), int64
        The two sides of each relevant pair; relevant documents are numbered 0 .. R - 1.
    by_pair : ndarray of shape (P, S), float64, or None
        Relevant pairs; None where the sums hold none of them.
    by_document : ndarray of shape (R, S), float64
        All pairs of each relevant document to whose query it is not relevant.
    by_other : ndarray of shape (n, S), float64
        The same of documents that are relevant to no query, or of a sample of them.
    n_others : int
        How many such documents there are.
    """

    by_query: Float64Array
    queries: IntArray
    documents: IntArray
    by_pair: Float64Array | None
    by_document: Float64Array
    by_other: Float64Array
    n_others: int

    def summed(self, values: Float64Array, side: IntArray, n: int) -> Float64Array:
        """Values of relevant pairs, (P, M), summed over one side of them, (n, M)."""
        ones = np.ones(len(side))
        return np.asarray(csr_array((ones, (side, np.arange(len(side)))), shape=(n, len(side))) @ values)


def pair_estimates(
    columns: PairColumns,
    statistic: Statistic,
    dependence: Dependence,
    *,
    bounds: Bounds = None,
    ends: Ends = interval_bounds,
) -> list[Estimate]:
    """Figures that are smooth functions of sums over pairs, such as a margin, with their intervals.

    With influences ``u_q = T - T_(q)`` of queries and ``v_d`` of documents, all their pairs included, the variance is
    ``sum u_q^2 + sum v_d^2 - sum p_qd^2 + 2 sum u'_q v'_d``: p are the influences of relevant pairs, which both sides
    hold, and the last sum runs over relevant pairs, u' and v' without these. Where queries fall into independent
    groups, which may share more than documents, and where no relevant pair takes part, each document's v' is divided
    among the queries that it is relevant to instead, and the spread is that of the queries (`Dependence.spread`).
    ``ends`` makes the interval from value and error.

    Raises InvalidOptionError if a value is not finite.
    """
    n, sums = len(columns.by_query), Sums.of(columns.by_query, statistic)
    if n < 2:
        return [without_interval(float(value), n) for value in sums.figures]
    of_query, of_document = sums.without(columns.by_query), sums.without(columns.by_document)
    of_others = sums.without(columns.by_other)
    alone = columns.n_others * of_others.var(axis=0, ddof=1) if len(of_others) > 1 else np.zeros(len(sums.figures))
    least = np.full(len(sums.figures), dependence.n_shared)
    if dependence.blocks is not None or columns.by_pair is None:
        degrees = np.bincount(columns.documents)
        shares = columns.summed((of_document / degrees[:, np.newaxis])[columns.documents], columns.queries, n)
        spread = dependence.spread((n - 1) * of_query + n * shares)
        return with_intervals(
            sums.figures, spread.variance_of_mean + alone, spread.n_effective, least, n, bounds, ends=ends
        )
    of_pair = sums.without(columns.by_pair)
    as_negatives = of_query - columns.summed(of_pair, columns.queries, n)
    of_relevant = of_document + columns.summed(of_pair, columns.documents, len(of_document))
    queries = (of_query**2).sum(axis=0) * n / (n - 1)
    documents = (of_relevant**2).sum(axis=0) - (of_pair**2).sum(axis=0)
    across = 2 * (as_negatives[columns.queries] * of_document[columns.documents]).sum(axis=0)
    variance = np.maximum(queries + documents + across, queries) + alone
    sizes = _size(queries, variance, n, np.bincount(columns.documents))
    return with_intervals(sums.figures, variance, sizes, least, n, bounds, ends=ends)


def _size(queries: Float64Array, variance: Float64Array, n: int, degrees: IntArray) -> Float64Array:
    """Effective number of observations, (M,): degrees of freedom of the two sides (Satterthwaite 1946) and one.

    ``V^2 / (V_Q^2 / (n - 1) + (V - V_Q)^2 / (m - 1))``, ``m = (sum k)^2 / sum k^2`` for documents of k queries each.
    """
    m = max(float(degrees.sum()) ** 2 / float((degrees**2).sum()), 2.0)
    spent = queries**2 / (n - 1) + (variance - queries) ** 2 / (m - 1)
    return 1 + np.where(spent > 0, variance**2 / np.where(spent > 0, spent, 1.0), n - 1.0)
