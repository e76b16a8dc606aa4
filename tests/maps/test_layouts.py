"""The shared neighbour graph and the two maps drawn from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.maps import NeighborGraph, begin_maps, graph_size, layouts, neighbor_graph, tsne, umap
from embedscope.maps.neighbor_graph import stratified_sample
from embedscope.maps.placement import around_medoid
from embedscope.metrics import kernels
from embedscope.result import MapLayout

DRAW = {"tsne": lambda v, g, **k: tsne(v, g, n_iter=60, **k), "umap": lambda v, g, **k: umap(v, g, n_epochs=20, **k)}
both = pytest.mark.parametrize("name", ["tsne", "umap"])


def clusters(n: int = 90, n_clusters: int = 3, dim: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_clusters, dim)) * 3
    vectors = centres[np.arange(n) % n_clusters] + rng.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def graph_of(vectors: np.ndarray) -> NeighborGraph:
    return neighbor_graph(vectors, graph_size(len(vectors)))


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
        assert graph_size(10_000, n_neighbors=200) == 200
        assert graph_size(10_000, perplexity=50) == 150
        assert graph_size(30) == 29


class TestMaps:
    @both
    def test_holds_a_position_and_a_quality_for_every_point(self, name: str) -> None:
        vectors = clusters()
        layout = DRAW[name](vectors, graph_of(vectors), seed=1)
        assert isinstance(layout, MapLayout)
        assert (layout.name, layout.xy.shape, layout.xy.dtype, layout.k) == (name, (90, 2), np.float32, 15)
        assert np.isfinite(layout.xy).all()
        assert layout.kept.shape == (90,)
        assert ((layout.kept >= 0) & (layout.kept <= 1)).all()
        assert layout.elapsed_s > 0
        assert layout.parameters["seed"] == 1
        assert layout.parameters["quality_anchors"] == 90

    @both
    def test_shows_clusters_that_are_there(self, name: str) -> None:
        vectors = clusters()
        layout = DRAW[name](vectors, graph_of(vectors), seed=0)
        assert layout.trustworthiness > 0.85
        assert layout.continuity > 0.85
        distances = np.linalg.norm(layout.xy[:, None] - layout.xy, axis=2) + np.diag(np.full(90, np.inf))
        assert (distances.argmin(axis=1) % 3 == np.arange(90) % 3).mean() > 0.95

    @both
    def test_the_same_seed_gives_the_same_map_and_another_seed_another(self, name: str) -> None:
        vectors = clusters()
        graph = graph_of(vectors)
        first, again, other = (DRAW[name](vectors, graph, seed=seed).xy for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    @both
    @pytest.mark.parametrize("kind", ["collapsed", "duplicated", "on a line"])
    def test_degenerate_spaces_give_finite_positions_that_differ(self, name: str, kind: str) -> None:
        vectors = {
            "collapsed": np.ones((40, 6), dtype=np.float32),
            "duplicated": np.repeat(clusters(10), 8, axis=0),
            "on a line": np.random.default_rng(0).choice([-1.0, 1.0], size=(40, 1)).astype(np.float32),
        }[kind]
        xy = DRAW[name](vectors, graph_of(vectors), seed=0).xy
        assert np.isfinite(xy).all()
        assert len(np.unique(xy, axis=0)) > len(xy) // 2

    @both
    def test_eight_points_are_enough_and_seven_are_not(self, name: str) -> None:
        eight = clusters(8)
        layout = DRAW[name](eight, graph_of(eight), seed=0)
        assert np.isfinite(layout.xy).all()
        assert layout.k == 3
        assert "15 to 3" in str(layout.parameters["quality_note"])
        seven = clusters(7)
        with pytest.raises(TooFewPointsError, match=rf"at least 8 points and there are 7.*--skip-{name}"):
            DRAW[name](seven, graph_of(seven), seed=0)

    @both
    def test_a_graph_of_other_points_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidEmbeddingsError, match="graph is of 20 points"):
            DRAW[name](clusters(30), graph_of(clusters(20)), seed=0)

    def test_threads_within_the_tsne_optimiser_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        vectors = clusters()
        graph = graph_of(vectors)
        alone = tsne(vectors, graph, seed=0, n_iter=20).xy
        monkeypatch.setattr(layouts, "_POINTS_PER_THREAD", 45)
        monkeypatch.setattr(layouts.threads, "n_threads", lambda: 2)
        np.testing.assert_array_equal(tsne(vectors, graph, seed=0, n_iter=20).xy, alone)


class TestPerplexity:
    def test_the_default_is_lowered_for_few_points_and_recorded(self) -> None:
        vectors = clusters(50)
        assert tsne(vectors, graph_of(vectors), seed=0, n_iter=10).parameters["perplexity"] == 16
        many = clusters(100)
        assert tsne(many, graph_of(many), seed=0, n_iter=10).parameters["perplexity"] == 30

    def test_one_that_was_asked_for_and_does_not_fit_is_refused_with_what_would_fit(self) -> None:
        vectors = clusters(50)
        with pytest.raises(
            TooFewPointsError, match=r"needs at least 61 points and there are 50.*at most 16.*--skip-tsne"
        ):
            tsne(vectors, graph_of(vectors), seed=0, perplexity=20)

    def test_one_below_one_is_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="at least 1"):
            tsne(clusters(50), graph_of(clusters(50)), seed=0, perplexity=0)

    def test_a_graph_too_narrow_for_it_is_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="30 nearest neighbours"):
            tsne(clusters(50), neighbor_graph(clusters(50), 20), seed=0, perplexity=10)


class TestUmapOptions:
    def test_the_default_neighbourhood_is_lowered_for_few_points_and_recorded(self) -> None:
        vectors = clusters(10)
        assert umap(vectors, graph_of(vectors), seed=0, n_epochs=5).parameters["n_neighbors"] == 10

    def test_one_that_does_not_fit_is_refused(self) -> None:
        vectors = clusters(20)
        with pytest.raises(TooFewPointsError, match=r"n_neighbors=30.*there are 20.*--skip-umap"):
            umap(vectors, graph_of(vectors), seed=0, n_neighbors=30)
        with pytest.raises(InvalidOptionError, match="at least 2"):
            umap(vectors, graph_of(vectors), seed=0, n_neighbors=1)
        with pytest.raises(InvalidOptionError, match="min_dist"):
            umap(vectors, graph_of(vectors), seed=0, min_dist=-0.1)
        with pytest.raises(InvalidOptionError, match="14 nearest neighbours"):
            umap(vectors, neighbor_graph(vectors, 5), seed=0)


FRESH = """
import hashlib, json, sys
import numpy as np
from embedscope.maps import graph_size, neighbor_graph, tsne, umap
rng = np.random.default_rng(0)
vectors = rng.normal(size=(400, 32)).astype(np.float32)
vectors[200:240] = vectors[:40]
graph = neighbor_graph(vectors, graph_size(400))
maps = [tsne(vectors, graph, seed=0), umap(vectors, graph, seed=0)]
digests = [hashlib.sha256(each.xy.tobytes()).hexdigest() for each in maps]
print(json.dumps(digests + [hashlib.sha256(graph.indices.tobytes()).hexdigest()]))
"""


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


LOADED = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from embedscope.maps import begin_maps, graph_size, neighbor_graph
submit, seen = ThreadPoolExecutor.submit, []
def noted(pool, *args, **kwargs):
    seen.append("numba" in sys.modules)
    return submit(pool, *args, **kwargs)
vectors = np.random.default_rng(0).normal(size=(60, 8))
graph = neighbor_graph(vectors, graph_size(60))
ThreadPoolExecutor.submit = noted
begin_maps(("tsne", "umap"), vectors, graph, seed=0).result()
print(seen)
"""


