"""A shard folder gives the figures of the same vectors in memory, and stays below the memory it was given."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.planted import Heard, analyse
from tests.support.scene import write_rows, write_vectors

from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.models.embed import Embeddings
from embedscope.models.precomputed import load_precomputed
from embedscope.output.run_folder import sha256_of
from embedscope.result import Result
from embedscope.scale.corpus import NO_LEXICAL, result_of_shards
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_writer import write_shards, writing_shards
from embedscope.settings import Settings

SETTINGS = Settings.of(draws=200, skip_tsne=True, skip_umap=True, lexical=False)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Result]:
    """Findings of the same data set and vectors: from memory, and from a shard folder."""
    place = tmp_path_factory.mktemp("corpus")
    data = write_rows(place / "test.json", 60)
    collection = read_collection(data)
    embeddings = load_precomputed(write_vectors(place / "v.npz", data, 0.6), collection)
    write_folder(place / "shards", collection, embeddings)
    in_memory = analyse(collection, embeddings, settings=SETTINGS)
    return in_memory, result_of_shards(ShardFolder(place / "shards"), SETTINGS)


def write_folder(where: Path, collection: Collection, embeddings: Embeddings) -> None:
    with writing_shards(where, rows_per_shard=17) as writer:
        writer.queries.add(embeddings.queries, collection.query_ids, collection.queries)
        writer.documents.add(embeddings.documents, collection.document_ids, collection.documents)
        owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
        writer.judge(owners, collection.relevant, collection.gains)
        writer.oppose(collection.negatives)


def test_metrics_with_intervals_are_those_in_memory(both: tuple[Result, Result]) -> None:
    in_memory, on_disk = both
    assert on_disk.metrics == in_memory.metrics


def test_similarity_figures_are_those_in_memory(both: tuple[Result, Result]) -> None:
    in_memory, on_disk = (found.similarity for found in both)
    for name in ("positive", "negative", "hard_negative"):
        a, b = getattr(in_memory, name), getattr(on_disk, name)
        assert a.n == b.n
        np.testing.assert_allclose([a.mean, a.std], [b.mean, b.std], rtol=1e-12)
    for name in ("margin", "separation", "auc", "overlap", "d_prime", "diagonal", "off_diagonal"):
        a, b = getattr(in_memory, name), getattr(on_disk, name)
        for end in ("value", "low", "high"):
            expected = getattr(a, end)
            assert getattr(b, end) == (None if expected is None else pytest.approx(expected, rel=1e-9)), name


def test_hard_negatives_by_type_are_those_in_memory(both: tuple[Result, Result]) -> None:
    in_memory, on_disk = both
    assert in_memory.negative_types
    for name, expected in in_memory.negative_types.items():
        assert on_disk.negative_types[name].violation_rate == expected.violation_rate


def test_the_tables_name_the_same_documents_by_id_and_text(both: tuple[Result, Result]) -> None:
    lists = [
        [[(found.documents.ids[d], found.documents.texts[d]) for d in row] for row in found.queries.top_documents]
        for found in both
    ]
    assert lists[0] == lists[1]
    wrong = [[found.documents.ids[d] for d in found.queries.wrong_document] for found in both]
    assert wrong[0] == wrong[1]
    assert both[0].queries.wrong_type == both[1].queries.wrong_type
    assert [e.query for e in both[0].examples] == [e.query for e in both[1].examples]


def test_the_lexical_baseline_is_absent_with_its_reason(both: tuple[Result, Result]) -> None:
    _, on_disk = both
    assert on_disk.data.warnings == (NO_LEXICAL,)
    assert all(metric.lexical is None for metric in on_disk.metrics.values())


def test_a_corpus_without_names_is_shown_by_row_numbers(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    documents = generator.normal(size=(40, 8))
    folder = write_shards(tmp_path / "s", documents[:5], documents, [[i] for i in range(5)])
    found = result_of_shards(folder, SETTINGS)
    assert found.queries.ids == ("q0", "q1", "q2", "q3", "q4")
    assert found.documents.ids[found.queries.top_documents[3, 0]] == "d3"
    assert found.metrics["Success@1"].value == 1.0


def test_queries_without_a_relevant_document_are_left_out_and_counted(tmp_path: Path) -> None:
    documents = np.random.default_rng(0).normal(size=(40, 8))
    folder = write_shards(tmp_path / "s", documents[:3], documents, [[0], [], [2]])
    found = result_of_shards(folder, SETTINGS)
    assert (found.data.n_queries, found.data.n_queries_without_relevant) == (2, 1)
    assert found.queries.ids == ("q0", "q2")
    lonely = write_shards(tmp_path / "t", documents[:3], documents, [[0], [], []])
    with pytest.raises(TooFewPointsError, match="at least 2"):
        result_of_shards(lonely, SETTINGS)


def test_less_memory_than_the_smallest_plan_is_refused_before_any_work(tmp_path: Path) -> None:
    documents = np.random.default_rng(0).normal(size=(40, 8))
    folder = write_shards(tmp_path / "s", documents[:5], documents, [[i] for i in range(5)])
    heard = Heard()
    with pytest.raises(InvalidOptionError, match="too little"):
        result_of_shards(folder, SETTINGS, memory=100_000_000, log=heard)
    assert heard.steps == []


UNDER_A_LIMIT = """
import resource, sys
from embedscope.scale.corpus import result_of_shards
from embedscope.settings import Settings
from embedscope.scale.shard_folder import ShardFolder
memory, kind, limit = int(sys.argv[2]), getattr(resource, sys.argv[3]), int(sys.argv[4])
resource.setrlimit(kind, (limit, limit))
found = result_of_shards(ShardFolder(sys.argv[1]), Settings.of(draws=100), memory=memory)
# Not ru_maxrss: a child inherits there what the process that started it held.
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(found.metrics["Success@1"].value, peak * 1024)
"""

LITTLE_ADDRESS_SPACE = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Without these, pools and threads reserve gigabytes of addresses that they never touch (docs/scale.md)."""


