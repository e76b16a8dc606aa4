"""Parquet and Arrow files come from a child process as they are, or are refused with what was passed."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from embedscope.errors import DataFormatError
from embedscope.untrusted import child_process, decoding, limits
from embedscope.untrusted.arrow_tables import open_table


def table_of(path: Path) -> pa.Table:
    with open_table(path) as table:
        return table.columns(table.schema.names)


def script(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Parquet file, and a child that runs ``program`` in place of decoding it."""
    (folder / "child.py").write_text(program)
    monkeypatch.setattr(decoding, "__file__", str(folder / "child.py"))
    pq.write_table(pa.table({"text": ["a"]}), folder / "rows.parquet")
    return folder / "rows.parquet"


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array([["a"], ["b", "a"], None], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        pa.array(["a", None, "a long text of more than twelve bytes"], pa.string_view()),
        pc.run_end_encode(pa.array(["a", "a", "b"])),
        pa.array([{"x": "a"}, None, {"x": "b"}], pa.struct([("x", pa.dictionary(pa.int8(), pa.string()))])),
        pa.array([[1.5], [2.5], [3.5]], pa.list_(pa.float32(), 1)),
        pa.array([[("k", "v")], None, []], pa.map_(pa.string(), pa.string())),
        pa.nulls(3),
    ],
    ids=lambda column: str(column.type).replace(" ", ""),
)
def test_values_are_those_that_were_written(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("value", column.type)])) as writer:
        writer.write_table(pa.table({"value": column}))
    assert table_of(path).column("value").to_pylist() == column.to_pylist()


def test_columns_are_read_in_turn_and_alone(tmp_path: Path) -> None:
    whole = pa.table({"id": [f"d{i}" for i in range(20_000)], "text": ["a"] * 20_000, "gain": list(range(20_000))})
    for path, write in ((tmp_path / "a.parquet", pq.write_table), (tmp_path / "a.feather", feather.write_feather)):
        write(whole, path)
        with open_table(path) as table:
            assert table.columns(["gain"]).to_pydict() == whole.select(["gain"]).to_pydict()
            assert table.columns(["id", "gain"]).to_pydict() == whole.select(["id", "gain"]).to_pydict()


@pytest.mark.parametrize("is_file", [True, False])
def test_what_stands_in_a_file_as_it_is_in_memory_is_mapped(tmp_path: Path, is_file: bool) -> None:
    whole = pa.table({"text": [f"text {i}" for i in range(5000)], "vector": [[float(i), 1.0] for i in range(5000)]})
    new = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with pa.OSFile(str(tmp_path / "a"), "wb") as sink, new(sink, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=1000)
    before = pa.total_allocated_bytes()
    with open_table(tmp_path / "a") as table:
        column = table.columns(["vector"])
        assert pa.total_allocated_bytes() - before < column.nbytes / 2
        assert column.to_pydict() == whole.select(["vector"]).to_pydict()


def test_a_column_of_few_values_in_many_rows_is_no_bomb(tmp_path: Path) -> None:
    n = 300_000
    draw = np.random.default_rng(0)
    texts = [bytes(row).hex() for row in draw.integers(0, 256, (n, 12), dtype=np.uint8)]
    languages = [("en", "vi", "de")[i] for i in draw.integers(0, 3, n)]
    pq.write_table(pa.table({"text": texts, "language": languages, "source": ["wiki"] * n}), tmp_path / "rows.parquet")
    assert table_of(tmp_path / "rows.parquet").num_rows == n


def _rows_that_are_one(path: Path) -> None:
    rows = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3_000_000, np.int32)), pa.array(["a"]))
    pq.write_table(pa.table({"text": rows}), path)


def _texts_that_are_one(path: Path) -> None:
    rows = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["a" * (1 << 20)]))
    pq.write_table(pa.table({"text": rows}), path, compression="zstd")


def _rows_of_nothing(path: Path) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, pa.schema([("text", pa.null())])) as writer:
        writer.write_batch(pa.record_batch({"text": pa.nulls(1)}))
    path.write_bytes(sink.getvalue().replace(struct.pack("<q", 1), struct.pack("<q", 1 << 40)))


@pytest.mark.parametrize("make", [_rows_that_are_one, _texts_that_are_one, _rows_of_nothing])
def test_a_small_file_of_many_values_is_refused(tmp_path: Path, make: object) -> None:
    make(tmp_path / "bomb")  # type: ignore[operator]
    with pytest.raises(DataFormatError, match=r"more than [\d,]+ bytes.*JSONL"):
        table_of(tmp_path / "bomb")


def test_rows_before_a_limit_are_not_taken_for_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"number": list(range(100_000))}), tmp_path / "rows.parquet")
    monkeypatch.setattr(limits, "LEAST_LIMIT", 1 << 22)
    monkeypatch.setattr(limits, "LARGEST_RATIO", 1)
    with open_table(tmp_path / "rows.parquet") as table:
        batches: Iterator[object] = table.batches(["number"])
        next(batches)
        with pytest.raises(DataFormatError, match="more than 4,194,304 bytes"):
            list(batches)


def test_lists_by_view_are_refused_because_arrow_would_empty_them(tmp_path: Path) -> None:
    column = pa.array([[1.0], [2.0]], pa.list_view(pa.float32()))
    with pa.OSFile(str(tmp_path / "a"), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("v", column.type)])) as writer:
        writer.write_table(pa.table({"v": column}))
    with pytest.raises(ValueError, match="list_view"):
        table_of(tmp_path / "a")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff\xff"])
def test_a_damaged_file_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        table_of(tmp_path / "a")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_child_that_dies_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", monkeypatch)
    with pytest.raises(DataFormatError, match="signal 11"):
        table_of(path)


def test_a_child_that_says_nothing_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "PATIENCE_S", 0.5)
    path = script(tmp_path, "import time\ntime.sleep(600)", monkeypatch)
    with pytest.raises(DataFormatError, match="takes more time"):
        table_of(path)


def test_a_child_inherits_no_variable_that_may_be_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    path = script(tmp_path, "import os, sys\nsys.stderr.write(str(dict(os.environ)))\nsys.exit(3)", monkeypatch)
    with pytest.raises(ValueError, match="ARROW_DEFAULT_MEMORY_POOL") as caught:
        table_of(path)
    assert "SOME_TOKEN" not in str(caught.value)
