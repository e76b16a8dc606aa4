"""Writing a shard folder: from arrays, or row by row for what does not fit into memory."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from embedscope import __version__
from embedscope.data.collection import Negatives
from embedscope.errors import DataFormatError, InvalidEmbeddingsError, InvalidOptionError, OutputError
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.norms import Norms
from embedscope.metrics.vectors import compared_rows
from embedscope.protocols import FloatArray, IntArray
from embedscope.scale.remote_storage import Place, names_taken, place_to_write, write_bytes, writing
from embedscope.scale.shard_folder import (
    DOT_FORMAT_VERSION,
    DTYPES,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    OWN_FORMAT_VERSION,
    ShardFile,
    ShardFolder,
)
from embedscope.settings import SimilarityFunction

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SHARD_BYTES = 1 << 26
"""Of one shard: large enough for long reads and few tasks, small enough to be done again when a worker dies."""

_GROUP_ROWS = 1 << 14
_GROUP_BYTES = 1 << 22
"""A row group of names ends with the row that brings it to so many rows, or bytes of text: it is read as a whole."""

_WRITE_ROWS = 1 << 16


class SideWriter:
    """Cuts the rows of a side (``name``: "queries" or "documents") into shards, of ``SHARD_BYTES`` by default.

    A shard is gathered in memory: its header states the number of rows, which is known at the end only, and an object
    store cannot go back in a file. Its names go to their file as they come.
    """

    def __init__(self, folder: FileSystem, name: str, *, dtype: str, rows_per_shard: int | None) -> None:
        self._folder, self._name, self._dtype = folder, name, np.dtype(dtype)
        self.is_unit = True
        self.norms = Norms()  # of the rows as they came
        self._rows_per_shard = rows_per_shard
        self._shards: list[ShardFile] = []
        self._content, self._n_gathered = io.BytesIO(), 0
        self._names: _NamesFile | None = None
        self._has_names: bool | None = None
        self.dim: int | None = None
        with writing(folder, name):
            folder.create_dir(name)

    @property
    def n_rows(self) -> int:
        """Rows written so far."""
        return sum(shard.rows for shard in self._shards) + self._n_gathered

    def add(self, vectors: FloatArray, ids: Sequence[str] | None = None, texts: Sequence[str] | None = None) -> None:
        """Append rows; with their ids and texts, for all rows of a side or for none.

        They are made unit rows where ``is_unit``, as the folder's similarity asks for.

        Parameters
        ----------
        vectors : ndarray of shape (n, dim), float16, float32 or float64
        ids, texts : sequence of n str, optional
            A missing one of the two is filled with the other.

        Raises
        ------
        InvalidEmbeddingsError
            If a row has no direction, the rows are of another length than those before, or the numbers of ids, texts
            and rows differ.
        """
        rows = vectors.astype(np.float32) if vectors.dtype == np.float16 else vectors
        self._require_fit(rows, ids, texts)
        self.norms = self.norms.merge(Norms.of(rows))
        both = (texts if ids is None else ids, ids if texts is None else texts)
        named = [column for column in both if column is not None]
        for start in range(0, len(rows), _WRITE_ROWS):
            part = slice(start, start + _WRITE_ROWS)
            compared = compared_rows(rows[part], is_unit=self.is_unit, what=self._name)
            with np.errstate(over="ignore"):  # what float16 does not hold is infinite, and refused
                stored = compared.astype(self._dtype)
            if not self.is_unit:
                self._require_finite(stored)
            self._append(stored, [column[part] for column in named])

    def close(self) -> list[ShardFile]:
        """Finish the last shard; the files written, in order."""
        if self._n_gathered:
            self._finish()
        return self._shards

    def _require_finite(self, stored: npt.NDArray[Any]) -> None:
        if not np.isfinite(stored).all():
            raise InvalidEmbeddingsError(
                f"A row of {self._name} holds numbers beyond the range of {self._dtype}. Write the folder with "
                f"--dtype float32."
            )

    def _append(self, rows: npt.NDArray[Any], names: Sequence[Sequence[str]]) -> None:
        limit = self._rows_per_shard or max(1, SHARD_BYTES // (rows.shape[1] * self._dtype.itemsize))
        start = 0
        while start < len(rows):
            part = slice(start, min(start + limit - self._n_gathered, len(rows)))
            self._content.write(np.ascontiguousarray(rows[part]).data.cast("B"))
            if names and self._names is None:
                self._names = _NamesFile(self._folder, f"{self._stem}.parquet")
            if self._names is not None:
                for name, text in zip(*(column[part] for column in names), strict=True):
                    self._names.add(name, text)
            self._n_gathered += part.stop - start
            start = part.stop
            if self._n_gathered == limit:
                self._finish()

    @property
    def _stem(self) -> str:
        return f"{self._name}/{len(self._shards):05d}"

    def _finish(self) -> None:
        head, content, file = io.BytesIO(), self._content.getbuffer(), f"{self._stem}.npy"
        shape = (self._n_gathered, self.dim)
        np.lib.format.write_array_header_1_0(head, {"descr": self._dtype.str, "fortran_order": False, "shape": shape})
        names = None if self._names is None else self._names.close()
        with closing(_Hashed(self._folder, file)) as target:
            target.write(head.getbuffer())
            target.write(content)
        self._shards.append(ShardFile(file, target.n_bytes, target.digest.hexdigest(), self._n_gathered, names))
        self._content, self._n_gathered, self._names = io.BytesIO(), 0, None

    def _require_fit(self, rows: FloatArray, ids: Sequence[str] | None, texts: Sequence[str] | None) -> None:
        has_names = ids is not None or texts is not None
        if rows.ndim != 2 or (self.dim is not None and rows.shape[1] != self.dim):
            raise InvalidEmbeddingsError(
                f"Expected {self._name} as rows of {self.dim or 'one length'} numbers each, got shape {rows.shape} "
                f"after {self.n_rows:,} rows. All rows of a folder must come from one model."
            )
        if any(names is not None and len(names) != len(rows) for names in (ids, texts)):
            raise InvalidEmbeddingsError(
                f"{len(rows):,} rows of {self._name} came with another number of ids or texts."
            )
        if self._has_names not in (None, has_names):
            raise InvalidEmbeddingsError(f"Ids and texts must be given for all rows of {self._name}, or for none.")
        self.dim, self._has_names = rows.shape[1], has_names


class _NamesFile:
    """Ids and texts of a shard, written in row groups of some mebibytes; where they end depends on the rows alone."""

    def __init__(self, folder: FileSystem, file: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._file = file
        self._schema = pa.schema([pa.field("id", pa.string(), False), pa.field("text", pa.string(), False)])
        self._sink = _Hashed(folder, file)
        # A dictionary of texts that are all different would be held beside them, and left out in the end.
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd", use_dictionary=False)
        self._group: tuple[list[str], list[str]] = ([], [])
        self._longest = (0, 0)
        self._group_bytes = self._n_rows = 0

    def add(self, name: str, text: str) -> None:
        name_bytes, text_bytes = len(name.encode()), len(text.encode())
        self._longest = max(self._longest[0], name_bytes), max(self._longest[1], text_bytes)
        self._group_bytes += name_bytes + text_bytes
        self._n_rows += 1
        for column, value in zip(self._group, (name, text), strict=True):
            column.append(value)
        if self._group_bytes >= _GROUP_BYTES or len(self._group[0]) == _GROUP_ROWS:
            self._end_group()

    def close(self) -> ShardFile:
        if self._group[0]:
            self._end_group()
        self._writer.close()
        self._sink.close()
        digest = self._sink.digest.hexdigest()
        return ShardFile(self._file, self._sink.n_bytes, digest, self._n_rows, longest=self._longest)

    def _end_group(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.table(list(self._group), schema=self._schema))
        self._group, self._group_bytes = ([], []), 0


class _Hashed:
    """A file of a folder to write to that counts and hashes what passes; OutputError where the store refuses."""

    def __init__(self, folder: FileSystem, name: str) -> None:
        self._refused = partial(writing, folder, name)
        with self._refused():
            self._target = folder.open_output_stream(name)
        self.digest = hashlib.sha256()
        self.n_bytes = 0

    @property
    def closed(self) -> bool:
        return bool(self._target.closed)

    def write(self, content: Any) -> int:
        self.digest.update(content)
        self.n_bytes += len(content)
        with self._refused():
            self._target.write(content)
        return len(content)

    def flush(self) -> None:
        with self._refused():
            self._target.flush()

    def close(self) -> None:
        with self._refused():
            self._target.close()


def write_table(folder: FileSystem, name: str, columns: Mapping[str, Any]) -> ShardFile:
    """Write columns of one length as a Parquet file of the folder; the entry for the manifest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({key: pa.array(values) for key, values in columns.items()})
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    write_bytes(folder, name, content.getvalue())
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    return ShardFile(name, content.getbuffer().nbytes, digest, table.num_rows)


