"""One map for each of several runs, in one frame of reference: points move only as far as the space did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from embedscope import maps as projection
from embedscope.comparison.timeline import epoch_numbers
from embedscope.data.collection import Collection
from embedscope.errors import MissingExtraError
from embedscope.maps import NeighborGraph
from embedscope.maps.procrustes import turned_onto
from embedscope.measure.options import Options
from embedscope.measure.query_set import judged_rows_of
from embedscope.models.embed import Embeddings
from embedscope.pipeline import N_NEIGHBORS_KEPT, choose_map_points, point_vectors, points_of
from embedscope.protocols import Float32Array, Float64Array, ProgressCallback
from embedscope.result import MapAnimation, MapLayout, Result

STEPS, EPOCHS = 250, 200
"""Of t-SNE and of UMAP from given positions: more of them find more neighbours again, and let a map drift that has
nothing to learn. Measured on 3,000 points over ten checkpoints of a fast training: the same space once more moved the
median point by 2 to 5 % of the median radius, that of the next checkpoint by 5 to 9 % (t-SNE) and 11 to 22 % (UMAP);
the tenth map had a trustworthiness of 0.922 and 0.923, laid out anew 0.934 and 0.919."""


def draw_animations(
    embeddings: Mapping[str, Embeddings],
    shown: str,
    result: Result,
    collection: Collection,
    options: Options,
    *,
    methods: Sequence[str] = ("tsne", "umap"),
    progress: ProgressCallback | None = None,
) -> tuple[Result, tuple[MapAnimation, ...]]:
    """The findings of the run ``shown`` with its points and maps, and a film of all runs for each method.

    Each map starts from the one before and is turned and scaled onto it (orthogonal Procrustes), so that what moves
    between two maps is the space and not the optimiser's choice of up, left and size. The neighbour graph of a run
    serves all its maps. A method whose package is not installed is left out and named in ``Findings.maps_absent``.

    Parameters
    ----------
    embeddings : mapping of name to Embeddings
        Runs on ``collection`` in the order of the film; ``shown`` is one of them.
    findings : Findings
        Of the run ``shown``; its queries and failures choose the points.
    collection : Collection
    options : Options
    methods : sequence of str
        "tsne", "umap".
    progress : ProgressCallback, optional
        Is told how many maps are laid out.

    Raises
    ------
    TooFewPointsError
        If there are too few points for a map.
    """
    rows = judged_rows_of(collection)
    choice = choose_map_points(result.queries, len(collection.documents), options)
    rolls = {method: _Roll(method, options) for method in methods}
    absent: dict[str, str] = {}
    graphs: list[NeighborGraph] = []
    for place, run in enumerate(embeddings.values()):
        vectors = point_vectors(choice, run.queries[rows], run.documents)
        width = projection.graph_size(len(vectors), perplexity=options.perplexity)
        graphs.append(projection.neighbor_graph(vectors, width))
        for step, (method, roll) in enumerate(list(rolls.items())):
            try:
                roll.add(vectors, graphs[-1])
            except MissingExtraError as error:
                absent[method] = str(error)
                del rolls[method]
            if progress is not None:
                progress(place * len(methods) + step + 1, len(embeddings) * len(methods))
    own = list(embeddings).index(shown)
    points = points_of(choice, graphs[own])
    epochs = epoch_numbers({name: run.facts for name, run in embeddings.items()})
    turnover = _turnover(graphs)
    animations = tuple(
        MapAnimation(method, tuple(embeddings), epochs, points, tuple(roll.layouts), _steps(roll.layouts), turnover)
        for method, roll in rolls.items()
    )
    maps = {method: roll.layouts[own] for method, roll in rolls.items()}
    return replace(result, points=points, maps=maps, maps_absent={**result.maps_absent, **absent}), animations


class _Roll:
    """The maps of one method so far."""

    def __init__(self, method: str, options: Options) -> None:
        self._method = method
        self._options = options
        self._last: Float64Array | None = None  # as laid out: a map that was scaled would have to find its size again
        self.layouts: list[MapLayout] = []

    def add(self, vectors: Float32Array, graph: NeighborGraph) -> None:
        """Lay out the next map."""
        layout = self._laid_out(vectors, graph)
        if self._last is not None:
            self._last = turned_onto(layout.xy, self._last)
            framed = turned_onto(self._last, self.layouts[-1].xy, is_scaled=True)
            layout = replace(layout, xy=framed.astype(np.float32))
        else:
            self._last = layout.xy.astype(np.float64)
        self.layouts.append(layout)

    def _laid_out(self, vectors: Float32Array, graph: NeighborGraph) -> MapLayout:
        seed, perplexity = self._options.seed, self._options.perplexity
        if self._method == "umap":
            if self._last is None:
                return projection.umap(vectors, graph, seed=seed)
            return projection.umap(vectors, graph, seed=seed, start=self._last, n_epochs=EPOCHS)
        if self._last is None:
            return projection.tsne(vectors, graph, seed=seed, perplexity=perplexity)
        return projection.tsne(vectors, graph, seed=seed, perplexity=perplexity, start=self._last, n_iter=STEPS)


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
