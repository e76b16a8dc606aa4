"""Ranked lists: what stands above and beside a relevant document, and what a list that ends early adds."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import DataFormatError
from embedscope.measure.scoring import list_scores, score, values_of, values_of_lists
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.list_counting import count_in_lists
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.protocols import Ties
from embedscope.result import ModelFacts

FACTS = ModelFacts(checkpoint="a.trec", layout="TREC run", dim=0, similarity="score")
MEASURES = {
    "MRR": "recip_rank",
    "Success@1": "success_1",
    "Success@5": "success_5",
    "Recall@5": "recall_5",
    "P@5": "P_5",
    "nDCG@5": "ndcg_cut_5",
    "MAP@5": "map_cut_5",
}


def lists_of(entries: list[list[tuple[int, float]]], **more: float) -> RankedLists:
    rows = [(q, d, s) for q, own in enumerate(entries) for d, s in own]
    queries, documents, scores = (np.array(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return RankedLists.of_scores(
        np.asarray(queries, np.int64),
        np.asarray(documents, np.int64),
        np.asarray(scores, np.float64),
        len(entries),
        FACTS,
        **more,
    )


def judgments_of(relevant: list[dict[int, float]], n: int, excluded: Cells | None = None) -> Judgments:
    return Judgments.from_lists(
        [list(own) for own in relevant],
        n_documents=n,
        gains=[list(own.values()) for own in relevant],
        excluded=excluded,
    )


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[list[tuple[int, float]]], list[dict[int, float]], int]:
    n, n_queries = draw(st.integers(3, 12)), draw(st.integers(1, 4))
    entries, relevant = [], []
    for _ in range(n_queries):
        listed = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=n))
        entries.append([(d, float(draw(st.integers(-3, 3)))) for d in listed])
        judged = draw(st.lists(st.integers(0, n - 1), unique=True, min_size=1, max_size=4))
        relevant.append({d: float(draw(st.integers(1, 3))) for d in judged})
    return entries, relevant, n


@settings(max_examples=150, deadline=None)
@given(runs())
def test_with_ties_by_id_every_metric_is_that_of_trec_eval_missing_queries_included(
    case: tuple[list[list[tuple[int, float]]], list[dict[int, float]], int],
) -> None:
    entries, relevant, n = case
    judgments = judgments_of(relevant, n)
    scores, _ = list_scores(lists_of(entries), judgments, k=5)
    ours = values_of(list(MEASURES), judgments, scores.pair_scores, scores.counts, Ties.TREC)
    qrels = {f"{q:03}": {f"{d:03}": int(gain) for d, gain in own.items()} for q, own in enumerate(relevant)}
    run = {f"{q:03}": {f"{d:03}": s for d, s in own} for q, own in enumerate(entries) if own}
    evaluator = pytrec_eval.RelevanceEvaluator(
        qrels, {"recip_rank", "success", "recall", "P", "ndcg_cut.5", "map_cut.5"}
    )
    theirs = evaluator.evaluate(run)
    for name, measure in MEASURES.items():
        wanted = [theirs[f"{q:03}"][measure] if own else 0.0 for q, own in enumerate(entries)]
        assert ours[name] == pytest.approx(wanted, abs=1e-9), name


def test_whole_lists_of_cosines_give_the_numbers_of_the_vectors() -> None:
    rng = np.random.default_rng(5)
    queries, documents = rng.standard_normal((20, 8)), rng.standard_normal((60, 8))
    queries, documents = (
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32) for rows in (queries, documents)
    )
    judgments = judgments_of([{int(d): 1.0 for d in rng.choice(60, 2, replace=False)} for _ in range(20)], 60)
    exact = queries.astype(np.float64) @ documents.astype(np.float64).T
    lists = lists_of([list(enumerate(row.tolist())) for row in exact], tolerance=1e-6)
    measured = score(queries, documents, judgments, k=10, tolerance=1e-6)
    of_vectors = values_of(list(MEASURES), judgments, measured.pair_scores, measured.counts)
    of_lists = values_of_lists(lists, judgments, list(MEASURES))
    for name, values in of_vectors.items():
        assert of_lists[name] == pytest.approx(values, abs=1e-12), name
    kept, is_listed = list_scores(lists, judgments, k=10)
    np.testing.assert_array_equal(kept.top_documents, measured.top_documents)
    assert is_listed.all()


def test_a_relevant_document_that_was_not_returned_adds_nothing() -> None:
    judgments = judgments_of([{0: 1.0, 1: 1.0}, {2: 1.0}], 4)
    lists = lists_of([[(3, 2.0), (0, 1.0)], []])
    scores, is_listed, counts = count_in_lists(lists, judgments)
    assert is_listed.tolist() == [True, False, False]
    assert counts.greater.tolist() == [1, 4, 4]
    assert scores[0] == 1.0
    assert (scores[1:] < 0).all()
    values = values_of_lists(lists, judgments, ["MRR", "Recall@5"])
    assert values["MRR"].tolist() == [0.5, 0.0]
    assert values["Recall@5"].tolist() == [0.5, 0.0]


def test_a_document_that_the_collection_does_not_have_keeps_its_rank() -> None:
    judgments = judgments_of([{0: 1.0}], 4)
    assert values_of_lists(lists_of([[(-1, 3.0), (-1, 2.0), (0, 1.0)]]), judgments, ["MRR"])["MRR"] == [1 / 3]


def test_an_excluded_document_takes_no_rank() -> None:
    judgments = judgments_of([{0: 1.0}], 4, excluded=Cells.of_pairs(np.array([0]), np.array([3]), 1))
    lists = lists_of([[(3, 3.0), (-1, 2.0), (0, 1.0)]])
    assert values_of_lists(lists, judgments, ["MRR"])["MRR"] == [0.5]
    assert list_scores(lists, judgments, k=3)[0].top_documents.tolist() == [[-1, 0]]


def test_equal_scores_stand_by_falling_row_and_count_as_tied() -> None:
    lists = lists_of([[(0, 1.0), (2, 1.0), (1, 1.0)]])
    assert lists.documents.tolist() == [2, 1, 0]
    (mrr,) = values_of_lists(lists, judgments_of([{1: 1.0}], 3), ["MRR"])["MRR"]
    assert mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_selected_lists_and_their_first_documents_are_those_of_the_queries() -> None:
    lists = lists_of([[(0, 3.0)], [], [(1, 2.0), (2, 1.0)]])
    chosen = lists.select(np.array([2, 0]))
    assert chosen.indptr.tolist() == [0, 2, 3]
    documents, scores = chosen.top(2)
    assert documents.tolist() == [[1, 2], [0, -1]]
    np.testing.assert_array_equal(scores, [[2.0, 1.0], [3.0, np.nan]])
    assert lists.n_missing == 1


@pytest.mark.parametrize(
    ("documents", "scores", "said"),
    [
        ([0, 0], [2.0, 1.0], "a document twice"),
        ([0, 1], [1.0, 2.0], "rise"),
        ([0, 1], [1.0, np.nan], "not finite"),
    ],
)
def test_lists_that_are_none_are_refused(documents: list[int], scores: list[float], said: str) -> None:
    with pytest.raises(DataFormatError, match=said):
        RankedLists(np.array([0, 2]), np.array(documents), np.array(scores), FACTS)


def test_the_order_of_the_entries_changes_nothing_and_equal_scores_go_by_falling_id() -> None:
    queries = np.array([0, 0, 0, 0, 2, 2])
    documents = np.array([4, 1, -1, 0, 3, 2])
    scores = np.array([2.0, 1.0, 1.0, 1.0, 5.0, 5.0])
    outside = np.array([0.5])  # between the documents 0 and 1
    made = [
        RankedLists.of_scores(queries[order], documents[order], scores[order], 3, FACTS, outside=outside)
        for order in (np.arange(6), np.arange(6)[::-1], np.array([2, 5, 0, 4, 3, 1]))
    ]
    for lists in made:
        assert lists.documents.tolist() == [4, 1, -1, 0, 3, 2]
        assert lists.indptr.tolist() == [0, 4, 4, 6]
        assert lists.id_order.tolist() == [4, 1, 0.5, 0, 3, 2]
