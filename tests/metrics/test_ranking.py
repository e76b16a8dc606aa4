"""Rank metrics under ties: by hand, over all orders, against trec_eval and sentence-transformers."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.oracles import (
    MEASURES,
    Case,
    metric_of_list,
    naive_counts,
    orders_of_ties,
    random_case,
    values_over_orders,
)

from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.metric_names import Measure, parse_measure
from embedscope.metrics.ranking import (
    chance_level,
    expected_first_rank,
    ideal_level,
    metric_per_query,
    n_tied_with_first,
)
from embedscope.metrics.ties import TieCounts, tie_groups
from embedscope.protocols import Ties

SEEDS = st.integers(0, 2**32 - 1)
TINY = {"n_queries": 3, "n_documents": 6, "n_levels": 3, "max_relevant": 4}


def values(measure: Measure | str, case: Case, ties: Ties = Ties.EXPECTED) -> np.ndarray:
    measure = parse_measure(measure) if isinstance(measure, str) else measure
    return metric_per_query(measure, case.judgments, case.pair_scores, naive_counts(case), ties)


def one_relevant(greater: int, tied: int, n_documents: int = 100) -> tuple[Judgments, np.ndarray, TieCounts]:
    counts = TieCounts(np.array([greater]), np.array([tied]), np.array([0]), 0.0)
    return Judgments.from_lists([[0]], n_documents=n_documents), np.array([0.5]), counts


def collapsed(case: Case) -> Case:
    return Case(np.zeros_like(case.scores), case.gains)


# --- by hand --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("MRR", (1 / 3 + 1 / 4 + 1 / 5 + 1 / 6) / 4),
        ("MRR@4", (1 / 3 + 1 / 4) / 4),
        ("Success@1", 0.0),
        ("Success@4", 2 / 4),
        ("Success@6", 1.0),
        ("Recall@3", 1 / 4),
        ("P@4", 2 / 4 / 4),
        ("nDCG@4", (1 / np.log2(4) + 1 / np.log2(5)) / 4),
        ("MAP", (1 / 3 + 1 / 4 + 1 / 5 + 1 / 6) / 4),
    ],
)
def test_one_relevant_behind_two_and_tied_with_three_matches_hand_work(measure: str, expected: float) -> None:
    value = metric_per_query(parse_measure(measure), *one_relevant(greater=2, tied=3))
    np.testing.assert_allclose(value, [expected], rtol=1e-12)


def test_two_relevant_tied_with_one_other_match_hand_work() -> None:
    case = Case(np.zeros((1, 3)), ({0: 1.0, 1: 1.0},))
    # Places of the two relevant: (1,2), (1,3), (2,3), equally likely.
    assert values("MRR", case) == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert values("Success@1", case) == pytest.approx(2 / 3)
    assert values("MAP", case) == pytest.approx(((1 + 1) + (1 + 2 / 3) + (1 / 2 + 2 / 3)) / 2 / 3)


def test_scores_that_chain_within_the_tolerance_form_one_group() -> None:
    judgments = Judgments.from_lists([[0, 1, 2], [3]], n_documents=4)
    groups = tie_groups(judgments, [0.50, 0.58, 0.70, 0.1], 0.1)
    assert groups.of_pair.tolist() == [1, 1, 0, 2]
    assert groups.low.tolist() == [0.70, 0.50, 0.1]
    assert groups.high.tolist() == [0.70, 0.58, 0.1]
    assert groups.query_indptr.tolist() == [0, 2, 3]


def test_a_tie_of_a_million_documents_gives_the_harmonic_mean_rank() -> None:
    n = 1_000_000
    value = metric_per_query(parse_measure("MRR"), *one_relevant(greater=0, tied=n - 1, n_documents=n))
    np.testing.assert_allclose(value, [np.sum(1 / np.arange(1, n + 1)) / n], rtol=1e-9)


def test_a_list_without_ties_has_the_exact_reciprocal_rank_under_the_expectation() -> None:
    for greater in (0, 1, 2, 6, 998_999):
        value = metric_per_query(parse_measure("MRR"), *one_relevant(greater, 0, n_documents=1_000_000))
        assert value.tolist() == [1 / (greater + 1)]


# --- all orders -----------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS)
def test_expected_value_is_the_mean_over_all_orders_of_tied_documents(seed: int) -> None:
    case = random_case(seed, **TINY)
    for measure in MEASURES:
        by_hand = [np.mean(values_over_orders(measure, case, query)) for query in range(3)]
        np.testing.assert_allclose(values(measure, case), by_hand, rtol=1e-10, atol=1e-12, err_msg=str(measure))


@settings(max_examples=40)
@given(SEEDS)
def test_optimistic_and_pessimistic_are_the_extremes_over_all_orders(seed: int) -> None:
    case = random_case(seed, **TINY)
    for measure in MEASURES:
        over_orders = [values_over_orders(measure, case, query) for query in range(3)]
        np.testing.assert_allclose(values(measure, case, Ties.OPTIMISTIC), [max(v) for v in over_orders], rtol=1e-12)
        np.testing.assert_allclose(values(measure, case, Ties.PESSIMISTIC), [min(v) for v in over_orders], rtol=1e-12)


@settings(max_examples=40)
@given(SEEDS)
def test_expected_first_rank_is_the_mean_first_rank_over_all_orders(seed: int) -> None:
    case = random_case(seed, **TINY)
    by_hand = [
        np.mean([min(r.index(d) + 1 for d in case.gains[q]) for r in orders_of_ties(case.scores[q])])
        if case.gains[q]
        else np.nan
        for q in range(3)
    ]
    ranks = expected_first_rank(case.judgments, case.pair_scores, naive_counts(case))
    np.testing.assert_allclose(ranks, by_hand, rtol=1e-12)


def test_the_number_tied_is_that_of_the_best_relevant_document() -> None:
    case = Case(np.array([[0.9, 0.9, 0.9, 0.2, 0.2], [0.1, 0.2, 0.3, 0.4, 0.5]]), ({0: 1.0, 3: 1.0}, {}))
    assert n_tied_with_first(case.judgments, case.pair_scores, naive_counts(case)).tolist() == [2, 0]


@settings(max_examples=40)
@given(SEEDS)
def test_fixed_orders_by_index_match_the_sorted_lists(seed: int) -> None:
    case = random_case(seed, n_queries=4, n_documents=12, n_levels=4, max_relevant=6)
    for ties, sign in ((Ties.TREC, -1), (Ties.ST, 1)):
        for measure in MEASURES:
            by_hand = [
                metric_of_list(measure, sorted(range(12), key=lambda d, row=row: (-row[d], sign * d)), gains)
                for row, gains in zip(case.scores, case.gains, strict=True)
            ]
            np.testing.assert_allclose(values(measure, case, ties), by_hand, rtol=1e-12, err_msg=f"{measure} {ties}")


# --- other people's code --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_trec_order_equals_trec_eval_under_many_ties(seed: int) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    case = random_case(seed, n_queries=25, n_documents=60, n_levels=6, max_relevant=20)
    kept = [q for q, gains in enumerate(case.gains) if gains]
    qrels = {str(q): {f"{d:03}": int(gain) for d, gain in case.gains[q].items()} for q in kept}
    run = {str(q): {f"{d:03}": float(score) for d, score in enumerate(case.scores[q])} for q in kept}
    names = {"MRR": "recip_rank", "MAP": "map"}
    names |= {f"{ours}@{k}": f"{theirs}_{k}" for ours, theirs in _TREC_EVAL.items() for k in (1, 5, 10)}
    asked = {"recip_rank", "map"} | {f"{theirs}.1,5,10" for theirs in _TREC_EVAL.values()}
    results = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    for ours, theirs in names.items():
        expected = [results[str(q)][theirs] for q in kept]
        np.testing.assert_allclose(values(ours, case, Ties.TREC)[kept], expected, rtol=0, atol=1e-9, err_msg=ours)


_TREC_EVAL = {"Success": "success", "Recall": "recall", "P": "P", "nDCG": "ndcg_cut", "MAP": "map_cut"}


@pytest.mark.parametrize("seed", range(3))
def test_st_order_equals_the_sentence_transformers_evaluator_under_many_ties(seed: int) -> None:
    evaluation = pytest.importorskip("sentence_transformers.sentence_transformer.evaluation")
    torch = pytest.importorskip("torch")
    case = random_case(seed, n_queries=20, n_documents=50, n_levels=5, max_relevant=12, graded=False)
    kept = [q for q, gains in enumerate(case.gains) if gains]
    for q in kept:  # one query at a time: the evaluator reports averages only
        evaluator = evaluation.InformationRetrievalEvaluator(
            queries={"q": "q"},
            corpus={f"{d:03}": "d" for d in range(50)},
            relevant_docs={"q": {f"{d:03}" for d in case.gains[q]}},
            corpus_chunk_size=7,
            mrr_at_k=[5],
            ndcg_at_k=[5],
            accuracy_at_k=[5],
            precision_recall_at_k=[5],
            map_at_k=[5],
            score_functions={"given": lambda _queries, documents: documents.T},
        )
        evaluator.embed_inputs = lambda _model, texts, **_: torch.zeros(len(texts), 1)
        scores = torch.from_numpy(case.scores[q])[:, None]
        theirs = evaluator.compute_all_metrics(None, corpus_embeddings=scores)["given"]
        n_relevant = len(case.gains[q])
        expected = {
            "MRR@5": theirs["mrr@k"][5],
            "Success@5": theirs["accuracy@k"][5],
            "Recall@5": theirs["recall@k"][5],
            "P@5": theirs["precision@k"][5],
            "nDCG@5": theirs["ndcg@k"][5],
            # They divide the sum of precisions by min(k, R); the conventions, as trec_eval, by R.
            "MAP@5": theirs["map@k"][5] * min(5, n_relevant) / n_relevant,
        }
        for name, value in expected.items():
            assert values(name, case, Ties.ST)[q] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize(
    ("measure", "ideal"),
    [
        ("MRR", 1.0),
        ("MAP", 1.0),
        ("nDCG@2", 1.0),
        ("Recall@2", 2 / 3),
        ("P@10", 0.3),
        ("MAP@2", 2 / 3),
        ("Success@1", 1.0),
    ],
)
def test_the_ideal_is_what_a_perfect_order_reaches(measure: str, ideal: float) -> None:
    judgments = Judgments.from_lists([[4, 7, 9], []], n_documents=20, gains=[[1.0, 3.0, 2.0], []])
    first, absent = ideal_level(parse_measure(measure), judgments)
    assert first == pytest.approx(ideal)
    assert np.isnan(absent)


# --- chance and perfection ------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(SEEDS)
def test_a_collapsed_model_scores_exactly_chance_on_every_metric(seed: int) -> None:
    case = collapsed(random_case(seed, n_queries=5, n_documents=30, n_levels=3, max_relevant=8))
    for measure in MEASURES:
        np.testing.assert_array_equal(values(measure, case), chance_level(measure, case.judgments))


@pytest.mark.parametrize("k", [1, 3, 10, 39, 40, 100])
def test_chance_of_success_is_hypergeometric(k: int) -> None:
    judgments = Judgments.from_lists([range(r) for r in (1, 2, 7, 40)], n_documents=40)
    expected = [1 - comb(40 - r, min(k, 40)) / comb(40, min(k, 40)) for r in (1, 2, 7, 40)]
    np.testing.assert_allclose(chance_level(Measure("Success", k), judgments), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 10, 5183])
def test_chance_of_mrr_with_one_relevant_document_is_the_harmonic_number_over_n(n: int) -> None:
    harmonic = sum(1 / i for i in range(1, n + 1))
    chance = chance_level(Measure("MRR"), Judgments.from_lists([[0]], n_documents=n))
    np.testing.assert_allclose(chance, [harmonic / n], rtol=1e-12)


@pytest.mark.parametrize("ties", list(Ties))
def test_a_perfect_model_scores_one(ties: Ties) -> None:
    scores = np.full((3, 20), 0.1)
    scores[:, 4] = 0.9
    scores[1:, 7] = 0.8
    scores[2, 9] = 0.8
    case = Case(scores, ({4: 2.0}, {4: 3.0, 7: 1.0}, {4: 3.0, 7: 1.0, 9: 1.0}))
    for name in ("MRR", "MRR@10", "Success@1", "Recall@3", "nDCG@1", "nDCG@3", "nDCG@100", "MAP", "MAP@10"):
        np.testing.assert_allclose(values(name, case, ties), [1.0, 1.0, 1.0], rtol=1e-15, err_msg=name)


def test_metrics_lie_between_pessimistic_and_optimistic_and_in_the_unit_interval() -> None:
    case = random_case(11, n_queries=30, n_documents=50, n_levels=7, max_relevant=20)
    kept = [q for q, gains in enumerate(case.gains) if gains]
    for measure in MEASURES:
        low, high = values(measure, case, Ties.PESSIMISTIC)[kept], values(measure, case, Ties.OPTIMISTIC)[kept]
        assert (low >= 0).all()
        assert (high <= 1 + 1e-12).all()
        for ties in (Ties.EXPECTED, Ties.TREC, Ties.ST):
            between = values(measure, case, ties)[kept]
            assert ((low - 1e-12 <= between) & (between <= high + 1e-12)).all(), (measure, ties)


# --- invariance -----------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(SEEDS)
def test_permuting_the_documents_leaves_expected_values_as_they_are(seed: int) -> None:
    case = random_case(seed, n_queries=5, n_documents=20, n_levels=4, max_relevant=8)
    place = np.random.default_rng(seed).permutation(20)
    scores = np.empty_like(case.scores)
    scores[:, place] = case.scores
    permuted = Case(scores, tuple({int(place[d]): gain for d, gain in gains.items()} for gains in case.gains))
    for measure in MEASURES:
        np.testing.assert_allclose(values(measure, permuted), values(measure, case), rtol=1e-14)


@settings(max_examples=20)
@given(SEEDS)
def test_a_query_given_twice_counts_twice_in_the_average_and_changes_no_other(seed: int) -> None:
    case = random_case(seed, n_queries=4, n_documents=15, n_levels=4, max_relevant=5)
    twice = Case(np.vstack([case.scores, case.scores[:1]]), (*case.gains, case.gains[0]))
    for measure in MEASURES:
        single = values(measure, case)
        np.testing.assert_array_equal(values(measure, twice), np.append(single, single[0]))


def test_scaling_all_gains_of_a_query_changes_no_metric() -> None:
    case = random_case(5, n_queries=8, n_documents=20, n_levels=4, max_relevant=6)
    scaled = Case(case.scores, tuple({d: 8 * gain for d, gain in gains.items()} for gains in case.gains))
    for measure in MEASURES:
        np.testing.assert_allclose(values(measure, scaled), values(measure, case), rtol=1e-14)


# --- degenerate cases -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", list(Ties))
def test_a_query_without_relevant_documents_is_nan_and_not_zero(ties: Ties) -> None:
    case = Case(np.array([[0.1, 0.2], [0.3, 0.1]]), ({}, {0: 1.0}))
    for measure in MEASURES:
        value = values(measure, case, ties)
        assert np.isnan(value[0])
        assert value[1] > 0


def test_no_pair_at_all_gives_nan_everywhere() -> None:
    case = Case(np.zeros((2, 3)), ({}, {}))
    for ties in Ties:
        for measure in MEASURES:
            assert np.isnan(values(measure, case, ties)).all()
    assert np.isnan(expected_first_rank(case.judgments, case.pair_scores, naive_counts(case))).all()


def test_a_corpus_in_which_every_document_is_relevant_is_perfect() -> None:
    case = Case(np.zeros((1, 4)), (dict.fromkeys(range(4), 1.0),))
    for name in ("MRR", "Success@1", "Recall@10", "nDCG@2", "MAP"):
        np.testing.assert_allclose(values(name, case), [1.0], rtol=1e-15)
    assert values("P@8", case).tolist() == [0.5]


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["MRR", "MRR@10", "Success@1", "Recall@100", "P@5", "nDCG@10", "MAP", "MAP@1000"])
def test_the_parser_reads_what_the_printer_writes(text: str) -> None:
    assert str(parse_measure(text)) == text
    assert parse_measure(text.lower()) == parse_measure(text)


@pytest.mark.parametrize("text", ["ERR@10", "", "@10", "nDCG", "Success", "MRR@0", "MRR@-1", "MRR@1.5", "nDCG@10@5"])
def test_a_text_that_names_no_measure_is_refused_with_the_list_of_those_known(text: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"Known: MRR, MRR@k, Success@k, Recall@k, P@k, nDCG@k, MAP, MAP@k"):
        parse_measure(text)


# --- judgments ------------------------------------------------------------------------------------------------------


def test_judgments_from_lists_sort_each_query_and_take_the_gains_along() -> None:
    judgments = Judgments.from_lists([[3, 1], [], [0]], n_documents=4, gains=[[2.0, 1.0], [], [5.0]])
    assert judgments.indptr.tolist() == [0, 2, 2, 3]
    assert judgments.documents.tolist() == [1, 3, 0]
    assert judgments.gains.tolist() == [1.0, 2.0, 5.0]
    assert judgments.query_of_pair.tolist() == [0, 0, 2]
    assert judgments.n_relevant.tolist() == [2, 0, 1]
    assert judgments.n_queries == 3


@pytest.mark.parametrize(
    ("relevant", "gains", "message"),
    [
        ([[0], [4]], None, r"1 of 2 relevant documents are not in the corpus of 4 \(first: document 4 of query 1\)"),
        ([[-1]], None, r"document -1 of query 0"),
        ([[0, 2, 2]], None, r"document 2 of query 0 follows document 2"),
        ([[0], [1]], [[1.0], [0.0]], r"got 0\.0 for document 1 of query 1"),
        ([[0]], [[np.nan]], r"positive finite gains, got nan"),
        ([[0, 1]], [[1.0]], r"one gain for each of the 2 relevant documents"),
        ([["MED-1"]], None, r"flat list of integer row numbers"),
    ],
)
def test_judgments_that_make_no_sense_are_refused_by_place(relevant: list, gains: list | None, message: str) -> None:
    with pytest.raises(DataFormatError, match=message):
        Judgments.from_lists(relevant, n_documents=4, gains=gains)


def test_columns_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(DataFormatError, match="do not fit together"):
        Judgments(np.array([0, 2]), np.array([1]), np.ones(1), 4)


def test_scores_without_a_rank_are_refused_by_place() -> None:
    judgments = Judgments.from_lists([[0], [1]], n_documents=2)
    with pytest.raises(InvalidOptionError, match=r"1 of 2 pair scores are not finite \(first: query 1, document 1"):
        tie_groups(judgments, [0.5, np.nan], 0.0)
    with pytest.raises(InvalidOptionError, match="one score for each of the 2"):
        tie_groups(judgments, [0.5], 0.0)
    with pytest.raises(InvalidOptionError, match="tolerance of 0 or more"):
        tie_groups(judgments, [0.5, 0.5], -1.0)
