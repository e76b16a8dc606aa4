"""The points that a map was not fitted on: each is placed by its nearest fitted points."""

from __future__ import annotations

import numpy as np

from embedscope.maps.neighbor_graph import NeighborGraph
from embedscope.protocols import Float64Array, FloatArray

N_PLACING = 10
"""Fitted neighbours that a point is placed by."""

_PLACED_AT_ONCE = 20_000


def all_positions(graph: NeighborGraph, fitted: FloatArray) -> FloatArray:
    """Positions of all points from those of the fitted ones, shape (M, 2).

    A point that was not fitted is placed by its 10 nearest fitted points in the original space: at the mean of the one
    that lies most centrally among them on the map and of the 4 nearest to that one. Where the map tears a neighbourhood
    apart this lies in its larger part. The mean of all 10 would lie in the gap between the parts, and their median axis
    by axis, from which the transform of Poličar, Stražar & Zupan (2023) starts, can lie where no neighbour is.

    Parameters
    ----------
    fitted : ndarray of shape (S, 2)
        Positions of ``graph.sample.rows``; of all points where the graph has no sample, and returned as they are.
    """
    if graph.sample is None:
        return fitted
    xy = np.empty((len(graph.indices), 2))
    xy[graph.sample.rows] = fitted
    others = np.setdiff1d(np.arange(len(xy)), graph.sample.rows)
    for start in range(0, len(others), _PLACED_AT_ONCE):
        block = others[start : start + _PLACED_AT_ONCE]
        xy[block] = around_medoid(xy[graph.indices[block, :N_PLACING]])
    return xy


def around_medoid(positions: Float64Array) -> Float64Array:
    """Mean of the medoid of each row of positions (B, k, 2) and of those nearest to it, half of them all; (B, 2)."""
    difference = positions[:, :, None] - positions[:, None]  # (B, k, k, 2)
    distance = np.sqrt((difference**2).sum(axis=3))  # (B, k, k)
    medoid = distance.sum(axis=2).argmin(axis=1)  # (B,)
    from_medoid = np.take_along_axis(distance, medoid[:, None, None], axis=1)[:, 0]  # (B, k)
    near = np.argsort(from_medoid, axis=1, kind="stable")[:, : max(1, positions.shape[1] // 2)]
    centre: Float64Array = np.take_along_axis(positions, near[:, :, None], axis=1).mean(axis=1)
    return centre
