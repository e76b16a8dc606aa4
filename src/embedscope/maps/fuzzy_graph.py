"""The graph that UMAP lays out: how strongly each point belongs to each of its neighbours, and the curve of the map.

McInnes, Healy & Melville, "UMAP: Uniform Manifold Approximation and Projection" (2018): algorithms 2 and 3, and
section 4.2. Tested equal to umap-learn, whose import alone takes longer than this and the whole map of 4,000 points.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import curve_fit

from embedscope.maps.bisection import roots_by_halving
from embedscope.protocols import Float64Array, FloatArray, IntArray

_HALVINGS = 64
_CLOSE_ENOUGH = 1e-5
_LEAST_SHARE = 1e-3  # of the mean distance: a scale below it would let a point belong to nobody but its nearest


def fuzzy_graph(indices: IntArray, distances: FloatArray) -> sparse.csr_array:
    """How strongly points belong together, in [0, 1]: the union of what each end of an edge says.

    ``w_ij = exp(-max(0, d_ij - rho_i) / sigma_i)`` with ``rho_i`` the distance of the nearest neighbour that does not
    coincide with i, and ``sigma_i`` such that the row sums to ``log2(k + 1)``; then ``w + w' - w w'``.

    Parameters
    ----------
    indices : ndarray of shape (n, k), int64
        The k nearest other points of each point, nearest first.
    distances : ndarray of shape (n, k)
        Their distances, ascending along each row, not negative.

    Returns
    -------
    csr_array of shape (n, n), float32, symmetric
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
    strength = np.exp(-beyond / np.where(sigma > 0, sigma, 1.0)).astype(np.float32)
    shape = (n, n)
    directed = sparse.csr_array((strength.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=shape)
    other = directed.T.tocsr()
    return sparse.csr_array(directed + other - directed * other)


def _scales(beyond: Float64Array, target: float) -> Float64Array:
    """The sigma of each row for which ``sum_j exp(-beyond_j / sigma)`` is ``target``, shape (n,)."""

    def excess_at(rows: IntArray, sigma: Float64Array) -> Float64Array:
        excess: Float64Array = np.exp(-beyond[rows] / sigma[:, None]).sum(axis=1) - target
        return excess

    return roots_by_halving(excess_at, len(beyond), tolerance=_CLOSE_ENOUGH, n_halvings=_HALVINGS)


def map_curve(min_dist: float, *, spread: float = 1.0) -> tuple[float, float]:
    """a and b of ``1 / (1 + a d^(2b))``, the smooth curve nearest to 1 up to ``min_dist`` and falling as
    ``exp(-(d - min_dist) / spread)`` beyond it, fitted on 300 distances in [0, 3 spread].

    >>> a, b = map_curve(0.1)
    >>> round(a, 4), round(b, 4)
    (1.5769, 0.8951)
    """
    distance = np.linspace(0, 3 * spread, 300)
    wanted = np.where(distance < min_dist, 1.0, np.exp(-(distance - min_dist) / spread))
    (a, b), _ = curve_fit(lambda d, a, b: 1.0 / (1.0 + a * d ** (2 * b)), distance, wanted)
    return float(a), float(b)
