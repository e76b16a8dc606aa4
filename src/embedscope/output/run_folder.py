"""What a run writes: a folder that appears when it is complete, described by a manifest."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from embedscope import __version__
from embedscope.errors import InputError, OutputError
from embedscope.kept import version_of
from embedscope.output.arrow_columns import arrow_column
from embedscope.publishing import (
    cannot_write,
    files_below,
    is_stream,
    require_no_folder,
    staged_folder,
    write_files,
    write_whole,
)

MANIFEST = "manifest.json"
"""The file that says how what stands beside it was made."""

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

    Nothing is left behind: a nameless file is made in the folder, or in the nearest parent that exists.

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
            require_no_folder(directory / name, option)
        with tempfile.TemporaryFile(dir=existing, prefix=".embedscope-"):
            pass
    except OSError as error:
        raise cannot_write(directory, error, option) from error


def require_apart(written: Iterable[tuple[str, str | Path]], read: Iterable[str | Path]) -> None:
    """Refuse a file that two options write, or that is written and read; ``written`` are options with their paths.

    The folder of ``--output`` may hold what is read: a run is repeated into its place.

    Raises
    ------
    OutputError
    """
    owners = {_identity(path): "is read too" for path in read}
    for option, path in written:
        if is_stream(Path(path)):
            continue
        owner = owners.get(_identity(path))
        if owner is not None and option != "--output":
            raise OutputError(f"{option} would write {path}, which {owner}. Give {option} another name.")
        owners[_identity(path)] = f"{option} writes too"


def _identity(path: str | Path) -> object:
    """What two names of one file have in common."""
    own = os.path.expanduser(path)
    try:
        known = os.stat(own)
    except (OSError, ValueError):
        return os.path.realpath(own)
    return known.st_dev, known.st_ino


@contextmanager
def staged_output(directory: str | Path) -> Iterator[Path]:
    """A folder whose files are in ``directory`` when the block ends, as `publishing.staged_folder` has it.

    Raises
    ------
    OutputError
        If the folder cannot be made or written; see :func:`check_writable`.
    """
    check_writable(directory)
    with staged_folder(Path(directory)) as staging:
        yield staging


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
        for file in files_below(path):
            line = f"{_file_digest(file)}  {file.relative_to(path).as_posix()}\n"
            total.update(line.encode("utf-8", "surrogateescape"))
        return total.hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read to record its hash ({error.strerror or error}).") from error


def write_texts(texts: Mapping[Path, str], *, option: str = "--output") -> None:
    """Write files as UTF-8 that belong together, as `publishing.write_files` does; folders on the way are made.

    The bytes of a file name that is not UTF-8 are written out (``\\udcff``).

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    write_files(
        {path: partial(_fill, content=text.encode(errors="backslashreplace")) for path, text in texts.items()},
        option=option,
    )


def write_text(path: str | Path, text: str, *, option: str = "--output") -> None:
    """Write ``text`` as UTF-8, in one step; raises as `write_texts`."""
    write_texts({Path(path): text}, option=option)


def write_bytes(path: Path, content: bytes, *, option: str = "--output") -> None:
    """Write ``content``, in one step; raises as `write_texts`."""
    write_whole(path, partial(_fill, content=content), option=option)


def _fill(path: Path, *, content: bytes) -> None:
    path.write_bytes(content)


def rows_text(rows: Sequence[Any]) -> str:
    """A JSON list with one row a line, so that two files can be compared line by line."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def write_json(path: str | Path, payload: object, *, option: str = "--output") -> None:
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
    write_bytes(Path(path), text.encode("utf-8", "backslashreplace"), option=option)


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
    write_whole(Path(path), lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that are installed, of those that numbers depend on."""
    versions = {"python": platform.python_version()}
    return versions | {name: version for name in _LIBRARIES if (version := version_of(name)) is not None}


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
        "versions": library_versions(),
        "platform": {"system": platform.platform(), "machine": platform.machine(), "byteorder": sys.byteorder},
    }


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