class ShardWriter:
    """A shard folder being written: add queries and documents, then the judgments.

    Made by :func:`writing_shards`. ``encoder`` says what made the vectors (``name``, ``fingerprint``) and may be set
    until the folder is closed, ``similarity`` until rows are added.
    """

    def __init__(
        self, folder: FileSystem, *, dtype: str, rows_per_shard: int | None, similarity: SimilarityFunction
    ) -> None:
        self._folder, self._dtype = folder, dtype
        self.queries = SideWriter(folder, "queries", dtype=dtype, rows_per_shard=rows_per_shard)
        self.documents = SideWriter(folder, "documents", dtype=dtype, rows_per_shard=rows_per_shard)
        self.similarity = similarity
        self.encoder: Mapping[str, str] = {}
        self._judgments: ShardFile | None = None
        self._negatives: ShardFile | None = None
        self._own: ShardFile | None = None

    @property
    def similarity(self) -> SimilarityFunction:
        """Cosine, for which rows are made unit rows, or dot product, for which they are stored as they are."""
        return self._similarity

    @similarity.setter
    def similarity(self, similarity: SimilarityFunction) -> None:
        self._similarity = similarity
        for side in (self.queries, self.documents):
            side.is_unit = similarity is SimilarityFunction.COSINE

    def judge(self, query: IntArray, document: IntArray, gain: FloatArray | None = None) -> None:
        """Say which documents are relevant to which queries: row numbers, and positive gains (1 by default)."""
        gains = np.ones(len(query)) if gain is None else np.asarray(gain, dtype=np.float64)
        columns = {"query": np.asarray(query, np.int64), "document": np.asarray(document, np.int64), "gain": gains}
        self._judgments = write_table(self._folder, "judgments.parquet", columns)

    def oppose(self, negatives: Negatives) -> None:
        """Say which documents are hard negatives of which queries."""
        import pyarrow as pa

        columns = {
            "query": negatives.queries,
            "document": negatives.documents,
            "weight": negatives.weights,
            "types": pa.array(map(list, negatives.types), type=pa.list_(pa.string())),
        }
        self._negatives = write_table(self._folder, "negatives.parquet", columns)

    def leave_out(self, own: Cells) -> None:
        """Say which documents are a query themselves, and left out of its ranking."""
        columns = {"query": own.query_of_pair, "document": own.documents}
        self._own = write_table(self._folder, "own.parquet", columns)

    def close(self) -> None:
        """Write the manifest: from now on the folder is one.

        Raises
        ------
        DataFormatError
            If queries, documents or judgments are missing.
        InvalidEmbeddingsError
            If queries and documents are of different lengths.
        """
        queries, documents = self.queries.close(), self.documents.close()
        if not queries or not documents or self._judgments is None:
            raise DataFormatError(
                f"A shard folder needs queries, documents and judgments; it got {self.queries.n_rows:,} queries, "
                f"{self.documents.n_rows:,} documents and {'no' if self._judgments is None else 'its'} judgments."
            )
        if self.queries.dim != self.documents.dim:
            raise InvalidEmbeddingsError(
                f"Queries have {self.queries.dim} numbers a row and documents {self.documents.dim}: their "
                f"similarity is undefined. Encode both with one model."
            )
        is_unit = self._similarity is SimilarityFunction.COSINE
        version = FORMAT_VERSION if is_unit else DOT_FORMAT_VERSION
        manifest = {
            "format": FORMAT,
            "format_version": version if self._own is None else OWN_FORMAT_VERSION,
            "embedscope_version": __version__,
            "dim": self.queries.dim,
            "dtype": self._dtype,
            "is_normalised": is_unit,
            "similarity": self._similarity.value,
            "norms": None if is_unit else asdict(self.documents.norms),
            "encoder": dict(self.encoder),
            "queries": [shard.to_json() for shard in queries],
            "documents": [shard.to_json() for shard in documents],
            "judgments": self._judgments.to_json(),
            "negatives": None if self._negatives is None else self._negatives.to_json(),
            **({} if self._own is None else {"own": self._own.to_json()}),
        }
        write_bytes(self._folder, MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2).encode())


