"""Kinds of files that hold data and are not read: each by its first bytes, with the export to use."""

from __future__ import annotations

import zipfile
from pathlib import Path

from embedscope.data.readers.compressed import compression_of
from embedscope.errors import DataFormatError

_EXCEL = "Save the sheet as 'CSV UTF-8 (Comma delimited)' and give that file."
_TABLE = "Export the table as JSONL, CSV (UTF-8) or Parquet and give that file."
_PICKLE = (
    "A pickle runs code when it is loaded, so it is never opened here. Write the rows as JSONL (json.dumps, one row a "
    "line) or Parquet with the program that made it."
)
_BY_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an Excel or Word file of the old kind (.xls, .doc)", _EXCEL),
    (b"SQLite format 3\x00", "an SQLite database", _TABLE),
    *((b"\x80" + bytes([protocol]), "a Python pickle", _PICKLE) for protocol in range(2, 6)),
    (b"%PDF-", "a PDF", "Give the data that it was made from."),
    (b"\x89HDF", "an HDF5 file", _TABLE),
    (b"Obj\x01", "an Avro file", _TABLE),
    (b"FEA1\x00", "a Feather file of version 1", _TABLE),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it and give the file inside."),
    (b"Rar!", "a RAR archive", "Unpack it and give the file inside."),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file", "Fetch the file with: git lfs pull"),
)
_IN_ZIP = (
    ("xl/", "an Excel workbook (.xlsx)", _EXCEL),
    ("word/", "a Word document (.docx)", "Give the data that it was made from, as CSV (UTF-8) or JSONL."),
    ("ppt/", "a presentation (.pptx)", "Give the data that it was made from, as CSV (UTF-8) or JSONL."),
)


def refuse_known_kinds(path: Path, head: bytes) -> None:
    """Raise DataFormatError if the bytes with which a file begins, unpacked, are those of a kind that is not read."""
    if head.startswith(b"PK\x03\x04"):
        kind, remedy = _kind_in_zip(path, head)
    elif (compression := compression_of(head)) is not None:
        kind, remedy = f"compressed twice ({compression} inside)", "Unpack it once and give the file inside."
    elif head[:16].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        kind, remedy = "a web page", "The download gave a page, perhaps of a login, in place of the file; repeat it."
    elif head[257:262] == b"ustar":
        kind, remedy = "a tar archive", "Unpack it and give the file or the folder inside."
    else:
        known = ((kind, remedy) for magic, kind, remedy in _BY_MAGIC if head.startswith(magic))
        kind, remedy = next(known, ("", ""))
    if kind:
        raise DataFormatError(f"the file is {kind}, which is not read here. {remedy}")


def _kind_in_zip(path: Path, head: bytes) -> tuple[str, str]:
    if b"opendocument.spreadsheet" in head[:200]:
        return "an OpenDocument spreadsheet (.ods)", "Save the sheet as 'Text CSV' in UTF-8 and give that file."
    if b"opendocument" in head[:200]:
        return "an OpenDocument file", "Give the data that it was made from, as CSV (UTF-8) or JSONL."
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # cut off, or compressed again
        members = []
    for folder, kind, remedy in _IN_ZIP:
        if any(member.startswith(folder) for member in members):
            return kind, remedy
    if any(member.endswith((".npy", "/data.pkl")) for member in members):
        return "compressed (zip) and holds arrays", "Embeddings and checkpoints have options of their own."
    return "compressed (zip)", "Unpack it and give the file or the folder inside."
