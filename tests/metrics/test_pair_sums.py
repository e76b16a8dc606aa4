"""Sums over all pairs of a query: those of the matrix that is never made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.measure.distributions import mean_and_std
from embedscope.metrics import pair_sums, threads
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments


def per_query_sums(queries: np.ndarray, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return sums_from_moments(queries, *sum_and_gram(documents))


def test_sums_and_squares_match_hand_work() -> None:
    sums, squares = per_query_sums(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [3.0, -1.0]]))
    np.testing.assert_array_equal(sums, [1 + 1, 0 - 1])
    np.testing.assert_array_equal(squares, [1 + 1, 0 + 1])


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_sums_are_those_of_the_dense_matrix(seed: int, dtype: type) -> None:
    generator = np.random.default_rng(seed)
    n_queries, n_documents, dim = generator.integers(1, 20, 3)
    queries = generator.standard_normal((n_queries, dim)).astype(dtype)
    documents = generator.standard_normal((n_documents, dim)).astype(dtype)
    dense = queries.astype(np.float64) @ documents.astype(np.float64).T
    sums, squares = per_query_sums(queries, documents)
    np.testing.assert_allclose(sums, dense.sum(axis=1), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(squares, (dense**2).sum(axis=1), rtol=1e-11, atol=1e-11)


def test_the_chunk_size_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((11, 3)).astype(np.float32)
    whole = per_query_sums(rows, rows)
    monkeypatch.setattr(pair_sums, "_CHUNK_ROWS", 4)
    np.testing.assert_allclose(per_query_sums(rows, rows), whole, rtol=1e-14)


def test_no_queries_give_no_sums() -> None:
    sums, squares = per_query_sums(np.zeros((0, 3)), np.ones((2, 3)))
    assert sums.shape == squares.shape == (0,)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_sums_over_all_pairs_are_those_of_the_dense_matrix(seed: int, dtype: type) -> None:
    generator = np.random.default_rng(seed)
    n_queries, n_documents, dim = generator.integers(1, 20, 3)
    queries = generator.standard_normal((n_queries, dim)).astype(dtype)
    documents = generator.standard_normal((n_documents, dim)).astype(dtype)
    dense = queries.astype(np.float64) @ documents.astype(np.float64).T
    sums, squares = per_query_sums(queries, documents)
    found = mean_and_std(dense.size, sums.sum(), squares.sum())
    np.testing.assert_allclose(found, (dense.mean(), dense.std()), rtol=1e-9, atol=1e-9)


def test_parts_and_threads_change_nothing_but_the_last_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    whole = per_query_sums(rows, rows)
    monkeypatch.setattr(pair_sums, "_PART_ROWS", 7)
    np.testing.assert_allclose(per_query_sums(rows, rows), whole, rtol=1e-13)


def test_the_sums_are_the_same_on_one_thread_and_on_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    monkeypatch.setattr(pair_sums, "_PART_ROWS", 7)
    monkeypatch.setattr(threads, "n_threads", lambda: 1)
    one = per_query_sums(rows, rows)
    monkeypatch.setattr(threads, "n_threads", lambda: 4)
    np.testing.assert_array_equal(per_query_sums(rows, rows), one)
