"""A data file with some of its values changed, and everything else as it stands.

Rows that no edit touches come out character for character; a row that one touches keeps its fields, their types and
their order. The container stays: JSON (also rows inside an object), JSONL, CSV and TSV.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from embedscope.data.readers.columns import ColumnMapping
from embedscope.data.readers.containers import Fields
from embedscope.data.readers.delimited import Cells, written_row
from embedscope.data.readers.list_cells import closed, says_null
from embedscope.data.readers.rows import Slot, text_slots
from embedscope.data.readers.source import UTF8_BOM, read_text
from embedscope.errors import InvalidOptionError

PATCHABLE = ("JSON", "JSONL", "CSV", "TSV")
"""Containers that are text, so that a row can be replaced and the rest left as it is."""

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
Span = tuple[int, int]


class Part(Enum):
    """Which part of a row is edited."""

    ROW = "row"
    QUERY = "query"
    POSITIVE = "positive"
    NEGATIVE = "negative"


class Action(Enum):
    """What is done to it."""

    REMOVE = "remove"
    RESTORE = "restore"  # each string of the part becomes what ``restore`` makes of it
    UNTYPE = "untype"  # the types in ``value`` are taken from a negative
    NAME_ONCE = "name once"  # every negative of the row names each type once
    WEIGH = "weigh"  # the weight becomes ``value``; None takes the field out


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing to do to a row; ``place`` counts its positives or its negatives from 0, in the order of the file."""

    row: int
    code: str
    change: str
    part: Part
    action: Action
    place: int = 0
    value: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """A value that was changed: why (the code of the finding), in which field, from what to what.

    ``field`` is a path such as ``hard_neg[1].weight``, counted from 0 as the input has it, "" for the row as a whole.
    ``after`` is None where the value was taken out.
    """

    row: int
    code: str
    change: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RecordSource:
    """Where rows come from: the file, what it is, and its records by the number of the row."""

    path: Path
    container: str
    mapping: ColumnMapping
    records: dict[int, Fields]
    cells: Cells | None = None  # of CSV and TSV


def patched(
    source: RecordSource, edits: Iterable[Edit], *, restore: Callable[[str], str]
) -> tuple[str, tuple[Change, ...]]:
    """The text of the file after the edits, and every value that is another than before.

    Parameters
    ----------
    source : RecordSource
        Its container is one of :data:`PATCHABLE`.
    edits : iterable of Edit
        In the order in which they are made; removals of texts are made last.
    restore : callable
        What becomes of a string under :attr:`Action.RESTORE`.
    """
    by_row: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_row[edit.row].append(edit)
    text = read_text(source.path)
    spans = _spans(text, source)
    cells_of = {} if source.cells is None else {line.number: line.cells for line in source.cells.lines}
    changes: list[Change] = []
    rows: dict[int, str | None] = {}
    for number, own in by_row.items():
        start, end = spans[number]
        # Read again: the reader replaces halves of surrogate pairs, which stay where nothing else is changed.
        fields = json.loads(text[start:end]) if source.cells is None else source.records[number]
        record = _Record(fields, source, restore)
        made = record.edited(own)
        if made is None:
            rows[number] = None
        elif record.changes:
            rows[number] = (
                _written(made, text[start:end])
                if source.cells is None
                else written_row(_as_cells(made, cells_of[number], source.mapping), text[start:end], source.cells)
            )
        changes += record.changes
    bom = "\ufeff" if source.path.read_bytes().startswith(UTF8_BOM) else ""
    return bom + _spliced(text, spans, rows), tuple(changes)


