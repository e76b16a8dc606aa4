"""Vectors as people have them, read into matrices whose rows are labelled by text or by id.

::

    .npz, Parquet, Arrow, JSON, JSONL ──► columns ──► names tell vectors, labels and sides ──┐
    .npy, FAISS flat index, folder of both ──► one matrix each + a file of labels beside it ──┴─► VectorTables

What a file is, its content says; nothing of it is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.data.arrow_vectors import is_list_type, matrix_of, require_no_codes
from embedscope.data.readers.compressed import open_bytes
from embedscope.data.readers.containers import read_records
from embedscope.data.readers.source import HEAD_BYTES, located, names
from embedscope.errors import DataFormatError, InputError, InvalidEmbeddingsError
from embedscope.models.faiss_files import read_flat_index
from embedscope.models.numpy_files import damaged, read_archive, read_array
from embedscope.models.vector_labels import labels_beside
from embedscope.models.vector_names import Label, Side, label_of, names_only_vectors, names_vectors, side_of
from embedscope.models.weights import FileKind, file_kind
from embedscope.protocols import Float32Array
from embedscope.untrusted.arrow_tables import open_table

ONE_TABLE = ("texts", "vectors")
TWO_TABLES = ("query_ids", "queries", "document_ids", "documents")
EXPECTED = f"either {' and '.join(ONE_TABLE)}, or {', '.join(TWO_TABLES)}"

_STANDARD = {
    (None, Label.TEXT): "texts",
    (None, Label.ID): "ids",
    (Side.QUERY, Label.ID): "query_ids",
    (Side.DOCUMENT, Label.ID): "document_ids",
}


_COLUMNAR = (FileKind.NPZ, FileKind.PARQUET, FileKind.ARROW, FileKind.ARROW_STREAM)
_UNLABELLED = (FileKind.NPY, FileKind.FAISS)
_TEXTS = (FileKind.JSON, FileKind.GZIP, FileKind.UNKNOWN)  # the latter two where JSON is compressed
_KINDS = ".npz, .npy, Parquet, Arrow, JSONL or a FAISS flat index"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Vectors, and what their rows are found by."""

    name: str  # of the vectors, as it stands in the file
    vectors: Float32Array  # (n, dim)
    labels: Mapping[Label, Sequence[str]]  # n entries each; one of unknown kind stands under both
    label_names: Mapping[Label, str]


@dataclass(frozen=True, slots=True, eq=False)
class VectorTables:
    """The vectors of queries and of documents: one table that serves both, or one each."""

    queries: Table
    documents: Table
    files: tuple[Path, ...]  # what was read


def _itself(column: Any) -> Any:
    return column


class _Kind(StrEnum):
    MATRIX = "numbers"
    LABELS = "labels"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class _Column:
    """A column or an array of a file, not yet read."""

    kind: _Kind
    described: str  # its type, for messages
    load: Callable[[], Any]  # a matrix, float32, or a list of str


def is_vector_file(path: Path) -> bool:
    """Whether ``path`` is a file of vectors, or a folder of ``.npy`` files for queries and documents, by content."""
    if path.is_dir():
        return all(_matrix_files(path).values()) and not (path / "config.json").exists()
    if not path.is_file():
        return False
    kind = file_kind(path)
    return kind in (*_COLUMNAR, *_UNLABELLED) or (kind in _TEXTS and _is_json_of_vectors(path))


