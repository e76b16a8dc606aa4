"""Which failures are explained: first those shown, one a cluster before a second, within the budget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.planted import Heard
from tests.support.word_models import SETTINGS, WordBag, collection_of, diagnosed_under, model_of, ranked_under

from embedscope.data.collection import Collection
from embedscope.diagnose import explaining
from embedscope.diagnose.deletion import failed_rows, failure_of, planned_texts
from embedscope.diagnose.explaining import PAIRS, SHARE, affordable, in_order
from embedscope.errors import InvalidOptionError
from embedscope.measure.ranked import Ranked
from embedscope.models.cache import EmbeddingStore
from embedscope.models.encoding_rate import reading_cost
from embedscope.models.model import Model
from embedscope.pipeline import run
from embedscope.settings import Settings

N = 40


@pytest.fixture(scope="module")
def collection() -> Collection:
    """Every second query fails: a decoy repeats it and a number is what differs, which the model does not see."""
    rows = [(f"red{i} roof{i} of {i}", f"red{i} roof{i} of {i} with garden{i} and gate{i}") for i in range(N)]
    decoys = [f"red{i} roof{i} of {i + 100}" for i in range(0, N, 2)]
    long = [f"some{i} other{i} text{i} about{i} things{i} that{i} nobody{i} asks{i} for{i}" for i in range(120)]
    return collection_of(rows, *decoys, *long)


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(WordBag(lambda word: 0.0 if word.isdigit() else 1.0))


@pytest.fixture(scope="module")
def ranked(collection: Collection, model: Model) -> Ranked:
    return ranked_under(collection, model)


def test_queries_that_are_shown_come_first_and_each_cluster_before_a_second_of_one() -> None:
    rows = [("red one", "other words"), ("red two", "other words"), ("blue three", "more words"), ("ok so", "ok so")]
    ranked = ranked_under(collection_of(rows, "red one two", "blue three four"), model_of(WordBag()))
    failed = failed_rows(ranked)
    assert failed.tolist() == [0, 1, 2]
    for seed in range(5):
        order = in_order(ranked, failed, [3, 1], np.random.default_rng(seed)).tolist()
        assert order == [1, 2, 0]
        assert in_order(ranked, failed, [], np.random.default_rng(seed)).tolist()[-1] in (0, 1)


def test_variants_cost_at_most_the_share_of_the_own_texts_and_one_more_failure_would_cost_more(
    ranked: Ranked, model: Model
) -> None:
    rows = failed_rows(ranked)
    budget = affordable(ranked, rows, model, None, batch_size=32)
    own = [*ranked.query_table.texts, *ranked.document_table.texts]
    allowed = SHARE * (1 - PAIRS) * sum(len(text) + 20 for text in own)
    costs = np.cumsum([sum(len(t) + 20 for t in planned_texts(failure_of(ranked, int(row)))) for row in rows])
    assert budget.n == int((costs <= allowed).sum())
    assert 0 < budget.n < len(rows)
    assert budget.limit == "30 % of encoding the run's own texts"


def test_a_slow_encoder_is_given_its_seconds(ranked: Ranked, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "encoding_rate", lambda *_, **__: 50.0)
    budget = affordable(ranked, failed_rows(ranked), model, None, batch_size=32)
    costs = np.cumsum(
        [sum(len(t) + 20 for t in planned_texts(failure_of(ranked, int(row)))) for row in failed_rows(ranked)]
    )
    affordable_ones = int((costs <= 1000 * (1 - PAIRS)).sum())
    assert (budget.n, budget.limit) == (max(1, affordable_ones), "about 20 s of encoding")


def test_what_is_asked_for_is_looked_at_and_said(collection: Collection, model: Model) -> None:
    heard = Heard()
    found = diagnosed_under(collection, model, SETTINGS.with_options(explain=3), log=heard).explanations
    assert found is not None
    assert (len(found.failures), found.n_failures, found.limit) == (3, N // 2, "as asked for")
    assert "Which words decide: 3 of 20 failures (as asked for)" in heard.steps


def test_more_than_there_are_are_all(collection: Collection, model: Model) -> None:
    found = diagnosed_under(collection, model).explanations
    assert found is not None
    assert len(found.failures) == found.n_failures == N // 2


def test_the_same_failures_are_explained_again_and_nothing_is_encoded_twice(
    collection: Collection, tmp_path: Path
) -> None:
    encoder = WordBag(lambda word: 0.0 if word.isdigit() else 1.0)
    store, settings = EmbeddingStore(tmp_path), SETTINGS.with_options(explain=None)
    first = diagnosed_under(collection, model_of(encoder), settings, store=store).explanations
    n_encoded = encoder.n_encoded
    second = diagnosed_under(collection, model_of(encoder), settings, store=store).explanations
    assert first is not None
    assert first == second
    assert encoder.n_encoded - n_encoded == len({*collection.queries, *collection.documents})  # ranked without a store


def test_no_explanation_has_its_reason(collection: Collection, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    none = diagnosed_under(collection, model, SETTINGS.with_options(explain=0))
    assert (none.explanations, none.not_measured["explanations"]) == (None, "not asked for")
    healthy = diagnosed_under(collection_of([("a b", "a b c"), ("d e", "d e f")], "g h"), model_of(WordBag()))
    assert healthy.not_measured["explanations"] == "no query has failed"
    monkeypatch.setattr(explaining, "SHARE", 0.0)
    dear = diagnosed_under(collection, model, SETTINGS.with_options(explain=None))
    assert dear.not_measured["explanations"] == (
        "explaining one failure would cost more than 0 % of encoding the run's own texts; pass --explain N"
    )


def test_vectors_made_before_are_refused_where_explanations_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="--explain encodes texts with a word left out"):
        run(Settings.of(embeddings=str(tmp_path / "none.npz"), data=str(tmp_path / "none.json"), explain=3))


def test_reading_costs_the_characters_that_are_read_and_an_overhead() -> None:
    assert reading_cost("x" * 100, None) == 120
    assert reading_cost("x" * 100, 8) == 52
