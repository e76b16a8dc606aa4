"""bfloat16 on a processor: what it changes is said, and that it would be quicker only where it would be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.models.test_embed import collection

from embedscope.models import Model, embed_collection, load_model, number_format
from embedscope.models.number_format import precision_line, shift
from embedscope.settings import Pooling, Precision

pytest.importorskip("torch")


def judged(texts: tuple[str, ...]) -> Any:
    """Every text is a query; its relevant document is the next one."""
    import numpy as np

    rows = np.arange(len(texts))
    return replace(
        collection(texts, texts), indptr=np.arange(len(texts) + 1), relevant=np.roll(rows, -1), gains=np.ones(len(rows))
    )


def loaded(tiny: Any, precision: Precision) -> Model:
    return load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu", precision=precision)


def test_bfloat16_says_how_far_vectors_and_ranks_moved(tiny: Any, texts: tuple[str, ...]) -> None:
    model, data = loaded(tiny, Precision.BFLOAT16), judged(texts)
    moved = shift(model, data, None, batch_size=8)
    assert moved is not None
    assert (moved.n_queries, moved.n_documents) == (5, 5)
    assert 0.999 < moved.least_cosine < 1
    assert all(0.2 <= each <= 1 for each in moved.mrr)
    line = precision_line(model, data, embed_collection(data, model), None, batch_size=8)
    assert line is not None
    assert line.startswith("bfloat16 beside float32, on 5 queries and 5 documents: ")


def test_float32_beside_itself_moves_nothing(tiny: Any, texts: tuple[str, ...]) -> None:
    moved = shift(loaded(tiny, Precision.FLOAT32), judged(texts), None, batch_size=8)
    assert moved is not None
    assert moved.least_cosine == pytest.approx(1, abs=1e-6)
    assert moved.mrr[0] == moved.mrr[1]


def test_a_long_encoding_names_bfloat16_where_the_processor_has_instructions_for_it(
    tiny: Any, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = loaded(tiny, Precision.FLOAT32), judged(texts)
    found = embed_collection(data, model)
    monkeypatch.setattr(number_format, "bfloat16_instructions", lambda: ("amx_bf16",))
    for seconds, is_told in ((1.0, False), (60.0, True)):
        line = precision_line(model, data, replace(found, elapsed_s=seconds), None, batch_size=8)
        assert (line is not None and "amx_bf16: --precision bfloat16" in line) == is_told
    monkeypatch.setattr(number_format, "bfloat16_instructions", lambda: ())
    assert precision_line(model, data, replace(found, elapsed_s=60.0), None, batch_size=8) is None
