"""A shard folder: vectors on disk, for corpora that do not fit into memory.

::

    manifest.json               what is in the folder, with the size and SHA-256 of every file; written last
    queries/00000.npy           rows of queries, shape (rows, dim), float16 or float32, C order
    documents/00000.npy ...     rows of documents, in order: document 0 is the first row of the first shard
    documents/00000.parquet     optional: columns ``id`` and ``text`` of the same rows
    judgments.parquet           ``query``, ``document`` (row numbers), ``gain``
    negatives.parquet           optional: ``query``, ``document``, ``weight``, ``types``
    own.parquet                 optional: ``query``, ``document``: documents that are a query themselves

Shards are plain ``.npy`` files: any program maps them into memory (``numpy.load(..., mmap_mode="r")``). embedscope
reads them into one reused buffer instead, because mapped pages count as the process's memory and would break its bound.
Texts are read by row groups of some mebibytes, and cut where they are longer than anybody reads.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from embedscope.data.collection import Negatives
from embedscope.errors import DataFormatError, InputError, InvalidEmbeddingsError, InvalidOptionError
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.norms import Norms
from embedscope.metrics.vectors import compared_rows
from embedscope.models.numpy_files import HEADER_FAULTS
from embedscope.plain_files import MOST_BYTES, parse_json
from embedscope.protocols import Float32Array, IntArray
from embedscope.scale.remote_storage import CHECK_STORE, Place, file_size, file_sizes, in_place, is_remote, open_place
from embedscope.settings import SimilarityFunction

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

FORMAT = "embedscope shards"
FORMAT_VERSION = 1
DOT_FORMAT_VERSION = 2
"""Of folders whose rows are compared by dot product: a program that knows only the first would make them unit rows."""

OWN_FORMAT_VERSION = 3
"""Of folders with documents that are a query themselves: a program that knows only the others would rank them."""

MANIFEST = "manifest.json"
DTYPES = ("float16", "float32")
_HEADER_BYTES = 256
"""Read to find where the rows of a shard begin; the header that NumPy writes for a matrix is 128 bytes."""

_GAP_BYTES = 1 << 14
_REMOTE_GAP_BYTES = 1 << 20
"""Chosen rows that lie closer than this are read together: a request to an object store costs tens of milliseconds."""

_READ_BYTES = 1 << 23

_NEARLY_ONE = {"float16": 0.01, "float32": 1e-4}
"""A normalised row's squared norm is so near 1: rounding to float16 moves it by less than a tenth of this, and summing
it in float32 by less than a hundredth."""

_ROWS_AT_ONCE = 4096
_NAMES_BYTES = 1 << 22
"""Of texts decoded at once, unless a single one is longer."""


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file of the folder as the manifest describes it.

    ``longest`` is said of names alone: bytes of the longest id and of the longest text, in UTF-8; None where a manifest
    does not say.
    """

    file: str
    bytes: int
    sha256: str
    rows: int
    names: ShardFile | None = None
    longest: tuple[int, int] | None = None

    @classmethod
    def from_json(cls, entry: Any, name: str) -> ShardFile:
        """The file that an entry of the manifest describes; its name must match the regular expression ``name``.

        Raises LookupError, TypeError, ValueError, ArithmeticError or AttributeError if it is not such an entry.
        """
        names, longest = entry.get("names"), entry.get("longest")
        found = cls(
            file=str(entry["file"]),
            bytes=int(entry["bytes"]),
            sha256=str(entry["sha256"]),
            rows=int(entry["rows"]),
            names=None if names is None else cls.from_json(names, name.replace("npy", "parquet")),
            longest=None if longest is None else (int(longest[0]), int(longest[1])),
        )
        if not re.fullmatch(name, found.file):  # no path that leads out of the folder is ever opened
            raise ValueError(f"the file '{found.file}' is named, expected a name like {name}")
        if found.rows < 0 or found.bytes < 0 or min(found.longest or (0,)) < 0:
            raise ValueError(f"'{found.file}' is said to have {found.rows:,} rows in {found.bytes:,} bytes")
        if found.names is not None and found.names.rows != found.rows:
            raise ValueError(f"'{found.file}' has {found.rows:,} rows and {found.names.rows:,} names")
        return found

    def to_json(self) -> dict[str, Any]:
        """The entry of the manifest."""
        entry: dict[str, Any] = {"file": self.file, "rows": self.rows, "bytes": self.bytes, "sha256": self.sha256}
        entry |= {} if self.longest is None else {"longest": list(self.longest)}
        return entry if self.names is None else {**entry, "names": self.names.to_json()}


