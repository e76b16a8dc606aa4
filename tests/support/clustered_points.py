"""Points around a few centres, and their neighbour graph."""

from __future__ import annotations

import numpy as np

from embedscope.maps import NeighborGraph, graph_size, neighbor_graph


def clusters(n: int = 90, n_clusters: int = 3, dim: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_clusters, dim)) * 3
    vectors = centres[np.arange(n) % n_clusters] + rng.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def graph_of(vectors: np.ndarray) -> NeighborGraph:
    return neighbor_graph(vectors, graph_size(len(vectors)))
