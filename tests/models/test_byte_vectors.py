"""Bytes in place of vectors are codes of a quantisation, and their cosine is another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.errors import InvalidEmbeddingsError
from embedscope.models.vector_files import read_vectors

TEXTS = ["a b", "c d", "e f"]
BITS = np.packbits(np.random.default_rng(0).normal(size=(3, 64)) > 0, axis=1)


@pytest.mark.parametrize("container", ["npz", "npy", "parquet"])
def test_bytes_are_refused_and_whole_numbers_are_not(tmp_path: Path, container: str) -> None:
    def written(vectors: np.ndarray) -> Path:
        path = tmp_path / f"v.{container}"
        if container == "npz":
            np.savez(path, texts=np.array(TEXTS), vectors=vectors)
        elif container == "npy":
            np.save(path, vectors)
            (tmp_path / "v.txt").write_text("\n".join(TEXTS))
        else:
            pq.write_table(pa.table({"text": TEXTS, "vector": pa.array(list(vectors))}), path)
        return path

    with pytest.raises(InvalidEmbeddingsError, match="holds bytes"):
        read_vectors(written(BITS))
    assert np.array_equal(read_vectors(written(BITS.astype(np.int32))).documents.vectors, BITS)
