"""The same pass on Ray: the numbers of one process to the last bit, also when a worker dies in the middle."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.ray_workers import cluster as cluster
from tests.support.ray_workers import one_worker_killed

from embedscope.cli.main import main
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import score_pairs
from embedscope.scale.corpus import result_of_shards
from embedscope.scale.ray_engine import RayEngine
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import PartialScores, ShardTask, score_shards
from embedscope.scale.shard_writer import write_shards, writing_shards
from embedscope.settings import Settings

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""Ray and what it starts warn about their own future; that is not ours to fix."""

N_QUERIES, N_DOCUMENTS, DIM = 300, 6000, 32


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
    with pytest.raises(DataFormatError, match=r"^[^\n]*00001\.npy[^\n]*SHA-256[^\n]*$"):
        RayEngine()(folder, task)


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
