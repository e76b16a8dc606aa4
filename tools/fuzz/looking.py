"""One broken input after the other is read; what is neither read nor refused in time is a fault."""

from __future__ import annotations

import random
import resource
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from tools.fuzz.kinds import Subject

from embedscope.errors import EmbedscopeError

MOST_SECONDS = 5.0
"""Of processor time that an input may take."""

MOST_GROWTH = 1 << 30
"""Bytes by which an input may raise the largest memory that the process has had."""


class LimitError(Exception):
    """An input took more time or memory than it may."""


def look(subject: Subject, draw: random.Random, folder: Path) -> None:
    """Read the subject with one file of it broken, in ``folder``; what is no ``EmbedscopeError`` is raised."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = subject.write(folder, subject.broken(subject.files, draw))
    started, before = time.process_time(), _peak_bytes()
    with suppress(EmbedscopeError):
        subject.read(path)
    seconds, growth = time.process_time() - started, _peak_bytes() - before
    if seconds > MOST_SECONDS or growth > MOST_GROWTH:
        raise LimitError(f"it took {seconds:.1f} s and {growth / 2**20:,.0f} MiB more memory than any before")


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
