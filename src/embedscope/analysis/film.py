"""One map for each of several runs, in one frame of reference: points move only as far as the space did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from embedscope import projection
from embedscope.analysis.options import Options
from embedscope.analysis.pipeline import N_NEIGHBORS_KEPT, choose_map_points, judged_rows_of, point_vectors, points_of
from embedscope.analysis.timeline import epoch_numbers
from embedscope.data.collection import Collection
from embedscope.encoding.encode import Embeddings
from embedscope.findings import Findings, MapFilm, MapLayout
from embedscope.numerics.procrustes import turned_onto
from embedscope.projection import NeighborGraph
from embedscope.protocols import Float32Array


def draw_film(
    embeddings: Mapping[str, Embeddings], shown: str, findings: Findings, collection: Collection, options: Options
) -> tuple[Findings, dict[str, MapLayout]]:
    """The findings of the run ``shown`` with its points and t-SNE map, and the map of every run by its name.

    As :func:`draw_films` of t-SNE alone.
    """
    findings, (film,) = draw_films(embeddings, shown, findings, collection, options, methods=("tsne",))
    return findings, dict(zip(film.names, film.maps, strict=True))


def draw_films(
    embeddings: Mapping[str, Embeddings],
    shown: str,
    findings: Findings,
    collection: Collection,
    options: Options,
    *,
    methods: Sequence[str] = ("tsne", "umap"),
) -> tuple[Findings, tuple[MapFilm, ...]]:
    """The findings of the run ``shown`` with its points and maps, and a film of all runs for each method.

    Each map starts from the one before and is turned onto it (orthogonal Procrustes), so that what moves between two
    maps is the space and not the optimiser's choice of up and left. The neighbour graph of a run serves all its maps.

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

    Raises
    ------
    TooFewPointsError
        If there are too few points for a map.
    MissingExtraError
        If UMAP is asked for and umap-learn is not installed.
    """
    rows = judged_rows_of(collection)
    choice = choose_map_points(findings.queries, len(collection.documents), options)
    frames: dict[str, list[MapLayout]] = {method: [] for method in methods}
    graphs: list[NeighborGraph] = []
    for run in embeddings.values():
        vectors = point_vectors(choice, run.queries[rows], run.documents)
        width = projection.graph_size(len(vectors), perplexity=options.perplexity)
        graphs.append(projection.neighbor_graph(vectors, width))
        for method, before in frames.items():
            before.append(_next_frame(method, vectors, graphs[-1], before, options))
    place = list(embeddings).index(shown)
    points = points_of(choice, graphs[place])
    epochs = epoch_numbers([run.facts for run in embeddings.values()])
    films = tuple(
        MapFilm(
            method=method,
            names=tuple(embeddings),
            epochs=epochs,
            points=points,
            maps=tuple(layouts),
            moved=_steps(layouts),
            turnover=_turnover(graphs),
        )
        for method, layouts in frames.items()
    )
    maps = {method: layouts[place] for method, layouts in frames.items()}
    return replace(findings, points=points, maps=maps), films


def _next_frame(
    method: str, vectors: Float32Array, graph: NeighborGraph, before: Sequence[MapLayout], options: Options
) -> MapLayout:
    start = before[-1].xy if before else None
    if method == "umap":
        layout = projection.umap(vectors, graph, seed=options.seed, start=start)
    else:
        layout = projection.tsne(vectors, graph, seed=options.seed, perplexity=options.perplexity, start=start)
    return layout if start is None else replace(layout, xy=turned_onto(layout.xy, start).astype(np.float32))


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
