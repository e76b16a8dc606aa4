"""What the fields of a record mean: records of a known dialect become rows."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedscope.data.collection import Negative, Row
from embedscope.data.readers.containers import Fields, Records
from embedscope.data.readers.source import kind_of, names
from embedscope.errors import DataFormatError
from embedscope.settings import quoted

_NEGATIVE_COLUMN = re.compile(r"negative(_\d+)?\Z")
_ID_NAMES = {"id", "_id", "idx", "index", "qid", "docid", "query_id", "doc_id", "pid"}
_SCORE_NAMES = {"score", "scores", "label", "labels", "similarity"}
_PROMPT_NAMES = {"prompt", "instruction"}
_LONGEST_VALUE = 80
"""Characters of a metadata value at most: a longer one is a text, and groups nothing."""
_HELP = (
    "Expected were the fields query, pos, hard_neg (original), query, pos, neg (FlagEmbedding), anchor, positive, "
    "negative (sentence-transformers) or query, positive_passages, negative_passages (tevatron)"
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which fields hold the query, the positives and the negatives."""

    name: str
    query: str
    positive: str
    negatives: tuple[str, ...]
    passages: bool = False  # texts are {docid, title, text} objects
    any_weight: bool = False  # a weight that is not a number is read as NaN instead of being refused


def rows_with_dialect(
    records: Records, *, any_weight: bool = False, columns: Sequence[str] = (), group: str | None = None
) -> tuple[list[Row], Dialect, list[str]]:
    """Rows of the records, their dialect, and warnings for the person; ``any_weight`` as in `Dialect`.

    Raises DataFormatError if the fields fit no dialect or several, or a field is missing or of the wrong type.
    """
    fields = list(dict.fromkeys(field for _, record in records.items for field in record))
    dialect, notes = _recognise(fields, records)
    dialect = replace(dialect, any_weight=any_weight)
    notes += [*_unread_notes(fields, dialect), *_prompt_notes(fields, records, dialect)]
    read = {dialect.query, dialect.positive, "group", *_PROMPT_NAMES, *dialect.negatives} | _ID_NAMES | _SCORE_NAMES
    columns = [field for field in fields if field not in read]  # they say something of a query beside its texts
    rows = [_row(number, record, dialect, columns, records.row_name) for number, record in records.items]
    return rows, dialect, notes


def unread(record: Fields, dialect: Dialect) -> str:
    """What a record states beside texts, types, weights and ids, as one text that can be compared."""
    read = {dialect.query, dialect.positive, *dialect.negatives}
    lists = [record.get(field) for field in (dialect.positive, *dialect.negatives)]
    items = [item for value in lists if isinstance(value, list) for item in value if isinstance(item, dict)]
    known = {"text", "type", "weight", "title", "docid"}
    more = [own for item in items if (own := {k: v for k, v in item.items() if k not in known})]
    rest = {field: value for field, value in record.items() if field not in read | _ID_NAMES}
    return json.dumps([rest, more], ensure_ascii=False, sort_keys=True, default=str)


def _recognise(fields: list[str], records: Records) -> tuple[Dialect, list[str]]:
    present = set(fields)
    candidates = [recognise(fields) for marks, recognise in _BY_MARK if marks & present]
    if len(candidates) > 1:
        raise DataFormatError(
            f"the fields {names(fields)} belong to several formats at once ({', '.join(c.name for c in candidates)}), "
            f"so their meaning is unclear. {_HELP}: keep those of one format."
        )
    if candidates:
        return candidates[0], []
    return _by_order(fields, records)


def _original_or_flag(fields: list[str]) -> Dialect:
    if "neg" in fields and "hard_neg" in fields:
        raise DataFormatError(
            "the rows have both 'hard_neg' (original) and 'neg' (FlagEmbedding), so it is unclear which are the "
            "negatives. Keep one of the two fields."
        )
    if "neg" in fields:
        return Dialect("FlagEmbedding", "query", "pos", ("neg",))
    return Dialect("original", "query", "pos", ("hard_neg",))


