"""Files and folders that are the old ones or the new ones, whole, whenever the process or the machine stops.

A file is written beside its place and put there by one rename. A folder is built beside its place; where there is none
of its name it is renamed, and where there is one the two change places in one step, what else stood in it included.
Where the file system has no such step (other systems than Linux and macOS, a mount point, a parent that may not be
written, the folder that the process works in), files move one by one under a mark that says so until the last has:
`require_complete` refuses such a folder, and the next run into it completes it.

What a killed process leaves begins with ``.embedscope-`` and is swept by the next one that writes there.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from embedscope.errors import DataFormatError, OutputError

_PREFIX = ".embedscope-"
_MARK = f"{_PREFIX}incomplete"
_PROCESSES = Path("/proc/self/ns/pid")  # a container numbers its processes anew, and may have the name of its host
_HOST = hashlib.sha256(
    f"{platform.node()} {_PROCESSES.readlink() if _PROCESSES.is_symlink() else ''}".encode()
).hexdigest()[:8]
_TEMPORARY = re.compile(re.escape(_PREFIX) + r"([0-9a-f]{8})-(\d+)-[0-9a-f]{12}")
_STALE_SECONDS = 86_400.0
_MOST_OTHERS = 10_000
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS


def cannot_write(path: Path, error: BaseException, option: str = "--output") -> OutputError:
    """What is said where the file system refuses."""
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return OutputError(
        f"{path} cannot be written ({reason}); what stood there before is unchanged. Make room and set the "
        f"permissions, or choose another {option}."
    )


def write_whole(
    path: Path, write: Callable[[Path], object], *, option: str = "--output", is_durable: bool = False
) -> None:
    """Let ``write`` fill a file beside ``path``, then put it in its place at once; folders on the way are made.

    ``is_durable`` brings it to the disk first, so that a machine without power leaves the old file or the new one too.

    Raises
    ------
    OutputError
        If the file system refuses, or a folder stands there.
    """
    write_files({path: write}, option=option, is_durable=is_durable)


def write_files(
    files: Mapping[Path, Callable[[Path], object]], *, option: str = "--output", is_durable: bool = False
) -> None:
    """Write files that belong together, as `write_whole` writes one: none is in its place before all are complete.

    Those after the first are removed before it is replaced, so that nothing stale ever stands beside it. A link stays
    one: the file that it leads to is replaced. What is no file (a pipe, a terminal) is written to as it is.
    """
    moves: dict[Path, Path] = {}
    path = next(iter(files))
    try:
        for path, write in files.items():
            require_no_folder(path, option)
            if is_stream(path):
                write(path)
                continue
            target = path.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            sweep(target.parent)
            temporary = target.with_name(_temporary_name())
            moves[target] = temporary
            write(temporary)
            if is_durable:
                _sync(temporary)
        for path in [*moves][1:]:
            path.unlink(missing_ok=True)
        for path, temporary in moves.items():
            os.replace(temporary, path)
            if is_durable:
                _sync_names(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        raise cannot_write(path, error, option) from error
    finally:
        for temporary in moves.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def staged_folder(directory: Path, *, option: str = "--output", is_replaced: bool = False) -> Iterator[Path]:
    """A folder whose content is in ``directory`` when the block ends without an exception, all of it at once.

    On an exception (Ctrl-C included) ``directory`` is as it was. Files of other names in it stay, unless
    ``is_replaced``: then nothing of it stays.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or a folder stands where a file goes.
    """
    made: list[Path] = []
    staging = None
    try:
        try:
            made = _make_parents(directory.parent)
            is_beside = _may_change_places(directory)
            home = directory.parent if is_beside else directory
            sweep(home)
            staging = home / _temporary_name()
            staging.mkdir()
        except OSError as error:
            raise cannot_write(directory, error, option) from error
        try:
            yield staging
        except OutputError as error:
            if str(staging) not in str(error):
                raise
            raise cannot_write(directory, error.__cause__ or error, option) from error
        try:
            _publish(staging, directory, option=option, is_beside=is_beside, is_replaced=is_replaced)
        except OSError as error:
            raise cannot_write(directory, error, option) from error
        made = []
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def is_stream(path: Path) -> bool:
    """Whether ``path`` is there and neither a file nor a folder: a pipe, a terminal, a device."""
    return path.exists() and not path.is_file() and not path.is_dir()


def require_no_folder(path: Path, option: str = "--output") -> None:
    """Refuse a path for a file where a folder stands.

    Raises
    ------
    OutputError
    """
    if path.is_dir():
        raise OutputError(
            f"{path} is a folder, and a file of that name is to be written. Choose another {option}, or move that "
            "folder away."
        )


def require_complete(folder: Path) -> None:
    """Refuse a folder into which files were still moving when a process was stopped.

    Raises
    ------
    DataFormatError
    """
    if (folder / _MARK).exists():
        raise DataFormatError(
            f"{folder} holds files of two runs: the one that wrote it last was stopped while its files moved into "
            "place. Run it again."
        )


def files_below(directory: Path) -> list[Path]:
    """Every file at any depth, in the order of its relative path."""

    def fail(error: OSError) -> None:
        raise error

    found = [Path(folder, name) for folder, _, names in os.walk(directory, onerror=fail) for name in names]
    return sorted(found, key=lambda path: path.relative_to(directory).parts)


def sweep(folder: Path) -> None:
    """Remove from a folder what processes left that are no more; of another machine's, what is a day old."""
    with suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*"):
            match = _TEMPORARY.fullmatch(path.name)
            if match is not None and _is_left(path, match[1], int(match[2])):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _publish(staging: Path, directory: Path, *, option: str, is_beside: bool, is_replaced: bool) -> None:
    own = files_below(staging)
    for file in own:
        if not is_replaced:
            require_no_folder(directory / file.relative_to(staging), option)
        _sync(file)
    with _alone_in(staging.parent):
        _put(own, staging, directory, is_beside=is_beside, is_replaced=is_replaced)
    _sync_names(directory.parent)


