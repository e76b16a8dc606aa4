"""What a run says while it works: a protocol, and the log that keeps silent."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from embedscope.protocols import ProgressCallback
from embedscope.result import ModelFacts


class Log(Protocol):
    """Whoever listens to a run: a terminal, or nobody."""

    def step(self, text: str) -> None:
        """One line that says what is done next, or has been done."""

    def warn(self, text: str) -> None:
        """Something that a person should not miss."""

    def fact(self, name: str, text: str) -> None:
        """What goes into the run, under a short name: "Data"."""

    def model(self, facts: ModelFacts) -> None:
        """What produces the vectors."""

    def progress(self, title: str, *, unit: str) -> AbstractContextManager[ProgressCallback]:
        """Yields a callback that is told how far a long step has come."""
        ...


class Silent:
    """Listens to nothing."""

    def step(self, text: str) -> None:
        """Nothing."""

    warn = step

    def fact(self, name: str, text: str) -> None:
        """Nothing."""

    def model(self, facts: ModelFacts) -> None:
        """Nothing."""

    def progress(self, title: str, *, unit: str) -> AbstractContextManager[ProgressCallback]:
        """A callback that nobody listens to."""
        return nullcontext(lambda done, total, note="": None)


SILENT = Silent()
