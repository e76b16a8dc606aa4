"""Several maps of the same points, laid out side by side and beside whatever else there is to do."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from embedscope.errors import MissingExtraError
from embedscope.maps.neighbor_graph import NeighborGraph
from embedscope.maps.on_device import DeviceMapError, device_for_maps
from embedscope.maps.tsne_map import is_exact, load_opentsne, tsne
from embedscope.maps.umap_map import load_numba, umap
from embedscope.metrics.threads import one_thread_products
from embedscope.protocols import Device, FloatArray
from embedscope.result import MapLayout

_SHOWN = {"tsne": "t-SNE", "umap": "UMAP"}


class MapsToCome:
    """Maps that threads are laying out, and for each that cannot be drawn the extra that it needs.

    Until they are waited for, each matrix product of this process keeps to the thread that asks for it: shared with
    cores that lay out maps, products would wait for these. From beginning to waiting, not to the end of the maps, so
    that no last bit depends on how long a map takes.
    """

    def __init__(self, running: dict[str, Future[MapLayout]], absent: dict[str, str]) -> None:
        self._running = running
        self._absent = absent
        alone = ExitStack()
        alone.enter_context(one_thread_products())
        self._end = weakref.finalize(self, alone.close)  # whoever gives up before waiting lets go of it as well
        self._end.atexit = False

    def wait(self) -> tuple[dict[str, MapLayout], dict[str, str]]:
        """The maps by name, and why a map is missing, by name.

        Raises
        ------
        TooFewPointsError, InvalidOptionError
            As ``tsne`` and ``umap``.
        """
        try:
            return {name: layout.result() for name, layout in self._running.items()}, self._absent
        finally:
            self._end()


def begin_maps(
    names: Sequence[str],
    vectors: FloatArray,
    graph: NeighborGraph,
    *,
    seed: int,
    perplexity: float | None = None,
    device: str = Device.CPU,
    say: Callable[[str], None] = lambda text: None,
) -> MapsToCome:
    """Begin to lay out the maps ``names`` ("tsne", "umap"), a thread each.

    What takes time in a map is compiled and runs outside the interpreter lock, so the caller can go on meanwhile. No
    map depends on whether another is drawn, or on what else runs. The libraries are loaded before the first thread
    begins: two threads that load packages which need one another can meet one of them half loaded.

    Where ``device`` is or has a CUDA device, TorchDR is installed and there are many points, maps are laid out there,
    one after the other, before this returns: torch's settings and random state belong to all threads. What does not
    fit there is laid out by the processor, and ``say`` is told so.
    """
    running: dict[str, Future[MapLayout]] = {}
    absent: dict[str, str] = {}
    n_fitted = len(vectors) if graph.sample is None else len(graph.sample.rows)
    where = device_for_maps(device, n_fitted, say)
    missing = _load(names, n_fitted)
    pool = ThreadPoolExecutor(max(1, len(names)))
    for name in names:
        drawn = None if where is None else _on_device(name, vectors, graph, seed, perplexity, where, say)
        if drawn is not None:
            running[name] = Future()
            running[name].set_result(drawn)
        elif name == "tsne":
            running[name] = pool.submit(tsne, vectors, graph, seed=seed, perplexity=perplexity)
        elif name in missing:
            absent[name] = missing[name]
        else:
            running[name] = pool.submit(umap, vectors, graph, seed=seed)
    pool.shutdown(wait=False)
    return MapsToCome(running, absent)


def _load(names: Sequence[str], n_fitted: int) -> dict[str, str]:
    """Load what the maps need; for each that cannot be laid out by the processor, what it lacks."""
    if "tsne" in names and not is_exact(n_fitted):
        load_opentsne()
    if "umap" in names:
        try:
            load_numba()
        except MissingExtraError as error:
            return {"umap": str(error)}
    return {}


def _on_device(
    name: str,
    vectors: FloatArray,
    graph: NeighborGraph,
    seed: int,
    perplexity: float | None,
    device: str,
    say: Callable[[str], None],
) -> MapLayout | None:
    """A map laid out on the device; None, and the reason said, where that cannot be."""
    try:
        if name == "tsne":
            return tsne(vectors, graph, seed=seed, perplexity=perplexity, device=device)
        return umap(vectors, graph, seed=seed, device=device)
    except DeviceMapError as error:
        say(f"{_SHOWN[name]} is laid out on the processor, not on '{device}': {error}.")
        return None
