"""Every failed query has the first cause of the fixed order that its texts and scores show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import fisher_exact

from embedscope.diagnose.failure_modes import (
    FailureMode,
    FailureModes,
    classify_failures,
    explains,
    says_nothing,
    winning_hubs,
)
from embedscope.diagnose.mode_faults import failure_findings, unexplained_failures
from embedscope.diagnose.slices import Slice, SliceSearch
from embedscope.packs.rental_vi import PACK
from embedscope.result import DocumentTable, QueryTable
from embedscope.stats.resampler import Resampler

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
        wrong_document=np.array([1, 3, 4, 5, 2]),
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


def resampler(queries: QueryTable) -> Resampler:
    return Resampler(queries.clusters, 2_000, 0)


def mode_of(queries: QueryTable, documents: DocumentTable, **options: object) -> FailureModes:
    return classify_failures(queries, documents, attributes=PACK, **options)  # type: ignore[arg-type]


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
    assert found.modes[0] is FailureMode.ATTRIBUTE


def test_a_winner_that_answers_as_well_is_a_suspected_false_negative() -> None:
    found = mode_of(
        *tables("Quận 10: phòng trọ có gác, máy lạnh, 30m2, giá 5 triệu, phòng trọ có máy lạnh, giá 5 triệu")
    )
    wrong = "Phòng trọ quận 10 có gác máy lạnh giá 5 triệu, gần công viên, wc riêng"
    found = mode_of(*tables(wrong, query="phòng trọ có gác máy lạnh giá 5 triệu"))
    assert found.modes[0] is FailureMode.FALSE_NEGATIVE


def test_a_text_longer_than_the_model_reads_is_truncated() -> None:
    queries, documents = lost(1)
    text = documents.texts[0]
    assert mode_of(queries, documents, n_tokens={text: 600}, max_length=512).modes[0] is FailureMode.TRUNCATED
    assert mode_of(queries, documents, n_tokens={text: 512}, max_length=512).modes[0] is not FailureMode.TRUNCATED


def test_equal_scores_are_a_tie() -> None:
    queries, documents = tables(OTHER)
    queries = replace(queries, wrong_similarity=np.array([0.7, 0.1, 0.1, 0.1, 0.1]))
    assert mode_of(queries, documents).modes[0] is FailureMode.TIE


def test_a_winner_that_shares_more_words_is_a_lure_however_long_the_texts_are() -> None:
    queries, documents = lost(1)
    texts = list(documents.texts)
    named = replace(queries, texts=(f"{QUERY} hẻm yên tĩnh", *queries.texts[1:]))
    texts[0], texts[40] = POSITIVE, f"{QUERY} hẻm, đã cho thuê, không còn trống, liên hệ sau tháng sau"
    assert mode_of(named, replace(documents, texts=tuple(texts))).modes[0] is FailureMode.LURE
    texts[40] = "phòng trọ quận 10 có gác máy lạnh"  # fewer words, and nothing else
    assert mode_of(named, replace(documents, texts=tuple(texts))).modes[0] is not FailureMode.LURE


def lost(n_failed: int, n: int = 40) -> tuple[QueryTable, DocumentTable]:
    """``n`` queries of nothing in common, the first of them lost to a document of their own."""
    texts = tuple(f"tin số {i}" for i in range(2 * n))
    queries, _ = tables(OTHER)
    rows = np.arange(n)
    top = np.column_stack([rows + n, rows])
    return (
        replace(
            queries,
            ids=tuple(f"q{i}" for i in range(n)),
            texts=tuple(f"tin số {i}" for i in range(n)),
            clusters=rows,
            n_relevant=np.ones(n, dtype=np.int64),
            rank=np.where(rows < n_failed, 2.0, 1.0),
            is_correct=rows >= n_failed,
            positive_similarity=np.full(n, 0.7),
            wrong_document=rows + n,
            wrong_similarity=np.where(rows < n_failed, 0.8, 0.1),
            wrong_type=("",) * n,
            top_documents=top,
            top_scores=np.tile(np.array([[0.8, 0.7]], dtype=np.float32), (n, 1)),
            relevant_indptr=np.arange(n + 1),
            relevant_documents=rows,
            relevant_scores=np.full(n, 0.7),
            negative_indptr=np.zeros(n + 1, dtype=np.int64),
            values={"MRR": np.where(rows < n_failed, 0.5, 1.0)},
        ),
        DocumentTable(tuple(f"d{i}" for i in range(2 * n)), texts, np.ones(2 * n, int), np.zeros(2 * n, int)),
    )


def cut_off(documents: DocumentTable, rows: range) -> dict[str, int]:
    return {documents.texts[row]: 600 for row in rows}


def test_a_text_that_is_cut_off_is_no_cause_where_right_queries_have_one_as_often() -> None:
    queries, documents = lost(10)
    everywhere = mode_of(queries, documents, n_tokens=cut_off(documents, range(36)), max_length=512)
    assert FailureMode.TRUNCATED not in everywhere.counts()
    failed_only = mode_of(queries, documents, n_tokens=cut_off(documents, range(10)), max_length=512)
    assert failed_only.counts() == {FailureMode.TRUNCATED: 10}
    result = {c.finding.code: c for c in failure_findings(queries, failed_only, resampler(queries))}
    assert set(result) == {"truncated-text-loses"}
    assert result["truncated-text-loses"].finding.effect == 1.0  # all of them fail, and none of the others
    assert result["truncated-text-loses"].gain == pytest.approx(10 * 0.5 / 40)
    assert not list(failure_findings(queries, everywhere, resampler(queries)))


@pytest.mark.parametrize(
    ("with_it", "without", "expected"),
    [
        ((40, 80), (20, 80), True),
        ((39, 80), (20, 80), False),  # not twice
        ((4, 4), (0, 12), True),
        ((10, 36), (0, 4), False),  # twice and more, but so are 30 % of random draws
        ((4, 16), (0, 0), False),
        ((0, 4), (4, 8), False),
    ],
)
def test_a_condition_explains_where_failing_is_twice_as_frequent_with_it_and_not_by_chance(
    with_it: tuple[int, int], without: tuple[int, int], expected: bool
) -> None:
    condition = np.repeat([True, False], [with_it[1], without[1]])
    failed = np.concatenate([np.arange(n) < hits for hits, n in (with_it, without)])
    assert explains(condition, failed) is expected
    if expected:
        table = [[with_it[0], with_it[1] - with_it[0]], [without[0], without[1] - without[0]]]
        assert fisher_exact(table, alternative="greater").pvalue <= 0.05


@pytest.mark.parametrize(
    ("wrong_type", "mode"),
    [
        ("price", FailureMode.ATTRIBUTE),
        ("amenity", FailureMode.ATTRIBUTE),
        ("location + price", FailureMode.NEGATIVE),
        ("mined", FailureMode.NEGATIVE),
        ("bm25_hard", FailureMode.NEGATIVE),
        ("untyped", FailureMode.NEGATIVE),
    ],
)
def test_one_attribute_is_ignored_only_where_the_type_names_one(wrong_type: str, mode: FailureMode) -> None:
    found = mode_of(*tables(OTHER, wrong_type=wrong_type))
    assert found.modes[0] is mode


def test_many_failures_without_a_cause_are_a_finding_of_their_own_with_rows() -> None:
    queries, documents = lost(16)
    modes = mode_of(queries, documents)
    (found,) = unexplained_failures(queries, modes, SliceSearch((), 0), resampler(queries))
    assert found.finding.code == "unexplained-failures"
    assert found.finding.effect == 0.4
    assert set(found.finding.rows) == set(range(16))
    assert found.gain == pytest.approx(0.2)
    known = Slice(("short",), np.arange(9), -0.5, -0.6, -0.4, 0.01, 0.5, 1.0)
    assert not list(unexplained_failures(queries, modes, SliceSearch((known,), 1), resampler(queries)))
    few, more = lost(6)
    assert not list(unexplained_failures(few, mode_of(few, more), SliceSearch((), 0), resampler(few)))


def test_failures_without_a_cause_are_no_finding_where_a_known_one_has_more() -> None:
    queries, documents = lost(20)
    typed = replace(queries, wrong_type=("price",) * 11 + ("",) * 29)
    assert not list(unexplained_failures(typed, mode_of(typed, documents), SliceSearch((), 0), resampler(queries)))


def test_the_hubs_of_the_title_are_those_of_its_share() -> None:
    """A second hub whose wins have another cause is not counted."""
    queries, documents = lost(40)
    wrong = queries.wrong_document.copy()
    wrong[:9], wrong[9:18] = 40, 41
    typed = replace(queries, wrong_document=wrong, wrong_type=("",) * 9 + ("price",) * 9 + ("",) * 22)
    modes = mode_of(typed, documents)
    assert set(winning_hubs(typed)) == {40, 41}
    found = {c.finding.code: c.finding for c in failure_findings(typed, modes, resampler(typed))}["hub-wins"]
    assert found.title == "1 document wins 22 % of the queries, whatever is asked"
    assert found.effect == 9 / 40
    assert "or centre the vectors" in found.action
    of_lists = failure_findings(typed, modes, resampler(typed), has_vectors=False)
    assert {c.finding.code: c.finding for c in of_lists}["hub-wins"].action.endswith("Train with them as negatives.")


def test_a_query_without_any_known_word_is_an_outlier() -> None:
    found = mode_of(*tables(OTHER, query="zzz qqq"))
    assert found.modes[0] is FailureMode.OUTLIER


def test_where_nothing_was_returned_for_any_query_no_score_is_an_outlier() -> None:
    queries, documents = tables(OTHER)
    nothing = replace(queries, top_scores=np.full_like(queries.top_scores, np.nan))
    assert FailureMode.OUTLIER not in mode_of(nothing, documents).modes


def test_a_document_in_no_top_list_is_unreachable() -> None:
    queries, documents = tables(OTHER)
    top = np.where(queries.top_documents == 0, 1, queries.top_documents)
    assert mode_of(replace(queries, top_documents=top), documents).modes[0] is FailureMode.UNREACHABLE
    assert mode_of(queries, documents).modes[0] is FailureMode.UNRELATED


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
    found = classify_failures(queries, empty)
    assert found.modes[0] is FailureMode.UNFILLED
