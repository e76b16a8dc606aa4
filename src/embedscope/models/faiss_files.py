"""Vectors of a FAISS index that stores them as they are, read from its bytes: faiss itself trusts what it loads."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.protocols import Float32Array

_FLAT = (b"IxFI", b"IxF2", b"IxFl")
_OTHERS = {
    b"IxMp": "IndexIDMap",
    b"IxM2": "IndexIDMap2",
    b"IxPT": "IndexPreTransform",
    b"IxPq": "IndexPQ",
    b"IxSQ": "IndexScalarQuantizer",
    b"IxRF": "IndexRefine",
    b"IxHe": "IndexLSH",
    b"IHNf": "IndexHNSWFlat",
    b"IwFl": "IndexIVFFlat",
    b"IwPQ": "IndexIVFPQ",
    b"IwSq": "IndexIVFScalarQuantizer",
}
_HEADER = struct.Struct("<4siqqq?i")  # kind, dim, rows, two unused, is trained, metric
_FIRST_WITH_ARGUMENT = 2
"""Metrics from this number on (0 is the inner product, 1 L2) are followed by an argument, float32."""


def read_flat_index(path: Path) -> Float32Array:
    """The vectors of an ``IndexFlatIP``, ``IndexFlatL2`` or ``IndexFlat``, shape (n, dim), in the order of adding.

    Layout, little-endian: the header, then the count of numbers (uint64) and the numbers (float32), row by row.

    Raises InvalidEmbeddingsError if the index is of another type, or the file is cut short.
    """
    content = path.read_bytes()
    kind = content[:4]
    if kind not in _FLAT:
        raise InvalidEmbeddingsError(
            f"'{path}' is a FAISS index of type {_OTHERS.get(kind, kind.decode('ascii', 'replace'))}; only flat ones "
            f"(IndexFlatIP, IndexFlatL2) are read, which hold the vectors as they are. Save the vectors instead: "
            f"np.save('vectors.npy', index.reconstruct_n(0, index.ntotal))."
        )
    try:
        _, dim, n, _, _, _, metric = _HEADER.unpack_from(content)
        start = _HEADER.size + (4 if metric >= _FIRST_WITH_ARGUMENT else 0)
        (count,) = struct.unpack_from("<Q", content, start)
    except struct.error as error:
        raise _damaged(path, f"{len(content)} bytes") from error
    if dim < 1 or n < 0 or count != n * dim or len(content) != start + 8 + 4 * count:
        raise _damaged(path, f"{len(content):,} bytes for {n:,} vectors of {dim:,} numbers")
    return np.frombuffer(content, "<f4", count, start + 8).reshape(n, dim).astype(np.float32)


def _damaged(path: Path, came: str) -> InvalidEmbeddingsError:
    return InvalidEmbeddingsError(
        f"'{path}' cannot be read as a FAISS flat index: it has {came}. It is cut short or damaged; write it again."
    )
