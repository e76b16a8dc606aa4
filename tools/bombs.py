"""Small files that ask for much memory or time: each is refused with one message, within stated bounds.

``python -m tools.bombs`` builds each in a temporary folder, gives it to the command, and prints what came of it; words
choose bombs by their name. The exit status is 1 where a command ended with another status than 2, or took more than
1.5 GiB or a minute.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from embedscope.data.sample import sample_path

MOST_MIB, MOST_S = 1536, 60

MIB = 1 << 20
Make = Callable[[Path], object]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bomb:
    """A file, how it is made, and the words of the command that reads it; FILE stands for its path."""

    name: str
    make: Make
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command."""

    status: int
    mib: int
    seconds: float
    message: str

    @property
    def is_refusal(self) -> bool:
        """Whether it ended as it should, within bounds."""
        return self.status == 2 and self.mib <= MOST_MIB and self.seconds <= MOST_S


AS_ROWS = ("audit", "--data", "FILE")
AS_VECTORS = ("evaluate", "--data", sample_path("test"), "--embeddings", "FILE")
AS_CHECKPOINT = ("evaluate", "--data", sample_path("test"), "--checkpoint", "FILE", "--base-model", "FOLDER")


def bombs() -> list[Bomb]:
    """Every bomb."""
    return [
        *(Bomb(f"{name} as rows", partial(make, ("query", "positive")), AS_ROWS) for name, make in TABLES.items()),
        *(Bomb(f"{name} as vectors", partial(make, ("text",)), AS_VECTORS) for name, make in TABLES.items()),
        *(Bomb(name, make, AS_ROWS) for name, make in TEXTS.items()),
        *(Bomb(name, make, AS_VECTORS) for name, make in ARRAYS.items()),
        *(Bomb(name, make, AS_CHECKPOINT) for name, make in WEIGHTS.items()),
        *(Bomb(name, make, ("audit", "--data", "FOLDER")) for name, make in JUDGED.items()),
    ]


def look(bomb: Bomb, folder: Path) -> tuple[int, Outcome]:
    """Size of the bomb, and what came of the command that reads it."""
    path = folder / bomb.name.split()[0].rstrip(",")
    # Made by another process: what a process took before it became the command counts as the command's.
    subprocess.run(
        [sys.executable, "-m", "tools.bombs", bomb.name, "--only-make", str(path)],
        check=True,
        cwd=Path(__file__).parents[1],
    )
    places = {"FILE": str(path), "FOLDER": str(folder)}
    words = [sys.executable, "-m", "embedscope", *(places.get(word, word) for word in bomb.words), "--quiet"]
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        process = subprocess.Popen(
            ["timeout", str(MOST_S + 10), *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "COLUMNS": "1000"},
        )
        _, waited, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = status = os.waitstatus_to_exitcode(waited)
        said.seek(0)
        lines = said.read().decode("utf-8", errors="replace").split("\n")
    mib = used.ru_maxrss // (MIB if sys.platform == "darwin" else 1024)
    message = next((line for line in reversed(lines) if line.strip()), "")
    return path.stat().st_size, Outcome(status, mib, seconds, message)


