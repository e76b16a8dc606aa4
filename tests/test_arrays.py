"""`embedscope.evaluate`: the numbers of other evaluators on the same vectors, and refusals in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest

import embedscope
from embedscope import Evaluation
from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
K = (1, 3, 10)
N_QUERIES, N_DOCUMENTS = 40, 150


def evaluate(queries: Any, documents: Any, qrels: Any, **options: Any) -> Evaluation:
    return embedscope.evaluate(queries, documents, qrels, **{"n_draws": 200, "k": K, **options})


@pytest.fixture(scope="module")
def tied() -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Vectors of few different directions, so that most ranked lists hold many ties."""
    generator = np.random.default_rng(5)
    queries = generator.integers(-1, 2, (N_QUERIES, 4)).astype(np.float64)
    documents = generator.integers(-1, 2, (N_DOCUMENTS, 4)).astype(np.float64)
    queries[~queries.any(axis=1)] = documents[~documents.any(axis=1)] = 1.0
    qrels = [generator.choice(N_DOCUMENTS, size=generator.integers(1, 5), replace=False) for _ in range(N_QUERIES)]
    return queries, documents, [sorted(map(int, rows)) for rows in qrels]


def rounded_cosines(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Cosines in which the ties of the tolerance are exact ties."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, documents)]
    cosines = np.round(unit[0] @ unit[1].T, 5)
    assert np.diff(np.unique(cosines)).min() > 1e-4
    return cosines


def test_the_trec_reading_of_ties_is_that_of_trec_eval(tied: tuple[np.ndarray, np.ndarray, list[list[int]]]) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    queries, documents, qrels = tied
    cosines = rounded_cosines(queries, documents)
    run = {f"q{q}": {f"d{d:04d}": float(cosines[q, d]) for d in range(N_DOCUMENTS)} for q in range(N_QUERIES)}
    judged = {f"q{q}": {f"d{d:04d}": 1 for d in rows} for q, rows in enumerate(qrels)}
    theirs = {"MRR": "recip_rank"}
    for k in K:
        theirs |= {f"Success@{k}": f"success_{k}", f"Recall@{k}": f"recall_{k}"}
        theirs |= {f"nDCG@{k}": f"ndcg_cut_{k}", f"MAP@{k}": f"map_cut_{k}", f"P@{k}": f"P_{k}"}
    wanted = {
        "recip_rank",
        *(f"{name}.{','.join(map(str, K))}" for name in ("success", "recall", "P", "ndcg_cut", "map_cut")),
    }
    found = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(run)
    ours = evaluate(queries, documents, qrels)
    assert ours.metrics["MRR"].optimistic - ours.metrics["MRR"].pessimistic > 0.05
    for name, trec_name in theirs.items():
        assert ours.metrics[name].trec == pytest.approx(np.mean([row[trec_name] for row in found.values()]), abs=1e-9)
        assert ours.metrics[name].optimistic >= ours.metrics[name].trec >= ours.metrics[name].pessimistic


def test_the_st_reading_of_ties_is_that_of_sentence_transformers(
    tied: tuple[np.ndarray, np.ndarray, list[list[int]]],
) -> None:
    pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    queries, documents, qrels = tied
    cosines = rounded_cosines(queries, documents)
    evaluator = InformationRetrievalEvaluator(
        {f"q{q}": "" for q in range(N_QUERIES)},
        {f"d{d:04d}": "" for d in range(N_DOCUMENTS)},
        {f"q{q}": {f"d{d:04d}" for d in rows} for q, rows in enumerate(qrels)},
        accuracy_at_k=list(K),
        precision_recall_at_k=list(K),
        mrr_at_k=list(K),
        ndcg_at_k=list(K),
        map_at_k=[10],
    )
    hits = [[{"score": s, "corpus_id": f"d{d:04d}"} for d, s in enumerate(row)] for row in cosines.tolist()]
    theirs = evaluator.compute_metrics(hits)
    ours = evaluate(queries, documents, qrels).metrics
    for k in K:
        assert ours[f"Success@{k}"].st == pytest.approx(theirs["accuracy@k"][k], abs=1e-9)
        assert ours[f"P@{k}"].st == pytest.approx(theirs["precision@k"][k], abs=1e-9)
        assert ours[f"Recall@{k}"].st == pytest.approx(theirs["recall@k"][k], abs=1e-9)
        assert ours[f"MRR@{k}"].st == pytest.approx(theirs["mrr@k"][k], abs=1e-9)
        assert ours[f"nDCG@{k}"].st == pytest.approx(theirs["ndcg@k"][k], abs=1e-9)
    assert ours["MAP@10"].st == pytest.approx(theirs["map@k"][10], abs=1e-9)  # no query has more than 10 relevant


GRADED: list[dict[int, float]] = [
    {int(d): float(g) for d, g in zip(rows, gains, strict=True)}
    for rows, gains in (
        (np.random.default_rng(q).permutation(N_DOCUMENTS)[:6], np.random.default_rng(q).integers(-1, 4, 6))
        for q in range(N_QUERIES)
    )
]


def test_graded_relevance_and_precision_are_those_of_trec_eval() -> None:
    """Gains of 0 and below are judged not relevant, as there."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    generator = np.random.default_rng(8)
    queries, documents = generator.standard_normal((N_QUERIES, 8)), generator.standard_normal((N_DOCUMENTS, 8))
    for q, judged in enumerate(GRADED):  # near a document of some gain, so that there is something to rank
        queries[q] += 2 * documents[max(judged, key=lambda d: judged[d])]
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, documents)]
    cosines = unit[0] @ unit[1].T
    run = {f"q{q}": {f"d{d:04d}": float(cosines[q, d]) for d in range(N_DOCUMENTS)} for q in range(N_QUERIES)}
    qrels = {f"q{q}": {f"d{d:04d}": int(g) for d, g in judged.items()} for q, judged in enumerate(GRADED)}
    found = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.5", "P.5", "map", "recip_rank"}).evaluate(run)
    ours = evaluate(queries, documents, GRADED, k=(5, N_DOCUMENTS))
    for name, theirs in {
        "nDCG@5": "ndcg_cut_5", "P@5": "P_5", f"MAP@{N_DOCUMENTS}": "map", "MRR": "recip_rank",
    }.items():  # fmt: skip
        each = [found[f"q{q}"][theirs] for q in range(N_QUERIES)]
        np.testing.assert_allclose(ours.values[name], each, atol=1e-6)
    hits = [sum(GRADED[q].get(int(d), 0) > 0 for d in np.argsort(-cosines[q])[:5]) / 5 for q in range(N_QUERIES)]
    np.testing.assert_allclose(ours.values["P@5"], hits)


def test_every_form_of_graded_relevance_says_the_same() -> None:
    generator = np.random.default_rng(9)
    queries, documents = generator.standard_normal((N_QUERIES, 8)), generator.standard_normal((N_DOCUMENTS, 8))
    pairs = [(list(judged), list(judged.values())) for judged in GRADED]
    arrays = [(np.array(list(judged)), np.array(list(judged.values()))) for judged in GRADED]
    binary = [[d for d, g in judged.items() if g > 0] for judged in GRADED]
    one, two, three, plain = (evaluate(queries, documents, qrels) for qrels in (GRADED, pairs, arrays, binary))
    assert one.metrics == two.metrics == three.metrics
    assert one.metrics["MRR"] == plain.metrics["MRR"]
    assert one.metrics["nDCG@10"].value != plain.metrics["nDCG@10"].value
    assert one.metrics["nDCG@10"].ideal == 1.0
    wanted = np.mean([min(len(rows), 3) / 3 for rows in binary])
    assert one.metrics["P@3"].ideal == pytest.approx(wanted)
    assert evaluate(queries, documents, [(3, 17)] * N_QUERIES).metrics["MRR"].value == pytest.approx(
        evaluate(queries, documents, [[3, 17]] * N_QUERIES).metrics["MRR"].value
    ), "a tuple of two numbers is a list of two documents"


def test_without_ties_every_reading_is_the_same() -> None:
    generator = np.random.default_rng(0)
    queries, documents = generator.standard_normal((30, 8)), generator.standard_normal((80, 8))
    for metric in evaluate(queries, documents, [[i] for i in range(30)]).metrics.values():
        readings = [metric.optimistic, metric.pessimistic, metric.trec, metric.st]
        np.testing.assert_allclose(readings, metric.value, atol=1e-12)
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high


def test_the_expected_reading_is_the_mean_over_random_orders_of_the_documents(
    tied: tuple[np.ndarray, np.ndarray, list[list[int]]],
) -> None:
    queries, documents, qrels = tied
    generator = np.random.default_rng(1)
    expected = evaluate(queries, documents, qrels)
    found: dict[str, list[float]] = {name: [] for name in expected.metrics}
    for _ in range(60):
        order = generator.permutation(N_DOCUMENTS)
        place = np.argsort(order)
        shuffled = evaluate(queries, documents[order], [place[rows] for rows in qrels], n_draws=100)
        for name, metric in shuffled.metrics.items():
            assert metric.value == pytest.approx(expected.metrics[name].value, abs=1e-12)
            found[name].append(metric.trec)
    for name, readings in found.items():
        error = np.std(readings) / np.sqrt(len(readings))
        assert abs(np.mean(readings) - expected.metrics[name].value) < 5 * error + 1e-9


def test_a_collapsed_model_scores_at_chance_on_every_metric() -> None:
    row = np.random.default_rng(0).standard_normal((1, 16)).astype(np.float32)
    qrels = [[i, i + 40] if i % 3 else [i] for i in range(40)]
    result = evaluate(np.repeat(row, 40, axis=0), np.repeat(row, 100, axis=0), qrels)
    for metric in result.metrics.values():
        assert metric.value == pytest.approx(metric.chance, abs=1e-12)
    success = [1 - comb(100 - len(rows), 3) / comb(100, 3) for rows in qrels]
    assert result.metrics["Success@3"].value == pytest.approx(np.mean(success))
    assert result.similarity.auc.value == 0.5
    assert result.similarity.separation.value is None
    assert "no spread" in (result.similarity.separation.reason or "")


def test_rows_need_not_be_normalised_and_float64_gives_the_numbers_of_float32() -> None:
    generator = np.random.default_rng(2)
    queries, documents = generator.standard_normal((20, 8)), generator.standard_normal((50, 8))
    qrels = [[i] for i in range(20)]
    one = evaluate(queries * generator.uniform(0.1, 9, (20, 1)), documents, qrels)
    two = evaluate(queries.astype(np.float32), documents.astype(np.float32), qrels)
    for name, metric in one.metrics.items():
        assert metric.value == pytest.approx(two.metrics[name].value, abs=1e-12)
    assert one.similarity.margin.value == pytest.approx(two.similarity.margin.value, abs=1e-6)


def test_a_cutoff_beyond_the_documents_is_computed_and_flagged() -> None:
    rows = np.eye(6)
    result = evaluate(rows[:3], rows, [[0], [1], [2]], k=(1, 6, 50))
    assert [name for name, metric in result.metrics.items() if metric.warnings] == [
        f"{name}@{k}" for name in ("Success", "Recall", "P", "nDCG", "MAP", "MRR") for k in (6, 50)
    ]
    reached = "k = 50 reaches the end of the 6 documents"
    assert result.metrics["Recall@50"].warnings[0] == f"{reached}: every order has the same value"
    assert result.metrics["MAP@50"].warnings[0] == f"{reached}: this is MAP of all of them"
    assert result.metrics["Recall@50"].chance == 1.0


def test_a_query_without_relevant_documents_is_left_out_and_counted() -> None:
    generator = np.random.default_rng(3)
    queries, documents = generator.standard_normal((10, 8)), generator.standard_normal((30, 8))
    qrels: list[list[int]] = [[i] for i in range(10)]
    qrels[4] = []
    result = evaluate(queries, documents, qrels)
    assert (result.n_queries, result.n_queries_without_relevant, result.n_documents) == (9, 1, 30)
    assert np.isnan(result.values["MRR"][4])
    assert result.clusters[4] == -1
    assert (result.top_documents[4] == -1).all()
    others = np.delete(np.arange(10), 4)
    alone = evaluate(queries[others], documents, [qrels[i] for i in others])
    assert alone.metrics == result.metrics
    np.testing.assert_array_equal(result.values["MRR"][others], alone.values["MRR"])


def test_queries_that_share_a_document_are_one_cluster() -> None:
    rows = np.eye(5)
    result = evaluate(rows[[0, 1, 2, 3]], rows, [[0, 1], [1], [2], [3]])
    assert result.clusters.tolist() == [0, 0, 1, 2]


def test_the_best_documents_of_each_query_are_kept_in_order() -> None:
    generator = np.random.default_rng(4)
    queries, documents = generator.standard_normal((6, 8)), generator.standard_normal((30, 8))
    result = evaluate(queries, documents, [[i] for i in range(6)])
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, documents)]
    cosines = unit[0] @ unit[1].T
    np.testing.assert_array_equal(result.top_documents, np.argsort(-cosines, axis=1)[:, :10])
    np.testing.assert_allclose(result.top_scores, -np.sort(-cosines, axis=1)[:, :10], atol=1e-6)


def test_the_same_seed_gives_the_same_result_and_another_seed_the_same_intervals() -> None:
    generator = np.random.default_rng(6)
    queries, documents = generator.standard_normal((30, 4)), generator.standard_normal((60, 4))
    qrels = [[i] for i in range(30)]
    first, again, other = (evaluate(queries, documents, qrels, seed=seed) for seed in (1, 1, 2))
    assert first.metrics == again.metrics
    assert first.similarity.auc == again.similarity.auc
    assert first.metrics == other.metrics


ROWS = np.random.default_rng(7).standard_normal((4, 3))
QRELS: list[Any] = [[0], [1], [2], [3]]


def spoiled(value: float) -> np.ndarray:
    rows = ROWS.copy()
    rows[2] = value
    return rows


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: evaluate(spoiled(0.0), ROWS, QRELS), InvalidEmbeddingsError, r"1 of 4 query rows has a zero.*row 2"),
        (lambda: evaluate(ROWS, spoiled(np.nan), QRELS), InvalidEmbeddingsError, "1 of 4 document rows"),
        (lambda: evaluate(ROWS, spoiled(np.inf), QRELS), InvalidEmbeddingsError, "1 of 4 document rows"),
        (lambda: evaluate(ROWS, ROWS[:, :2], QRELS), InvalidEmbeddingsError, "3 dimensions and document vectors 2"),
        (lambda: evaluate(ROWS[0], ROWS, QRELS), InvalidEmbeddingsError, "reshape a single vector"),
        (lambda: evaluate(ROWS.astype(int), ROWS, QRELS), InvalidEmbeddingsError, "float32 or float64"),
        (lambda: evaluate(ROWS, ROWS, QRELS[:3]), InvalidOptionError, "each of the 4 queries; it has 3"),
        (lambda: evaluate(ROWS, ROWS, [[0], [1], [2], [4]]), InvalidOptionError, r"query 3 name document 4.*\[0, 4\)"),
        (lambda: evaluate(ROWS, ROWS, [[0], [-1], [2], [3]]), InvalidOptionError, "query 1 name document -1"),
        (lambda: evaluate(ROWS, ROWS, [["d1"], [1], [2], [3]]), InvalidOptionError, "query 0 must be row numbers"),
        (lambda: evaluate(ROWS, ROWS, [[0.5], [1], [2], [3]]), InvalidOptionError, "type float64"),
        (lambda: evaluate(ROWS, ROWS, [[None], [1], [2], [3]]), InvalidOptionError, "type object"),
        (lambda: evaluate(ROWS, ROWS, [[True, False], [1], [2], [3]]), InvalidOptionError, "type bool.*masks"),
        (lambda: evaluate(ROWS, ROWS, [[[0, 1]], [1], [2], [3]]), InvalidOptionError, "flat list .*mapping"),
        (lambda: evaluate(ROWS, ROWS, [{0: np.nan}, [1], [2], [3]]), InvalidOptionError, "finite numbers as gains"),
        (lambda: evaluate(ROWS, ROWS, [{0: "high"}, [1], [2], [3]]), InvalidOptionError, "finite numbers as gains"),
        (lambda: evaluate(ROWS, ROWS, [{"d1": 1}, [1], [2], [3]]), InvalidOptionError, "query 0 must be row numbers"),
        (lambda: evaluate(ROWS, ROWS, [([0, 1], [1.0]), [1], [2], [3]]), InvalidOptionError, "2 documents and 1 gain"),
        (lambda: evaluate(ROWS, ROWS, [([0, 0], [1, 2]), [1], [2], [3]]), InvalidOptionError, "document 0 two diff"),
        (lambda: evaluate(ROWS, ROWS, [{4: 1.0}, [1], [2], [3]]), InvalidOptionError, "query 0 name document 4"),
        (lambda: evaluate(ROWS, ROWS, [[0], [], [], []]), TooFewPointsError, "1 of 4 queries"),
        (lambda: evaluate(ROWS, ROWS, [[], [], [], []]), TooFewPointsError, "0 of 4 queries"),
        (lambda: evaluate(ROWS, ROWS, [[0, 1, 2, 3]] * 4), TooFewPointsError, "relevant to every query"),
        (lambda: evaluate(ROWS, ROWS, QRELS, k=()), InvalidOptionError, "k must list"),
        (lambda: evaluate(ROWS, ROWS, QRELS, k=(0, 1)), InvalidOptionError, "k must list"),
        (lambda: evaluate(ROWS, ROWS, QRELS, k=(1.5,)), InvalidOptionError, "k must list"),
        (lambda: evaluate(ROWS, ROWS, QRELS, k=10), InvalidOptionError, "k must list"),
        (lambda: evaluate(ROWS, ROWS, QRELS, n_draws=5), InvalidOptionError, "n_draws"),
    ],
)
def test_input_that_cannot_be_evaluated_is_refused_in_words(
    call: Callable[[], Evaluation], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_repeated_documents_of_a_query_count_once_and_a_bare_number_is_a_list_of_one() -> None:
    assert evaluate(ROWS, ROWS, [[0, 0], 1, np.array([2]), (3,)]).metrics == evaluate(ROWS, ROWS, QRELS).metrics


def test_a_large_matrix_goes_to_the_device_and_gives_the_same_figures(
    tied: tuple[np.ndarray, np.ndarray, list[list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from embedscope.metrics import torch_pass as torch_device

    here = evaluate(*tied, device="cpu")
    asked: list[tuple[str, int]] = []

    def taken(name: str, n_cells: int) -> str:
        asked.append((name, n_cells))
        return "cpu"

    monkeypatch.setattr(torch_device, "device_for", taken)
    there = evaluate(*tied)
    assert asked == [("auto", N_QUERIES * N_DOCUMENTS)]
    for name, metric in here.metrics.items():
        assert there.metrics[name].value == pytest.approx(metric.value, abs=1e-12)
        assert there.metrics[name].low == pytest.approx(metric.low, abs=1e-12)


def test_a_small_matrix_needs_no_device_and_an_unknown_one_is_refused_all_the_same(
    tied: tuple[np.ndarray, np.ndarray, list[list[int]]],
) -> None:
    assert evaluate(*tied, device="cuda").n_queries == N_QUERIES
    with pytest.raises(InvalidOptionError, match=r"'gpu'; expected auto, cpu, cuda or mps"):
        evaluate(*tied, device="gpu")
