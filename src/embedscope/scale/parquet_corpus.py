"""Corpora as Parquet datasets: a file or a folder of files, on this machine or in an object store.

Queries and documents have a column ``id`` (or ``_id``) and a column ``text``, a column of vectors, or both; judgments
have ``query-id``, ``corpus-id`` and ``score`` (or ``query_id``, ``document_id``, ``gain``). Rows are read batch by
batch and never held together. Equal texts are not merged: that needs them all in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from embedscope.data.arrow_vectors import is_vector_type, matrix_of, vector_column
from embedscope.data.collection import identity, is_itself
from embedscope.errors import DataFormatError, InputError, OutputError
from embedscope.metrics.judgments import Cells
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.scale.remote_storage import CHECK_STORE, Place, is_remote, names_taken, place_to_write, resolve

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

ID_NAMES = ("id", "_id")
TEXT_NAMES = ("text",)
QUERY_NAMES = ("query-id", "query_id")
DOCUMENT_NAMES = ("corpus-id", "document_id", "doc_id")
GAIN_NAMES = ("score", "gain", "relevance")

BATCH_ROWS = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some rows of queries or documents."""

    ids: list[str]
    texts: list[str] | None
    vectors: Float32Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Qrels:
    """Judgments by id, as columns."""

    queries: list[str]
    documents: list[str]
    gains: Float64Array


class ParquetRows:
    """The rows of a Parquet dataset of queries or documents.

    Parameters
    ----------
    where : str
        A local path, or a URI that pyarrow knows.
    vector_column : str, optional
        The column of vectors; by default the only list of floating-point numbers.

    Raises
    ------
    InputError
        If there is no such dataset.
    DataFormatError
        If it has no column of ids, or several of vectors and none was chosen.
    """

    def __init__(self, where: str, *, vector_column: str | None = None) -> None:
        self.where = where
        self._dataset = _open(where)
        schema = self._dataset.schema
        self.id_column = _column(where, schema.names, ID_NAMES)
        self.text_column = next((name for name in TEXT_NAMES if name in schema.names), None)
        self.vector_column = _vector_column(where, schema, vector_column)

    @property
    def n_rows(self) -> int:
        """Rows of the dataset, from its metadata."""
        return int(self._dataset.count_rows())

    def batches(self, *, with_vectors: bool = True) -> Iterator[Batch]:
        """The rows in order, some thousands at a time.

        Raises
        ------
        DataFormatError
            If the dataset cannot be read, or an id is missing.
        InvalidEmbeddingsError
            If the vectors are not lists of one length.
        """
        vector = self.vector_column if with_vectors else None
        columns = [name for name in (self.id_column, self.text_column, vector) if name is not None]
        for table in _tables(self.where, self._dataset, columns):
            yield Batch(
                ids=strings_of(table, self.id_column, self.where),
                texts=None if self.text_column is None else strings_of(table, self.text_column, self.where),
                vectors=None if vector is None else matrix_of(table.column(vector), name=vector, place=self.where),
            )


def read_qrels(where: str) -> Qrels:
    """Judgments from a Parquet dataset, those of a gain above 0, as trec_eval does; raises as `ParquetRows`."""
    dataset = _open(where)
    names = dataset.schema.names
    query, document = _column(where, names, QUERY_NAMES), _column(where, names, DOCUMENT_NAMES)
    gain = next((name for name in GAIN_NAMES if name in names), None)
    query_ids: list[str] = []
    document_ids: list[str] = []
    kept_gains = [np.zeros(0)]
    for table in _tables(where, dataset, [name for name in (query, document, gain) if name is not None]):
        gains = np.ones(len(table)) if gain is None else table.column(gain).to_numpy(zero_copy_only=False)
        kept = np.flatnonzero(gains > 0)
        queries, documents = strings_of(table, query, where), strings_of(table, document, where)
        query_ids += [queries[row] for row in kept]
        document_ids += [documents[row] for row in kept]
        kept_gains.append(gains[kept].astype(np.float64))
    return Qrels(query_ids, document_ids, np.concatenate(kept_gains))


