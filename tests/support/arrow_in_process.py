"""Parquet and Arrow files decoded in this process, where thousands of them are read: a child takes 0.2 s each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.data.readers import containers
from embedscope.models import vector_files
from embedscope.untrusted import decoding


class _Table:
    """As ``ArrowTable``."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.schema = table.schema

    def columns(self, names: list[str]) -> pa.Table:
        columns = [self._table[name].combine_chunks() for name in names]
        columns = [each.chunk(0) if isinstance(each, pa.ChunkedArray) else each for each in columns]
        kinds = [decoding.plain_type(each.type) for each in columns]
        plain = [decoding.plain_column(each, kind) for each, kind in zip(columns, kinds, strict=True)]
        return pa.table(dict(zip(names, plain, strict=True)))

    def batches(self, names: list[str]) -> Iterator[Any]:
        yield from self.columns(names).to_batches()


@contextmanager
def _opened(path: Path, *, of: Path | None = None) -> Iterator[_Table]:
    head = path.read_bytes()[:6]
    try:
        if head.startswith(b"PAR1"):
            table = pq.read_table(path)
        else:
            table = (pa.ipc.open_file if head == b"ARROW1" else pa.ipc.open_stream)(path).read_all()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    yield _Table(table)


@pytest.fixture
def arrow_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode without a child."""
    for module in (containers, vector_files):
        monkeypatch.setattr(module, "open_table", _opened)
