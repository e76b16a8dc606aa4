"""t-SNE and UMAP from one shared exact neighbour graph (conventions, section 7).

Both maps see the same neighbours, measured by the Euclidean distance between unit rows, ``sqrt(2 - 2 cos)``: it has
the order of cosine similarity and is a metric, which is what the Gaussian kernel of t-SNE and the local scaling of
UMAP are defined on. Both start from the first two principal components, and both give the same map on every run with
the same seed, whatever the number of threads.

Equal rows are no obstacle: the start carries a seeded jitter of 1 % of its spread (of a spread of its own where every
row is equal), so that coinciding points can part and no axis has width zero.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, MissingExtraError, TooFewPointsError
from embedscope.findings import MapLayout
from embedscope.numerics.map_quality import map_quality, neighbors_kept
from embedscope.protocols import BoolArray, Float32Array, Float64Array, FloatArray, IntArray

MIN_POINTS = 8
"""A map of fewer points shows nothing that a list of them would not."""

PERPLEXITY = 30.0
N_NEIGHBORS = 15
QUALITY_K = 15

_SLACK = 8  # candidates beyond k, so that rounding in the search cannot push out a true neighbour
_SEARCH_ERROR = 1e-5  # well above the float32 rounding of an inner product of unit rows
_DECIMALS = 9  # distances are rounded here, so that equal rows tie exactly whatever the matrix product rounds to
_BLOCK_ENTRIES = 4_000_000
_MAX_BARNES_HUT_POINTS = 10_000
_POINTS_PER_THREAD = 1_000  # with fewer, threads wait for one another longer than they work


Parameters = Mapping[str, float | int | str]


class NeighborGraph(NamedTuple):
    """The k nearest other points of each point, nearest first, ties by index.

    ``indices`` has shape (M, k), int64; ``distances`` has shape (M, k), float32: the cosine distance
    ``1 - cosine similarity``, in [0, 2].
    """

    indices: IntArray
    distances: Float32Array


def graph_size(n_points: int, *, perplexity: float | None = None, n_neighbors: int | None = None) -> int:
    """How many neighbours a graph of ``n_points`` must hold so that both maps can be drawn from it."""
    wanted = max(3 * (PERPLEXITY if perplexity is None else perplexity), n_neighbors or N_NEIGHBORS, QUALITY_K)
    return max(1, min(n_points - 1, int(wanted)))


def neighbor_graph(vectors: FloatArray, k: int) -> NeighborGraph:
    """The k nearest neighbours of each row by cosine similarity, exactly.

    FAISS finds candidates by the inner product of float32 unit rows; their distances are computed again in float64,
    so that neither the order nor a tie hangs on the rounding of the search. Where more points tie around the k-th
    place than there are candidates, the whole row is computed. A point is never its own neighbour, however many equal
    rows there are.

    Parameters
    ----------
    vectors : ndarray of shape (M, dim)
        Rows need not be normalised.
    k : int
        Neighbours kept; at most ``M - 1``.

    Returns
    -------
    NeighborGraph

    Raises
    ------
    InvalidOptionError
        ``k`` is not in [1, M - 1].
    InvalidEmbeddingsError
        A row is zero or not finite: it has no direction, so no neighbours.
    """
    n = len(vectors)
    if not 1 <= k <= n - 1:
        raise InvalidOptionError(f"A graph of {n} points can hold 1 to {n - 1} neighbours of each point, got k={k}.")
    unit = _unit_rows(vectors)
    candidates, is_crowded = _candidates(unit, k)
    indices = np.empty((n, k), dtype=np.int64)
    distances = np.empty((n, k), dtype=np.float32)
    for rows in _blocks(np.flatnonzero(~is_crowded), candidates.shape[1] * unit.shape[1]):
        similarity = np.einsum("bd,bcd->bc", unit[rows], unit[candidates[rows]])
        indices[rows], distances[rows] = _nearest(rows, candidates[rows], similarity, k)
    for rows in _blocks(np.flatnonzero(is_crowded), n):
        everyone = np.broadcast_to(np.arange(n), (len(rows), n))
        indices[rows], distances[rows] = _nearest(rows, everyone, unit[rows] @ unit.T, k)
    return NeighborGraph(indices, distances)


def tsne(
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    perplexity: float | None = None,
    n_iter: int = 500,
    quality_k: int = QUALITY_K,
    start: FloatArray | None = None,
) -> MapLayout:
    """The t-SNE map (van der Maaten & Hinton 2008), by openTSNE.

    250 steps of early exaggeration 12, then ``n_iter`` steps, learning rate ``M / exaggeration``; the start is scaled
    to a standard deviation of 1e-4 (Kobak & Berens 2019). Barnes-Hut up to 10,000 points, interpolation above.

    Parameters
    ----------
    vectors : ndarray of shape (M, dim)
        The rows that the graph was built from.
    graph : NeighborGraph
        At least ``3 * perplexity`` neighbours wide.
    seed : int
        Of the jitter of the start and, for many points, of the anchors of the quality figures.
    perplexity : float, optional
        30 where not given, lowered to ``floor((M - 1) / 3)`` for few points; ``parameters`` holds the one used.
    n_iter : int
        Steps after early exaggeration.
    quality_k : int
        Neighbourhood of trustworthiness, continuity and neighbours kept.
    start : ndarray of shape (M, 2), optional
        Positions to start from, such as the map of the checkpoint before; they are kept at their scale and without
        exaggeration, so that the map changes only as far as the space did. The first two principal components else.

    Raises
    ------
    TooFewPointsError
        Fewer than 8 points, or too few for the perplexity that was given.
    InvalidOptionError
        The perplexity is below 1, or the graph is narrower than ``3 * perplexity``.
    """
    began = time.perf_counter()
    n = _checked_size(vectors, graph, "t-SNE", "--skip-tsne")
    used = _fitting_perplexity(n, perplexity)
    width = int(3 * used)
    _require_width(graph, width, f"Perplexity {used:g}")
    xy = _optimised_tsne(vectors, graph, width, used, start=_checked_start(start, n), seed=seed, n_iter=n_iter)
    init = "pca" if start is None else "given positions"
    parameters: Parameters = {"perplexity": used, "n_iter": n_iter, "distance": "euclidean of unit rows", "init": init}
    elapsed_s = time.perf_counter() - began
    return layout(
        "tsne", xy, vectors, graph, seed=seed, quality_k=quality_k, elapsed_s=elapsed_s, parameters=parameters
    )


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
) -> MapLayout:
    """The UMAP map (McInnes, Healy & Melville 2018), by umap-learn, without its own neighbour search.

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

    Raises
    ------
    TooFewPointsError
        Fewer than 8 points, or fewer than the ``n_neighbors`` that was given.
    InvalidOptionError
        ``n_neighbors`` below 2, ``min_dist`` outside [0, 1], or the graph is too narrow.
    MissingExtraError
        umap-learn is not installed.
    """
    began = time.perf_counter()
    n = _checked_size(vectors, graph, "UMAP", "--skip-umap")
    used = _fitting_neighbors(n, n_neighbors)
    if not 0.0 <= min_dist <= 1.0:
        raise InvalidOptionError(f"min_dist must lie in [0, 1], got {min_dist}: it is measured against a spread of 1.")
    _require_width(graph, used - 1, f"n_neighbors={used}")
    begin = _checked_start(start, n)
    xy = _optimised_umap(vectors, graph, used, seed=seed, min_dist=min_dist, n_epochs=n_epochs, start=begin)
    parameters: Parameters = {
        "n_neighbors": used,
        "min_dist": min_dist,
        "distance": "euclidean of unit rows",
        "init": "pca" if start is None else "given positions",
    }
    elapsed_s = time.perf_counter() - began
    return layout(
        "umap", xy, vectors, graph, seed=seed, quality_k=quality_k, elapsed_s=elapsed_s, parameters=parameters
    )


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

    ``parameters`` gains the seed, the number of points examined for the figures, and the reason where ``quality_k``
    had to be lowered.
    """
    quality = map_quality(_unit_rows(vectors), xy, k=quality_k, rng=np.random.default_rng(seed))
    kept = neighbors_kept(graph.indices[:, : quality.k], xy)
    noted: dict[str, float | int | str] = {**parameters, "seed": seed, "quality_anchors": quality.n_anchors}
    if quality.reason is not None:
        noted["quality_note"] = quality.reason
    return MapLayout(
        name=name,
        xy=np.ascontiguousarray(xy, dtype=np.float32),
        trustworthiness=quality.trustworthiness,
        continuity=quality.continuity,
        k=quality.k,
        kept=kept,
        elapsed_s=elapsed_s,
        parameters=noted,
    )


