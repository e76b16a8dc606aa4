"""Judgments (qrels) from tables, records and objects: which query, which document, with which gain."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from embedscope.data.collection import excerpt
from embedscope.data.readers.containers import Fields, open_records, single_object
from embedscope.data.readers.delimited import SEPARATORS, read_cells
from embedscope.data.readers.source import kind_of, names, read_head, read_text
from embedscope.errors import DataFormatError

Qrel = tuple[str, str, float]


class _Role(Enum):
    """What a column of judgments states, with the names it has, spelled without marks and in lower case."""

    QUERY = frozenset({"queryid", "qid", "query", "q", "topicid", "topic"})
    DOCUMENT = frozenset(
        {"corpusid", "docid", "documentid", "passageid", "pid", "cid", "did", "docno", "corpus", "document", "doc", "d"}
    )
    GAIN = frozenset({"score", "relevance", "relevancy", "label", "gain", "rel", "grade", "judgment", "judgement"})
    NOTHING = frozenset({"", "index", "unnamed0", "iteration", "iter", "it", "q0"})  # says nothing of the pair


_EXPECTED = (
    "Expected was a header with one column of query ids (query-id, qid), one of document ids (corpus-id, docid) and "
    "one of gains (score, relevance); two columns without gains are also read"
)
_WITHOUT_HEADER = {
    2: ("query-id", "corpus-id"),
    3: ("query-id", "corpus-id", "score"),
    4: ("query-id", "iteration", "corpus-id", "score"),  # as TREC orders them
}


@dataclass(frozen=True, slots=True)
class Judgments:
    """What one file says of pairs."""

    qrels: list[Qrel]
    has_names: bool  # whether a header or fields said which column is which
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns that are read; without one for the gain every document that is listed is relevant."""

    query: str
    document: str
    gain: str | None
    unread: tuple[str, ...]


