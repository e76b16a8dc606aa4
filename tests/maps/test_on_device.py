"""Maps laid out by TorchDR: as faithful as our own, the same with the same seed, and never in the way of a run."""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from embedscope.errors import InvalidOptionError, MissingExtraError
from embedscope.maps import NeighborGraph, begin_maps, graph_size, neighbor_graph, on_device, tsne, umap
from embedscope.maps.on_device import DeviceMapError
from embedscope.result import MapLayout

torch = pytest.importorskip("torch")
pytest.importorskip("torchdr")
pytest.importorskip("numba")

DRAW: dict[str, Callable[..., MapLayout]] = {"tsne": tsne, "umap": umap}
both = pytest.mark.parametrize("name", ["tsne", "umap"])


def clusters(n: int, n_clusters: int = 6, dim: int = 24, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_clusters, dim)) * 1.5
    vectors = centres[np.arange(n) % n_clusters] + rng.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def graph_of(vectors: np.ndarray, **options: int) -> NeighborGraph:
    return neighbor_graph(vectors, graph_size(len(vectors)), **options)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads wait for one another on maps as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


VECTORS = clusters(240)
GRAPH = graph_of(VECTORS)


def compare_with_ours(name: str, device: str) -> None:
    ours, theirs = (DRAW[name](VECTORS, GRAPH, seed=1, **on) for on in ({}, {"device": device}))
    assert abs(theirs.trustworthiness - ours.trustworthiness) < 0.02
    assert abs(theirs.continuity - ours.continuity) < 0.02
    assert np.abs(np.log(np.std(theirs.xy) / np.std(ours.xy))) < np.log(2)  # the scales agree


def compare_with_itself(name: str, device: str) -> None:
    first, again, other = (quick(name, device=device, seed=seed).xy for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@both
def test_a_map_by_torchdr_is_as_faithful_as_our_own(name: str) -> None:
    compare_with_ours(name, "cpu")


@both
def test_the_same_seed_gives_the_same_map_and_another_seed_another(name: str) -> None:
    compare_with_itself(name, "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@both
def test_a_map_on_a_cuda_device_is_as_faithful_as_our_own_and_the_same_on_every_run(name: str) -> None:
    compare_with_ours(name, "cuda")
    compare_with_itself(name, "cuda")


@both
def test_the_parameters_say_what_laid_the_map_out_and_where(name: str) -> None:
    drawn = quick(name)
    assert str(drawn.parameters["library"]).startswith("torchdr 0.")
    assert (drawn.parameters["device"], drawn.parameters["seed"], drawn.parameters["init"]) == ("cpu", 1, "pca")
    assert "library" not in quick(name, device=None).parameters


def quick(
    name: str, vectors: np.ndarray = VECTORS, graph: NeighborGraph = GRAPH, device: str | None = "cpu", seed: int = 1
) -> MapLayout:
    steps = {"tsne": {"n_iter": 30}, "umap": {"n_epochs": 20}}[name]
    return DRAW[name](vectors, graph, seed=seed, device=device, **steps)


@both
def test_settings_and_random_states_of_the_program_around_come_back_and_nothing_is_said(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the state that TorchDR would seed anew

    def state() -> tuple[object, ...]:
        return (
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.benchmark,
            dict(os.environ),
            list(warnings.filters),
            [logging.getLogger(each).disabled for each in ("TSNE", "UMAP", "EntropicAffinity", "UMAPAffinity")],
        )

    quick(name)
    before = state()
    quick(name)
    assert state() == before
    assert capfd.readouterr() == ("", "")


@both
def test_above_the_limit_the_sample_is_fitted_and_the_others_are_placed_among_it(name: str) -> None:
    graph = graph_of(VECTORS, seed=1, max_fitted=120)
    assert graph.sample is not None
    drawn = quick(name, VECTORS, graph)
    assert drawn.n_fitted == 120
    assert drawn.xy.shape == (240, 2)
    alone = quick(name, VECTORS[graph.sample.rows], graph.sample.graph)
    np.testing.assert_array_equal(drawn.xy[graph.sample.rows], alone.xy)


@both
def test_equal_rows_are_points_of_their_own(name: str) -> None:
    vectors = np.repeat(clusters(20), 6, axis=0)
    xy = quick(name, vectors, graph_of(vectors)).xy
    assert np.isfinite(xy).all()
    assert len(np.unique(xy, axis=0)) > len(xy) // 2


@both
def test_positions_to_start_from_are_for_the_processor(name: str) -> None:
    with pytest.raises(InvalidOptionError, match="leave device out"):
        DRAW[name](VECTORS, GRAPH, seed=0, start=np.zeros((240, 2)), device="cpu")


def test_tsne_whose_pairs_do_not_fit_is_refused_with_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "_free_bytes", lambda device: 1 << 20)
    with pytest.raises(DeviceMapError, match=r"pairs of 240 points take .* GiB there and 0\.0 GiB are free"):
        quick("tsne")
    assert quick("umap").xy.shape == (240, 2)


def test_the_memory_of_tsne_is_what_its_pairs_are_reckoned_to_take() -> None:
    n = 500
    vectors = clusters(n)
    graph = graph_of(vectors)
    with torch.profiler.profile(profile_memory=True) as profile:
        DRAW["tsne"](vectors, graph, seed=0, n_iter=1, device="cpu")
    changes = sorted(
        (e.start_ns(), e.nbytes()) for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"
    )
    peak = np.cumsum([size for _, size in changes]).max()
    assert 0.5 < peak / (n * n * on_device._TSNE_BYTES_OF_PAIR) < 1.1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "memory does not suffice"),
        (ValueError("NaNs in the embeddings\nat iter 3"), "TorchDR gave up: NaNs in the embeddings$"),
    ],
)
def test_a_failure_of_torchdr_is_one_error_with_its_reason(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchdr

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torchdr.UMAP, "fit_transform", fail)
    with pytest.raises(DeviceMapError, match=reason):
        quick("umap")


