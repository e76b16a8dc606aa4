"""Folders of queries, documents and judgments: BEIR, FlagEmbedding evaluation, MTEB Parquet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from embedscope.data.collection import excerpt
from embedscope.data.readers.containers import Fields, parquet_rows
from embedscope.data.readers.rows import passage_text
from embedscope.data.readers.source import kind_of, located, names, parse_json, read_head, read_lines, surrogate_note
from embedscope.errors import DataFormatError, InvalidOptionError

T = TypeVar("T")
Qrel = tuple[str, str, float]

_SHARD = re.compile(r"-\d{5}-of-\d{5}\Z")
_DATA_SUFFIXES = {".json", ".jsonl", ".csv", ".tsv", ".parquet"}
_ID = ("_id", "id")
_QUERY_ID = ("query-id", "qid")
_DOCUMENT_ID = ("corpus-id", "docid")
_GAIN = ("score", "relevance")


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


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a folder keeps its parts; ``queries`` and ``qrels`` by split ("" where one file serves all)."""

    format: str
    corpus: list[Path]
    queries: dict[str, list[Path]]
    qrels: dict[str, list[Path]]


def read_folder(folder: Path, *, split: str | None, group: str | None = None) -> Folder:
    """The queries, documents and judgments of a folder.

    Of the queries only those that the split judges are kept, as BEIR does; a query without a judgment in this split
    belongs to another one.

    Raises
    ------
    DataFormatError
        If the folder has no layout that is known, or a file of it is broken.
    InvalidOptionError
        If the folder has several splits, none of them ``test`` and none asked for, or not the one asked for.
    """
    layout = _layout(folder)
    chosen, warnings = _choose_split(sorted(layout.qrels), split)
    n_replaced = Counter[str]()
    qrels = [qrel for path in layout.qrels[chosen] for qrel in _within(folder, path, _qrels, n_replaced)]
    if not qrels:
        raise DataFormatError(f"the split '{chosen}' has no judgments; nothing can be measured without them.")
    query_paths = layout.queries.get(chosen) or layout.queries.get("") or layout.queries.get("queries") or []
    if not query_paths:
        raise DataFormatError(f"there are judgments but no queries for the split '{chosen}'; add the file of queries.")
    queries = _texts_by_id(folder, query_paths, n_replaced)
    documents = _texts_by_id(folder, layout.corpus, n_replaced)
    with_judgments = {query for query, _, _ in qrels}
    kept = {name: text for name, text in queries.items() if name in with_judgments}
    if len(kept) < len(queries):
        warnings.append(
            f"{len(queries) - len(kept)} queries have no judgment in the split '{chosen}' and are left out."
        )
    return Folder(layout.format, kept, documents, qrels, (*warnings, *surrogate_note(n_replaced["surrogates"])))


def _choose_split(splits: list[str], asked: str | None) -> tuple[str, list[str]]:
    if asked is not None:
        if asked in splits:
            return asked, []
        raise InvalidOptionError(f"there is no split '{asked}'; there are {names(splits)}. Ask for one of these.")
    if len(splits) == 1:
        return splits[0], []
    if "test" in splits:
        others = [split for split in splits if split != "test"]
        return "test", [f"the split 'test' is used; the folder also has {names(others)}."]
    raise InvalidOptionError(f"the folder has the splits {names(splits)} and none is called 'test'. Ask for one.")


def _layout(folder: Path) -> _Layout:
    for find in (_beir_layout, _flag_layout, _parquet_layout):
        layout = find(folder)
        if layout is not None:
            return layout
    raise DataFormatError(_why_no_layout(folder))


def _beir_layout(folder: Path) -> _Layout | None:
    corpus, queries = folder / "corpus.jsonl", folder / "queries.jsonl"
    qrels = {p.stem: [p] for p in sorted(folder.glob("qrels/*")) if p.suffix in {".tsv", ".jsonl"} and p.is_file()}
    if corpus.is_file() and queries.is_file() and qrels:
        return _Layout("BEIR folder", [corpus], {"": [queries]}, qrels)
    return None


def _flag_layout(folder: Path) -> _Layout | None:
    corpus = folder / "corpus.jsonl"
    queries = {p.name.removesuffix("_queries.jsonl"): [p] for p in sorted(folder.glob("*_queries.jsonl"))}
    qrels = {p.name.removesuffix("_qrels.jsonl"): [p] for p in sorted(folder.glob("*_qrels.jsonl"))}
    if corpus.is_file() and queries and qrels:
        return _Layout("FlagEmbedding evaluation folder", [corpus], queries, qrels)
    return None


def _parquet_layout(folder: Path) -> _Layout | None:
    corpus, queries = _parquet_splits(folder, "corpus"), _parquet_splits(folder, "queries")
    qrels = _parquet_splits(folder, "qrels") or _parquet_splits(folder, "default")
    if corpus and queries and qrels:
        everything = [path for paths in corpus.values() for path in paths]
        if len(queries) == 1:
            queries = {"": next(iter(queries.values()))}
        return _Layout("MTEB Parquet folder", everything, queries, qrels)
    return None


def _parquet_splits(folder: Path, config: str) -> dict[str, list[Path]]:
    """Parquet files of a config by split: ``config/split-00000-of-00001.parquet``, or ``config.parquet``."""
    single = folder / f"{config}.parquet"
    paths = [single] if single.is_file() else sorted((folder / config).glob("**/*.parquet"))
    splits: dict[str, list[Path]] = {}
    for path in paths:
        splits.setdefault(_SHARD.sub("", path.stem), []).append(path)
    return splits