def run_under_a_limit(folder: Path, memory: int, kind: str, limit: int) -> tuple[float, int]:
    """Success@1 and the peak resident bytes of an evaluation in a process of its own, under a limit of the kernel."""
    words = [sys.executable, "-c", UNDER_A_LIMIT, str(folder), str(memory), kind, str(limit)]
    environment = {**os.environ, **(LITTLE_ADDRESS_SPACE if kind == "RLIMIT_AS" else {})}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    success, peak = done.stdout.split()
    return float(success), int(peak)


MEMORY = 640_000_000


@pytest.fixture(scope="module")
def large_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 GB of vectors: more than the limits of the tests below."""
    n, dim = 600_000, 512
    generator = np.random.default_rng(0)
    first, noise = (generator.standard_normal((1000, dim), dtype=np.float32) for _ in range(2))
    blocks = itertools.chain([first], itertools.repeat(noise, n // 1000 - 1))
    where = tmp_path_factory.mktemp("large") / "shards"
    write_shards(where, first[:20], blocks, [[i] for i in range(20)])
    return where


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts private memory on Linux only")
@pytest.mark.parametrize(("kind", "limit"), [("RLIMIT_DATA", MEMORY), ("RLIMIT_AS", 1_100_000_000)])
def test_a_corpus_larger_than_its_memory_is_evaluated_under_a_hard_limit(
    kind: str, limit: int, large_corpus: Path
) -> None:
    """The process would die if it held the corpus."""
    success, peak = run_under_a_limit(large_corpus, MEMORY, kind, limit)
    assert success == 1.0
    assert peak < MEMORY < limit + 1 < sum(file.stat().st_size for file in (large_corpus / "documents").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts private memory on Linux only")
@pytest.mark.parametrize("program", ["ours", "another"])
def test_the_bound_holds_for_texts_longer_than_anybody_reads(program: str, tmp_path: Path) -> None:
    """16,384 documents of 40 kB: 655 MB of texts, of which a run shows the beginnings of some hundred."""
    n, generator = 16_384, np.random.default_rng(0)
    rows = generator.normal(size=(n, 16)).astype(np.float32)
    texts = [f"{i} " + "x" * 40_000 for i in range(64)]
    with writing_shards(tmp_path / "s") as writer:
        writer.queries.add(rows[:50], [str(i) for i in range(50)])
        for start in range(0, n, 64):
            writer.documents.add(rows[start : start + 64], [str(start + i) for i in range(64)], texts)
        writer.judge(np.arange(50), np.arange(50))
    if program == "another":
        rewrite_names_in_one_group(tmp_path / "s")
    success, peak = run_under_a_limit(tmp_path / "s", 600 << 20, "RLIMIT_DATA", 600 << 20)
    assert success == 1.0
    assert peak < 600 << 20


def rewrite_names_in_one_group(folder: Path) -> None:
    """As a program would that does not bound its row groups, in a manifest that does not say how long texts are."""
    import pyarrow.parquet as pq

    file = folder / "documents" / "00000.parquet"
    pq.write_table(pq.read_table(file), file, compression="zstd", row_group_size=1 << 20)
    manifest = json.loads((folder / "manifest.json").read_text())
    names = manifest["documents"][0]["names"]
    names |= {"bytes": file.stat().st_size, "sha256": sha256_of(file), "longest": None}
    (folder / "manifest.json").write_text(json.dumps(manifest))
