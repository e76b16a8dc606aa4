"""The exact neighbour graph, and the graph of a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clustered_points import clusters

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError
from embedscope.maps import MAX_FITTED, graph_size, neighbor_graph
from embedscope.maps.neighbor_graph import stratified_sample
from embedscope.metrics import kernels
from embedscope.settings import Settings


def brute_force(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    rows = vectors.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    distances = np.round(1 - rows @ rows.T, 9)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


class TestNeighborGraph:
    @given(n=st.integers(2, 60), dim=st.integers(1, 9), seed=st.integers(0, 999), n_distinct=st.integers(1, 60))
    @settings(max_examples=40)
    def test_equals_a_stable_sort_of_all_distances_duplicates_and_all(
        self, n: int, dim: int, seed: int, n_distinct: int
    ) -> None:
        rng = np.random.default_rng(seed)
        vectors = rng.normal(size=(n_distinct, dim))[rng.integers(0, n_distinct, n)]
        k = int(rng.integers(1, n))
        graph = neighbor_graph(vectors, k)
        order, distances = brute_force(vectors, k)
        np.testing.assert_array_equal(graph.indices, order)
        np.testing.assert_allclose(graph.distances, np.clip(distances, 0, 2), atol=2e-7)

    def test_no_point_is_its_own_neighbour_among_more_equal_rows_than_neighbours(self) -> None:
        vectors = np.repeat(clusters(4), 30, axis=0)
        graph = neighbor_graph(vectors, 5)
        assert not (graph.indices == np.arange(len(vectors))[:, None]).any()
        assert (graph.distances == 0).all()
        assert graph.indices[29].tolist() == [0, 1, 2, 3, 4]

    def test_a_collapsed_space_ties_everywhere_and_orders_by_index(self) -> None:
        graph = neighbor_graph(np.ones((40, 8), dtype=np.float32), 3)
        assert graph.indices[0].tolist() == [1, 2, 3]
        assert graph.indices[2].tolist() == [0, 1, 3]
        assert graph.indices[39].tolist() == [0, 1, 2]

    def test_has_the_promised_types_and_shapes(self) -> None:
        graph = neighbor_graph(clusters(20), 4)
        assert (graph.indices.dtype, graph.distances.dtype) == (np.int64, np.float32)
        assert graph.indices.shape == graph.distances.shape == (20, 4)

    def test_the_length_of_a_row_does_not_matter(self) -> None:
        vectors = clusters(30).astype(np.float64)
        scale = np.random.default_rng(0).uniform(0.1, 9, size=(30, 1))
        np.testing.assert_array_equal(neighbor_graph(vectors, 5).indices, neighbor_graph(vectors * scale, 5).indices)

    @pytest.mark.parametrize("k", [0, 20])
    def test_a_k_that_does_not_fit_is_refused(self, k: int) -> None:
        with pytest.raises(InvalidOptionError, match="1 to 19"):
            neighbor_graph(clusters(20), k)

    @pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
    def test_a_row_without_direction_is_refused_with_its_number(self, bad: float) -> None:
        vectors = clusters(20)
        vectors[7] = bad
        with pytest.raises(InvalidEmbeddingsError, match="row 7"):
            neighbor_graph(vectors, 3)

    def test_is_wide_enough_for_both_maps_and_no_wider_than_there_are_points(self) -> None:
        assert graph_size(10_000) == 90
        assert graph_size(10_000, perplexity=50) == 150
        assert graph_size(30) == 29


@given(seed=st.integers(0, 999), n=st.integers(30, 120), n_equal=st.integers(0, 30))
@settings(max_examples=20)
def test_both_ways_to_search_for_candidates_give_the_same_graph(seed: int, n: int, n_equal: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)
    vectors[: n_equal + 1] = vectors[0]
    with pytest.MonkeyPatch.context() as patch:
        graphs = []
        for least in (0, 10**18):
            patch.setattr(kernels, "MIN_CELLS", least)
            graphs.append(neighbor_graph(vectors, 7))
    np.testing.assert_array_equal(graphs[0].indices, graphs[1].indices)
    np.testing.assert_array_equal(graphs[0].distances, graphs[1].distances)


class TestSample:
    """The graph of more points than are fitted."""

    def test_a_stratified_sample_keeps_the_shares_and_every_stratum(self) -> None:
        strata = np.repeat([0, 1, 2], [900, 99, 1])
        rows = stratified_sample(strata, 100, np.random.default_rng(0))
        assert len(np.unique(rows)) == 100
        assert (np.diff(rows) > 0).all()
        counts = np.bincount(strata[rows], minlength=3)
        assert counts[2] == 1
        assert 88 <= counts[0] <= 91
        assert 8 <= counts[1] <= 11

    @given(size=st.integers(4, 60), seed=st.integers(0, 99))
    @settings(max_examples=20)
    def test_a_sample_has_the_size_that_was_asked_for(self, size: int, seed: int) -> None:
        strata = np.random.default_rng(seed).integers(0, 4, 60)
        rows = stratified_sample(strata, size, np.random.default_rng(seed))
        assert len(np.unique(rows)) == size
        assert set(strata[rows]) == set(strata)

    def test_every_point_has_its_nearest_neighbours_in_the_sample(self) -> None:
        vectors = clusters(120)
        graph = neighbor_graph(vectors, 20, seed=3, max_fitted=50)
        assert graph.sample is not None
        rows = graph.sample.rows
        assert graph.indices.shape == (120, 15)
        assert graph.sample.graph.indices.shape == (50, 20)
        distances = 1 - vectors.astype(np.float64) @ vectors.T.astype(np.float64)
        np.fill_diagonal(distances, np.inf)
        expected = rows[np.argsort(np.round(distances[:, rows], 9), axis=1, kind="stable")[:, :15]]
        np.testing.assert_array_equal(graph.indices, expected)

    def test_up_to_the_limit_every_point_is_fitted(self) -> None:
        assert neighbor_graph(clusters(50), 10, max_fitted=50).sample is None

    def test_strata_of_another_length_are_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="20 points and 3 strata"):
            neighbor_graph(clusters(20), 5, strata=np.zeros(3, dtype=np.int64))

    def test_by_default_every_point_on_the_maps_of_a_run_is_fitted(self) -> None:
        assert Settings().maps.map_points <= MAX_FITTED