def _why_no_layout(folder: Path) -> str:
    """What is missing for the layout that comes nearest."""
    entries = sorted(path.name for path in folder.iterdir())
    packed = [name for name in entries if name.endswith((".gz", ".zip", ".bz2", ".xz"))]
    if packed:
        return f"the folder holds compressed files ({names(packed)}). Decompress them first."
    wanted = {"corpus.jsonl": "documents", "queries.jsonl": "queries", "qrels": "judgments, qrels/<split>.tsv"}
    missing = [f"{name} ({what})" for name, what in wanted.items() if name not in entries]
    if len(missing) == 1:
        return f"the BEIR folder has no {missing[0]}. Add it; without all three parts nothing can be scored."
    if not missing:
        return "the folder qrels of this BEIR folder has no .tsv or .jsonl file. Add the judgments."
    files = [name for name in entries if Path(name).suffix.lower() in _DATA_SUFFIXES]
    if files:
        return (
            "the folder is no BEIR folder (corpus.jsonl, queries.jsonl, qrels/<split>.tsv). Give one of its files: "
            f"{names(files)}."
        )
    return (
        "the folder is no BEIR folder: corpus.jsonl, queries.jsonl and qrels/<split>.tsv were expected, and it holds "
        f"{names(entries) or 'nothing'}. Give a data file or such a folder."
    )


def _within(
    folder: Path, path: Path, read: Callable[[Path, Counter[str]], Iterable[T]], counter: Counter[str]
) -> Iterator[T]:
    """What ``read`` yields for a file; errors carry the file's place in the folder."""
    with located(str(path.relative_to(folder))):
        yield from read(path, counter)


def _texts_by_id(folder: Path, paths: list[Path], counter: Counter[str]) -> dict[str, str]:
    """Text of every id; an id that appears twice must have one text."""
    texts: dict[str, str] = {}
    for path in paths:
        for place, name, text in _within(folder, path, _texts, counter):
            if texts.setdefault(name, text) != text:
                raise DataFormatError(
                    f"{path.relative_to(folder)}: {place}: the id {excerpt(name)} appeared before with another text, "
                    "so judgments of it are ambiguous. Give every text an id of its own."
                )
    return texts


def _texts(path: Path, counter: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """(place, id, title and text) of every record."""
    for place, record in _records(path, counter, (*_ID, "title", "text")):
        yield place, _identifier(record, _ID, place), passage_text(record, place)


def _qrels(path: Path, counter: Counter[str]) -> Iterator[Qrel]:
    if path.suffix == ".tsv":
        yield from _tabular_qrels(path)
        return
    for place, record in _records(path, counter, (*_QUERY_ID, *_DOCUMENT_ID, *_GAIN)):
        gain = _field(record, _GAIN, place)
        if isinstance(gain, bool) or not isinstance(gain, int | float):
            raise DataFormatError(f"{place}: expected a number as the score, came {kind_of(gain)}.")
        yield _identifier(record, _QUERY_ID, place), _identifier(record, _DOCUMENT_ID, place), _gain(gain, place)


def _tabular_qrels(path: Path) -> Iterator[Qrel]:
    """Judgments of a table: query, document, gain; or the four columns of TREC. A header line is passed over."""
    read_head(path)
    for number, line in read_lines(path):
        cells = line.split("\t") if "\t" in line else line.split()
        place = f"line {number}"
        if len(cells) == 4:
            del cells[1]
        if len(cells) != 3:
            raise DataFormatError(
                f"{place}: expected query-id, corpus-id and score separated by tabs, came {excerpt(line)}."
            )
        query, document, gain = (cell.strip() for cell in cells)
        if number == 1 and not _is_number(gain):
            continue
        yield query, document, _gain(gain, place)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _gain(value: str | int | float, place: str) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise DataFormatError(f"{place}: expected a number as the score, came {kind_of(value)}.") from error


def _records(path: Path, counter: Counter[str], columns: tuple[str, ...]) -> Iterator[tuple[str, Fields]]:
    """(place, fields) of every record of a JSONL or Parquet file."""
    if path.suffix == ".parquet":
        for number, record in enumerate(parquet_rows(path, columns), start=1):
            yield f"row {number}", record
        return
    read_head(path)
    for number, line in read_lines(path):
        value, n_replaced = parse_json(line, line=number)
        counter["surrogates"] += n_replaced
        if not isinstance(value, dict):
            raise DataFormatError(f"line {number}: expected an object {{...}}, came {kind_of(value)}.")
        yield f"line {number}", value


def _field(record: Fields, spellings: tuple[str, ...], place: str) -> object:
    for name in spellings:
        if name in record:
            return record[name]
    raise DataFormatError(
        f"{place}: the field '{spellings[0]}' (or '{spellings[1]}') is missing; there is {names(record) or 'nothing'}."
    )


def _identifier(record: Fields, spellings: tuple[str, ...], place: str) -> str:
    """The id as a string; whole numbers are accepted, because Parquet files have them."""
    value = _field(record, spellings, place)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise DataFormatError(f"{place}: expected an id (a string or a whole number), came {kind_of(value)}.")
