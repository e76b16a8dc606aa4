"""Folders of queries, documents and judgments (BEIR, FlagEmbedding evaluation, MTEB), and folders of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from embedscope.data.collection import excerpt
from embedscope.data.readers.column_names import is_prompt
from embedscope.data.readers.columns import metadata_value, prompt_notes
from embedscope.data.readers.containers import Fields, Records, open_records, read_records, single_object
from embedscope.data.readers.evaluator import evaluator_parts, texts_by_id
from embedscope.data.readers.folder_parts import (
    CORPUS,
    QRELS,
    QUERIES,
    ROWS,
    Part,
    choose_part,
    find_parts,
    part_for,
)
from embedscope.data.readers.list_cells import TABLES, null_notes, says_null
from embedscope.data.readers.qrels import Qrel, identifier, read_judgments, spelled
from embedscope.data.readers.rows import group_of, passage_text
from embedscope.data.readers.source import located, names, read_head
from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.result.formatting import count

T = TypeVar("T")

_IDS = {
    CORPUS: ("id", "corpusid", "docid", "documentid", "passageid", "pid", "cid", "docno"),
    QUERIES: ("id", "queryid", "qid", "topicid"),
}
_TITLE = "title"
_TEXT = ("text", "contents", "content", "query", "question", "passage", "document", "doc")


@dataclass(frozen=True, slots=True)
class Folder:
    """A judged data set as its files give it: texts by id, and the judgments of one split."""

    format: str
    queries: dict[str, str]
    documents: dict[str, str]
    qrels: list[Qrel]
    warnings: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)  # query id -> group
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # column -> query id -> value


@dataclass(slots=True)
class _Queries:
    """What the files of queries state, by query id."""

    texts: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)


def read_folder(folder: Path, *, split: str | None = None, group: str | None = None) -> Folder | Records:
    """The queries, documents and judgments of a folder, or the rows of one split of a folder of rows.

    Of the queries only those that the split judges are kept, as BEIR does; a query without a judgment in this split
    belongs to another one.

    Raises
    ------
    DataFormatError
        If the folder has no layout that is known, or a file of it is broken.
    InvalidOptionError
        If the folder has several splits, none of them ``test`` and none asked for, or not the one asked for; or the
        queries have no field ``group``.
    """
    parts = find_parts(folder)
    roles = {part.role for part in parts}
    if roles == {ROWS}:
        return _rows(folder, *choose_part(parts, split))
    judgments = [part for part in parts if part.role == QRELS] or _unnamed_judgments(parts)
    if not {CORPUS, QUERIES} <= roles or not judgments:
        raise DataFormatError(_why_no_layout(folder, parts, has_judgments=bool(judgments)))
    chosen, notes = choose_part(judgments, split)
    read = {path for part in judgments for path in part.paths}
    others = dict.fromkeys(
        part.home or part.label for part in parts if part.role == ROWS and read.isdisjoint(part.paths)
    )
    if others:
        notes.append(f"the folder also has {names(others)}, not read: every query is ranked against the whole corpus.")
    return _with_qrels(folder, parts, chosen, notes, group=group)


def holds_one_set(folder: Path, split: str | None = None) -> bool:
    """Whether the names of the files of ``folder`` make one data set, of which ``read_folder`` would read the split."""
    try:
        parts = find_parts(folder)
        judgments = [part for part in parts if part.role == QRELS] or _unnamed_judgments(parts)
        has_rows_only = {part.role for part in parts} == {ROWS}
        choose_part(parts if has_rows_only else judgments, split)
    except (DataFormatError, InvalidOptionError):
        return False
    return has_rows_only or {CORPUS, QUERIES} <= {part.role for part in parts}


def evaluator_folder(value: Mapping[str, object], *, warnings: Iterable[str] = ()) -> Folder:
    """The judged data set of ``{queries, corpus, relevant_docs}``; all queries are kept."""
    queries, documents, qrels = evaluator_parts(value)
    return Folder("evaluator JSON", queries, documents, qrels, tuple(warnings))


def _with_qrels(folder: Path, parts: Sequence[Part], chosen: Part, notes: list[str], *, group: str | None) -> Folder:
    qrels: list[Qrel] = []
    has_names = True
    for path in chosen.paths:
        for read in _within(folder, path, lambda path: [read_judgments(path)]):
            qrels += read.qrels
            has_names = has_names and read.has_names
            notes += [f"{path.relative_to(folder)}: {note}" for note in read.notes]
    if not qrels:
        raise DataFormatError(f"the split '{chosen.label}' has no judgments; nothing can be measured without them.")
    (for_queries, query_notes), (corpus, corpus_notes) = (part_for(parts, chosen, role) for role in (QUERIES, CORPUS))
    notes += [*query_notes, *corpus_notes]
    queries = _read_queries(folder, for_queries, group, notes)
    documents: dict[str, str] = {}
    for place, name, text, _ in _texts_of(folder, corpus, notes):
        _add(documents, name, text, place)
    if not has_names:
        _require_order(qrels, queries.texts, documents)
    with_judgments = {query for query, _, _ in qrels}
    kept = {name: text for name, text in queries.texts.items() if name in with_judgments}
    if len(kept) < len(queries.texts):
        notes.append(
            f"{count(len(queries.texts) - len(kept), 'query has', 'queries have')} no judgment in the split "
            f"'{chosen.label}': left out."
        )
    return Folder(
        _format(chosen, corpus), kept, documents, qrels, tuple(dict.fromkeys(notes)), queries.groups, queries.metadata
    )


def _format(judgments: Part, corpus: Part) -> str:
    if {".parquet", ".arrow", ".feather"}.isdisjoint(corpus.paths[0].suffixes):
        is_flag = "_qrels." in judgments.paths[0].name
        return "FlagEmbedding evaluation folder" if is_flag else "BEIR folder"
    return "MTEB Parquet folder" if ".parquet" in corpus.paths[0].suffixes else "Arrow folder"


def _unnamed_judgments(parts: Sequence[Part]) -> list[Part]:
    """Judgments where no folder is called qrels: in ``default``, else in ``data``, else in a folder of any name."""
    rows = [replace(part, role=QRELS) for part in parts if part.role == ROWS and part.home]
    for home in ("default", "data"):
        if any(part.home == home for part in rows):
            return [part for part in rows if part.home == home]
    return rows


def _why_no_layout(folder: Path, parts: Sequence[Part], *, has_judgments: bool) -> str:
    """What is missing for a folder of judged queries."""
    entries = sorted(path.name for path in folder.iterdir())
    packed = [name for name in entries if name.endswith((".zip", ".tar", ".tgz"))]
    if packed:
        return f"the folder holds archives ({names(packed)}). Unpack them first."
    there = {part.role for part in parts} | ({QRELS} if has_judgments else set())
    wanted = {
        CORPUS: "corpus.jsonl (documents)",
        QUERIES: "queries.jsonl (queries)",
        QRELS: "qrels (judgments, qrels/<split>.tsv)",
    }
    if there:
        missing = " and no ".join(what for role, what in wanted.items() if role not in there)
        return f"the BEIR folder has no {missing}. Add it; without all three parts nothing can be scored."
    return (
        "the folder is no BEIR folder (corpus.jsonl, queries.jsonl and qrels/<split>.tsv) and has no file of rows "
        f"(JSONL, CSV, Parquet, Arrow); it holds {names(entries) or 'nothing'}. Give a data file or such a folder."
    )


def _rows(folder: Path, part: Part, notes: list[str]) -> Records:
    """The rows of all files of a part, numbered through."""
    read = [records for path in part.paths for records in _within(folder, path, lambda path: [read_records(path)])]
    warnings = tuple(dict.fromkeys([*notes, *(note for records in read for note in records.warnings)]))
    if len(read) == 1:
        return replace(read[0], warnings=warnings)
    items = enumerate((record for records in read for _, record in records.items), start=1)
    return Records(read[0].container, "row", list(items), warnings)


def _within(folder: Path, path: Path, read: Callable[[Path], Iterable[T]]) -> Iterator[T]:
    """What ``read`` yields for a file; errors carry the file's place in the folder."""
    with located(str(path.relative_to(folder))):
        yield from read(path)


