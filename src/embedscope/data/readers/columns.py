"""Which column of row-shaped data is what: as stated, else by name, else by order; refused where that is unclear."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from embedscope.data.readers.column_names import (
    Role,
    format_of,
    is_hard,
    is_id,
    is_prompt,
    is_random,
    names_a_document,
    positive_rank,
    role_of,
    speaks_of_labels,
    speaks_of_negatives,
    spelled,
)
from embedscope.data.readers.containers import Records
from embedscope.data.readers.labels import LabelFault, gain_of, label_fault
from embedscope.data.readers.list_cells import list_columns, null_notes, opened, without_nulls
from embedscope.data.readers.source import names
from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.settings import COLUMN_ROLES, column_role, quoted

_LONGEST_VALUE = 80
"""Characters of a metadata value at most: a longer one is a text, and groups nothing."""
_MOST = 0.9
"""Share of the texts of a column from which on they say what the column is."""
_WITH_SPACES = "\u0e00"
"""Scripts below this code point put spaces between words."""
_ADDRESS = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
_FILE = re.compile(r"[^\n]{1,200}[\w)]\.(pdf|docx?|pptx?|xlsx?|txt|md|html?|jpe?g|png)", re.IGNORECASE)
_SINGLE = (Role.QUERY, Role.POSITIVE, Role.LABEL, Role.GROUP)
_NULLABLE = (Role.QUERY, Role.POSITIVE, Role.NEGATIVES, Role.GROUP)
_SCALE = frozenset(map(float, range(6)))
"""What people grade with: 0 and 1, or up to 5."""
_EXPORTS = (
    (
        "Label Studio",
        ({"data", "annotations"}, {"data", "predictions"}, {"data", "completions"}),
        "Export the project as CSV or JSON-MIN",
    ),
    (
        "Argilla",
        ({"fields", "responses"}, {"fields", "suggestions"}, {"inputs", "annotation"}),
        "Export its records flat, with dataset.records.to_list(flatten=True), and write them as JSONL",
    ),
)
"""Annotation tools, the fields that tell their records, and the export that has columns."""
_KNOWN = (
    "Known names are query, anchor or question; positive, pos, answer, passage or document; negative, neg or hard_neg, "
    "also numbered; label, score or relevance"
)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column holds what.

    Of the columns that are not used ``ids`` name or number rows; of the others the cells of ``lists`` write lists.
    """

    format: str
    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    metadata: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The columns of each role that has any, in the order in which they are shown."""
        listed = {
            Role.QUERY: (self.query,),
            Role.POSITIVE: (self.positive,),
            Role.NEGATIVES: self.negatives,
            Role.LABEL: () if self.label is None else (self.label,),
            Role.GROUP: () if self.group is None else (self.group,),
            Role.METADATA: self.metadata,
            Role.UNUSED: self.unused,
        }
        return {role.value: columns for role, columns in listed.items() if columns}

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of documents."""
        return (self.positive, *self.negatives)


def find_mapping(
    records: Records, *, columns: Sequence[str] = (), group: str | None = None
) -> tuple[ColumnMapping, Records, list[str]]:
    """What each column of the records is, the records with lists in place of cells that write them, and notes.

    A stated role overrides names; a known name keeps its role unless that clashes; two columns of texts under unknown
    names are query and positive, in this order, unless the texts speak against it.

    Raises
    ------
    DataFormatError
        If the roles are unclear; the message has the option that states them.
    InvalidOptionError
        If ``columns`` or ``group`` name a column that the records do not have, or one role twice.
    """
    found = _Columns(records, _stated(_fields_of(records), columns, group))
    return found.mapping(), found.records, found.notes


def refuse_columns(columns: Sequence[str], what: str) -> None:
    """Raise InvalidOptionError if ``columns`` are stated for ``what``, which has none: "a BEIR folder"."""
    if columns:
        raise InvalidOptionError(
            f"--columns says what the columns of a file of rows are, and this is {what}, whose parts are known by "
            "name. Leave the option out."
        )


def metadata_value(value: object) -> str | None:
    """``value`` as a text if it is short and plain, so that queries can be grouped by it."""
    if not isinstance(value, str | int | float) or value != value:
        return None
    shown = str(value).strip()
    return shown if 0 < len(shown) <= _LONGEST_VALUE else None


def is_null(value: object) -> bool:
    """Whether there is nothing in a field: null, or the NaN that tables put there."""
    return value is None or (isinstance(value, float) and value != value)


# --- stated columns -----------------------------------------------------------------------------------------------


