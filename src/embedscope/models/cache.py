"""Embeddings on disk, found by what they are: the encoder's fingerprint and the text.

A folder an encoder, named by its fingerprint; in it segments, each written whole under a temporary name, synced and
then renamed. So a process killed at any moment leaves a valid cache, and several processes may share one. A segment
holds three NumPy arrays, one after the other in one file: 16-byte keys (n, 16), checksums (n,), vectors (n, dim).
Vectors are memory-mapped; a row is checked against its checksum when it is read, so a damaged row is encoded again.
"""

from __future__ import annotations

import hashlib
import logging
import time
import unicodedata
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from embedscope.errors import OutputError
from embedscope.kept import default_directory
from embedscope.models.fingerprints import HashMemory
from embedscope.protocols import BoolArray, Float32Array, IntArray, Warn
from embedscope.publishing import sweep, write_whole

Keys = npt.NDArray[np.uint8]
"""Shape (n, 16): the first half of each text's SHA-256."""

_KEY_BYTES = 16
_SUFFIX = ".vectors"
_SUFFIX_BEFORE = ".emb"  # whose checksums did not see two numbers that changed places
_SMALL_ROWS = 50_000
_MAX_SMALL_SEGMENTS = 32
_MAX_LISTINGS = 5
_log = logging.getLogger(__name__)


