"""A child process that works on a file of somebody else's under limits; whatever becomes of it, this process goes on.

The child is a script that imports nothing of embedscope and bounds its memory and processor time before it opens the
file. It inherits no environment variables but those that a system needs to start a program. Windows has no such bounds;
there the wall clock alone ends a child.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar, cast

T = TypeVar("T")

_INHERITED = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

PATIENCE_S = 40.0
"""Longest silence of a child."""


class Child:
    """A running script, with a pipe to it and one from it; a context manager, at whose end it is gone."""

    def __init__(self, script: Path, arguments: Sequence[str], environment: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=kept | environment,
        )
        self.answers = cast(IO[bytes], self._process.stdout)
        with suppress(ImportError, AttributeError, OSError):  # a wide pipe is faster, where the system has it
            import fcntl

            fcntl.fcntl(self.answers, fcntl.F_SETPIPE_SZ, 1 << 20)

    def ask(self, request: bytes) -> None:
        """Send all that the child will read; a child that has gone is found out when its answer is read."""
        stream = cast(IO[bytes], self._process.stdin)
        with suppress(BrokenPipeError):
            stream.write(request)
            stream.flush()

    def waiting(self, read: Callable[[], T]) -> T:
        """What ``read`` returns; a child that keeps it waiting for longer than `PATIENCE_S` is killed."""
        timer = threading.Timer(PATIENCE_S, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            return read()
        finally:
            timer.cancel()

    def end(self) -> tuple[int, str]:
        """Exit status of the child, negative for a signal, and what it said on its standard error."""
        self.answers.close()
        status = self.waiting(self._process.wait)
        self._said.seek(0)
        return status, self._said.read(4096).decode("utf-8", errors="replace").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self.answers.close()
        self._said.close()
        with suppress(BrokenPipeError):
            cast(IO[bytes], self._process.stdin).close()
