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
from embedscope.stats.estimates import Bounds, Ends, Sums, degrees_of_freedom, with_intervals, without_interval
from embedscope.stats.figures import Statistic, quotient
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

    def shares(self, values: Float64Array) -> Float64Array:
        """Values of relevant documents, (R, M), each divided among the queries that it is relevant to, (Q, M)."""
        parts = (values / np.bincount(self.documents)[:, np.newaxis])[self.documents]
        return _summed(parts, self.queries, len(self.by_query))

    def dependence_of_documents(self) -> Dependence:
        """Relevant documents depend as much as the queries that they are relevant to overlap."""
        order, ends = np.argsort(self.documents, kind="stable"), np.cumsum(np.bincount(self.documents))
        return Dependence.of_judgments(np.append(0, ends), self.queries[order])


def pair_estimates(
    columns: PairColumns,
    statistic: Statistic,
    dependence: Dependence,
    *,
    bounds: Bounds = None,
    ends: Ends = interval_bounds,
) -> list[Estimate]:
    """Figures that are smooth functions of sums over pairs, such as a margin, with their intervals.

    With influences ``u_q = T - T_(q)`` of queries, all their pairs included, and ``v_d`` of documents, relevant pairs
    left out, the variance is ``Var(sum u_q) + Var(sum v_d) + 2 sum u_q v_d``, the last sum over relevant pairs. Queries
    depend as far as they share documents, and documents as far as they share queries (`Dependence.spread`); those that
    are relevant to nothing are independent. Where documents are very popular that finds too little, so that queries
    depend at least as their relevant pairs with a document in common do. Where queries fall into independent groups,
    which may share more than documents, each document's v is divided among the queries that it is relevant to instead,
    and the spread is that of the queries. ``ends`` makes the interval from value and error.

    Raises InvalidOptionError if a value is not finite.
    """
    n, sums = len(columns.by_query), Sums.of(columns.by_query, statistic)
    if n < 2:
        return [without_interval(float(value), n) for value in sums.figures]
    of_query, of_document = sums.without(columns.by_query), sums.without(columns.by_document)
    of_others = sums.without(columns.by_other)
    alone = columns.n_others * of_others.var(axis=0, ddof=1) if len(of_others) > 1 else np.zeros(len(sums.figures))
    has_groups = dependence.blocks is not None
    influences = of_query + columns.shares(of_document) if has_groups else of_query
    spread = dependence.spread(n * influences)
    queries = spread.variance_of_mean
    if columns.by_pair is not None and not has_groups:
        of_pair = sums.without(columns.by_pair)
        of_document_pairs = _summed(of_pair, columns.documents, len(of_document))
        common = (of_document_pairs**2).sum(axis=0) - (of_pair**2).sum(axis=0)
        queries = np.maximum(queries, (of_query**2).sum(axis=0) * n / (n - 1) + common)
    sizes = np.minimum(spread.n_effective, 1 + degrees_of_freedom(influences))
    variance = queries + alone
    if not has_groups:
        documents = columns.dependence_of_documents().spread(len(of_document) * of_document).variance_of_mean
        across = 2 * (of_query[columns.queries] * of_document[columns.documents]).sum(axis=0)
        rest = np.maximum(documents + across, 0.0)
        variance = variance + rest
        spent = queries**2 / (sizes - 1) + rest**2 / degrees_of_freedom(of_document)
        sizes = 1 + quotient(variance**2, spent)
    least = np.full(len(sums.figures), dependence.n_shared)
    return with_intervals(sums.figures, variance, sizes, least, n, bounds, ends=ends)


def _summed(values: Float64Array, side: IntArray, n: int) -> Float64Array:
    """Values of relevant pairs, (P, M), summed over one side of them, (n, M)."""
    return np.asarray(csr_array((np.ones(len(side)), (side, np.arange(len(side)))), shape=(n, len(side))) @ values)
