"""Consoles, hanging lines and tables that do not break when the terminal is narrow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, cast

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.control import Control
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from embedscope.output.streams import STDERR, STDOUT, escaped

WIDTH_OF_A_FILE = 100
"""Columns where the output is no terminal (a file, a pipe, a CI log) and COLUMNS is not set."""

NARROWEST = 24
"""Columns that a wrapped text keeps, however deep it is indented."""


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console that neither colours numbers nor reads markup or codes out of what it is given."""
    file = cast(IO[str], STDERR if stderr else STDOUT)
    made = Console(file=file, stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)
    made.push_render_hook(_Escaping())
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDTH_OF_A_FILE
    return made


class _Escaping(RenderHook):
    """Writes out the codes in every text, once it has been laid out."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """The same, escaped; movements of the cursor stay what they are."""
        return [shown if isinstance(shown, Control) else _Escaped(shown) for shown in renderables]


@dataclass(frozen=True, slots=True)
class _Escaped:
    """A text or table whose codes are visible."""

    shown: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = ""
        for segment in console.render(self.shown, options):
            if segment.control:
                yield segment
                continue
            text = escaped(segment.text, starts_line=not line.strip())
            yield Segment(text, segment.style)
            line = (line + text).rpartition("\n")[2]


Columns = dict[str, list[str]]
"""Header to cells, the columns of a table in order."""


class Hanging:
    """A text whose further lines are indented to where the first one started after ``lead``."""

    def __init__(self, lead: str | Text, text: str | Text) -> None:
        self.lead = lead if isinstance(lead, Text) else Text(lead)
        self.text = text if isinstance(text, Text) else Text(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = cell_len(self.lead.plain)
        lines = self.text.wrap(console, max(NARROWEST, options.max_width - indent))
        for number, line in enumerate(lines):
            line.rstrip()
            yield Text.assemble(self.lead if number == 0 else " " * indent, line)


def heading(console: Console, text: str) -> None:
    """The title of a section, with an empty line above it."""
    console.print()
    console.print(text, style="bold")


def table(headers: Sequence[str], *, texts: Sequence[str]) -> Table:
    """A table without lines whose columns named in ``texts`` hold text (left, may wrap), the others numbers.

    Numbers never wrap: where the terminal is too narrow, the texts give way.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        is_text = header in texts
        made.add_column(Text(header), justify="left" if is_text else "right", no_wrap=not is_text)
    return made


def number_table(names: Iterable[str], columns: Columns, *, header: str = "metric") -> Table:
    """A table of metrics by name, nothing in it wrapped."""
    made = table([f"  {header}", *columns], texts=[f"  {header}"])
    made.columns[0].no_wrap = True
    for row, name in enumerate(names):
        made.add_row(indented(name), *(cells[row] for cells in columns.values()))
    return made


def fits(made: Table, console: Console) -> bool:
    """Whether the terminal is wide enough for a table that cannot wrap."""
    unbounded = console.options.update(max_width=10_000)
    return Measurement.get(console, unbounded, made).maximum <= console.width


def print_columns(names: Iterable[str], *parts: Columns, results: Console, header: str = "metric") -> None:
    """One table of all columns, or below each other where the terminal is too narrow for one."""
    rows, (first, *others) = list(names), [part for part in parts if part]
    whole = number_table(
        rows, {name: cells for part in (first, *others) for name, cells in part.items()}, header=header
    )
    if fits(whole, results) or not others:
        results.print(whole)
        return
    results.print(number_table(rows, first, header=header))
    results.print()
    print_columns(rows, *others, results=results, header=header)


def indented(text: str) -> str:
    """The first cell of a row, two columns in, as everything below a heading is."""
    return f"  {text}"


_LONGEST_WORD = 16  # columns: a longer one is cut


def shorten(text: str, width: int) -> Text:
    """``text`` on one line of at most ``width`` columns of the terminal, cut after a word where one ends nearby."""
    line = Text(" ".join(text.split()))
    whole = line.plain
    line.truncate(max(NARROWEST, width), overflow="ellipsis")
    if line.plain == whole:
        return line
    begun = len(line.plain.removesuffix("…"))
    last = whole.rfind(" ", 0, begun)
    return Text(whole[:last] + " …") if last > 0 and begun - last <= _LONGEST_WORD else line
