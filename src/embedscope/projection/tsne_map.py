"""The t-SNE map, by openTSNE, with all repulsions computed exactly where that is quicker than approximating them."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, cast

import numpy as np

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.findings import MapLayout
from embedscope.numerics.map_forces import tsne_gradient
from embedscope.projection.graph import PERPLEXITY, QUALITY_K, NeighborGraph
from embedscope.projection.layouts import (
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
from embedscope.projection.on_device import made_by, tsne_positions_on
from embedscope.protocols import Float64Array, FloatArray

_MAX_EXACT_POINTS = 25_000
_MAX_BARNES_HUT_POINTS = 10_000


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
    """The t-SNE map (van der Maaten & Hinton 2008), by openTSNE.

    250 steps of early exaggeration 12, then ``n_iter`` steps, learning rate ``M / exaggeration``; the start is scaled
    to a standard deviation of 1e-4 (Kobak & Berens 2019). Up to 25,000 points every repulsion is computed, which
    needs Numba (extra ``fast``); without it, Barnes-Hut up to 10,000 points and interpolation above.

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
    library = load_tsne()
    neighbors = library.nearest_neighbors.PrecomputedNeighbors(
        graph.indices[:, :width], euclidean(graph.distances[:, :width])
    )
    affinities = library.affinity.PerplexityBasedNN(perplexity=perplexity, knn_index=neighbors, n_jobs=1)
    # Given positions are a map already: exaggeration would fold it up and lay it out anew.
    first = pca_start(vectors, np.random.default_rng(seed)) * 1e-4 if start is None else start
    with _gradient(len(vectors)) as (method, threads, name), _without_remark_on_spread():
        optimiser = library.TSNE(
            initialization=first,
            early_exaggeration_iter=250 if start is None else 0,
            n_iter=n_iter,
            n_jobs=threads,
            negative_gradient_method=method,
            random_state=seed,
        )
        return np.asarray(optimiser.fit(affinities=affinities, initialization=first)), name


def load_tsne() -> ModuleType:
    """openTSNE, with the parts of it that are used here."""
    import openTSNE.affinity
    import openTSNE.nearest_neighbors

    return cast(ModuleType, openTSNE)


@contextlib.contextmanager
def _gradient(n: int) -> Iterator[tuple[Any, int, str]]:
    """openTSNE's gradient method for ``n`` points, its threads, and its name."""
    threads = n_threads(n)
    with contextlib.ExitStack() as stack:
        exact = _exact_gradient(n, threads, stack) if n <= _MAX_EXACT_POINTS else None
        if exact is not None:
            yield exact, threads, "exact"
        elif n <= _MAX_BARNES_HUT_POINTS:  # it sums point by point, so threads do not change its result
            yield "bh", threads, "Barnes-Hut"
        else:  # the interpolation sums over threads
            yield "fft", 1, "interpolation"


def _exact_gradient(
    n: int, threads: int, stack: contextlib.ExitStack
) -> Callable[..., tuple[float, Float64Array]] | None:
    """The whole gradient as openTSNE asks for it; None without Numba."""
    try:
        gradient_at = stack.enter_context(tsne_gradient(n, threads))
    except ImportError:
        return None

    def objective(embedding: Float64Array, P: Any, **_: object) -> tuple[float, Float64Array]:
        return math.nan, gradient_at(embedding, P.indptr, P.indices, P.data)  # the divergence itself is never asked for

    return objective


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
