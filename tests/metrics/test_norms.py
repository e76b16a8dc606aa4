"""Norms of rows, and the bound that they set on dot products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics.norms import MOST_OVER_MEAN, Norms, directions_of, score_bound
from embedscope.metrics.vectors import compared_rows, similarity_matrix, unit_rows


def drawn(seed: int, n: int = 40, dim: int = 6, *, spread: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n, dim)) * np.exp(spread * generator.standard_normal((n, 1)))
    return rows.astype(np.float32)


@given(st.integers(0, 10_000), st.floats(-8, 8))
def test_no_dot_product_exceeds_the_bound_unless_the_norms_hold_outliers(seed: int, exponent: float) -> None:
    queries, documents = drawn(seed, 5, spread=0.3), drawn(seed + 1, spread=0.3) * np.float32(10.0**exponent)
    left, right = Norms.of(queries), Norms.of(documents)
    bound = score_bound(left, right)
    scores = queries.astype(np.float64) @ documents.T.astype(np.float64)
    assert np.abs(scores).max() <= bound * (1 + 1e-5)
    assert bound <= left.largest * right.largest * 1.011
    assert float(f"{bound:.3g}") == bound  # three digits, so that the order of a sum changes no bin


def test_unit_rows_have_the_bound_of_cosines() -> None:
    for dtype in (np.float32, np.float64):
        norms = Norms.of(unit_rows(drawn(1, 500).astype(dtype)))
        assert score_bound(norms, norms) == 1.0
        assert norms.are_one
        assert not norms.are_uneven


def test_an_outlier_does_not_coarsen_the_bins_of_the_others() -> None:
    rows = unit_rows(drawn(2, 1000))
    rows[3] *= 1e6
    assert score_bound(Norms.of(rows[:3]), Norms.of(rows)) <= MOST_OVER_MEAN * Norms.of(rows).mean * 1.011
    rows[3] /= 1e3
    assert score_bound(Norms.of(rows[:3]), Norms.of(rows)) < 40


def test_norms_of_parts_are_those_of_the_whole() -> None:
    rows = drawn(3, 90)
    merged = Norms.of(rows[:20]).merge(Norms.of(rows[20:])).merge(Norms())
    whole = Norms.of(rows)
    assert (merged.n, merged.smallest, merged.largest) == (whole.n, whole.smallest, whole.largest)
    assert merged.mean == pytest.approx(whole.mean, rel=1e-12)
    expected = np.linalg.norm(rows.astype(np.float64), axis=1)
    assert whole.total == pytest.approx(expected.sum(), rel=1e-12)
    assert whole.are_uneven


@pytest.mark.parametrize("factor", [1e16, 1e-17])
def test_products_beyond_float32_are_refused(factor: float) -> None:
    norms = Norms.of(drawn(4) * np.float32(factor))
    with pytest.raises(InvalidEmbeddingsError, match=r"leave the range of float32.*--similarity cosine"):
        score_bound(norms, norms)


def test_directions_are_unit_rows_and_unit_rows_are_not_copied() -> None:
    rows = drawn(5)
    np.testing.assert_allclose(np.linalg.norm(directions_of(rows), axis=1), 1.0, atol=1e-6)
    unit = unit_rows(rows).astype(np.float32)
    assert directions_of(unit) is unit


def test_rows_for_the_dot_product_stay_as_they_are() -> None:
    rows = drawn(6)
    assert compared_rows(rows, is_unit=False) is rows
    np.testing.assert_array_equal(compared_rows(rows, is_unit=True), unit_rows(rows))
    np.testing.assert_allclose(similarity_matrix(rows[:3], rows, is_cosine=False), rows[:3] @ rows.T, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("is_unit", [True, False])
def test_a_row_without_a_vector_is_refused_by_its_id(value: float, is_unit: bool) -> None:
    rows = np.ones((3, 2))
    rows[1] = value
    if value == 1e300 and is_unit:  # its direction is (1, 1) / sqrt(2); its dot products overflow float32
        assert compared_rows(rows, is_unit=True)[1, 0] == pytest.approx(np.sqrt(0.5))
        return
    with pytest.raises(InvalidEmbeddingsError, match=r"1 of 3 query rows.*row 1, id 'b'"):
        compared_rows(rows, is_unit=is_unit, what="query", ids=["a", "b", "c"])
