"""Several maps of the same points, laid out side by side and beside whatever else there is to do."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from embedscope.maps.layouts import tsne, umap
from embedscope.maps.neighbor_graph import NeighborGraph
from embedscope.metrics.threads import one_thread_products
from embedscope.protocols import FloatArray
from embedscope.result import MapLayout


class PendingMaps:
    """Maps that threads are laying out.

    Until their result is asked for, each matrix product of this process keeps to the thread that asks for it: shared
    with cores that lay out maps, products would wait for these. Until then, not to the end of the maps, so that no last
    bit depends on how long a map takes.
    """

    def __init__(self, futures: dict[str, Future[MapLayout]]) -> None:
        self._futures = futures
        alone = one_thread_products()
        alone.__enter__()
        self._end = weakref.finalize(self, alone.__exit__, None, None, None)  # also where nobody asks for the result
        self._end.atexit = False

    def result(self) -> dict[str, MapLayout]:
        """The maps by name, once all are laid out.

        Raises TooFewPointsError, InvalidOptionError as ``tsne`` and ``umap``.
        """
        try:
            return {name: future.result() for name, future in self._futures.items()}
        finally:
            self._end()


def begin_maps(
    names: Sequence[str], vectors: FloatArray, graph: NeighborGraph, *, seed: int, perplexity: float | None = None
) -> PendingMaps:
    """Begin to lay out the maps ``names`` ("tsne", "umap"), a thread each.

    What takes time in a map is compiled and runs outside the interpreter lock, so the caller can go on meanwhile. No
    map depends on whether another is drawn, or on what else runs.
    """
    # Loaded before the first thread begins: two that load packages which need one another can meet one half loaded.
    import numba  # noqa: F401
    import scipy.linalg
    import scipy.spatial  # noqa: F401

    layouts = {
        "tsne": functools.partial(tsne, vectors, graph, seed=seed, perplexity=perplexity),
        "umap": functools.partial(umap, vectors, graph, seed=seed),
    }
    pool = ThreadPoolExecutor(max(1, len(names)))
    futures = {name: pool.submit(layouts[name]) for name in names}
    pool.shutdown(wait=False)
    return PendingMaps(futures)
