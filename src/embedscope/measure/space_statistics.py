"""The shape of a cloud of vectors: how many directions it uses, how evenly it fills the sphere, where its centre lies.

Everything runs over blocks of rows and sums in float64; no (n, n) matrix is ever held. Figures that compare rows by
their cosine expect unit rows (`vectors.unit_rows`).

Sources
-------
Garrido, Balestriero, Najman & LeCun, "RankMe", ICML 2023: effective rank (after Roy & Vetterli, EUSIPCO 2007).
Gao, Trautmann, Yu, Santhanam, Ryu, Shenoy & Ganguli, bioRxiv 214262 (2017): participation ratio as a dimension.
Wang & Isola, "Understanding contrastive representation learning through alignment and uniformity on the
hypersphere", ICML 2020.
Liang, Zhang, Kwon, Yeung & Zou, "Mind the gap", NeurIPS 2022: the distance of the centroids of two roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from embedscope.errors import TooFewPointsError
from embedscope.metrics.threads import in_threads, one_thread_products
from embedscope.metrics.vectors import require_matrix, require_same_dim, score_pairs
from embedscope.protocols import Float64Array, FloatArray, IntArray

MAX_EXACT_ROWS = 10_000
"""Up to so many rows uniformity is exact; above, it is that of a random part of this size (50 million pairs)."""

_SHARE = 0.9
_STEEPNESS = 2.0
_CHUNK_ELEMENTS = 1 << 20
_BLOCK_ROWS = 512
_OF_ONE_THREAD = 128  # numbers: threads that share so small a matrix wait for one another longer than they work
NO_VARIANCE = 1e-13  # variance below this share of the mean square is the rounding of equal rows


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


def spectrum(vectors: FloatArray) -> Spectrum:
    """Directions that a cloud of rows uses, by three counts, each between 1 and ``min(n, dim)``.

    ``effective_rank = exp(-sum_k p_k log p_k)``, ``p_k = sigma_k / sum_j sigma_j`` over the singular values of the
    matrix as it is, not centred (RankMe; its 1e-7 inside the logarithm is left out, 0 log 0 is 0).

    ``participation_ratio = (sum_k lambda_k)^2 / sum_k lambda_k^2`` over the eigenvalues of the covariance.

    ``n_directions`` is the fewest principal directions that hold 90 % of the variance.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64
        Unchanged by rotation and by one factor on all rows.

    Raises
    ------
    InvalidEmbeddingsError
        If it is not a float matrix.
    TooFewPointsError
        If there are no rows.
    """
    require_matrix(vectors)
    _require_rows(len(vectors), 1, "a spectrum")
    mean, scatter = _mean_and_scatter(vectors)
    singular = np.sqrt(_eigenvalues(scatter + len(vectors) * np.outer(mean, mean)))
    variances = _eigenvalues(scatter)
    total = float(variances.sum())
    mean_square = float((singular**2).sum())
    if total <= NO_VARIANCE * mean_square:
        return Spectrum(np.zeros_like(variances), _perplexity(singular), None, None)
    shares = variances / total
    n_directions = int(np.searchsorted(np.cumsum(shares), _SHARE - 1e-12)) + 1
    return Spectrum(shares, _perplexity(singular), 1.0 / float((shares**2).sum()), n_directions)


def _mean_and_scatter(vectors: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Mean row, and ``sum_i (v_i - mean)(v_i - mean)'``: centred first, since a difference of sums loses digits."""
    mean = _mean(vectors)
    scatter = np.zeros((len(mean), len(mean)))
    for rows in float64_chunks(vectors):
        centred = rows - mean
        scatter += centred.T @ centred
    return mean, scatter


def _eigenvalues(symmetric: Float64Array) -> Float64Array:
    """Eigenvalues of a positive semidefinite matrix, descending; what rounding makes negative is 0."""
    with one_thread_products() if len(symmetric) <= _OF_ONE_THREAD else nullcontext():
        ascending = np.linalg.eigvalsh(symmetric)
    return np.asarray(np.maximum(ascending[::-1], 0.0), dtype=np.float64)


