"""Points of the maps: the budget is kept, failing queries stay, and links join what belongs together."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.maps.map_points import PointChoice, points_of_run
from embedscope.protocols import Role
from embedscope.result import QueryTable

N_QUERIES, N_DOCUMENTS = 40, 100
RELEVANT = [sorted({q % 30, (q * 7) % 30}) for q in range(N_QUERIES)]
INDPTR = np.concatenate([[0], np.cumsum([len(row) for row in RELEVANT])])
DOCUMENTS = np.array([d for row in RELEVANT for d in row])
NEGATIVES = np.array([*range(25, 60), 40, 40])
IS_CORRECT = np.arange(N_QUERIES) % 4 != 0


def query_table(indptr: np.ndarray, relevant: np.ndarray, negatives: np.ndarray, is_correct: np.ndarray) -> QueryTable:
    """The columns of a query table that choose points."""
    return SimpleNamespace(  # type: ignore[return-value]
        relevant_indptr=indptr, relevant_documents=relevant, negative_documents=negatives, is_correct=is_correct
    )


def choice(budget: int, seed: int = 0) -> PointChoice:
    table = query_table(INDPTR, DOCUMENTS, NEGATIVES, IS_CORRECT)
    return points_of_run(table, N_DOCUMENTS, budget=budget, generator=np.random.default_rng(seed))


@settings(max_examples=40)
@given(st.integers(2, 200), st.integers(0, 2**32 - 1))
def test_the_budget_is_kept_and_what_is_left_out_is_counted(budget: int, seed: int) -> None:
    found = choice(budget, seed)
    assert len(found.rows) == len(found.roles) == min(budget, N_QUERIES + N_DOCUMENTS)
    assert found.n_left_out == N_QUERIES + N_DOCUMENTS - len(found.rows)
    is_query = np.array([role is Role.QUERY for role in found.roles])
    assert is_query[: is_query.sum()].all()
    for rows in (found.rows[is_query], found.rows[~is_query]):
        assert (np.diff(rows) > 0).all()


@settings(max_examples=40)
@given(st.integers(2, 200))
def test_links_join_each_query_with_those_of_its_relevant_documents_that_are_drawn(budget: int) -> None:
    found = choice(budget)
    n_queries = sum(role is Role.QUERY for role in found.roles)
    links = {
        (int(found.rows[q]), int(found.rows[d])) for q, d in zip(found.link_queries, found.link_documents, strict=True)
    }
    drawn = set(found.rows[n_queries:].tolist())
    expected = {(int(q), d) for q in found.rows[:n_queries] for d in RELEVANT[q] if d in drawn}
    assert links == expected
    assert (found.link_queries < n_queries).all()
    assert (found.link_documents >= n_queries).all()
    np.testing.assert_array_equal(found.link_is_correct, IS_CORRECT[found.rows[found.link_queries]])


def test_all_points_are_drawn_where_the_budget_allows_it_even_if_most_are_queries() -> None:
    table = query_table(np.arange(51), np.arange(50) % 5, np.zeros(0, int), np.ones(50, bool))
    found = points_of_run(table, 5, budget=55, generator=np.random.default_rng(0))
    assert found.n_left_out == 0
    assert len(found.rows) == 55


@pytest.mark.parametrize("budget", [8, 20, 40])
def test_failing_queries_are_kept_before_the_others(budget: int) -> None:
    found = choice(budget)
    queries = [row for row, role in zip(found.rows, found.roles, strict=True) if role is Role.QUERY]
    failing = set(np.flatnonzero(~IS_CORRECT).tolist())
    assert len(queries) == budget // 2
    assert len(failing & set(queries)) == min(len(failing), budget // 2)


def test_positives_of_drawn_queries_are_kept_before_negatives_and_these_before_the_rest() -> None:
    found = choice(80)  # 40 queries, 40 documents: the 30 positives, then 10 of the other negatives
    documents = {int(row) for row, role in zip(found.rows, found.roles, strict=True) if role is not Role.QUERY}
    assert set(range(30)) <= documents
    assert documents - set(range(30)) <= set(NEGATIVES.tolist())


def test_roles_are_what_the_documents_are() -> None:
    found = choice(1000)
    roles = {int(row): role for row, role in zip(found.rows[N_QUERIES:], found.roles[N_QUERIES:], strict=True)}
    for document, role in roles.items():
        expected = Role.POSITIVE if document < 30 else Role.HARD_NEGATIVE if document < 60 else Role.DOCUMENT
        assert role is expected


def test_the_same_generator_gives_the_same_points() -> None:
    assert choice(30, 1).rows.tolist() == choice(30, 1).rows.tolist()
    assert choice(30, 1).rows.tolist() != choice(30, 2).rows.tolist()