def read_judgments(path: Path) -> Judgments:
    """The judgments of a file.

    A table obeys its header, whatever the order of its columns. Without a header two columns are query and document,
    three have the gain in addition, and four are those of TREC. Records may name one document each, or all documents
    of a query in a list. A JSON object has documents by query, in a list or with their gains.

    Raises
    ------
    DataFormatError
        If a column is missing or several could be it, a line has another number of cells, or a gain is no number.
    """
    head = read_head(path).lstrip()
    if head.startswith(b"{") and (by_query := single_object(path)[0]) is not None and _is_by_query(by_query):
        return Judgments(list(qrels_by_query(by_query)), has_names=True)
    if head.startswith((b"[", b"{", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")):
        stream = open_records(path)
        records = [(f"{stream.row_name} {number}", record) for number, record in stream.items]
        columns = _columns(list(dict.fromkeys(name for _, record in records for name in record)))
        return _judgments(records, columns, has_names=True, notes=stream.warnings)
    return _tabular(read_text(path, is_table=True))


def qrels_by_query(documents: Mapping[Any, object]) -> Iterator[Qrel]:
    """Judgments from documents by query: ``{query: [document, ...]}`` or ``{query: {document: gain}}``."""
    for query, listed in documents.items():
        place = f"query {excerpt(str(query))}"
        name = identifier(query, place)
        if isinstance(listed, Mapping):
            for document, gain in listed.items():
                yield name, identifier(document, place), _gain(gain, place)
        elif isinstance(listed, Iterable) and not isinstance(listed, str):
            for document in listed:
                yield name, identifier(document, place), 1.0
        else:
            yield name, identifier(listed, place), 1.0


def identifier(value: object, place: str) -> str:
    """The id as a string; whole numbers are accepted, because Parquet files and pandas have them."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise DataFormatError(f"{place}: expected an id (a string or a whole number), came {kind_of(value)}.")


@lru_cache(maxsize=1024)
def spelled(name: str) -> str:
    """A name without marks and in lower case: ``query-id``, ``query_id`` and ``queryId`` are one."""
    return re.sub(r"[\W_]", "", name).lower()


def _is_by_query(value: Fields) -> bool:
    """Whether an object has documents by query; one with a field of queries and one of documents is a record."""
    is_record = {_Role.QUERY, _Role.DOCUMENT} <= set(map(_role, value))
    return all(isinstance(documents, list | dict) for documents in value.values()) and not is_record


def _role(name: str) -> _Role | None:
    plain = spelled(name)
    return next((role for role in _Role if not role.value.isdisjoint({plain, plain.removesuffix("s")})), None)


def _columns(listed: Sequence[str]) -> _Columns:
    by_role = {role: [name for name in listed if _role(name) is role] for role in _Role}
    for role, meaning in {_Role.QUERY: "queries", _Role.DOCUMENT: "documents"}.items():
        if len(by_role[role]) != 1:
            raise DataFormatError(
                f"the columns {names(listed)} name {len(by_role[role]) or 'no'} column{'s' * (len(by_role[role]) > 1)} "
                f"for the {meaning}, so it is unclear which pairs are judged. {_EXPECTED}."
            )
    further = [name for name in listed if _role(name) is None]
    gains = by_role[_Role.GAIN]
    if len(gains) > 1 or (further and not gains):
        raise DataFormatError(
            f"which of the columns {names(gains or further)} is the gain is unclear. {_EXPECTED}: rename the one that "
            "is meant, or take the others out."
        )
    gain = gains[0] if gains else None
    return _Columns(by_role[_Role.QUERY][0], by_role[_Role.DOCUMENT][0], gain, tuple(further))


def _judgments(
    records: Iterable[tuple[str, Fields]], columns: _Columns, *, has_names: bool, notes: Sequence[str] = ()
) -> Judgments:
    qrels = [qrel for place, record in records for qrel in _of_record(record, columns, place)]
    said = [*notes]
    if columns.unread and has_names:
        said.append(f"of the judgments the columns {names(columns.unread)} are not read.")
    if columns.gain is None:
        said.append("the judgments state no gain, so every document that they list is relevant, with gain 1.")
    return Judgments(qrels, has_names, tuple(said))


def _of_record(record: Fields, columns: _Columns, place: str) -> Iterator[Qrel]:
    """The judgments of one record, whose documents and gains may be lists that go along with each other."""
    for name in filter(None, (columns.query, columns.document, columns.gain)):
        if name not in record:
            raise DataFormatError(f"{place}: the field '{name}' is missing; there is {names(record) or 'nothing'}.")
    query = identifier(record[columns.query], place)
    documents = record[columns.document]
    gains = 1.0 if columns.gain is None else record[columns.gain]
    if isinstance(documents, Mapping):
        yield from qrels_by_query({query: documents})
        return
    if not isinstance(documents, list):
        yield query, identifier(documents, place), _gain(gains, place)
        return
    gains = gains if isinstance(gains, list) else [gains] * len(documents)
    if len(gains) != len(documents):
        raise DataFormatError(f"{place}: {len(documents)} documents have {len(gains)} gains; expected one each.")
    for document, gain in zip(documents, gains, strict=True):
        yield query, identifier(document, place), _gain(gain, place)


def _gain(value: object, place: str) -> float:
    if isinstance(value, str | int | float):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise DataFormatError(f"{place}: expected a number as the score, came {kind_of(value)}.")


def _tabular(text: str) -> Judgments:
    lines = [(number, cells) for number, cells in _cells(text) if not _is_comment(cells)]
    if not lines:
        return Judgments([], has_names=False)
    first = [cell.removeprefix("#").strip() for cell in lines[0][1]]
    has_names = not any(map(_is_number, first)) and any(_role(n) in (_Role.QUERY, _Role.DOCUMENT) for n in first)
    if has_names:
        listed, lines = first, lines[1:]
    else:
        listed = list(_WITHOUT_HEADER.get(len(first), ()))
        if not listed or (len(first) > 2 and not _is_number(first[-1])):
            raise DataFormatError(
                f"line {lines[0][0]}: {excerpt(' '.join(first))} is neither a header that names the columns nor a "
                f"judgment whose last cell is a number. {_EXPECTED}."
            )
    if len(set(listed)) < len(listed):
        raise DataFormatError(f"line {lines[0][0]}: the columns {names(listed)} need a name each, and no name twice.")
    columns = _columns(listed)
    records = []
    for number, cells in lines:
        if len(cells) != len(listed):
            raise DataFormatError(
                f"line {number}: expected {len(listed)} cells ({names(listed)}), came {len(cells)}: "
                f"{excerpt(' '.join(cells))}."
            )
        records.append((f"line {number}", {name: cell.strip() for name, cell in zip(listed, cells, strict=True)}))
    return _judgments(records, columns, has_names=has_names)


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every line that is not blank, by tab, comma, semicolon or white space."""
    lines = [(number, line.rstrip("\n")) for number, line in enumerate(io.StringIO(text, newline=None), start=1)]
    lines = [(number, line) for number, line in lines if line.strip()]
    shown = next((line for _, line in lines if not line.startswith("#")), "")
    words = shown.split()
    is_spaced = 2 < len(words) < 5 and not any(word.endswith((",", ";")) for word in words[:-1])
    if "\t" in shown and '"' not in text:
        return ((number, line.split("\t")) for number, line in lines)
    if "\t" not in shown and is_spaced and (_is_number(words[-1]) or _role(words[-1])):
        return ((number, line.split()) for number, line in lines)
    if any(separator in shown for separator in SEPARATORS):
        return ((line.number, line.cells) for line in read_cells(text).lines)
    return ((number, line.split()) for number, line in lines)


def _is_comment(cells: Sequence[str]) -> bool:
    """Whether a line begins with ``#`` and names no columns; trec_eval passes such lines over."""
    return cells[0].startswith("#") and not any(_role(cell.removeprefix("#")) is _Role.DOCUMENT for cell in cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
