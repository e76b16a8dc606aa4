"""What the cells of a table write as text: lists, ``["a", "b"]`` or ``['a', 'b']``, and that there is nothing."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from embedscope.data.collection import excerpt
from embedscope.data.readers.containers import Fields, Records
from embedscope.errors import DataFormatError

TABLES = ("CSV", "TSV")
_LEAST = 0.5
"""Share of the cells of a column from which on lists are meant, so that a cell that is none is a fault."""
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
"""Marks around lists, tuples, and the sets of Python or arrays of PostgreSQL, by the one that opens."""
_NULLS = {"NULL", "null", "None", "NaN", "nan", "<NA>", "#N/A", "N/A", "\\N"}
"""Cells by which databases, pandas and Excel say that there is no value."""
_ADJACENT = re.compile(r"""['"]\s*['"]""")


def list_columns(records: Records, columns: Sequence[str]) -> tuple[str, ...]:
    """Those of the columns of a table whose cells all write a list, but for empty ones.

    Raises DataFormatError if most cells of a column do and one does not.
    """
    if records.container not in TABLES:
        return ()
    return tuple(column for column in columns if _is_of_lists(records, column))


def opened(records: Records, columns: Sequence[str]) -> Records:
    """The records with lists in place of the cells of ``columns``."""
    if not columns:
        return records
    items = [
        (number, {field: _opened(value) if field in columns else value for field, value in record.items()})
        for number, record in records.items
    ]
    return replace(records, items=items)


def without_nulls(records: Records, columns: Sequence[str]) -> tuple[Records, int]:
    """The records of a table with empty cells in ``columns`` in place of those that say "null", and how many these are.

    Other containers have a null of their own, so that the word is a text there.
    """
    if records.container not in TABLES:
        return records, 0
    items, n = [], 0
    for number, record in records.items:
        nulls = [column for column in columns if says_null(record.get(column))]
        items.append((number, {**record, **dict.fromkeys(nulls, "")} if nulls else record))
        n += len(nulls)
    return (replace(records, items=items) if n else records), n


def null_notes(n: int) -> list[str]:
    """The note on ``n`` such cells; nothing for none."""
    return [f"{n:,} cells say NULL, nan or the like, and were read as empty."] if n else []


def says_null(cell: object) -> bool:
    """Whether a cell says that there is no value, as exports write it."""
    return isinstance(cell, str) and cell.strip() in _NULLS


def closed(value: list[object], before: str) -> str:
    """The cell that writes ``value`` in the manner of the cell ``before``."""
    opening = before.strip()[:1]
    try:
        json.loads(f"[{before.strip()[1:-1]}]")
    except ValueError:
        made = repr(value)
    else:
        made = json.dumps(value, ensure_ascii=False)
    return f"{opening}{made[1:-1]}{_BRACKETS[opening]}"


def parsed_list(cell: str) -> list[object] | None:
    """The list that a cell writes, also as a tuple or a set, in its order; None where it writes none.

    >>> parsed_list("['a', \\"b's\\"]"), parsed_list('{"a","b"}'), parsed_list("['a' 'b']"), parsed_list("[edit] a")
    (['a', "b's"], ['a', 'b'], None, None)
    """
    if _BRACKETS.get(cell[:1]) != cell[-1:]:
        return None
    cell = f"[{cell[1:-1]}]"
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        value = _literal(cell)
    return value if isinstance(value, list) else None


def _literal(cell: str) -> object:
    """The Python literal that a cell writes; strings that stand side by side, as NumPy writes them, are not one."""
    try:
        value = ast.literal_eval(cell)
        beside = _ADJACENT.search(cell) is not None and any(
            a == b == tokenize.STRING for a, b in pairwise(_kinds(cell))
        )
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    return None if beside else value


def _kinds(cell: str) -> Iterator[int]:
    skipped = (tokenize.NL, tokenize.NEWLINE)
    return (token.type for token in tokenize.generate_tokens(io.StringIO(cell).readline) if token.type not in skipped)


def _is_of_lists(records: Records, column: str) -> bool:
    cells = [(number, cell) for number, record in records.items if (cell := _cell(record, column))]
    lists = {number for number, cell in cells if parsed_list(cell) is not None}
    n = len(cells)
    if len(lists) == n:
        return n > 0
    if len(lists) >= _LEAST * n or all(cell.startswith("[") and cell.endswith("]") for _, cell in cells):
        number, cell = next((number, cell) for number, cell in cells if number not in lists)
        raise DataFormatError(
            f"{records.row_name} {number}, field '{column}': the cells of this column write lists, and {excerpt(cell)} "
            'is none that can be read. Write such cells as JSON, ["a", "b"], or save the table as Parquet or JSONL '
            "(NumPy arrays lose their commas in a CSV file)."
        )
    return False


def _cell(record: Fields, column: str) -> str:
    value = record.get(column)
    return value.strip() if isinstance(value, str) else ""


def _opened(value: object) -> object:
    return parsed_list(value.strip()) if isinstance(value, str) and value.strip() else value
