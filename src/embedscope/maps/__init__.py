"""t-SNE and UMAP from one shared exact neighbour graph (conventions, section 7).

Both maps see the same neighbours, measured by the Euclidean distance between unit rows, ``sqrt(2 - 2 cos)``: it has
the order of cosine similarity and is a metric, which is what the Gaussian kernel of t-SNE and the local scaling of
UMAP are defined on. Both start from the first two principal components, and both give the same map on every run with
the same seed, whatever the number of threads.

Equal rows are no obstacle: the start carries a seeded jitter of 1 % of its spread (of a spread of its own where every
row is equal), so that coinciding points can part and no axis has width zero.

Above `MAX_FITTED` points a map is fitted on a stratified sample of that size, and every other point is placed by its
nearest neighbours in the sample; ``MapLayout.n_fitted`` says so.
"""

from embedscope.maps.kept_maps import KeptMaps
from embedscope.maps.layouts import tsne, umap, undrawable
from embedscope.maps.neighbor_graph import (
    MAX_FITTED,
    N_NEIGHBORS,
    PERPLEXITY,
    NeighborGraph,
    graph_size,
    neighbor_graph,
)
from embedscope.maps.pending_maps import PendingMaps, begin_maps

__all__ = [
    "MAX_FITTED",
    "N_NEIGHBORS",
    "PERPLEXITY",
    "KeptMaps",
    "NeighborGraph",
    "PendingMaps",
    "begin_maps",
    "graph_size",
    "neighbor_graph",
    "tsne",
    "umap",
    "undrawable",
]