def _sentence_transformers(fields: list[str]) -> Dialect:
    if "anchor" in fields and "query" in fields:
        raise DataFormatError(
            "the rows have both 'anchor' and 'query', so it is unclear which is the query. Keep one of the two."
        )
    negatives = tuple(field for field in fields if _NEGATIVE_COLUMN.match(field))
    return Dialect("sentence-transformers", "query" if "query" in fields else "anchor", "positive", negatives)


_BY_MARK: tuple[tuple[set[str], Callable[[list[str]], Dialect]], ...] = (
    ({"pos", "hard_neg", "neg"}, _original_or_flag),
    ({"positive", "anchor", "negative"}, _sentence_transformers),
    (
        {"positive_passages", "negative_passages"},
        lambda fields: Dialect("tevatron", "query", "positive_passages", ("negative_passages",), passages=True),
    ),
)


def _by_order(fields: list[str], records: Records) -> tuple[Dialect, list[str]]:
    """The dialect of columns without known names: anchor, positive, negatives, as sentence-transformers takes them."""
    _refuse_parts_of_a_folder(fields)
    scores = sorted(_SCORE_NAMES.intersection(fields))
    if scores:
        raise DataFormatError(
            f"the field '{scores[0]}' makes these scored pairs, not queries with relevant documents, so nothing can be "
            f"ranked. {_HELP}."
        )
    unusable = "query" in fields or len(fields) < 2 or _ID_NAMES.intersection(fields)
    if unusable or any(list(record) != fields for _, record in records.items):
        raise DataFormatError(f"the rows have the fields {names(fields)}. {_HELP}; rename or add the fields.")
    note = (
        f"the columns have no names that are known, so they were taken in order: query = '{fields[0]}', "
        f"positive = '{fields[1]}'" + (f", negatives = {names(fields[2:])}." if len(fields) > 2 else ".")
    )
    return Dialect("sentence-transformers", fields[0], fields[1], tuple(fields[2:])), [note]


def _refuse_parts_of_a_folder(fields: list[str]) -> None:
    present = set(fields)
    if {"text"} <= present and present & {"_id", "id"}:
        part = "the documents or the queries"
    elif {"query-id", "corpus-id"} <= present or {"qid", "docid"} <= present:
        part = "the judgments"
    else:
        return
    raise DataFormatError(
        f"the fields {names(fields)} are those of {part} of a BEIR data set, which by themselves are not enough. "
        "Give the folder that holds corpus, queries and qrels."
    )


def _unread_notes(fields: list[str], dialect: Dialect) -> list[str]:
    """Warnings for fields that look as if they were meant to be read."""
    read = {dialect.query, dialect.positive, "group", *dialect.negatives}
    return [
        f"the field '{field}' is not read; if it holds negatives, rename it to '{dialect.negatives[0]}'."
        for field in fields
        if field not in read and dialect.negatives and not set(dialect.negatives) & set(fields)
        if difflib.get_close_matches(field.lower(), [*dialect.negatives, "hard_negatives", "negatives"], cutoff=0.7)
    ]


def _prompt_notes(fields: list[str], records: Records, dialect: Dialect) -> list[str]:
    """What rows state to stand before their query, which a run applies where it is asked to."""
    notes = []
    for field in sorted(_PROMPT_NAMES.intersection(fields) - {dialect.query, dialect.positive, *dialect.negatives}):
        stated = Counter(value for _, record in records.items if isinstance(value := record.get(field), str) and value)
        if not stated:
            continue
        first, n_first = stated.most_common(1)[0]
        n_rows = sum(stated.values())
        differ = "" if len(stated) == 1 else f" ({len(stated):,} different ones; this one in {n_first:,} rows)"
        notes.append(
            f"the field '{field}' of {n_rows:,} rows is not applied: every query is encoded with the prompt of the "
            f"run. To put it before every query, pass --query-prompt {quoted(first)}{differ}."
        )
    return notes


def _metadata(record: Fields, columns: list[str]) -> tuple[tuple[str, str], ...]:
    """Values of the columns that are short and plain: lists, objects and texts group nothing."""
    values = [(column, record.get(column)) for column in columns]
    stated = [(column, value) for column, value in values if isinstance(value, str | int | float) and value == value]
    shown = [(column, str(value).strip()) for column, value in stated]
    return tuple((column, value) for column, value in shown if 0 < len(value) <= _LONGEST_VALUE)


