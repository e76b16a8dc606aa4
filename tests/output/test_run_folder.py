"""What a run writes appears complete or not at all, and says how it was made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope import __version__
from embedscope.errors import InputError, OutputError
from embedscope.output.arrow_columns import Ragged
from embedscope.output.run_folder import (
    check_writable,
    manifest,
    sha256_of,
    staged_output,
    write_json,
    write_parquet,
    write_text,
)


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", ["out", "a/b/out"])
def test_files_appear_when_the_block_ends_and_not_before(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with staged_output(target) as staging:
        (staging / "one.txt").write_text("1")
        (staging / "sub").mkdir()
        (staging / "sub" / "two.txt").write_text("2")
        assert not target.exists()
    assert contents(target) == {"one.txt": "1", "sub/two.txt": "2"}
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_foreign_files_stay_and_files_of_the_same_name_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "one.txt").write_text("old")
    with staged_output(tmp_path) as staging:
        (staging / "one.txt").write_text("new")
        assert (tmp_path / "one.txt").read_text() == "old"
    assert contents(tmp_path) == {"mine.txt": "mine", "one.txt": "new"}
    assert len(list(tmp_path.iterdir())) == 2


def fill_and_raise(target: Path, error: type[BaseException]) -> None:
    with staged_output(target) as staging:
        (staging / "one.txt").write_text("half")
        raise error


def fill(target: Path, *names: str) -> None:
    with staged_output(target) as staging:
        for name in names:
            (staging / name).write_text(name)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_target_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "one.txt").write_text("old")
    with pytest.raises(error):
        fill_and_raise(target, error)
    assert contents(tmp_path) == {"out/one.txt": "old"}
    assert [p.name for p in target.iterdir()] == ["one.txt"]


def test_an_exception_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_output(tmp_path / "a" / "b"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_empty_run_makes_an_empty_folder(tmp_path: Path) -> None:
    with staged_output(tmp_path / "out"):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_in_the_way_of_a_file_stops_the_move_before_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "z.txt").mkdir()
    with pytest.raises(OutputError, match=r"z\.txt is a folder"):
        fill(tmp_path, "a.txt", "z.txt")
    assert contents(tmp_path) == {}


def test_a_relative_folder_and_the_current_folder_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for target in ("out", ".", Path("out") / "deeper"):
        with staged_output(target) as staging:
            (staging / "one.txt").write_text("1")
    assert contents(tmp_path) == {"one.txt": "1", "out/deeper/one.txt": "1", "out/one.txt": "1"}


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with staged_output(tmp_path / "link") as staging:
        (staging / "one.txt").write_text("1")
    assert contents(tmp_path / "real") == {"one.txt": "1"}


def test_what_cannot_be_written_is_refused_before_work_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    for target in ("file", "file/below", "broken"):
        with pytest.raises(OutputError, match=r"is a file|cannot be"):
            check_writable(tmp_path / target)
    with pytest.raises(OutputError, match=r"report\.html is a folder"):
        check_writable(tmp_path / "out", ["report.json", "report.html"])
    with pytest.raises(OutputError, match="File name too long"):
        check_writable(tmp_path / ("x" * 5000))
    check_writable(tmp_path / "new" / "deep", ["report.html"])
    assert not (tmp_path / "new").exists()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # chmod would not stop a root user
    with pytest.raises(OutputError, match=r"cannot be written \(Permission denied\).*--output"):
        check_writable(tmp_path / "out")


def test_a_move_that_fails_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(OutputError, match="No space left"):
        fill(tmp_path / "out", "a.txt")
    with pytest.raises(OutputError, match="No space left"):
        write_json(tmp_path / "a.json", {})
    assert contents(tmp_path) == {}


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc" * 100_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_the_hash_of_a_folder_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, str]) -> Path:
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
        return tmp_path / name

    original = sha256_of(folder("one", {"a": "1", "sub/b": "2"}))
    assert sha256_of(folder("two", {"sub/b": "2", "a": "1"})) == original
    assert sha256_of(folder("three", {"a": "1", "b": "2"})) != original
    assert sha256_of(folder("four", {"a": "1", "sub/b": "3"})) != original
    with pytest.raises(InputError, match="cannot be read"):
        sha256_of(tmp_path / "none")


def test_json_keeps_order_and_letters_and_takes_numpy_values(tmp_path: Path) -> None:
    payload = {
        "z": np.float32(0.5),
        "a": np.arange(2),
        "name": "phòng",
        "path": Path("x"),
        "n": np.int64(3),
        "b": np.bool_(True),
    }
    write_json(tmp_path / "a.json", payload)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"z": 0.5, "a": [0, 1], "name": "phòng", "path": "x", "n": 3, "b": True}
    assert list(json.loads(text)) == list(payload)
    assert "phòng" in text


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), np.array([np.nan])])
def test_json_refuses_what_json_does_not_have(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": value})
    with pytest.raises(TypeError, match="set has no JSON form"):
        write_json(tmp_path / "a.json", {"x": {1}})
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_is_not_utf8_can_be_written_into_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.json")
    write_json(tmp_path / "a.json", {"data": name})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"data": name}


def test_parquet_takes_plain_list_and_struct_columns(tmp_path: Path) -> None:
    columns = {
        "id": np.arange(3),
        "text": ("a", "phòng", None),
        "rank": np.array([1.0, np.nan, 2.5]),
        "top_ids": np.arange(6).reshape(3, 2),
        "scores": Ragged(np.array([0, 0, 2, 3]), np.array([0.5, 0.25, 1.0], dtype=np.float32)),
        "types": [("x", "y"), (), ("z",)],
        "neighbors": {
            "ids": np.array([[1, 2], [0, 2], [0, 1]]),
            "distances": np.zeros((3, 2), dtype=np.float32),
        },
    }
    write_parquet(tmp_path / "p.parquet", columns)
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.column_names == list(columns)
    assert table.schema.field("top_ids").type == pa.list_(pa.int64())
    neighbors = table.schema.field("neighbors").type
    assert neighbors.field("ids").type == pa.list_(pa.int64())
    assert neighbors.field("distances").type == pa.list_(pa.float32())
    rows = table.to_pylist()
    assert [row["rank"] for row in rows] == [1.0, None, 2.5]
    assert [row["scores"] for row in rows] == [[], [0.5, 0.25], [1.0]]
    assert [row["types"] for row in rows] == [["x", "y"], [], ["z"]]
    assert rows[1]["neighbors"] == {"ids": [0, 2], "distances": [0.0, 0.0]}
    assert rows[1]["text"] == "phòng"


def test_parquet_columns_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="columns of one length"):
        write_parquet(tmp_path / "p.parquet", {"a": [1], "b": [1, 2]})
    assert list(tmp_path.iterdir()) == []


def test_parquet_below_a_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_parquet(tmp_path / "file" / "p.parquet", {"a": [1]})


def test_a_manifest_says_what_is_needed_to_repeat_the_run(tmp_path: Path) -> None:
    data = tmp_path / "d.json"
    data.write_text("[]")
    record = manifest(
        inputs={"data": data, "checkpoint": "organisation/model", "baseline": None},
        options={"batch_size": 32, "output": Path("out")},
        seed=7,
        elapsed_s=1.23456,
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    assert record["inputs"] == {
        "data": {"path": str(data), "sha256": hashlib.sha256(b"[]").hexdigest()},
        "checkpoint": {"path": "organisation/model", "sha256": None},
    }
    assert record["created_at"] == "2026-01-02T03:04:05+00:00"
    assert (record["seed"], record["elapsed_s"], record["embedscope_version"]) == (7, 1.235, __version__)
    versions = record["versions"]
    assert isinstance(versions, dict)
    assert versions["numpy"] == importlib.metadata.version("numpy")
    write_json(tmp_path / "manifest.json", record)
    assert json.loads((tmp_path / "manifest.json").read_text())["options"] == {"batch_size": 32, "output": "out"}


def test_a_name_that_is_not_utf8_is_written_out(tmp_path: Path) -> None:
    write_text(tmp_path / "file.md", "na\udcffme")
    assert (tmp_path / "file.md").read_text(encoding="utf-8") == "na\\udcffme"
