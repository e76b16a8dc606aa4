"""From collections to batches: pairs, padded negatives, false negatives, placeholder weights."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.tiny_training import collection, data, rows, vectors

from embedscope.data.collection import Negative, Row, build_collection
from embedscope.errors import TooFewPointsError
from embedscope.train.pairs import Batches, training_data


def test_a_query_with_two_positives_makes_two_pairs_with_the_same_negatives() -> None:
    c = build_collection(
        [Row("q", ("a", "b"), (Negative("n", (), 2.0),)), Row("r", ("a",)), Row("q", ("c",))], format="tiny"
    )
    found = data(c)
    assert [(c.queries[q], c.documents[p]) for q, p in zip(found.queries, found.positives, strict=True)] == [
        ("q", "a"), ("q", "b"), ("q", "c"), ("r", "a"),
    ]  # fmt: skip
    (batch,) = Batches(found, 4).of(np.arange(4))
    assert batch.weights.tolist() == [[2.0], [2.0], [2.0], [0.0]]
    assert {c.documents[d] for d in batch.negatives[:3, 0]} == {"n"}


def test_documents_relevant_to_a_query_are_false_negatives_of_it_and_nothing_else_is() -> None:
    c = collection(12, n_shared=4)
    found = data(c)
    (batch,) = Batches(found, 50).of(np.random.default_rng(1).permutation(len(found)))
    relevant = {(q, d) for q, d in zip(found.queries.tolist(), found.positives.tolist(), strict=True)}
    for i, query in enumerate(batch.queries.tolist()):
        for j, document in enumerate(batch.positives.tolist()):
            assert batch.is_false_negative[i, j] == (i != j and (query, document) in relevant)
    assert batch.is_false_negative.sum() == 4 * 3


def test_every_pair_stands_in_exactly_one_batch_and_no_batch_has_one_pair() -> None:
    found = data(collection(25))
    for size in (2, 3, 4, 8, 24, 25, 100):
        batches = Batches(found, size)
        parts = batches.of(np.random.default_rng(0).permutation(25))
        assert len(parts) == len(batches)
        assert sorted(q for part in parts for q in part.queries.tolist()) == list(range(25))
        assert min(len(part.queries) for part in parts) >= 2


def test_padding_has_the_weight_zero_and_real_negatives_keep_theirs() -> None:
    mixed = [*rows(3, n_negatives=3), Row("bare", ("alone",)), *rows(1, n_negatives=1)]
    found = data(build_collection(mixed, format="tiny"))
    (batch,) = Batches(found, 10).of(np.arange(len(found)))
    assert batch.negatives.shape == (4, 3)
    assert (batch.weights > 0).sum(axis=1).tolist() == [3, 3, 3, 0]


def test_without_hard_negatives_batches_have_none() -> None:
    found = data(collection(6), use_hard_neg=False)
    (batch,) = Batches(found, 10).of(np.arange(6))
    assert batch.negatives.shape == (6, 0)


def test_weights_that_are_all_zero_are_trained_as_one_and_said() -> None:
    c = collection(30, weights=(0.0,))
    found, (note,) = training_data(c, *vectors(c))
    assert set(found.weights) == {1.0}
    assert "60 of 60 hard negatives have the weight 0" in note
    assert "--keep-zero-weights" in note


def test_one_filled_in_row_does_not_make_placeholders_meant() -> None:
    filled = rows(40, weights=(0.0,))
    filled[7] = Row("query 7", ("positive 7",), (Negative("negative 7.0", (), 3.0),))
    c = build_collection(filled, format="tiny")
    found, (note,) = training_data(c, *vectors(c))
    assert sorted(set(found.weights)) == [1.0, 3.0]
    assert "only 1 of 40 queries" in note


def test_zero_weights_are_kept_where_asked_and_said() -> None:
    c = collection(10, weights=(0.0,))
    found, (note,) = training_data(c, *vectors(c), keep_zero_weights=True)
    assert set(found.weights) == {0.0}
    assert "no effect" in note


def test_a_zero_among_filled_in_weights_is_meant() -> None:
    c = collection(10, weights=(0.0, 1.0))
    found, notes = training_data(c, *vectors(c))
    assert notes == ()
    assert set(found.weights) == {0.0, 1.0}


def test_one_pair_is_too_few() -> None:
    c = build_collection([Row("q", ("a",)), Row("r", ("b",))], format="tiny")
    one = c.__class__(**{name: getattr(c, name) for name in c.__slots__} | {
        "indptr": np.array([0, 1, 1]), "relevant": c.relevant[:1], "gains": c.gains[:1],
    })  # fmt: skip
    with pytest.raises(TooFewPointsError, match="at least 2"):
        training_data(one, *vectors(c))
