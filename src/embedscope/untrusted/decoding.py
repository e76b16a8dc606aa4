"""The script of the child process that decodes a Parquet or Arrow file; it is run by its path and imports no module.

``decoding.py PATH KIND MOST_BYTES MEMORY_BYTES CPU_S`` writes the schema of the file to the standard output, as an
Arrow stream without rows. Then it reads lines from the standard input, each a JSON object: names of ``columns``, which
it writes as an Arrow stream of plain types, and whether the reader ``may_map`` the file. Where it may, and the columns
stand in the file as they do in memory, they are looked through and not written, and the stream says so. A message on
the standard error says why the script ends with another status than 0.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

DAMAGED, TOO_LARGE = 3, 4
"""Exit statuses: of a file that cannot be decoded, and of one that passes a limit."""

MAPPED = b"mapped"
"""Key in the metadata of a stream without rows, whose columns are to be mapped from the file."""

END = b"\n"
"""Follows every stream that is whole."""

_ROWS_AT_ONCE = 8192
_BYTES_AT_ONCE = 1 << 23
"""Of a Parquet file as its row groups state them: what is decoded is more where values repeat."""

_OBJECT, _RECORD = 48, 192
"""Bytes that a text or a list, and a dict, take in Python beside what they hold."""


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Bound what this process may take, where the system knows such bounds."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))  # a mapped file is not counted


def main(path: str, kind: str, most_bytes: int) -> None:
    """Decode the file at ``path``; ``most_bytes`` as `cost` counts them."""
    import pyarrow as pa

    schema, batches, is_plain = (_parquet if kind == "parquet" else _arrow)(path, kind)
    sink = pa.PythonFile(sys.stdout.buffer, mode="w")
    _write(sink, schema, [])
    n_bytes = 0
    for line in sys.stdin.buffer:
        request = json.loads(line)
        fields = [schema.field(name) for name in request["columns"]]
        plain = pa.schema([field.with_type(plain_type(field.type)) for field in fields])

        def counted(names: list[str] = request["columns"], plain: Any = plain) -> Iterator[Any]:
            nonlocal n_bytes
            for batch in batches(names):
                columns = [plain_column(batch.column(field.name), field.type) for field in plain]
                n_bytes += batch.num_rows * _RECORD + sum(map(cost, columns))
                if n_bytes > most_bytes:
                    raise OverflowError(f"it decodes to more than {most_bytes:,} bytes")
                yield pa.record_batch(columns, schema=plain)

        if request["may_map"] and is_plain and plain.types == [field.type for field in fields]:
            for _ in counted():
                pass
            _write(sink, plain.with_metadata({MAPPED: b""}), [])
        else:
            _write(sink, plain, counted())


def _write(sink: Any, schema: Any, batches: Iterable[Any]) -> None:
    import pyarrow as pa

    stream = pa.ipc.new_stream(sink, schema)
    for batch in batches:
        stream.write_batch(batch)
    stream.close()
    sys.stdout.buffer.write(END)
    sys.stdout.buffer.flush()


def _parquet(path: str, kind: str) -> tuple[Any, Any, bool]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, memory_map=True)

    def batches(names: list[str]) -> Iterator[Any]:
        groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
        row_bytes = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
        n_rows = min(_ROWS_AT_ONCE, max(1, _BYTES_AT_ONCE // max(1, row_bytes)))
        yield from file.iter_batches(n_rows, columns=names, use_threads=False)

    return file.schema_arrow, batches, False


def _arrow(path: str, kind: str) -> tuple[Any, Any, bool]:
    import pyarrow as pa

    source = pa.memory_map(path)
    schema = open_reader(source, kind).schema
    before = pa.total_allocated_bytes()
    is_plain = all(pa.total_allocated_bytes() == before for _ in _whole_batches(source, kind))

    def batches(names: list[str]) -> Iterator[Any]:
        # Arrow decompresses only the columns that are named, and copies those that are not compressed.
        options = {} if is_plain else {"included_fields": [schema.names.index(name) for name in names]}
        for batch in _whole_batches(source, kind, **options):
            chosen = batch.select(names)
            chosen.validate(full=True)  # offsets in a damaged file may point anywhere
            for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                yield chosen.slice(start, _ROWS_AT_ONCE)

    return schema, batches, is_plain


def _whole_batches(source: Any, kind: str, **options: Any) -> Iterator[Any]:
    source.seek(0)
    reader = open_reader(source, kind, **options)
    yield from (reader.get_batch(i) for i in range(reader.num_record_batches)) if kind == "arrow" else reader


def open_reader(source: Any, kind: str, **options: Any) -> Any:
    """The reader of an Arrow file ("arrow") or stream."""
    import pyarrow as pa

    is_file = kind == "arrow"
    return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source, options=pa.ipc.IpcReadOptions(**options))


def plain_type(kind: Any) -> Any:
    """The Arrow type that holds the same values once for each time that they stand there."""
    import pyarrow as pa

    test = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        plain = plain_type(kind.storage_type)
        return kind if plain == kind.storage_type else plain
    if test.is_dictionary(kind) or test.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if test.is_string_view(kind):
        return pa.large_string()
    if test.is_binary_view(kind):
        return pa.large_binary()
    if test.is_struct(kind):
        return pa.struct([kind.field(i).with_type(plain_type(kind.field(i).type)) for i in range(kind.num_fields)])
    if test.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    if test.is_fixed_size_list(kind):
        return pa.list_(_plain_item(kind), kind.list_size)
    if test.is_list_view(kind) or test.is_large_list_view(kind):  # which Arrow casts to empty lists
        raise ValueError(f"a column is of type {kind}, which is not read; write it as a list")
    if test.is_large_list(kind):
        return pa.large_list(_plain_item(kind))
    return pa.list_(_plain_item(kind)) if test.is_list(kind) else kind


def _plain_item(kind: Any) -> Any:
    return kind.value_field.with_type(plain_type(kind.value_type))


def plain_column(column: Any, kind: Any) -> Any:
    """A column as an array of a plain type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column.type, pa.BaseExtensionType) and column.type != kind:
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    return column if column.type == kind else column.cast(kind)


