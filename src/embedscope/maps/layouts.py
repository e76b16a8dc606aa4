"""What both maps share: the start, the checks, the placing of points by their neighbours, the figures of quality."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from scipy.linalg import eigh
from scipy.spatial import KDTree

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.maps.map_quality import map_quality, neighbors_kept
from embedscope.maps.neighbor_graph import QUALITY_K, NeighborGraph, unit_rows
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray
from embedscope.result import MapLayout

MIN_POINTS = 8
"""A map of fewer points shows nothing that a list of them would not."""

N_PLACING = 10
"""Fitted neighbours that a point which was not fitted is placed by."""

MAX_JUDGED = 50_000
"""Above so many points the figures of quality are those of a random part of the map."""

_PLACED_AT_ONCE = 20_000
_POINTS_PER_THREAD = 2_000  # with fewer, threads wait for one another longer than they work

Parameters = Mapping[str, float | int | str]


def layout(
    name: str,
    xy: FloatArray,
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    elapsed_s: float,
    parameters: Parameters,
    quality_k: int = QUALITY_K,
) -> MapLayout:
    """A map with the figures that say how far it may be believed, against the original space.

    ``parameters`` gains the seed, the numbers of points judged and examined for the figures, and the reason where
    ``quality_k`` had to be lowered. Of more than 50,000 points a random 50,000 are judged: a neighbourhood is then one
    among those.
    """
    rng = np.random.default_rng(seed)
    n = len(xy)
    judged = np.arange(n) if n <= MAX_JUDGED else np.sort(rng.choice(n, size=MAX_JUDGED, replace=False))
    quality = map_quality(unit_rows(vectors[judged]), xy[judged], k=quality_k, rng=rng)
    noted: dict[str, float | int | str] = {**parameters, "seed": seed, "quality_anchors": quality.n_anchors}
    if n > MAX_JUDGED:
        noted["quality_points"] = MAX_JUDGED
    if quality.reason is not None:
        noted["quality_note"] = quality.reason
    return MapLayout(
        name=name,
        xy=np.ascontiguousarray(xy, dtype=np.float32),
        trustworthiness=quality.trustworthiness,
        continuity=quality.continuity,
        k=quality.k,
        kept=_kept(graph, xy, quality.k),
        elapsed_s=elapsed_s,
        parameters=noted,
        n_fitted=None if graph.sample is None else len(graph.sample.rows),
    )


def _kept(graph: NeighborGraph, xy: FloatArray, k: int) -> Float32Array:
    """Share of each point's original neighbours that are its neighbours on the map; both among the fitted points."""
    if graph.sample is None:
        return neighbors_kept(graph.indices[:, :k], xy)
    rows = graph.sample.rows
    kept = np.empty(len(xy), dtype=np.float32)
    kept[rows] = neighbors_kept(graph.sample.graph.indices[:, :k], xy[rows])
    others = not_fitted(graph)
    _, near = KDTree(xy[rows]).query(xy[others], k=k)  # (O, k)
    number = np.arange(len(others))[:, None] * len(xy)
    kept[others] = np.isin(number + graph.indices[others, :k], number + rows[near]).mean(axis=1)
    return kept


def not_fitted(graph: NeighborGraph) -> IntArray:
    """Rows of the points that are placed by their neighbours; none where every point is fitted."""
    if graph.sample is None:
        return np.zeros(0, dtype=np.int64)
    is_fitted = np.zeros(len(graph.indices), dtype=bool)
    is_fitted[graph.sample.rows] = True
    return np.flatnonzero(~is_fitted)


def with_the_rest(graph: NeighborGraph, fitted: FloatArray) -> FloatArray:
    """Positions of all points from those of the fitted ones.

    A point that was not fitted is placed by its 10 nearest fitted points in the original space: at the mean of the one
    that lies most centrally among them on the map and of the 4 nearest to that one. Where the map tears a neighbourhood
    apart this lies in its larger part. The mean of all 10 would lie in the gap between the parts, and their median axis
    by axis, from which the transform of Poličar, Stražar & Zupan (2023) starts, can lie where no neighbour is.

    Parameters
    ----------
    graph : NeighborGraph
    fitted : ndarray of shape (S, 2)
        Positions of ``graph.sample.rows``; of all points where the graph has no sample, and then given back.

    Returns
    -------
    ndarray of shape (M, 2)
    """
    if graph.sample is None:
        return fitted
    xy = np.empty((len(graph.indices), 2))
    xy[graph.sample.rows] = fitted
    others = not_fitted(graph)
    for start in range(0, len(others), _PLACED_AT_ONCE):
        block = others[start : start + _PLACED_AT_ONCE]
        xy[block] = _heart(xy[graph.indices[block, :N_PLACING]])
    return xy


