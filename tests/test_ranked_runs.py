"""A run of ranked lists through the whole of `run`: what its ranks allow is measured, what needs vectors says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.planted import collection_of, model

from embedscope.data.collection import Collection
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.embed import Embeddings
from embedscope.output.pictures import draw_top_k
from embedscope.output.run_files import write_run
from embedscope.pipeline import result_of
from embedscope.result import NO_VECTORS, Outcome, Result
from embedscope.result.saved_run import read_run
from embedscope.settings import Settings
from embedscope.systems import Embedded

SETTINGS = Settings.of(draws=500, skip_umap=True)


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(60)


@pytest.fixture(scope="module")
def embeddings(collection: Collection) -> Embeddings:
    return model(collection, share_wrong=0.2)


def lists_of(embeddings: Embeddings, depth: int, *, missing: int = 0) -> RankedLists:
    """The first documents of every query by cosine; none for the first ``missing`` queries."""
    scores = embeddings.queries.astype(np.float64) @ embeddings.documents.astype(np.float64).T
    best = np.argsort(-scores, axis=1)[missing:, :depth]
    queries = np.repeat(np.arange(missing, len(scores)), best.shape[1])
    facts = replace(embeddings.facts, checkpoint="run.trec", layout="TREC run", dim=0, similarity="score")
    return RankedLists.of_scores(
        queries, best.ravel(), scores[queries, best.ravel()], len(scores), facts, tolerance=1e-6
    )


@pytest.fixture(scope="module")
def of_vectors(collection: Collection, embeddings: Embeddings) -> Result:
    return result_of(collection, Embedded(embeddings), SETTINGS)


@pytest.fixture(scope="module")
def of_lists(collection: Collection, embeddings: Embeddings) -> Result:
    return result_of(collection, Embedded(lists_of(embeddings, len(collection.documents))), SETTINGS)


def test_whole_lists_give_metrics_intervals_types_and_verdict_of_their_vectors(
    of_vectors: Result, of_lists: Result
) -> None:
    for name, metric in of_vectors.metrics.items():
        other = of_lists.metrics[name]
        for field in ("value", "low", "high", "optimistic", "pessimistic", "chance", "lexical"):
            assert getattr(other, field) == pytest.approx(getattr(metric, field), abs=1e-9), (name, field)
    assert of_lists.verdict.outcome is of_vectors.verdict.outcome
    assert of_lists.failure_modes == of_vectors.failure_modes
    for name, kind in of_vectors.negative_types.items():
        assert of_lists.negative_types[name].violation_rate == kind.violation_rate
    np.testing.assert_allclose(of_lists.queries.rank, of_vectors.queries.rank)
    np.testing.assert_array_equal(of_lists.queries.top_documents, of_vectors.queries.top_documents)


def test_what_needs_vectors_is_said_to_be_not_measured(of_lists: Result) -> None:
    assert of_lists.similarity is None
    assert of_lists.heatmap is None
    assert not of_lists.maps
    wanted = ("similarity", "maps", "geometry", "thresholds", "robustness", "deployment", "explanations")
    assert {name: of_lists.not_measured[name] for name in wanted} == dict.fromkeys(wanted, NO_VECTORS)
    levels = {check.id: check for check in of_lists.checklist if check.outcome is Outcome.NOT_COMPUTABLE}
    assert set(levels) == {"margin", "separation", "diagonal", "off_diagonal", "gap"}
    assert {check.reason for check in levels.values()} == {NO_VECTORS}


def test_short_lists_and_missing_queries_are_written_drawn_and_read_again(
    collection: Collection, embeddings: Embeddings, tmp_path: Path
) -> None:
    result = result_of(collection, Embedded(lists_of(embeddings, 3, missing=4)), SETTINGS)
    table = result.queries
    assert np.isinf(table.rank[:4]).all()
    assert np.isnan(table.positive_similarity[:4]).all()
    assert (table.top_documents[:4] == -1).all()
    assert all(values[:4].sum() == 0 for values in table.values.values())
    assert set(table.failure_modes[:4]) == {"nothing returned"}
    assert draw_top_k(result).texts[0].get_text().startswith("The first ")
    write_run(result, tmp_path / "run", options={}, elapsed_s=0.0, pictures=dict)
    again = read_run(tmp_path / "run")
    assert again.similarity is None
    assert again.verdict == result.verdict
    np.testing.assert_array_equal(again.queries.rank, table.rank)


def test_a_run_is_a_baseline_and_against_its_own_vectors_nothing_differs(
    collection: Collection, embeddings: Embeddings
) -> None:
    whole = lists_of(embeddings, len(collection.documents))
    result = result_of(collection, Embedded(embeddings, baselines={"run.trec": whole}), SETTINGS)
    differences = [each.difference for each in result.comparisons if each.b == "run.trec"]
    assert differences == [0.0, 0.0]


def test_a_reference_that_is_cut_off_earlier_is_a_reason_of_the_verdict(
    collection: Collection, embeddings: Embeddings
) -> None:
    result = result_of(collection, Embedded(embeddings, baselines={"run.trec": lists_of(embeddings, 3)}), SETTINGS)
    assert len(result.caveats) == 1
    assert result.caveats[0].startswith("run.trec lists up to 3 documents a query and ")
    assert result.verdict.reasons[2] == result.caveats[0]
    alone = result_of(collection, Embedded(lists_of(embeddings, 3)), SETTINGS)
    assert alone.caveats == ()


def test_a_query_lost_to_a_document_that_the_data_set_does_not_have_has_a_list_and_says_so(
    collection: Collection, embeddings: Embeddings
) -> None:
    own = lists_of(embeddings, 3, missing=1)
    documents = own.documents.copy()
    documents[:2] = -1 - np.arange(2)  # the first two of the second query, which no collection has
    lists = replace(own, documents=documents, outside=np.full(2, 0.5))
    table = result_of(collection, Embedded(lists), SETTINGS).queries
    assert table.failure_modes[:2] == ("nothing returned", "other")
    assert table.failure_evidence[1] == "it is lost to a document that the data set does not have"
    assert table.top_documents.shape[1] == 3
    whole = replace(own, documents=np.where(own.documents >= 0, -1 - np.arange(len(documents)), 0)[: 3 * 59])
    whole = replace(whole, outside=np.full(len(documents), 0.5))
    assert result_of(collection, Embedded(whole), SETTINGS).queries.top_documents.shape[1] == 3  # as wide as the lists


def test_tied_scores_of_a_run_are_said_to_be_scores(collection: Collection, embeddings: Embeddings) -> None:
    tied = replace(lists_of(embeddings, 20), scores=np.zeros(20 * len(collection.queries)))
    reasons = result_of(collection, Embedded(tied), SETTINGS).verdict.reasons
    assert any("Keep more digits of the scores" in reason for reason in reasons)


def test_a_run_without_any_document_for_the_queries_that_are_judged_is_judged_without_a_warning(
    collection: Collection, embeddings: Embeddings
) -> None:
    result = result_of(collection, Embedded(lists_of(embeddings, 3, missing=60)), SETTINGS)
    assert result.metrics["MRR"].value == 0
    assert set(result.queries.failure_modes) == {"nothing returned"}