def _fields_of(records: Records) -> list[str]:
    return list(dict.fromkeys(field for _, record in records.items for field in record))


def _stated(fields: list[str], columns: Sequence[str], group: str | None) -> dict[str, Role]:
    """The role of every column that the options name; a whole name goes before a pattern."""
    pairs = [_pair(text) for text in columns] + ([] if group is None else [(Role.GROUP, group)])
    roles: dict[str, Role] = {}
    for role, pattern in sorted(pairs, key=lambda pair: pair[1] not in fields):
        is_whole = pattern in fields
        expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        matched = [pattern] if is_whole else [name for name in fields if expression.fullmatch(name)]
        if not matched:
            raise InvalidOptionError(_unknown_column(role, pattern, fields))
        for name in matched:
            if roles.get(name, role) is not role and (is_whole or "*" not in pattern):
                raise InvalidOptionError(
                    f"the column '{name}' is stated to be both {roles[name].value} and {role.value}. State it once."
                )
            roles.setdefault(name, role)
    for role in _SINGLE:
        own = [name for name, stated in roles.items() if stated is role]
        if len(own) > 1:
            raise InvalidOptionError(
                f"{names(own)} are stated to be the {role.value}, and one column can be. State one of them."
            )
    return roles


def _pair(text: str) -> tuple[Role, str]:
    try:
        role, _, name = column_role(text).partition("=")
    except ValueError as error:
        raise InvalidOptionError(f"--columns: {error}.") from None
    return Role(role), name


def _unknown_column(role: Role, pattern: str, fields: list[str]) -> str:
    keys = {spelled(field): field for field in reversed(fields)}
    near = [keys[key] for key in difflib.get_close_matches(spelled(pattern), keys, n=3, cutoff=0.6)]
    near = near or difflib.get_close_matches(pattern, fields, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(repr(name) for name in near)}?" if near else "Name one of these."
    return f"there is no column '{pattern}' to be the {role.value}; there is {names(fields) or 'none'}. {hint}"


def columns_option(roles: Mapping[str, Sequence[str]]) -> str:
    """The option that states ``roles``, as a shell takes it."""
    return f"--columns {quoted(','.join(f'{role}={name}' for role in COLUMN_ROLES for name in roles.get(role, ())))}"


# --- columns by name and by order -----------------------------------------------------------------------------------