@pytest.mark.slow
def test_what_maps_need_is_loaded_before_the_first_thread_begins() -> None:
    """Two threads that load packages which need one another can meet one of them half loaded."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True)
    seen = run.stdout.split("[")[1].rstrip("]\n").split(", ")
    assert set(seen) == {"True"}
    assert len(seen) >= 2


@pytest.mark.slow
def test_fresh_processes_on_one_and_two_threads_draw_the_same_maps_and_say_nothing() -> None:
    seen = set()
    for n_threads in ("1", "2"):
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(variables, n_threads)}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        run = subprocess.run([sys.executable, "-c", FRESH], env=environment, capture_output=True, text=True, check=True)
        assert run.stderr == ""
        seen.add(tuple(json.loads(run.stdout)))
    assert len(seen) == 1


class TestSample:
    """Maps of more points than are fitted."""

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

    @both
    def test_the_map_says_how_many_points_it_was_fitted_on_and_places_the_others_among_them(self, name: str) -> None:
        vectors = clusters(240)
        graph = neighbor_graph(vectors, graph_size(240), seed=1, max_fitted=120)
        assert graph.sample is not None
        layout = DRAW[name](vectors, graph, seed=1)
        assert layout.n_fitted == 120
        assert layout.xy.shape == (240, 2)
        other = int(np.setdiff1d(np.arange(240), graph.sample.rows)[0])
        near = layout.xy[graph.indices[other, :10]].astype(np.float64)
        distances = np.linalg.norm(near[:, None] - near[None], axis=2)
        of_medoid = distances[distances.sum(axis=0).argmin()]
        np.testing.assert_allclose(layout.xy[other], near[np.argsort(of_medoid)[:5]].mean(axis=0), atol=1e-4)
        assert layout.trustworthiness > 0.85
        assert ((layout.kept >= 0) & (layout.kept <= 1)).all()
        alone = DRAW[name](vectors[graph.sample.rows], graph.sample.graph, seed=1)
        np.testing.assert_array_equal(layout.xy[graph.sample.rows], alone.xy)

    def test_a_point_between_two_parts_of_a_torn_neighbourhood_is_placed_in_the_larger(self) -> None:
        larger, smaller = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5], [0.4, 0.6]]), np.full((4, 2), 90.0)
        placed = around_medoid(np.concatenate([smaller, larger])[None])
        np.testing.assert_allclose(placed, [[0.5, 0.5]], atol=0.3)

    def test_positions_to_start_from_are_those_of_all_points(self) -> None:
        vectors = clusters(100)
        graph = neighbor_graph(vectors, 30, seed=1, max_fitted=60)
        start = np.random.default_rng(0).normal(size=(100, 2)) * 10
        moved = tsne(vectors, graph, seed=0, n_iter=1, start=start, perplexity=10)
        assert graph.sample is not None
        assert np.abs(moved.xy[graph.sample.rows] - start[graph.sample.rows]).max() < 6

    def test_strata_of_another_length_are_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="20 points and 3 strata"):
            neighbor_graph(clusters(20), 5, strata=np.zeros(3, dtype=np.int64))

    def test_quality_of_many_points_is_that_of_a_random_part_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(layouts, "MAX_QUALITY_POINTS", 60)
        vectors = clusters(90)
        parameters = DRAW["tsne"](vectors, graph_of(vectors), seed=1).parameters
        assert parameters["quality_points"] == 60
        assert parameters["quality_anchors"] == 60


class TestPendingMaps:
    def test_maps_that_are_laid_out_side_by_side_are_those_laid_out_alone(self) -> None:
        vectors = clusters(60)
        graph = graph_of(vectors)
        drawn = begin_maps(("tsne", "umap"), vectors, graph, seed=2).result()
        assert list(drawn) == ["tsne", "umap"]
        np.testing.assert_array_equal(drawn["tsne"].xy, tsne(vectors, graph, seed=2).xy)
        np.testing.assert_array_equal(drawn["umap"].xy, umap(vectors, graph, seed=2).xy)

    def test_too_few_points_are_refused_when_the_maps_are_asked_for(self) -> None:
        seven = clusters(7)
        with pytest.raises(TooFewPointsError, match="at least 8 points"):
            begin_maps(("tsne",), seven, graph_of(seven), seed=0).result()


DROPPED = """
import gc
import numpy as np
from embedscope.maps import begin_maps, graph_size, neighbor_graph
from threadpoolctl import threadpool_info
def threads():
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas" and p["threading_layer"] != "openmp"}
vectors = np.random.default_rng(0).normal(size=(60, 8))
graph = neighbor_graph(vectors, graph_size(60))
before = threads()
maps = begin_maps(("tsne",), vectors, graph, seed=0)
assert threads() == {1}
maps.result()
assert threads() == before
maps = begin_maps(("tsne",), vectors, graph, seed=0)
del maps
gc.collect()
assert threads() == before
maps = begin_maps(("tsne",), vectors, graph, seed=0)  # and nobody asks for the result
"""


def test_products_keep_to_one_thread_until_maps_are_asked_for_or_dropped() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", DROPPED], env=environment, capture_output=True, text=True, check=True)
    assert run.stderr == ""
