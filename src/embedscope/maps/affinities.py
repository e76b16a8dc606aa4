"""How strongly neighbours belong to one another: the affinities of t-SNE and the fuzzy graph of UMAP.

van der Maaten & Hinton, "Visualizing Data using t-SNE" (2008), tested equal to openTSNE's; McInnes, Healy & Melville,
"UMAP: Uniform Manifold Approximation and Projection" (2018), algorithms 2 and 3, tested equal to
umap-learn's. Both search a scale for each point, by bisection.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from embedscope.protocols import Float64Array, FloatArray, IntArray

_ENTROPY_TOLERANCE = 1e-8
_ROW_SUM_TOLERANCE = 1e-5
_LEAST_SHARE = 1e-3  # of the mean distance: a scale below it would let a point belong to nobody but its nearest


def tsne_affinities(indices: IntArray, distances: FloatArray, perplexity: float) -> sparse.csr_array:
    """Probabilities ``p_ij`` of each pair of neighbours, which sum to 1: csr_array of shape (n, n), float64, symmetric.

    ``p_j|i = exp(-beta_i d_ij^2) / sum_k exp(-beta_i d_ik^2)`` with beta_i such that the entropy of the row is
    ``ln(perplexity)``; ``p_ij = (p_j|i + p_i|j) / 2n`` (equations 1 and 3.1 of the paper, over neighbours only).

    Parameters
    ----------
    indices : ndarray of shape (n, k), int64
        The k nearest other points of each point.
    distances : ndarray of shape (n, k)
        Their distances, not negative.
    perplexity : float
        At most k. Where more neighbours than that coincide with the nearest one, they share the row.
    """
    squared = np.asarray(distances, dtype=np.float64) ** 2
    beyond = squared - squared.min(axis=1, keepdims=True)  # the row is the same, and its sum is never 0
    rows = np.exp(-beyond * _precisions(beyond, np.log(perplexity))[:, None])
    rows /= rows.sum(axis=1, keepdims=True)
    directed = _graph(indices, rows)
    joint = sparse.csr_array(directed + directed.T.tocsr())
    joint.sort_indices()
    joint.data /= joint.data.sum()
    return joint


def _precisions(beyond: Float64Array, target: float) -> Float64Array:
    """The beta of each row for which the entropy of ``exp(-beta beyond)`` is ``target``, shape (n,)."""

    def excess_at(rows: IntArray, beta: Float64Array) -> Float64Array:
        own = beyond[rows]
        weight = np.exp(-own * beta[:, None])
        total = weight.sum(axis=1)
        entropy: Float64Array = np.log(total) + beta * (own * weight).sum(axis=1) / total
        return target - entropy  # which falls as beta rises

    return roots(excess_at, len(beyond), tolerance=_ENTROPY_TOLERANCE, n_steps=200)


def fuzzy_graph(indices: IntArray, distances: FloatArray) -> sparse.csr_array:
    """How strongly points belong to one another, in [0, 1]: the union of what each end of an edge says.

    A csr_array of shape (n, n), float32, symmetric.
    ``w_ij = exp(-max(0, d_ij - rho_i) / sigma_i)`` with ``rho_i`` the distance of the nearest neighbour that does not
    coincide with i, and ``sigma_i`` such that the row sums to ``log2(k + 1)``; then ``w + w' - w w'``.

    Parameters
    ----------
    indices : ndarray of shape (n, k), int64
        The k nearest other points of each point, nearest first.
    distances : ndarray of shape (n, k)
        Their distances, ascending along each row, not negative.
    """
    n, k = indices.shape
    lengths = np.asarray(distances, dtype=np.float64)
    is_apart = lengths > 0
    first = np.where(is_apart.any(axis=1), is_apart.argmax(axis=1), 0)
    rho = lengths[np.arange(n), first]  # (n,), 0 where every neighbour coincides
    beyond = np.maximum(lengths - rho[:, None], 0.0)  # (n, k)
    mean = lengths.sum(axis=1) / (k + 1)  # the point itself counts, at distance 0
    least = _LEAST_SHARE * np.where(rho > 0, mean, mean.mean())
    sigma = np.maximum(_scales(beyond, np.log2(k + 1)), least)[:, None]
    # sigma is 0 only where all points coincide: nothing lies beyond then, whatever it is divided by.
    directed = _graph(indices, np.exp(-beyond / np.where(sigma > 0, sigma, 1.0)).astype(np.float32))
    other = directed.T.tocsr()
    return sparse.csr_array(directed + other - directed * other)


def _scales(beyond: Float64Array, target: float) -> Float64Array:
    """The sigma of each row for which ``sum_j exp(-beyond_j / sigma)`` is ``target``, shape (n,)."""

    def excess_at(rows: IntArray, sigma: Float64Array) -> Float64Array:
        excess: Float64Array = np.exp(-beyond[rows] / sigma[:, None]).sum(axis=1) - target
        return excess

    return roots(excess_at, len(beyond), tolerance=_ROW_SUM_TOLERANCE, n_steps=64)


def _graph(indices: IntArray, weights: FloatArray) -> sparse.csr_array:
    """The edges from each point to its neighbours, shape (n, n)."""
    n, k = indices.shape
    return sparse.csr_array((weights.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def roots(
    excess_at: Callable[[IntArray, Float64Array], Float64Array], n_rows: int, *, tolerance: float, n_steps: int
) -> Float64Array:
    """The positive value of each row at which its excess is 0 within ``tolerance``, by bisection; shape (n_rows,).

    From 1 a value doubles until the excess of its row is above 0, then the interval is halved. Rows that have come near
    enough are not looked at again; those that never do end where ``n_steps`` steps have led.

    Parameters
    ----------
    excess_at : callable
        (rows of shape (r,), their values of shape (r,)) to how far the function of each row lies above 0, shape (r,);
        increasing in the value.
    """
    low, high, middle = np.zeros(n_rows), np.full(n_rows, np.inf), np.ones(n_rows)
    active = np.arange(n_rows)
    for _ in range(n_steps):
        excess = excess_at(active, middle[active])
        is_open = np.abs(excess) >= tolerance
        active, excess = active[is_open], excess[is_open]
        if not len(active):
            break
        is_high = excess > 0
        high[active[is_high]] = middle[active[is_high]]
        low[active[~is_high]] = middle[active[~is_high]]
        bounded = np.isfinite(high[active])
        middle[active] = np.where(bounded, (low[active] + np.where(bounded, high[active], 0.0)) / 2, 2 * middle[active])
    return middle
