"""Records become rows: the texts, weights, gains and groups that their columns hold."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from embedscope.data.collection import Negative, Row
from embedscope.data.readers.columns import ColumnMapping, find_mapping, is_null, metadata_value
from embedscope.data.readers.containers import Fields, Records
from embedscope.data.readers.labels import gains_of
from embedscope.data.readers.source import kind_of, names
from embedscope.errors import DataFormatError

Slot = tuple[str, int | None]
"""Where a text stands in a record: the field, and the place in its list; None where the field is one text."""


_NOTHING_UNREAD = json.dumps([{}, []])


@dataclass(frozen=True, slots=True)
class MappedRows:
    """Rows, what each column is, and warnings for the person."""

    rows: list[Row]
    mapping: ColumnMapping
    notes: list[str]


def mapped_rows(
    records: Records,
    *,
    any_weight: bool = False,
    columns: Sequence[str] = (),
    group: str | None = None,
    see: Callable[[int, Fields, ColumnMapping], None] | None = None,
) -> MappedRows:
    """The rows that records are; ``records`` are empty afterwards, since both would take twice the memory.

    Parameters
    ----------
    any_weight : bool
        Read a weight that is not a number as NaN instead of refusing it.
    columns, group
        As :func:`~embedscope.data.readers.read_collection` takes them.
    see : callable, optional
        Is shown the number and the fields of each record and what its columns are, once its row is read.

    Returns
    -------
    MappedRows
        A null text is empty. A positive under the label 0 is a hard negative of its query, before those of columns.

    Raises
    ------
    DataFormatError
        If the columns are unclear, or a field is missing or of the wrong type.
    InvalidOptionError
        If ``columns`` or ``group`` name a column that is not there.
    """
    mapping, records, notes = find_mapping(records, columns=columns, group=group)
    n_texts = 0
    if mapping.label is not None:
        n_texts = sum(len(_slots(record, mapping.positive)) for _, record in records.items)
    rows = []
    for number, record in _let_go(records.items):
        rows.append(_row(number, record, mapping, records.row_name, any_weight))
        if see is not None:
            see(number, record, mapping)
    if mapping.label is not None:
        n_none = n_texts - sum(len(row.positives) for row in rows)
        notes.append(
            f"'{mapping.label}' labels {n_texts:,} texts: "
            + (
                f"{n_none:,} with 0 are hard negatives of their query, the others are relevant."
                if n_none
                else "none with 0, so all of them are relevant."
            )
        )
    return MappedRows(rows, mapping, notes)


def _let_go(items: list[tuple[int, Fields]]) -> Iterator[tuple[int, Fields]]:
    """The items in their order, each taken from the list before the next."""
    items.reverse()
    while items:
        yield items.pop()


def text_slots(record: Fields, mapping: ColumnMapping, place: str) -> tuple[list[Slot], list[Slot], list[float]]:
    """Where the positives and the hard negatives of a record stand, in their order, and the gains of the positives.

    Raises DataFormatError if there are not as many labels as texts.
    """
    stated = _slots(record, mapping.positive)
    gains = [1.0] * len(stated)
    if mapping.label is not None:
        gains = gains_of(record, mapping.label, len(stated), place)
    positives = [slot for slot, gain in zip(stated, gains, strict=True) if gain > 0]
    negatives = [slot for slot, gain in zip(stated, gains, strict=True) if gain == 0]
    for field in mapping.negatives:
        value = record.get(field)
        if not is_null(value) and value != "":
            negatives += _slots(record, field)
    return positives, negatives, [gain for gain in gains if gain > 0]


def unread(record: Fields, mapping: ColumnMapping) -> str:
    """What a record states beside texts, types, weights and ids, as one text that can be compared."""
    lists = [record.get(field) for field in mapping.texts]
    items = [item for value in lists if isinstance(value, list) for item in value if isinstance(item, dict)]
    known = {"text", "type", "weight", "title", "docid"}
    more = [own for item in items if (own := {k: v for k, v in item.items() if k not in known})]
    read = {mapping.query, *mapping.texts, *mapping.ids}
    rest = {field: value for field, value in record.items() if field not in read}
    if not (rest or more):
        return _NOTHING_UNREAD
    return json.dumps([rest, more], ensure_ascii=False, sort_keys=True, default=str)


def passage_text(record: Fields, place: str) -> str:
    """Title and text as one text, as BEIR joins them; an absent or null title is no title, a number is its digits."""
    parts = []
    for field in ("title", "text"):
        value = record.get(field)
        if is_null(value):
            if field not in record and field == "text":
                raise DataFormatError(f"{place}: the field 'text' is missing; there is {names(record)}.")
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # tables hold whole numbers so in a column with gaps
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise _wrong_type(place, field, "a string", value)
        parts.append(value.strip())
    return " ".join(filter(None, parts))


def _slots(record: Fields, field: str) -> list[Slot]:
    value = record.get(field)
    return [(field, index) for index in range(len(value))] if isinstance(value, list) else [(field, None)]


def _row(number: int, record: Fields, mapping: ColumnMapping, row_name: str, any_weight: bool) -> Row:
    place = f"{row_name} {number}"
    query = _required(record, mapping.query, place)
    if not (isinstance(query, str) or is_null(query)):
        raise _wrong_type(place, mapping.query, "a string", query)
    _required(record, mapping.positive, place)
    positives, negatives, gains = text_slots(record, mapping, place)
    return Row(
        query="" if is_null(query) else query,
        positives=tuple(_positive(record, slot, place) for slot in positives),
        negatives=tuple(_negative(record, slot, place, any_weight) for slot in negatives),
        number=number,
        group=None if mapping.group is None else group_of(record.get(mapping.group), mapping.group, place),
        metadata=tuple(_metadata(record, mapping.metadata)),
        gains=() if mapping.label is None else tuple(gains),
    )


def _metadata(record: Fields, columns: Iterable[str]) -> Iterator[tuple[str, str]]:
    for column in columns:
        value = metadata_value(record.get(column))
        if value is not None:
            yield column, value


def _required(record: Fields, field: str, place: str) -> Any:
    if field in record:
        return record[field]
    near = difflib.get_close_matches(field, record, n=1, cutoff=0.7)
    hint = f"Did you mean '{near[0]}' to be '{field}'?" if near else f"Add '{field}' to the row, or remove the row."
    raise DataFormatError(
        f"{place}: the field '{field}' is missing; the row has {names(record) or 'no fields'}. {hint}"
    )


def _wrong_type(place: str, field: str, expected: str, came: object) -> DataFormatError:
    return DataFormatError(f"{place}, field '{field}': expected {expected}, came {kind_of(came)}. Correct the row.")


def _item(record: Fields, slot: Slot) -> Any:
    """What stands in a slot."""
    field, index = slot
    return record[field] if index is None else record[field][index]


def _at(slot: Slot, place: str) -> str:
    """A slot in words."""
    field, index = slot
    return f"{place}, field '{field}'" + ("" if index is None else f", item {index + 1}")


def _positive(record: Fields, slot: Slot, place: str) -> str:
    """A text, or an object with its title and text."""
    item = _item(record, slot)
    if isinstance(item, str):
        return item
    if is_null(item):
        return ""
    at = _at(slot, place)
    if isinstance(item, dict) and slot[1] is not None:
        return _object_text(item, at)
    expected = "a string or a list of strings" if slot[1] is None else "a string"
    raise DataFormatError(f"{at}: expected {expected}, came {kind_of(item)}. Correct the row.")


def _negative(record: Fields, slot: Slot, place: str, any_weight: bool) -> Negative:
    """A text, or an object with its title, text, type and weight."""
    item = _item(record, slot)
    if isinstance(item, str) or is_null(item):
        return Negative(item if isinstance(item, str) else "")
    at = _at(slot, place)
    if isinstance(item, dict) and slot[1] is not None:
        _required(item, "text", at)
        weight = _weight(item.get("weight"), at, any_weight)
        return Negative(_object_text(item, at), _types(item.get("type"), at), weight)
    expected = "a string or a list" if slot[1] is None else "a string or an object {text, type, weight}"
    raise DataFormatError(f"{at}: expected {expected}, came {kind_of(item)}. Correct the row.")


def _object_text(item: Fields, place: str) -> str:
    """The text of an object as it stands there, behind its title where it has one."""
    stated = item.get("text")
    return stated if is_null(item.get("title")) and isinstance(stated, str) else passage_text(item, place)


def _types(value: object, place: str) -> tuple[str, ...]:
    """The types of a negative, each once, in order."""
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise _wrong_type(place, "type", "a string or a list of strings", value)
    for item in listed:
        if not isinstance(item, str):
            raise _wrong_type(place, "type", "strings only", item)
    return _one_for_all(tuple(dict.fromkeys(filter(None, (item.strip() for item in listed)))))


@lru_cache(maxsize=1 << 10)
def _one_for_all(types: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all that are equal: a million rows name a handful of types."""
    return types


def _weight(value: object, place: str, any_weight: bool) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        if any_weight:
            return math.nan
        raise _wrong_type(place, "weight", "a number", value)
    try:
        return float(value)
    except OverflowError:
        return float("inf")  # refused with the other weights that are not finite


def group_of(value: object, field: str, place: str) -> str | None:
    """The group of a row; a whole number is one group whether a table holds it as an integer or as a float."""
    if is_null(value) or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong_type(place, field, "a string or a whole number", value)
