"""Embeddings that the user made: read from a file in place of a checkpoint (``--embeddings``).

Two forms, as ``.npz`` or Parquet: a text table (``texts``, ``vectors``), in which every text of the data set is
looked up by identity; or by id (``query_ids``, ``queries``, ``document_ids``, ``documents``).
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.data.arrow_vectors import matrix_of
from embedscope.data.collection import Collection, identity
from embedscope.errors import InputError, InvalidEmbeddingsError
from embedscope.metrics.norms import Norms
from embedscope.metrics.vectors import compared_rows
from embedscope.models.embed import Embeddings
from embedscope.models.fingerprints import hash_file
from embedscope.models.score_function import similarity_of_vectors
from embedscope.models.weights import FileKind, file_kind
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import ModelFacts
from embedscope.settings import SimilarityFunction

TEXT_COLUMNS = ("texts", "vectors")
ID_COLUMNS = ("query_ids", "queries", "document_ids", "documents")
_LABELS = ("texts", "query_ids", "document_ids")

_SAME = 1e-5
"""Two vectors of one text that differ by no more are the same text encoded in two batches."""

_EXPECTED = f"either {' and '.join(TEXT_COLUMNS)}, or {', '.join(ID_COLUMNS)}"


def is_precomputed_file(path: str | Path) -> bool:
    """Whether ``path`` is a file of embeddings (``.npz`` or Parquet), by its content."""
    file = Path(path).expanduser()
    return file.is_file() and file_kind(file) in (FileKind.NPZ, FileKind.PARQUET)


def load_precomputed(
    path: str | Path, collection: Collection, *, similarity: SimilarityFunction = SimilarityFunction.MODEL
) -> Embeddings:
    """The vectors in ``path`` for every query and document of ``collection``, made unit rows unless compared by dot.

    Parameters
    ----------
    path : str or Path
        ``.npz`` or Parquet, recognised by content. Parquet columns of unequal length are filled up with nulls.
    similarity : SimilarityFunction
        Cosine where nothing is said; norms that differ are then noted.

    Returns
    -------
    Embeddings
        float32 rows in the order of the collection.

    Raises
    ------
    InvalidEmbeddingsError
        If the file has other columns, holds Python objects, a text or id of the collection is missing, one has two
        different vectors, or a row has no direction.
    """
    started = time.monotonic()
    queries, documents = read_precomputed(path, collection)
    chosen, notes = similarity_of_vectors(similarity, Norms.of(queries), Norms.of(documents))
    is_unit = chosen is SimilarityFunction.COSINE
    return Embeddings(
        queries=compared_rows(queries, is_unit=is_unit, what="query", ids=collection.query_ids),
        documents=compared_rows(documents, is_unit=is_unit, what="document", ids=collection.document_ids),
        facts=ModelFacts(
            checkpoint=str(path),
            layout="precomputed embeddings",
            dim=int(queries.shape[1]),
            fingerprint=hash_file(Path(path).expanduser()),
            notes=notes,
            similarity=chosen.value,
        ),
        elapsed_s=time.monotonic() - started,
    )


def read_precomputed(path: str | Path, collection: Collection) -> tuple[Float32Array, Float32Array]:
    """The vectors in ``path`` for every query and document of ``collection``, as they are; raises as above."""
    file = Path(path).expanduser()
    columns = _read(file)
    if set(TEXT_COLUMNS) <= columns.keys():
        return _by_text(file, columns, collection)
    if set(ID_COLUMNS) <= columns.keys():
        return _by_id(file, columns, collection)
    raise InvalidEmbeddingsError(f"'{path}' has the columns {', '.join(columns) or 'none'}; expected {_EXPECTED}.")


def _read(file: Path) -> Mapping[str, Any]:
    """Columns by name: texts and ids as lists of str, vectors as float32 matrices."""
    if not file.is_file():
        raise InputError(f"There is no file '{file}'. Expected embeddings as .npz or Parquet with {_EXPECTED}.")
    kind = file_kind(file)
    if kind is FileKind.NPZ:
        return _read_npz(file)
    if kind is FileKind.PARQUET:
        return _read_parquet(file)
    raise InvalidEmbeddingsError(f"'{file}' is {kind}; expected embeddings as .npz or Parquet with {_EXPECTED}.")


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            present = [name for name in (*TEXT_COLUMNS, *ID_COLUMNS) if name in archive.files]
            if not present:
                return dict.fromkeys(archive.files)
            return {name: _column(file, name, archive[name]) for name in present}
    except InvalidEmbeddingsError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidEmbeddingsError(_unreadable(file, error)) from error


def _unreadable(file: Path, error: Exception) -> str:
    if "allow_pickle" in str(error) or "Object arrays" in str(error):
        return (
            f"'{file}' holds Python objects, which are programs and are never loaded. Save texts and ids as strings "
            f"(np.asarray(texts, dtype=str)) and vectors as one float32 matrix."
        )
    return f"'{file}' cannot be read: {error}. It is cut short or damaged; save it again."


def _column(file: Path, name: str, values: npt.NDArray[Any]) -> Any:
    if name in _LABELS:
        if values.ndim != 1 or values.dtype.kind not in "UiuS":
            raise InvalidEmbeddingsError(
                f"'{name}' in '{file}' is of type {values.dtype} and shape {values.shape}; expected one string each."
            )
        return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values.tolist()]
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind not in "fiu":
        raise InvalidEmbeddingsError(
            f"'{name}' in '{file}' is of type {values.dtype} and shape {values.shape}; expected numbers of shape "
            f"(n, dim)."
        )
    return np.ascontiguousarray(values, dtype=np.float32)


def _read_parquet(file: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(file).names
        present = [name for name in (*TEXT_COLUMNS, *ID_COLUMNS) if name in names]
        table = pq.read_table(file, columns=present)
    except (pa.ArrowException, OSError) as error:
        raise InvalidEmbeddingsError(_unreadable(file, error)) from error
    if not present:
        return dict.fromkeys(names)
    columns = {name: table.column(name).drop_null() for name in present}
    return {
        name: list(map(str, column.to_pylist())) if name in _LABELS else matrix_of(column, name=name, place=str(file))
        for name, column in columns.items()
    }


def _by_text(file: Path, columns: Mapping[str, Any], collection: Collection) -> tuple[Float32Array, Float32Array]:
    texts, vectors = columns["texts"], columns["vectors"]
    places = _index(file, "texts", [identity(text) for text in texts], vectors)
    queries = _rows(file, "query texts", places, [[identity(text)] for text in collection.queries])
    documents = _rows(file, "document texts", places, [[identity(text)] for text in collection.documents])
    return vectors[queries], vectors[documents]


def _by_id(file: Path, columns: Mapping[str, Any], collection: Collection) -> tuple[Float32Array, Float32Array]:
    queries, documents = columns["queries"], columns["documents"]
    if queries.shape[1] != documents.shape[1]:
        raise InvalidEmbeddingsError(
            f"In '{file}' the queries have {queries.shape[1]} numbers a row and the documents {documents.shape[1]}; "
            f"only vectors of one space can be compared."
        )
    query_places = _index(file, "query_ids", columns["query_ids"], queries)
    document_places = _index(file, "document_ids", columns["document_ids"], documents)
    wanted = [[name, *collection.merged_ids.get(name, ())] for name in collection.document_ids]
    return (
        queries[_rows(file, "query ids", query_places, [[name] for name in collection.query_ids])],
        documents[_rows(file, "document ids", document_places, wanted)],
    )


def _index(file: Path, name: str, names: Sequence[str], vectors: Float32Array) -> dict[str, int]:
    """Row of each name; a name with two different vectors is refused."""
    if len(names) != len(vectors):
        raise InvalidEmbeddingsError(
            f"'{name}' in '{file}' has {len(names)} entries for {len(vectors)} vectors; row i of one belongs to row i "
            f"of the other."
        )
    places: dict[str, int] = {}
    for row, key in enumerate(names):
        first = places.setdefault(key, row)
        if first != row and not np.allclose(vectors[first], vectors[row], rtol=_SAME, atol=_SAME):
            raise InvalidEmbeddingsError(
                f"In '{file}' the entry {key[:80]!r} of '{name}' stands in rows {first} and {row} with different "
                f"vectors; it is not clear which one counts."
            )
    return places


def _rows(file: Path, what: str, places: Mapping[str, int], wanted: Sequence[Sequence[str]]) -> IntArray:
    """Row of each wanted entry, under the first of its names that the file has."""
    rows = [next((places[name] for name in names if name in places), -1) for names in wanted]
    missing = [names[0][:80] for names, row in zip(wanted, rows, strict=True) if row < 0]
    if missing:
        raise InvalidEmbeddingsError(
            f"'{file}' lacks {len(missing):,} of {len(wanted):,} {what} of the data set, first: "
            f"{', '.join(map(repr, missing[:3]))}. Every query and document needs a vector; encode the missing ones."
        )
    return np.asarray(rows, dtype=np.int64)
