"""Labels beside positives: what they state as gains, and what speaks against reading them so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from embedscope.data.readers.column_names import spelled
from embedscope.data.readers.containers import Fields, Records
from embedscope.data.readers.source import kind_of
from embedscope.errors import DataFormatError

_GRADES = {"relevance", "relevancescore", "relevancelabel", "gain", "grade", "judgment", "judgement"}
"""Names, as they are spelled, of labels that are gains also where 0 does not occur."""


@dataclass(frozen=True, slots=True)
class LabelFault:
    """Why a column is not read as gains; ``can_be_stated`` where a person may know that it holds them."""

    text: str
    can_be_stated: bool = False


def gain_of(value: object) -> float | None:
    """The gain that a label states: a finite number, or true and false, also as a text; None where it states none.

    >>> [gain_of(value) for value in (True, "false", "1.0", 3, None, "yes")]
    [1.0, 0.0, 1.0, 3.0, None, None]
    """
    if isinstance(value, str):
        text = value.strip().casefold()
        value = {"true": 1.0, "false": 0.0}.get(text, text)
    if not isinstance(value, int | float | str | Decimal):
        return None
    try:
        gain = float(value)
    except (ValueError, OverflowError):
        return None
    return gain if math.isfinite(gain) else None


def label_fault(field: str, records: Records, *, is_stated: bool) -> LabelFault | None:
    """What speaks against reading the column ``field`` as gains; a stated column is taken at its word.

    Fractions are similarities or scores of a teacher, and a scale that does not reach 0 does not say which positives
    are not relevant: both need the person's word. What is no number, or negative, is no gain at all.
    """
    gains: set[float] = set()
    for place, item in _items(field, records):
        gain = gain_of(item)
        if gain is None or gain < 0:
            return LabelFault(f"{place}: the label is {kind_of(item)}, and a number of 0 or more was expected")
        if not gain.is_integer() and not is_stated:
            return LabelFault(f"{place}: the label {item} looks like a similarity and not like a judgment", True)
        gains.add(gain)
    if len(gains) > 1 and min(gains) > 0 and spelled(field) not in _GRADES and not is_stated:
        low, high = min(gains), max(gains)
        return LabelFault(f"the labels of '{field}' run from {low:g} to {high:g}, and none is 0", True)
    return None


def gains_of(record: Fields, field: str, n: int, place: str) -> list[float]:
    """The gains of the ``n`` positives of a record: one label of one positive, or a list by position.

    Raises DataFormatError if there is another number of labels than of positives. The column is one of gains.
    """
    value = record.get(field)
    labels = value if isinstance(value, list) else [value]
    if len(labels) != n:
        count = f"{len(labels)} label{'s' * (len(labels) != 1)} for {n} positive{'s' * (n != 1)}"
        raise DataFormatError(
            f"{place}, field '{field}': {count}; labels belong to positives by position. Correct the row."
        )
    return [gain_of(label) or 0.0 for label in labels]


def _items(field: str, records: Records) -> Iterator[tuple[str, object]]:
    """(place, label) of every label."""
    for number, record in records.items:
        value = record.get(field)
        place = f"{records.row_name} {number}, field '{field}'"
        yield from ((place, item) for item in (value if isinstance(value, list) else [value]))
