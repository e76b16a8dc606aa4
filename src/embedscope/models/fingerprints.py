"""Digests of files, remembered: a 2.3 GB weights file is hashed once, not at every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from embedscope.errors import OutputError
from embedscope.publishing import write_whole

_WORTH_REMEMBERING = 1 << 20


def hash_file(path: Path) -> str:
    """SHA-256 of the file's content, as a hex string."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashMemory:
    """SHA-256 of files, remembered by path, size, times and inode; and what was found in files, by digest.

    Of the two times the modification time can be set (``cp -p`` does), the time of the last change cannot.

    Parameters
    ----------
    file : Path, optional
        Where the memory is kept between runs; None forgets. A file that is missing, damaged or not writable costs
        time, nothing else.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    @property
    def folder(self) -> Path | None:
        """The cache folder that the memory lives in; None where nothing is kept."""
        return None if self._file is None else self._file.parent

    def sha256(self, path: Path) -> str:
        """SHA-256 of the content of ``path``, as a hex string."""
        real = path.resolve()
        facts = real.stat()
        if facts.st_size < _WORTH_REMEMBERING:
            return hash_file(real)
        stamp = [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]
        known = self._read().get(str(real))
        if isinstance(known, list) and known[:-1] == stamp:
            return str(known[-1])
        digest = hash_file(real)
        self._write({**self._read(), str(real): [*stamp, digest]})
        return digest

    def found(self, digest: str) -> dict[str, Any] | None:
        """What was found in the files of this digest; None where nothing is kept."""
        known = self._read().get(digest)
        return known if isinstance(known, dict) else None

    def keep(self, digest: str, found: Mapping[str, Any]) -> None:
        """Remember what was found in the files of this digest."""
        self._write({**self._read(), digest: dict(found)})

    def _read(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            memory = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return memory if isinstance(memory, dict) else {}

    def _write(self, memory: dict[str, Any]) -> None:
        if self._file is not None:
            with suppress(OutputError):
                write_whole(self._file, lambda temporary: temporary.write_text(json.dumps(memory), encoding="utf-8"))
