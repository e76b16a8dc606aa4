"""What a run writes: staged beside the target, moved into place when complete, and described by a manifest.

A run that stops half-way leaves the target folder as it was: files appear one by one through ``os.replace``, after
all of them have been written.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from embedscope import __version__
from embedscope.errors import InputError, OutputError
from embedscope.output.arrow_columns import arrow_column

_LIBRARIES = (
    "numpy",
    "scipy",
    "pyarrow",
    "torch",
    "safetensors",
    "sentence-transformers",
    "transformers",
    "scikit-learn",
    "faiss-cpu",
    "numba",
    "matplotlib",
    "ray",
)


def check_writable(directory: str | Path, names: Sequence[str] = (), *, option: str = "--output") -> None:
    """Raise, before any work starts, if files could not be written into ``directory``.

    Nothing is left behind: a probe file is made in the folder, or in the nearest parent that exists, and removed.

    Parameters
    ----------
    directory : str or Path
        May be absent; the run will make it.
    names : sequence of str
        Files that the run will write; a folder of that name would be in the way.
    option : str
        The command-line option that named the place, for the message.

    Raises
    ------
    OutputError
        If a file stands where a folder is needed (or the reverse), or the file system refuses to write.
    """
    directory = Path(directory)
    try:
        # The folder itself or the nearest parent that exists; a broken link counts as existing, and is not a folder.
        parents = (path for path in (directory, *directory.parents) if path.exists() or path.is_symlink())
        existing = next(parents, Path(directory.anchor or "."))
        if not existing.is_dir():
            raise OutputError(
                f"the folder {directory} cannot be made: {existing} is a file. Choose another {option}, or move that "
                "file away."
            )
        for name in names:
            _require_no_folder(directory / name, option)
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".embedscope-"):
            pass
    except OSError as error:
        raise _cannot_write(directory, error, option) from error


@contextmanager
def staged_output(directory: str | Path) -> Iterator[Path]:
    """A temporary folder whose files move into ``directory`` when the block ends without an exception.

    On an exception (Ctrl-C included) the staging is removed and the files of ``directory`` are as they were. Files of
    other names that stand in ``directory`` are left alone; files of the same name are replaced, each at once.

    Raises
    ------
    OutputError
        If the folder cannot be made or written; see :func:`check_writable`.
    """
    directory = Path(directory)
    check_writable(directory)
    # A folder that exists may be a mount point or a link, or stand in a parent that is not ours to write, so the
    # staging is made inside it; a folder that does not exist yet must not appear before it is complete.
    is_new = not directory.exists()
    made = _make_parents(directory.parent) if is_new else []
    is_complete = False
    try:
        staging = Path(tempfile.mkdtemp(dir=directory.parent if is_new else directory, prefix=".embedscope-"))
    except OSError as error:
        _remove_empty(made)
        raise _cannot_write(directory, error) from error
    try:
        yield staging
        _publish(staging, directory)
        is_complete = True
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not is_complete:
            _remove_empty(made)


def sha256_of(path: str | Path) -> str:
    """SHA-256, in hex, of a file's content, or of a folder's relative paths and contents; bounded memory.

    Raises
    ------
    InputError
        If the path does not exist or cannot be read.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            return _file_digest(path)
        total = hashlib.sha256()
        for file in _files_below(path):
            line = f"{_file_digest(file)}  {file.relative_to(path).as_posix()}\n"
            total.update(line.encode("utf-8", "surrogateescape"))
        return total.hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read to record its hash ({error.strerror or error}).") from error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, in one step; folders on the way are made.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    _make_parents(path.parent)
    _write_in_one_step(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_rows(path: str | Path, rows: Sequence[Any]) -> None:
    """Write a JSON list with one row a line, so that two files can be compared line by line.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_text(path, "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


def write_json(path: str | Path, payload: object) -> None:
    """Write ``payload`` as UTF-8 JSON, keys in the order given, in one step.

    NumPy numbers and arrays, and paths, are written as their plain counterparts.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ValueError
        If a number is not finite: JSON has no NaN, and a reader would stumble; write None and the reason.
    TypeError
        If a value has no JSON form.
    """
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, indent=2, default=_plain) + "\n"
    # A path can hold bytes that are not UTF-8; backslashreplace writes them as the JSON escapes \udc80 to \udcff.
    content = text.encode("utf-8", "backslashreplace")
    _write_in_one_step(Path(path), lambda temporary: temporary.write_bytes(content))


def write_parquet(path: str | Path, columns: Mapping[str, Any]) -> None:
    """Write columns of one length as a Parquet file, in one step.

    Each as :func:`embedscope.output.arrow_columns.arrow_column` takes it. For embedding-atlas, ``neighbors`` is the
    mapping ``{"ids": (M, k) int64, "distances": (M, k) float}``, ids being zero-based row numbers of the same file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ValueError
        If the columns differ in length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: arrow_column(values) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of one length were expected, came {lengths}")
    table = pa.table(arrays)
    _write_in_one_step(Path(path), lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def manifest(
    *,
    inputs: Mapping[str, str | Path | None],
    options: Mapping[str, object],
    seed: int,
    elapsed_s: float,
    created_at: datetime | None = None,
    digested: Mapping[str, Path] | None = None,
) -> dict[str, object]:
    """What is needed to repeat a run, or to see why it cannot be repeated.

    Parameters
    ----------
    inputs : mapping of role to path or name
        For example ``{"checkpoint": "epoch3.pt", "data": "test.json"}``. A path is hashed; a name that is not a path (a
        model of a hub) has the hash None.
    options : mapping
        Every option of the run with its value.
    created_at : datetime, optional
        When the run was made; by default now.
    digested : mapping of role to path, optional
        A file that stands for a folder: it holds the digests of all others, which may take long to read again.

    Returns
    -------
    dict
        ``embedscope_version``, ``created_at`` (UTC, ISO 8601), ``elapsed_s``, ``seed``, ``options``, ``inputs`` (path
        and sha256 by role), ``versions`` (Python and the libraries that are installed), ``platform``.
    """
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    described = {}
    for role, path in inputs.items():
        if path is not None:
            content = (digested or {}).get(role, Path(path))
            described[role] = {"path": str(path), "sha256": sha256_of(content) if content.exists() else None}
    return {
        "embedscope_version": __version__,
        "created_at": (created_at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
        "elapsed_s": round(elapsed_s, 3),
        "seed": seed,
        "options": dict(options),
        "inputs": described,
        "versions": versions,
        "platform": {"system": platform.platform(), "machine": platform.machine(), "byteorder": sys.byteorder},
    }


def _require_no_folder(path: Path, option: str = "--output") -> None:
    if path.is_dir():
        raise OutputError(
            f"{path} is a folder, and a file of that name is to be written. Choose another {option}, or move that "
            "folder away."
        )


def _cannot_write(path: Path, error: OSError, option: str = "--output") -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"{path} cannot be written ({reason}). Choose another {option}, or make room and set the permissions."
    )


def _make_parents(directory: Path) -> list[Path]:
    """Make ``directory``; returns the folders that were made, the innermost first."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise _cannot_write(directory, error) from error
    return missing


def _remove_empty(directories: Sequence[Path]) -> None:
    for directory in directories:
        try:
            directory.rmdir()
        except OSError:
            return


def _publish(staging: Path, directory: Path) -> None:
    """Move every file into place; what could stop a move is looked for before the first one."""
    files = list(_files_below(staging))
    for file in files:
        _require_no_folder(directory / file.relative_to(staging))
    try:
        for file in files:
            target = directory / file.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise _cannot_write(directory, error) from error


def _files_below(directory: Path) -> Iterator[Path]:
    """Every file at any depth, in the order of its relative path."""

    def fail(error: OSError) -> None:
        raise error

    found = [Path(folder, name) for folder, _, names in os.walk(directory, onerror=fail) for name in names]
    yield from sorted(found, key=lambda path: path.relative_to(directory).parts)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: object) -> object:
    """The JSON form of a value that the json module does not know."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _write_in_one_step(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _require_no_folder(path)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
