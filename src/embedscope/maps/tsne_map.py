"""The t-SNE map: every repulsion computed where that is quicker than approximating them, by openTSNE else."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from types import ModuleType
from typing import cast

import numpy as np

from embedscope.errors import InvalidOptionError, TooFewPointsError
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
from embedscope.maps.neighbor_graph import PERPLEXITY, QUALITY_K, NeighborGraph
from embedscope.maps.on_device import made_by, tsne_positions_on
from embedscope.maps.tsne_steps import EARLY_STEPS, tsne_affinities, tsne_positions
from embedscope.metrics.compiled import numba_if_usable
from embedscope.protocols import Float64Array, FloatArray
from embedscope.result import MapLayout

_MAX_EXACT_POINTS = 25_000
_MAX_BARNES_HUT_POINTS = 10_000
_INTERPOLATED = ("fft", 1, "interpolation")


def tsne(
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    perplexity: float | None = None,
    n_iter: int = 500,
    quality_k: int = QUALITY_K,
    start: FloatArray | None = None,
    device: str | None = None,
) -> MapLayout:
    """The t-SNE map (van der Maaten & Hinton 2008).

    250 steps of early exaggeration 12, then ``n_iter`` steps, learning rate ``M / exaggeration``; the start is scaled
    to a standard deviation of 1e-4 (Kobak & Berens 2019). Up to 25,000 points every repulsion is computed
    (:func:`embedscope.maps.tsne_steps.tsne_positions`), which needs Numba (extra ``fast``); without it openTSNE
    approximates them by a Barnes-Hut tree up to 10,000 points, and by interpolation above.

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
    device : str, optional
        A torch device on which TorchDR lays the map out, from the first two principal components.

    Raises
    ------
    TooFewPointsError
        Fewer than 8 points, or too few for the perplexity that was given.
    InvalidOptionError
        The perplexity is below 1, the graph is narrower than ``3 * perplexity``, or ``start`` and ``device`` are given.
    MissingExtraError
        ``device`` is given and TorchDR is not installed.
    DeviceMapError
        The map cannot be laid out on the device.
    """
    began = time.perf_counter()
    n = checked_size(vectors, graph, "t-SNE", "--skip-tsne")
    used = _fitting_perplexity(n if graph.sample is None else len(graph.sample.rows), perplexity)
    width = int(3 * used)
    rows, near = fitted_part(vectors, graph)
    require_width(near, width, f"Perplexity {used:g}")
    begin = fitted_start(checked_start(start, n), graph)
    if device is None:
        fitted, gradient = _optimised(rows, near, width, used, start=begin, seed=seed, n_iter=n_iter)
    else:
        begin = device_start(rows, begin, seed)
        fitted = tsne_positions_on(device, near, begin, perplexity=used, n_iter=n_iter, seed=seed)
        gradient = "exact"
    parameters: Parameters = {
        "perplexity": used,
        "n_iter": n_iter,
        "distance": "euclidean of unit rows",
        "init": "pca" if start is None else "given positions",
        "gradient": gradient,
        **({} if device is None else made_by(device)),
    }
    xy = with_the_rest(graph, fitted)
    elapsed_s = time.perf_counter() - began
    return layout(
        "tsne", xy, vectors, graph, seed=seed, quality_k=quality_k, elapsed_s=elapsed_s, parameters=parameters
    )


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


def _optimised(
    vectors: FloatArray,
    graph: NeighborGraph,
    width: int,
    perplexity: float,
    *,
    start: Float64Array | None,
    seed: int,
    n_iter: int,
) -> tuple[FloatArray, str]:
    """Positions, and how the gradient was computed."""
    n = len(vectors)
    neighbors, distances = graph.indices[:, :width], euclidean(graph.distances[:, :width])
    begin = pca_start(vectors, np.random.default_rng(seed)) * 1e-4 if start is None else start
    # Given positions are a map already: exaggeration would fold it up and lay it out anew.
    n_early = EARLY_STEPS if start is None else 0
    if is_exact(n):
        affinities = tsne_affinities(neighbors, distances, perplexity)
        xy = tsne_positions(begin, affinities, n_iter=n_iter, n_early=n_early, n_threads=n_threads(n))
        return xy, "exact"
    # The tree sums point by point, so threads do not change its result; the interpolation sums over threads.
    method, threads, name = ("bh", n_threads(n), "Barnes-Hut") if n <= _MAX_BARNES_HUT_POINTS else _INTERPOLATED
    library = load_opentsne()
    found = library.nearest_neighbors.PrecomputedNeighbors(neighbors, distances)
    with _without_remark_on_spread():
        optimiser = library.TSNE(
            initialization=begin,
            early_exaggeration_iter=n_early,
            n_iter=n_iter,
            n_jobs=threads,
            negative_gradient_method=method,
            random_state=seed,
        )
        affinities = library.affinity.PerplexityBasedNN(perplexity=perplexity, knn_index=found, n_jobs=1)
        return np.asarray(optimiser.fit(affinities=affinities, initialization=begin)), name


def is_exact(n: int) -> bool:
    """Whether the map of ``n`` fitted points is laid out here; by openTSNE else."""
    return n <= _MAX_EXACT_POINTS and numba_if_usable() is not None


def load_opentsne() -> ModuleType:
    """openTSNE, with the parts of it that are used here."""
    import openTSNE.affinity
    import openTSNE.nearest_neighbors

    return cast(ModuleType, openTSNE)


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