class _Columns:
    """The columns of some records, sorted by role one step at a time."""

    def __init__(self, records: Records, stated: Mapping[str, Role]) -> None:
        self.records = records
        self._fields = _fields_of(records)
        self._stated = stated
        self._role: dict[str, Role | None] = {
            field: stated.get(field, self._by_name(field, set(stated.values()))) for field in self._fields
        }
        self._ids = {field for field in self._of(Role.UNUSED) if is_id(field)}
        self.notes: list[str] = []

    @staticmethod
    def _by_name(field: str, stated: set[Role]) -> Role | None:
        """The role by name; a column whose role is stated of another one is not used."""
        role = role_of(field)
        return Role.UNUSED if role in stated - {Role.METADATA} else role

    def _of(self, *roles: Role | None) -> list[str]:
        return [field for field in self._fields if self._role[field] in roles]

    def mapping(self) -> ColumnMapping:
        """The mapping; raises DataFormatError where it is unclear."""
        self._leave_row_numbers()
        self._choose_positive()
        self._choose_negatives()
        if not self._of(Role.QUERY, Role.POSITIVE, Role.NEGATIVES, Role.LABEL):
            self._take_in_order()
        self._require_one_each()
        (query,), (positive,) = self._of(Role.QUERY), self._of(Role.POSITIVE)
        self._refuse_content(query, "addresses", "numbers")
        self._refuse_content(
            positive, "addresses", *(("numbers", "file names", "single words") * names_a_document(positive))
        )
        self._leave_nulls()
        lists = self._open_lists()
        self._refuse_possible_negatives()
        self._refuse_possible_label(query, positive)
        for field in self._of(None):
            is_said = not is_prompt(field) and any(map(metadata_value, self._values(field)))
            self._role[field] = Role.METADATA if is_said else Role.UNUSED
        label, group = self._of(Role.LABEL), self._of(Role.GROUP)
        if label:
            self._require_gains(label[0])
        self._note_unread()
        negatives = tuple(self._of(Role.NEGATIVES))
        return ColumnMapping(
            format=format_of(query, positive, negatives),
            query=query,
            positive=positive,
            negatives=negatives,
            label=label[0] if label else None,
            group=group[0] if group else None,
            metadata=tuple(self._of(Role.METADATA)),
            unused=tuple(self._of(Role.UNUSED)),
            ids=tuple(field for field in self._fields if field in self._ids),
            lists=lists,
        )

    def _open_lists(self) -> tuple[str, ...]:
        columns = list_columns(self.records, self._of(Role.POSITIVE, Role.NEGATIVES, Role.LABEL))
        self.records = opened(self.records, columns)
        if columns:
            self.notes.append(f"the cells of {names(columns)} write lists, and were read as such.")
        return columns

    def _leave_nulls(self) -> None:
        self.records, n = without_nulls(self.records, self._of(*_NULLABLE))
        self.notes += null_notes(n)

    def _values(self, field: str) -> Iterator[Any]:
        return (record.get(field) for _, record in self.records.items)

    def _leave_row_numbers(self) -> None:
        """Columns under unknown names that count the rows from 0 or 1."""
        for field in self._of(None):
            if len(self.records.items) > 1 and any(map(partial(self._counts_from, field), (0, 1))):
                self._role[field] = Role.UNUSED
                self._ids.add(field)

    def _counts_from(self, field: str, start: int) -> bool:
        return all(_whole(value) == number for number, value in enumerate(self._values(field), start=start))

    def _choose_positive(self) -> None:
        """Of the names of positives those that say it most surely; more than one of these is refused later."""
        own = [field for field in self._of(Role.POSITIVE) if field not in self._stated]
        least = min(map(positive_rank, own), default=0)
        for field in own:
            if positive_rank(field) > least:
                self._role[field] = Role.UNUSED

    def _choose_negatives(self) -> None:
        """Hard negatives beside others: those drawn at random are left out, any others are unclear."""
        own = [field for field in self._of(Role.NEGATIVES) if field not in self._stated]
        hard = [field for field in own if is_hard(field)]
        plain = [field for field in own if not is_hard(field)]
        if not (hard and plain):
            return
        if not all(map(is_random, plain)):
            raise DataFormatError(
                f"the rows have both {names(hard)} and {names(plain)}, so it is unclear which are the hard negatives. "
                f"Pass {self._line(negatives=hard)}, or {self._line(negatives=own)} for all of them."
            )
        for field in plain:
            self._role[field] = Role.UNUSED
            if any(self._values(field)):
                self.notes.append(
                    f"the negatives of '{field}' are drawn at random and not read; to take them as hard negatives too, "
                    f"pass {self._line(negatives=own)}."
                )

    def _take_in_order(self) -> None:
        """Query and positive of two columns of texts without any known name."""
        unknown = self._of(None)
        _refuse_parts_of_a_folder(self._fields)
        has_order = all(list(record) == self._fields for _, record in self.records.items)
        if len(unknown) != 2 or not has_order or not all(map(self._is_of_texts, unknown)):
            return
        query, positive = unknown
        self._refuse_contradicted(query, positive)
        self._role |= {query: Role.QUERY, positive: Role.POSITIVE}
        self.notes.append(
            f"the columns have no names that are known, so they were taken in order: query = '{query}', "
            f"positive = '{positive}'. If that is wrong, state them with --columns."
        )

    def _is_of_texts(self, field: str) -> bool:
        values = [value for value in self._values(field) if not is_null(value)]
        return bool(values) and all(isinstance(value, str) for value in values)

    def _may_hold_texts(self, field: str) -> bool:
        """Whether a column has texts or lists of them, and nothing else."""
        values = [value for value in self._values(field) if value not in (None, "", [])]
        items = [item for value in values for item in (value if isinstance(value, list) else [value])]
        return bool(items) and all(isinstance(item, str) for item in items)

    def _is_doubtful(self, field: str) -> bool:
        return not self._is_of_texts(field) or bool(self._content(field))

    def _texts(self, field: str) -> list[str]:
        return [value.strip() for value in self._values(field) if isinstance(value, str) and value.strip()]

    def _refuse_contradicted(self, query: str, positive: str) -> None:
        """What the texts say against a guess by order."""
        for field in (query, positive):
            self._refuse_content(field, *_CONTENTS)
        first, second = self._texts(query), self._texts(positive)
        is_repeated = len(set(second)) < len(second)
        if first and second and is_repeated and median(map(len, second)) < median(map(len, first)):
            raise self._unclear(
                f"the texts of '{positive}' are shorter than those of '{query}' and repeat, so that answers perhaps "
                "stand before questions",
                query=[positive],
                positive=[query],
            )

    def _refuse_content(self, field: str, *contents: str) -> None:
        content = self._content(field)
        if field not in self._stated and content in contents:
            raise self._unclear(f"the column '{field}' holds {content}, and texts were expected")

    def _content(self, field: str) -> str:
        """What a column holds in place of texts; "" where it holds texts."""
        texts = self._texts(field)
        return next((content for content, is_such in _CONTENTS.items() if _mostly(is_such, texts)), "")

    def _require_one_each(self) -> None:
        for role in _SINGLE:
            own = self._of(role)
            if len(own) > 1:
                both = "both " if len(own) == 2 else ""
                raise self._unclear(f"the rows have {both}{' and '.join(map(repr, own))}, and one can be the {role}")
        absent = [role.value for role in (Role.QUERY, Role.POSITIVE) if not self._of(role)]
        if absent:
            _refuse_exports(self._fields)
            _refuse_parts_of_a_folder(self._fields)
            raise self._unclear(
                f"of the fields {names(self._fields) or '(there are none)'} none is known to be the "
                f"{' or the '.join(absent)}. {_KNOWN}"
            )

    def _refuse_possible_negatives(self) -> None:
        doubtful = [field for field in self._of(None) if speaks_of_negatives(field)]
        if doubtful and Role.NEGATIVES not in self._stated.values():
            raise DataFormatError(
                f"the column '{doubtful[0]}' may hold negatives, and its name is not one that is known. Pass "
                f"{self._line(negatives=[*self._of(Role.NEGATIVES), *doubtful])} to read it, or "
                f"{self._line(metadata=doubtful)} to leave it out."
            )

    def _refuse_possible_label(self, query: str, positive: str) -> None:
        """A column under an unknown name that may say which positives are not relevant: by a word, or by its values."""
        if Role.LABEL in self._role.values():
            return
        self._refuse_labels_inside(positive)
        for field in self._of(None):
            if speaks_of_labels(field) or self._varies_within(query, positive, field):
                raise DataFormatError(
                    f"the column '{field}' may say which texts of '{positive}' are relevant, and its name is not one "
                    f"that is known. Pass {self._line(label=[field])} to read it so (0 = not relevant), or "
                    f"{self._line(metadata=[field])} if it says something else."
                )

    def _refuse_labels_inside(self, positive: str) -> None:
        """Grades in the objects of a list of positives, 0 among them; scores of a retriever are none."""
        listed = [value for value in self._values(positive) if isinstance(value, list)]
        objects = [[item for item in value if isinstance(item, dict)] for value in listed]
        for field in dict.fromkeys(name for own in objects for item in own for name in item if not is_id(name)):
            grades = [{gain_of(item.get(field)) for item in own} for own in objects]
            are_grades = all(map(_SCALE.issuperset, grades)) and any(0 in own for own in grades)
            is_label = role_of(field) is Role.LABEL or any(0 in own and len(own) > 1 for own in grades)
            if are_grades and is_label and not spelled(field).endswith("score"):
                raise DataFormatError(
                    f"'{field}' in the objects of '{positive}' may say which of them are relevant. Write it as a list "
                    "beside the texts (labels: [1, 0, ...]), or put the texts with 0 into a column of negatives."
                )

    def _varies_within(self, query: str, positive: str, field: str) -> bool:
        """Whether a column is of grades by its values: 0 and others beside texts of one query."""
        values: dict[str, set[bool]] = {}
        for _, record in self.records.items:
            texts, value = record.get(positive), record.get(field)
            gains = value if isinstance(value, list) and isinstance(texts, list) else [value]
            if len(gains) != (len(texts) if isinstance(texts, list) else 1):
                return False
            grades = list(map(gain_of, gains))
            if not _SCALE.issuperset(grades):
                return False
            values.setdefault(str(record.get(query)), set()).update(grade == 0 for grade in grades)
        return any(len(own) > 1 for own in values.values())

    def _unclear(self, fact: str, **roles: list[str]) -> DataFormatError:
        """An error that says ``fact`` and the option that would settle it."""
        return DataFormatError(
            f"{fact}. Say what the columns are, for example {self._line(**(roles or self._guess()))}"
        )

    def _line(self, **roles: list[str]) -> str:
        """The option that states ``roles`` beside what is stated already."""
        stated: dict[str, list[str]] = {}
        for field, role in self._stated.items():
            if not any(field in own for own in roles.values()):
                stated.setdefault(role.value, []).append(field)
        return columns_option({**stated, **roles})

    def _guess(self) -> dict[str, list[str]]:
        """The roles that a person may have meant: columns by name, then columns of texts in their order."""
        query, positive = self._of(Role.QUERY), self._of(Role.POSITIVE)
        left = [field for field in self._of(Role.UNUSED) if role_of(field) in (Role.QUERY, Role.POSITIVE)]
        unknown = [*query[1:], *left, *self._of(None)]
        texts = iter(sorted(filter(self._may_hold_texts, unknown), key=self._is_doubtful))
        roles = {"query": query[:1] or [next(texts, "...")], "positive": positive[:1] or [next(texts, "...")]}
        more = [] if query or positive else [field for field in texts if not self._is_doubtful(field)]
        roles["negatives"] = [*self._of(Role.NEGATIVES), *more]
        label = self._of(Role.LABEL)
        is_gain = bool(label) and label[0] not in self._stated and self._label_fault(label[0]) is None
        roles["label"] = label[:1] if is_gain else []
        roles["metadata"] = label[1:] if is_gain else label
        return {role: columns for role, columns in roles.items() if columns}

    def _label_fault(self, field: str) -> LabelFault | None:
        return label_fault(field, self.records, is_stated=field in self._stated)

    def _require_gains(self, field: str) -> None:
        fault = self._label_fault(field)
        if fault is not None:
            as_stated = f"; to take it at its word, {self._line(label=[field])}" if fault.can_be_stated else ""
            raise DataFormatError(
                f"{fault.text}. A label says how relevant the positive is: 0 = not relevant, above 0 = its gain. To "
                f"leave the column out, so that every positive counts as relevant, pass {self._line(metadata=[field])}"
                f"{as_stated}"
            )

    # --- notes --------------------------------------------------------------------------------------------------

    def _note_unread(self) -> None:
        unread = self._of(Role.UNUSED)
        teacher = [field for field in unread if spelled(field).endswith("score") and any(self._values(field))]
        if teacher:
            self.notes.append(
                f"{names(teacher)} {'is' if len(teacher) == 1 else 'are'} not read: scores of a teacher are no gains."
            )
        beside = [
            field for field in unread if role_of(field) is Role.POSITIVE or spelled(field).startswith("retrieved")
        ]
        if beside and not any(field in self._stated for field in self._of(Role.POSITIVE)):
            self.notes.append(
                f"{names(beside)} {'is' if len(beside) == 1 else 'are'} neither relevant nor negative here."
            )
        for field in filter(is_prompt, unread):
            self.notes += prompt_notes(field, self._values(field))