def _heart(positions: Float64Array) -> Float64Array:
    """Mean of the medoid of each row of positions (B, k, 2) and of those nearest to it, half of them all; (B, 2)."""
    difference = positions[:, :, None] - positions[:, None]  # (B, k, k, 2)
    distance = np.sqrt((difference**2).sum(axis=3))  # (B, k, k)
    medoid = distance.sum(axis=2).argmin(axis=1)  # (B,)
    from_medoid = np.take_along_axis(distance, medoid[:, None, None], axis=1)[:, 0]  # (B, k)
    near = np.argsort(from_medoid, axis=1, kind="stable")[:, : max(1, positions.shape[1] // 2)]
    heart: Float64Array = np.take_along_axis(positions, near[:, :, None], axis=1).mean(axis=1)
    return heart


def fitted_part(vectors: FloatArray, graph: NeighborGraph) -> tuple[FloatArray, NeighborGraph]:
    """The vectors and the graph that a map is fitted on."""
    if graph.sample is None:
        return vectors, graph
    return vectors[graph.sample.rows], graph.sample.graph


def fitted_start(start: Float64Array | None, graph: NeighborGraph) -> Float64Array | None:
    """The rows of ``start`` that belong to the fitted points."""
    return start if start is None or graph.sample is None else start[graph.sample.rows]


def n_threads(n_points: int) -> int:
    """Threads that have enough to do on ``n_points``."""
    return min(os.cpu_count() or 1, max(1, n_points // _POINTS_PER_THREAD))


def checked_size(vectors: FloatArray, graph: NeighborGraph, what: str, skip_option: str) -> int:
    n = len(vectors)
    if len(graph.indices) != n:
        raise InvalidEmbeddingsError(f"The neighbour graph is of {len(graph.indices)} points, the vectors of {n}.")
    if n < MIN_POINTS:
        raise TooFewPointsError(
            f"{what} needs at least {MIN_POINTS} points and there are {n}. Give more data, or pass {skip_option}."
        )
    return n


def checked_start(start: FloatArray | None, n: int) -> Float64Array | None:
    if start is None:
        return None
    rows = np.asarray(start, dtype=np.float64)
    if rows.shape != (n, 2) or not np.isfinite(rows).all():
        raise InvalidOptionError(
            f"The start of a map of {n} points must be finite positions of shape ({n}, 2); got shape {rows.shape}."
        )
    return rows


def device_start(vectors: FloatArray, given: Float64Array | None, seed: int) -> Float64Array:
    """Where a map on a device starts: the first two principal components, and nothing else.

    Raises
    ------
    InvalidOptionError
        If positions are given: a map that goes on from another is laid out on the processor.
    """
    if given is not None:
        raise InvalidOptionError(
            "A map that starts from given positions is laid out on the processor: leave device out."
        )
    return pca_start(vectors, np.random.default_rng(seed))


def require_width(graph: NeighborGraph, width: int, why: str) -> None:
    if graph.indices.shape[1] < width:
        raise InvalidOptionError(
            f"{why} needs the {width} nearest neighbours of each point, and the graph holds "
            f"{graph.indices.shape[1]}. Build it with neighbor_graph(vectors, graph_size(...))."
        )


def euclidean(distances: Float32Array) -> Float64Array:
    """Euclidean distance of unit rows from their cosine distance."""
    return np.sqrt(2.0 * distances.astype(np.float64))


def pca_start(vectors: FloatArray, rng: np.random.Generator) -> Float64Array:
    """The first two principal components, first one of standard deviation 1, with a jitter of 0.01.

    The sign of an axis is that of the largest entry of its direction. Positions are rounded, because the last bits
    of a matrix product depend on the number of threads and hundreds of steps would make them visible.
    """
    rows = unit_rows(vectors)
    centred = rows - rows.mean(axis=0)
    dim = centred.shape[1]
    _, directions = eigh(centred.T @ centred, subset_by_index=(max(0, dim - 2), dim - 1))
    directions = directions[:, ::-1]  # (dim, 2), strongest first
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    start: Float64Array = np.zeros((len(rows), 2))
    start[:, : directions.shape[1]] = centred @ directions
    spread = start[:, 0].std()
    if spread < 1e-9:  # every row is equal: only the jitter is left, and it has to be a spread
        return rng.normal(size=start.shape)
    jitter: Float64Array = rng.normal(scale=0.01, size=start.shape)
    jitter += np.round(start / spread, 6)
    return jitter
