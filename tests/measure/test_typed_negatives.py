"""Hard negatives as columns: names, rows of a type, violations, the best of each query."""

from __future__ import annotations

import numpy as np

from embedscope.measure.typed_negatives import UNTYPED, NegativePairs, type_of_document

PAIRS = NegativePairs(
    queries=np.array([0, 0, 2, 2]),
    documents=np.array([5, 6, 5, 7]),
    scores=np.array([0.1, 0.4, 0.3, 0.2]),
    margins=np.array([0.5, 0.0, -0.1, 1e-7]),
    weights=np.ones(4),
    types=(("b",), ("a", "b"), (), ("a",)),
)
NONE = NegativePairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros(0), ())


def test_names_are_the_types_that_occur_the_most_frequent_first_then_by_letter() -> None:
    assert PAIRS.names() == ("a", "b", UNTYPED)
    assert NONE.names() == ()


def test_a_pair_of_several_types_is_a_row_of_each_and_one_without_is_untyped() -> None:
    assert [PAIRS.rows_of(name).tolist() for name in ("a", "b", UNTYPED, "c")] == [[1, 3], [0, 1], [2], []]


def test_a_negative_that_reaches_the_positive_is_a_violation() -> None:
    assert PAIRS.violations(0.0).tolist() == [False, True, True, False]
    assert PAIRS.violations(1e-6).tolist() == [False, True, True, True]


def test_the_best_of_each_query_is_nan_where_it_has_none() -> None:
    np.testing.assert_array_equal(PAIRS.best_of_each_query(4), [0.4, np.nan, 0.3, np.nan])
    assert np.isnan(NONE.best_of_each_query(2)).all()


def test_a_wrong_document_has_a_type_only_as_a_negative_of_its_own_query() -> None:
    assert type_of_document(PAIRS, np.array([6, 5, 5, -1])) == ("a + b", "", UNTYPED, "")
    assert type_of_document(NONE, np.array([1])) == ("",)
