"""The file of texts or ids that stands beside a file of vectors without any, such as ``vectors.npy``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedscope.data.readers.containers import Fields, read_records
from embedscope.data.readers.source import kind_of, located, names, parse_json, read_lines, read_text
from embedscope.errors import DataFormatError, InvalidEmbeddingsError
from embedscope.models.numpy_files import read_array
from embedscope.models.vector_names import Label, Side, label_of, side_of, words_of

_SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".tsv", ".npy", ".parquet")


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a file says of each row: the name of the field and an entry a row, by kind of label."""

    file: Path
    labels: Mapping[Label, tuple[str, Sequence[str]]]


def labels_beside(vectors: Path, side: Side | None) -> LabelFile:
    """The labels of ``vectors``: of the file of the same stem, else of the one that is named after ids or texts.

    Parameters
    ----------
    side : Side, optional
        Whose vectors these are: ``query_ids.txt`` labels ``queries.npy``; with None ``ids.txt`` labels any.

    Raises
    ------
    InvalidEmbeddingsError
        If there is no such file, or there are several, or it cannot be read.
    """
    beside = [
        path
        for path in sorted(vectors.parent.iterdir())
        if path.suffix.lower() in _SUFFIXES and path.is_file() and path != vectors
    ]
    found = [path for path in beside if path.stem == vectors.stem] or [
        path
        for path in beside
        if label_of(path.stem, beside=vectors.stem) and (side_of(path.stem) is side or _begins(path, vectors))
    ]
    if not found:
        stem = vectors.stem
        raise InvalidEmbeddingsError(
            f"'{vectors}' does not say what its rows are the vectors of, and rows are not matched by their order. "
            f"Write the text or the id of each row beside it, in the order of the rows: one a line into {stem}.txt, or "
            f"as a list into {stem}.json."
        )
    if len(found) > 1:
        raise InvalidEmbeddingsError(
            f"Beside '{vectors}' there are {names(path.name for path in found)}, and it is not clear which of them "
            f"labels its rows. Keep one of them there, or save vectors and labels together: "
            f"np.savez('{vectors.stem}.npz', texts=texts, vectors=vectors)."
        )
    try:
        return LabelFile(found[0], _labels(found[0]))
    except DataFormatError as error:
        raise InvalidEmbeddingsError(f"The labels of '{vectors}' cannot be read. {error}") from error


def _begins(path: Path, vectors: Path) -> bool:
    """Whether the name of a label file goes on from that of the vectors: ``vectors_ids.txt``."""
    words = words_of(vectors.stem)
    return words_of(path.stem)[: len(words)] == words


def _labels(file: Path) -> dict[Label, tuple[str, Sequence[str]]]:
    """The labels by kind, with the field that they stand in ("" where the file is a list).

    A list of unknown kind stands under every kind: the data set tells which it is.
    """
    suffix = file.suffix.lower()
    with located(str(file)):
        if suffix == ".npy":
            values: list[object] = _array(file)
        elif suffix == ".txt":
            values = list(read_text(file, is_table=True).removesuffix("\n").split("\n"))
        elif suffix == ".json":
            values = _json_list(file)
        elif suffix == ".jsonl":
            values = [parse_json(line, line=number)[0] for number, line in read_lines(file)]
        elif suffix == ".parquet":
            values = [fields for _, fields in read_records(file).items]
        else:
            values = _cells(file, "\t" if suffix == ".tsv" else ",")
        if values and all(isinstance(value, dict) for value in values):
            return _fields([value for value in values if isinstance(value, dict)])
        entries = [_entry(value, row) for row, value in enumerate(values)]
    kind = label_of(file.stem)
    own = kind if kind is Label.ID or (kind is not None and side_of(file.stem) is None) else None
    return dict.fromkeys(Label if own is None else (own,), ("", entries))


def _array(file: Path) -> list[object]:
    values = read_array(file)
    if values.ndim != 1 or values.dtype.kind not in "Uiu":
        raise DataFormatError(f"it is of type {values.dtype} and shape {values.shape}; expected one string a row.")
    return list(values.tolist())


def _json_list(file: Path) -> list[object]:
    """The list that a JSON file holds: itself, or the one list among its fields."""
    value, _ = parse_json(read_text(file))
    if isinstance(value, dict):
        lists = [items for items in value.values() if isinstance(items, list)]
        value = lists[0] if len(lists) == 1 == len(value) else value
    if not isinstance(value, list):
        raise DataFormatError(f"expected a list with a text or an id for each row, came {kind_of(value)}.")
    return value


def _cells(file: Path, delimiter: str) -> list[object]:
    """The rows of a table with a header; or the lines of one column, whose first is a header where it names a label."""
    text = read_text(file, is_table=True)
    table = [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if cells]
    if any(len(cells) > 1 for cells in table):
        return [fields for _, fields in read_records(file).items]
    column = [cells[0] for cells in table]
    if column and label_of(column[0]) is not None:
        return [{column[0]: cell} for cell in column[1:]]
    return list(column)


def _fields(records: Sequence[Fields]) -> dict[Label, tuple[str, Sequence[str]]]:
    """The fields of records that label them: one of ids, one of texts, or both."""
    found: dict[Label, tuple[str, Sequence[str]]] = {}
    for kind in Label:
        fields = [name for name in records[0] if label_of(str(name)) is kind]
        if len(fields) > 1:
            raise DataFormatError(f"the fields {names(fields)} may each label the rows. Keep one of them.")
        if fields:
            found[kind] = f", {fields[0]}", [_entry(record.get(fields[0]), row) for row, record in enumerate(records)]
    if not found:
        raise DataFormatError(f"it has the fields {names(records[0])}; expected id or text.")
    return found


def _entry(value: object, row: int) -> str:
    if isinstance(value, str):
        return value.removesuffix("\r")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise DataFormatError(f"row {row}: expected a text or an id, came {kind_of(value)}.")
