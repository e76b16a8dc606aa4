"""Rankings of any system: run files and Python objects, as ranked lists over a collection.

::

    TREC run ──► trec_runs ──┐
    JSON, JSONL, a dict, a function ──► json_runs ──┼──► RunEntries ──► run_matching ──► RankedLists
    Parquet, Arrow, a frame ──► table_runs ──┘

What a file is, its content says.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedscope.data.collection import Collection
from embedscope.data.readers.objects import arrow_table, describe_object, is_path
from embedscope.data.readers.source import BINARY_TABLES, located, read_head, require_path
from embedscope.data.runs.json_runs import Search, entries_of_mapping, entries_of_search, read_json_run
from embedscope.data.runs.run_entries import RunEntries
from embedscope.data.runs.run_matching import lists_of_entries
from embedscope.data.runs.table_runs import entries_of_table, is_table_of_run, names_run, read_table_run
from embedscope.data.runs.trec_runs import is_trec_line, read_trec
from embedscope.errors import DataFormatError
from embedscope.metrics.ranked_lists import RankedLists

__all__ = ["Search", "describe_run", "is_run_file", "load_lists"]

_EXPECTED = "a run (TREC, JSON, JSONL or Parquet)"
_STRING = rb'"(?:[^"\\]|\\.)*+"'
_JSON_RUN = re.compile(
    rb'\{\s*+(?:"mteb_model_meta"|(?:' + _STRING + rb"\s*+:\s*+\{\s*+){1,3}" + _STRING + rb"\s*+:\s*+-?\d)"
)
_PREDICTIONS = re.compile(rb'\{\s*+"query_id"\s*+:.{0,10000}?"(?:results|documents)"\s*+:\s*+\[', re.DOTALL)


def is_run_file(path: str | Path) -> bool:
    """Whether ``path`` is a file of ranked lists, by its content; no checkpoint and no file of vectors is one."""
    path = Path(os.path.expanduser(path))
    if not path.is_file():
        return False
    try:
        head = read_head(path)
        if head.startswith(BINARY_TABLES):
            return is_table_of_run(path)
    except (DataFormatError, OSError):
        return False
    text = head.lstrip()
    if text.startswith((b"{", b"[")):
        return _JSON_RUN.match(text) is not None or _PREDICTIONS.match(text) is not None
    lines = (line for line in text.decode(errors="replace").splitlines() if line.strip() and not line.startswith("#"))
    return is_trec_line(next(lines, ""))


def load_lists(run: object, collection: Collection, *, source: str | None = None) -> RankedLists:
    """The ranked lists of a run over the queries and documents of a collection.

    Parameters
    ----------
    run : str, Path or object
        A TREC run (six columns, also compressed); predictions of sentence-transformers or mteb; JSON
        ``{query: {document: score}}``; Parquet or Arrow with a column of queries, one of documents, one of scores. Or
        an object: such a dict, a table (pandas, polars, Arrow), or a function from the text of a query to
        ``{document: score}`` or (document, score) pairs. Queries and documents go by id or by text.
    collection : Collection
    source : str, optional
        What the run is called in reports; by default its path, or the kind of object.

    Returns
    -------
    RankedLists
        With a list, perhaps empty, for each query of the collection.

    Raises
    ------
    DataFormatError
        If the run cannot be read, names a document of a query twice, holds a score that is not finite, or is of another
        data set; the message says where.
    """
    name = describe_run(run) if source is None else source
    path = require_path(os.path.expanduser(str(run))) if is_path(run) else None
    with located(name):
        if path is not None:
            entries = _read_file(path)
            with path.open("rb") as file:
                fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            entries = _of_object(run, collection, name)
            fingerprint = _digest(entries)
        return lists_of_entries(entries, collection, source=name, fingerprint=fingerprint)


def describe_run(run: object) -> str:
    """The name of a run, or what kind of object it is, without anything that it holds."""
    if isinstance(run, Mapping):
        return f"{type(run).__name__} of documents by query"
    if callable(run):
        return str(getattr(run, "__name__", type(run).__name__))
    return describe_object(run)


def _read_file(path: Path) -> RunEntries:
    if path.is_dir():
        own = path / "run.trec"
        remedy = f" Pass the run in it: {own}." if own.is_file() else ""
        raise DataFormatError(f"this is a folder; {_EXPECTED} was expected.{remedy}")
    head = read_head(path, expected=_EXPECTED)
    if head.startswith(BINARY_TABLES):
        return read_table_run(path)
    text = head.lstrip()
    first_line = text.decode(errors="replace").partition("\n")[0]
    if text.startswith((b"{", b"[")) or any(names_run(first_line.split(separator)) for separator in "\t,;"):
        return read_json_run(path)
    return read_trec(path)


def _of_object(run: Any, collection: Collection, name: str) -> RunEntries:
    if isinstance(run, Mapping) and not names_run(map(str, run)):
        return entries_of_mapping(run, layout="dict")
    if isinstance(run, Mapping):
        import pyarrow as pa

        return entries_of_table(pa.table(dict(run)), layout="dict of columns")
    if callable(run):
        return entries_of_search(run, collection.queries, name)
    return entries_of_table(arrow_table(run), layout=name)


def _digest(entries: RunEntries) -> str:
    """SHA-256 of what a run says, in hex."""
    total = hashlib.sha256()
    for names in (entries.queries, entries.documents):
        total.update("\n".join(names).encode("utf-8", "surrogatepass"))
    for column in (entries.query_of, entries.document_of, entries.scores):
        total.update(column.tobytes())
    return total.hexdigest()
