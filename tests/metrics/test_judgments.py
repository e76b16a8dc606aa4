"""Judgments as a sparse matrix of queries and documents."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from embedscope.metrics.judgments import Judgments


def test_a_listed_document_is_relevant_to_its_own_query_alone() -> None:
    judgments = Judgments.from_lists([[0, 2], [], [1]], n_documents=3)
    lists = np.array([[0, 1, 2], [0, 1, 2], [2, 1, 0]])
    assert judgments.are_relevant(lists).tolist() == [[True, False, True], [False] * 3, [False, True, False]]
    assert judgments.cells.tolist() == [0, 2, 7]


@given(st.integers(0, 10_000))
def test_relevance_of_lists_agrees_with_the_dense_matrix(seed: int) -> None:
    generator = np.random.default_rng(seed)
    dense = generator.random((5, 7)) < 0.3
    judgments = Judgments.from_lists([np.flatnonzero(row) for row in dense], n_documents=7)
    lists = np.argsort(generator.random((5, 7)), axis=1)[:, :4]
    np.testing.assert_array_equal(judgments.are_relevant(lists), np.take_along_axis(dense, lists, axis=1))


def test_judgments_of_some_queries_keep_their_order_and_their_documents() -> None:
    judgments = Judgments.from_lists([[0, 2], [], [1]], n_documents=3, gains=[[1.0, 2.0], [], [3.0]])
    chosen = judgments.select(np.array([2, 0, 1]))
    assert (chosen.indptr.tolist(), chosen.documents.tolist()) == ([0, 1, 3, 3], [1, 0, 2])
    assert (chosen.gains.tolist(), chosen.n_documents) == ([3.0, 1.0, 2.0], 3)
    assert judgments.select(np.zeros(0, dtype=np.int64)).n_queries == 0
