"""What a word of a query tells is read from the collection: no list of words, in any script."""

from __future__ import annotations

import math

import pytest

from embedscope.diagnose.shared_words import Vocabulary, WordKind, quoted, terms

DOCUMENTS = (
    "Hotels in Lisbon near the harbour, 2 stars",
    "A hotel in Porto near the river, 3 stars",
    "Rooms in Lisbon with a garden, 3 beds",
    *(f"A plain text about matter {chr(97 + i)}{chr(98 + i)}" for i in range(17)),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P10, 2,5 kg", ["p", "10", "2.5", "kg"]),
        ("Café 25m²", ["cafe", "25", "m", "2"]),
        ("数据库连接", ["数据", "据库", "库连", "连接"]),
        ("", []),
    ],
)
def test_words_have_letters_and_digits_apart_and_scripts_without_blanks_give_pairs(
    text: str, expected: list[str]
) -> None:
    assert list(terms(text)) == expected


def test_words_are_quoted_as_they_are_written() -> None:
    asked = terms("Crème brûlée in Lisbon today")
    assert quoted(["creme"], asked) == "'Crème'"
    assert quoted(["creme", "lisbon"], asked) == "'Crème' and 'Lisbon'"
    assert quoted(["creme", "lisbon", "today", "in"], asked, "or") == "'Crème', 'Lisbon' or 'today'"


def test_a_word_is_a_name_where_the_documents_write_it_as_one_whatever_the_query_does() -> None:
    vocabulary = Vocabulary(["hotel in lisbon, 3 stars, no garden"], DOCUMENTS, frozenset({"no"}))
    kinds = {word: vocabulary.kind(word) for word in ("lisbon", "3", "garden", "no", "stars", "in")}
    assert kinds == {
        "lisbon": WordKind.NAME,
        "3": WordKind.NUMBER,
        "garden": WordKind.RARE,
        "no": WordKind.NEGATION,
        "stars": WordKind.WORD,
        "in": WordKind.WORD,
    }


def test_the_weight_of_a_word_is_its_inverse_document_frequency() -> None:
    vocabulary = Vocabulary(["lisbon atlantis"], DOCUMENTS)
    assert vocabulary.weight("lisbon") == pytest.approx(math.log(21 / 3))
    assert vocabulary.weight("atlantis") == pytest.approx(math.log(21))


def test_only_words_of_few_documents_tell_and_they_are_put_by_which_of_the_two_has_them() -> None:
    query = "a hotel in lisbon near the harbour 3 atlantis"
    vocabulary = Vocabulary([query], DOCUMENTS)
    found = vocabulary.shared(query, vocabulary.held(0), vocabulary.held(1))
    assert found.missed == ("harbour", "lisbon")
    assert found.lured == ("hotel", "3")
    assert set(found.both) == {"near", "the"}  # 2 of 20 documents
    assert (found.neither, found.unknown) == ((), ("atlantis",))
    assert vocabulary.n_with(frozenset({"near", "the"})) == 2
