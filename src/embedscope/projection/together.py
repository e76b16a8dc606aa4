"""Several maps of the same points, laid out side by side and beside whatever else there is to do."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from embedscope.errors import MissingExtraError
from embedscope.findings import MapLayout
from embedscope.projection.graph import NeighborGraph
from embedscope.projection.tsne_map import tsne
from embedscope.projection.umap_map import require_numba, umap
from embedscope.protocols import FloatArray


class MapsToCome:
    """Maps that threads are laying out, and for each that cannot be drawn the extra that it needs."""

    def __init__(self, running: dict[str, Future[MapLayout]], absent: dict[str, str]) -> None:
        self._running = running
        self._absent = absent

    def wait(self) -> tuple[dict[str, MapLayout], dict[str, str]]:
        """The maps by name, and why a map is missing, by name.

        Raises
        ------
        TooFewPointsError, InvalidOptionError
            As ``tsne`` and ``umap``.
        """
        return {name: layout.result() for name, layout in self._running.items()}, self._absent


def begin_maps(
    names: Sequence[str], vectors: FloatArray, graph: NeighborGraph, *, seed: int, perplexity: float | None = None
) -> MapsToCome:
    """Begin to lay out the maps ``names`` ("tsne", "umap"), a thread each.

    What takes time in a map is compiled and runs outside the interpreter lock, so the caller can go on meanwhile. No
    map depends on whether another is drawn, or on what else runs.
    """
    running: dict[str, Future[MapLayout]] = {}
    absent: dict[str, str] = {}
    pool = ThreadPoolExecutor(max(1, len(names)))
    for name in names:
        if name == "tsne":
            running[name] = pool.submit(tsne, vectors, graph, seed=seed, perplexity=perplexity)
            continue
        try:
            require_numba()
        except MissingExtraError as error:
            absent[name] = str(error)
        else:
            running[name] = pool.submit(umap, vectors, graph, seed=seed)
    pool.shutdown(wait=False)
    return MapsToCome(running, absent)