def test_a_torchdr_that_searches_its_own_neighbours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchdr

    monkeypatch.setattr(torchdr.UMAP, "fit_transform", lambda self, rows: torch.zeros((len(rows), 2)))
    with pytest.raises(DeviceMapError, match="does not take the neighbours"):
        quick("umap")


class TestWhoLaysOut:
    """Which maps of a run go to the device."""

    @pytest.fixture
    def said(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        monkeypatch.setattr(on_device, "MIN_POINTS_ON_DEVICE", 100)
        monkeypatch.setattr(on_device, "accelerator", {"auto": "cuda", "mps": "mps", "cpu": None}.__getitem__)
        return []

    def test_a_cuda_device_is_taken_for_many_points_where_torchdr_is_installed(self, said: list[str]) -> None:
        assert on_device.device_for_maps("auto", 100, said.append) == "cuda"
        assert on_device.device_for_maps("auto", 99, said.append) is None
        assert on_device.device_for_maps("mps", 100, said.append) is None
        assert on_device.device_for_maps("cpu", 100, said.append) is None
        assert said == []

    def test_without_torchdr_the_processor_lays_out_and_the_extra_is_named_once(
        self, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "torchdr", None)
        drawn, _ = begin_maps(("tsne",), VECTORS, GRAPH, seed=0, device="auto", say=said.append).wait()
        assert "library" not in drawn["tsne"].parameters
        assert len(said) == 1
        assert "embedscope[gpu-maps]" in said[0]
        with pytest.raises(MissingExtraError, match="gpu-maps"):
            quick("tsne")

    def test_what_does_not_fit_on_the_device_is_laid_out_by_the_processor_and_said(
        self, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(on_device, "accelerator", lambda name: "cuda")
        monkeypatch.setattr(on_device, "_free_bytes", lambda device: 1 << 20)
        drawn, _ = begin_maps(("tsne",), VECTORS, GRAPH, seed=2, device="auto", say=said.append).wait()
        np.testing.assert_array_equal(drawn["tsne"].xy, tsne(VECTORS, GRAPH, seed=2).xy)
        assert len(said) == 1
        assert said[0].startswith("t-SNE is laid out on the processor, not on 'cuda': the pairs of 240 points")

    def test_what_torchdr_cannot_lay_out_is_laid_out_by_the_processor_and_said(
        self, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from embedscope.maps import layout_jobs as together

        monkeypatch.setattr(together, "device_for_maps", lambda name, n, say: "cpu")
        collapsed = np.ones((40, 6), dtype=np.float32)
        drawn, _ = begin_maps(("tsne",), collapsed, graph_of(collapsed), seed=0, say=said.append).wait()
        assert np.isfinite(drawn["tsne"].xy).all()
        assert "library" not in drawn["tsne"].parameters
        assert len(said) == 1
        assert "NaNs in the embeddings" in said[0]

    def test_maps_begun_on_a_device_are_those_laid_out_there_alone(
        self, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from embedscope.maps import layout_jobs as together

        monkeypatch.setattr(together, "device_for_maps", lambda name, n, say: "cpu")
        drawn, absent = begin_maps(("tsne", "umap"), VECTORS, GRAPH, seed=2, say=said.append).wait()
        assert (absent, said) == ({}, [])
        for name, made in drawn.items():
            np.testing.assert_array_equal(made.xy, DRAW[name](VECTORS, GRAPH, seed=2, device="cpu").xy)
