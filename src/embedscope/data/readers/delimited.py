"""Text in columns: which separator it has, whether its cells are quoted, and whether its first line is a header."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from embedscope.data.collection import excerpt
from embedscope.data.readers.column_names import Role, role_of
from embedscope.data.readers.source import names
from embedscope.errors import DataFormatError

SEPARATORS = "\t,;"

_LONGEST_NAME, _MOST_WORDS = 40, 4
_LIMIT_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Line:
    """The cells that begin in a line of the file; quoted cells may go on in the next lines."""

    number: int
    n_lines: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Cells:
    """Lines of one width, and how they are written."""

    separator: str
    is_quoted: bool
    lines: list[Line]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns, which are "1", "2", ... where the text has no header."""

    cells: Cells
    columns: tuple[str, ...]
    rows: list[Line]
    notes: tuple[str, ...]


def read_table(text: str) -> Table:
    """The rows of a delimited text, and the names of its columns.

    Raises
    ------
    DataFormatError
        If the text is in no columns, a line has another number of cells than the first, a name of the header is
        missing or stands twice, or it cannot be told whether quotation marks belong to the text.
    """
    cells = read_cells(text)
    first, *rows = cells.lines
    if _is_header(first.cells, rows):
        return Table(cells, _column_names(first), rows, cells.notes)
    columns = tuple(str(place) for place in range(1, len(first.cells) + 1))
    note = (
        f"the file has no header: its first line begins with {excerpt(first.cells[0], 40)}, so it is data, and the "
        f"columns are named by their place, {columns[0]} to {columns[-1]}."
    )
    return Table(cells, columns, cells.lines, (*cells.notes, note))


def read_cells(text: str) -> Cells:
    """The cells of a delimited text by line, blank lines left out; all lines have the width of the first.

    The separator is a tab, a comma or a semicolon: the one that gives every line the same number of cells.
    """
    found = [separator for separator in SEPARATORS if separator in _first_line(text)]
    if not found:
        raise DataFormatError(
            f"the first line {excerpt(_first_line(text))} was expected to be a header with at least two columns, such "
            "as anchor,positive, separated by tabs, commas or semicolons, and rows below it. Add the missing column or "
            "the missing rows."
        )
    readings, faults = [], {}
    for separator in found:
        try:
            readings.append(_reading(text, separator))
        except DataFormatError as error:
            faults[separator] = error
    if not readings:
        raise faults[max(found, key=_first_line(text).count)]
    return max(readings, key=_likelihood)


def written_row(cells: Sequence[str], before: str, table: Cells) -> str:
    """The cells as a row of the table: in quotation marks where they need them, or stand in marks in ``before``."""
    if not table.is_quoted:
        return table.separator.join(cells)
    _, marks = next(_marks(before, table.separator))
    needing = re.compile(rf'["\r\n{table.separator}]')
    return table.separator.join(
        '"' + cell.replace('"', '""') + '"' if is_marked or needing.search(cell) else cell
        for cell, is_marked in zip(cells, marks, strict=True)
    )


def _likelihood(cells: Cells) -> tuple[bool, bool, int]:
    """What speaks for a separator where several give lines of one width."""
    first = cells.lines[0].cells
    return any(map(_is_known, first)), cells.separator == "\t", len(first)


def _first_line(text: str) -> str:
    return next((line for line in io.StringIO(text, newline=None) if line.strip()), "")


def _reading(text: str, separator: str) -> Cells:
    """The cells with or without quotation marks as quoting: commas and semicolons are quoted, tabs only if it shows.

    A writer that quotes a cell does so because the cell needs it, or does so in the whole column; a mark that belongs
    to the text follows no such rule. Where the lines have one width in both readings, that decides.
    """
    plain = _lines(text, separator, is_quoted=False)
    marked = [line for line in plain if any(cell.startswith('"') for cell in line.cells)]
    if not marked:
        return Cells(separator, True, _of_one_width(plain))
    is_tab, fits = separator == "\t", len({len(line.cells) for line in plain}) == 1
    note = (
        f"{len(marked)} lines have a cell that begins with a quotation mark (first: line {marked[0].number}); tabs "
        "need no quoting, so the marks are part of the text."
    )
    as_text = Cells(separator, False, plain, (note,))
    try:
        quoted = _of_one_width(_lines(text, separator, is_quoted=True))
    except DataFormatError:
        if is_tab and fits:
            return as_text
        raise
    needed, needless, swallowed = _quoted_cells(text, separator, quoted)
    against = swallowed or (needless if is_tab and fits else None)
    if against is None or (needed is not None and not (is_tab and fits)):
        return Cells(separator, True, quoted)
    if is_tab and fits and needed is None:
        return as_text
    raise DataFormatError(
        f"line {against}: a cell begins with a quotation mark, which may quote the cell or belong to its text; the "
        "lines have columns of one width either way, so the rows are uncertain. Write every cell in quotation marks "
        "(csv.QUOTE_ALL, marks inside a cell twice), or the rows as JSONL."
    )


