"""The figures of an epoch are those of an evaluation."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.support.planted import analyse
from tests.support.tiny_training import DIM, collection, options, rows, validator, vectors

from embedscope.arrays import evaluate
from embedscope.data.collection import Row, build_collection
from embedscope.errors import TooFewPointsError
from embedscope.measure.query_set import QuerySet
from embedscope.measure.scoring import rank_values
from embedscope.models.embed import Embeddings
from embedscope.models.projectors import Identity, LinearHead
from embedscope.result import ModelFacts
from embedscope.settings import Settings, SimilarityFunction, TrainSettings
from embedscope.train.selection import measures_of
from embedscope.train.validation import Validator


def head(seed: int = 0) -> LinearHead:
    return LinearHead(np.random.default_rng(seed).standard_normal((5, DIM)).astype(np.float32))


def test_metrics_and_violations_equal_those_of_the_analysis() -> None:
    c = collection(40, n_shared=6)
    chosen = options(select="nDCG@10")
    found = validator(c, chosen).measure(head())
    queries, documents = (head().project(v) for v in vectors(c))
    facts = ModelFacts(checkpoint="tiny", layout="given", dim=5)
    result = analyse(
        c,
        Embeddings(queries, documents, facts),
        settings=Settings.of(skip_tsne=True, skip_umap=True, draws=100, lexical=False),
    )
    for name in ("MRR", "Success@1", "nDCG@10"):
        assert found.metrics[name].value == pytest.approx(result.metrics[name].value, abs=1e-12)
    assert found.violation_rates.keys() == result.negative_types.keys()
    for name, kind in result.negative_types.items():
        assert found.violation_rates[name] == pytest.approx(kind.violation_rate.value, abs=1e-12)
    assert found.violation_rate == pytest.approx(result.weights["violation_rate"].value, abs=1e-12)


def test_the_base_model_is_judged_by_its_own_similarity_and_a_head_by_cosine() -> None:
    c, chosen = collection(40), options()
    queries, documents = vectors(c)
    documents = documents * np.linspace(1, 9, len(documents), dtype=np.float32)[:, np.newaxis]
    common = {"measures": measures_of(chosen), "seed": chosen.seed, "n_draws": chosen.n_draws}
    by_cosine = Validator(c, queries, documents, **common)
    by_dot = Validator(c, queries, documents, **common, base_similarity=SimilarityFunction.DOT)
    qrels = [c.relevant[start:end] for start, end in pairwise(c.indptr)]
    for found, similarity in ((by_cosine, "cosine"), (by_dot, "dot")):
        expected = evaluate(queries, documents, qrels, similarity=similarity, n_draws=100)
        assert found.base()["MRR"] == pytest.approx(expected.metrics["MRR"].value, abs=1e-12)
    assert by_dot.measure(head()).metrics["MRR"].value == by_cosine.measure(head()).metrics["MRR"].value


def test_the_interval_holds_the_value_and_repeats() -> None:
    c = collection(40)
    judge = validator(c, options())
    first, second = judge.measure(head()), judge.measure(head())
    mrr = first.metrics["MRR"]
    assert mrr.low < mrr.value < mrr.high
    assert first == second


def test_queries_without_a_relevant_document_are_left_out() -> None:
    c = build_collection([*rows(20), Row("unanswered", ())], format="tiny", drop_empty=True)
    judge = validator(c, options())
    assert judge.n_queries == 20
    assert judge.measure(head()).metrics["MRR"].value is not None


def test_a_single_query_gives_values_without_an_interval() -> None:
    whole = collection(20)
    indptr = np.minimum(whole.indptr, 1)
    c = replace(whole, indptr=indptr, relevant=whole.relevant[:1], gains=whole.gains[:1])
    judge = validator(c, options())
    metrics = judge.measure(head()).metrics
    assert judge.n_queries == 1
    assert {name: (found.value, found.low, found.high) for name, found in metrics.items()} == {
        "MRR": (0.2, None, None),
        "Success@1": (0.0, None, None),
    }
    assert judge.against_base(head(), "MRR").p == 1.0


def test_without_a_query_that_has_a_relevant_document_nothing_can_be_validated() -> None:
    whole = collection(20)
    c = replace(whole, indptr=np.zeros_like(whole.indptr), relevant=whole.relevant[:0], gains=whole.gains[:0])
    with pytest.raises(TooFewPointsError, match="0 of 20 distinct queries have a relevant document; at least 1 must"):
        validator(c, options())


def test_without_hard_negatives_there_is_no_violation_rate() -> None:
    judge = validator(collection(20, n_negatives=0), options())
    found = judge.measure(head())
    assert (found.violation_rate, found.violation_rates, judge.has_negatives) == (None, {}, False)


def test_the_base_model_is_measured_without_a_head() -> None:
    c = collection(30)
    judge = validator(c, options())
    identity = judge.measure(LinearHead(np.eye(DIM, dtype=np.float32)))
    assert judge.base()["MRR"] == pytest.approx(identity.metrics["MRR"].value, abs=1e-9)


def test_the_selected_metric_is_measured_beside_the_usual_ones() -> None:
    assert measures_of(TrainSettings(select="Recall@5")) == ("MRR", "Success@1", "Recall@5")
    assert measures_of(TrainSettings(select="loss")) == ("MRR", "Success@1")


def test_intervals_of_an_epoch_are_those_of_an_evaluation_with_its_seed_and_draws() -> None:
    c = collection(40, n_shared=6)
    chosen = options(seed=7, n_draws=300)
    found = validator(c, chosen).measure(head())
    queries, documents = (head().project(v) for v in vectors(c))
    qrels = [c.relevant[start:end] for start, end in pairwise(c.indptr)]
    evaluation = evaluate(queries, documents, qrels, k=(1,), seed=7, n_draws=300)
    for name in ("MRR", "Success@1"):
        metric = evaluation.metrics[name]
        assert (found.metrics[name].low, found.metrics[name].high) == (metric.low, metric.high)


def test_the_outcome_is_compared_as_an_evaluation_compares_with_its_base() -> None:
    c = collection(40, n_shared=6)
    found = validator(c, options(seed=7)).against_base(head(), "MRR", n_choices=3)
    queries = QuerySet.of(c, seed=7, draws=10_000)
    values = {
        name: rank_values(*projected, queries.judgments, ("MRR",), tolerance=1e-6)
        for name, projected in (
            ("head", [head().project(v) for v in vectors(c)]),
            ("base model", [Identity(DIM).project(v) for v in vectors(c)]),
        )
    }
    (expected,) = queries.resampler.compare("head", values["head"], {"base model": values["base model"]}, ("MRR",))
    assert found == replace(expected, p_adjusted=min(1.0, 3 * expected.p))
