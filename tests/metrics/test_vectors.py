"""Unit rows and cosines: directions are kept whatever the scale, rows without one are refused by name."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics.vectors import (
    cosine_similarity,
    require_matrix,
    score_pairs,
    unit_rows,
)

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@DTYPES
def test_unit_rows_of_3_4_are_3_fifths_and_4_fifths(dtype: type) -> None:
    vectors = np.array([[3, 4], [-30, 40]], dtype=dtype)
    rows = unit_rows(vectors)
    np.testing.assert_allclose(rows, [[0.6, 0.8], [-0.6, 0.8]], rtol=1e-7)
    assert rows.dtype == dtype
    assert vectors.tolist() == [[3, 4], [-30, 40]]


@DTYPES
@pytest.mark.parametrize("exponent", [-45, -38, -20, 20, 30, 38])
def test_the_scale_of_a_row_does_not_change_its_direction(dtype: type, exponent: int) -> None:
    row = np.array([[1.0, 1.0, 0.0]]) * 2.0 ** round(exponent * np.log2(10))
    np.testing.assert_allclose(unit_rows(row.astype(dtype)), [[0.5**0.5, 0.5**0.5, 0.0]], rtol=1e-6)


def test_float64_rows_whose_norm_overflows_keep_their_direction() -> None:
    np.testing.assert_allclose(unit_rows(np.full((1, 4), 1.7e308)), np.full((1, 4), 0.5), rtol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_unit_rows_have_norm_one(seed: int, dim: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(9, dim)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(unit_rows(vectors), axis=1), 1.0, rtol=1e-6)


def test_many_chunks_give_the_rows_of_one() -> None:
    vectors = np.random.default_rng(0).normal(size=(1100, 1000)).astype(np.float32)
    expected = vectors / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    np.testing.assert_allclose(unit_rows(vectors), expected, rtol=1e-6)


@DTYPES
@pytest.mark.parametrize(("bad", "norm"), [(0.0, "0.0"), (np.nan, "nan"), (np.inf, "inf"), (-np.inf, "inf")])
def test_rows_without_a_direction_are_refused_with_number_place_and_id(dtype: type, bad: float, norm: str) -> None:
    vectors = np.ones((5183, 2), dtype=dtype)
    vectors[[41, 77, 5000]] = bad
    ids = [f"MED-{i + 4370}" for i in range(5183)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidEmbeddingsError) as caught:
            unit_rows(vectors, ids=ids)
    assert str(caught.value).startswith(
        "3 of 5 183 document rows have a zero or non-finite norm "
        f"(first: row 41, id 'MED-4411', norm {norm}). Such a row has no direction, so its cosine is undefined; "
        "empty texts are the usual cause. "
    )


def test_one_bad_row_is_named_in_the_singular_and_without_an_id_where_none_is_known() -> None:
    with pytest.raises(InvalidEmbeddingsError, match=r"^1 of 2 query rows has a zero or .*\(first: row 1, norm 0\.0\)"):
        unit_rows(np.array([[1.0, 0.0], [0.0, 0.0]]), what="query")


def test_no_rows_are_no_error() -> None:
    assert unit_rows(np.zeros((0, 3), dtype=np.float32)).shape == (0, 3)
    assert cosine_similarity(np.ones((2, 3)), np.zeros((0, 3))).shape == (2, 0)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0]], "got list"),
        (np.ones(3), r"got shape \(3,\)"),
        (np.ones((3, 0)), r"got shape \(3, 0\)"),
        (np.ones((2, 2), dtype=np.float16), "got float16"),
        (np.ones((2, 2), dtype=np.int8), "got int8"),
    ],
)
def test_what_is_not_a_float_matrix_is_refused(vectors: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidEmbeddingsError, match=message):
        require_matrix(vectors)


def test_dimensions_that_differ_are_refused() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="Query vectors have 3 dimensions and document vectors 2"):
        cosine_similarity(np.ones((1, 3)), np.ones((1, 2)))


def test_cosines_match_hand_work() -> None:
    queries, documents = np.array([[2.0, 0.0], [0.0, 5.0]]), np.array([[1.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(cosine_similarity(queries, documents), [[1.0, 0.6], [0.0, 0.8]], rtol=1e-12)


def test_pair_scores_are_inner_products_of_the_chosen_rows_in_float64() -> None:
    generator = np.random.default_rng(0)
    queries, documents = (generator.normal(size=(n, 300)).astype(np.float32) for n in (5, 9))
    rows, columns = generator.integers(0, 5, 8000), generator.integers(0, 9, 8000)
    expected = (queries.astype(float) @ documents.astype(float).T)[rows, columns]
    scores = score_pairs(queries, documents, rows, columns)
    np.testing.assert_allclose(scores, expected, rtol=1e-10, atol=1e-12)
    assert scores.dtype == np.float64
