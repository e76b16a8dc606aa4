"""Deletion: every change is that of the shortened text, and planted words are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tests.support.word_models import DIM, WordBag, collection_of, model_of, ranked_under, word_vector

from embedscope.data.collection import Collection
from embedscope.data.text_features import words
from embedscope.diagnose import deletion
from embedscope.diagnose.deletion import Encoders, explain_failures, failed_rows, words_within
from embedscope.diagnose.text_parts import respelt, without, word_spans
from embedscope.measure.ranked import Ranked
from embedscope.models.embed import text_encoder
from embedscope.models.model import Model
from embedscope.protocols import Float32Array
from embedscope.result import Explanations, TextRole


def silent(done: int, total: int, message: str | None = None) -> None:
    """Nothing."""


def explained(
    ranked: Ranked, model: Model, rows: Sequence[int] | None = None, *, encode: object = None
) -> Explanations:
    chosen = failed_rows(ranked).tolist() if rows is None else rows
    own = text_encoder(model, prompt="") if encode is None else encode
    return explain_failures(
        ranked,
        ranked.documents,  # type: ignore[arg-type]
        chosen,
        Encoders(own, own),  # type: ignore[arg-type]
        seed=42,
        n_failures=len(failed_rows(ranked)),
        limit="all",
        progress=silent,
    )


def vector_of(text: str, weight: Callable[[str], float]) -> np.ndarray:
    """The unit vector of a text under a bag of words, by hand."""
    vector = np.sum([weight(word) * word_vector(word).astype(np.float64) for word in words(text)], axis=0)
    return vector / np.linalg.norm(vector)


def loud(word: str) -> float:
    """A filler that weighs more than any other word."""
    return 3.0 if word == "indeed" else 1.0


ROWS = [(f"red{i} house{i} roof{i}", f"red{i} house{i} roof{i} garden{i} gate{i}") for i in range(12)]
ROWS[:4] = [(f"{query} indeed", document) for query, document in ROWS[:4]]


@pytest.fixture(scope="module")
def collection() -> Collection:
    """Four of twelve queries hold a filler, which a document of other words holds too."""
    return collection_of(ROWS, "indeed nothing else", "indeed some other thing entirely")


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(WordBag(loud))


@pytest.fixture(scope="module")
def ranked(collection: Collection, model: Model) -> Ranked:
    return ranked_under(collection, model)


@pytest.fixture(scope="module")
def found(ranked: Ranked, model: Model) -> Explanations:
    return explained(ranked, model)


def test_each_change_is_the_difference_of_the_scores_computed_again_from_the_shortened_text(
    ranked: Ranked, found: Explanations
) -> None:
    queries, documents = ranked.query_table, ranked.document_table
    assert len(found.failures) == 4
    for each in found.failures:
        texts = {
            TextRole.QUERY: queries.texts[each.query],
            TextRole.RIGHT: documents.texts[each.right],
            TextRole.WRONG: documents.texts[each.wrong],
        }

        def difference(texts: dict[TextRole, str]) -> float:
            query, right, wrong = (vector_of(texts[role], loud) for role in TextRole)
            return float(query @ right - query @ wrong)

        assert each.difference == pytest.approx(difference(texts), abs=1e-6)
        assert each.difference < 0
        expected = [(role, span) for role, text in texts.items() for span in word_spans(text)]
        assert [(d.role, (d.start, d.end)) for d in each.deletions] == expected
        for d in each.deletions:
            shorter = {**texts, d.role: without(texts[d.role], (d.start, d.end))}
            assert d.change == pytest.approx(difference(shorter) - each.difference, abs=1e-6)
        assert each.best == max(each.deletions, key=lambda d: d.change)
        spelt = [
            {**texts, TextRole.QUERY: respelt(texts[TextRole.QUERY], span, seed=42)}
            for span in word_spans(texts[TextRole.QUERY])
        ]
        assert each.noise == pytest.approx(np.median([abs(difference(t) - each.difference) for t in spelt]), abs=1e-6)


def test_the_right_document_is_first_where_it_leads_the_whole_ranking_with_the_shortened_text(
    ranked: Ranked, found: Explanations
) -> None:
    queries, texts = ranked.query_table, list(ranked.document_table.texts)
    for each in found.failures:
        for d in each.deletions:
            query, pool = queries.texts[each.query], list(texts)
            if d.role is TextRole.QUERY:
                query = without(query, (d.start, d.end))
            else:
                place = each.right if d.role is TextRole.RIGHT else each.wrong
                pool[place] = without(pool[place], (d.start, d.end))
            scores = np.array([vector_of(query, loud) @ vector_of(text, loud) for text in pool])
            others = np.delete(scores, each.right)
            assert d.puts_right_first == bool(scores[each.right] > others.max() + 1e-6)


def test_the_planted_word_decides_every_failure_and_one_word_suffices(ranked: Ranked, found: Explanations) -> None:
    assert {word.word for word in found.deciding} == {"indeed"}
    assert sum(word.n_failures for word in found.deciding) == found.n_failures == 4
    assert found.one_word.value == 1.0
    assert found.one_word.n == 4


def test_a_word_that_the_model_does_not_see_is_named_and_no_other() -> None:
    def deaf(word: str) -> float:
        return 0.0 if word.isdigit() else 1.0

    rows = [(f"room{i} for {i} people", f"room{i} for {i} people here") for i in range(6)]
    decoys = [f"room{i} for {i + 20} people" for i in range(6)]
    model = model_of(WordBag(deaf))
    ranked = ranked_under(collection_of(rows, *decoys), model)
    found = explained(ranked, model)
    assert len(found.failures) == 6
    assert [each.unseen for each in found.failures] == [(str(i),) for i in range(6)]


def test_a_text_of_one_word_is_not_emptied() -> None:
    model = model_of(WordBag())
    ranked = ranked_under(
        collection_of([("alone", "something else"), ("some thing", "some thing here")], "alone!"), model
    )
    (each,) = explained(ranked, model).failures
    assert {d.role for d in each.deletions} == {TextRole.RIGHT}
    assert each.best is None or each.best.change > 0


def test_a_shortened_text_without_a_vector_is_left_out() -> None:
    model = model_of(WordBag(lambda word: 0.0 if word == "the" else 1.0))
    rows = [("the one", "other words"), ("plain words", "plain words")]
    ranked = ranked_under(collection_of(rows, "the one thing"), model)
    (each,) = explained(ranked, model).failures
    query = [d for d in each.deletions if d.role is TextRole.QUERY]
    assert [(d.start, d.end) for d in query] == [(0, 3)]  # without "one" only an unseen word would stay


def test_own_documents_stand_in_no_ranking(model: Model) -> None:
    """A query that is a document is no competitor of its own positive, whatever is left out of it."""
    rows = [("indeed red roof", "red roof"), ("blue door", "blue door and wall"), ("red roof", "red tile")]
    collection = collection_of(rows, "indeed nothing else")
    ranked = ranked_under(collection, model)
    found = explained(ranked, model)
    excluded = ranked.query_set.judgments.excluded
    assert excluded is not None
    for each in found.failures:
        assert each.wrong not in excluded.select(np.array([each.query])).documents
        for d in each.deletions:
            if d.role is TextRole.QUERY and ranked.query_table.texts[each.query] == "red roof":
                # Its own document "red roof" is nearest to any shortened query, and must not stand in the way.
                left = without("red roof", (d.start, d.end))
                scores = {text: vector_of(left, loud) @ vector_of(text, loud) for text in ranked.document_table.texts}
                del scores["red roof"]
                assert d.puts_right_first == (max(scores, key=lambda text: scores[text]) == "red tile")


def test_the_best_other_wrong_document_has_to_be_beaten_too() -> None:
    model = model_of(WordBag())
    rows = [("a b c d", "a x"), ("p q", "p q r")]
    ranked = ranked_under(collection_of(rows, "a b c d y", "a b c z"), model)
    (each,) = explained(ranked, model).failures
    assert not any(d.puts_right_first for d in each.deletions if d.role is TextRole.WRONG)


def test_equal_texts_are_encoded_once_and_counted_once(ranked: Ranked, model: Model) -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> Float32Array:
        asked.extend(texts)
        return text_encoder(model, prompt="")(texts)

    found = explained(ranked, model, encode=encode)
    assert found.n_texts <= len(asked)
    twice = explained(ranked, model, [*failed_rows(ranked).tolist()] * 2)
    assert twice.n_texts == found.n_texts


def test_turns_change_nothing(
    ranked: Ranked, model: Model, found: Explanations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "FAILURES_AT_A_TIME", 1)
    one_by_one = explained(ranked, model)
    for ours, theirs in zip(one_by_one.failures, found.failures, strict=True):
        assert [d.change for d in ours.deletions] == pytest.approx([d.change for d in theirs.deletions], abs=1e-6)


def test_of_a_long_text_the_words_of_the_parts_that_decide_are_left_out() -> None:
    model = model_of(WordBag(loud))
    other = " ".join(f"filler{i}." for i in range(20))
    rows = [("red house indeed", "red house with gate"), ("blue door", "blue door and wall")]
    ranked = ranked_under(collection_of(rows, f"{other} indeed so. {other}"), model)
    (each,) = explained(ranked, model).failures
    wrong = ranked.document_table.texts[each.wrong]
    left_out = [wrong[d.start : d.end] for d in each.deletions if d.role is TextRole.WRONG]
    assert "indeed" in left_out
    assert 0 < len(left_out) <= deletion.MOST_WORDS
    assert each.best is not None
    text = {TextRole.QUERY: "red house indeed", TextRole.WRONG: wrong}.get(each.best.role, "")
    assert text[each.best.start : each.best.end] == "indeed"


def test_words_come_from_whole_parts_as_long_as_they_fit() -> None:
    words = [(i, i + 1) for i in range(0, 100, 2)]
    assert words_within([(20, 39), (0, 19)], words) == words[:20]
    assert words_within([(0, 80)], words) == words[: deletion.MOST_WORDS]
    assert words_within([(20, 39), (40, 99)], words) == words[10:20]


def test_nothing_to_look_at_is_no_explanation(ranked: Ranked, model: Model) -> None:
    found = explained(ranked, model, [])
    assert (found.failures, found.deciding, found.n_texts, found.one_word.value) == ((), (), 0, None)
    assert model.dim == DIM
