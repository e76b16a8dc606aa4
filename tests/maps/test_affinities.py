"""The affinities of both maps: by hand, beside openTSNE and umap-learn, and where points coincide."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from embedscope.maps import affinities
from embedscope.maps.affinities import fuzzy_graph, tsne_affinities
from embedscope.maps.layouts import CURVE, MIN_DIST


def umap_learn():
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Numba's, of what it can parallelise in umap-learn
        theirs = module.fuzzy_simplicial_set(points, k + 1, None, "euclidean", knn_indices=own, knn_dists=zero)[0]
    np.testing.assert_allclose(
        fuzzy_graph(indices, distances).toarray(), theirs.toarray(), atol=5e-5
    )  # both search to 1e-5 of a row


def test_the_nearest_neighbour_belongs_wholly_and_the_row_sums_to_the_logarithm() -> None:
    indices, distances = neighbours(np.random.default_rng(0).normal(size=(40, 2)), 7)
    beyond = distances - distances[:, :1]
    graph = fuzzy_graph(indices, distances).toarray()
    np.testing.assert_allclose(graph[np.arange(40), indices[:, 0]], 1, atol=1e-6)
    np.testing.assert_array_equal(graph, graph.T)
    sigma = affinities._scales(beyond, 3.0)
    np.testing.assert_allclose(np.exp(-beyond / sigma[:, None]).sum(axis=1), 3.0, atol=1e-5)


def test_points_that_all_coincide_belong_to_one_another_wholly() -> None:
    indices, distances = neighbours(np.zeros((10, 2)), 4)
    graph = fuzzy_graph(indices, distances)
    assert graph.max() == graph.data.min() == 1


def test_the_curve_is_the_one_fitted_to_the_least_distance() -> None:
    distance = np.linspace(0, 3, 300)
    wanted = np.where(distance < MIN_DIST, 1.0, np.exp(-(distance - MIN_DIST)))
    fitted, _ = curve_fit(lambda d, a, b: 1.0 / (1.0 + a * d ** (2 * b)), distance, wanted)
    np.testing.assert_allclose(fitted, CURVE, rtol=1e-7)


def test_the_curve_is_that_of_umap_learn() -> None:
    np.testing.assert_allclose(umap_learn().find_ab_params(1.0, MIN_DIST), CURVE, rtol=1e-5)


def neighbors(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(seed).normal(size=(n, 5))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    indices = np.argsort(distance, axis=1)[:, :k]
    return indices, np.take_along_axis(distance, indices, axis=1)


def affinities_of_opentsne(indices: np.ndarray, distances: np.ndarray, perplexity: float) -> np.ndarray:
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    found = PrecomputedNeighbors(indices, distances)
    return PerplexityBasedNN(perplexity=perplexity, knn_index=found, n_jobs=1).P.toarray()


class TestTsneAffinities:
    @pytest.mark.parametrize("perplexity", [5.0, 7.5, 10.0])
    def test_are_those_of_opentsne(self, perplexity: float) -> None:
        indices, distances = neighbors(80, int(3 * perplexity))
        expected = affinities_of_opentsne(indices, distances, perplexity)
        found = tsne_affinities(indices, distances, perplexity)
        np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5, atol=1e-12)

    @given(n=st.integers(5, 30), seed=st.integers(0, 999), scale=st.sampled_from([1e-6, 1.0, 1e6]))
    @settings(max_examples=30)
    def test_each_row_has_the_perplexity_that_was_asked_for(self, n: int, seed: int, scale: float) -> None:
        _, distances = neighbors(n, n - 1, seed)
        squared = (distances * scale) ** 2
        beyond = squared - squared.min(axis=1, keepdims=True)
        row = np.exp(-beyond * affinities._precisions(beyond, np.log(3.0))[:, None])
        row /= row.sum(axis=1, keepdims=True)
        entropy = -np.where(row > 0, row * np.log(np.where(row > 0, row, 1)), 0).sum(axis=1)
        np.testing.assert_allclose(np.exp(entropy), 3.0, rtol=1e-6)

    @given(n=st.integers(5, 30), seed=st.integers(0, 999))
    @settings(max_examples=20)
    def test_are_symmetric_and_sum_to_one(self, n: int, seed: int) -> None:
        p = tsne_affinities(*neighbors(n, 4, seed), 3.0)
        np.testing.assert_allclose(p.sum(), 1)
        np.testing.assert_array_equal(p.toarray(), p.toarray().T)

    def test_of_two_neighbours_at_one_distance_each_has_half(self) -> None:
        indices = np.array([[1, 2], [0, 2], [0, 1]])
        p = tsne_affinities(indices, np.ones((3, 2)), 2.0).toarray()
        np.testing.assert_allclose(p, (np.ones((3, 3)) - np.eye(3)) / 6)

    def test_neighbours_that_coincide_share_a_row_that_cannot_be_differing_parts(self) -> None:
        indices, distances = neighbors(20, 9)
        p = tsne_affinities(indices, np.zeros_like(distances), 3.0)
        assert np.isfinite(p.data).all()
        assert p.sum() == pytest.approx(1)
