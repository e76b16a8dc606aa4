"""How far a long step has come: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from embedscope.protocols import ProgressCallback

SECONDS_BETWEEN_LINES = 9.0  # fewer than of a silence that is told of: a step that moves says more by itself


@contextmanager
def progress_on(console: Console, title: str, *, unit: str) -> Iterator[ProgressCallback]:
    """Show progress on ``console`` while the block runs; yields the callback that moves it."""
    if not console.is_terminal or console.quiet:
        yield _Lines(console, title, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")

        def advance(done: int, total: int, message: str | None = None) -> None:
            if message is not None:
                bar.console.print(message)
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f} {unit}/s" if speed else "")

        yield advance


class _Lines:
    """A bar cannot be redrawn in a log, and an hour of silence looks like a hang."""

    def __init__(self, console: Console, title: str, unit: str) -> None:
        self._console, self._title, self._unit = console, title, unit
        self._started = self._printed = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int, message: str | None = None) -> None:
        if message is not None:
            self._console.print(message)
        self._first = done if self._first is None else self._first
        now = time.monotonic()
        if now - self._printed >= SECONDS_BETWEEN_LINES:
            self._printed = now
            rate = (done - self._first) / (now - self._started)
            self._console.print(f"{self._title}: {done:,} of {total:,} {self._unit}, {rate:,.0f} a second")