def cost(column: Any) -> int:
    """About how many bytes the values of a plain array take, as Python holds them; those that are null too."""
    import pyarrow as pa

    kind, test = column.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return cost(column.storage)
    if test.is_struct(kind):
        return len(column) * _RECORD + sum(map(cost, column.flatten()))
    if test.is_map(kind):
        entries = column.keys, column.items
        return len(column) * _OBJECT + len(entries[0]) * _OBJECT + sum(map(cost, entries))
    if any(is_list(kind) for is_list in (test.is_list, test.is_large_list, test.is_fixed_size_list)):
        return len(column) * _OBJECT + cost(column.flatten())
    is_number = test.is_primitive(kind) or test.is_null(kind)
    return len(column) * (8 if is_number else _OBJECT) + int(column.nbytes)


def _ends(status: int, reason: object) -> None:
    sys.stderr.write(" ".join(str(reason).split()))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where what was not sent goes at the end
    sys.exit(status)


if __name__ == "__main__":
    _, _path, _kind, _most_bytes, _memory_bytes, _cpu_s = sys.argv
    limit(int(_memory_bytes), int(_cpu_s))
    try:
        main(_path, _kind, int(_most_bytes))
    except BrokenPipeError:  # nobody wants the rest
        _ends(0, "")
    except OverflowError as error:
        _ends(TOO_LARGE, error)
    except MemoryError:
        _ends(TOO_LARGE, f"it takes more than {int(_memory_bytes):,} bytes of memory at once to decode")
    except Exception as error:  # pyarrow raises of many kinds for damage
        _ends(DAMAGED, error)
