"""Compressed files: damage and bombs are refused with what to do; kinds that are not read are named."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from tests.support.written_tables import COMPRESSIONS

from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError
from embedscope.untrusted import limits

TEXT = "".join(json.dumps({"query": f"q{n}", "pos": f"p{n}"}) + "\n" for n in range(2000)).encode()
PACKED = [suffix for suffix in COMPRESSIONS if suffix]


def refusal(path: Path) -> str:
    with pytest.raises(DataFormatError) as caught:
        read_collection(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def refusal_of(folder: Path, content: bytes, name: str = "data") -> str:
    path = folder / name
    path.write_bytes(content)
    return refusal(path)


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    packed = COMPRESSIONS[suffix](TEXT)
    assert "cut off" in refusal_of(tmp_path, packed[: int(share * len(packed))])


@pytest.mark.parametrize("suffix", PACKED)
def test_a_bomb_is_refused_before_it_fills_memory(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEAST_TEXT", 2**22)
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESSIONS[suffix](b'[{"query": "' + b"x" * 2**27))
    tracemalloc.start()
    message = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpacks to more than" in message
    assert f" -d {path.name}" in message
    assert peak < 2**24 + 2 * max(limits.LEAST_TEXT, limits.LARGEST_TEXT_RATIO * path.stat().st_size)


def test_a_file_that_compresses_well_is_read(tmp_path: Path) -> None:
    rows = b"".join(json.dumps({"query": f"q{n % 2}", "pos": "p" * 10_000}).encode() + b"\n" for n in range(500))
    (tmp_path / "data").write_bytes(gzip.compress(rows))
    assert len(read_collection(tmp_path / "data").queries) == 2


def test_what_is_compressed_twice_is_refused(tmp_path: Path) -> None:
    assert "compressed twice (xz inside)" in refusal_of(tmp_path, gzip.compress(lzma.compress(TEXT)))


def test_an_archive_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.add(Path(__file__), "corpus.jsonl")
    assert "is a tar archive" in refusal_of(tmp_path, out.getvalue())


@pytest.mark.parametrize(
    ("member", "words"),
    [("xl/workbook.xml", ("Excel", "CSV UTF-8")), ("word/document.xml", ("Word",)), ("rows.csv", ("(zip)", "Unpack"))],
)
def test_a_zip_is_refused_as_what_it_is(tmp_path: Path, member: str, words: tuple[str, ...]) -> None:
    with zipfile.ZipFile(tmp_path / "data", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(member, "content")
    message = refusal(tmp_path / "data")
    assert all(word in message for word in words)


def test_other_kinds_are_named_by_their_first_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sheet", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    assert "OpenDocument spreadsheet" in refusal(tmp_path / "sheet")
    with sqlite3.connect(tmp_path / "base") as base:
        base.execute("create table rows (query text)")
    base.close()
    assert "an SQLite database" in refusal(tmp_path / "base")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert "pickle runs code" in refusal_of(tmp_path, pickle.dumps([{"query": "q"}], protocol))
    assert "(.xls, .doc)" in refusal_of(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert "git lfs pull" in refusal_of(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "a web page" in refusal_of(tmp_path, b"\n<!DOCTYPE html><html><body>a,b\n</body></html>\n")


@pytest.mark.parametrize("first", ["orchids", "BZhang", "Rarely", "FEA1", "pk"])
def test_a_text_that_begins_like_another_kind_is_read(tmp_path: Path, first: str) -> None:
    (tmp_path / "data.csv").write_text(f"{first},query,positive\n1,a,x\n2,b,y\n")
    assert read_collection(tmp_path / "data.csv").queries == ("a", "b")