def _read_queries(folder: Path, part: Part, group: str | None, notes: list[str]) -> _Queries:
    queries = _Queries()
    named = group or "group"
    fields: dict[str, None] = {}
    prompts: dict[str, list[str]] = {}
    for place, name, text, rest in _texts_of(folder, part, notes):
        _add(queries.texts, name, text, place)
        fields |= dict.fromkeys(rest)
        stated = group_of(rest.get(named), named, place)
        if stated is not None:
            queries.groups.setdefault(name, stated)
        for column, value in rest.items():
            if is_prompt(column) and isinstance(value, str):
                prompts.setdefault(column, []).append(value)
            elif column != named and (shown := metadata_value(value)) is not None:
                queries.metadata.setdefault(column, {}).setdefault(name, shown)
    notes += [note for field, stated in prompts.items() for note in prompt_notes(field, stated)]
    if group is not None and group not in fields:
        raise InvalidOptionError(
            f"--group {group}: the queries have no such field; beside their texts they have {names(fields) or 'none'}."
        )
    return queries


def _add(texts: dict[str, str], name: str, text: str, place: str) -> None:
    """Enter a text; an id that appears twice must have one text."""
    if texts.setdefault(name, text) != text:
        raise DataFormatError(
            f"{place}: the id {excerpt(name)} appeared before with another text, so judgments of it are ambiguous. "
            "Give every text an id of its own."
        )


