"""Runs as tables: one row a document that was returned, under the usual names of the columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from embedscope.data.collection import excerpt
from embedscope.data.readers.containers import Fields, readable, unpacked
from embedscope.data.readers.qrels import identifier, spelled
from embedscope.data.readers.source import names
from embedscope.data.runs.run_entries import NO_ENTRIES, RunEntries, entries_of_columns, number
from embedscope.errors import DataFormatError
from embedscope.untrusted.arrow_tables import open_table

_COLUMNS = {
    "query": ("queryid", "qid", "topicid", "query", "topic", "q"),
    "document": ("corpusid", "docid", "documentid", "passageid", "pid", "did", "cid", "docno", "document", "doc", "d"),
    "score": ("score", "sim", "similarity"),
}
"""Names of each column, spelled without marks; the first that a table has counts."""


def names_run(columns: Iterable[str]) -> bool:
    """Whether a table has a column of queries, one of documents and one of scores."""
    return all(map(_found(columns).get, _COLUMNS))


def is_table_of_run(path: Path) -> bool:
    """Whether the columns of a Parquet or Arrow file are those of a run."""
    with readable("Parquet"), unpacked(path) as file, open_table(file, of=path) as table:
        return names_run(table.schema.names)


def read_table_run(path: Path) -> RunEntries:
    """The entries of a Parquet or Arrow file; raises DataFormatError if it is damaged or lacks a column."""
    with readable("Parquet"), unpacked(path) as file, open_table(file, of=path) as table:
        chosen = _chosen(table.schema.names)
        columns = table.columns([name for name in table.schema.names if name in chosen.values()])
    return entries_of_table(columns, layout="Parquet run")


def entries_of_table(table: Any, *, layout: str) -> RunEntries:
    """The entries of an Arrow table.

    Raises DataFormatError if it lacks a column, one holds something else than names or numbers, or a cell is empty.
    """
    chosen = _chosen(table.column_names)
    if not table.num_rows:
        raise DataFormatError(NO_ENTRIES)
    for name in chosen.values():
        if table[name].null_count:
            row = table[name].is_null().index(True).as_py() + 1
            raise DataFormatError(f"row {row}: the column '{name}' is empty.")
    queries, documents = (_as_names(table[chosen[role]], chosen[role]) for role in ("query", "document"))
    scores = _cast(table[chosen["score"]], "double", chosen["score"], "numbers")
    return entries_of_columns(queries, documents, scores, layout=layout, place=lambda entry: f"row {entry + 1}")


def entries_of_records(records: Sequence[tuple[str, Fields]], *, layout: str) -> RunEntries:
    """The entries of (place, fields) of each row; raises as `entries_of_table`, with the place."""
    import pyarrow as pa

    chosen = _chosen(list(dict.fromkeys(name for _, record in records for name in record)))
    columns: dict[str, list[Any]] = {role: [] for role in chosen}
    for place, record in records:
        for role, name in chosen.items():
            value = record.get(name)
            if role != "score":
                value = identifier(value, place)
            columns[role].append(number(value, place) if role == "score" else value)
    arrays = [pa.chunked_array([pa.array(columns[role])]) for role in _COLUMNS]
    return entries_of_columns(*arrays, layout=layout, place=lambda entry: records[entry][0])


def _found(columns: Iterable[str]) -> dict[str, str]:
    """The column of each role that a table has."""
    by_name = {spelled(name): name for name in reversed(list(columns))}
    return {
        role: by_name[next(name for name in known if name in by_name)]
        for role, known in _COLUMNS.items()
        if not by_name.keys().isdisjoint(known)
    }


def _chosen(columns: Sequence[str]) -> dict[str, str]:
    chosen = _found(columns)
    missing = [role for role in _COLUMNS if role not in chosen]
    if missing:
        raise DataFormatError(
            f"the columns {names(columns)} hold no {' and no '.join(missing)}. Expected were columns such as query-id, "
            "corpus-id and score."
        )
    return chosen


def _as_names(column: Any, name: str) -> Any:
    """A column of names as strings; whole numbers, also those that pandas made floats, are names too."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = _cast(column, "int64", name, "whole numbers")
    if not (pa.types.is_integer(column.type) or _is_text(column.type)):
        raise DataFormatError(f"the column '{name}' holds {column.type}; expected ids or texts.")
    return column.cast(pa.string())


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return any((pa.types.is_string(kind), pa.types.is_large_string(kind), pa.types.is_string_view(kind)))


def _cast(column: Any, kind: str, name: str, expected: str) -> Any:
    import pyarrow as pa

    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        raise DataFormatError(
            f"the column '{name}' holds {column.type} where {expected} were expected ({excerpt(str(error), 80)})."
        ) from error
