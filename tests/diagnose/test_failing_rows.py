"""Failed queries become training rows that teach what was missed, and no fault of the labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.diagnose.test_failure_modes import OTHER, POSITIVE, tables

from embedscope.data.collection import Row
from embedscope.diagnose.failing_rows import DOUBTFUL, EDITED, MINED, N_WINNERS, failing_rows
from embedscope.diagnose.modes import FailureMode
from embedscope.packs.rental_vi import PACK
from embedscope.result import Deletion, DocumentTable, Explanation, QueryTable, TextRole

DEARER = POSITIVE.replace("giá 5 triệu", "giá 7 triệu")
HOUSE = "Nhà nguyên căn mặt tiền đường lớn"
LURE = FailureMode.LURE.value


def rows(queries: QueryTable, documents: DocumentTable, mode: str = LURE, **changes: object) -> tuple[Row, ...]:
    """The training rows where query 0 fails for this reason, without positives in which a value was changed."""
    changed = replace(queries, failure_modes=(mode, "", "", "", ""), **changes)  # type: ignore[arg-type]
    return tuple(
        replace(row, negatives=tuple(n for n in row.negatives if EDITED not in n.types))
        for row in failing_rows(changed, documents, PACK)
    )


def test_the_winner_of_a_failed_query_becomes_its_hard_negative_and_queries_that_are_right_are_left_out() -> None:
    (row,) = rows(*tables(HOUSE))
    assert row.positives == (POSITIVE,)
    assert [(n.text, n.types, n.weight) for n in row.negatives] == [(HOUSE, (MINED,), 1.0)]


def test_a_winner_is_typed_by_the_value_in_which_it_differs_and_weighs_what_its_type_usually_does() -> None:
    queries, documents = tables(DEARER)
    stated = {
        "negative_indptr": np.array([0, 0, 3, 3, 3, 3]),
        "negative_documents": np.array([2, 3, 4]),
        "negative_scores": np.array([0.1, 0.1, 0.1]),
        "negative_weights": np.array([2.5, 2.5, 9.0]),
        "negative_types": (("price",), ("price",), ("location",)),
    }
    (row,) = rows(queries, documents, **stated)
    assert [(n.text, n.types, n.weight) for n in row.negatives] == [(DEARER, ("price",), 2.5)]


def test_a_stated_hard_negative_keeps_its_types_and_its_weight_and_stands_once() -> None:
    queries, documents = tables(DEARER, wrong_type="area")
    stated = {
        "negative_indptr": np.array([0, 1, 1, 1, 1, 1]),
        "negative_documents": np.array([1]),
        "negative_scores": np.array([0.8]),
        "negative_weights": np.array([1.5]),
        "negative_types": (("area",),),
    }
    (row,) = rows(queries, documents, FailureMode.ATTRIBUTE.value, **stated)
    assert [(n.text, n.types, n.weight) for n in row.negatives] == [(DEARER, ("area",), 1.5)]


def test_group_and_other_columns_of_the_query_stay() -> None:
    columns = {"source": ("web", None, None, None, None), "city": (None, "Huế", None, None, None)}
    (row,) = rows(*tables(HOUSE), groups=("nhóm", None, None, None, None), metadata=columns)
    assert (row.group, row.metadata) == ("nhóm", (("source", "web"),))


@pytest.mark.parametrize("mode", DOUBTFUL)
def test_a_query_whose_label_is_doubtful_is_left_out(mode: str) -> None:
    assert rows(*tables(OTHER), mode) == ()


def test_a_winner_that_answers_as_well_as_the_positive_is_no_negative() -> None:
    same = POSITIVE.replace("25m2", "30m2")
    (row,) = rows(*tables(same))
    assert row.negatives == ()


def test_at_most_so_many_winners_are_taken_the_best_first() -> None:
    queries, documents = tables(OTHER)
    texts = tuple(f"nhà phố số {i}" for i in range(8))
    wide = replace(
        documents,
        ids=tuple(f"d{i}" for i in range(14)),
        texts=(*documents.texts, *texts),
        n_relevant_to=np.zeros(14, dtype=np.int64),
        n_negative_of=np.zeros(14, dtype=np.int64),
    )
    top = np.tile(np.arange(6, 14), (5, 1))
    (row,) = rows(
        queries,
        wide,
        top_documents=top,
        top_scores=np.tile(np.linspace(0.9, 0.75, 8, dtype=np.float32), (5, 1)),
        top_is_relevant=np.zeros((5, 8), dtype=bool),
    )
    assert [n.text for n in row.negatives] == list(texts[:N_WINNERS])


def test_without_a_pack_a_winner_is_typed_by_nothing_that_is_read_in_its_text() -> None:
    queries, documents = tables(DEARER)
    (row,) = failing_rows(replace(queries, failure_modes=(LURE, "", "", "", "")), documents)
    assert [(n.text, n.types) for n in row.negatives if EDITED not in n.types] == [(DEARER, (MINED,))]


def test_a_positive_in_which_one_shared_value_was_changed_is_a_hard_negative_that_is_marked_by_its_types() -> None:
    queries, documents = tables(DEARER)
    changed = replace(queries, failure_modes=(LURE, "", "", "", ""))
    (row,) = failing_rows(changed, documents, PACK, seed=3)
    edited = [n for n in row.negatives if EDITED in n.types]
    assert edited
    for negative in edited:
        kind = negative.types[0]
        assert PACK.keeps_value(kind, POSITIVE, negative.text) is False
        assert PACK.conflicts(queries.texts[0], negative.text) == (kind,)
    assert failing_rows(changed, documents, PACK, seed=3) == (row,)


def test_the_word_that_decides_a_failure_is_a_column_of_its_row() -> None:
    queries, documents = tables(DEARER)
    changed = replace(queries, failure_modes=(LURE, "", "", "", ""))
    wrong, right = int(queries.wrong_document[0]), int(queries.relevant_documents[0])
    word = documents.texts[wrong].split()[0]
    best = Deletion(TextRole.WRONG, 0, len(word), 0.2, puts_right_first=True)
    explanation = Explanation(0, right, wrong, -0.1, 0.01, best, (), (best,))
    (row,) = failing_rows(changed, documents, explanations=(explanation,))
    assert dict(row.metadata) == {"deciding_word": word, "deciding_text": "wrong"}
    (other,) = failing_rows(changed, documents, explanations=(replace(explanation, best=None),))
    assert other.metadata == ()
