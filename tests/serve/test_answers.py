"""What a typed query is answered with, by a model of which every word's part is known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.served import PAIRS, answers_of
from tests.support.word_models import WordBag

from embedscope.errors import InputError
from embedscope.serve import answers as module
from embedscope.serve.places import MapPlaces


def test_documents_come_by_their_score_with_what_is_known_of_them() -> None:
    found = answers_of("red bus").search("red room", k=3)
    assert [document["text"] for document in found["documents"]][:2] == ["red room park", "red bus"]
    assert [document["rank"] for document in found["documents"]] == [1, 2, 3]
    assert [document["n_relevant_to"] for document in found["documents"]][:2] == [1, 0]
    assert found["documents"][0]["score"] == pytest.approx(2 / 6**0.5, abs=0.15)
    assert {document["is_relevant"] for document in found["documents"]} == {None}


def test_a_query_of_the_test_set_is_known_by_its_text_and_its_documents_are_judged() -> None:
    found = answers_of().search("  red room near park ")
    assert found["test_query"] is not None
    assert found["test_query"]["text"] == PAIRS[0][0]
    assert [document["is_relevant"] for document in found["documents"]] == [True, False, False]
    assert found["relevant"][0]["before"] == {key: found["documents"][0][key] for key in ("score", "rank")}


def test_the_nearest_query_of_the_test_set_is_named() -> None:
    nearest = answers_of().search("old barn here")["nearest"]
    assert nearest is not None
    assert (nearest["text"], nearest["score"] > 0.7) == ("old barn", True)


def test_an_edited_query_tells_where_its_relevant_document_went() -> None:
    answers = answers_of()
    name = answers.corpus.query_named(0)[0]
    [moved] = answers.search("blue flat", edited=name)["relevant"]
    assert moved["document"]["text"] == "red room park"
    assert (moved["before"]["rank"], moved["document"]["rank"] > 1) == (1, True)


def test_an_unknown_id_of_an_edited_query_is_refused() -> None:
    with pytest.raises(InputError, match="no query of this id"):
        answers_of().search("a", edited="nobody")


def test_a_changed_document_moves_among_the_others() -> None:
    answers = answers_of()
    row = next(row for row in range(3) if answers.corpus.documents_named([row])[0][1] == "old wide barn")
    moved = answers.score("red room", "red room", row)
    assert moved["after"] == {"score": pytest.approx(1.0), "rank": 1}
    assert moved["before"]["rank"] > 1
    same = answers.score("red room", "old wide barn", row)
    assert same["before"]["rank"] == same["after"]["rank"]
    assert same["before"]["score"] == pytest.approx(same["after"]["score"])


def test_the_word_that_holds_the_first_document_up_loses_it_most() -> None:
    answers = answers_of()
    rows = [document["row"] for document in answers.search("red room lake")["documents"]]
    words = answers.words("red room lake", rows[0], rows[1])
    of_query = [each for each in words["deletions"] if each["role"] == "query"]
    least = min(of_query, key=lambda each: each["change"])
    assert "red room lake"[least["start"] : least["end"]] in ("red", "room")
    assert max(of_query, key=lambda each: each["change"])["start"] == len("red room ")


def test_offsets_of_words_count_as_javascript_does() -> None:
    words = answers_of().words("🏠 red room", 0, 1)
    starts = [each["start"] for each in words["deletions"] if each["role"] == "query"]
    assert starts == [3, 7]


def test_a_text_of_unknown_words_has_no_vector_and_is_refused() -> None:
    answers = answers_of(encoder=WordBag(lambda word: float(word != "zzz")))
    with pytest.raises(InputError, match="no vector for this text"):
        answers.search("zzz")


def test_nothing_is_encoded_again_and_nothing_is_kept() -> None:
    encoder = WordBag()
    answers = answers_of(encoder=encoder)
    answers.search("blue")
    before = encoder.n_encoded
    answers.search("red")
    assert encoder.n_encoded == before + 1


def test_queries_that_wait_are_encoded_together_once_and_the_last_ones_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    encoder = WordBag()
    answers = answers_of(encoder=encoder)
    answers.search("blue")
    before = encoder.n_encoded
    answers.encode_ahead(["red", "red room", "red"])
    assert encoder.n_encoded == before + 2
    answers.encode_ahead(["red", "old"])  # the first has its vector: the other one is encoded in its turn
    assert answers.search("red room")["documents"] == answers.search(" red room ")["documents"]
    assert encoder.n_encoded == before + 2
    answers.encode_ahead(["old", "barn"])
    assert encoder.n_encoded == before + 4
    answers.search("red")
    assert encoder.n_encoded == before + 5


def test_a_query_of_the_test_set_has_the_vector_of_the_run_and_is_not_encoded() -> None:
    encoder = WordBag()
    answers = answers_of(encoder=encoder)
    answers.search("blue")
    before = encoder.n_encoded
    answers.encode_ahead([PAIRS[0][0]])
    found = answers.search(PAIRS[0][0])
    assert encoder.n_encoded == before
    assert found["nearest"] is not None
    assert found["nearest"]["score"] == pytest.approx(1.0)


def test_a_text_that_reads_like_an_id_is_no_query_of_the_test_set() -> None:
    answers = answers_of()
    name = answers.corpus.query_named(1)[0]
    found = answers.search(name)
    assert (found["test_query"], found["relevant"]) == (None, [])
    assert {document["is_relevant"] for document in found["documents"]} == {None}
    with pytest.raises(InputError, match="no query of this id"):
        answers.search("red", edited=PAIRS[0][0])


def test_equal_scores_share_the_better_rank() -> None:
    pairs = [("red", "red"), ("blue", "blue")]
    documents = answers_of("green", "brown", pairs=pairs, encoder=WordBag(lambda word: 1.0)).search("red", k=4)
    assert documents["documents"][0]["rank"] == 1


def test_a_place_lies_amid_the_nearest_points() -> None:
    places = MapPlaces(np.arange(30), {"tsne": np.repeat([[0.0, 0.0], [9.0, 9.0]], 15, axis=0)})
    similarity = np.concatenate([np.zeros(15), np.ones(15)]).astype(np.float32)
    assert places.around(similarity) == {"tsne": [9.0, 9.0]}