def _put(own: list[Path], staging: Path, directory: Path, *, is_beside: bool, is_replaced: bool) -> None:
    if not directory.exists():
        os.rename(staging, directory)
    elif is_beside and _exchanged_with_others(staging, directory, is_replaced=is_replaced):
        return
    elif is_beside and is_replaced:
        _replace(staging, directory)
    else:
        _move(own, staging, directory)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is publishing in ``folder``: what it puts there would be lost to the exchange."""
    handle = None
    with suppress(ImportError, OSError):  # Windows, or a file system without locks
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _exchanged_with_others(staging: Path, directory: Path, *, is_replaced: bool) -> bool:
    """Let the two change places, what else is in ``directory`` linked into ``staging`` before; False if impossible."""
    try:
        shutil.copymode(directory, staging)
        if not is_replaced:
            _link_others(directory, staging)
    except OSError:
        return False
    if not exchanged(staging, directory):
        return False
    if not is_replaced:
        with suppress(OSError):
            _link_others(staging, directory)  # what came in between
    return True


def _link_others(source: Path, target: Path) -> None:
    """Link what is in ``source`` and not in ``target``; raises OSError where something cannot be linked."""
    n = 0
    for folder, inner, names in os.walk(source):
        inner[:] = [name for name in inner if not _TEMPORARY.fullmatch(name)]
        there = target / Path(folder).relative_to(source)
        there.mkdir(exist_ok=True)
        for name in names:
            if not os.path.lexists(there / name) and name != _MARK and not _TEMPORARY.fullmatch(name):
                n += 1
                if n > _MOST_OTHERS:
                    raise OSError("too many other files")
                os.link(Path(folder, name), there / name, follow_symlinks=False)


def _replace(staging: Path, directory: Path) -> None:
    """Put one folder in the place of another by two renames; where the second fails, the old one stands there again."""
    old = directory.with_name(f"{directory.name}.old")
    os.rename(directory, old)
    try:
        os.rename(staging, directory)
    except OSError:
        os.rename(old, directory)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _move(files: list[Path], staging: Path, directory: Path) -> None:
    """Move files into place one by one, under the mark where there are several."""
    mark = directory / _MARK
    if len(files) > 1:
        mark.touch()
    for file in files:
        target = directory / file.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, target)
    mark.unlink(missing_ok=True)


def exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places in one step, so that neither name is ever without one.

    False where that is not to be had, and nothing has changed.
    """
    if os.name == "nt":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        return bool(library.renameat2(_AT_FDCWD, a, _AT_FDCWD, b, _RENAME_EXCHANGE) == 0)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return bool(library.renamex_np(a, b, _RENAME_SWAP) == 0)
    return False


def _may_change_places(directory: Path) -> bool:
    """Whether a folder beside ``directory`` may take its name: nobody stands in it, and it is what its name says."""
    if not directory.exists():
        return True
    if directory.is_symlink() or os.path.ismount(directory) or not os.access(directory.parent, os.W_OK):
        return False
    return directory.resolve() not in (Path.cwd(), *Path.cwd().parents)


def _make_parents(directory: Path) -> list[Path]:
    """Make ``directory``; returns the folders that were made, the innermost first."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    return missing


def _temporary_name() -> str:
    return f"{_PREFIX}{_HOST}-{os.getpid()}-{uuid4().hex[:12]}"


def _is_left(path: Path, host: str, pid: int) -> bool:
    if host != _HOST or os.name == "nt":
        return time.time() - path.stat().st_mtime > _STALE_SECONDS
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # another user's
    return False


def _sync(file: Path) -> None:
    """Bring a file to the disk."""
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can: what has its place is not refused any more."""
    with suppress(OSError):  # Windows has no handle of a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