def require_new(where: Place) -> None:
    """Raise an OutputError, before any work, if a shard folder (or the folder of a run) is at ``where`` already."""
    if names_taken(where, [MANIFEST]):
        raise OutputError(
            f"'{where}' holds a {MANIFEST} already, and shards of two folders must not mix. Remove that folder, or "
            f"choose another --output."
        )


@contextmanager
def writing_shards(
    where: Place,
    *,
    dtype: str = "float32",
    rows_per_shard: int | None = None,
    similarity: SimilarityFunction = SimilarityFunction.COSINE,
) -> Iterator[ShardWriter]:
    """A :class:`ShardWriter`; the folder is complete when the block ends, and absent when it ends in an exception.

    Rows are made unit rows, or stored as they are where ``similarity`` is the dot product.

    Raises
    ------
    OutputError
        If a folder is there already, or it cannot be written.
    InvalidOptionError
        If ``dtype`` is neither float16 nor float32, or a shard would be empty.
    DataFormatError, InvalidEmbeddingsError
        As :meth:`ShardWriter.close`.
    """
    if dtype not in DTYPES:
        raise InvalidOptionError(f"Shards hold {' or '.join(DTYPES)}; got {dtype!r}.")
    if rows_per_shard is not None and rows_per_shard < 1:
        raise InvalidOptionError(f"Expected at least one row a shard, got {rows_per_shard}.")
    require_new(where)
    with place_to_write(where) as folder:
        writer = ShardWriter(folder, dtype=dtype, rows_per_shard=rows_per_shard, similarity=similarity)
        yield writer
        writer.close()


