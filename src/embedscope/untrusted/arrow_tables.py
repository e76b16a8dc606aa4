"""Parquet and Arrow files, decoded by a child process: a file of some bytes can ask for any amount of memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedscope.errors import DataFormatError
from embedscope.untrusted import decoding
from embedscope.untrusted.child_process import Child
from embedscope.untrusted.limits import unpacked_limit

_MEMORY_BYTES = 2**30
"""That decoding may take at once, beside four times the size of the file."""

_CPU_S = 20
"""Of processor time, beside a second for 16 MiB of the file."""

_REMEDY = "which no table of its size needs. If it is what you want to read, write it as JSONL, or as several files"


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """A table whose columns are decoded as they are asked for."""

    schema: Any
    _path: Path
    _kind: str
    _child: Child

    def batches(self, names: list[str]) -> Iterator[Any]:
        """Record batches of the columns ``names``, which are in the order of the schema; read to their end.

        Columns are of plain types: no dictionaries, run ends or views. Raises as `open_table`.
        """
        return _batches(self._child, self._asked(names, may_map=False))

    def columns(self, names: list[str]) -> Any:
        """The columns ``names`` as one table, of plain types; raises as `open_table`."""
        import pyarrow as pa

        stream = self._asked(names, may_map=True)
        batches = list(_batches(self._child, stream))
        if decoding.MAPPED not in (stream.schema.metadata or {}):
            return pa.Table.from_batches(batches, schema=stream.schema)
        with pa.memory_map(str(self._path)) as source:
            return decoding.open_reader(source, self._kind).read_all().select(names)

    def _asked(self, names: list[str], *, may_map: bool) -> Any:
        self._child.ask(json.dumps({"columns": names, "may_map": may_map}).encode() + b"\n")
        return _stream(self._child)


@contextmanager
def open_table(path: Path, *, of: Path | None = None) -> Iterator[ArrowTable]:
    """The table in a Parquet file, an Arrow file or an Arrow stream.

    Parameters
    ----------
    path : Path
    of : Path, optional
        The compressed file that ``path`` was unpacked from; its size is what the limits go by.

    Raises
    ------
    ValueError
        If the file is damaged, or two of its columns have one name.
    DataFormatError
        If it takes more memory or time than files of its size do; the message does not name the file.
    """
    with path.open("rb") as file:
        head = file.read(6)
    kind = "parquet" if head.startswith(b"PAR1") else "arrow" if head == b"ARROW1" else "stream"
    size = (of or path).stat().st_size
    limits = unpacked_limit(of or path), _MEMORY_BYTES + 4 * size, _CPU_S + (size >> 24)
    environment = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
    with Child(Path(decoding.__file__), [str(path.absolute()), kind, *map(str, limits)], environment) as child:
        described = _stream(child)
        for _ in _batches(child, described):
            pass
        if len(set(described.schema.names)) < len(described.schema.names):
            raise ValueError("two of its columns have one name")
        yield ArrowTable(described.schema, path, kind, child)


def _stream(child: Child) -> Any:
    import pyarrow as pa

    with _explained(child):
        return child.waiting(lambda: pa.ipc.open_stream(pa.PythonFile(child.answers, mode="r")))


def _batches(child: Child, stream: Any) -> Iterator[Any]:
    """The batches of a stream to its end, which a line says: where a stream breaks off, Arrow may see its end."""
    while True:
        with _explained(child):
            batch = child.waiting(lambda: next(stream, None))
        if batch is None:
            break
        yield batch
    if child.waiting(child.answers.readline) != decoding.END:
        raise _fault(*child.end())


@contextmanager
def _explained(child: Child) -> Iterator[None]:
    """Put what the child says in place of what a stream that breaks off raises."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise _fault(*child.end()) from error


def _fault(status: int, said: str) -> Exception:
    """The error for a child that ended with ``status``."""
    if status == decoding.DAMAGED:
        return ValueError(said)
    if status == decoding.TOO_LARGE:
        return DataFormatError(f"{said}, {_REMEDY}.")
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return DataFormatError(
        f"the process that decodes it ended with {how}: it is damaged, or takes more time or memory than files of its "
        f"size do. Write or download it again, as JSONL, or as several files."
    )