def read_vectors(path: Path) -> VectorTables:
    """The labelled vectors of a file or folder.

    Raises
    ------
    InputError
        If there is none.
    InvalidEmbeddingsError
        If it is of another kind, is damaged, holds Python objects, or does not tell which rows are the vectors of
        what.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise InputError(f"There is no file '{path}'. Expected embeddings ({_KINDS}) with {EXPECTED}.")
    kind = file_kind(path)
    if kind in _UNLABELLED:
        table, files = _unlabelled(path, None)
        return VectorTables(table, table, files)
    if kind is FileKind.NPZ:
        columns = _npz_columns(path)
    elif kind in _COLUMNAR:
        with ExitStack() as opened:
            return VectorTables(*_tables(path, _arrow_columns(path, opened)), files=(path,))
    elif kind in _TEXTS and _is_json_of_vectors(path):
        columns = _json_columns(path)
    else:
        raise InvalidEmbeddingsError(
            f"'{path}' is {kind}; expected embeddings ({_KINDS}) with {EXPECTED}.{_hint(path, kind)}"
        )
    return VectorTables(*_tables(path, columns), files=(path,))


def _hint(path: Path, kind: FileKind) -> str:
    """What to do with a file that is not read; for a pickle, which is never loaded, the two lines that convert it."""
    if kind is FileKind.JSON:
        return " Records need a list of numbers under a name such as vector or embedding, beside text or id."
    if kind is FileKind.PICKLE:
        load = f"import pickle, numpy as np; found = pickle.load(open({path.name!r}, 'rb'))"
        save = "texts=np.array(found['sentences'], dtype=str), vectors=found['embeddings']"
    elif kind is FileKind.TORCH_ZIP:
        load = f"import torch, numpy as np; vectors = torch.load({path.name!r}).float().cpu().numpy()"
        save = "texts=np.array(texts, dtype=str), vectors=vectors"
    else:
        return ""
    return (
        f" A pickle is a program and is never loaded. If you made it, convert it:\n"
        f"    {load}\n"
        f"    np.savez({path.stem + '.npz'!r}, {save})"
    )


# --- one matrix a file --------------------------------------------------------------------------------------------


def _unlabelled(path: Path, side: Side | None) -> tuple[Table, tuple[Path, Path]]:
    """The vectors of a ``.npy`` file or a FAISS index with the labels of the file beside it, and the two files."""
    is_array = file_kind(path) is FileKind.NPY
    vectors = _matrix(path, path.name, read_array(path)) if is_array else read_flat_index(path)
    found = labels_beside(path, side)
    labels = {label: entries for label, (_, entries) in found.labels.items()}
    label_names = {label: f"{found.file.name}{name}" for label, (name, _) in found.labels.items()}
    return _table(path, path.name, vectors, labels, label_names), (path, found.file)


def _matrix_files(folder: Path) -> dict[Side, list[Path]]:
    """The ``.npy`` files of a folder that their names give to queries and to documents."""
    found: dict[Side, list[Path]] = {side: [] for side in Side}
    for path in sorted(folder.glob("*.npy")):
        side = side_of(path.stem)
        if side is not None and names_vectors(path.stem) and label_of(path.stem) is not Label.ID:
            found[side].append(path)
    return found


def _read_folder(folder: Path) -> VectorTables:
    matrices = _matrix_files(folder)
    for side, files in matrices.items():
        if len(files) != 1:
            came = names(path.name for path in files) or "none"
            raise InvalidEmbeddingsError(
                f"'{folder}' is a folder, and expected is one .npy file for {side}, named after them; there is {came}. "
                f"Name them queries.npy and corpus.npy, with files of ids or texts beside them, or pass one file "
                f"({_KINDS})."
            )
    (queries, query_files), (documents, document_files) = (
        _unlabelled(files[0], side) for side, files in matrices.items()
    )
    return VectorTables(queries, documents, (*query_files, *document_files))


# --- from files to columns ----------------------------------------------------------------------------------------


def _npz_columns(path: Path) -> dict[str, _Column]:
    arrays = read_archive(path, lambda name: names_vectors(name) or label_of(name) is not None)
    return {name: _array_column(path, name, values) for name, values in arrays.items()}


def _array_column(path: Path, name: str, values: npt.NDArray[Any] | None) -> _Column:
    if values is None:
        return _Column(_Kind.OTHER, "Python objects", list)
    described = f"of type {values.dtype} and shape {values.shape}; expected numbers of shape (n, dim)"
    if values.ndim >= 2 and values.dtype.kind in "fiu":
        return _Column(_Kind.MATRIX, described, lambda: _matrix(path, name, values))
    if values.ndim == 1 and values.dtype.kind in "UiuS":
        return _Column(_Kind.LABELS, described, lambda: _strings(values))
    return _Column(_Kind.OTHER, described, list)


def _matrix(path: Path, name: str, values: npt.NDArray[Any]) -> Float32Array:
    """Numbers of shape (n, dim), or (n, 1, dim), as float32."""
    if values.ndim == 3 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind not in "fiu":
        raise InvalidEmbeddingsError(
            f"'{name}' in '{path}' is of type {values.dtype} and shape {values.shape}; expected numbers of shape "
            f"(n, dim)."
        )
    require_no_codes(values.dtype, name=name, place=str(path))
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused with its id
        return np.ascontiguousarray(values, dtype=np.float32)


def _strings(values: npt.NDArray[Any]) -> list[str]:
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.tolist()]


def _arrow_columns(path: Path, opened: ExitStack) -> dict[str, _Column]:
    """The columns of a Parquet or Arrow file, each decoded when it is loaded, for as long as the file is ``opened``."""
    with _readable(path):
        table = opened.enter_context(open_table(path))

    def read(name: str) -> Any:
        with _readable(path):
            return table.columns([name]).column(name)

    return {
        field.name: _arrow_column(path, field.name, field.type, partial(read, field.name)) for field in table.schema
    }


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except DataFormatError as error:
        raise DataFormatError(f"'{path}': {error}") from error
    except (pa.ArrowException, OSError, ValueError) as error:  # a name that is no UTF-8 is a ValueError
        raise damaged(path, error) from error


def _json_columns(path: Path) -> dict[str, _Column]:
    """The fields of records, each as an Arrow column where its values are of one kind."""
    import pyarrow as pa

    with located(str(path)):
        items = [fields for _, fields in read_records(path).items]
    columns = {}
    for name in dict.fromkeys(name for fields in items for name in fields):
        try:
            column = pa.array([fields.get(name) for fields in items])
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            columns[name] = _Column(_Kind.OTHER, "of values of several kinds; expected a list of numbers a row", list)
        else:
            columns[name] = _arrow_column(path, name, column.type, partial(_itself, column))
    return columns


def _arrow_column(path: Path, name: str, type_: Any, load: Callable[[], Any]) -> _Column:
    import pyarrow as pa

    described = f"of type {type_}; expected a list of numbers a row"
    stored = type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_
    if is_list_type(stored):
        return _Column(_Kind.MATRIX, described, lambda: _arrow_matrix(path, name, _filled(path, name, load())))
    value = stored.value_type if pa.types.is_dictionary(stored) else stored
    strings = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer)
    if any(test(value) for test in strings):
        return _Column(_Kind.LABELS, described, lambda: list(map(str, _filled(path, name, load()).to_pylist())))
    return _Column(_Kind.OTHER, described, list)


def _filled(path: Path, name: str, column: Any) -> Any:
    """The column up to its last value: columns of unequal length are filled up with nulls. A null within is refused."""
    import pyarrow as pa

    try:
        column.validate(full=True)  # Arrow believes what a file says of places and letters
    except pa.ArrowException as error:
        raise damaged(path, error) from error
    is_valid = np.asarray(column.is_valid())
    n = int(np.flatnonzero(is_valid)[-1]) + 1 if is_valid.any() else 0
    if not is_valid[:n].all():
        raise InvalidEmbeddingsError(
            f"'{name}' in '{path}' has no value in row {int(np.argmin(is_valid[:n]))}, so its rows cannot be matched "
            f"with those of other columns. Fill it, or leave the row out."
        )
    return column.slice(0, n)


def _arrow_matrix(path: Path, name: str, column: Any) -> Float32Array:
    """A list column as a matrix; of lists in lists the one list of every row."""
    import pyarrow as pa

    flat = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column
    if isinstance(flat, pa.ExtensionArray):
        flat = flat.storage
    if is_list_type(flat.type) and is_list_type(flat.type.value_type):
        inner = flat.flatten()
        if len(inner) != len(flat) or (flat.value_lengths().to_numpy(zero_copy_only=False) != 1).any():
            raise InvalidEmbeddingsError(
                f"'{name}' in '{path}' holds several vectors a row (type {column.type}); expected one vector a text."
            )
        flat = inner
    return matrix_of(flat, name=name, place=str(path))


def _is_json_of_vectors(path: Path) -> bool:
    """Whether the first fields of a JSON file have a list of numbers under a name of vectors."""
    try:
        with open_bytes(path) as file:
            head = file.read(16 * HEAD_BYTES).decode("utf-8", errors="replace")
    except DataFormatError:  # damaged
        return False
    if head.lstrip("\ufeff \n\r\t")[:1] not in ("[", "{"):
        return False
    return any(names_only_vectors(found) for found in re.findall(r'"([^"\\]{1,80})"\s*:\s*\[\s*\[?\s*-?\d', head))


# --- from columns to tables ---------------------------------------------------------------------------------------


def _tables(path: Path, columns: Mapping[str, _Column]) -> tuple[Table, Table]:
    """The table of queries and that of documents; one and the same where the file has one matrix."""
    matrices: dict[Side | None, list[str]] = {None: [], Side.QUERY: [], Side.DOCUMENT: []}
    for name, column in columns.items():
        if column.kind is _Kind.MATRIX and names_vectors(name):
            matrices[side_of(name)].append(name)
    of_both, queries, documents = matrices.values()
    if columns.keys() >= set(ONE_TABLE) and ONE_TABLE[1] in of_both:
        of_both, queries, documents = [ONE_TABLE[1]], [], []
    elif columns.keys() >= set(TWO_TABLES) and TWO_TABLES[1] in queries and TWO_TABLES[3] in documents:
        of_both, queries, documents = [], [TWO_TABLES[1]], [TWO_TABLES[3]]
    if len(of_both) == 1 and not queries and not documents:
        table = _labelled(path, columns, of_both[0], None)
        return table, table
    if not of_both and len(queries) == len(documents) == 1:
        return (
            _labelled(path, columns, queries[0], Side.QUERY),
            _labelled(path, columns, documents[0], Side.DOCUMENT),
        )
    raise InvalidEmbeddingsError(_why_no_tables(path, columns, of_both, queries, documents))


def _why_no_tables(
    path: Path, columns: Mapping[str, _Column], of_both: list[str], queries: list[str], documents: list[str]
) -> str:
    found = [*of_both, *queries, *documents]
    if not found:
        for name, column in columns.items():
            if names_only_vectors(name):
                return f"'{name}' in '{path}' is {column.described}."
        return f"'{path}' has the columns {names(columns) or 'none'}; expected {EXPECTED}."
    if len(found) == 1:
        has, lacks = (Side.QUERY, Side.DOCUMENT) if queries else (Side.DOCUMENT, Side.QUERY)
        return (
            f"'{path}' holds vectors of {has} ('{found[0]}') and none of {lacks}. Add them as another matrix with its "
            f"ids or texts; if '{found[0]}' holds both, name it vectors."
        )
    return (
        f"'{path}' holds the matrices {names(found)}, and their names do not tell which are the vectors of the queries "
        f"and which of the documents. Name them query_embeddings and document_embeddings, or keep one that holds both."
    )


def _labelled(path: Path, columns: Mapping[str, _Column], name: str, side: Side | None) -> Table:
    """The matrix ``name`` with the columns that label its rows."""
    labels = [label for label, column in columns.items() if column.kind is _Kind.LABELS]
    chosen: dict[Label, str] = {}
    unclear: list[str] = []
    for kind in Label:
        fitting = [label for label in labels if label_of(label, beside=name) is kind]
        own = [label for label in fitting if side_of(label) is side]
        candidates = own or (fitting if side is None else [])
        standard = _STANDARD.get((side, kind))
        if len(candidates) == 1 or standard in candidates:
            chosen[kind] = candidates[0] if len(candidates) == 1 else str(standard)
        else:
            unclear += candidates
    if not chosen and not unclear and side is None and len(labels) == 1:
        chosen = dict.fromkeys(Label, labels[0])  # the data set will tell which of the two it is
    if not chosen:
        raise InvalidEmbeddingsError(_why_unlabelled(path, columns, name, side, unclear))
    entries = {label: columns[label].load() for label in set(chosen.values())}
    return _table(path, name, columns[name].load(), {kind: entries[label] for kind, label in chosen.items()}, chosen)


def _why_unlabelled(
    path: Path, columns: Mapping[str, _Column], name: str, side: Side | None, unclear: list[str]
) -> str:
    wanted = "texts or ids" if side is None else "query_ids" if side is Side.QUERY else "document_ids"
    if unclear:
        return (
            f"'{path}' has {' and '.join(map(repr, unclear))}, and it is not clear which of them labels the rows of "
            f"'{name}'. Keep one of them, or name it {wanted}."
        )
    return (
        f"'{path}' has the columns {names(columns)}, and none of them says which text or id a row of '{name}' "
        f"belongs to. Add {wanted}, as many as it has rows."
    )


def _table(
    path: Path,
    name: str,
    vectors: Float32Array,
    labels: Mapping[Label, Sequence[str]],
    label_names: Mapping[Label, str],
) -> Table:
    """A table whose labels are as many as its vectors; ``InvalidEmbeddingsError`` otherwise, and without any row."""
    if len(vectors) == 0:
        raise InvalidEmbeddingsError(f"'{name}' in '{path}' has no rows; expected one vector a text.")
    for kind, entries in labels.items():
        if len(entries) != len(vectors):
            raise InvalidEmbeddingsError(
                f"'{label_names[kind]}' in '{path}' has {len(entries)} entries for {len(vectors)} vectors; row i of "
                f"one belongs to row i of the other."
            )
    return Table(name, vectors, labels, label_names)
