"""The vectors that come with the sample: every text has one, and packing rounds to steps of 1/2048."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.data.sample.sample_vectors import BASE, HEAD, pack, texts_of, unpack


@pytest.mark.parametrize(("name", "dim"), [(BASE, 384), (HEAD, 128)])
def test_every_text_of_the_sample_has_a_unit_row(name: str, dim: int) -> None:
    rows = unpack(name)
    assert rows.shape == (len(texts_of(read_collection(sample_path("test")))), dim)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-6)


def test_unpacking_gives_back_what_was_packed_to_a_step(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 128)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[0] = np.eye(128)[0] * -1
    pack({"a": rows}, tmp_path / "a.npz")
    assert np.abs(unpack("a", tmp_path / "a.npz") - rows).max() < 5e-4


def test_rows_that_are_longer_than_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unit length"):
        pack({"a": np.full((1, 4), 2, dtype=np.float32)}, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()