def _texts_of(folder: Path, part: Part, notes: list[str]) -> Iterator[tuple[str, str, str, Fields]]:
    """(place, id, title and text, other fields) of every record of a part."""
    for path in part.paths:
        file = path.relative_to(folder)
        for place, name, text, rest in _within(folder, path, lambda path: _texts(path, part.role, notes)):
            yield f"{file}: {place}", name, text, rest


def _texts(path: Path, role: str, notes: list[str]) -> Iterator[tuple[str, str, str, Fields]]:
    if read_head(path).lstrip().startswith(b"{"):
        value, _ = single_object(path)
        if value is not None and _is_by_id(value):
            for name, text in texts_by_id(value, role).items():
                yield f"id {name}", name, text, {}
            return
    known = {*_IDS[role], _TITLE, *_TEXT}
    stream = open_records(path, None if role == QUERIES else lambda column: spelled(column) in known)
    is_table, n_nulls = stream.container in TABLES, 0
    for number, record in stream.items:
        place = f"{stream.row_name} {number}"
        with located(place):
            name_field, title_field, text_field = _fields_of(tuple(record), role)
        if is_table:
            nulls = [field for field, value in record.items() if field != name_field and says_null(value)]
            record, n_nulls = {**record, **dict.fromkeys(nulls)}, n_nulls + len(nulls)
        passage = {"title": record.get(title_field), "text": record[text_field]}
        rest = {k: v for k, v in record.items() if k not in (name_field, text_field, title_field)}
        yield place, identifier(record[name_field], place), passage_text(passage, place), rest
    notes += [f"{path.name}: {note}" for note in (*stream.warnings, *null_notes(n_nulls))]


def _is_by_id(value: Fields) -> bool:
    """Whether an object maps ids to texts or to ``{title, text}``, and is no record itself."""
    texts = (text.get("text") if isinstance(text, dict) else text for text in value.values())
    return all(isinstance(text, str) for text in texts) and not any(spelled(key) in ("id", "text") for key in value)


@lru_cache(maxsize=1024)
def _fields_of(record: tuple[str, ...], role: str) -> tuple[str, str, str]:
    """The fields of the id, the title and the text among those of a record; without a header the first and the second.

    Raises DataFormatError if there is none for the id or the text.
    """
    if record == ("1", "2"):
        return "1", _TITLE, "2"
    by_spelling = {spelled(field): field for field in reversed(record)}
    if "_id" in record:
        by_spelling["id"] = "_id"
    name_field = next((by_spelling[name] for name in _IDS[role] if name in by_spelling), None)
    text_field = next((by_spelling[name] for name in _TEXT if name in by_spelling), None)
    if name_field is None:
        raise DataFormatError(f"the field '_id' (or 'id') is missing; there is {names(record) or 'nothing'}.")
    if text_field is None:
        raise DataFormatError(f"the field 'text' is missing; there is {names(record)}.")
    return name_field, by_spelling.get(_TITLE, _TITLE), text_field


def _require_order(qrels: Sequence[Qrel], queries: Mapping[str, str], documents: Mapping[str, str]) -> None:
    """Raise DataFormatError if judgments without a header are in another order than query, document, gain."""
    n_straight = sum(query in queries and document in documents for query, document, _ in qrels)
    n_swapped = sum(document in queries and query in documents for query, document, _ in qrels)
    gains = {gain for _, _, gain in qrels}
    are_ids = len(gains) > len({document for _, document, _ in qrels}) and all(
        f"{gain:.0f}" in documents for gain in gains
    )
    if n_swapped > n_straight or are_ids:
        found = "gains before document ids" if are_ids else "document ids before query ids"
        raise DataFormatError(
            f"the judgments have no header, and their lines seem to have {found}; query, document and gain were "
            "expected in this order. Put the columns in this order, or add a header: query-id, corpus-id, score."
        )
