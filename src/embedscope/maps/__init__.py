"""t-SNE and UMAP from one shared exact neighbour graph (conventions, section 7).

Both maps see the same neighbours, measured by the Euclidean distance between unit rows, ``sqrt(2 - 2 cos)``: it has
the order of cosine similarity and is a metric, which is what the Gaussian kernel of t-SNE and the local scaling of
UMAP are defined on. Both start from the first two principal components, and both give the same map on every run with
the same seed, whatever the number of threads.

Equal rows are no obstacle: the start carries a seeded jitter of 1 % of its spread (of a spread of its own where every
row is equal), so that coinciding points can part and no axis has width zero.

On a CUDA device, where TorchDR is installed, a map of many points is laid out there, from the same graph and start: a
map of its own, with the same figures of quality, and its parameters say so.

Above 50,000 points a map is fitted on a stratified sample of that size, and every other point is placed by its nearest
neighbours in the sample; ``MapLayout.n_fitted`` says so.
"""

from embedscope.maps.layout_jobs import MapsToCome, begin_maps
from embedscope.maps.layouts import MIN_POINTS, layout
from embedscope.maps.neighbor_graph import (
    MAX_FITTED,
    N_NEIGHBORS,
    PERPLEXITY,
    QUALITY_K,
    NeighborGraph,
    Sample,
    graph_size,
    neighbor_graph,
    stratified_sample,
)
from embedscope.maps.tsne_map import tsne
from embedscope.maps.umap_map import umap

__all__ = [
    "MAX_FITTED",
    "MIN_POINTS",
    "N_NEIGHBORS",
    "PERPLEXITY",
    "QUALITY_K",
    "MapsToCome",
    "NeighborGraph",
    "Sample",
    "begin_maps",
    "graph_size",
    "layout",
    "neighbor_graph",
    "stratified_sample",
    "tsne",
    "umap",
]
