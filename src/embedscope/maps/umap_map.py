"""The UMAP map: the fuzzy graph of umap-learn, steps that any number of threads takes alike."""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse

from embedscope.errors import InvalidOptionError, MissingExtraError, TooFewPointsError
from embedscope.maps.fuzzy_graph import fuzzy_graph, map_curve
from embedscope.maps.layouts import (
    Parameters,
    checked_size,
    checked_start,
    device_start,
    euclidean,
    fitted_part,
    fitted_start,
    layout,
    n_threads,
    pca_start,
    require_width,
    with_the_rest,
)
from embedscope.maps.neighbor_graph import N_NEIGHBORS, QUALITY_K, NeighborGraph
from embedscope.maps.on_device import made_by, umap_positions_on
from embedscope.maps.umap_steps import umap_positions
from embedscope.metrics.compiled import numba_if_usable
from embedscope.protocols import Float64Array, FloatArray
from embedscope.result import MapLayout

_MANY_POINTS = 10_000
_EPOCHS_FEW, _EPOCHS_MANY = 500, 200  # umap-learn's own rule, up to and above _MANY_POINTS


def umap(
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    n_neighbors: int | None = None,
    min_dist: float = 0.1,
    n_epochs: int | None = None,
    quality_k: int = QUALITY_K,
    start: FloatArray | None = None,
    device: str | None = None,
) -> MapLayout:
    """The UMAP map (McInnes, Healy & Melville 2018).

    The graph is that of :func:`embedscope.maps.fuzzy_graph.fuzzy_graph`, equal to umap-learn's; the steps are those
    of :func:`embedscope.maps.umap_steps.umap_positions`, the same on any number of threads.

    Parameters
    ----------
    vectors : ndarray of shape (M, dim)
        The rows that the graph was built from.
    graph : NeighborGraph
        At least ``n_neighbors - 1`` neighbours wide.
    seed : int
        Of the jitter of the start, of the negative samples and of the anchors of the quality figures.
    n_neighbors : int, optional
        As umap-learn counts them, the point itself included; 15 where not given, lowered to M for fewer points.
    min_dist : float
        Smallest distance between points that are packed together, in [0, 1].
    n_epochs : int, optional
        Passes over the graph; umap-learn's own rule where not given (500 up to 10,000 points, 200 above).
    quality_k : int
        Neighbourhood of trustworthiness, continuity and neighbours kept.
    start : ndarray of shape (M, 2), optional
        Positions to start from, as for :func:`tsne`; the learning rate then begins at a quarter.
    device : str, optional
        A torch device on which TorchDR lays the map out, from the first two principal components.

    Raises
    ------
    TooFewPointsError
        Fewer than 8 points, or fewer than the ``n_neighbors`` that was given.
    InvalidOptionError
        ``n_neighbors`` below 2, ``min_dist`` outside [0, 1], the graph is too narrow, or ``start`` and ``device`` are
        given.
    MissingExtraError
        Numba, which the processor needs, or TorchDR, which a device needs, is not installed.
    DeviceMapError
        The map cannot be laid out on the device.
    """
    began = time.perf_counter()
    if device is None:
        load_numba()
    n = checked_size(vectors, graph, "UMAP", "--skip-umap")
    used = _fitting_neighbors(n if graph.sample is None else len(graph.sample.rows), n_neighbors)
    if not 0.0 <= min_dist <= 1.0:
        raise InvalidOptionError(f"min_dist must lie in [0, 1], got {min_dist}: it is measured against a spread of 1.")
    rows, near = fitted_part(vectors, graph)
    require_width(near, used - 1, f"n_neighbors={used}")
    begin = fitted_start(checked_start(start, n), graph)
    if device is None:
        fitted = _optimised(rows, near, used, seed=seed, min_dist=min_dist, n_epochs=n_epochs, start=begin)
    else:
        wide = _stretched(device_start(rows, begin, seed))
        fitted = umap_positions_on(
            device, near, wide, n_neighbors=used, min_dist=min_dist, n_epochs=n_epochs or _epochs(len(rows)), seed=seed
        )
    parameters: Parameters = {
        "n_neighbors": used,
        "min_dist": min_dist,
        "distance": "euclidean of unit rows",
        "init": "pca" if start is None else "given positions",
        **({} if device is None else made_by(device)),
    }
    xy = with_the_rest(graph, fitted)
    elapsed_s = time.perf_counter() - began
    return layout(
        "umap", xy, vectors, graph, seed=seed, quality_k=quality_k, elapsed_s=elapsed_s, parameters=parameters
    )


def _fitting_neighbors(n: int, n_neighbors: int | None) -> int:
    if n_neighbors is None:
        return min(N_NEIGHBORS, n)
    if n_neighbors < 2:
        raise InvalidOptionError(f"n_neighbors counts the point itself and must be at least 2, got {n_neighbors}.")
    if n_neighbors > n:
        raise TooFewPointsError(
            f"n_neighbors={n_neighbors} needs at least as many points and there are {n}. "
            "Ask for fewer, leave it out to have it chosen, or pass --skip-umap."
        )
    return n_neighbors


def _optimised(
    vectors: FloatArray,
    graph: NeighborGraph,
    n_neighbors: int,
    *,
    seed: int,
    min_dist: float,
    n_epochs: int | None,
    start: Float64Array | None,
) -> FloatArray:
    n = len(vectors)
    epochs = n_epochs or _epochs(n)
    a, b = map_curve(min_dist)
    begin = _wide_start(vectors, seed) if start is None else start  # a map that is given has its width already
    return umap_positions(
        begin,
        _membership(graph, n_neighbors, epochs),
        n_epochs=epochs,
        a=a,
        b=b,
        seed=seed,
        first_rate=1.0 if start is None else 0.25,
        n_threads=n_threads(n),
    )


def _epochs(n: int) -> int:
    return _EPOCHS_FEW if n <= _MANY_POINTS else _EPOCHS_MANY


def _wide_start(vectors: FloatArray, seed: int) -> Float64Array:
    """The first two principal components, each stretched to [0, 10] as umap-learn does."""
    return _stretched(pca_start(vectors, np.random.default_rng(seed)))


def _stretched(begin: Float64Array) -> Float64Array:
    wide: Float64Array = 10.0 * (begin - begin.min(axis=0)) / np.maximum(np.ptp(begin, axis=0), 1e-12)
    return wide


def _membership(graph: NeighborGraph, n_neighbors: int, n_epochs: int) -> sparse.csr_array:
    """The fuzzy graph, without edges too weak to be sampled once in ``n_epochs``."""
    width = n_neighbors - 1  # umap-learn, whose numbers these are, counts the point itself
    membership = fuzzy_graph(graph.indices[:, :width], euclidean(graph.distances[:, :width]))
    membership.data[membership.data < membership.data.max() / n_epochs] = 0.0
    membership.eliminate_zeros()
    return membership


def load_numba() -> None:
    """Load Numba, which compiles the steps.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    if numba_if_usable() is None:
        raise MissingExtraError(needed_for="The UMAP map", package="numba", extra="umap")