class _Record:
    """A record under edits, with the changes that they made."""

    def __init__(self, record: Fields, source: RecordSource, restore: Callable[[str], str]) -> None:
        self._before = record
        self._record = copy.deepcopy(record)
        self._source, self._mapping, self._restore = source, source.mapping, restore
        self._positives, self._negatives, _ = text_slots(record, source.mapping, "")
        self.changes: list[Change] = []

    def edited(self, edits: Sequence[Edit]) -> Fields | None:
        """The record after the edits; None where it is removed."""
        gone = [edit for edit in edits if edit.part is Part.ROW and edit.action is Action.REMOVE]
        removals = [edit for edit in edits if edit.part is not Part.ROW and edit.action is Action.REMOVE]
        for edit in edits:
            if edit.action is not Action.REMOVE:
                self._apply(edit)
        for edit in sorted(removals, key=lambda e: -(self._slot(e)[1] or 0)):  # the last first: indices stay right
            if not gone:
                self._require_no_label_alone(edit)
            self._remove(edit)
        for edit in gone:
            self._note(edit, "", self._before, None)
        return None if gone else self._record

    def _note(self, edit: Edit, field: str, before: object, after: object) -> None:
        self.changes.append(Change(edit.row, edit.code, edit.change, field, before, after))

    def _apply(self, edit: Edit) -> None:
        if edit.action is Action.NAME_ONCE:
            for slot in self._negatives:
                self._set_types(edit, slot, frozenset())
        elif edit.action is Action.UNTYPE:
            self._set_types(edit, self._negatives[edit.place], edit.value)
        elif edit.action is Action.WEIGH:
            self._weigh(edit, self._negatives[edit.place])
        else:
            self._restore_slot(edit, self._slot(edit))

    def _slot(self, edit: Edit) -> Slot:
        if edit.part is Part.QUERY:
            return self._mapping.query, None
        return (self._positives if edit.part is Part.POSITIVE else self._negatives)[edit.place]

    def _restore_slot(self, edit: Edit, slot: Slot) -> None:
        holder, key, path = self._place_of(slot)
        found, item = [(holder, key, path)], holder[key]
        if not isinstance(item, str):
            parts = ("title", "text")
            found = [(item, name, f"{path}.{name}") for name in parts if isinstance(item.get(name), str)]
        for holder, key, path in found:
            before = holder[key]
            after = self._restore(before)
            if after != before:
                holder[key] = after
                self._note(edit, path, before, after)

    def _place_of(self, slot: Slot) -> tuple[Any, Any, str]:
        field, index = slot
        return (self._record, field, field) if index is None else (self._record[field], index, f"{field}[{index}]")

    def _set_types(self, edit: Edit, slot: Slot, without: frozenset[str]) -> None:
        holder, key, path = self._place_of(slot)
        item = holder[key]
        listed = item.get("type") if isinstance(item, dict) else None
        if not isinstance(listed, list):
            return
        first = {name.strip(): name for name in reversed(listed) if name.strip() not in without}
        kept = list(dict.fromkeys(first[name.strip()] for name in listed if name.strip() in first))
        if kept != listed:
            item["type"] = kept
            self._note(edit, f"{path}.type", listed, kept)

    def _weigh(self, edit: Edit, slot: Slot) -> None:
        holder, key, path = self._place_of(slot)
        item, weight = holder[key], edit.value
        before = item["weight"]
        if weight is None:
            del item["weight"]
        else:
            item["weight"] = int(weight) if isinstance(before, int) and float(weight).is_integer() else weight
        self._note(edit, f"{path}.weight", before, item.get("weight"))

    def _require_no_label_alone(self, edit: Edit) -> None:
        """Raise where a label would be left without its text, in a row that stays for its other texts."""
        if self._mapping.label is not None and self._slot(edit) == (self._mapping.positive, None):
            raise InvalidOptionError(
                f"--fix cannot take the text of '{self._mapping.positive}' out of row {edit.row} ({edit.change}): its "
                f"label in '{self._mapping.label}' would be left without a text. Remove the row, or put its negatives "
                "into rows of their own."
            )

    def _remove(self, edit: Edit) -> None:
        field, index = self._slot(edit)
        if index is None:
            before = self._record[field]
            self._record[field] = None if self._source.container.startswith("JSON") else ""
            self._note(edit, field, before, self._record[field])
            return
        for name in (field, *self._parallel(field)):
            self._note(edit, f"{name}[{index}]", self._record[name].pop(index), None)

    def _parallel(self, field: str) -> list[str]:
        """Lists that go along with a list of texts, item by item (``pos_scores`` with ``pos``)."""
        n = len(self._before[field])
        return [
            name
            for name, value in self._before.items()
            if name not in self._mapping.texts and isinstance(value, list) and len(value) == n
            if name.startswith(f"{field}_") or (name, field) == (self._mapping.label, self._mapping.positive)
        ]


