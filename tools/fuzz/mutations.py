"""Contents that are broken as a file may be: in its bytes, or in what they hold while the file itself stays whole.

A changed byte in an archive or a header meets a checksum or a parser and gets no further; so archives are opened, JSON
and tables are changed as values, and the file is put together again.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

INSERTED = (
    b'"', b",", b"\t", b"\n", b"[", b"]", b"{", b"}", b"null", b"NaN", b"1e999", b"\x00", b"\xff", b"\\ud800",
    b"9" * 30, b"9" * 5000, b"true", b"[]", b"{}", b"-1", b'""', b"inf", b"=", b"\xc2\xb2", b"\x1b[2J", b"../", b" ",
)  # fmt: skip

_DEEP, _LONG, _TWICE = "<deep>", "<long>", "<twice>"
"""Stand in a tree for what `json` cannot write."""

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, -0.5, 200_000, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, float("nan"),
    float("inf"), "", "x", "1", "²", "٣", "NaN", "null", "../x", "/etc/hostname", "\x00", "\ud800", "\x1b[2J",
    "a" * 5000, [], [[]], [None], [1, "x"], {}, {"": None}, {"x": {}}, _DEEP, _LONG,
)  # fmt: skip
_TOML_VALUES = (
    "true",
    "0",
    "-1",
    "1e999",
    "nan",
    "9" * 30,
    '""',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "1979-05-27",
    "0.5",
    "0x7f",
)
_DTYPES = ("<f2", "<f8", ">f4", "<c8", "<i8", "|O", "|b1", "<U0", "<U3", "|S1", "<M8[s]", "|V4", "[('a','<f4')]", "<f9")
_SHAPES = ("()", "(0,)", "(0, 8)", "(1, 0)", "(-1,)", "(99999999999, 8)", "(2, 2, 2)", "(3.5,)", "'x'", "(1L,)", "(8,")
_PACKED: Mapping[bytes, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": (gzip.decompress, gzip.compress),
    b"BZh": (bz2.decompress, bz2.compress),
    b"\xfd7zXZ": (lzma.decompress, lzma.compress),
}


def mutated(content: bytes, draw: random.Random) -> bytes:
    """``content`` broken: as bytes, or as what it holds where its format is known."""
    if draw.random() < 0.35:
        return mutated_bytes(content, draw)
    for begins_as, change in _FORMATS:
        if begins_as.match(content):
            try:
                return change(content, draw)
            except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException):
                break  # broken before, as a member of an archive may be
    return mutated_bytes(content, draw)


def mutated_bytes(content: bytes, draw: random.Random) -> bytes:
    """``content`` with a few bytes changed, removed, inserted or repeated, and sometimes cut off."""
    changed = bytearray(content or b" ")
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(changed))
        choice = draw.random()
        if choice < 0.4:
            changed[place] = draw.randrange(256)
        elif choice < 0.6:
            del changed[place : place + draw.randint(1, 40)]
        elif choice < 0.85:
            changed[place:place] = draw.choice(INSERTED)
        else:
            other = draw.randrange(len(changed))
            changed[place : place + 20] = changed[other : other + 20]
        changed = changed or bytearray(b" ")
    return bytes(changed[: draw.randrange(len(changed) + 1)] if draw.random() < 0.1 else changed)


def mutated_value(value: Any, draw: random.Random) -> Any:
    """A JSON value with one place in it replaced, deleted, named twice, repeated or moved."""
    if not isinstance(value, dict | list) or not value or draw.random() < 0.15:
        return draw.choice(_VALUES)
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
    choice = draw.random()
    if choice < 0.1:
        del changed[key]
    elif choice < 0.15 and isinstance(value, dict):
        changed[f"{key}{_TWICE}"] = draw.choice(_VALUES)
    elif choice < 0.2 and isinstance(value, dict):
        changed[draw.choice(("", "x", "type", "constructor"))] = changed.pop(key)
    elif choice < 0.2:
        changed.insert(key, value[draw.randrange(len(value))])
    elif choice < 0.3:
        changed[key] = draw.choice(list(value.values()) if isinstance(value, dict) else value)
    else:
        changed[key] = mutated_value(value[key], draw)
    return changed


def _json(content: bytes, draw: random.Random) -> bytes:
    value = json.loads(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        value = mutated_value(value, draw)
    return _dumped(value)


def _dumped(value: Any) -> bytes:
    text = json.dumps(value).replace(_TWICE, "")
    return text.replace(f'"{_DEEP}"', "[" * 3000 + "]" * 3000).replace(f'"{_LONG}"', "9" * 5000).encode()


def _json_or_lines(content: bytes, draw: random.Random) -> bytes:
    try:
        return _json(content, draw)
    except ValueError:
        lines = [line for line in content.splitlines() if line]
        place = draw.randrange(len(lines))
        lines[place] = _json(lines[place], draw)
        return b"\n".join(lines)


def _toml(content: bytes, draw: random.Random) -> bytes:
    lines = content.decode().splitlines()
    place = draw.choice([i for i, line in enumerate(lines) if "=" in line])
    lines[place] = f"{lines[place].partition('=')[0]}= {draw.choice(_TOML_VALUES)}"
    lines[place:place] = [lines[draw.randrange(len(lines))]] * (draw.random() < 0.2)
    return "\n".join(lines).encode()


def _zip(content: bytes, draw: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    place = draw.randrange(len(members))
    name, inside = members[place]
    choice = draw.random()
    if choice < 0.1:
        del members[place]
    elif choice < 0.2:
        members[place] = (draw.choice(("x", "x.npy", "../x.npy", f"{name}/x", members[0][0])), inside)
    elif choice < 0.3:
        members[place] = (name, draw.choice(members)[1])
    else:
        members[place] = (name, mutated(inside, draw))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as made:
        for name, inside in members:
            if name not in made.NameToInfo:
                made.writestr(name, inside)
    return out.getvalue()


def _npy(content: bytes, draw: random.Random) -> bytes:
    end = 10 + int.from_bytes(content[8:10], "little")
    header = content[10:end].decode("latin-1")
    choice = draw.random()
    if choice < 0.4:
        header = re.sub(r"'descr': [^(]*?, '", lambda _: f"'descr': {_quoted(draw.choice(_DTYPES))}, '", header)
    elif choice < 0.8:
        header = re.sub(r"'shape': \([^)]*\)", lambda _: f"'shape': {draw.choice(_SHAPES)}", header)
    elif choice < 0.9:
        header = header.replace("False", draw.choice(("True", "None", "0", "'x'", "False, 'x': 1")))
    else:
        header = mutated_bytes(header.encode(), draw).decode("latin-1")
    packed = header.encode("latin-1")
    return content[:8] + len(packed).to_bytes(2, "little") + packed + content[end:]


def _quoted(dtype: str) -> str:
    return dtype if dtype.startswith("[") else repr(dtype)


def _safetensors(content: bytes, draw: random.Random) -> bytes:
    end = 8 + int.from_bytes(content[:8], "little")
    header = _json(content[8:end], draw)
    return len(header).to_bytes(8, "little") + header + content[end:]


def _table(content: bytes, draw: random.Random) -> bytes:
    is_parquet = content.startswith(b"PAR1")
    stream = io.BytesIO(content)
    table = pq.read_table(stream) if is_parquet else feather.read_table(stream)
    place = draw.randrange(table.num_columns)
    name, choice = table.column_names[place], draw.random()
    if choice < 0.15:
        table = table.remove_column(place)
    elif choice < 0.3:
        other = draw.choice(("", "x", "id", "text", *table.column_names))
        table = table.rename_columns([other, *table.column_names[1:]])
    elif choice < 0.4:
        table = table.slice(0, draw.randrange(2))
    elif choice < 0.5:
        table = table.append_column(draw.choice((name, "x")), table.column(place))
    else:
        table = table.set_column(place, name, _odd_column(table.column(place).to_pylist(), draw))
    out = io.BytesIO()
    if is_parquet:
        pq.write_table(table, out)
    else:
        feather.write_feather(table, out, compression="uncompressed")
    return out.getvalue()


def _odd_column(values: list[Any], draw: random.Random) -> pa.Array:
    n = len(values)
    columns: tuple[Callable[[], pa.Array], ...] = (
        lambda: pa.nulls(n),
        lambda: pa.array([None, *values[1:]]),
        lambda: pa.array([mutated_value(values[0], draw) if n else None, *values[1:]]),
        lambda: pa.array([[value] for value in values]),
        lambda: pa.array([{"x": value} for value in values]),
        lambda: pa.array([f"{value}" for value in values], pa.large_string()),
        lambda: pa.array([b"\xff"] * n),
        lambda: pa.array([2**63] * n, pa.uint64()),
        lambda: pa.array([-(2**62)] * n),
        lambda: pa.array([float("nan")] * n),
        lambda: pa.array([10**30] * n, pa.decimal128(38)),
        lambda: pa.array([0] * n, pa.timestamp("ns")),
        lambda: pa.array(["x"] * n).dictionary_encode(),
        lambda: pa.array([[("x", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        lambda: pa.array([[1.0] * 3] * n, pa.list_(pa.float16(), 3)),
        lambda: pa.array([[], *[[0.5] * 8] * (n - 1)][:n], pa.list_(pa.float64())),
        lambda: pa.array(np.zeros(n, dtype="m8[D]")),
    )
    try:
        return draw.choice(columns)()
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):  # it is no column of one type
        return pa.nulls(n)


def _packed(content: bytes, draw: random.Random) -> bytes:
    unpack, pack = next(pair for magic, pair in _PACKED.items() if content.startswith(magic))
    return pack(mutated(unpack(content), draw))


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[bytes, random.Random], bytes]], ...] = (
    (re.compile(rb"PK\x03\x04"), _zip),
    (re.compile(rb"\x93NUMPY"), _npy),
    (re.compile(rb"PAR1|ARROW1"), _table),
    (re.compile(b"|".join(map(re.escape, _PACKED))), _packed),
    (re.compile(rb".{8}\{\"", re.DOTALL), _safetensors),
    (re.compile(rb"\s*[\[{][\s\[{\"]"), _json_or_lines),
    (re.compile(rb"(#.*\n|\s)*(\[[\w.]+\]|\w+ = )"), _toml),
)
"""How a file begins -> what breaks what it holds."""
