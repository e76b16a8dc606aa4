"""What reaches a terminal or a log: text that says what it shows, on streams that cannot change an exit status.

A text of a data set, a tensor's name or a type may hold the codes that clear a screen, turn the direction of a line
or command a CI runner. Each is shown as it would be written in Python. A reader that has gone, a full device, a closed
stream and an encoding without the character are no faults of a run: what cannot be shown is left out.
"""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control codes but tab and line feed, the two other line ends of Unicode, bidirectional overrides and isolates, halves
of surrogate pairs."""

_COMMAND_AT_START = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_COMMAND_ANYWHERE = re.compile(r"#(?=#\w*\[)")
"""What CI runners obey: ``::set-env`` at the start of a line; ``##[group]``, ``##vso[...]`` and ``##teamcity[...]``."""


def escaped(text: str, *, starts_line: bool = True) -> str:
    r"""``text`` with every code in it visible; ``starts_line`` unless something else stands before it.

    >>> print(escaped("\x1b[2J"), escaped("::stop-commands::x"), escaped("##[endgroup]"))
    \x1b[2J \::stop-commands::x #\#[endgroup]
    """
    shown = _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    shown = _COMMAND_ANYWHERE.sub(r"#\\", shown)
    first, end, rest = ("", "", shown) if starts_line else shown.partition("\n")
    return first + end + _COMMAND_AT_START.sub(r"\1\\:", rest)


def escaped_json(text: str) -> str:
    r"""A JSON document, the same to a parser, with every code in its strings written as ``\uXXXX``.

    >>> print(escaped_json('"\u202e ##[group]"'))
    "\u202e #\u0023[group]"
    """
    shown = _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return re.sub(r"(?<=#)#(?=\w*\[)", r"\\u0023", shown)


class Outlet:
    """``sys.stdout`` or ``sys.stderr`` as it is when something is written; writing never raises.

    Once a write has failed, the descriptor leads to the null device, so that nothing fails when the process ends.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.written_at = float("-inf")  # by time.monotonic

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(sys, self._name), name)

    @property
    def is_open(self) -> bool:
        """Whether there is a stream to write to."""
        stream = getattr(sys, self._name)
        return stream is not None and not stream.closed

    def isatty(self) -> bool:
        """Whether a person sees what is written."""
        return self.is_open and bool(getattr(sys, self._name).isatty())

    def write(self, text: str) -> int:
        """Write ``text``; characters that the encoding lacks are written out as ``\\u2026``."""
        self.written_at = time.monotonic()
        if self.is_open:
            stream = getattr(sys, self._name)
            encoding = getattr(stream, "encoding", None) or "utf-8"
            try:
                stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except OSError:
                self._abandon()
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered."""
        if self.is_open:
            try:
                getattr(sys, self._name).flush()
            except OSError:
                self._abandon()

    def _abandon(self) -> None:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, getattr(sys, self._name).fileno())
        os.close(sink)


STDOUT, STDERR = Outlet("stdout"), Outlet("stderr")


def fill_standard_streams() -> None:
    """Open the null device where a standard stream is closed.

    A file that is opened next would take the stream's descriptor, and what is printed would go into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def say(text: str) -> None:
    """One message on stderr."""
    STDERR.write(escaped(text) + "\n")
    STDERR.flush()
