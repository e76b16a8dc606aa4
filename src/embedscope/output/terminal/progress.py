"""How far a long step has come: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from embedscope.protocols import ProgressCallback, Work

SECONDS_BETWEEN_LINES = 9.0  # fewer than of a silence that is told of: a step that moves says more by itself


class Pace:
    """How fast the work of a step is done, and how long the rest will take.

    The clock starts at the work that is told first: what was done before it, and the loading of a model, took another
    time. Less work done than before is a step that begins anew.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._started = 0.0
        self._first: Work | None = None
        self._now: Work | None = None

    def work(self, work: Work) -> None:
        """What is done by now."""
        if self._first is None or self._now is None or work.done < self._now.done:
            self._started, self._first = self._clock(), work
        self._now = work

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens read a second; None before there is a time to divide by."""
        if self._first is None or self._now is None:
            return None
        return _rate(self._now.n_tokens - self._first.n_tokens, self._clock() - self._started)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done, if a unit of work takes as long as it took; None before that is known."""
        if self._first is None or self._now is None:
            return None
        rate = _rate(self._now.done - self._first.done, self._clock() - self._started)
        return None if rate is None else (self._now.total - self._now.done) / rate


def _rate(amount: float, seconds: float) -> float | None:
    return amount / seconds if amount > 0 and seconds > 0 else None


def _clock_time(seconds: float) -> str:
    """Hours, minutes and seconds: 0:01:30."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


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
        _TimeLeft(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, title, unit)


class _TimeLeft(TimeRemainingColumn):
    """The time left by the work where that is told, else by the number of items."""

    def render(self, task: Task) -> Text:
        left = task.fields["pace"].seconds_left
        return super().render(task) if left is None else Text(_clock_time(left), style="progress.remaining")


class _Bar:
    """A bar that is redrawn in its place."""

    def __init__(self, bar: Progress, title: str, unit: str) -> None:
        self._bar, self._unit, self._pace = bar, unit, Pace()
        self._task = bar.add_task(title, total=None, rate="", pace=self._pace)

    def work(self, work: Work) -> None:
        self._pace.work(work)

    def __call__(self, done: int, total: int, message: str | None = None) -> None:
        if message is not None:
            self._bar.console.print(message)
        rates = ((self._bar.tasks[0].speed, self._unit), (self._pace.tokens_per_s, "tokens"))
        rate = ", ".join(f"{number:,.0f} {unit}/s" for number, unit in rates if number)
        self._bar.update(self._task, completed=done, total=total, rate=rate)


class _Lines:
    """A bar cannot be redrawn in a log, and an hour of silence looks like a hang."""

    def __init__(self, console: Console, title: str, unit: str) -> None:
        self._console, self._title, self._unit = console, title, unit
        self._started = self._printed = time.monotonic()
        self._first: int | None = None
        self._pace = Pace()

    def work(self, work: Work) -> None:
        self._pace.work(work)

    def __call__(self, done: int, total: int, message: str | None = None) -> None:
        if message is not None:
            self._console.print(message)
        self._first = done if self._first is None else self._first
        now = time.monotonic()
        if now - self._printed >= SECONDS_BETWEEN_LINES:
            self._printed = now
            rate = (done - self._first) / (now - self._started)
            line = f"{self._title}: {done:,} of {total:,} {self._unit}, {rate:,.0f} a second"
            tokens, left = self._pace.tokens_per_s, self._pace.seconds_left
            if tokens is not None and left is not None:
                line += f", {tokens:,.0f} tokens a second, {_clock_time(left)} left"
            self._console.print(line)