class Places:
    """Row numbers of the ids that judgments name, noted while rows pass by.

    Only these ids are held, not those of the whole corpus.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._rows: dict[str, int] = dict.fromkeys(wanted, -1)
        self._n_seen = 0

    def see(self, ids: Sequence[str], where: str) -> None:
        """Take note of the next rows; a DataFormatError if a judged id stands in two rows."""
        for row, name in enumerate(ids, start=self._n_seen):
            known = self._rows.get(name)
            if known is None:
                continue
            if known >= 0:
                raise DataFormatError(
                    f"The id {name!r} stands in rows {known} and {row} of '{where}'; ids must differ."
                )
            self._rows[name] = row
        self._n_seen += len(ids)

    def rows(self, names: Sequence[str]) -> IntArray:
        """Row of each of ``names``, -1 where no row had that id."""
        return np.fromiter((self._rows[name] for name in names), dtype=np.int64, count=len(names))


class OwnDocuments:
    """Documents that are a judged query themselves, noted while rows pass by: first all queries, then all documents.

    ``n_unknown`` counts documents with the id of a query where one of the two has no text to compare.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = frozenset(wanted)
        self._by_id: dict[str, tuple[int, str]] = {}
        self._by_text: dict[str, list[int]] = {}
        self._pairs: set[tuple[int, int]] = set()
        self.n_unknown = 0

    def see_queries(self, ids: Sequence[str], texts: Sequence[str] | None, first: int) -> None:
        """Take note of the rows from number ``first`` on."""
        for row, (name, text) in enumerate(_identities(ids, texts), start=first):
            if name in self._wanted:
                self._by_id[name] = row, text
                if text:
                    self._by_text.setdefault(text, []).append(row)

    def see_documents(self, ids: Sequence[str], texts: Sequence[str] | None, first: int) -> None:
        """Compare the rows from number ``first`` on with the queries."""
        for row, (name, text) in enumerate(_identities(ids, texts), start=first):
            self._pairs.update((query, row) for query in self._by_text.get(text, ()))
            if name in self._by_id:
                query, asked = self._by_id[name]
                if not (text and asked):
                    self.n_unknown += 1
                elif is_itself(asked, text):
                    self._pairs.add((query, row))

    def cells(self, judgments: Cells) -> Cells | None:
        """The documents that are not relevant to their query; None without any."""
        relevant = zip(judgments.query_of_pair.tolist(), judgments.documents.tolist(), strict=True)
        pairs = np.array(sorted(self._pairs.difference(relevant)), dtype=np.int64).reshape(-1, 2)
        return Cells.of_pairs(pairs[:, 0], pairs[:, 1], judgments.n_queries) if len(pairs) else None