def main(words: Sequence[str] | None = None) -> int:
    """Look at each bomb; the exit status is 1 where one was not refused as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of the names of bombs (all)")
    parser.add_argument("--only-make", type=Path, metavar="FILE", help="make the bomb of this very name, and end")
    options = parser.parse_args(words)
    if options.only_make is not None:
        next(bomb for bomb in bombs() if bomb.name == options.names[0]).make(options.only_make)
        return 0
    chosen = options.names
    is_right = True
    print(f"{'bomb':44} {'bytes':>13} {'status':>6} {'MiB':>6} {'s':>6}  message")
    for bomb in bombs():
        if chosen and not any(name in bomb.name for name in chosen):
            continue
        with tempfile.TemporaryDirectory() as folder:
            size, came = look(bomb, Path(folder))
        is_right = is_right and came.is_refusal
        mark = " " if came.is_refusal else "!"
        print(
            f"{bomb.name:44} {size:13,} {came.status:6} {came.mib:6} {came.seconds:6.1f} {mark} {came.message[:160]}",
            flush=True,
        )
    return int(not is_right)


# --- tables -------------------------------------------------------------------------------------------------------


def _table(names: Names, texts: object, vectors: object) -> pa.Table:
    return pa.table(dict.fromkeys(names, texts) | {"vector": vectors})


def _parquet(n: int, text: str, names: Names, path: Path) -> None:
    """``n`` rows of one text and one vector, each stored once."""
    pq.write_table(_rows(n, text, names), path, compression="zstd", row_group_size=n)


def _rows(n: int, text: str, names: Names) -> pa.Table:
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([text]))
    vector = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * n, np.float32)), 2)
    return _table(names, one, vector)


def _plain_parquet(n: int, names: Names, path: Path) -> None:
    """Pages of zeros without a dictionary, as vectors and as texts."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(256 * n, np.float32)), 256)
    texts = pa.array(["a" * 1000] * n)
    table = _table(names, texts, vectors)
    options = {"use_dictionary": False, "data_page_size": 1 << 30, "row_group_size": n}
    pq.write_table(table, path, compression="zstd", write_batch_size=n, **options)


def _lists_parquet(n: int, names: Names, path: Path) -> None:
    """One row that is a list of ``n`` numbers."""
    lists = pa.ListArray.from_arrays(pa.array([0, n], pa.int32()), pa.array(np.zeros(n, np.int8)))
    pq.write_table(_table(names, ["a"], lists), path, compression="zstd")


def _nulls_parquet(n: int, names: Names, path: Path) -> None:
    table = _table(names, pa.nulls(n, pa.string()), pa.nulls(n, pa.list_(pa.float32())))
    pq.write_table(table, path, row_group_size=n)


def _feather(n: int, names: Names, path: Path) -> None:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(256 * n, np.float32)), 256)
    table = _table(names, ["a"] * n, vectors)
    feather.write_feather(table, path, compression="zstd", compression_level=19, chunksize=n)


def _written(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _dictionary_arrow(n: int, names: Names, path: Path) -> None:
    """A text of a mebibyte that ``n`` rows refer to."""
    _written(_rows(n, "a" * MIB, names), path)


def _view_arrow(n: int, names: Names, path: Path) -> None:
    """``n`` views of one text of a mebibyte."""
    view = struct.pack("<i4sii", MIB, b"aaaa", 0, 0)
    texts = pa.Array.from_buffers(pa.string_view(), n, [None, pa.py_buffer(view * n), pa.py_buffer(b"a" * MIB)])
    vector = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * n, np.float32)), 2)
    _written(_table(names, texts, vector), path)


def _runs_arrow(n: int, names: Names, path: Path) -> None:
    """One run of ``n`` equal texts."""
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([n], pa.int64()), pa.array(["a"]))
    _written(_table(names, runs, runs), path)


def _list_views_arrow(n: int, names: Names, path: Path) -> None:
    """``n`` lists that are one list of ``n`` numbers."""
    lists = pa.ListViewArray.from_arrays(
        pa.array(np.zeros(n, np.int32)), pa.array(np.full(n, n, np.int32)), pa.array(np.zeros(n, np.float32))
    )
    _written(_table(names, ["a"] * n, lists), path)


def _null_arrow(n: int, names: Names, path: Path) -> None:
    """Columns of nulls, which take no byte a row."""
    schema = pa.schema([(name, pa.null()) for name in (*names, "vector")])
    batch = pa.RecordBatch.from_arrays([pa.nulls(1)] * len(schema), schema=schema)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)
    # The length of the batch and those of its columns are numbers of 8 bytes; the only ones that are 1.
    path.write_bytes(sink.getvalue().replace(struct.pack("<q", 1), struct.pack("<q", n)))


def _far_arrow(names: Names, path: Path) -> None:
    """A buffer said to be longer than the file."""
    numbers = pa.array(np.arange(1000, dtype=np.float64))
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, pa.schema([(name, pa.float64()) for name in (*names, "vector")])) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([numbers] * (len(names) + 1), names=[*names, "vector"]))
    path.write_bytes(sink.getvalue().replace(struct.pack("<q", 8000), struct.pack("<q", 1 << 45)))


