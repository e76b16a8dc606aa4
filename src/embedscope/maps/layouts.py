"""The two maps, from the neighbour graph to positions: affinities, start, steps, the points not fitted, the quality."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.maps.affinities import fuzzy_graph, tsne_affinities
from embedscope.maps.initialization import checked_start, pca_start, scaled_to_ten
from embedscope.maps.map_quality import map_quality, neighbors_kept
from embedscope.maps.neighbor_graph import N_NEIGHBORS, PERPLEXITY, QUALITY_K, NeighborGraph, unit_points
from embedscope.maps.placement import all_positions
from embedscope.maps.tsne_optimization import EARLY_STEPS, tsne_positions
from embedscope.maps.umap_optimization import umap_positions
from embedscope.measure.neighbor_lists import overlap_at_k
from embedscope.metrics import threads
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray
from embedscope.result import MapLayout

MIN_POINTS = 8
"""A map of fewer points shows nothing that a list of them would not."""

MAX_QUALITY_POINTS = 50_000
"""Above so many points the figures of quality are those of a random part of the map."""

_SAME = 1e-6  # differences of rounding between the rows of one text
_POINTS_PER_THREAD = 2_000  # with fewer, threads wait for one another longer than they work
MIN_DIST = 0.1
"""Smallest distance between points that UMAP packs closely, against a spread of 1."""

CURVE = 1.5769434602697652, 0.8950608778515733
"""a and b of ``1 / (1 + a d^(2b))``, the smooth curve nearest to 1 up to `MIN_DIST` and falling as
``exp(-(d - MIN_DIST))`` beyond it, fitted on 300 distances in [0, 3] (McInnes, Healy & Melville 2018, section 4.2; the
tests fit it with SciPy, whose optimiser takes longer to load than a small map to lay out)."""

_TSNE_SPREAD = 1e-4
_MANY_POINTS = 10_000
_EPOCHS_FEW, _EPOCHS_MANY = 500, 200  # umap-learn's own rule, up to and above _MANY_POINTS


def tsne(
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    perplexity: float | None = None,
    n_iter: int = 500,
    start: FloatArray | None = None,
) -> MapLayout:
    """The t-SNE map (van der Maaten & Hinton 2008), by the exact gradient over all pairs of fitted points.

    250 steps of early exaggeration 12, then ``n_iter`` steps, learning rate ``M / exaggeration``; the start is scaled
    to a standard deviation of 1e-4 (Kobak & Berens 2019).

    Parameters
    ----------
    vectors : ndarray of shape (M, dim)
        The rows that the graph was built from.
    graph : NeighborGraph
        At least ``3 * perplexity`` neighbours wide.
    seed : int
        Of the jitter of the start and, for many points, of the anchors of the quality figures.
    perplexity : float, optional
        By default 30, lowered to ``floor((M - 1) / 3)`` for few points; ``parameters`` holds the one used.
    n_iter : int
        Steps after early exaggeration.
    start : ndarray of shape (M, 2), optional
        Positions to start from, such as the map of the checkpoint before; they are kept at their scale and without
        exaggeration, so that the map changes only as far as the space did. By default the first two principal
        components.

    Raises
    ------
    TooFewPointsError
        Fewer than 8 points, or too few for ``perplexity``.
    InvalidOptionError
        The perplexity is below 1, the graph is narrower than ``3 * perplexity``, or ``start`` does not fit.
    """
    began = time.perf_counter()
    rows, near, begin = _fitted_part(vectors, graph, start, "t-SNE", "--skip-tsne")
    used = _fitting_perplexity(len(rows), perplexity)
    neighbors = _nearest(near, int(3 * used), f"Perplexity {used:g}")
    fitted = tsne_positions(
        pca_start(rows, seed) * _TSNE_SPREAD if begin is None else begin,
        tsne_affinities(*neighbors, used),
        n_iter=n_iter,
        n_early=EARLY_STEPS if begin is None else 0,  # a map already: exaggeration would fold it up and begin again
        n_threads=_n_threads(len(rows)),
    )
    parameters: dict[str, float | int | str] = {"perplexity": used, "n_iter": n_iter, "gradient": "exact"}
    return _layout("tsne", fitted, vectors, graph, began, parameters, seed=seed, start=start)


def umap(
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    n_epochs: int | None = None,
    start: FloatArray | None = None,
) -> MapLayout:
    """The UMAP map (McInnes, Healy & Melville 2018) of ``min_dist`` 0.1 and 15 neighbours, the point itself included.

    Of fewer points than 15 each is a neighbour of all others.

    Parameters
    ----------
    vectors : ndarray of shape (M, dim)
        The rows that the graph was built from.
    graph : NeighborGraph
        At least 14 neighbours wide, where there are so many points.
    seed : int
        Of the jitter of the start, of the negative samples and of the anchors of the quality figures.
    n_epochs : int, optional
        Passes over the graph; by default umap-learn's own rule (500 up to 10,000 points, 200 above).
    start : ndarray of shape (M, 2), optional
        Positions to start from, as for :func:`tsne`; the learning rate then begins at a quarter.

    Raises
    ------
    TooFewPointsError
        Fewer than 8 points.
    InvalidOptionError
        The graph is too narrow, or ``start`` does not fit.
    """
    began = time.perf_counter()
    rows, near, begin = _fitted_part(vectors, graph, start, "UMAP", "--skip-umap")
    used = min(N_NEIGHBORS, len(rows))
    neighbors = _nearest(near, used - 1, f"n_neighbors={used}")
    epochs = n_epochs or (_EPOCHS_FEW if len(rows) <= _MANY_POINTS else _EPOCHS_MANY)
    fitted = umap_positions(
        scaled_to_ten(pca_start(rows, seed)) if begin is None else begin,
        fuzzy_graph(*neighbors),
        n_epochs=epochs,
        a=CURVE[0],
        b=CURVE[1],
        seed=seed,
        first_rate=1.0 if begin is None else 0.25,
        n_threads=_n_threads(len(rows)),
    )
    parameters: dict[str, float | int | str] = {"n_neighbors": used, "min_dist": MIN_DIST}
    return _layout("umap", fitted, vectors, graph, began, parameters, seed=seed, start=start)


def undrawable(vectors: FloatArray) -> str | None:
    """Why vectors, (n, dim), have no map: there are too few, or all are the same; None where they have one.

    Of equal vectors every picture is one of the optimiser: t-SNE draws a ring.
    """
    if len(vectors) < MIN_POINTS:
        return f"there are {len(vectors)} points, and a map needs {MIN_POINTS}"
    if np.abs(vectors - vectors[0]).max() <= _SAME:
        return "every text has the same vector"
    return None


def _fitted_part(
    vectors: FloatArray, graph: NeighborGraph, start: FloatArray | None, what: str, skip_option: str
) -> tuple[FloatArray, NeighborGraph, Float64Array | None]:
    """Vectors, graph and positions to start from of the points that a map is fitted on."""
    n = len(vectors)
    if len(graph.indices) != n:
        raise InvalidEmbeddingsError(f"The neighbour graph is of {len(graph.indices)} points, the vectors of {n}.")
    if n < MIN_POINTS:
        raise TooFewPointsError(
            f"{what} needs at least {MIN_POINTS} points and there are {n}. Give more data, or pass {skip_option}."
        )
    begin = None if start is None else checked_start(start, n)
    if graph.sample is None:
        return vectors, graph, begin
    rows = graph.sample.rows
    return vectors[rows], graph.sample.graph, None if begin is None else begin[rows]


def _fitting_perplexity(n: int, perplexity: float | None) -> float:
    largest = float((n - 1) // 3)
    if perplexity is None:
        return min(PERPLEXITY, largest)
    if perplexity < 1:
        raise InvalidOptionError(f"The perplexity is a number of neighbours and must be at least 1, got {perplexity}.")
    if perplexity > largest:
        raise TooFewPointsError(
            f"Perplexity {perplexity:g} needs at least {int(np.ceil(3 * perplexity)) + 1} points and there are {n}. "
            f"Ask for at most {largest:g}, leave it out to have it chosen, or pass --skip-tsne."
        )
    return perplexity


def _nearest(graph: NeighborGraph, width: int, why: str) -> tuple[IntArray, Float64Array]:
    """The ``width`` nearest neighbours of each point and their Euclidean distances between unit rows."""
    if graph.indices.shape[1] < width:
        raise InvalidOptionError(
            f"{why} needs the {width} nearest neighbours of each point, and the graph holds "
            f"{graph.indices.shape[1]}. Build it with neighbor_graph(vectors, graph_size(...))."
        )
    return graph.indices[:, :width], np.sqrt(2.0 * graph.distances[:, :width].astype(np.float64))


def _n_threads(n_points: int) -> int:
    """Threads that have enough to do on ``n_points``."""
    return min(threads.n_threads(), max(1, n_points // _POINTS_PER_THREAD))


def _layout(
    name: str,
    fitted: FloatArray,
    vectors: FloatArray,
    graph: NeighborGraph,
    began: float,
    parameters: Mapping[str, float | int | str],
    *,
    seed: int,
    start: FloatArray | None,
) -> MapLayout:
    """All points on the map, and the figures that say how far it may be believed, against the original space.

    ``parameters`` gains the distance, the start, the seed, the numbers of points and anchors that the figures are from,
    and the reason where their neighbourhood had to be made smaller.
    """
    xy = all_positions(graph, fitted)
    elapsed_s = time.perf_counter() - began
    # Of very many points the figures are those of a random part, a neighbourhood being among them.
    rng, n = np.random.default_rng(seed), len(xy)
    part = np.arange(n) if n <= MAX_QUALITY_POINTS else np.sort(rng.choice(n, size=MAX_QUALITY_POINTS, replace=False))
    quality = map_quality(unit_points(vectors[part]), xy[part], k=QUALITY_K, rng=rng)
    recorded = {
        **parameters,
        "distance": "euclidean of unit rows",
        "init": "pca" if start is None else "given positions",
        "seed": seed,
        "quality_anchors": quality.n_anchors,
    }
    if quality.n_points < len(xy):
        recorded["quality_points"] = quality.n_points
    if quality.reason is not None:
        recorded["quality_note"] = quality.reason
    return MapLayout(
        name=name,
        xy=np.ascontiguousarray(xy, dtype=np.float32),
        trustworthiness=quality.trustworthiness,
        continuity=quality.continuity,
        k=quality.k,
        kept=_kept(graph, xy, quality.k),
        elapsed_s=elapsed_s,
        parameters=recorded,
        n_fitted=None if graph.sample is None else len(graph.sample.rows),
    )


def _kept(graph: NeighborGraph, xy: FloatArray, k: int) -> Float32Array:
    """Share of each point's original neighbours that are its neighbours on the map; both among the fitted points."""
    if graph.sample is None:
        return neighbors_kept(graph.indices[:, :k], xy)
    rows = graph.sample.rows
    kept = np.empty(len(xy), dtype=np.float32)
    kept[rows] = neighbors_kept(graph.sample.graph.indices[:, :k], xy[rows])
    from scipy.spatial import KDTree

    others = np.setdiff1d(np.arange(len(xy)), rows)
    _, near = KDTree(xy[rows]).query(xy[others], k=k)  # (O, k)
    kept[others] = overlap_at_k(graph.indices[others, :k], rows[near])
    return kept
