"""The exact neighbour graph that both maps are drawn from, and the sample that stands for very many points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.metrics import kernels
from embedscope.metrics.local_pass import search_top_k
from embedscope.metrics.vectors import unit_rows
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray

PERPLEXITY = 30.0
N_NEIGHBORS = 15
QUALITY_K = 15

MAX_FITTED = 20_000
"""Above so many points the maps are fitted on a sample of this size, and the rest is placed by its neighbours.

The exact gradient of t-SNE and the exact graph both cost the square of this number. Measured on two cores: the t-SNE of
50,000 points takes half the time of openTSNE, which fits them all by interpolation, at a trustworthiness of 0.9975
beside 0.9979; of 30,000 points at 0.9980 beside 0.9980 (``benchmarks/maps.py``).
"""

SAMPLED_K = 15  # neighbours of each point among the fitted ones, where maps are fitted on a sample

_SLACK = 8  # candidates beyond k, so that rounding in the search cannot push out a true neighbour
_SEARCH_ERROR = 1e-5  # well above the float32 rounding of an inner product of unit rows
_DECIMALS = 9  # distances are rounded here, so that equal rows tie exactly whatever the matrix product rounds to
_BLOCK_ENTRIES = 4_000_000
_SEARCH_ROWS = 20_000


class Sample(NamedTuple):
    """The points that maps are fitted on: ``rows`` of shape (S,), ascending, and their own graph, numbered 0 to S."""

    rows: IntArray
    graph: NeighborGraph


class NeighborGraph(NamedTuple):
    """The k nearest other points of each point, nearest first, ties by index.

    ``indices`` has shape (M, k), int64; ``distances`` has shape (M, k), float32: the cosine distance
    ``1 - cosine similarity``, in [0, 2]. With a ``sample`` the neighbours of every point are the nearest among the
    points of the sample, and only the graph of the sample is wide enough to draw a map from.
    """

    indices: IntArray
    distances: Float32Array
    sample: Sample | None = None


def graph_size(n_points: int, *, perplexity: float | None = None) -> int:
    """How many neighbours a graph of ``n_points`` must hold so that both maps can be drawn from it."""
    wanted = max(3 * (PERPLEXITY if perplexity is None else perplexity), N_NEIGHBORS, QUALITY_K)
    return max(1, min(n_points - 1, int(wanted)))


def neighbor_graph(
    vectors: FloatArray,
    k: int,
    *,
    strata: IntArray | None = None,
    seed: int = 0,
    max_fitted: int = MAX_FITTED,
) -> NeighborGraph:
    """The k nearest neighbours of each row by cosine similarity, exactly.

    Candidates are found by the inner product of float32 unit rows, by FAISS or, for many points, by the compiled search
    of this package. Their distances are computed again in float64, so that neither the order nor a tie hangs on the
    rounding of the search. Where more points tie around the k-th place than there are candidates, the whole row is
    computed. A point is never its own neighbour, however many equal rows there are.

    Parameters
    ----------
    vectors : ndarray of shape (M, dim)
        Rows need not be normalised.
    k : int
        Neighbours kept; at most ``M - 1``.
    strata : ndarray of shape (M,), int64, optional
        Kind of each point (its role, its cluster). A sample holds every kind in its share of all points, and at least
        one point of each.
    seed : int
        Draws the sample; of no effect up to ``max_fitted`` points.
    max_fitted : int
        Above so many points the graph is one of a sample of this size; every point then has its ``SAMPLED_K`` nearest
        neighbours in that sample.

    Raises
    ------
    InvalidOptionError
        ``k`` is not in [1, M - 1], or ``strata`` has another length than ``vectors``.
    InvalidEmbeddingsError
        A row is zero or not finite: it has no direction, so no neighbours.
    """
    n = len(vectors)
    if not 1 <= k <= n - 1:
        raise InvalidOptionError(f"A graph of {n} points can hold 1 to {n - 1} neighbours of each point, got k={k}.")
    if strata is not None and len(strata) != n:
        raise InvalidOptionError(f"There are {n} points and {len(strata)} strata; every point belongs to one.")
    if n <= max_fitted:
        return _graph_of(unit_points(vectors), k)
    kinds = np.zeros(n, dtype=np.int64) if strata is None else strata
    rows = stratified_sample(kinds, max_fitted, np.random.default_rng(seed))
    return _graph_by_sample(vectors, rows, min(k, max_fitted - 1))


def stratified_sample(strata: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """``size`` rows, ascending, drawn so that every stratum keeps its share of all rows and no stratum is lost.

    The rows of each stratum are shuffled and given evenly spaced places in [0, 1); the rows with the ``size`` smallest
    places are taken, the first of each stratum before all others.

    Parameters
    ----------
    strata : ndarray of shape (M,), int64
    size : int
        At least the number of strata, at most M.
    """
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    _, first, counts = np.unique(strata[order], return_index=True, return_counts=True)
    within = np.arange(len(order)) - np.repeat(first, counts)
    place = np.where(within == 0, -1.0, (within + rng.random(len(counts)).repeat(counts)) / counts.repeat(counts))
    taken: IntArray = np.sort(order[np.argsort(place, kind="stable")[:size]])
    return taken


def _graph_by_sample(vectors: FloatArray, rows: IntArray, k: int) -> NeighborGraph:
    """The graph of the sampled rows, and of every point its nearest among them; a block of points at a time."""
    sampled = unit_points(vectors[rows], rows=rows)
    graph = _graph_of(sampled, k)
    indices = np.empty((len(vectors), min(SAMPLED_K, k)), dtype=np.int64)
    distances = np.empty(indices.shape, dtype=np.float32)
    indices[rows], distances[rows] = rows[graph.indices[:, :SAMPLED_K]], graph.distances[:, :SAMPLED_K]
    others = np.setdiff1d(np.arange(len(vectors)), rows)
    single = np.ascontiguousarray(sampled, dtype=np.float32)
    for start in range(0, len(others), _SEARCH_ROWS):
        block = others[start : start + _SEARCH_ROWS]
        found = _nearest_in(sampled, single, unit_points(vectors[block], rows=block), indices.shape[1])
        indices[block], distances[block] = rows[found.indices], found.distances
    return NeighborGraph(indices, distances, Sample(rows, graph))


def unit_points(vectors: FloatArray, *, rows: IntArray | None = None) -> Float64Array:
    """The rows at length 1, in float64.

    Raises InvalidEmbeddingsError if a row is zero or not finite; it is named by its place, and by its number among
    ``rows`` where these are a part.
    """
    ids = None if rows is None else [str(row) for row in rows.tolist()]
    unit: Float64Array = unit_rows(np.asarray(vectors, dtype=np.float64), what="point", ids=ids)  # type: ignore[assignment]
    return unit


def _graph_of(unit: Float64Array, k: int) -> NeighborGraph:
    """The k nearest other rows of each row."""
    return _nearest_in(unit, np.ascontiguousarray(unit, dtype=np.float32), unit, k, is_self=True)


def _nearest_in(
    unit: Float64Array, single: Float32Array, points: Float64Array, k: int, *, is_self: bool = False
) -> NeighborGraph:
    """The k nearest rows of ``unit`` of each point; ``single`` are these rows in float32.

    With ``is_self`` the points are the rows themselves, and none is its own neighbour.
    """
    width = min(len(unit), k + is_self + _SLACK)
    scores, candidates = _search(single, np.ascontiguousarray(points, dtype=np.float32), width)
    # Where the scores hardly fall beyond the k-th place, even so many candidates may miss a neighbour.
    is_crowded = (scores[:, k + is_self - 1] - scores[:, -1] < _SEARCH_ERROR) & (width < len(unit))
    indices = np.empty((len(points), k), dtype=np.int64)
    distances = np.empty((len(points), k), dtype=np.float32)
    for rows in _blocks(np.flatnonzero(~is_crowded), candidates.shape[1] * unit.shape[1]):
        similarity = np.einsum("bd,bcd->bc", points[rows], unit[candidates[rows]])
        indices[rows], distances[rows] = _nearest(rows if is_self else None, candidates[rows], similarity, k)
    for rows in _blocks(np.flatnonzero(is_crowded), len(unit)):
        everyone = np.broadcast_to(np.arange(len(unit)), (len(rows), len(unit)))
        indices[rows], distances[rows] = _nearest(rows if is_self else None, everyone, points[rows] @ unit.T, k)
    return NeighborGraph(indices, distances)


def _search(rows: Float32Array, points: Float32Array, width: int) -> tuple[Float32Array, IntArray]:
    """The ``width`` rows of largest inner product with each point, largest first, and their indices."""
    if kernels.for_matrix(len(rows) * len(points)) is not None:  # measured 1.1 to 6 times as fast as FAISS
        best = search_top_k(points, rows, width)
        return best.scores.astype(np.float32, copy=False), best.documents
    import faiss

    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    similarity, indices = index.search(points, width)
    return similarity, indices


def _blocks(rows: IntArray, entries_per_row: int) -> Iterator[IntArray]:
    step = max(1, _BLOCK_ENTRIES // entries_per_row)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _nearest(
    own: IntArray | None, candidates: IntArray, similarity: Float64Array, k: int
) -> tuple[IntArray, Float32Array]:
    """The k nearest candidates of each row, without the row itself, by rounded distance and then by index."""
    distance = np.clip(np.round(1.0 - similarity, _DECIMALS), 0.0, 2.0)  # (B, C)
    if own is not None:
        distance[candidates == own[:, None]] = np.inf
    order = np.lexsort((candidates, distance), axis=1)[:, :k]  # (B, k)
    nearest = np.take_along_axis(candidates, order, axis=1)
    return nearest, np.take_along_axis(distance, order, axis=1).astype(np.float32)
