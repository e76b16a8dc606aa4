"""Folders on this machine or in an object store, all through ``pyarrow.fs``.

A place is a local path or a URI that pyarrow knows (``s3://bucket/folder``, ``gs://bucket/folder``,
``file:///folder``). Credentials are the object store's own affair: the environment or its configuration files. A place
stands in reports and messages, so one that holds a secret is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import InputError, OutputError
from embedscope.output.run_folder import staged_output
from embedscope.publishing import cannot_write

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_URI = re.compile(r"^[a-z][a-z0-9+]+://", re.IGNORECASE)
_SECRET = re.compile(r"^[a-z][a-z0-9+]+://[^/?#]*:[^/?#]*@|[?&][a-z_]*(secret|password|token)[a-z_]*=", re.IGNORECASE)

Place = str | Path


def is_remote(place: Place) -> bool:
    """Whether ``place`` is a URI of something else than this machine's files."""
    return bool(_URI.match(str(place))) and not str(place).startswith("file://")


def absolute(place: Place) -> str:
    """``place`` so that a process in another working directory finds it."""
    return str(place) if _URI.match(str(place)) else str(Path(os.path.expanduser(place)).absolute())


def in_place(place: Place, name: str) -> str:
    """The file ``name`` of the folder ``place``, for a message: before what a URI says of its store.

    >>> in_place("shards", "manifest.json"), in_place("s3://bucket/x/?region=eu-north-1", "manifest.json")
    ('shards/manifest.json', 's3://bucket/x/manifest.json?region=eu-north-1')
    """
    folder, mark, options = str(place).partition("?") if is_remote(place) else (str(place), "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"


def open_place(place: Place) -> FileSystem:
    """The folder at ``place`` as a file system of its own; names in it are relative to it.

    Raises
    ------
    InputError
        If the URI is of a kind that pyarrow does not know, or holds a secret, or the store refuses.
    """
    from pyarrow import fs

    found, path = resolve(place)
    return fs.SubTreeFileSystem(path, found)


def resolve(place: Place) -> tuple[FileSystem, str]:
    """The file system of ``place`` and the path in it; raises as `open_place`."""
    import pyarrow as pa
    from pyarrow import fs

    text = str(place)
    if "\0" in text:  # pyarrow would end the process
        raise InputError(f"{text!r} holds a null character, which no name of a file can. Correct the path.")
    if not _URI.match(text):
        return fs.LocalFileSystem(), absolute(text)
    if _SECRET.search(text):
        raise InputError(
            f"A {text.partition('://')[0]}:// URI holds a secret, which would stand in reports and messages. Leave it "
            f"out, and pass it in the environment: for s3:// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    try:
        found, path = _opened(text)
    except OSError as error:  # of a store that does not answer, or refuses
        raise InputError(f"'{text}' cannot be opened: {_first_line(error)}. {CHECK_STORE}.") from error
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"'{text}' cannot be opened: {_first_line(error)}. Expected a local path, or a URI that pyarrow reads: "
            f"s3://, gs://, abfss://, hdfs:// or file://."
        ) from error
    return found, path


def _opened(uri: str) -> tuple[FileSystem, str]:
    from pyarrow import fs

    found: tuple[FileSystem, str] = fs.FileSystem.from_uri(uri)
    return found


@contextmanager
def place_to_write(place: Place) -> Iterator[FileSystem]:
    """A folder to fill. On this machine it appears at ``place`` when the block ends without an exception.

    An object store has no rename: there files appear as they are written, so whatever makes the folder valid (its
    manifest) must be written last. What was written before an exception is removed.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    import pyarrow as pa
    from pyarrow import fs

    found, path = resolve(place)
    if not isinstance(found, fs.LocalFileSystem):
        before = {info.path for info in _content(found, path)}
        try:
            try:
                yield fs.SubTreeFileSystem(path, found)
            except BaseException:
                _remove(found, [info for info in _content(found, path) if info.path not in before])
                raise
        except (pa.ArrowException, OSError) as error:
            raise _refused(str(place), error) from error
        return
    with staged_output(path) as staging:
        yield fs.SubTreeFileSystem(str(staging), found)


def _content(files: FileSystem, path: str) -> list[Any]:
    from pyarrow import fs

    return list(files.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True)))


def _remove(files: FileSystem, infos: Sequence[Any]) -> None:
    """Remove files and folders, the deepest first; what cannot be removed stays, for there is an error already."""
    from pyarrow import fs

    for info in sorted(infos, key=lambda info: -info.path.count("/")):
        with suppress(OSError):
            if info.type == fs.FileType.Directory:
                files.delete_dir(info.path)
            else:
                files.delete_file(info.path)


@contextmanager
def writing(folder: FileSystem, name: str) -> Iterator[None]:
    """Raise what a store refuses in the block, which writes the file or folder ``name``, as an OutputError."""
    from pyarrow import fs

    try:
        yield
    except OSError as error:
        if isinstance(folder.base_fs, fs.LocalFileSystem):
            raise cannot_write(Path(folder.base_path) / name, error) from error
        raise _refused(f"{folder.base_path.rstrip('/')}/{name}", error) from error


def _refused(what: str, error: BaseException) -> OutputError:
    """What is said where an object store refuses."""
    return OutputError(
        f"'{what}' cannot be written: {_first_line(error)}. What was written is removed where the store lets it be. "
        f"{CHECK_STORE}, or choose another --output."
    )


def _first_line(error: BaseException) -> str:
    """What a library says, without a full stop; it may go on for lines."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


CHECK_STORE = "Check bucket, region and endpoint, and the credentials of the environment"
"""What to do where an object store refuses."""


def names_taken(place: Place, names: Sequence[str]) -> list[str]:
    """Those of ``names`` that are files or folders of the folder ``place`` already.

    Raises
    ------
    OutputError
        If the store cannot be asked.
    """
    from pyarrow import fs

    folder = open_place(place)
    try:
        found = folder.get_file_info(list(names))
    except OSError as error:
        raise OutputError(
            f"Nobody can tell whether something is at '{place}' already: {_first_line(error)}. {CHECK_STORE}, or "
            f"choose another place."
        ) from error
    return [name for name, info in zip(names, found, strict=True) if info.type != fs.FileType.NotFound]


def write_bytes(folder: FileSystem, name: str, content: bytes) -> None:
    """Write a file of a folder; raises OutputError if the store refuses."""
    with writing(folder, name), folder.open_output_stream(name) as file:
        file.write(content)


def file_size(folder: FileSystem, name: str) -> int | None:
    """Bytes of a file; None where there is no such file."""
    return file_sizes(folder, [name])[0]


def file_sizes(folder: FileSystem, names: Sequence[str]) -> list[int | None]:
    """Bytes of each file, None where there is none; all in one request, which an object store answers in parallel."""
    from pyarrow import fs

    infos = folder.get_file_info(list(names))
    return [int(info.size) if info.type == fs.FileType.File else None for info in infos]