class Side:
    """The vectors of one side, rows numbered through all shards; ``what``, "query" or "document", begins their ids."""

    def __init__(self, folder: ShardFolder, what: str, shards: Sequence[ShardFile]) -> None:
        self._folder, self._what = folder, what
        self.shards = tuple(shards)
        self.starts = (0, *accumulate(shard.rows for shard in shards))

    @property
    def n_rows(self) -> int:
        """Rows of all shards."""
        return self.starts[-1]

    @property
    def has_names(self) -> bool:
        """Whether ids and texts stand beside the vectors."""
        return bool(self.shards) and all(shard.names is not None for shard in self.shards)

    def blocks(self, number: int, rows: int) -> Iterator[tuple[int, Float32Array]]:
        """The rows of one shard to be compared, ``rows`` at a time, with the number of each block's first row.

        A block is valid until the next one is asked for. The file is read once, from front to back, and held against
        its SHA-256.

        Raises
        ------
        DataFormatError
            If the shard is missing, or is not the file that the manifest describes; known at its end at the latest.
        InvalidEmbeddingsError
            If a row has no direction.
        """
        shard = self.shards[number]
        digest = hashlib.sha256()
        with self._folder.open(shard) as file:
            header = self._folder.header(shard, file.read(_HEADER_BYTES))
            file.seek(0)
            digest.update(file.read(header))
            buffer = np.empty((min(rows, shard.rows), self._folder.dim), dtype=self._folder.dtype)
            for start in range(0, shard.rows, rows):
                part = buffer[: min(rows, shard.rows - start)]
                self._folder.fill(file, part, shard)
                digest.update(part.data)
                yield self.starts[number] + start, self._folder.unit(part, shard, range(start, start + len(part)))
        if digest.hexdigest() != shard.sha256:
            raise self._folder.damaged(shard, "its content has another SHA-256")

    def take(self, rows: IntArray) -> Float32Array:
        """The rows of these numbers, shape (len(rows), dim), in the order asked for.

        Raises
        ------
        DataFormatError
            If a shard is missing or cut short.
        InvalidEmbeddingsError
            If a row has no direction.
        """
        wanted, inverse = np.unique(rows, return_inverse=True)
        found = np.empty((len(wanted), self._folder.dim), dtype=np.float32)
        for number, shard in enumerate(self.shards):
            first, last = np.searchsorted(wanted, self.starts[number : number + 2])
            for start in range(first, last, _ROWS_AT_ONCE):
                part = slice(start, min(start + _ROWS_AT_ONCE, last))
                found[part] = self._folder.gather(shard, wanted[part] - self.starts[number])
        # The rows asked for are often ascending and distinct: a copy of them all would be the same again.
        return found if np.array_equal(wanted, rows) else found[inverse]

    def everything(self) -> Float32Array:
        """All rows, shape (n_rows, dim); checked like `blocks`."""
        out = np.empty((self.n_rows, self._folder.dim), dtype=np.float32)
        for number in range(len(self.shards)):
            for start, block in self.blocks(number, _ROWS_AT_ONCE):
                out[start : start + len(block)] = block
        return out

    @property
    def longest(self) -> tuple[int, int] | None:
        """Bytes of the longest id and text; 0 where there are none, None where the folder does not say."""
        if not self.has_names:
            return 0, 0
        known = [shard.names.longest for shard in self.shards if shard.names is not None and shard.names.longest]
        return (max(i for i, _ in known), max(t for _, t in known)) if len(known) == len(self.shards) else None

    def names(self, rows: IntArray, characters: int | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Ids and texts of these rows, ascending and distinct; where the folder has none, the row numbers.

        A text of more than ``characters`` is cut there and ends in "…". The files that are read are held against their
        SHA-256.

        Raises
        ------
        DataFormatError
            If a file of names is missing, cannot be read, or is not what the manifest describes.
        """
        if not self.has_names:
            numbers = tuple(f"{self._what[0]}{row}" for row in rows.tolist())
            return numbers, numbers
        ids: list[str] = []
        texts: list[str] = []
        for number, shard in enumerate(self.shards):
            first, last = np.searchsorted(rows, self.starts[number : number + 2])
            if first < last and shard.names is not None:
                own = rows[first:last] - self.starts[number]
                own_ids, own_texts = self._folder.read_names(shard.names, own, characters)
                ids += own_ids
                texts += own_texts
        return tuple(ids), tuple(texts)


class ShardFolder:
    """A shard folder that was found to be complete: every file is there and has the size that the manifest states.

    Parameters
    ----------
    where : str or Path
        A local path, or a URI that pyarrow knows.
    similarity : SimilarityFunction
        How rows are compared: by default as the manifest says. Under the cosine they are read as unit rows, under the
        dot product as they stand; ``norms`` are then those of the documents.

    Raises
    ------
    InputError
        If there is no such folder.
    InvalidOptionError
        If the dot product is asked for, and the folder was not written for it.
    DataFormatError
        If its manifest is of another kind or version, or a file is missing or of another size.
    """

    def __init__(self, where: Place, similarity: SimilarityFunction = SimilarityFunction.MODEL) -> None:
        self.where = str(where)
        self._files: FileSystem = open_place(where)
        manifest = _read_manifest(self._files, self.where)
        try:
            self.dim = int(manifest["dim"])
            self.dtype: npt.DTypeLike = np.dtype(manifest["dtype"])
            self.is_normalised = bool(manifest["is_normalised"])
            self.similarity = SimilarityFunction(manifest.get("similarity", SimilarityFunction.COSINE))
            self.norms = None if manifest.get("norms") is None else Norms(**manifest["norms"])
            self.encoder = dict(manifest.get("encoder") or {})
            self.queries = Side(self, "query", self._shards(manifest, "queries"))
            self.documents = Side(self, "document", self._shards(manifest, "documents"))
            self._judgments = ShardFile.from_json(manifest["judgments"], r"judgments\.parquet")
            entry = manifest.get("negatives")
            self._negatives = None if entry is None else ShardFile.from_json(entry, r"negatives\.parquet")
            entry = manifest.get("own")
            self._own = None if entry is None else ShardFile.from_json(entry, r"own\.parquet")
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise DataFormatError(
                f"'{in_place(self.where, MANIFEST)}' is damaged: {error!r}. Write the folder again."
            ) from error
        if similarity is SimilarityFunction.DOT and self.similarity is not SimilarityFunction.DOT:
            raise InvalidOptionError(
                f"'{self.where}' was written for the cosine, which needs no norms of its vectors. Write it again with "
                f"embedscope shard --similarity dot, or leave --similarity out."
            )
        if similarity is not SimilarityFunction.MODEL:
            self.similarity = similarity
        files = list(self._all_files())
        for file, size in zip(files, file_sizes(self._files, [file.file for file in files]), strict=True):
            if size is None:
                raise self.damaged(file, "there is no such file, though the manifest lists it")
            if size != file.bytes:
                raise self.damaged(file, f"it has {size:,} bytes, the manifest says {file.bytes:,}")

    def _shards(self, manifest: dict[str, Any], side: str) -> list[ShardFile]:
        """The shards of a side, each of as many bytes as its rows take.

        Otherwise an array of rows that are in no file would be asked for.
        """
        shards = [ShardFile.from_json(entry, rf"{side}/[0-9]+\.npy") for entry in manifest[side]]
        for shard in shards:
            header = shard.bytes - shard.rows * self.dim * self.itemsize
            if self.dim < 1 or not 0 < header <= _HEADER_BYTES:
                raise ValueError(
                    f"'{shard.file}' has {shard.bytes:,} bytes; {shard.rows:,} rows of {self.dim:,} numbers in "
                    f"{self.dtype} do not take that many"
                )
        return shards

    @property
    def itemsize(self) -> int:
        """Bytes of a number on disk."""
        return np.dtype(self.dtype).itemsize

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what is scored but the vectors: runs on folders of different digests are not comparable."""
        named = [shard.names.sha256 for side in (self.queries, self.documents) for shard in side.shards if shard.names]
        sizes = f"{self.queries.n_rows} {self.documents.n_rows}"
        negatives = "" if self._negatives is None else self._negatives.sha256
        own = [] if self._own is None else [self._own.sha256]
        return hashlib.sha256("\n".join([sizes, self._judgments.sha256, negatives, *own, *named]).encode()).hexdigest()

    def judgments(self) -> Judgments:
        """The relevant documents of every query of the folder, and those left out because they are the query itself.

        Raises
        ------
        DataFormatError
            If the file cannot be read, or a row lies outside the queries or documents.
        """
        table, query, document = self._pairs(self._judgments, "gain")
        gain = table.column("gain").to_numpy().astype(np.float64)
        order = np.lexsort((document, query))
        indptr = np.searchsorted(query[order], np.arange(self.queries.n_rows + 1)).astype(np.int64)
        return Judgments(indptr, document[order], gain[order], self.documents.n_rows, self._own_documents())

    def _own_documents(self) -> Cells | None:
        if self._own is None:
            return None
        _, query, document = self._pairs(self._own)
        return Cells.of_pairs(query, document, self.queries.n_rows)

    def negatives(self) -> Negatives:
        """The hard negatives; empty where the folder has none; raises as `judgments`."""
        if self._negatives is None:
            return Negatives.none()
        table, query, document = self._pairs(self._negatives, "weight", "types")
        if len(document) and not 0 <= document.min() <= document.max() < self.documents.n_rows:
            raise self.damaged(self._negatives, f"it names rows outside the {self.documents.n_rows:,} documents")
        weight = table.column("weight").to_numpy().astype(np.float64)
        return Negatives(query, document, weight, tuple(_shared_tuples(table.column("types"))))

    def damaged(self, file: ShardFile, how: str) -> DataFormatError:
        """The error that says what is wrong with a file."""
        return DataFormatError(
            f"'{in_place(self.where, file.file)}' is damaged: {how}. Figures from it would be wrong; copy or write the "
            f"folder again."
        )

    def open(self, file: ShardFile) -> Any:
        """A file of the folder, opened for reading at any place."""
        try:
            return self._files.open_input_file(file.file)
        except OSError as error:
            raise self.damaged(file, f"it cannot be opened ({error})") from error

    def header(self, shard: ShardFile, start: bytes) -> int:
        """Bytes before the first row of a shard, once its header is known to say what the manifest says."""
        try:
            stream = io.BytesIO(start)
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, is_fortran, dtype = read(stream)
        except HEADER_FAULTS as error:
            raise self.damaged(shard, f"it is no .npy file ({error})") from error
        if shape != (shard.rows, self.dim) or dtype != self.dtype or is_fortran:
            came = f"{dtype} of shape {shape}"
            raise self.damaged(shard, f"it holds {came}, expected {self.dtype} of shape {(shard.rows, self.dim)}")
        return stream.tell()

    def fill(self, file: Any, out: npt.NDArray[Any], shard: ShardFile) -> None:
        """Read the next rows of a shard into ``out``."""
        view = out.data.cast("B")
        done = 0
        while done < len(view):
            n_read = file.readinto(view[done : done + _READ_BYTES])
            if not n_read:
                raise self.damaged(shard, "it ends early")
            done += n_read

    def gather(self, shard: ShardFile, rows: IntArray) -> Float32Array:
        """Chosen rows of a shard (ascending) as they are compared; neighbours are read in one request."""
        out = np.empty((len(rows), self.dim), dtype=self.dtype)
        n_bytes = self.dim * self.itemsize
        gap = (_REMOTE_GAP_BYTES if is_remote(self.where) else _GAP_BYTES) // n_bytes + 1
        is_far = np.diff(rows) > gap
        is_next_read = np.diff(rows // max(1, _READ_BYTES // n_bytes)) > 0
        with self.open(shard) as file:
            header = self.header(shard, file.read(_HEADER_BYTES))
            for own in np.split(np.arange(len(rows)), np.flatnonzero(is_far | is_next_read) + 1):
                first, last = int(rows[own[0]]), int(rows[own[-1]]) + 1
                content = file.read_at((last - first) * n_bytes, header + first * n_bytes)
                if len(content) != (last - first) * n_bytes:
                    raise self.damaged(shard, "it ends early")
                out[own] = np.frombuffer(content, dtype=self.dtype).reshape(-1, self.dim)[rows[own] - first]
        return self.unit(out, shard, rows)

    def unit(self, rows: npt.NDArray[Any], shard: ShardFile, numbers: Sequence[int] | IntArray) -> Float32Array:
        """Rows as they stand on disk, as float32 rows to be compared; ``numbers`` are their places in the shard.

        Unit rows for the cosine, as they are for the dot product.

        Rows that were normalised when they were written are known to be by their norms, summed in float32. Those of
        float16 are normalised again, because rounding to 11 bits moves a norm by up to 5e-4.

        Raises
        ------
        InvalidEmbeddingsError
            If a row has no direction, or is not normalised though the manifest says so.
        """
        wide = rows.astype(np.float32, copy=False)
        if not self.is_normalised:
            try:
                return compared_rows(wide, is_unit=self.similarity is SimilarityFunction.COSINE, what="shard")
            except InvalidEmbeddingsError as error:
                where = f"'{in_place(self.where, shard.file)}', of its rows {numbers[0]} to {numbers[-1]}"
                raise InvalidEmbeddingsError(f"{where}: {error}") from error
        squares = np.einsum("nd,nd->n", wide, wide)
        is_unit = np.abs(squares - 1.0) < _NEARLY_ONE[str(rows.dtype)]  # false for NaN as well
        if not is_unit.all():
            first = int(np.argmin(is_unit))
            raise InvalidEmbeddingsError(
                f"'{in_place(self.where, shard.file)}', row {numbers[first]}: expected a row of norm 1, which the "
                f"manifest says all rows have, and its norm is {np.sqrt(squares[first]):.4g}. Every cosine with it "
                f"would be wrong; write the folder again."
            )
        if rows.dtype != np.float32:
            wide *= (1.0 / np.sqrt(squares))[:, np.newaxis]
        return wide

    def read_names(self, file: ShardFile, rows: IntArray, characters: int | None = None) -> tuple[list[str], list[str]]:
        """Ids and texts of chosen rows (ascending) of a shard, as `Side.names`; only some mebibytes are held."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        ids: list[str] = []
        texts: list[str] = []
        try:
            with self.open(file) as source:
                self._require_content(source, file)
                source.seek(0)
                for start, batch in _batches_of(pq.ParquetFile(source, buffer_size=_NAMES_BYTES), rows):
                    own = rows[slice(*np.searchsorted(rows, [start, start + len(batch)]))] - start
                    chosen = batch.take(pa.array(own))
                    ids += chosen.column("id").to_pylist()
                    texts += _cut(chosen.column("text"), characters)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise self.damaged(file, f"it cannot be read ({error})") from error
        if len(ids) != len(rows) or None in ids or None in texts:
            raise self.damaged(file, "it lacks the id or the text of a row")
        return ids, texts

    def _require_content(self, source: Any, file: ShardFile) -> None:
        """Read all of a file, a part at a time, and hold it against its SHA-256."""
        digest = hashlib.sha256()
        while content := source.read(_READ_BYTES):
            digest.update(content)
        if digest.hexdigest() != file.sha256:
            raise self.damaged(file, "its content has another SHA-256")

    def _all_files(self) -> Iterator[ShardFile]:
        for side in (self.queries, self.documents):
            for shard in side.shards:
                yield shard
                if shard.names is not None:
                    yield shard.names
        yield self._judgments
        if self._negatives is not None:
            yield self._negatives
        if self._own is not None:
            yield self._own

    def _pairs(self, file: ShardFile, *more: str) -> tuple[Any, IntArray, IntArray]:
        """The table of a file of (query, document) pairs, and the rows that it names."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = ("query", "document", *more)
        try:
            with self.open(file) as source:
                content = source.read()
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise self.damaged(file, "its content has another SHA-256")
            table = pq.read_table(io.BytesIO(content), columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(file, f"it cannot be read ({error})") from error
        if set(columns) - set(table.column_names) or table.num_rows != file.rows:
            raise self.damaged(file, f"expected {file.rows:,} rows of {', '.join(columns)}")
        query, document = (table.column(name).to_numpy().astype(np.int64) for name in columns[:2])
        if len(query) and not 0 <= query.min() <= query.max() < self.queries.n_rows:
            raise self.damaged(file, f"it names rows outside the {self.queries.n_rows:,} queries")
        return table, query, document


def _batches_of(parquet: Any, rows: IntArray) -> Iterator[tuple[int, Any]]:
    """The parts of a file of names that hold any of ``rows`` (ascending), with the number of each part's first row."""
    group_start = 0
    for group in range(parquet.num_row_groups):
        facts = parquet.metadata.row_group(group)
        first, last = np.searchsorted(rows, [group_start, group_start + facts.num_rows])
        if first < last:
            size = min(facts.num_rows, max(1, facts.num_rows * _NAMES_BYTES // max(1, facts.total_byte_size)))
            start = group_start
            for batch in parquet.iter_batches(size, row_groups=[group], columns=["id", "text"], use_threads=False):
                yield start, batch
                start += len(batch)
        group_start += facts.num_rows


def _cut(texts: Any, characters: int | None) -> list[str]:
    """Texts of a column, those of more than ``characters`` cut there."""
    import pyarrow.compute as pc

    if characters is None:
        return list(texts.to_pylist())
    is_long = pc.greater(pc.utf8_length(texts), characters).to_pylist()
    kept = pc.utf8_slice_codeunits(texts, 0, characters).to_pylist()
    return [f"{text}…" if cut else text for text, cut in zip(kept, is_long, strict=True)]


def _shared_tuples(column: Any) -> Iterator[tuple[str, ...]]:
    """Lists of a column as tuples; equal ones are one object, because there are few kinds of types and many pairs."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for batch in column.chunks:
        for start in range(0, len(batch), _ROWS_AT_ONCE):
            for entry in batch.slice(start, _ROWS_AT_ONCE).to_pylist():
                types = tuple(entry)
                yield known.setdefault(types, types)


def is_shard_folder(where: Place) -> bool:
    """Whether ``where`` is a folder with the manifest of a shard folder, of whatever version."""
    try:
        return _manifest_content(open_place(where)).get("format") == FORMAT
    except (InputError, ValueError, OSError):
        return False


def _manifest_content(folder: FileSystem) -> dict[str, Any]:
    if file_size(folder, MANIFEST) is None:
        return {}
    with folder.open_input_stream(MANIFEST) as file:
        content = parse_json(file.read(MOST_BYTES).decode())
    return content if isinstance(content, dict) else {}


def _read_manifest(folder: FileSystem, where: str) -> dict[str, Any]:
    try:
        content = _manifest_content(folder)
    except (ValueError, OSError) as error:
        todo = CHECK_STORE if isinstance(error, OSError) and is_remote(where) else "Write the folder again"
        raise DataFormatError(f"'{in_place(where, MANIFEST)}' cannot be read: {error}. {todo}.") from error
    if content.get("format") != FORMAT:
        raise InputError(
            f"'{where}' is no shard folder: it has no {MANIFEST} of the format '{FORMAT}'. A folder whose writing was "
            f"interrupted has none either{', nor a bucket that does not exist' * is_remote(where)}. Make one with: "
            f"embedscope shard"
        )
    if content.get("format_version") not in (FORMAT_VERSION, DOT_FORMAT_VERSION, OWN_FORMAT_VERSION):
        raise DataFormatError(
            f"'{where}' has format version {content.get('format_version')}; this embedscope reads {FORMAT_VERSION} to "
            f"{OWN_FORMAT_VERSION}. Upgrade embedscope, or write the folder again."
        )
    if content.get("dtype") not in DTYPES:
        raise DataFormatError(f"'{where}' states the dtype {content.get('dtype')!r}; expected {' or '.join(DTYPES)}.")
    return content