def write_shards(
    where: Place,
    queries: FloatArray | Iterable[FloatArray],
    documents: FloatArray | Iterable[FloatArray],
    qrels: Sequence[Sequence[int]] | Judgments,
    *,
    dtype: str = "float32",
    rows_per_shard: int | None = None,
    similarity: str = "cosine",
) -> ShardFolder:
    """A shard folder from arrays, or from iterators of arrays where they do not fit into memory.

    Parameters
    ----------
    where : str or Path
        A local path, or a URI that pyarrow knows (``s3://``, ``gs://``).
    queries, documents : ndarray of shape (n, dim), or iterable of such
        Need not be normalised.
    qrels : sequence of lists of document rows, one a query; or Judgments
    dtype : str
        "float32", or "float16" for half the bytes; what that changes, `embedscope evaluate` measures.
    rows_per_shard : int, optional
        By default as many as make 64 MiB.
    similarity : {"cosine", "dot"}
        Under "dot" rows are stored as they are, and their norms count in every score.

    Raises
    ------
    OutputError, InvalidOptionError, InvalidEmbeddingsError
        As :func:`writing_shards` and :meth:`SideWriter.add`.
    DataFormatError
        If ``qrels`` does not fit the queries and documents.
    """
    if similarity not in (SimilarityFunction.COSINE, SimilarityFunction.DOT):
        raise InvalidOptionError(f"similarity must be 'cosine' or 'dot'; got {similarity!r}.")
    chosen = SimilarityFunction(similarity)
    with writing_shards(where, dtype=dtype, rows_per_shard=rows_per_shard, similarity=chosen) as writer:
        for side, blocks in ((writer.queries, queries), (writer.documents, documents)):
            for block in [blocks] if isinstance(blocks, np.ndarray) else blocks:
                side.add(block)
        judgments = qrels
        if not isinstance(judgments, Judgments):
            judgments = Judgments.from_lists(judgments, n_documents=writer.documents.n_rows)
        if judgments.n_queries != writer.queries.n_rows:
            raise DataFormatError(
                f"qrels must list the relevant documents of each of the {writer.queries.n_rows:,} queries; it has "
                f"{judgments.n_queries:,} entries."
            )
        writer.judge(judgments.query_of_pair, judgments.documents, judgments.gains)
        if judgments.excluded is not None:
            writer.leave_out(judgments.excluded)
    return ShardFolder(where)
