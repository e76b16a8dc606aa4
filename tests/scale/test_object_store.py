"""Shard folders in an S3 store on this machine: those of a disk, also for a cluster, and whole or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.support.object_store import ObjectStore, object_store
from tests.support.scene import run, write_rows, write_vectors

from embedscope.errors import InputError, OutputError
from embedscope.scale.remote_storage import open_place
from embedscope.scale.shard_folder import ShardFolder, is_shard_folder
from embedscope.scale.shard_writer import write_shards

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""moto, botocore and Ray warn about their own future; that is not ours to fix."""

DRAWS = ("--draws", "200", "--examples", "1")


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as found:
        yield found


@pytest.fixture
def source(tmp_path: Path) -> list[str]:
    data = write_rows(tmp_path / "test.json", 50)
    vectors = write_vectors(tmp_path / "vectors.npz", data, 0.6)
    return ["shard", "--data", str(data), "--embeddings", str(vectors), "--shard-rows", "30", "--quiet"]


def figures(capsys: pytest.CaptureFixture[str], where: str, *more: str) -> dict:
    done = run(capsys, "evaluate", "--embeddings", where, "--json", *DRAWS, *more)
    assert done.status == 0, done.err
    report = json.loads(done.out)
    return {name: report[name] for name in ("metrics", "similarity", "negative_types", "checklist", "verdict")}


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_folder_in_s3_has_the_files_and_the_figures_of_one_on_disk(
    engine: str, store: ObjectStore, source: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    place = store.uri(f"bucket/{engine}/shards/")
    for where in (place, str(tmp_path / "shards")):
        assert run(capsys, *source, "--output", where).status == 0
    assert ShardFolder(place).digest == ShardFolder(tmp_path / "shards").digest
    names = {path.removeprefix(f"bucket/{engine}/shards/") for path in store.files(f"bucket/{engine}")}
    on_disk = tmp_path / "shards"
    assert names == {file.relative_to(on_disk).as_posix() for file in on_disk.rglob("*") if file.is_file()}
    assert figures(capsys, place, "--engine", engine) == figures(capsys, str(on_disk))


def test_parquet_datasets_in_s3_are_read_and_written_as_on_disk(
    store: ObjectStore, source: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, *source, "--output", tmp_path / "first", "--parquet", store.uri("bucket/sets"))
    assert done.status == 0, done.err
    sides = ("queries", "documents", "judgments")
    named = [word for side in sides for word in (f"--{side}", store.uri(f"bucket/sets/{side}"))]
    done = run(capsys, "shard", *named, "--output", store.uri("bucket/again"))
    assert done.status == 0, done.err
    first, again = ShardFolder(tmp_path / "first"), ShardFolder(store.uri("bucket/again"))
    np.testing.assert_allclose(again.documents.everything(), first.documents.everything(), atol=1e-6)
    with open_place(store.uri("bucket/sets/documents")).open_input_file("part-00000.parquet") as file:
        assert pq.read_table(file).num_rows == first.documents.n_rows


def test_a_put_that_is_refused_in_the_middle_leaves_no_folder_and_no_file(
    store: ObjectStore, source: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = store.uri("bucket/half/shards")
    store.n_puts_left = 6
    try:
        done = run(capsys, *source, "--output", place)
        assert store.n_puts_left == 0
    finally:
        store.n_puts_left = None
    assert (done.status, "Traceback" in done.err) == (2, False)
    assert done.err.count("\n") == 1
    assert "cannot be written" in done.err
    assert "credentials" in done.err
    assert (is_shard_folder(place), store.files("bucket/half")) == (False, [])


@pytest.mark.parametrize(
    ("bucket", "key", "said"),
    [("nowhere", None, "Bucket 'nowhere' not found"), ("bucket", "stranger", "ACCESS_DENIED")],
)
def test_a_wrong_bucket_or_key_is_told_in_one_message_as_a_folder_is_written(
    bucket: str,
    key: str | None,
    said: str,
    store: ObjectStore,
    source: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if key is not None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    done = run(capsys, *source, "--output", store.uri(f"{bucket}/new"))
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert said in done.err


@pytest.mark.parametrize(
    ("bucket", "key", "said"),
    [("nowhere", None, "a bucket that does not exist"), ("bucket", "stranger", "ACCESS_DENIED")],
)
def test_a_wrong_bucket_or_key_is_told_in_one_message_as_a_folder_is_read(
    bucket: str,
    key: str | None,
    said: str,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if key is not None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    done = run(capsys, "evaluate", "--embeddings", store.uri(f"{bucket}/new"), *DRAWS)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert said in done.err


@pytest.mark.parametrize(
    "place", ["s3://key:hunter2@bucket/x", "s3://bucket/x?session_token=hunter2", "abfss://:hunter2@account/x"]
)
def test_a_secret_in_a_place_is_refused_and_said_nowhere(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "evaluate", "--embeddings", place, *DRAWS)
    assert (done.status, "AWS_ACCESS_KEY_ID" in done.err, "hunter2" in done.err) == (2, True, False)
    with pytest.raises(InputError, match="environment"):
        write_shards(place, np.eye(2), np.eye(2), [[0], [1]])


def test_a_folder_that_is_there_is_not_written_over(store: ObjectStore) -> None:
    arrays = np.eye(3), np.eye(3), [[0], [1], [2]]
    write_shards(store.uri("bucket/there"), *arrays)
    before = store.files("bucket/there")
    with pytest.raises(OutputError, match="must not mix"):
        write_shards(store.uri("bucket/there"), *arrays)
    assert store.files("bucket/there") == before
