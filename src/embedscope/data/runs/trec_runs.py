"""Runs as trec_eval reads them: query, "Q0", document, rank, score and tag in six columns, by blanks or tabs.

Ten million lines are read in blocks of whole lines by pyarrow, whose columns of names are numbers into a dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from embedscope.data.collection import excerpt
from embedscope.data.readers.compressed import open_bytes
from embedscope.data.readers.source import UTF8_BOM, read_lines, require_short
from embedscope.data.runs.run_entries import Codes, RunEntries, entries_of_columns
from embedscope.errors import DataFormatError
from embedscope.protocols import Float64Array

_COLUMNS = ("query", "Q0", "document", "rank", "score", "tag")
_BLOCK_BYTES = 32 << 20
_COMMENT = re.compile(rb"(?m)^#.*\n?")
_TABS = bytes.maketrans(b"\t", b" ")


def is_trec_line(line: str) -> bool:
    """Whether a line has the six columns of a run, of which the fifth is a number."""
    words = line.split()
    return len(words) == len(_COLUMNS) and _is_number(words[4])


def read_trec(path: Path) -> RunEntries:
    """The entries of a TREC run, also compressed; lines that begin with ``#`` are comments.

    The rank column is not read, as in trec_eval: the scores order the documents. A note says where the two disagree.

    Raises DataFormatError, with the line, where a line has other than six columns or its score is no number.
    """
    import pyarrow as pa

    with open_bytes(path) as file:
        table = pa.concat_tables([_parsed(block, number) for number, block in _blocks(file)])
    found = entries_of_columns(
        table["query"], table["document"], table["score"], layout="TREC run", place=partial(_line_of, path)
    )
    n = _n_contradicting(found.query_of, _ranks(table["rank"]), found.scores)
    if n == 0:
        return found
    note = (
        f"For {n:,} of {len(found.queries):,} queries the rank column orders the documents otherwise than the scores. "
        "The scores count, as in trec_eval; negate them if they are distances."
    )
    return replace(found, notes=(note,))


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, whole lines) of a file, some 32 MiB at a time."""
    number, rest = 1, b""
    while part := file.read(_BLOCK_BYTES):
        end = part.rfind(b"\n") + 1
        if end == 0:
            rest += part
            require_short(len(rest), number)
            continue
        block = rest + part[:end]
        yield number, block
        number, rest = number + block.count(b"\n"), part[end:]
    yield number, rest


def _parsed(block: bytes, number: int) -> Any:
    """The columns query, document, rank (names) and score of some lines, as an Arrow table."""
    import pyarrow as pa
    from pyarrow import csv

    name = pa.dictionary(pa.int32(), pa.string())
    types = {"query": name, "document": name, "rank": name, "score": pa.float64()}
    lines = _plain(block.removeprefix(UTF8_BOM) if number == 1 else block)
    if not lines.strip():
        return pa.table({column: pa.array([], kind) for column, kind in types.items()})
    try:
        return csv.read_csv(
            pa.BufferReader(lines),
            read_options=csv.ReadOptions(column_names=_COLUMNS, block_size=len(lines) + 1),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[]),
        )
    except pa.ArrowInvalid as error:
        _refuse_first_fault(block, number)
        raise DataFormatError(f"from line {number} on: {excerpt(str(error), 120)}.") from error


def _plain(lines: bytes) -> bytes:
    """Lines whose columns are separated by one blank each, without comments."""
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    if b"\t" in lines:
        lines = lines.translate(_TABS)
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    if b" \n" in lines:
        lines = lines.replace(b" \n", b"\n")
    if lines.startswith(b" ") or b"\n " in lines:
        lines = lines.replace(b"\n ", b"\n").removeprefix(b" ")
    if lines.startswith(b"#") or b"\n#" in lines:
        lines = _COMMENT.sub(b"", lines)
    return lines.removesuffix(b" ")


def _refuse_first_fault(block: bytes, number: int) -> None:
    for at, raw in enumerate(block.split(b"\n"), start=number):
        try:
            line = raw.decode().strip()
        except UnicodeDecodeError as error:
            raise DataFormatError(
                f"line {at}: the byte 0x{raw[error.start]:02X} is not UTF-8. Write the run in UTF-8."
            ) from error
        if not line or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != len(_COLUMNS):
            if len(words) == 4:
                remedy = "Four columns are judgments, which belong to the data set."
            elif len(words) > len(_COLUMNS):
                remedy = "A name cannot hold a blank; write it as %20."
            else:
                remedy = "Correct the line, or write the run again."
            raise DataFormatError(
                f"line {at}: expected six columns ({' '.join(_COLUMNS)}), came {len(words)}: {excerpt(line)}. {remedy}"
            )
        if not _is_number(words[4]):
            raise DataFormatError(f"line {at}: expected a number as the score, came {excerpt(words[4])}.")


def _line_of(path: Path, entry: int) -> str:
    """Where an entry stands: comments and blank lines hold none."""
    n = -1
    for number, line in read_lines(path):
        n += not line.startswith("#")
        if n == entry:
            return f"line {number}"
    return f"entry {entry + 1}"  # pragma: no cover - the file has changed since


def _ranks(column: Any) -> Float64Array:
    """The numbers of the rank column, NaN where it holds something else."""
    column = column.unify_dictionaries()
    known = np.array([float(r) if _is_number(r) else np.nan for r in column.chunk(0).dictionary.to_pylist()])
    return np.concatenate([known[chunk.indices.to_numpy()] for chunk in column.chunks])


def _n_contradicting(query_of: Codes, ranks: Float64Array, scores: Float64Array) -> int:
    """Queries for which a score rises as the rank does."""
    is_same = np.diff(query_of) == 0
    in_order = np.count_nonzero(~is_same) == query_of.max() and not (is_same & (np.diff(ranks) <= 0)).any()
    if not in_order:
        order = np.lexsort((ranks, query_of))
        query_of, ranks, scores = query_of[order], ranks[order], scores[order]
        is_same = np.diff(query_of) == 0
    rises = is_same & (np.diff(scores) > 0) & (np.diff(ranks) > 0)
    return len(np.unique(query_of[1:][rises]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
