"""The rows of a data set as its file states them, before texts are merged: what an audit has to see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedscope.audit.patching import RecordSource
from embedscope.data.collection import Row
from embedscope.data.readers import read_source
from embedscope.data.readers.dialects import rows_with_dialect, unread
from embedscope.data.readers.folders import Folder
from embedscope.data.readers.objects import is_path
from embedscope.data.readers.portion import take_portion
from embedscope.data.readers.source import located, require_path
from embedscope.errors import DataFormatError


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


def read_rows(
    data: str | Path, *, split: str | None = None, columns: Sequence[str] = (), group: str | None = None
) -> RawRows:
    """The rows of a data file or folder, with every fault that a :class:`Collection` would merge away or refuse.

    Parameters
    ----------
    data : str or Path
        What :func:`~embedscope.data.readers.read_collection` reads. A judged folder gives one row a query.
    split, columns, group
        As ``read_collection`` takes them.

    Raises
    ------
    DataFormatError
        If the path cannot be read, is in no known format, or a row lacks a field or has one of a wrong type.
    InvalidOptionError
        If ``split`` is no portion of a file, or names a split that the folder does not have.
    """
    path = require_path(data) if is_path(data) else None
    with located(str(data)):
        records, portion = read_source(data, split=split, group=group)
        if isinstance(records, Folder):
            return _folder_rows(records)
        rows, dialect, notes = rows_with_dialect(records, any_weight=True, columns=columns, group=group)
        if portion is not None:
            rows, taken = take_portion(rows, portion)
            notes = [taken, *notes]
        if not rows:
            raise DataFormatError("the data set has no rows, so there is nothing to look at. Give a file with rows.")
        kept = {row.number for row in rows}
        by_number = {number: record for number, record in records.items if number in kept}
        return RawRows(
            format=f"{dialect.name} {records.container}",
            row_name=records.row_name,
            rows=tuple(rows),
            repeated_types=tuple(n for n, record in by_number.items() if _names_a_type_twice(record)),
            warnings=(*records.warnings, *notes),
            source=None if path is None else RecordSource(path, records.container, dialect, by_number),
            rest=tuple(unread(by_number[row.number], dialect) for row in rows),
        )


def _names_a_type_twice(record: dict[str, object]) -> bool:
    negatives = record.get("hard_neg", record.get("neg"))
    lists = [item.get("type") for item in negatives if isinstance(item, dict)] if isinstance(negatives, list) else []
    return any(isinstance(types, list) and len(set(types)) < len(types) for types in lists)


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