def prompt_notes(field: str, values: Iterable[object]) -> list[str]:
    """The note on what a field states to stand before queries, which a run applies where it is asked to; or none."""
    stated = Counter(value for value in values if isinstance(value, str) and value)
    if not stated:
        return []
    first, n_first = stated.most_common(1)[0]
    n_rows = sum(stated.values())
    differ = "" if len(stated) == 1 else f" ({len(stated):,} different ones; this one in {n_first:,} rows)"
    return [
        f"the field '{field}' of {n_rows:,} rows is not applied: every query is encoded with the prompt of the "
        f"run. To put it before every query, pass --query-prompt {quoted(first)}{differ}."
    ]


def _refuse_exports(fields: Sequence[str]) -> None:
    """Records of annotation tools: texts and judgments stand inside of objects, under names of the project's own."""
    present = set(fields)
    for tool, marks, export in _EXPORTS:
        if any(mark <= present for mark in marks):
            raise DataFormatError(
                f"the fields {names(fields)} are those of an export of {tool}, whose texts and judgments stand inside "
                f"of objects. {export}; then say what its columns are with --columns query=...,positive=...,label=..."
            )


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


def _mostly(is_such: Callable[[str], object], texts: Sequence[str]) -> bool:
    return bool(texts) and sum(map(bool, map(is_such, texts))) >= _MOST * len(texts)


def _is_number(text: str) -> bool:
    return gain_of(text.replace(",", "").removeprefix("-")) is not None


def _is_word(text: str) -> bool:
    """Whether a text is a single word; scripts that put no spaces between words do not say so."""
    return len(text.split()) == 1 and max(text) < _WITH_SPACES


_CONTENTS: dict[str, Callable[[str], object]] = {
    "addresses": _ADDRESS.fullmatch,
    "numbers": _is_number,
    "file names": _FILE.fullmatch,
    "single words": _is_word,
}
"""What a column may hold that is no text, the most certain first."""


def _whole(value: object) -> int | None:
    """The whole number that a value is or writes."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
    return int(value) if math.isfinite(value) and value == int(value) else None