def text_keys(texts: Sequence[str]) -> Keys:
    """Keys of ``texts``: the first 16 bytes of the SHA-256 of each text in Unicode NFC, as UTF-8."""
    keys = np.empty((len(texts), _KEY_BYTES), dtype=np.uint8)
    for row, text in enumerate(texts):
        data = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
        keys[row] = np.frombuffer(hashlib.sha256(data).digest(), dtype=np.uint8, count=_KEY_BYTES)
    return keys


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the store had: ``vectors[i]`` belongs to key ``rows[i]`` of the question."""

    rows: IntArray  # (m,) ascending
    vectors: Float32Array  # (m, dim)


class EmbeddingStore:
    """Content-addressed embeddings on disk.

    Parameters
    ----------
    directory : Path, optional
        Where to keep them; ``default_directory()`` by default.
    warn : callable, optional
        Told once when the directory cannot be used (embedscope then works without it) and of every damaged file.
    is_enabled : bool
        False keeps nothing and finds nothing.
    """

    def __init__(self, directory: Path | None = None, *, warn: Warn = _log.warning, is_enabled: bool = True) -> None:
        self._directory = directory if directory is not None else default_directory()
        self._warn = warn
        self._is_enabled = is_enabled
        self._shelves: dict[str, _Shelf] = {}

    @property
    def hashes(self) -> HashMemory:
        """The memory of file digests that lives beside the embeddings."""
        return HashMemory(self._directory / "file-hashes.json" if self._is_enabled else None)

    def find(self, fingerprint: str, keys: Keys, *, dim: int) -> Found:
        """The vectors that are stored under the encoder's ``fingerprint`` for ``keys`` (n, 16), uint8.

        Stored vectors of another length than ``dim`` are ignored.
        """
        nothing = Found(np.zeros(0, dtype=np.int64), np.zeros((0, dim), dtype=np.float32))
        if not self._is_enabled or not len(keys):
            return nothing
        try:
            return self._shelf(fingerprint, dim).find(keys)
        except OSError as error:
            self._disable(error)
            return nothing

    def add(self, fingerprint: str, keys: Keys, vectors: Float32Array) -> None:
        """Keep ``vectors`` (n, dim) float32 for ``keys``; they are on disk when this returns."""
        if not self._is_enabled or not len(keys):
            return
        try:
            self._shelf(fingerprint, vectors.shape[1]).add(keys, vectors)
        except (OSError, OutputError) as error:
            self._disable(error)

    def _shelf(self, fingerprint: str, dim: int) -> _Shelf:
        if fingerprint not in self._shelves:
            folder = self._directory / "embeddings" / hashlib.sha256(fingerprint.encode()).hexdigest()[:40]
            folder.mkdir(parents=True, exist_ok=True)
            self._shelves[fingerprint] = _Shelf(folder, dim, self._warn)
        return self._shelves[fingerprint]

    def _disable(self, error: OSError | OutputError) -> None:
        self._is_enabled = False
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        self._warn(
            f"The embedding cache in '{self._directory}' cannot be used ({reason}); every text is "
            f"encoded again. Set EMBEDSCOPE_CACHE to a folder that can be written to."
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """One file: keys and checksums in memory, vectors mapped."""

    path: Path
    keys: Keys
    checksums: npt.NDArray[np.uint32]
    vectors: npt.NDArray[np.float32]


class _Shelf:
    """The segments of one encoder."""

    def __init__(self, folder: Path, dim: int, warn: Warn) -> None:
        self._folder = folder
        self._dim = dim
        self._warn = warn
        self._segments: dict[str, _Segment] = {}
        self._ignored: set[str] = set()
        self._remove_stale()

    def find(self, keys: Keys) -> Found:
        self._refresh()
        vectors = np.empty((len(keys), self._dim), dtype=np.float32)
        is_found = np.zeros(len(keys), dtype=np.bool_)
        for segment in self._segments.values():
            open_rows = np.flatnonzero(~is_found)
            if not len(open_rows):
                break
            places = _places(segment.keys, keys[open_rows])
            rows, places = open_rows[places >= 0], places[places >= 0]
            if not len(rows):
                continue
            read = np.asarray(segment.vectors[places])
            is_whole = _checksums(read) == segment.checksums[places]
            if not is_whole.all():
                self._warn(f"'{segment.path}': {np.count_nonzero(~is_whole)} damaged rows are encoded again.")
            vectors[rows[is_whole]] = read[is_whole]
            is_found[rows[is_whole]] = True
        rows = np.flatnonzero(is_found)
        return Found(rows, vectors[rows])

    def add(self, keys: Keys, vectors: Float32Array) -> None:
        self._write(keys, vectors)
        if sum(len(segment.keys) < _SMALL_ROWS for segment in self._segments.values()) > _MAX_SMALL_SEGMENTS:
            self._compact()

    def _refresh(self) -> None:
        """Map segments that appeared and forget those that another process merged away."""
        for _ in range(_MAX_LISTINGS):
            present = {path.name: path for path in self._folder.glob(f"*{_SUFFIX}")}
            for name in self._segments.keys() - present.keys():
                del self._segments[name]
            new = sorted(present.keys() - self._segments.keys() - self._ignored)
            opened = [self._open(present[name]) for name in new]
            if all(opened):
                return

    def _open(self, path: Path) -> bool:
        """Map one segment; False where it vanished, merged by another process since it was listed."""
        try:
            segment = _read_segment(path)
        except FileNotFoundError:
            return False
        except Exception as error:  # what a foreign header makes of NumPy's parser is not for us to list
            self._ignored.add(path.name)
            self._warn(f"'{path}' is not a whole segment of the embedding cache and is ignored: {error}.")
            return True
        if segment.vectors.shape[1] == self._dim:
            self._segments[path.name] = segment
        else:
            self._ignored.add(path.name)
        return True

    def _write(self, keys: Keys, vectors: Float32Array) -> None:
        order = np.argsort(_prefixes(keys), kind="stable")
        vectors = np.ascontiguousarray(vectors[order], dtype=np.float32)
        path = self._folder / f"{time.time_ns():020d}-{uuid4().hex[:12]}{_SUFFIX}"

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                for array in (keys[order], _checksums(vectors), vectors):
                    np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)

        write_whole(path, write, is_durable=True)
        self._open(path)

    def _compact(self) -> None:
        """Merge small segments: the merged one is in place before the old ones go, so no reader misses a row."""
        small = [segment for segment in self._segments.values() if len(segment.keys) < _SMALL_ROWS]
        keys = np.concatenate([segment.keys for segment in small])
        vectors = np.concatenate([segment.vectors for segment in small])
        checksums = np.concatenate([segment.checksums for segment in small])
        kept = np.unique(keys, axis=0, return_index=True)[1]
        kept = kept[_checksums(vectors[kept]) == checksums[kept]]
        if len(kept):
            self._write(keys[kept], vectors[kept])
        for segment in small:
            del self._segments[segment.path.name]
            with suppress(OSError):  # still mapped by another process (Windows): it stays, and costs space only
                segment.path.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        """Files of an earlier version, and what killed processes left."""
        for path in self._folder.glob(f"*{_SUFFIX_BEFORE}"):
            with suppress(OSError):
                path.unlink()
        sweep(self._folder)


def _read_segment(path: Path) -> _Segment:
    """The segment in ``path``; ``ValueError`` where its parts do not fit together or the file is cut short."""
    with path.open("rb") as file:
        keys: Keys = np.lib.format.read_array(file, allow_pickle=False)
        checksums = np.lib.format.read_array(file, allow_pickle=False)
        np.lib.format.read_magic(file)
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        offset = file.tell()
    n = keys.size // _KEY_BYTES
    if n == 0 or keys.shape != (n, _KEY_BYTES) or checksums.shape != (n,) or len(shape) != 2 or shape[0] != n:
        raise ValueError("its parts do not fit together")
    if keys.dtype != np.uint8 or checksums.dtype != np.uint32 or dtype != np.float32 or is_fortran:
        raise ValueError("it holds something else than rows of numbers")
    if path.stat().st_size != offset + 4 * n * shape[1]:
        raise ValueError("it has not the size that it states")
    prefixes = _prefixes(keys)
    if (prefixes[1:] < prefixes[:-1]).any():
        raise ValueError("its keys are not in order")
    vectors = np.memmap(path, dtype=np.float32, mode="r", offset=offset, shape=(n, shape[1]))
    return _Segment(path, keys, checksums, vectors)


def _prefixes(keys: Keys) -> npt.NDArray[np.uint64]:
    """The first 8 bytes of each key as a number, by which segments are sorted and searched."""
    return np.ascontiguousarray(keys[:, :8]).view(">u8")[:, 0].astype(np.uint64)


def _places(stored: Keys, asked: Keys) -> IntArray:
    """Row of each asked key among the stored ones, -1 where it is not there.

    Two keys with the same first 8 bytes are met once in 2^64 pairs; the second of them is then not found, which
    costs an encoding and nothing else.
    """
    places = np.minimum(np.searchsorted(_prefixes(stored), _prefixes(asked)), len(stored) - 1)
    is_same: BoolArray = (stored[places] == asked).all(axis=1)
    return np.where(is_same, places, -1).astype(np.int64)


def _checksums(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """CRC-32 of the bytes of each row, (n,)."""
    return np.fromiter((zlib.crc32(row) for row in np.ascontiguousarray(vectors)), dtype=np.uint32, count=len(vectors))
