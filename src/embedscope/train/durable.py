"""Files that are either the old ones or the new ones, whole, whenever the machine or the process stops."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from embedscope.errors import OutputError


def write_durably(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside ``path``, bring it to the disk, then put it in the place of ``path`` at once.

    A process killed at any moment, or a machine without power, leaves ``path`` as it was or as it shall be. What a
    killed process leaves beside it is overwritten by the next.

    Raises
    ------
    OutputError
        If the file system refuses.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise OutputError(
            f"{path} cannot be written ({reason}); what stood there before is unchanged. Make room, or choose another "
            f"--output-dir, and go on from the last checkpoint with --resume."
        ) from error


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle of a folder to sync
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
