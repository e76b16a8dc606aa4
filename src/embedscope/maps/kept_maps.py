"""Maps of earlier runs, and those that are new laid out beside whatever else there is to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from embedscope.kept import KeptResults
from embedscope.maps.neighbor_graph import N_NEIGHBORS, QUALITY_K, NeighborGraph
from embedscope.maps.pending_maps import PendingMaps, begin_maps
from embedscope.protocols import FloatArray
from embedscope.result import MAP_NAMES, MapLayout


@dataclass(frozen=True, slots=True, eq=False)
class KeptMaps:
    """The maps of one run: those that were kept, as they were measured at first, and those that are laid out now."""

    names: tuple[str, ...]
    found: dict[str, MapLayout]
    pending: PendingMaps  # also of no map: products keep to one thread as long as on a run that lays maps out
    keys: dict[str, str | None]
    kept: KeptResults

    @classmethod
    def begin(
        cls,
        names: Sequence[str],
        vectors: FloatArray,
        graph: NeighborGraph,
        *,
        seed: int,
        perplexity: float | None,
        kept: KeptResults,
        made_of: Sequence[Any],
    ) -> Self:
        """Find the maps ``names``, or begin to lay them out as `begin_maps` does.

        ``made_of`` is what ``vectors`` come from. A change of the perplexity changes the width of the graph, of which
        UMAP reads the first columns: its map stays.
        """
        read = {"tsne": (graph, perplexity), "umap": (_first_neighbors(graph, max(N_NEIGHBORS, QUALITY_K)),)}
        keys = {name: kept.key(MAP_NAMES[name], *made_of, seed, *read[name]) for name in names}
        found = {
            name: layout for name in names if (layout := kept.find(MAP_NAMES[name], MapLayout, keys[name])) is not None
        }
        missing = [name for name in names if name not in found]
        pending = begin_maps(missing, vectors, graph, seed=seed, perplexity=perplexity) if missing else PendingMaps({})
        return cls(tuple(names), found, pending, keys, kept)

    def result(self) -> dict[str, MapLayout]:
        """The maps by name, once all are there; new ones are kept. Raises as `PendingMaps.result`."""
        new = self.pending.result()
        for name, layout in new.items():
            self.kept.keep(MapLayout, self.keys[name], layout)
        return {name: self.found[name] if name in self.found else new[name] for name in self.names}


def _first_neighbors(graph: NeighborGraph, width: int) -> NeighborGraph:
    """The graph with the nearest ``width`` neighbours of each point, that of its sample likewise."""
    sample = graph.sample
    if sample is not None:
        sample = sample._replace(graph=_first_neighbors(sample.graph, width))
    return NeighborGraph(graph.indices[:, :width], graph.distances[:, :width], sample)
