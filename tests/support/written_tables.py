"""Rows written in every container and under every compression that is read."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

Rows = Sequence[dict[str, Any]]


def _delimited(separator: str, quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> Callable[[Rows], bytes]:
    def written(rows: Rows) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(rows[0]), delimiter=separator, quoting=quoting)
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()

    return written


def _plain_tsv(rows: Rows) -> bytes:
    lines = [list(rows[0]), *(["" if cell is None else str(cell) for cell in row.values()] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def _parquet(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


def _arrow(new: Callable[..., Any]) -> Callable[[Rows], bytes]:
    def written(rows: Rows) -> bytes:
        table, sink = pa.Table.from_pylist(list(rows)), io.BytesIO()
        with new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
        return sink.getvalue()

    return written


CONTAINERS: dict[str, Callable[[Rows], bytes]] = {
    "json": lambda rows: json.dumps(list(rows)).encode(),
    "jsonl": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    "csv": _delimited(","),
    "semicolon.csv": _delimited(";"),
    "tsv": _delimited("\t"),
    "parquet": _parquet,
    "arrow": _arrow(pa.ipc.new_file),
    "stream.arrow": _arrow(pa.ipc.new_stream),
}
"""What writes rows, by the end of the file's name."""

QUOTED: dict[str, Callable[[Rows], bytes]] = {
    "quoted.csv": _delimited(",", csv.QUOTE_ALL),
    "quoted.tsv": _delimited("\t", csv.QUOTE_ALL),
}
"""The same, with every cell in quotation marks."""

PLAIN: dict[str, Callable[[Rows], bytes]] = {"plain.tsv": _plain_tsv}
"""Containers of texts without tabs and line breaks."""

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda raw: raw,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda raw: _by_pyarrow(raw, "zstd"),
    ".lz4": lambda raw: _by_pyarrow(raw, "lz4"),
}
"""What packs bytes, by the suffix."""


def _by_pyarrow(raw: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(raw)
    return bytes(sink.getvalue())


def write_rows(stem: Path, rows: Rows, container: str = "jsonl", compression: str = "") -> Path:
    """The file, named after ``stem``, its container and its compression."""
    path = stem.with_name(f"{stem.name}.{container.rpartition('.')[2]}{compression}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(COMPRESSIONS[compression]((CONTAINERS | QUOTED | PLAIN)[container](rows)))
    return path


def spellings(name: str, numbered: bool = False) -> list[str]:
    """Ways in which people write a name, the given one first."""
    parts = name.split("_")
    plural = name if name.endswith("s") else name + "s"
    found = [name, name.upper(), name.title(), "-".join(parts), " ".join(parts), "".join(parts), plural]
    found += [parts[0] + "".join(part.title() for part in parts[1:]), "".join(part.title() for part in parts)]
    if numbered:
        found += [f"{name}{mark}1" for mark in ("", "_", "-", " ")]
    return list(dict.fromkeys(found))
