"""The rows of a data set as its file states them, before texts are merged: what an audit has to see."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedscope.audit.patching import RecordSource
from embedscope.data.collection import Row
from embedscope.data.readers import read_source
from embedscope.data.readers.columns import ColumnMapping, refuse_columns
from embedscope.data.readers.containers import Fields
from embedscope.data.readers.folders import Folder
from embedscope.data.readers.objects import is_path
from embedscope.data.readers.portion import take_portion
from embedscope.data.readers.rows import mapped_rows, unread
from embedscope.data.readers.source import located, require_path
from embedscope.errors import DataFormatError

N_FIRST = 3
"""Rows that an audit shows beside what their columns are."""


@dataclass(frozen=True, slots=True)
class RawRows:
    """Rows as they stand in the file: texts not normalised, empty and contradictory ones included.

    A row holds each type of a negative once; ``repeated_types`` remembers where the file names one twice.
    """

    format: str
    row_name: str  # what Row.number counts: "row", "line" or "query"
    rows: tuple[Row, ...]
    extra_documents: tuple[str, ...] = ()  # documents of a folder that are relevant to no query
    repeated_types: tuple[int, ...] = ()  # numbers of rows with a type twice in one list
    warnings: tuple[str, ...] = ()
    source: RecordSource | None = None  # None for a folder, whose rows are put together from several files
    rest: tuple[str, ...] = ()  # what each row states beside texts, types, weights and ids
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # role -> columns; empty for a folder
    first_records: tuple[Fields, ...] = ()  # the first rows as the file has them


def read_rows(
    data: str | Path,
    *,
    split: str | None = None,
    columns: Sequence[str] = (),
    group: str | None = None,
    with_records: bool = True,
) -> RawRows:
    """The rows of a data file or folder, with every fault that a :class:`Collection` would merge away or refuse.

    Parameters
    ----------
    data : str or Path
        What :func:`~embedscope.data.readers.read_collection` reads. A judged folder gives one row a query.
    split, columns, group
        As ``read_collection`` takes them.
    with_records : bool
        Keep the records of a file, which a repair needs and which take more memory than the rows: ``source``.

    Raises
    ------
    DataFormatError
        If the path cannot be read, is in no known format, or a row lacks a field or has one of a wrong type.
    InvalidOptionError
        If ``split`` is no portion of a file, or names a split that the folder does not have.
    """
    path = require_path(data) if is_path(data) else None
    with located(str(data)), without_collector():
        records, portion = read_source(data, split=split, group=group)
        if isinstance(records, Folder):
            refuse_columns(columns, f"a {records.format}")
            return _folder_rows(records)
        seen = _Seen(keeps_all=with_records or portion is not None)
        read = mapped_rows(records, any_weight=True, columns=columns, group=group, see=seen.take)
        rows, notes, mapping = read.rows, read.notes, read.mapping
        if portion is not None:
            rows, taken = take_portion(rows, portion)
            notes = [taken, *notes]
            seen.keep(rows)
        if not rows:
            raise DataFormatError("the data set has no rows, so there is nothing to look at. Give a file with rows.")
        source = None
        if with_records and path is not None and path.is_file():
            source = RecordSource(path, records.container, mapping, seen.records, records.cells)
        return RawRows(
            format=f"{mapping.format} {records.container}",
            row_name=records.row_name,
            rows=tuple(rows),
            repeated_types=tuple(seen.repeated_types),
            warnings=(*records.warnings, *notes),
            source=source,
            rest=tuple(seen.rest),
            columns=mapping.roles,
            first_records=tuple(seen.records[row.number] for row in rows[:N_FIRST]),
        )


@contextmanager
def without_collector() -> Iterator[None]:
    """While inside, no cycles are looked for among objects: of millions that stay, a fifth of the time goes there."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Seen:
    """What an audit keeps of the records beside their rows."""

    def __init__(self, *, keeps_all: bool) -> None:
        self._keeps_all = keeps_all
        self.records: dict[int, Fields] = {}  # by number; all, or the first
        self.rest: list[str] = []
        self.repeated_types: list[int] = []
        self._known: dict[str, str] = {}  # most rows state the same, or nothing

    def take(self, number: int, record: Fields, mapping: ColumnMapping) -> None:
        """Look at a record."""
        if self._keeps_all or len(self.records) < N_FIRST:
            self.records[number] = record
        rest = unread(record, mapping)
        self.rest.append(self._known.setdefault(rest, rest))
        if _names_a_type_twice(record, mapping):
            self.repeated_types.append(number)

    def keep(self, rows: Sequence[Row]) -> None:
        """Forget all but what belongs to ``rows``, a portion."""
        kept = {row.number for row in rows}
        self.rest = [rest for number, rest in zip(self.records, self.rest, strict=True) if number in kept]
        self.records = {number: record for number, record in self.records.items() if number in kept}
        self.repeated_types = [number for number in self.repeated_types if number in kept]


def _names_a_type_twice(record: Fields, mapping: ColumnMapping) -> bool:
    lists = [value for column in mapping.texts if isinstance(value := record.get(column), list)]
    types = [item.get("type") for value in lists for item in value if isinstance(item, dict)]
    return any(isinstance(own, list) and len(set(own)) < len(own) for own in types)


def _folder_rows(folder: Folder) -> RawRows:
    relevant: dict[str, list[str]] = defaultdict(list)
    for query, document, gain in folder.qrels:
        if gain > 0 and document in folder.documents:
            relevant[query].append(document)
    relevant_ids = {document for documents in relevant.values() for document in documents}
    rows = tuple(
        Row(text, tuple(folder.documents[d] for d in relevant[name]), (), number)
        for number, (name, text) in enumerate(folder.queries.items(), start=1)
    )
    extra = tuple(text for name, text in folder.documents.items() if name not in relevant_ids)
    return RawRows(folder.format, "query", rows, extra, (), folder.warnings)
