"""The graph behind the UMAP map: by hand, beside umap-learn, and where points coincide."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.maps.fuzzy_graph import _scales, fuzzy_graph, map_curve


def umap_learn():
    pytest.importorskip("numba")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("umap.umap_")


def neighbours(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, -1)
    order = np.argsort(distance, axis=1, kind="stable")[:, 1 : k + 1]
    return order, np.take_along_axis(distance, order, axis=1)


@given(seed=st.integers(0, 999), n=st.integers(12, 60), k=st.integers(2, 10), n_equal=st.integers(0, 8))
@settings(max_examples=25)
def test_is_the_graph_of_umap_learn(seed: int, n: int, k: int, n_equal: int) -> None:
    module = umap_learn()
    points = np.random.default_rng(seed).normal(size=(n, 3))
    points[: n_equal + 1] = points[0]
    indices, distances = neighbours(points, k)
    own = np.hstack([np.arange(n)[:, None], indices])
    zero = np.hstack([np.zeros((n, 1)), distances]).astype(np.float32)
    theirs = module.fuzzy_simplicial_set(points, k + 1, None, "euclidean", knn_indices=own, knn_dists=zero)[0]
    np.testing.assert_allclose(
        fuzzy_graph(indices, distances).toarray(), theirs.toarray(), atol=5e-5
    )  # both halve to 1e-5 of a row


def test_the_nearest_neighbour_belongs_wholly_and_the_row_sums_to_the_logarithm() -> None:
    indices, distances = neighbours(np.random.default_rng(0).normal(size=(40, 2)), 7)
    beyond = distances - distances[:, :1]
    graph = fuzzy_graph(indices, distances).toarray()
    np.testing.assert_allclose(graph[np.arange(40), indices[:, 0]], 1, atol=1e-6)
    np.testing.assert_array_equal(graph, graph.T)
    sigma = _scales(beyond, 3.0)
    np.testing.assert_allclose(np.exp(-beyond / sigma[:, None]).sum(axis=1), 3.0, atol=1e-5)


def test_points_that_all_coincide_belong_together_wholly() -> None:
    indices, distances = neighbours(np.zeros((10, 2)), 4)
    graph = fuzzy_graph(indices, distances)
    assert graph.max() == graph.data.min() == 1


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.5, 1.0])
def test_the_curve_is_that_of_umap_learn(min_dist: float) -> None:
    np.testing.assert_allclose(map_curve(min_dist), umap_learn().find_ab_params(1.0, min_dist), rtol=1e-5)
