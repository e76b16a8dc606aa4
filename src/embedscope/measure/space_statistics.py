"""The shape of a cloud of vectors: how many directions it uses, how evenly it fills the sphere, who is near to all.

Everything runs over blocks of rows and sums in float64; no (n, n) matrix is ever held. Figures that compare rows by
their cosine expect unit rows (`vectors.unit_rows`).

Sources
-------
Garrido, Balestriero, Najman & LeCun, "RankMe", ICML 2023: effective rank (after Roy & Vetterli, EUSIPCO 2007).
Gao, Trautmann, Yu, Santhanam, Ryu, Shenoy & Ganguli, bioRxiv 214262 (2017): participation ratio as a dimension.
Wang & Isola, "Understanding contrastive representation learning through alignment and uniformity on the
hypersphere", ICML 2020.
Radovanovic, Nanopoulos & Ivanovic, "Hubs in space", JMLR 11 (2010): k-occurrence, hubs and anti-hubs.
Liang, Zhang, Kwon, Yeung & Zou, "Mind the gap", NeurIPS 2022: the distance of the centroids of two roles.
Friedman, "Regularized discriminant analysis", JASA 84 (1989): the shrunk linear discriminant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, xlogy

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.metrics.vectors import require_matrix, require_same_dim, score_pairs
from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray

MAX_EXACT_ROWS = 10_000
"""Up to so many rows uniformity is exact; above, it is that of a random part of this size (50 million pairs)."""

N_FOLDS = 5
SHRINKAGE = 0.1
"""Part of the pooled covariance that is replaced by a multiple of the identity before it is inverted."""

_CHUNK_ELEMENTS = 1 << 20
_BLOCK_ROWS = 512
_NO_VARIANCE = 1e-13  # variance below this share of the mean square is the rounding of equal rows


# --- directions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How the variance of a cloud is spread over directions.

    ``shares`` are the eigenvalues of the covariance over their sum, descending, shape (dim,); all zero where every
    row is the same, and then ``participation_ratio`` and ``n_directions`` are None.
    """

    shares: Float64Array
    effective_rank: float
    participation_ratio: float | None
    n_directions: int | None


def spectrum(vectors: FloatArray, *, share: float = 0.9) -> Spectrum:
    """Directions that a cloud of rows uses, by three counts, each between 1 and ``min(n, dim)``.

    ``effective_rank = exp(-sum_k p_k log p_k)``, ``p_k = sigma_k / sum_j sigma_j`` over the singular values of the
    matrix as it is, not centred (RankMe; its 1e-7 inside the logarithm is left out, 0 log 0 is 0).

    ``participation_ratio = (sum_k lambda_k)^2 / sum_k lambda_k^2`` over the eigenvalues of the covariance.

    ``n_directions`` is the fewest principal directions that hold ``share`` of the variance.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64
        Unchanged by rotation and by one factor on all rows.
    share : float
        Between 0 and 1.

    Raises
    ------
    InvalidEmbeddingsError
        If it is not a float matrix.
    TooFewPointsError
        If there are no rows.
    InvalidOptionError
        If ``share`` is not above 0 and at most 1.
    """
    require_matrix(vectors)
    _require_rows(len(vectors), 1, "a spectrum")
    if not 0 < share <= 1:
        raise InvalidOptionError(f"Expected a share of the variance above 0 and at most 1, got {share}.")
    mean, scatter = _mean_and_scatter(vectors)
    singular = np.sqrt(_eigenvalues(scatter + len(vectors) * np.outer(mean, mean)))
    variances = _eigenvalues(scatter)
    total = float(variances.sum())
    mean_square = float((singular**2).sum())
    if total <= _NO_VARIANCE * mean_square:
        return Spectrum(np.zeros_like(variances), _perplexity(singular), None, None)
    shares = variances / total
    # A sum of shares can end a rounding below 1 and must still reach a share of 1.
    n_directions = int(np.searchsorted(np.cumsum(shares), share - 1e-12)) + 1
    return Spectrum(shares, _perplexity(singular), 1.0 / float((shares**2).sum()), n_directions)