def _row(number: int, record: Fields, dialect: Dialect, columns: list[str], row_name: str) -> Row:
    place = f"{row_name} {number}"
    query = _required(record, dialect.query, place)
    if not isinstance(query, str):
        raise _wrong_type(place, dialect.query, "a string", query)
    positives = _texts(_required(record, dialect.positive, place), dialect, f"{place}, field '{dialect.positive}'")
    negatives = [
        negative
        for field in dialect.negatives
        for negative in _negatives(record.get(field), dialect, f"{place}, field '{field}'")
    ]
    group = _group(record.get("group"), place)
    return Row(query, tuple(positives), tuple(negatives), number, group, _metadata(record, columns))


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


def _texts(value: object, dialect: Dialect, place: str) -> list[str]:
    """One text or a list of them."""
    if isinstance(value, str) and not dialect.passages:
        return [value]
    if not isinstance(value, list):
        expected = "a list of passages" if dialect.passages else "a string or a list of strings"
        raise DataFormatError(f"{place}: expected {expected}, came {kind_of(value)}. Correct the row.")
    return [_text(item, dialect, f"{place}, item {i}") for i, item in enumerate(value, start=1)]


def _text(item: object, dialect: Dialect, place: str) -> str:
    if dialect.passages:
        if isinstance(item, dict):
            return passage_text(item, place)
        raise DataFormatError(f"{place}: expected a passage {{docid, title, text}}, came {kind_of(item)}.")
    if isinstance(item, str):
        return item
    raise DataFormatError(f"{place}: expected a string, came {kind_of(item)}. Correct the row.")


def passage_text(record: Fields, place: str) -> str:
    """Title and text as one text, as BEIR joins them; a number is text, and an absent or null title is no title."""
    parts = []
    for field in ("title", "text"):
        value = record.get(field)
        if value is None:
            if field not in record and field == "text":
                raise DataFormatError(f"{place}: the field 'text' is missing; there is {names(record)}.")
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # pandas writes whole numbers so in a column with gaps
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _wrong_type(place, field, "a string", value)
        parts.append(str(value).strip() if value == value else "")
    return " ".join(filter(None, parts))


def _negatives(value: object, dialect: Dialect, place: str) -> Iterable[Negative]:
    """The hard negatives that a field states; an absent or null field, or an empty cell, states none."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Negative(value)]
    if not isinstance(value, list):
        raise DataFormatError(f"{place}: expected a string or a list, came {kind_of(value)}. Correct the row.")
    return [_negative(item, dialect, f"{place}, item {i}") for i, item in enumerate(value, start=1)]


def _negative(item: object, dialect: Dialect, place: str) -> Negative:
    if dialect.passages:
        return Negative(_text(item, dialect, place))
    if isinstance(item, str):
        return Negative(item)
    if not isinstance(item, dict):
        raise DataFormatError(
            f"{place}: expected a string or an object {{text, type, weight}}, came {kind_of(item)}. Correct the row."
        )
    text = _required(item, "text", place)
    if not isinstance(text, str):
        raise _wrong_type(place, "text", "a string", text)
    return Negative(text, _types(item.get("type"), place), _weight(item.get("weight"), dialect, place))


def _types(value: object, place: str) -> tuple[str, ...]:
    """The types of a negative, each once, in order."""
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise _wrong_type(place, "type", "a string or a list of strings", value)
    for item in listed:
        if not isinstance(item, str):
            raise _wrong_type(place, "type", "strings only", item)
    return tuple(dict.fromkeys(filter(None, (item.strip() for item in listed))))


def _weight(value: object, dialect: Dialect, place: str) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        if dialect.any_weight:
            return math.nan
        raise _wrong_type(place, "weight", "a number", value)
    try:
        return float(value)
    except OverflowError:
        return float("inf")  # refused with the other weights that are not finite


def _group(value: object, place: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong_type(place, "group", "a string", value)
