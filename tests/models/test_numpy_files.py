"""Arrays of NumPy files: what no library can read is refused with one error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedscope.errors import InvalidEmbeddingsError
from embedscope.models.numpy_files import read_archive, read_array


@pytest.mark.parametrize("order", "<>")
def test_texts_of_numbers_that_are_no_characters_are_refused(order: str, tmp_path: Path) -> None:
    texts = np.array(["ab", "c"], dtype=f"{order}U2")
    np.save(tmp_path / "whole.npy", texts)
    assert read_array(tmp_path / "whole.npy").tolist() == ["ab", "c"]
    texts.view(f"{order}u4")[0] = 0x22222222
    np.save(tmp_path / "broken.npy", texts)
    np.savez(tmp_path / "broken.npz", texts=texts)
    with pytest.raises(InvalidEmbeddingsError, match="no character"):
        read_array(tmp_path / "broken.npy")
    with pytest.raises(InvalidEmbeddingsError, match="no character"):
        read_archive(tmp_path / "broken.npz", lambda name: True)
