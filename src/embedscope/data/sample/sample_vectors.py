"""Vectors of the sample's test texts, made before, so that the sample can be judged without a model.

``vectors.npz`` has those of all-MiniLM-L6-v2 (384 dimensions) and of the head that ``embedscope demo`` trains on it
(128), a row for each document and then each query of the collection. A number is stored as a whole number of steps of
1/2048, high and low bytes apart, which packs to two thirds of float16.
``tools/demo_vectors.py`` writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.data.collection import Collection
from embedscope.protocols import Float32Array

BASE, HEAD = "all-MiniLM-L6-v2", "trained-head"
FILE = Path(__file__).parent / "vectors.npz"
_STEPS = 2048


def texts_of(collection: Collection) -> list[str]:
    """The texts of a collection in the order of the rows: documents, then queries."""
    return [*collection.documents, *collection.queries]


def pack(vectors: Mapping[str, Float32Array], file: Path = FILE) -> None:
    """Write unit rows by the name of their model; ``ValueError`` where a number is beyond [-1, 1]."""
    parts: dict[str, Any] = {}
    for name, rows in vectors.items():
        if np.abs(rows).max() > 1:
            raise ValueError(f"the rows of {name} are not of unit length")
        high, low = np.divmod(np.round(rows * _STEPS).astype(np.int16), 256)
        parts |= {f"{name}/high": high.astype(np.int8), f"{name}/low": low.astype(np.uint8)}
    np.savez_compressed(file, **parts)


def unpack(name: str, file: Path = FILE) -> Float32Array:
    """The rows of a model by name, (n, dim), of unit length; within 1/2048 of what was packed."""
    with np.load(file, allow_pickle=False) as parts:
        steps = parts[f"{name}/high"].astype(np.float32) * 256 + parts[f"{name}/low"]
    rows: Float32Array = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    return rows
