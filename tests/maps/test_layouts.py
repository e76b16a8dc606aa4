"""The two maps: degenerate spaces, options, points that are not fitted, fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.support.clustered_points import clusters, graph_of

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.maps import graph_size, layouts, neighbor_graph, tsne, umap, undrawable
from embedscope.result import MapLayout

DRAW = {"tsne": lambda v, g, **k: tsne(v, g, n_iter=60, **k), "umap": lambda v, g, **k: umap(v, g, n_epochs=20, **k)}
both = pytest.mark.parametrize("name", ["tsne", "umap"])


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

    def test_a_graph_too_narrow_for_it_is_refused(self) -> None:
        vectors = clusters(20)
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

    def test_positions_to_start_from_are_those_of_all_points(self) -> None:
        vectors = clusters(100)
        graph = neighbor_graph(vectors, 30, seed=1, max_fitted=60)
        start = np.random.default_rng(0).normal(size=(100, 2)) * 10
        moved = tsne(vectors, graph, seed=0, n_iter=1, start=start, perplexity=10)
        assert graph.sample is not None
        assert np.abs(moved.xy[graph.sample.rows] - start[graph.sample.rows]).max() < 6

    def test_quality_of_many_points_is_that_of_a_random_part_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(layouts, "MAX_QUALITY_POINTS", 60)
        vectors = clusters(90)
        parameters = DRAW["tsne"](vectors, graph_of(vectors), seed=1).parameters
        assert parameters["quality_points"] == 60
        assert parameters["quality_anchors"] == 60


def test_too_few_points_and_equal_vectors_have_no_map() -> None:
    rows = np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32)
    assert undrawable(rows) is None
    assert undrawable(rows[:7]) == "there are 7 points, and a map needs 8"
    assert undrawable(np.repeat(rows[:1], 20, axis=0)) == "every text has the same vector"