TABLES: Mapping[str, Callable[[Names, Path], object]] = {
    "rle.parquet of 20 M equal rows": partial(_parquet, 20_000_000, "a"),
    "dictionary.parquet of 1 M MiB": partial(_parquet, 1_000_000, "a" * MIB),
    "zeros.parquet in pages of 1 GiB": partial(_plain_parquet, 1_000_000),
    "list.parquet of a row of 300 M numbers": partial(_lists_parquet, 300_000_000),
    "nulls.parquet of 50 M rows": partial(_nulls_parquet, 50_000_000),
    "zeros.feather of 1 GiB": partial(_feather, 1_000_000),
    "dictionary.arrow of 1 M MiB": partial(_dictionary_arrow, 1_000_000),
    "views.arrow of 1 M MiB": partial(_view_arrow, 1_000_000),
    "runs.arrow of 1 G rows": partial(_runs_arrow, 1_000_000_000),
    "lists.arrow of 1 M x 1 M": partial(_list_views_arrow, 1_000_000),
    "nulls.arrow of 1 T rows": partial(_null_arrow, 1 << 40),
    "far.arrow, a buffer of 32 TiB": _far_arrow,
}  # fmt: skip


# --- texts --------------------------------------------------------------------------------------------------------

N_LINE = 300_000_000


