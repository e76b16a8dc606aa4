"""Which documents stand in the lists of the k nearest: hubs and anti-hubs, and what two lists have in common.

Source: Radovanovic, Nanopoulos & Ivanovic, "Hubs in space", JMLR 11 (2010): k-occurrence, hubs and anti-hubs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.protocols import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How the places in the queries' lists are shared out among the documents; ``N_k(d)`` is how often d is listed.

    ``skewness`` of ``N_k`` is None where all documents are listed equally often; ``anti_hub_share`` is the share of
    documents with ``N_k = 0``; ``gini`` runs from 0 (all equal) towards 1 (one document has every place).
    """

    skewness: float | None
    anti_hub_share: float
    gini: float


def k_occurrences(neighbors: IntArray, n_documents: int) -> IntArray:
    """Number of lists in which each document stands, (n_documents,): ``N_k(d) = #{q : d among the k nearest of q}``.

    Parameters
    ----------
    neighbors : ndarray of shape (n_queries, k), int64
        Documents of each query's list, each at most once.
    """
    return np.bincount(neighbors.reshape(-1), minlength=n_documents)


def hubness(counts: IntArray) -> Occurrences:
    """Skewness, anti-hub share and Gini coefficient of k-occurrences (Radovanovic et al. 2010).

    ``skewness = mean((N - mean)^3) / std^3`` (population); ``gini = sum_{a, b} |N_a - N_b| / (2 n^2 mean)``.

    Parameters
    ----------
    counts : ndarray of shape (n_documents,), int64
        From `k_occurrences`; at least one is positive.

    Raises
    ------
    TooFewPointsError
        If no document is listed.
    """
    values = np.sort(np.asarray(counts, dtype=np.float64))
    n, total = len(values), float(values.sum())
    if total < 1:
        raise TooFewPointsError("hubness, which counts places in lists, needs at least 1, got 0. Give more texts.")
    deviations = values - total / n
    variance = float(np.mean(deviations**2))
    skewness = float(np.mean(deviations**3)) / variance**1.5 if variance > 0 else None
    rank = np.arange(1, n + 1)
    gini = float((2 * rank - n - 1) @ values) / (n * total)
    return Occurrences(skewness, float(np.mean(values == 0)), gini)


def chance_hubness(n_queries: int, k: int, n_documents: int) -> Occurrences:
    """What `hubness` comes to, for many documents, where each query lists k documents at random.

    ``N_k`` is then binomial with ``n = n_queries`` and ``p = k / n_documents``; its Gini coefficient is
    ``sum_x F(x) (1 - F(x)) / mean`` for its distribution function F.

    Raises InvalidOptionError if k is not between 1 and ``n_documents``, or there are no queries.
    """
    if n_queries < 1 or not 1 <= k <= n_documents:
        raise InvalidOptionError(
            f"Expected at least one query and 1 <= k <= n_documents, got {n_queries} queries, k = {k} and "
            f"{n_documents} documents."
        )
    p = k / n_documents
    if p == 1:
        return Occurrences(None, 0.0, 0.0)
    mean, std = n_queries * p, float(np.sqrt(n_queries * p * (1 - p)))
    # Beyond 40 standard deviations F is 0 or 1 to the last digit.
    lowest, highest = max(0, int(mean - 40 * std)), min(n_queries, int(mean + 40 * std) + 40)
    below = bdtr(np.arange(lowest, highest).astype(np.float64), n_queries, p)
    gini = float((below * (1 - below)).sum()) / mean
    return Occurrences((1 - 2 * p) / std, float((1 - p) ** n_queries), gini)


def wrong_occurrences(neighbors: IntArray, is_relevant: BoolArray, n_documents: int) -> IntArray:
    """Number of lists in which each document stands without being relevant, shape (n_documents,), int64."""
    return np.bincount(neighbors[~is_relevant], minlength=n_documents)


def overlap_at_k(first: IntArray, second: IntArray) -> Float64Array:
    """Share of each query's k neighbours that two lists have in common: ``|A_q & B_q| / k``.

    Parameters
    ----------
    first, second : ndarray of shape (n_queries, k), int64
        Each document at most once in a row; the order within a row does not matter.

    Returns
    -------
    ndarray of shape (n_queries,), float64, in [0, 1]

    Raises
    ------
    InvalidOptionError
        If the shapes differ, or k is 0.
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] == 0:
        raise InvalidOptionError(
            f"Expected two lists of k >= 1 neighbours for the same queries, got shapes {first.shape} and "
            f"{second.shape}. Search both spaces with the same k."
        )
    # One number a pair, so that one set lookup serves all rows.
    row = np.arange(len(first))[:, np.newaxis] * (max(first.max(initial=0), second.max(initial=0)) + 1)
    return np.asarray(np.isin(row + first, row + second).mean(axis=1), dtype=np.float64)
