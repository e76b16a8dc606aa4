"""One t-SNE map for each of several runs, in one frame of reference: points move only as far as the space did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from embedscope import projection
from embedscope.analysis.options import Options
from embedscope.analysis.pipeline import choose_map_points, judged_rows_of, point_vectors, points_of
from embedscope.data.collection import Collection
from embedscope.encoding.encode import Embeddings
from embedscope.findings import Findings, MapLayout
from embedscope.numerics.procrustes import turned_onto


def draw_film(
    embeddings: Mapping[str, Embeddings], shown: str, findings: Findings, collection: Collection, options: Options
) -> tuple[Findings, dict[str, MapLayout]]:
    """The findings of the run ``shown`` with its points and map, and the map of every run by its name.

    Each map starts from the one before and is turned onto it (orthogonal Procrustes), so that what moves between two
    maps is the space and not the optimiser's choice of up and left.

    Parameters
    ----------
    embeddings : mapping of name to Embeddings
        Runs on ``collection`` in the order of the film; ``shown`` is one of them.
    findings : Findings
        Of the run ``shown``; its queries and failures choose the points.
    collection : Collection
    options : Options

    Raises
    ------
    TooFewPointsError
        If there are too few points for a map.
    """
    rows = judged_rows_of(collection)
    choice = choose_map_points(findings.queries, len(collection.documents), options)
    layouts: dict[str, MapLayout] = {}
    previous: MapLayout | None = None
    for name, run in embeddings.items():
        vectors = point_vectors(choice, run.queries[rows], run.documents)
        graph = projection.neighbor_graph(vectors, projection.graph_size(len(vectors), perplexity=options.perplexity))
        layout = projection.tsne(
            vectors,
            graph,
            seed=options.seed,
            perplexity=options.perplexity,
            start=None if previous is None else previous.xy,
        )
        if previous is not None:
            layout = replace(layout, xy=turned_onto(layout.xy, previous.xy).astype(np.float32))
        if name == shown:
            findings = replace(findings, points=points_of(choice, graph), maps={"tsne": layout})
        layouts[name] = previous = layout
    return findings, layouts