def _mean_and_scatter(vectors: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Mean row, and ``sum_i (v_i - mean)(v_i - mean)'``: centred first, since a difference of sums loses digits."""
    mean = np.zeros(vectors.shape[1])
    for rows in _chunks(vectors):
        mean += rows.sum(axis=0)
    mean /= len(vectors)
    scatter = np.zeros((len(mean), len(mean)))
    for rows in _chunks(vectors):
        centred = rows - mean
        scatter += centred.T @ centred
    return mean, scatter


def _eigenvalues(symmetric: Float64Array) -> Float64Array:
    """Eigenvalues of a positive semidefinite matrix, descending; what rounding makes negative is 0."""
    return np.asarray(np.maximum(np.linalg.eigvalsh(symmetric)[::-1], 0.0), dtype=np.float64)


def _perplexity(weights: Float64Array) -> float:
    """``exp`` of the entropy of weights that are made to sum to 1; 0.0 where all are 0."""
    total = float(weights.sum())
    if total == 0:
        return 0.0
    p = weights / total
    return float(np.exp(-xlogy(p, p).sum()))


# --- alignment and uniformity ---------------------------------------------------------------------------------------


def alignment_by_pair(
    queries: FloatArray, documents: FloatArray, query_rows: IntArray, document_rows: IntArray
) -> Float64Array:
    """Squared distance of the two unit vectors of each relevant pair: ``||q - d||^2 = 2 - 2 cos(q, d)``.

    Its mean over pairs is the alignment of Wang & Isola (alpha = 2): 0 is best, 2 is what unrelated texts have, 4 the
    worst.

    Returns
    -------
    ndarray of shape (n_pairs,), float64

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    """
    return np.asarray(2.0 - 2.0 * score_pairs(queries, documents, query_rows, document_rows))


@dataclass(frozen=True, slots=True)
class Uniformity:
    """Uniformity of a cloud and the number of rows it was computed from; ``is_exact`` if these are all."""

    value: float
    n_rows: int
    is_exact: bool


def uniformity(
    vectors: FloatArray,
    *,
    generator: np.random.Generator,
    t: float = 2.0,
    max_rows: int = MAX_EXACT_ROWS,
) -> Uniformity:
    """How evenly unit rows fill the sphere: ``log mean_{i < j} exp(-t ||v_i - v_j||^2)`` (Wang & Isola 2020).

    0 where all rows are the same; lower is more even. Rows drawn evenly from a sphere of many dimensions come to
    about ``-2 t``: -4 for t = 2.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64, unit rows
    generator : numpy.random.Generator
        Draws the rows, without replacement, where there are more than ``max_rows``; not advanced otherwise.
    t : float
    max_rows : int
        Up to so many rows all pairs are summed.

    Raises
    ------
    TooFewPointsError
        If there are fewer than two rows, or ``max_rows`` is below 2.
    InvalidEmbeddingsError
        If it is not a float matrix.
    """
    require_matrix(vectors)
    _require_rows(min(len(vectors), max_rows), 2, "uniformity, a mean over pairs,")
    is_exact = len(vectors) <= max_rows
    rows = vectors if is_exact else vectors[np.sort(generator.choice(len(vectors), max_rows, replace=False))]
    n_pairs = len(rows) * (len(rows) - 1) // 2
    return Uniformity(float(np.log(_sum_of_kernel(rows, t) / n_pairs)), len(rows), is_exact)


def _sum_of_kernel(vectors: FloatArray, t: float) -> float:
    """``sum_{i < j} exp(-t (2 - 2 <v_i, v_j>))``, block by block above the diagonal."""
    total = 0.0
    for start in range(0, len(vectors), _BLOCK_ROWS):
        rows = vectors[start : start + _BLOCK_ROWS]
        block = rows @ vectors[start:].T  # (b, n - start)
        kernel = np.exp(t * (2.0 * block - 2.0))
        own = kernel[:, : len(rows)]
        total += float(np.triu(own, k=1).sum(dtype=np.float64)) + float(kernel[:, len(rows) :].sum(dtype=np.float64))
    return total


def mean_cosine_of_pairs(vectors: FloatArray) -> float:
    """Mean cosine of two different unit rows, over all pairs: near 0 where directions are used evenly (isotropy).

    ``(||sum_i v_i||^2 - sum_i ||v_i||^2) / (n (n - 1))``, exact without making a pair.

    Raises
    ------
    TooFewPointsError
        If there are fewer than two rows.
    InvalidEmbeddingsError
        If it is not a float matrix.
    """
    require_matrix(vectors)
    n = len(vectors)
    _require_rows(n, 2, "a mean over pairs")
    total, squares = np.zeros(vectors.shape[1]), 0.0
    for rows in _chunks(vectors):
        total += rows.sum(axis=0)
        squares += float(np.vdot(rows, rows))
    return (float(total @ total) - squares) / (n * (n - 1))


# --- queries against documents --------------------------------------------------------------------------------------


def centroid_distance(queries: FloatArray, documents: FloatArray) -> float:
    """Distance of the mean query from the mean document, ``||mean(q) - mean(d)||`` (Liang et al. 2022).

    Of unit rows it lies in [0, 2]; 0 where both roles share their centre.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    TooFewPointsError
        If either side has no rows.
    """
    require_same_dim(queries, documents)
    _require_rows(min(len(queries), len(documents)), 1, "a centroid of each side")
    return float(np.linalg.norm(_mean(queries) - _mean(documents)))


@dataclass(frozen=True, slots=True)
class LinearSplit:
    """How well a hyperplane tells queries from documents that it was not fitted to.

    ``auc`` is the probability that a query lies further on the side of the queries than a document does; ``accuracy``
    is balanced, the mean of the shares of both sides on the right side. 0.5 is what a guess reaches in both.
    """

    auc: float
    accuracy: float
    n_folds: int


def linear_split(queries: FloatArray, documents: FloatArray, *, generator: np.random.Generator) -> LinearSplit | None:
    """How well a hyperplane tells queries from documents, cross-validated.

    A linear discriminant with equal weight on both sides: ``w = S^-1 (m_q - m_d)`` and its threshold half-way between
    the means; S is the mean of both covariances, of which ``SHRINKAGE`` is replaced by ``tr(S) / dim`` times the
    identity (Friedman 1989). Fitted on four of five random parts, applied to the fifth, averaged over the five.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), float32 or float64
    generator : numpy.random.Generator
        Deals the rows of each side into the parts.

    Returns
    -------
    LinearSplit or None
        None where a side has fewer than four rows, or nothing varies: no part could then be held out.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.

    Notes
    -----
    Memory: a few matrices of shape (dim, dim).
    """
    require_same_dim(queries, documents)
    n_folds = min(N_FOLDS, min(len(queries), len(documents)) // 2)
    if n_folds < 2:
        return None
    sides = queries, documents
    folds = [generator.permutation(len(side)) % n_folds for side in sides]
    totals = [sum_and_gram(side) for side in sides]
    aucs, accuracies = [], []
    for fold in range(n_folds):
        held_out = [side[of_row == fold] for side, of_row in zip(sides, folds, strict=True)]
        kept = [_without(total, rows) for total, rows in zip(totals, held_out, strict=True)]
        sizes = [len(side) - len(rows) for side, rows in zip(sides, held_out, strict=True)]
        plane = _discriminant(kept, sizes)
        if plane is None:
            return None
        normal, threshold = plane
        q, d = (_products(rows, normal) - threshold for rows in held_out)
        aucs.append(_auc(q, d))
        accuracies.append((_share_above(q) + _share_above(-d)) / 2)
    return LinearSplit(float(np.mean(aucs)), float(np.mean(accuracies)), n_folds)


_SumAndGram = tuple[Float64Array, Float64Array]


def _without(total: _SumAndGram, rows: FloatArray) -> _SumAndGram:
    part_sum, part_gram = sum_and_gram(rows)
    return total[0] - part_sum, total[1] - part_gram


def _discriminant(kept: list[_SumAndGram], sizes: list[int]) -> tuple[Float64Array, float] | None:
    """Normal and threshold of the hyperplane, from sum and Gram matrix of each side; None where nothing varies."""
    means = [total / n for (total, _), n in zip(kept, sizes, strict=True)]
    squares = np.mean([gram / n for (_, gram), n in zip(kept, sizes, strict=True)], axis=0)
    within = squares - np.mean([np.outer(mean, mean) for mean in means], axis=0)
    level = float(np.trace(within)) / len(within)
    if level <= _NO_VARIANCE * float(np.trace(squares)) / len(within):
        return None
    shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * level * np.eye(len(within))
    normal = np.linalg.solve(shrunk, means[0] - means[1])
    return normal, float(normal @ (means[0] + means[1])) / 2


def _products(rows: FloatArray, normal: Float64Array) -> Float64Array:
    return np.concatenate([chunk @ normal for chunk in _chunks(rows)])


def _auc(higher: Float64Array, lower: Float64Array) -> float:
    """Share of pairs in which the first is above the second, ties half (Mann & Whitney 1947)."""
    lower = np.sort(lower)
    below = np.searchsorted(lower, higher, side="left") + np.searchsorted(lower, higher, side="right")
    return float(below.mean()) / (2 * len(lower))


def _share_above(values: Float64Array) -> float:
    return float(np.mean((values > 0) + 0.5 * (values == 0)))


# --- hubs -----------------------------------------------------------------------------------------------------------


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
    """Number of lists in which each document stands: ``N_k(d) = #{q : d among the k nearest of q}``.

    Parameters
    ----------
    neighbors : ndarray of shape (n_queries, k), int64
        Documents of each query's list, each at most once.
    n_documents : int

    Returns
    -------
    ndarray of shape (n_documents,), int64
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
    _require_rows(int(total), 1, "hubness, which counts places in lists,")
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

    Raises
    ------
    InvalidOptionError
        If k is not between 1 and ``n_documents``, or there are no queries.
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


# --- neighbours before and after ------------------------------------------------------------------------------------


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
    k = first.shape[1]
    shared = np.empty(len(first), dtype=np.float64)
    step = max(1, _CHUNK_ELEMENTS // k**2)
    for start in range(0, len(first), step):
        a, b = first[start : start + step], second[start : start + step]
        shared[start : start + step] = (a[:, :, np.newaxis] == b[:, np.newaxis, :]).sum(axis=(1, 2))
    return np.asarray(shared / k)


def _mean(vectors: FloatArray) -> Float64Array:
    total = np.zeros(vectors.shape[1])
    for rows in _chunks(vectors):
        total += rows.sum(axis=0)
    return total / len(vectors)


def _chunks(vectors: FloatArray) -> Iterator[Float64Array]:
    """The rows in float64, some at a time."""
    step = max(1, _CHUNK_ELEMENTS // vectors.shape[1])
    return (vectors[start : start + step].astype(np.float64) for start in range(0, len(vectors), step))


def _require_rows(n: int, needed: int, what: str) -> None:
    if n < needed:
        raise TooFewPointsError(f"{what} needs at least {needed}, got {n}. Give more texts.")
