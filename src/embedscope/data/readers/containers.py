"""JSON, JSONL, CSV, Parquet and Arrow as numbered records: dicts of fields, whose meaning is not yet decided."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedscope.data.collection import excerpt
from embedscope.data.readers.compressed import open_bytes
from embedscope.data.readers.delimited import SEPARATORS, Cells, read_table
from embedscope.data.readers.source import (
    begins_with_a_long_line,
    kind_of,
    names,
    parse_json,
    read_head,
    read_lines,
    read_text,
    surrogate_note,
)
from embedscope.errors import DataFormatError
from embedscope.untrusted.arrow_tables import open_table

Fields = dict[str, Any]

_EVALUATOR_NAMES = {
    "queries": ("queries",),
    "corpus": ("corpus", "documents"),
    "relevant_docs": ("relevantdocs", "qrels", "default"),
}
_DELIMITED = {"\t": "TSV", ",": "CSV", ";": "CSV"}
_EXPECTED = (
    "Expected was a JSON list of rows ([{...}, ...]), JSONL (one {...} a line), CSV with a header line, a Parquet or "
    "Arrow file, any of them also compressed, or a BEIR folder"
)


@dataclass(frozen=True, slots=True)
class Records:
    """What a file holds: (number, fields) of each record, with the number that a person would count."""

    container: str  # "JSON", "JSONL", "CSV", "TSV", "Parquet" or "Arrow"
    row_name: str  # what the numbers count: "row" or "line"
    items: list[tuple[int, Fields]]
    warnings: tuple[str, ...] = ()
    cells: Cells | None = None  # how CSV and TSV are written


@dataclass(frozen=True, slots=True)
class RecordStream:
    """Records that are read as they are asked for; the warnings are complete when all have been read."""

    container: str
    row_name: str
    items: Iterable[tuple[int, Fields]]
    warnings: list[str] = field(default_factory=list)
    cells: Cells | None = None


def read_records(path: Path) -> Records:
    """All records of a data file; the kind of file is recognised from its first bytes."""
    stream = open_records(path)
    items = list(stream.items)
    if not items:
        raise DataFormatError(f"the {stream.container} file has no rows; at least 2 queries were expected.")
    return Records(stream.container, stream.row_name, items, tuple(stream.warnings), stream.cells)


def open_records(path: Path, wanted: Callable[[str], bool] | None = None) -> RecordStream:
    """The records of a data file one after the other; of Parquet and Arrow only the columns that are ``wanted``."""
    head = read_head(path)
    if head.startswith(b"PAR1"):
        return RecordStream("Parquet", "row", enumerate(_table_rows(path, "Parquet", wanted), start=1))
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return RecordStream("Arrow", "row", enumerate(_table_rows(path, "Arrow", wanted), start=1))
    first = head.lstrip()[:1]
    if first == b"[":
        return _json_rows(*parse_json(read_text(path)))
    if first == b"{":
        value, n_replaced = single_object(path)
        return _json_lines(path) if value is None else _json_rows(value, n_replaced)
    return _delimited_rows(path, head)


def single_object(path: Path) -> tuple[Fields | None, int]:
    """The JSON object that is the whole of a file, and how many lone surrogates were in it; None if it is JSONL."""
    if not {".jsonl", ".ndjson"}.isdisjoint(path.suffixes) or not begins_with_a_long_line(path):
        lines = read_lines(path)
        _, first = next(lines)
        second = next(lines, None)
        if second is not None and (second[1].startswith("{") or _is_json(first)):
            return None, 0
    value, n_replaced = parse_json(read_text(path))
    return (value, n_replaced) if isinstance(value, dict) else (None, 0)


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except DataFormatError:
        return False
    return True


def _json_lines(path: Path) -> RecordStream:
    warnings: list[str] = []

    def items() -> Iterator[tuple[int, Fields]]:
        n_replaced = 0
        for number, line in read_lines(path):
            value, n = parse_json(line, line=number)
            n_replaced += n
            yield number, _require_object(value, f"line {number}")
        warnings.extend(surrogate_note(n_replaced))

    return RecordStream("JSONL", "line", items(), warnings)


def _json_rows(value: object, n_replaced: int) -> RecordStream:
    warnings = surrogate_note(n_replaced)
    if isinstance(value, dict):
        wrapped = _wrapped_rows(value)
        if wrapped is None:
            value = [value]
        else:
            warnings.append(f"the rows were taken from the field '{wrapped}' of the JSON object.")
            value = value[wrapped]
    if not isinstance(value, list):  # pragma: no cover - the file starts with [ or {
        raise DataFormatError(f"the JSON is {kind_of(value)}. {_EXPECTED}.")
    if not value:
        raise DataFormatError("the list is empty; rows were expected.")
    items = [(number, _require_object(row, f"row {number}")) for number, row in enumerate(value, start=1)]
    return RecordStream("JSON", "row", items, warnings)


def evaluator_keys(value: Mapping[Any, object]) -> dict[str, list[Any]] | None:
    """The keys of queries, corpus and relevant documents, as LlamaIndex and evaluators have them, in any spelling.

    None where one part is absent. A part under several keys is unclear.

    >>> evaluator_keys({"Queries": {}, "documents": {}, "relevantDocs": {}, "name": "x"})
    {'queries': ['Queries'], 'corpus': ['documents'], 'relevant_docs': ['relevantDocs']}
    """
    spelled = {key: re.sub(r"[\W_]", "", str(key)).lower() for key in value}
    found = {part: [key for key, name in spelled.items() if name in known] for part, known in _EVALUATOR_NAMES.items()}
    return found if all(found.values()) else None


def _wrapped_rows(value: Fields) -> str | None:
    """The field of a top-level object that holds the rows; None if the object is a record itself."""
    if any(isinstance(value.get(name), str) for name in ("query", "anchor")) or evaluator_keys(value):
        return None
    lists = [name for name, items in value.items() if isinstance(items, list)]
    if len(lists) == 1 and all(isinstance(item, dict) for item in value[lists[0]]):
        return lists[0]
    if any(isinstance(stated, str) for stated in value.values()):
        return None
    raise DataFormatError(
        f"the file is one JSON object with the fields {names(value)}, and {len(lists)} of them hold a list, so the "
        'rows are unclear. Write a list of rows [{"query": ..., "pos": ...}, ...], or one field with that list; '
        "pandas does so with to_json(orient='records')."
    )


def _require_object(value: object, place: str) -> Fields:
    if isinstance(value, dict):
        return value
    raise DataFormatError(f"{place}: expected a row {{...}} with fields such as query and pos, came {kind_of(value)}.")


def _delimited_rows(path: Path, head: bytes) -> RecordStream:
    shown = head.decode("utf-8", errors="replace").lstrip()
    first = shown.splitlines()[0]
    is_named = any(suffix in {".csv", ".tsv"} for suffix in path.suffixes)
    if not is_named and ("\n" not in shown or not any(separator in first for separator in SEPARATORS)):
        raise DataFormatError(
            f"the file begins with {excerpt(first)}, which is no format that is read here. {_EXPECTED}."
        )
    table = read_table(read_text(path, is_table=True))
    if not table.rows:
        raise DataFormatError("the file has a header line and no rows; at least 2 queries were expected.")
    items = ((line.number, dict(zip(table.columns, line.cells, strict=True))) for line in table.rows)
    return RecordStream(_DELIMITED[table.cells.separator], "line", items, list(table.notes), table.cells)


def _table_rows(path: Path, container: str, wanted: Callable[[str], bool] | None) -> Iterator[Fields]:
    """Rows of a Parquet file, or of an Arrow file or stream, as Feather and Hugging Face write them."""
    with readable(container), unpacked(path) as file, open_table(file, of=path) as table:
        present = [name for name in table.schema.names if not name.startswith("__index_level_")]
        chosen = present if wanted is None else list(filter(wanted, present)) or present
        for batch in table.batches(chosen):
            yield from named_classes(batch.to_pylist(), table.schema)


def named_classes(rows: list[Fields], schema: Any) -> list[Fields]:
    """The rows with the names of classes in place of their numbers, where Hugging Face states them (``ClassLabel``).

    The order of the names is anybody's: "entailment" is 0 in some data sets, and "not a duplicate" in others.
    """
    stated = (schema.metadata or {}).get(b"huggingface")
    if stated is None:
        return rows
    try:
        features = json.loads(stated)["info"]["features"].items()
        classes = {name: feature["names"] for name, feature in features if feature.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):  # of another version, or damaged
        return rows
    for row in rows:
        for name in classes.keys() & row.keys():
            value = row[name]
            row[name] = classes[name][value] if isinstance(value, int) and 0 <= value < len(classes[name]) else None
    return rows


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The file, or a temporary file of what a compressed one holds: Parquet and Arrow need random access."""
    with open_bytes(path) as stream:
        if stream.seekable():
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder) / "unpacked"
            with unpacked.open("wb") as file:
                shutil.copyfileobj(stream, file)
            yield unpacked


@contextmanager
def readable(container: str) -> Iterator[None]:
    """Turn what pyarrow raises for a damaged file into an error that says so."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, ArithmeticError, KeyError, TypeError, IndexError) as error:
        raise DataFormatError(
            f"the {container} file cannot be read ({excerpt(str(error), 120)}). It is damaged or cut off; write or "
            "download it again."
        ) from error
