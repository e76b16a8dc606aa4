"""How far a 2-D map may be believed: trustworthiness, continuity and neighbours kept.

Venna and Kaski, "Neighborhood preservation in nonlinear projection methods: an experimental study", ICANN 2001.
Distances are Euclidean on both sides. On unit rows that is the order of cosine similarity, because
``||a - b||^2 = 2 - 2 cos(a, b)``. Everything runs over blocks of rows: no (n, n) matrix is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.measure.neighbor_lists import overlap_at_k
from embedscope.metrics.threads import in_threads
from embedscope.protocols import Float32Array, FloatArray, IntArray

MAX_EXACT_POINTS = 10_000
"""Up to so many points every point is an anchor."""

N_ANCHORS = 2_500
"""Anchors drawn above ``MAX_EXACT_POINTS``: the standard error of the two figures is then about 0.001."""

_BLOCK_ENTRIES = 400_000  # 3 MB of float64 for each of the six arrays that a thread holds at a time


@dataclass(frozen=True, slots=True)
class MapQuality:
    """Trustworthiness and continuity of a map, and what they were computed from.

    ``k`` is the neighbourhood that was used and ``reason`` says why it is not the one asked for (None where it is).
    ``n_anchors`` of ``n_points`` points had their neighbourhoods examined, each against all points.
    """

    trustworthiness: float
    continuity: float
    k: int
    n_points: int
    n_anchors: int
    reason: str | None = None


def map_quality(
    vectors: FloatArray,
    xy: FloatArray,
    *,
    k: int = 15,
    max_exact: int = MAX_EXACT_POINTS,
    n_anchors: int = N_ANCHORS,
    rng: np.random.Generator | None = None,
) -> MapQuality:
    """Trustworthiness and continuity of the map ``xy`` of ``vectors``.

    ``T = 1 - 2 / (n k (2n - 3k - 1)) * sum_i sum_{j in U_i} (r(i, j) - k)``

    ``C = 1 - 2 / (n k (2n - 3k - 1)) * sum_i sum_{j in V_i} (s(i, j) - k)``

    ``r(i, j)`` is the rank of j among the neighbours of i in the original space and ``s(i, j)`` its rank on the map,
    both from 1. ``U_i`` are the points among the k nearest of i on the map that are not among its k nearest in the
    original space (intruders); ``V_i`` the other way round (lost neighbours). Tied points share the mean of their
    ranks, so that a collapsed space, in which all are tied, is believed no more than a random map.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64
        Original space; distances are computed in this dtype.
    xy : ndarray of shape (n, 2)
    k : int
        Size of a neighbourhood. Lowered to ``(n - 1) // 2`` where n is too small: the formula needs ``n > 2k``.
    max_exact, n_anchors : int
        Above ``max_exact`` points, ``n_anchors`` rows i are drawn without replacement and the sums are scaled by
        ``n / n_anchors``; the ranks are still among all n points.
    rng : Generator, optional
        Draws the anchors; needed only above ``max_exact`` points.

    Returns
    -------
    MapQuality
        Both figures in [0, 1]; 1 is a faithful map, about 0.5 a random one.

    Raises
    ------
    TooFewPointsError
        Fewer than 3 points.
    InvalidEmbeddingsError
        Row counts differ, or a value is not finite.
    InvalidOptionError
        ``k`` or ``n_anchors`` below 1, or more than ``max_exact`` points without ``rng``.
    """
    n = _checked_size(vectors, xy)
    if k < 1 or n_anchors < 1:
        raise InvalidOptionError(f"k and n_anchors must be at least 1, got k={k} and n_anchors={n_anchors}.")
    k_used = min(k, (n - 1) // 2)
    reason = None if k_used == k else f"k lowered from {k} to {k_used}: the formula needs more than 2k of {n} points"
    anchors = _anchors(n, max_exact, n_anchors, rng)
    intrusion, loss = _penalties(vectors, np.asarray(xy, dtype=np.float64), anchors, k_used)
    scale = 2.0 / (len(anchors) * k_used * (2 * n - 3 * k_used - 1))
    return MapQuality(1.0 - scale * intrusion, 1.0 - scale * loss, k_used, n, len(anchors), reason)


def neighbors_kept(neighbor_ids: IntArray, xy: FloatArray) -> Float32Array:
    """For each point, the share of its original neighbours that are among its neighbours on the map.

    ``kept[i] = |N_k(i) & M_k(i)| / k`` with ``N_k`` the given neighbours and ``M_k`` the k nearest points on the map.

    Parameters
    ----------
    neighbor_ids : ndarray of shape (n, k), int64
        Row i holds the k nearest points of i in the original space, without i.
    xy : ndarray of shape (n, 2)

    Returns
    -------
    ndarray of shape (n,), float32
        In [0, 1].

    Raises
    ------
    InvalidEmbeddingsError
        Row counts differ, or a coordinate is not finite.
    """
    _checked_size(neighbor_ids, xy)
    on_map = _map_neighbors(np.asarray(xy, dtype=np.float64), neighbor_ids.shape[1])
    return overlap_at_k(neighbor_ids, on_map).astype(np.float32)


def _checked_size(vectors: npt.NDArray[Any], xy: FloatArray) -> int:
    n = len(vectors)
    if vectors.ndim != 2 or xy.shape != (n, 2):
        raise InvalidEmbeddingsError(
            f"A map of n points needs original rows of shape (n, dim) and positions of shape (n, 2); "
            f"got {vectors.shape} and {xy.shape}."
        )
    if n < 3:
        raise TooFewPointsError(f"Map quality compares neighbourhoods and needs at least 3 points, got {n}.")
    if not (np.isfinite(vectors).all() and np.isfinite(xy).all()):
        raise InvalidEmbeddingsError("The rows or the map hold values that are not finite: they have no neighbours.")
    return n


def _anchors(n: int, max_exact: int, n_anchors: int, rng: np.random.Generator | None) -> IntArray:
    if n <= max_exact or n_anchors >= n:
        return np.arange(n, dtype=np.int64)
    if rng is None:
        raise InvalidOptionError(
            f"{n} points are more than max_exact={max_exact}, so anchors are drawn at random: "
            "pass rng, or raise max_exact."
        )
    return np.sort(rng.choice(n, size=n_anchors, replace=False)).astype(np.int64)


def _penalties(vectors: FloatArray, xy: FloatArray, anchors: IntArray, k: int) -> tuple[float, float]:
    """The two double sums of the formula, over the anchors."""
    half_norms = 0.5 * np.einsum("ij,ij->i", vectors, vectors)
    n_rows = max(1, _BLOCK_ENTRIES // len(vectors))
    blocks = [anchors[start : start + n_rows] for start in range(0, len(anchors), n_rows)]

    def penalties_of(rows: IntArray) -> tuple[float, float]:
        original = half_norms - vectors[rows] @ vectors.T  # (B, n): orders like the distance
        dx, dy = (xy[rows, axis][:, None] - xy[:, axis] for axis in (0, 1))
        on_map = dx * dx + dy * dy  # (B, n)
        block = np.arange(len(rows))
        original[block, rows] = np.inf
        on_map[block, rows] = np.inf
        return _excess_ranks(near=on_map, ranked_by=original, k=k), _excess_ranks(near=original, ranked_by=on_map, k=k)

    intrusion = loss = 0.0
    for part in in_threads(penalties_of, blocks) if len(blocks) > 1 else map(penalties_of, blocks):
        intrusion, loss = intrusion + part[0], loss + part[1]
    return intrusion, loss


def _excess_ranks(*, near: FloatArray, ranked_by: FloatArray, k: int) -> float:
    """``sum max(0, rank - k)`` over the k nearest by ``near``, ranked by ``ranked_by``."""
    neighbors = np.argpartition(near, k - 1, axis=1)[:, :k]  # (B, k)
    distances = np.take_along_axis(ranked_by, neighbors, axis=1)  # (B, k)
    # Vectorised sorting makes one sort of a row cheaper than k comparisons with it.
    ordered = np.sort(ranked_by, axis=1)  # (B, n)
    places = np.empty((2, *neighbors.shape), dtype=np.int64)
    for i, (row, distance) in enumerate(zip(ordered, distances, strict=True)):
        places[0, i] = row.searchsorted(distance, side="left")  # points that are nearer
        places[1, i] = row.searchsorted(distance, side="right")  # and the neighbour itself and its ties
    mean_rank = (places[0] + 1 + places[1]) / 2
    return float(np.maximum(0.0, mean_rank - k).sum())


def _map_neighbors(xy: FloatArray, k: int) -> IntArray:
    """The k nearest points of each point on the map, itself excluded by index even among coincident points."""
    from scipy.spatial import KDTree

    n = len(xy)
    _, found = KDTree(xy).query(xy, k=k + 1)  # (n, k + 1)
    is_self = found == np.arange(n)[:, None]
    is_self[~is_self.any(axis=1), -1] = True  # pushed out by coincident points: drop the farthest instead
    others: IntArray = found[~is_self].reshape(n, k).astype(np.int64)
    return others
