"""The readable part of the matrix: own positives marked, like beside like, the same on every run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.planted import unit

from embedscope.measure.heatmap import choose_heatmap
from embedscope.metrics.judgments import Judgments
from embedscope.result import Heatmap


def chosen(relevant: Sequence[Sequence[int]], n_documents: int, n_cells: int, seed: int = 0) -> Heatmap:
    generator = np.random.default_rng(0)
    found = choose_heatmap(
        unit(generator.standard_normal((len(relevant), 8))),
        unit(generator.standard_normal((n_documents, 8))),
        Judgments.from_lists(relevant, n_documents=n_documents),
        n_cells=n_cells,
        generator=np.random.default_rng(seed),
    )
    assert found is not None
    return found


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_each_row_stands_at_its_own_positive_and_the_mask_marks_all_of_its_positives(seed: int, n_cells: int) -> None:
    generator = np.random.default_rng(seed)
    relevant = [sorted(generator.choice(25, size=generator.integers(0, 4), replace=False).tolist()) for _ in range(30)]
    relevant[0] = [3]
    found = chosen(relevant, 25, n_cells, seed)
    n_positives = len({d for row in relevant for d in row})
    assert len(found.documents) == min(n_cells, n_positives)
    assert len(found.queries) <= len(found.documents)
    assert len(set(found.queries)) == len(found.queries)
    assert len(set(found.documents)) == len(found.documents)
    for row, query in enumerate(found.queries):
        expected = [document in relevant[query] for document in found.documents]
        assert found.is_relevant[row].tolist() == expected
        assert any(expected)
    assert found.n_queries == 30
    assert found.n_documents == n_positives


def test_similarities_are_those_of_the_rows_and_columns() -> None:
    generator = np.random.default_rng(0)
    queries, documents = unit(generator.standard_normal((6, 8))), unit(generator.standard_normal((9, 8)))
    found = chosen([[i] for i in range(6)], 9, 4)
    np.testing.assert_allclose(found.similarity, queries[found.queries] @ documents[found.documents].T, atol=1e-6)


def test_with_one_query_a_positive_the_diagonal_is_relevant() -> None:
    found = chosen([[i] for i in range(50)], 50, 20)
    assert found.queries.tolist() == found.documents.tolist()
    assert (found.is_relevant == np.eye(20, dtype=bool)).all()


def test_a_query_stands_for_a_shown_positive_and_not_for_one_that_is_left_out() -> None:
    relevant = [[i, i + 20] for i in range(20)]  # half of each query's positives are not shown
    for seed in range(10):
        found = chosen(relevant, 40, 20, seed)
        shown = set(found.documents.tolist())
        answerable = {min(d, d - 20) if d >= 20 else d for d in shown}
        assert len(found.queries) == len(answerable)


def test_like_stands_beside_like() -> None:
    angles = np.random.default_rng(0).permutation(np.linspace(0, np.pi / 2, 12))
    documents = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    judgments = Judgments.from_lists([[i] for i in range(12)], n_documents=12)
    found = choose_heatmap(documents, documents, judgments, n_cells=12, generator=np.random.default_rng(1))
    assert found is not None
    order = angles[found.documents]
    assert (np.diff(order) > 0).all() or (np.diff(order) < 0).all()


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_positives_need_no_order(n: int) -> None:
    assert chosen([[i] for i in range(n)], 5, 40).similarity.shape == (n, n)


def test_the_same_generator_gives_the_same_choice() -> None:
    relevant = [[i] for i in range(60)]
    one, again, other = (chosen(relevant, 60, 10, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.documents, again.documents)
    np.testing.assert_array_equal(one.queries, again.queries)
    assert set(one.documents) != set(other.documents)


def test_without_a_relevant_document_there_is_no_heatmap() -> None:
    rows, nothing = unit(np.eye(3)), Judgments.from_lists([[], [], []], n_documents=3)
    assert choose_heatmap(rows, rows, nothing, n_cells=4, generator=np.random.default_rng(0)) is None
