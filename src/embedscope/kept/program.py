"""What decides a number beside its inputs: the source of this program, and the libraries that compute."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"^Version: (\S+)$", re.MULTILINE)
_SUFFIXES = (".py", ".toml", ".ttf")
_LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "faiss-cpu", "matplotlib", "pillow")


@cache
def program_digest() -> bytes:
    """Digest of every source file of the package, of the versions of what computes, and of the kind of machine.

    An edited source never meets a result of before. Contents are read, not times: a copy keeps its times.
    """
    total = hashlib.blake2b(digest_size=20)
    for path in sorted(path for path in _SOURCE.rglob("*") if path.suffix in _SUFFIXES):
        content = path.read_bytes()
        total.update(f"{path.relative_to(_SOURCE).as_posix()} {len(content)}\n".encode())
        total.update(content)
    for name in _LIBRARIES:
        total.update(f"{name} {version_of(name)}\n".encode())
    total.update(f"{platform.python_version()} {platform.system()} {platform.machine()}".encode())
    return total.digest()


_FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts", "/Library/Fonts",
    "/System/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip


@cache
def fonts_installed() -> tuple[tuple[str, int], ...]:
    """Folders of fonts of this machine and when each was changed: a picture may have a letter of one of them."""
    found = []
    for root in _FONT_FOLDERS:
        for folder, _, _ in os.walk(os.path.expanduser(root)):
            with suppress(OSError):
                found.append((folder, os.stat(folder).st_mtime_ns))
    return tuple(sorted(found))


@cache
def version_of(library: str) -> str | None:
    """The installed version of a library, which is not loaded; None where it is not installed."""
    try:
        text = distribution(library).read_text("METADATA") or ""
    except PackageNotFoundError:
        return None
    found = _VERSION.search(text)  # ``importlib.metadata.version`` parses the whole file, ten times as long
    return version(library) if found is None else found[1]
