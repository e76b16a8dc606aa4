"""Stored forms of vectors: hand-worked codes, bits against NumPy's own, errors bounded, order of scores kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError
from embedscope.measure.quantization import (
    Codec,
    Precision,
    dequantized,
    fit_codec,
    int8_codes,
    int8_scale,
    signs,
    truncated,
)
from embedscope.metrics.vectors import unit_rows


def cloud(seed: int, n: int = 30, dim: int = 16) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32))


@pytest.mark.parametrize(
    ("precision", "width", "expected"),
    [("float32", 384, 1536), ("float16", 384, 768), ("int8", 384, 384), ("binary", 384, 48), ("binary", 20, 3)],
)
def test_bytes_of_a_document_are_bits_times_width_filled_up_to_bytes(precision: str, width: int, expected: int) -> None:
    assert Codec(Precision(precision), width).bytes_per_document == expected


def test_float32_at_full_width_is_the_vector_itself() -> None:
    vectors = cloud(0)
    codec = fit_codec(vectors, Precision.FLOAT32, 16)
    assert np.array_equal(codec.documents(vectors), vectors)
    assert np.array_equal(codec.queries(vectors), vectors)


def test_float16_is_the_nearest_half_for_documents_and_leaves_queries_alone() -> None:
    vectors = cloud(0)
    codec = fit_codec(vectors, Precision.FLOAT16, 16)
    assert np.array_equal(codec.documents(vectors), vectors.astype(np.float16))
    assert np.array_equal(codec.queries(vectors), vectors)


def test_int8_codes_are_those_worked_by_hand() -> None:
    vectors = np.array([[1.27, -0.5, 0.0], [-0.635, 0.25, 0.0]], dtype=np.float32)
    scale = int8_scale(np.abs(vectors).max(axis=0))
    assert scale == pytest.approx([0.01, 0.5 / 127, 1.0])
    codes = int8_codes(vectors, scale)
    assert codes.tolist() == [[127, -127, 0], [-64, 64, 0]]  # -63.5 and 63.5: halves go to even
    assert dequantized(codes, scale)[0] == pytest.approx([1.27, -0.5, 0.0])


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 16))
def test_int8_is_off_by_half_a_step_at_most_and_queries_beyond_the_documents_are_cut(seed: int, width: int) -> None:
    documents = cloud(seed)
    codec = fit_codec(documents, Precision.INT8, width)
    assert codec.scale is not None
    error = np.abs(codec.documents(documents) - truncated(documents, width))
    assert (error <= codec.scale * 0.5001).all()
    assert int8_codes(100 * documents[:, :width], codec.scale).min() >= -127


def test_the_scale_comes_from_all_documents_whatever_the_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = cloud(3)
    expected = fit_codec(documents, Precision.INT8, 8).scale
    monkeypatch.setattr("embedscope.measure.quantization.SHARD_ROWS", 7)
    found = fit_codec(documents, Precision.INT8, 8).scale
    assert expected is not None
    assert found is not None
    assert np.array_equal(found, expected)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_products_of_signs_are_the_dimension_less_twice_the_hamming_distance(seed: int, dim: int) -> None:
    queries, documents = cloud(seed, 5, dim), cloud(seed + 1, 6, dim)
    codec = fit_codec(documents, Precision.BINARY, dim)
    assert codec.has_exact_scores
    bits = [np.packbits(side > 0, axis=1) for side in (queries, documents)]
    hamming = np.unpackbits(bits[0][:, None] ^ bits[1][None], axis=2).sum(axis=2, dtype=np.int64)
    assert np.array_equal(codec.queries(queries) @ codec.documents(documents).T, dim - 2 * hamming)


def test_zero_is_a_negative_sign() -> None:
    assert signs(np.array([[0.0, 1e-30, -1e-30]])).tolist() == [[-1.0, 1.0, -1.0]]


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 15))
def test_truncation_makes_the_leading_dimensions_unit_rows_again(seed: int, width: int) -> None:
    vectors = cloud(seed)
    found = truncated(vectors, width)
    assert found.shape == (30, width)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(30), abs=1e-6)
    ratio = vectors[:, :width] / np.linalg.norm(vectors[:, :width], axis=1, keepdims=True)
    assert found == pytest.approx(ratio, abs=1e-6)


def test_truncating_to_the_full_width_changes_nothing() -> None:
    vectors = cloud(1)
    assert truncated(vectors, 16) is vectors


def test_a_row_without_leading_dimensions_is_refused_by_its_role() -> None:
    vectors = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    with pytest.raises(InvalidEmbeddingsError, match="1 of 2 query rows"):
        Codec(Precision.FLOAT32, 1).queries(vectors)


@pytest.mark.parametrize("width", [0, 17])
def test_a_width_that_the_vectors_do_not_have_is_refused(width: int) -> None:
    with pytest.raises(InvalidOptionError, match=f"got {width}"):
        fit_codec(cloud(0), Precision.FLOAT32, width)


def test_shards_are_the_documents_in_the_order_asked() -> None:
    documents = cloud(2)
    order = np.random.default_rng(0).permutation(30)
    for precision in Precision:
        codec = fit_codec(documents, precision, 8)
        parts = list(codec.shards(documents, order, rows=11))
        assert [start for start, _ in parts] == [0, 11, 22]
        assert np.array_equal(np.concatenate([part for _, part in parts]), codec.documents(documents)[order])
