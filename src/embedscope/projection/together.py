"""Several maps of the same points, laid out side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from embedscope.errors import MissingExtraError
from embedscope.findings import MapLayout
from embedscope.projection.graph import NeighborGraph
from embedscope.projection.tsne_map import tsne
from embedscope.projection.umap_map import umap
from embedscope.protocols import FloatArray


def lay_out(
    names: Sequence[str], vectors: FloatArray, graph: NeighborGraph, *, seed: int, perplexity: float | None = None
) -> tuple[dict[str, MapLayout], dict[str, str]]:
    """The maps ``names`` ("tsne", "umap") by name, and for each that cannot be drawn the extra that it needs.

    They are laid out at the same time, a thread each: what is compiled runs outside the interpreter lock, so one map is
    optimised while the libraries of the other are loaded. No map depends on whether another is drawn.

    Raises
    ------
    TooFewPointsError, InvalidOptionError
        As :func:`tsne` and :func:`umap`.
    """
    layouts: dict[str, MapLayout] = {}
    absent: dict[str, str] = {}
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        running = {
            name: pool.submit(tsne, vectors, graph, seed=seed, perplexity=perplexity)
            if name == "tsne"
            else pool.submit(umap, vectors, graph, seed=seed)
            for name in names
        }
        for name, map_ in running.items():
            try:
                layouts[name] = map_.result()
            except MissingExtraError as error:
                absent[name] = str(error)
    return layouts, absent