def _line(before: bytes, after: bytes, path: Path, opened: Callable[..., io.BufferedIOBase] | None = None) -> None:
    """A line of 300 MB after two that are short."""
    opener = opened or (lambda place, mode: place.open(mode))
    with opener(path, "wb") as file:
        file.write(before)
        for _ in range(300):
            file.write(b"a" * (N_LINE // 300))
        file.write(after)


_JSON_LINE = (b'{"query": "a", "positive": "b"}\n' * 2 + b'{"query": "', b'", "positive": "b"}\n')


def _nested(path: Path) -> None:
    path.write_text('[{"query": ' + "[" * 5_000_000 + "]" * 5_000_000 + "}]")


def _many_lists(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(b'[{"query": [' + b"[]," * 80_000_000 + b"[]]}]")


def _many_rows(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(b"a,b\n" * 60_000_000)


def _many_records(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(b'{"query":"a"}\n' * 19_000_000)


TEXTS: Mapping[str, Make] = {
    "line.jsonl of 300 MB": partial(_line, *_JSON_LINE),
    "line.csv of 300 MB": partial(_line, b"query,positive\na,b\n", b",b\n"),
    "line.tsv of 300 MB": partial(_line, b"query\tpositive\na\tb\n", b"\tb\n"),
    "line.jsonl.gz of 300 MB": partial(_line, *_JSON_LINE, opened=gzip.open),
    "line.csv.xz of 300 MB": partial(_line, b"query,positive\na,b\n", b",b\n", opened=lzma.open),
    "nested.json of 5 M levels": _nested,
    "lists.json.gz of 80 M lists": _many_lists,
    "rows.csv.gz of 60 M rows": _many_rows,
    "records.jsonl.gz of 19 M rows": _many_records,
}


def _judged(make: Make, path: Path) -> None:
    """A judged set whose judgments are the bomb."""
    folder = path.parent
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "a"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "a"}\n')
    (folder / "qrels").mkdir()
    make(folder / "qrels/test.tsv")
    path.write_bytes(b"")


JUDGED: Mapping[str, Make] = {
    ".judged folder, qrels of a line of 300 MB": partial(
        _judged, partial(_line, b"query-id\tcorpus-id\tscore\nq\td\t1\nq\t", b"\t1\n")
    )
}


# --- arrays -------------------------------------------------------------------------------------------------------


def _header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def _npz(members: Mapping[str, tuple[bytes, int]], path: Path) -> None:
    """Members by name, each of what it begins with and a number of mebibytes of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (head, n_mib) in members.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(head)
                for _ in range(n_mib):
                    file.write(bytes(MIB))


def _npy(head: bytes, path: Path) -> None:
    path.write_bytes(head + bytes(100))
    path.with_name("texts.txt").write_text("a\n")


ARRAYS: Mapping[str, Make] = {
    "zeros.npz of 2 GiB": partial(_npz, {"vectors.npy": (_header((1 << 19, 1024)), 2048)}),
    "far.npz, a shape of 8 TB": partial(_npz, {"vectors.npy": (_header((2_000_000_000, 1024)), 0)}),
    "wide.npz, four texts of 2 GB": partial(_npz, {"texts.npy": (_header((4,), "<U500000000"), 0)}),
    "empty.npz, a shape of 0 bytes": partial(_npz, {"texts.npy": (_header((1 << 40,), "<U0"), 0)}),
    "far.npy, a shape of 8 TB": partial(_npy, _header((2_000_000_000, 1024))),
    "long.npy, a header of 4 GiB": partial(_npy, b"\x93NUMPY\x02\x00" + struct.pack("<I", (1 << 32) - 1) + b"{"),
}


# --- weights ------------------------------------------------------------------------------------------------------


def _torch(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + content + b".")
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")


def _deflated(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"}" * 400_000_000 + b".")


def _dicts(path: Path) -> None:
    """A dict of two that are one dict of two that are one, and so on."""
    inner = b"}q\x00"
    for level in range(1, 60):
        last = level - 1
        inner += (
            b"}q"
            + bytes([level])
            + b"(X\x01\x00\x00\x00ah"
            + bytes([last])
            + b"X\x01\x00\x00\x00bh"
            + bytes([last])
            + b"u"
        )
    _torch(inner, path)


def _lists(path: Path) -> None:
    inner = b"]q\x00"
    for level in range(1, 60):
        inner += b"]q%c(h%ch%ce" % (level, level - 1, level - 1)
    _torch(b"}X\x05\x00\x00\x00model" + inner + b"s", path)


DOUBLED = b")q\x00" + b"".join(b"h%ch%c\x86q%c" % (level, level, level + 1) for level in range(60))

SAFETENSORS_TENSOR = {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}


def _safetensors(header: bytes, size: int | None, path: Path) -> None:
    path.write_bytes(struct.pack("<Q", len(header) if size is None else size) + header)


WEIGHTS: Mapping[str, Make] = {
    "deflated.pt of 400 MB": _deflated,
    "dicts.pt of 4 M dicts": partial(_torch, b"(" + b"}" * 4_000_000 + b"l"),
    "depth.pt of 1 M lists, one in the other": partial(_torch, b"]" * 1_000_000 + b"a" * 999_999),
    "tuples.pt of 2^60 tuples": partial(_torch, DOUBLED),
    "key.pt, a key of 2^60 tuples": partial(_torch, b"}" + DOUBLED + b"K\x01s"),
    "deep_key.pt, a key of 1 M tuples": partial(_torch, b"})" + b"\x85" * 1_000_000 + b"K\x01s"),
    "dicts_of_dicts.pt of 2^60 dicts": _dicts,
    "lists_of_lists.pt of 2^60 lists": _lists,
    "number.pt of 50 MB": partial(_torch, b"\x8b" + struct.pack("<i", 50_000_000) + b"\x01" * 50_000_000),
    "far.pt, a text of 8 EB": partial(_torch, b"\x8d" + struct.pack("<Q", 1 << 62) + b"a"),
    "bytearray.pt of 12 GB": partial(
        _torch, b"cbuiltins\nbytearray\n\x8a\x08" + struct.pack("<q", 12_500_000_000) + b"\x85R"
    ),
    "old.pt of 4 M dicts": lambda path: path.write_bytes(b"\x80\x02(" + b"}" * 4_000_000 + b"l."),
    "memo.pt, an entry of number 2^31": partial(_torch, b"}r" + struct.pack("<I", (1 << 31) - 1)),
    "far.safetensors, a header of 64 TiB": partial(_safetensors, b"{}", 1 << 46),
    "shape.safetensors, a tensor of 4 TiB": partial(
        _safetensors, json.dumps({"head.weight": SAFETENSORS_TENSOR}).encode(), None
    ),
    "nested.safetensors of 5 M levels": partial(_safetensors, b'{"a":' + b"[" * 5_000_000 + b"}", None),
}


if __name__ == "__main__":
    sys.exit(main())