def _perplexity(weights: Float64Array) -> float:
    """``exp`` of the entropy of weights that are made to sum to 1; 0.0 where all are 0."""
    total = float(weights.sum())
    if total == 0:
        return 0.0
    p = weights / total
    return float(np.exp(-xlogy(p, p).sum()))


def alignment_by_pair(
    queries: FloatArray, documents: FloatArray, query_rows: IntArray, document_rows: IntArray
) -> Float64Array:
    """Squared distance of the two unit vectors of each relevant pair, (n_pairs,): ``||q - d||^2 = 2 - 2 cos(q, d)``.

    Its mean over pairs is the alignment of Wang & Isola (alpha = 2): 0 is best, 2 is what unrelated texts have, 4 the
    worst.

    Raises InvalidEmbeddingsError if the dimensions differ.
    """
    return np.asarray(2.0 - 2.0 * score_pairs(queries, documents, query_rows, document_rows))


@dataclass(frozen=True, slots=True)
class Uniformity:
    """Uniformity of a cloud and the number of rows it was computed from; ``is_exact`` if these are all."""

    value: float
    n_rows: int
    is_exact: bool


def uniformity(vectors: FloatArray, *, generator: np.random.Generator, max_rows: int = MAX_EXACT_ROWS) -> Uniformity:
    """How evenly unit rows fill the sphere: ``log mean_{i < j} exp(-2 ||v_i - v_j||^2)`` (Wang & Isola 2020).

    0 where all rows are the same; lower is more even. Rows drawn evenly from a sphere of many dimensions come to
    about -4.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64, unit rows
    generator : numpy.random.Generator
        Draws the rows, without replacement, where there are more than ``max_rows``; not advanced otherwise.
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
    rows = (
        vectors
        if is_exact
        else vectors[order_by_content(vectors)[generator.choice(len(vectors), max_rows, replace=False)]]
    )
    n_pairs = len(rows) * (len(rows) - 1) // 2
    return Uniformity(float(np.log(_sum_of_kernel(rows) / n_pairs)), len(rows), is_exact)


def _sum_of_kernel(vectors: FloatArray) -> float:
    """``sum_{i < j} exp(-2 (2 - 2 <v_i, v_j>))``, block by block above the diagonal."""

    def of_rows(start: int) -> float:
        rows = vectors[start : start + _BLOCK_ROWS]
        kernel = rows @ vectors[start:].T  # (b, n - start)
        kernel -= 1.0
        kernel *= 2.0 * _STEEPNESS
        np.exp(kernel, out=kernel)
        own = kernel[:, : len(rows)]
        return float(np.triu(own, k=1).sum(dtype=np.float64)) + float(kernel[:, len(rows) :].sum(dtype=np.float64))

    return sum(in_threads(of_rows, range(0, len(vectors), _BLOCK_ROWS)))


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
    for rows in float64_chunks(vectors):
        total += rows.sum(axis=0)
        squares += float(np.vdot(rows, rows))
    return (float(total @ total) - squares) / (n * (n - 1))


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


def _mean(vectors: FloatArray) -> Float64Array:
    total = np.zeros(vectors.shape[1])
    for rows in float64_chunks(vectors):
        total += rows.sum(axis=0)
    return total / len(vectors)


def order_by_content(vectors: FloatArray) -> IntArray:
    """A permutation, (n,), that sorts the rows of ``vectors`` (n, dim) by their product with the sum of all.

    A draw along it is the same whatever the order of the rows and the rotation of the space. Computed in float64.
    """
    total = sum((chunk.sum(axis=0) for chunk in float64_chunks(vectors)), np.zeros(vectors.shape[1]))
    along = [chunk @ total for chunk in float64_chunks(vectors)]
    return np.argsort(np.concatenate(along), kind="stable")


def float64_chunks(vectors: FloatArray) -> Iterator[Float64Array]:
    """The rows in float64, some at a time."""
    step = max(1, _CHUNK_ELEMENTS // vectors.shape[1])
    return (vectors[start : start + step].astype(np.float64) for start in range(0, len(vectors), step))


def _require_rows(n: int, needed: int, what: str) -> None:
    if n < needed:
        raise TooFewPointsError(f"{what} needs at least {needed}, got {n}. Give more texts.")
