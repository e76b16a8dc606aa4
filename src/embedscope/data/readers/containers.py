"""JSON, JSONL, CSV and Parquet as numbered records: dicts of fields, whose meaning is not yet decided."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedscope.data.collection import excerpt
from embedscope.data.readers.source import kind_of, names, parse_json, read_head, read_lines, read_text, surrogate_note
from embedscope.errors import DataFormatError

Fields = dict[str, Any]

_DELIMITERS = {",": "CSV", "\t": "TSV", ";": "CSV"}
_EXPECTED = (
    "Expected was a JSON list of rows ([{...}, ...]), JSONL (one {...} a line), CSV with a header line, a Parquet file "
    "or a BEIR folder"
)


@dataclass(frozen=True, slots=True)
class Records:
    """What a file holds: (number, fields) of each record, with the number that a person would count."""

    container: str  # "JSON", "JSONL", "CSV", "TSV" or "Parquet"
    row_name: str  # what the numbers count: "row" or "line"
    items: list[tuple[int, Fields]]
    warnings: tuple[str, ...] = ()


def read_records(path: Path) -> Records:
    """All records of a data file; the kind of file is recognised from its first bytes."""
    head = read_head(path)
    if head.startswith(b"PAR1"):
        return _read_parquet(path)
    first = head.lstrip()[:1]
    if first == b"[":
        return _read_json(path)
    if first == b"{":
        return _read_json_lines(path) if _is_json_lines(path) else _read_json(path)
    return _read_delimited(path, head)


def _is_json_lines(path: Path) -> bool:
    """Whether the first line is a row by itself, or another row follows it; if not, an object spans the file."""
    lines = read_lines(path)
    _, first = next(lines)
    second = next(lines, None)
    if second is not None and second[1].startswith("{"):
        return True
    try:
        value, _ = parse_json(first)
    except DataFormatError:
        return False
    return second is not None or not isinstance(value, dict) or _wrapped_rows(value) is None


def _read_json_lines(path: Path) -> Records:
    items: list[tuple[int, Fields]] = []
    n_replaced = 0
    for number, line in read_lines(path):
        value, n = parse_json(line, line=number)
        n_replaced += n
        items.append((number, _require_object(value, f"line {number}")))
    return Records("JSONL", "line", items, tuple(surrogate_note(n_replaced)))


def _read_json(path: Path) -> Records:
    value, n_replaced = parse_json(read_text(path))
    warnings = surrogate_note(n_replaced)
    if isinstance(value, dict):
        field = _wrapped_rows(value)
        if field is None:
            value = [value]
        else:
            warnings.append(f"the rows were taken from the field '{field}' of the JSON object.")
            value = value[field]
    if not isinstance(value, list):  # pragma: no cover - the file starts with [ or {
        raise DataFormatError(f"the JSON is {kind_of(value)}. {_EXPECTED}.")
    if not value:
        raise DataFormatError("the list is empty; a data set with at least 2 queries was expected.")
    items = [(number, _require_object(row, f"row {number}")) for number, row in enumerate(value, start=1)]
    return Records("JSON", "row", items, tuple(warnings))


def _wrapped_rows(value: Fields) -> str | None:
    """The field of a top-level object that holds the rows; None if the object looks like a row itself."""
    if any(isinstance(value.get(field), str) for field in ("query", "anchor")):
        return None
    lists = [field for field, items in value.items() if isinstance(items, list)]
    if len(lists) == 1 and all(isinstance(item, dict) for item in value[lists[0]]):
        return lists[0]
    raise DataFormatError(
        f"the file is one JSON object with the fields {names(value)}, and {len(lists)} of them hold a list, so the "
        'rows are unclear. Write a list of rows [{"query": ..., "pos": ...}, ...], or one field with that list.'
    )


def _require_object(value: object, place: str) -> Fields:
    if isinstance(value, dict):
        return value
    raise DataFormatError(f"{place}: expected a row {{...}} with fields such as query and pos, came {kind_of(value)}.")


def _read_delimited(path: Path, head: bytes) -> Records:
    header = head.decode("utf-8", errors="replace").lstrip().splitlines()[0]
    delimiter = max(_DELIMITERS, key=header.count)
    if header.count(delimiter) == 0 or "\n" not in head.decode("utf-8", errors="replace"):
        _refuse_unknown(path, header)
    text = read_text(path)
    items = list(_delimited_rows(text, delimiter))
    if not items:
        raise DataFormatError("the file has a header line and no rows; at least 2 queries were expected.")
    return Records(_DELIMITERS[delimiter], "line", items)


def _refuse_unknown(path: Path, header: str) -> None:
    if path.suffix.lower() in {".csv", ".tsv"}:
        raise DataFormatError(
            f"the first line {excerpt(header)} was expected to be a header with at least two columns, such as "
            "anchor,positive, and rows below it. Add the missing column or the missing rows."
        )
    raise DataFormatError(f"the file begins with {excerpt(header)}, which is no format that is read here. {_EXPECTED}.")


def _delimited_rows(text: str, delimiter: str) -> Iterator[tuple[int, Fields]]:
    """Records of a delimited text with a header, numbered by the line they begin in; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataFormatError(
                f"line {line}: the table cannot be read ({error}). A quotation mark that is not closed is the usual "
                'cause: write quotation marks inside a quoted cell twice ("").'
            ) from error
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = [cell.strip() for cell in cells]
            if len(set(header)) < len(header):
                raise DataFormatError(f"line 1: the columns {names(header)} need a name each, and no name twice.")
        elif len(cells) != len(header):
            raise DataFormatError(
                f"line {line}: {len(cells)} cells, but the header has {len(header)} columns ({names(header)}). A cell "
                "that holds the separator must stand in quotation marks."
            )
        else:
            yield line, dict(zip(header, cells, strict=True))


def _read_parquet(path: Path) -> Records:
    items = list(enumerate(parquet_rows(path), start=1))
    if not items:
        raise DataFormatError("the Parquet file has no rows; at least 2 queries were expected.")
    return Records("Parquet", "row", items)


def parquet_rows(path: Path, columns: tuple[str, ...] | None = None) -> Iterator[Fields]:
    """Rows of a Parquet file as dicts; ``columns`` limits them to those of these that the file has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            present = [n for n in file.schema_arrow.names if not n.startswith("__index_level_")]
            if len(set(present)) < len(present):
                raise DataFormatError(f"the columns {names(present)} need a name each, and no name twice.")
            wanted = present if columns is None else [name for name in present if name in columns]
            for batch in file.iter_batches(columns=wanted):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError, ArithmeticError, KeyError, TypeError) as error:
        raise DataFormatError(
            f"the Parquet file cannot be read ({excerpt(str(error), 120)}). It is damaged or cut off; write or "
            "download it again."
        ) from error
