"""Every failed query has the first cause of the fixed order that its texts and scores show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embedscope.diagnosis.failure_modes import (
    FailureMode,
    FailureModes,
    classify_failures,
    says_nothing,
    winning_hubs,
)
from embedscope.diagnosis.independent import lexical_scorer
from embedscope.findings import DocumentTable, QueryTable

POSITIVE = "Phòng trọ 25m2 có gác, máy lạnh, wc riêng, ban công, gần chợ, Quận 10, giá 5 triệu"
QUERY = "phòng trọ quận 10 có gác máy lạnh giá 5 triệu"
OTHER = "Nhà nguyên căn mặt tiền đường lớn tại Thủ Đức"


def tables(wrong: str, *, query: str = QUERY, wrong_type: str = "") -> tuple[QueryTable, DocumentTable]:
    """Query 0 is lost to ``wrong``; queries 1 to 4 are right."""
    texts = (POSITIVE, wrong, *(f"căn hộ số {i} view hồ bơi" for i in range(4)))
    n = 5
    top = np.array([[1, 0], [2, 0], [3, 0], [4, 0], [5, 0]])
    scores = np.array([[0.8, 0.7]] + [[0.9, 0.1]] * 4, dtype=np.float32)
    queries = QueryTable(
        ids=tuple(f"q{i}" for i in range(n)),
        texts=(query, *(f"căn hộ số {i}" for i in range(4))),
        clusters=np.arange(n),
        n_relevant=np.ones(n, dtype=np.int64),
        rank=np.array([2.0, 1, 1, 1, 1]),
        n_tied=np.zeros(n, dtype=np.int64),
        is_correct=np.array([False, True, True, True, True]),
        positive_similarity=np.array([0.7, 0.9, 0.9, 0.9, 0.9]),
        negative_similarity=np.full(n, np.nan),
        margin=np.full(n, np.nan),
        gap=scores[:, 0] - scores[:, 1].astype(np.float64),
        wrong_document=np.array([1, 0, 0, 0, 0]),
        wrong_similarity=np.array([0.8, 0.1, 0.1, 0.1, 0.1]),
        wrong_type=(wrong_type, "", "", "", ""),
        top_documents=top,
        top_scores=scores,
        top_is_relevant=np.zeros((n, 2), dtype=bool),
        relevant_indptr=np.arange(n + 1),
        relevant_documents=np.array([0, 2, 3, 4, 5]),
        relevant_scores=np.array([0.7, 0.9, 0.9, 0.9, 0.9]),
        negative_indptr=np.zeros(n + 1, dtype=np.int64),
        negative_documents=np.zeros(0, dtype=np.int64),
        negative_scores=np.zeros(0),
        negative_weights=np.zeros(0),
        negative_types=(),
    )
    ids = tuple(f"d{i}" for i in range(len(texts)))
    return queries, DocumentTable(ids, texts, np.ones(len(texts), dtype=int), np.zeros(len(texts), dtype=int))


def mode_of(queries: QueryTable, documents: DocumentTable, **options: object) -> FailureModes:
    scorer = lexical_scorer(queries.texts, documents.texts)
    return classify_failures(queries, documents, lexical=scorer, **options)  # type: ignore[arg-type]


def test_a_right_query_has_no_mode() -> None:
    found = mode_of(*tables(OTHER))
    assert found.modes[1:] == (None,) * 4
    assert sum(found.counts().values()) == 1


def test_a_near_duplicate_of_the_positive_is_label_noise() -> None:
    found = mode_of(*tables(POSITIVE.replace(",", " ,") + "!"))
    assert found.modes[0] is FailureMode.NEAR_DUPLICATE


def test_a_stated_hard_negative_is_no_near_duplicate_but_an_ignored_attribute() -> None:
    found = mode_of(*tables(POSITIVE.replace("wc riêng", "wc chung"), wrong_type="amenity"))
    assert found.modes[0] in {FailureMode.ATTRIBUTE, FailureMode.FALSE_NEGATIVE}
    found = mode_of(*tables(POSITIVE.replace("5 triệu", "9 triệu"), wrong_type="price"))
    assert (found.modes[0], found.details[0]) == (FailureMode.ATTRIBUTE, "price")


def test_a_winner_that_answers_as_well_is_a_suspected_false_negative() -> None:
    found = mode_of(
        *tables("Quận 10: phòng trọ có gác, máy lạnh, 30m2, giá 5 triệu, phòng trọ có máy lạnh, giá 5 triệu")
    )
    wrong = "Phòng trọ quận 10 có gác máy lạnh giá 5 triệu, gần công viên, wc riêng"
    found = mode_of(*tables(wrong, query="phòng trọ có gác máy lạnh giá 5 triệu"))
    assert found.modes[0] is FailureMode.FALSE_NEGATIVE


def test_a_text_longer_than_the_model_reads_is_truncated() -> None:
    found = mode_of(*tables(OTHER), n_tokens={POSITIVE: 600}, max_length=512)
    assert found.modes[0] is FailureMode.TRUNCATED
    found = mode_of(*tables(OTHER), n_tokens={POSITIVE: 512}, max_length=512)
    assert found.modes[0] is not FailureMode.TRUNCATED


def test_equal_scores_are_a_tie() -> None:
    queries, documents = tables(OTHER)
    queries = replace(queries, wrong_similarity=np.array([0.7, 0.1, 0.1, 0.1, 0.1]))
    assert mode_of(queries, documents).modes[0] is FailureMode.TIE


def test_a_winner_that_shares_more_letters_is_a_lure() -> None:
    found = mode_of(*tables("phòng trọ quận 10 có gác máy lạnh giá 5 triệu đã cho thuê, không còn trống"))
    assert found.modes[0] is FailureMode.LURE


def test_a_query_without_any_known_word_is_an_outlier() -> None:
    found = mode_of(*tables(OTHER, query="zzz qqq"))
    assert found.modes[0] is FailureMode.OUTLIER


def test_a_document_in_no_top_list_is_unreachable() -> None:
    queries, documents = tables(OTHER)
    top = np.where(queries.top_documents == 0, 1, queries.top_documents)
    assert mode_of(replace(queries, top_documents=top), documents).modes[0] is FailureMode.UNREACHABLE
    assert mode_of(queries, documents).modes[0] is FailureMode.OTHER


@pytest.mark.parametrize(("n_wins", "is_hub"), [(12, True), (4, False)])
def test_a_hub_wins_far_more_often_than_other_winners(n_wins: int, is_hub: bool) -> None:
    queries, _ = tables(OTHER)
    n = 40
    wrong = np.concatenate([np.full(n_wins, 1), np.arange(2, 2 + n - n_wins)])
    failed = replace(queries, is_correct=np.zeros(n, dtype=bool), wrong_document=wrong, clusters=np.arange(n))
    assert winning_hubs(failed) == ((1,) if is_hub else ())
    together = replace(failed, clusters=np.zeros(n, dtype=np.int64))
    assert winning_hubs(together) == ()  # paraphrases of one query are one observation


def test_a_query_whose_positive_says_nothing_is_no_evidence_about_the_model() -> None:
    queries, documents = tables(OTHER)
    empty = replace(documents, texts=("{pos}", *documents.texts[1:]))
    assert says_nothing(queries, empty).tolist() == [True, False, False, False, False]
    found = classify_failures(queries, empty, lexical=lexical_scorer(queries.texts, empty.texts))
    assert found.modes[0] is FailureMode.UNFILLED
