"""One map for each of several runs, in one frame of reference: points move only as far as the space did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from embedscope import maps
from embedscope.comparison.timeline import epoch_numbers
from embedscope.data.collection import Collection
from embedscope.maps import NeighborGraph
from embedscope.maps.map_points import N_NEIGHBORS_KEPT, points_of_run
from embedscope.maps.procrustes import turned_onto
from embedscope.measure.query_set import rows_with_relevant
from embedscope.models.embed import Embeddings
from embedscope.pipeline import generator
from embedscope.protocols import Float32Array, Float64Array, ProgressCallback
from embedscope.result import MapAnimation, MapLayout, Points, QueryTable
from embedscope.settings import Settings

STEPS, EPOCHS = 250, 200
"""Of t-SNE and of UMAP from given positions: more of them find more neighbours again, and let a map drift that has
nothing to learn. Measured on 3,000 points over ten checkpoints of a fast training: the same space once more moved the
median point by 2 to 5 % of the median radius, that of the next checkpoint by 5 to 9 % (t-SNE) and 11 to 22 % (UMAP);
the tenth map had a trustworthiness of 0.922 and 0.923, laid out from the start 0.934 and 0.919."""


@dataclass(frozen=True, slots=True, eq=False)
class RunMaps:
    """Points and maps of one of several runs, and the animations of all."""

    points: Points
    maps: dict[str, MapLayout]
    animations: tuple[MapAnimation, ...]


def lay_out_runs(
    embeddings: Mapping[str, Embeddings],
    shown: str,
    queries: QueryTable,
    collection: Collection,
    settings: Settings,
    *,
    methods: Sequence[str] = ("tsne", "umap"),
    progress: ProgressCallback | None = None,
) -> RunMaps:
    """Points and maps of the run ``shown``, and an animation of all runs for each method.

    Each map starts from the one before and is turned and scaled onto it (orthogonal Procrustes), so that what moves
    between two maps is the space and not the optimiser's choice of up, left and size. The neighbour graph of a run
    serves all its maps.

    Parameters
    ----------
    embeddings : mapping of name to Embeddings
        Runs on ``collection`` in the order of the animation; ``shown`` is one of them.
    queries : QueryTable
        Of the run ``shown``: its failures choose the points.
    methods : sequence of str
        "tsne", "umap".
    progress : ProgressCallback, optional
        Is called with how many maps are laid out.

    Raises
    ------
    TooFewPointsError
        If there are too few points for a map.
    """
    rows = rows_with_relevant(collection)
    choice = points_of_run(
        queries, len(collection.documents), budget=settings.maps.map_points, generator=generator(settings, "map points")
    )
    series = {method: _Series(method, settings) for method in methods}
    graphs: list[NeighborGraph] = []
    for place, run in enumerate(embeddings.values()):
        vectors = choice.vectors(run.queries[rows], run.documents)
        width = maps.graph_size(len(vectors), perplexity=settings.maps.perplexity)
        graphs.append(maps.neighbor_graph(vectors, width))
        for step, own in enumerate(series.values(), start=1):
            own.add(vectors, graphs[-1])
            if progress is not None:
                progress(place * len(methods) + step, len(embeddings) * len(methods))
    at = list(embeddings).index(shown)
    points = choice.points(graphs[at])
    epochs = epoch_numbers({name: run.facts for name, run in embeddings.items()})
    turnover = _turnover(graphs)
    animations = tuple(
        MapAnimation(method, tuple(embeddings), epochs, points, tuple(own.layouts), _steps(own.layouts), turnover)
        for method, own in series.items()
    )
    return RunMaps(points, {method: own.layouts[at] for method, own in series.items()}, animations)


class _Series:
    """The maps of one method so far."""

    def __init__(self, method: str, settings: Settings) -> None:
        self._method = method
        self._settings = settings
        self._last: Float64Array | None = None  # as laid out: a map that was scaled would have to find its size again
        self.layouts: list[MapLayout] = []

    def add(self, vectors: Float32Array, graph: NeighborGraph) -> None:
        """Lay out the next map."""
        layout = self._laid_out(vectors, graph)
        if self._last is None:
            self._last = layout.xy.astype(np.float64)
        else:
            self._last = turned_onto(layout.xy, self._last)
            framed = turned_onto(self._last, self.layouts[-1].xy, is_scaled=True)
            layout = replace(layout, xy=framed.astype(np.float32))
        self.layouts.append(layout)

    def _laid_out(self, vectors: Float32Array, graph: NeighborGraph) -> MapLayout:
        seed, perplexity = self._settings.measure.seed, self._settings.maps.perplexity
        if self._method == "umap":
            if self._last is None:
                return maps.umap(vectors, graph, seed=seed)
            return maps.umap(vectors, graph, seed=seed, start=self._last, n_epochs=EPOCHS)
        if self._last is None:
            return maps.tsne(vectors, graph, seed=seed, perplexity=perplexity)
        return maps.tsne(vectors, graph, seed=seed, perplexity=perplexity, start=self._last, n_iter=STEPS)


def _steps(layouts: Sequence[MapLayout]) -> tuple[float, ...]:
    """Median distance that a point went since the map before, 0 for the first, in units of the map."""
    pairs = pairwise(layouts)
    return (0.0, *(float(np.median(np.linalg.norm(b.xy - a.xy, axis=1))) for a, b in pairs))


def _turnover(graphs: Sequence[NeighborGraph]) -> tuple[float, ...]:
    """Mean share of the nearest neighbours, in the original space, that are others than a run before; 0 at first."""
    nearest = [graph.indices[:, :N_NEIGHBORS_KEPT] for graph in graphs]
    kept = [
        (b[:, :, None] == a[:, None, :]).any(axis=2).mean()  # (M, k, k)
        for a, b in pairwise(nearest)
    ]
    return (0.0, *(1.0 - float(share) for share in kept))