def _identities(ids: Sequence[str], texts: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    return zip(ids, repeat("") if texts is None else map(identity, texts))  # noqa: B905 - repeat has no end


def known_qrels(qrels: Qrels, queries: Places, documents: Places, *, allow_missing: bool) -> Qrels:
    """The judgments whose query and document are in a row.

    Raises
    ------
    DataFormatError
        If a judged query or document is in no row, unless ``allow_missing``.
    """
    is_known = (queries.rows(qrels.queries) >= 0) & (documents.rows(qrels.documents) >= 0)
    if is_known.all():
        return qrels
    if not allow_missing:
        first = int(np.argmin(is_known))
        raise DataFormatError(
            f"{np.count_nonzero(~is_known):,} of {len(is_known):,} judgments name a query or document that is in no "
            f"row, first: query {qrels.queries[first]!r}, document {qrels.documents[first]!r}. A document that is not "
            f"there can never be found. Add it, or pass --allow-missing to leave such judgments out."
        )
    kept = np.flatnonzero(is_known)
    return Qrels([qrels.queries[row] for row in kept], [qrels.documents[row] for row in kept], qrels.gains[kept])


def qrels_rows(qrels: Qrels, queries: Places, documents: Places) -> tuple[IntArray, IntArray, Float64Array]:
    """Known judgments as row numbers: query, document, gain; a pair that stands twice counts with its larger gain."""
    query, document, gain = queries.rows(qrels.queries), documents.rows(qrels.documents), qrels.gains
    order = np.lexsort((-gain, document, query))
    query, document, gain = query[order], document[order], gain[order]
    is_first = np.diff(query, prepend=-1).astype(bool) | np.diff(document, prepend=-1).astype(bool)
    return query[is_first], document[is_first], gain[is_first]


class CorpusWriter:
    """A corpus being written as three Parquet datasets: ``queries``, ``documents`` and ``judgments``.

    Made by `writing_corpus`; what it writes, `ParquetRows` and `read_qrels` read.
    """

    def __init__(self, folder: FileSystem, dtype: str) -> None:
        self._folder, self._dtype = folder, np.dtype(dtype)
        self._parts = {name: _Parts(folder, name) for name in ("queries", "documents")}

    def add(self, name: str, batch: Batch) -> None:
        """Append rows of "queries" or "documents", with their vectors."""
        import pyarrow as pa

        columns = {"id": pa.array(batch.ids, pa.string())}
        columns |= {} if batch.texts is None else {"text": pa.array(batch.texts, pa.string())}
        columns |= {} if batch.vectors is None else {"embedding": vector_column(batch.vectors.astype(self._dtype))}
        self._parts[name].write(pa.table(columns))

    def judge(self, qrels: Qrels) -> None:
        """Write the judgments."""
        import pyarrow as pa

        columns = {
            QUERY_NAMES[0]: pa.array(qrels.queries, pa.string()),
            DOCUMENT_NAMES[0]: pa.array(qrels.documents, pa.string()),
            GAIN_NAMES[0]: pa.array(qrels.gains),
        }
        parts = _Parts(self._folder, "judgments")
        parts.write(pa.table(columns))
        parts.close()

    def close(self) -> None:
        """Finish the last files."""
        for parts in self._parts.values():
            parts.close()


class _Parts:
    """The files of a dataset, of some hundred mebibytes each."""

    def __init__(self, folder: FileSystem, name: str) -> None:
        self._folder, self._name = folder, name
        self._writer: Any = None
        self._n_parts = self._n_bytes = 0
        folder.create_dir(name, recursive=True)

    def write(self, table: Any) -> None:
        import pyarrow.parquet as pq

        if self._writer is None:
            file = f"{self._name}/part-{self._n_parts:05d}.parquet"
            self._writer = pq.ParquetWriter(file, table.schema, filesystem=self._folder, compression="zstd")
            self._n_parts, self._n_bytes = self._n_parts + 1, 0
        self._writer.write_table(table)
        self._n_bytes += table.nbytes
        if self._n_bytes >= _PART_BYTES:
            self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


_PART_BYTES = 1 << 28


@contextmanager
def writing_corpus(where: Place, *, dtype: str = "float32") -> Iterator[CorpusWriter]:
    """A `CorpusWriter`; its folder is complete when the block ends, and as it was when that ends in an exception.

    Raises
    ------
    OutputError
        If one of the datasets is there already, or the folder cannot be written.
    """
    for name in names_taken(where, ["queries", "documents", "judgments"]):
        raise OutputError(
            f"'{where}' holds '{name}' already, and files of two datasets must not mix. Remove it, or choose another "
            f"--parquet."
        )
    with place_to_write(where) as folder:
        writer = CorpusWriter(folder, dtype)
        yield writer
        writer.close()


def _open(where: str) -> Any:
    import pyarrow as pa
    from pyarrow import dataset

    files, path = resolve(where)
    try:
        return dataset.dataset(path, filesystem=files, format="parquet")
    except FileNotFoundError as error:
        raise InputError(
            f"'{where}' cannot be read: there is no such file or folder. Expected a Parquet file, or a folder of them."
        ) from error
    except (pa.ArrowException, OSError) as error:
        is_store = is_remote(where) and not isinstance(error, pa.ArrowException)
        todo = f"{CHECK_STORE}." if is_store else "Expected a Parquet file, or a folder of them."
        reason = str(error).rstrip(".")
        raise InputError(f"'{where}' cannot be read as a Parquet file or folder: {reason}. {todo}") from error


def _tables(where: str, dataset: Any, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    try:
        # Few batches are read ahead: by default Arrow reads gigabytes before the first one is used.
        options = {"batch_size": BATCH_ROWS, "batch_readahead": 2, "fragment_readahead": 1}
        for batch in dataset.to_batches(columns=list(columns), **options):
            if len(batch):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise DataFormatError(f"'{where}' cannot be read: {error}") from error


def _column(where: str, names: Sequence[str], wanted: Sequence[str]) -> str:
    for name in wanted:
        if name in names:
            return name
    raise DataFormatError(f"'{where}' has the columns {', '.join(names)}; expected one named {' or '.join(wanted)}.")


def _vector_column(where: str, schema: Any, chosen: str | None) -> str | None:
    kinds: Mapping[str, Any] = {field.name: field.type for field in schema}
    if chosen is not None:
        if chosen not in kinds:
            raise DataFormatError(f"'{where}' has the columns {', '.join(kinds)}; there is no '{chosen}'.")
        return chosen
    found = [name for name, kind in kinds.items() if is_vector_type(kind)]
    if len(found) > 1:
        raise DataFormatError(
            f"'{where}' has several columns of vectors: {', '.join(found)}. Name one: --vector-column"
        )
    return found[0] if found else None


def strings_of(table: Any, name: str, where: str) -> list[str]:
    """A column of ids or texts; a DataFormatError if a row has none."""
    column = table.column(name)
    if column.null_count:
        raise DataFormatError(
            f"'{where}' has rows without '{name}', {column.null_count:,} of those just read. Every row needs one."
        )
    return [str(value) for value in column.to_pylist()]
