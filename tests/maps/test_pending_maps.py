"""Maps that are laid out side by side and beside what else there is to do."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from tests.support.clustered_points import clusters, graph_of

from embedscope.errors import TooFewPointsError
from embedscope.maps import begin_maps, tsne, umap

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


def test_maps_that_are_laid_out_side_by_side_are_those_laid_out_alone() -> None:
    vectors = clusters(60)
    graph = graph_of(vectors)
    drawn = begin_maps(("tsne", "umap"), vectors, graph, seed=2).result()
    assert list(drawn) == ["tsne", "umap"]
    np.testing.assert_array_equal(drawn["tsne"].xy, tsne(vectors, graph, seed=2).xy)
    np.testing.assert_array_equal(drawn["umap"].xy, umap(vectors, graph, seed=2).xy)


def test_too_few_points_are_refused_when_the_maps_are_asked_for() -> None:
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
