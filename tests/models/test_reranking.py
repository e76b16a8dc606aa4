"""Reranking: the first documents in the order of a cross-encoder, as sentence-transformers itself measures it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator
from tests.support.tiny_model import TEXTS
from tests.support.tiny_scorers import write_cross

from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import CheckpointError
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.reranking import reranked
from embedscope.result import ModelFacts
from embedscope.settings import ModelSettings, Settings

DEPTH = 4


@pytest.fixture(scope="module")
def cross(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("cross") / "model"
    return folder, write_cross(folder)


@pytest.fixture(scope="module")
def collection() -> Collection:
    queries = ("giá rẻ", "yên tĩnh gần trường", "a b c", "máy lạnh quận hai")
    return read_collection([
        {"query": query, "positive": TEXTS[place], "negatives": [text for text in TEXTS if text != TEXTS[place]]}
        for place, query in enumerate(queries)
    ])  # fmt: skip


@pytest.fixture(scope="module")
def first(collection: Collection) -> RankedLists:
    """All documents of every query in an order without meaning."""
    generator = np.random.default_rng(8)
    n, m = len(collection.queries), len(collection.documents)
    facts = ModelFacts(checkpoint="first", layout="run", dim=0, similarity="score")
    rows = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    return RankedLists.of_scores(*rows, generator.permutation(n * m).astype(float), n, facts)


def entries(lists: RankedLists, query: int) -> list[int]:
    return [int(d) for d in lists.documents[lists.indptr[query] : lists.indptr[query + 1]]]


def test_the_first_documents_stand_in_the_order_of_predict_and_the_others_keep_theirs(
    cross: tuple[Path, Any], collection: Collection, first: RankedLists
) -> None:
    folder, model = cross
    lists = reranked(first, collection, ModelSettings(rerank=str(folder), rerank_depth=DEPTH, batch_size=3))
    for query, text in enumerate(collection.queries):
        before = entries(first, query)
        own = model.predict([(text, collection.documents[d]) for d in before[:DEPTH]])
        assert entries(lists, query) == [before[i] for i in np.argsort(-own)] + before[DEPTH:]
        logits = lists.scores[lists.indptr[query] : lists.indptr[query] + DEPTH]
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), np.sort(own)[::-1], atol=1e-5)


def test_metrics_are_those_of_the_reranking_evaluator_of_sentence_transformers(
    cross: tuple[Path, Any], collection: Collection, first: RankedLists
) -> None:
    folder, model = cross
    samples = [
        {
            "query": text,
            "positive": [collection.documents[d] for d in relevant(collection, query)],
            "documents": [collection.documents[d] for d in entries(first, query)[:DEPTH]],
        }
        for query, text in enumerate(collection.queries)
    ]
    evaluator = CrossEncoderRerankingEvaluator(samples, at_k=3, always_rerank_positives=False, write_csv=False)
    theirs = evaluator(model)
    lists = reranked(first, collection, ModelSettings(rerank=str(folder), rerank_depth=DEPTH))
    kept = RankedLists(
        np.arange(len(collection.queries) + 1) * DEPTH,
        np.concatenate([entries(lists, query)[:DEPTH] for query in range(len(collection.queries))]),
        np.concatenate([lists.scores[start : start + DEPTH] for start in lists.indptr[:-1]]),
        lists.facts,
    )
    settings = Settings.of(metrics=("MRR@3", "nDCG@3", "MAP@100"))
    values = rank(collection, kept, QuerySet.of(collection, seed=1, draws=100), settings).values
    found = {name: float(own.mean()) for name, own in values.items()}
    assert found["MRR@3"] == pytest.approx(theirs["mrr@3"], abs=1e-6)
    assert found["nDCG@3"] == pytest.approx(theirs["ndcg@3"], abs=1e-6)
    assert found["MAP@100"] == pytest.approx(theirs["map"], abs=1e-6)


def relevant(collection: Collection, query: int) -> list[int]:
    return [int(d) for d in collection.relevant[collection.indptr[query] : collection.indptr[query + 1]]]


def test_documents_that_the_collection_does_not_have_are_left_out_and_counted(
    cross: tuple[Path, Any], collection: Collection, first: RankedLists
) -> None:
    documents = first.documents.copy()
    documents[[0, 3]] = -1
    unknown = RankedLists(first.indptr, documents, first.scores, first.facts)
    lists = reranked(unknown, collection, ModelSettings(rerank=str(cross[0])))
    assert len(lists.documents) == len(first.documents) - 2
    assert lists.notes == ("2 listed documents are not of the collection, and were not reranked.",)


def test_what_was_reranked_is_said(cross: tuple[Path, Any], collection: Collection, first: RankedLists) -> None:
    facts = reranked(first, collection, ModelSettings(rerank=str(cross[0]), rerank_depth=2)).facts
    assert facts.checkpoint == f"first, reranked by {cross[0]}"
    assert facts.notes == ("The first 2 documents of each query are ordered by the cross-encoder.",)


def test_a_classifier_of_several_labels_is_refused(tmp_path: Path, collection: Collection, first: RankedLists) -> None:
    write_cross(tmp_path / "classifier", n_labels=3)
    with pytest.raises(CheckpointError, match="classifier of 3 labels"):
        reranked(first, collection, ModelSettings(rerank=str(tmp_path / "classifier")))