def _spans(text: str, source: RecordSource) -> dict[int, Span]:
    """Start and end of every record in the text of the file, by its number."""
    if source.cells is not None:
        return _cell_spans(text, source, source.cells)
    return dict(_line_spans(text) if source.container == "JSONL" else enumerate(_json_spans(text, source), start=1))


def _line_spans(text: str) -> Iterator[tuple[int, Span]]:
    start = 0
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.strip()
        if bare:
            begin = start + line.index(bare)
            yield number, (begin, begin + len(bare))
        start += len(line) + 1


def _json_spans(text: str, source: RecordSource) -> Iterator[Span]:
    start = _after_blank(text, 0)
    if text[start] == "{":
        value, end = _DECODER.raw_decode(text, start)
        if next(iter(source.records.values())).keys() == value.keys():  # the object is itself the only row
            yield start, end
            return
        start = _list_in_object(text, start)
    place = _after_blank(text, start + 1)
    while text[place] != "]":
        _, end = _DECODER.raw_decode(text, place)
        yield place, end
        place = _after_blank(text, end)
        if text[place] == ",":
            place = _after_blank(text, place + 1)


def _list_in_object(text: str, start: int) -> int:
    """Where the list of rows begins in the object that holds it beside other fields, none of which is a list."""
    place = _after_blank(text, start + 1)
    while True:
        _, end = _DECODER.raw_decode(text, place)
        place = _after_blank(text, _after_blank(text, end) + 1)  # behind the colon
        if text[place] == "[":
            return place
        _, end = _DECODER.raw_decode(text, place)
        place = _after_blank(text, _after_blank(text, end) + 1)  # behind the comma


def _after_blank(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return place if match is None else match.end()


def _cell_spans(text: str, source: RecordSource, cells: Cells) -> dict[int, Span]:
    starts = [0]
    for line in io.StringIO(text, newline=""):
        starts.append(starts[-1] + len(line))
    spans = {}
    for row in cells.lines:
        if row.number in source.records:
            start, end = starts[row.number - 1], starts[row.number - 1 + row.n_lines]
            spans[row.number] = (start, start + len(text[start:end].rstrip("\r\n")))
    return spans


def _spliced(text: str, spans: dict[int, Span], rows: dict[int, str | None]) -> str:
    """``text`` with the spans of some rows replaced, or removed with the separator before them."""
    listed = sorted(spans.items(), key=lambda item: item[1])
    parts = [text[: listed[0][1][0]]]
    is_first, previous = True, listed[0][1][0]
    for number, (start, end) in listed:
        row = rows.get(number, text[start:end])
        if row is not None:
            parts += [row] if is_first else [text[previous:start], row]
            is_first = False
        previous = end
    return "".join([*parts, text[previous:]])


def _as_cells(record: Fields, before: Sequence[str], mapping: ColumnMapping) -> list[str]:
    """The values of the record as cells; lists and nulls are written as the cells ``before`` wrote them."""
    return [
        closed(value, cell)
        if field in mapping.lists and isinstance(value, list)
        else cell
        if not value and says_null(cell)
        else value
        for (field, value), cell in zip(record.items(), before, strict=True)
    ]


def _written(record: Fields, text: str) -> str:
    """The record in the manner in which ``text`` wrote it: indented or not, escaped or not."""
    lines = text.split("\n")
    options: dict[str, Any] = {"ensure_ascii": text.isascii() and "\\u" in text}
    if len(lines) == 1:
        if not re.search(r'[^\\]":\s', text):
            options["separators"] = (",", ":")
        return _encodable(record, options)
    outer, inner = (line[: len(line) - len(line.lstrip(" \t"))] for line in (lines[-1], lines[1]))
    options["indent"] = inner.removeprefix(outer) or None
    end = "\r\n" if "\r\n" in text else "\n"
    return _encodable(record, options).replace("\n", end + outer)


def _encodable(record: Fields, options: dict[str, Any]) -> str:
    made = json.dumps(record, **options)
    try:
        made.encode()
    except UnicodeEncodeError:  # half of a surrogate pair can stand in a file only as an escape
        return json.dumps(record, **{**options, "ensure_ascii": True})
    return made