def _quoted_cells(text: str, separator: str, quoted: list[Line]) -> tuple[int | None, int | None, int | None]:
    """First lines where a cell needs its quotation marks, where one has them needlessly, and where one swallows lines.

    A cell swallows lines if each line that it spans has the width of the header by itself. Columns in which every cell
    is quoted say nothing against quoting: a writer does that.
    """
    marks_of = dict(_marks(text, separator))
    widths = [line.count(separator) + 1 for line in io.StringIO(text, newline=None)]
    is_whole = [all(column) for column in zip(*(marks_of[line.number] for line in quoted), strict=True)]
    needed = needless = swallowed = None
    for line in quoted:
        spanned = widths[line.number - 1 : line.number - 1 + line.n_lines]
        spans_lines = all(width == len(line.cells) for width in spanned)
        for cell, is_quoted, in_whole in zip(line.cells, marks_of[line.number], is_whole, strict=True):
            if not is_quoted:
                continue
            breaks = "\n" in cell or "\r" in cell
            if line is quoted[0] and all(marks_of[line.number]):
                needed = line.number  # a header in marks, above numbers that have none
            elif not in_whole and breaks and spans_lines:
                swallowed = swallowed or line.number
            elif in_whole or breaks or not cell or '"' in cell or separator in cell:
                needed = needed or line.number
            else:
                needless = needless or line.number
    return needed, needless, swallowed


def _marks(text: str, separator: str) -> Iterator[tuple[int, list[bool]]]:
    """(number of the line in which it begins, whether each cell is quoted) of every row; the text has been parsed."""
    cell = re.compile(rf'(?P<quoted>"(?:[^"]|"")*+")?[^{separator}\r\n]*(?P<end>{separator}|\r\n|\r|\n|\Z)')
    number, start, marks = 1, 1, list[bool]()
    for match in cell.finditer(text):
        if match.start() == len(text) and not marks:
            return
        marks.append(match["quoted"] is not None)
        if marks[-1]:
            number += len(re.findall(r"\r\n|\r|\n", match["quoted"]))
        if match["end"] != separator:
            number += 1
            yield start, marks
            start, marks = number, []


def _lines(text: str, separator: str, *, is_quoted: bool) -> list[Line]:
    """The lines that are not blank, with their cells; a cell in marks that spans columns or lines is not blank."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    lines = []
    before = 0
    with _cells_of_any_length():
        try:
            for cells in reader:
                if any(cell.strip() or separator in cell or "\n" in cell or "\r" in cell for cell in cells):
                    lines.append(Line(before + 1, reader.line_num - before, cells))
                before = reader.line_num
        except csv.Error as error:
            raise DataFormatError(
                f"line {before + 1}: the table cannot be read ({error}). A quotation mark that is not closed is the "
                'usual cause: write quotation marks inside a quoted cell twice ("").'
            ) from error
    return lines


def _of_one_width(lines: list[Line]) -> list[Line]:
    """The lines; raises DataFormatError at the first whose width is not that of the first line."""
    header = lines[0].cells
    for line in lines:
        if len(line.cells) != len(header):
            raise DataFormatError(
                f"line {line.number}: {len(line.cells)} cells, but the header has {len(header)} columns "
                f"({names(header)}). A cell that holds the separator must stand in quotation marks."
            )
    return lines


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift the limit of the csv module, which is one for the whole process, and put it back."""
    with _LIMIT_LOCK:
        limit = csv.field_size_limit(2**31 - 1)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


def _is_header(cells: Sequence[str], rows: Sequence[Line]) -> bool:
    """Whether the first line names columns: by a name that is known, else by short names that no row repeats."""
    if any(map(_is_known, cells)) or list(cells) == [str(place) for place in range(len(cells))]:
        return True
    named = cells[1:] if not cells[0].strip() else cells  # pandas leaves the name of the row numbers out
    return all(map(_is_name, named)) and not any(
        cell.strip() and cell == row.cells[place] for row in rows for place, cell in enumerate(cells)
    )


def _is_known(cell: str) -> bool:
    """Whether the cell is the name of a column by itself; a text may end with "id", too."""
    return _is_name(cell) and role_of(cell) not in (None, Role.UNUSED)


def _is_name(cell: str) -> bool:
    cell = cell.strip()
    is_short = 0 < len(cell) <= _LONGEST_NAME and len(cell.split()) <= _MOST_WORDS
    is_number = any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell))
    return is_short and not is_number and cell[-1] not in ".?!:…"


def _column_names(header: Line) -> tuple[str, ...]:
    listed = [cell.strip() for cell in header.cells]
    if len(set(listed)) < len(listed):
        raise DataFormatError(f"line {header.number}: the columns {names(listed)} need a name each, and no name twice.")
    return tuple(listed)