def _unit_rows(vectors: FloatArray) -> Float64Array:
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2:
        raise InvalidEmbeddingsError(f"Embeddings must have the shape (n, dim), got {rows.shape}.")
    norms = np.linalg.norm(rows, axis=1)
    is_bad = ~(np.isfinite(norms) & (norms > 0))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        raise InvalidEmbeddingsError(
            f"{is_bad.sum()} of {len(rows)} rows have a zero or non-finite norm (first: row {first}, norm "
            f"{norms[first]}). Such a row has no direction, so it has no neighbours; leave these points out."
        )
    unit: Float64Array = rows / norms[:, None]
    return unit


def _candidates(unit: Float64Array, k: int) -> tuple[IntArray, BoolArray]:
    """For each row more than k likely neighbours (itself among them), and whether even those may miss one."""
    import faiss

    n = len(unit)
    width = min(n, k + 1 + _SLACK)
    index = faiss.IndexFlatIP(unit.shape[1])
    single = np.ascontiguousarray(unit, dtype=np.float32)
    index.add(single)
    similarity, found = index.search(single, width)
    if width == n:
        return found, np.zeros(n, dtype=bool)
    return found, similarity[:, k] - similarity[:, -1] < _SEARCH_ERROR


def _blocks(rows: IntArray, entries_per_row: int) -> Iterator[IntArray]:
    step = max(1, _BLOCK_ENTRIES // entries_per_row)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _nearest(rows: IntArray, candidates: IntArray, similarity: Float64Array, k: int) -> tuple[IntArray, Float32Array]:
    """The k nearest candidates of each row other than itself, by rounded distance and then by index."""
    distance = np.clip(np.round(1.0 - similarity, _DECIMALS), 0.0, 2.0)  # (B, C)
    distance[candidates == rows[:, None]] = np.inf
    order = np.lexsort((candidates, distance), axis=1)[:, :k]  # (B, k)
    nearest = np.take_along_axis(candidates, order, axis=1)
    return nearest, np.take_along_axis(distance, order, axis=1).astype(np.float32)


def _checked_size(vectors: FloatArray, graph: NeighborGraph, what: str, skip_option: str) -> int:
    n = len(vectors)
    if len(graph.indices) != n:
        raise InvalidEmbeddingsError(f"The neighbour graph is of {len(graph.indices)} points, the vectors of {n}.")
    if n < MIN_POINTS:
        raise TooFewPointsError(
            f"{what} needs at least {MIN_POINTS} points and there are {n}. Give more data, or pass {skip_option}."
        )
    return n


def _checked_start(start: FloatArray | None, n: int) -> Float64Array | None:
    if start is None:
        return None
    rows = np.asarray(start, dtype=np.float64)
    if rows.shape != (n, 2) or not np.isfinite(rows).all():
        raise InvalidOptionError(
            f"The start of a map of {n} points must be finite positions of shape ({n}, 2); got shape {rows.shape}."
        )
    return rows


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


def _require_width(graph: NeighborGraph, width: int, why: str) -> None:
    if graph.indices.shape[1] < width:
        raise InvalidOptionError(
            f"{why} needs the {width} nearest neighbours of each point, and the graph holds "
            f"{graph.indices.shape[1]}. Build it with neighbor_graph(vectors, graph_size(...))."
        )


def _euclidean(distances: Float32Array) -> Float64Array:
    """Euclidean distance of unit rows from their cosine distance."""
    return np.sqrt(2.0 * distances.astype(np.float64))


def _pca_start(vectors: FloatArray, rng: np.random.Generator) -> Float64Array:
    """The first two principal components, first one of standard deviation 1, with a jitter of 0.01.

    The sign of an axis is that of the largest entry of its direction. Positions are rounded, because the last bits
    of a matrix product depend on the number of threads and hundreds of steps would make them visible.
    """
    rows = _unit_rows(vectors)
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


def _optimised_tsne(
    vectors: FloatArray,
    graph: NeighborGraph,
    width: int,
    perplexity: float,
    *,
    start: Float64Array | None,
    seed: int,
    n_iter: int,
) -> FloatArray:
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    n = len(vectors)
    is_barnes_hut = n <= _MAX_BARNES_HUT_POINTS
    # Barnes-Hut sums point by point, so threads do not change its result; the interpolation sums over threads.
    n_jobs = min(os.cpu_count() or 1, max(1, n // _POINTS_PER_THREAD)) if is_barnes_hut else 1
    neighbors = PrecomputedNeighbors(graph.indices[:, :width], _euclidean(graph.distances[:, :width]))
    affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=neighbors, n_jobs=1)
    # Given positions are a map already: exaggeration would fold it up and lay it out anew.
    first = _pca_start(vectors, np.random.default_rng(seed)) * 1e-4 if start is None else start
    optimiser = TSNE(
        initialization=first,
        early_exaggeration_iter=250 if start is None else 0,
        n_iter=n_iter,
        n_jobs=n_jobs,
        negative_gradient_method="bh" if is_barnes_hut else "fft",
        random_state=seed,
    )
    with _without_remark_on_spread():
        return np.asarray(optimiser.fit(affinities=affinities, initialization=first))


@contextlib.contextmanager
def _without_remark_on_spread() -> Iterator[None]:
    """openTSNE logs a warning about a start as wide as a finished map, which is what given positions are."""

    def is_other(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Standard deviation of embedding")

    log = logging.getLogger("openTSNE.tsne")
    log.addFilter(is_other)
    try:
        yield
    finally:
        log.removeFilter(is_other)


def _optimised_umap(
    vectors: FloatArray,
    graph: NeighborGraph,
    n_neighbors: int,
    *,
    seed: int,
    min_dist: float,
    n_epochs: int | None,
    start: Float64Array | None,
) -> FloatArray:
    module = _import_umap()
    n = len(vectors)
    state = np.random.RandomState(seed)
    own = np.arange(n)[:, None]  # umap-learn expects a point to be its own first neighbour
    indices = np.hstack([own, graph.indices[:, : n_neighbors - 1]])
    distances = np.hstack([np.zeros((n, 1)), _euclidean(graph.distances[:, : n_neighbors - 1])]).astype(np.float32)
    membership, _, _ = module.fuzzy_simplicial_set(
        vectors, n_neighbors, state, "euclidean", knn_indices=indices, knn_dists=distances
    )
    a, b = module.find_ab_params(1.0, min_dist)
    xy, _ = module.simplicial_set_embedding(
        vectors,
        membership,
        n_components=2,
        initial_alpha=1.0 if start is None else 0.25,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=n_epochs,
        init=_pca_start(vectors, np.random.default_rng(seed)) if start is None else start,
        random_state=state,
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,  # the parallel optimiser of umap-learn races between threads
    )
    return np.asarray(xy)


def _import_umap() -> ModuleType:
    """``umap.umap_``, without what it and the libraries behind it say while they load."""
    try:
        with warnings.catch_warnings(), _quiet():
            warnings.simplefilter("ignore")
            import umap.umap_ as module
    except ImportError as error:
        raise MissingExtraError(needed_for="The UMAP map", package="umap-learn", extra="umap") from error
    loaded: ModuleType = module
    return loaded


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing printed from Python, and TensorFlow, which umap-learn loads where it is installed, told to be still."""
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if level is None:
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]
        else:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = level
