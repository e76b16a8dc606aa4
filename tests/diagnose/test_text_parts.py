"""Parts of texts: words of any script, and texts that stay well-formed without one of them."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.diagnose.text_parts import MOST_PARTS, PART_WORDS, parts, respelt, sentence_spans, without, word_spans

TEXTS = st.text(max_size=60).map(lambda text: unicodedata.normalize("NFC", text))


def words_in(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two words, no more.", ["Two", "words", "no", "more"]),
        ("from -5 to +3.25, or 1,250.50", ["from", "-5", "to", "+3.25", "or", "1,250.50"]),
        ("$3.99 and 5% of 1\u202f000 €", ["$3.99", "and", "5%", "of", "1\u202f000"]),
        ("at 10:30 on 2020-01-31", ["at", "10:30", "on", "2020-01-31"]),
        ("don't use foo_bar(), std::vector or --flag", ["don't", "use", "foo_bar()", "std::vector", "or", "--flag"]),
        ("C++, C# and a@b.org", ["C++", "C#", "and", "a@b.org"]),
        ("Gò Vấp, 3tr5", ["Gò", "Vấp", "3tr5"]),
        ("मैं किताब पढ़ता हूँ।", ["मैं", "किताब", "पढ़ता", "हूँ"]),
        ("我想买自行车", ["我想", "买自", "行车"]),
        ("我想买一辆车", ["我想", "买一", "辆车"]),
        ("自行车", ["自行车"]),
        ("車を買う", ["車", "を", "買", "う"]),
        ("トヨタのカローラ", ["トヨタ", "の", "カローラ"]),
        ("3室2厅", ["3", "室", "2", "厅"]),
        ("집을 3채 샀다", ["집을", "3채", "샀다"]),
        ("... !? —", []),
        ("", []),
    ],
)
def test_words_of_any_script_numbers_and_identifiers_are_whole(text: str, expected: list[str]) -> None:
    assert words_in(text) == expected


def test_a_thai_run_is_cut_between_letters_and_their_marks() -> None:
    text = "ต้องการเช่าห้อง"
    assert "".join(words_in(text)) == text
    assert not any(unicodedata.combining(word[0]) or unicodedata.category(word[0]) == "Mn" for word in words_in(text))


@given(TEXTS)
def test_words_do_not_overlap_and_hold_every_letter_and_digit(text: str) -> None:
    spans = word_spans(text)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    inside = {place for start, end in spans for place in range(start, end)}
    assert {place for place, letter in enumerate(text) if letter.isalnum()} <= inside


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("one two three", "two", "one three"),
        ("one two three", "one", "two three"),
        ("one two three", "three", "one two"),
        ("one two, three", "two", "one, three"),
        ("one (two three)", "two", "one (three)"),
        ("end here. Next", "here", "end. Next"),
        ("a line\ntwo three", "two", "a line\nthree"),
        ("我想买车", "买车", "我想"),
    ],
)
def test_a_word_goes_with_a_blank_beside_it(text: str, word: str, expected: str) -> None:
    start = text.index(word)
    assert without(text, (start, start + len(word))) == expected


@given(TEXTS)
def test_without_a_word_the_other_words_stay(text: str) -> None:
    for span in word_spans(text):
        left = without(text, span)
        assert sum(map(str.isalnum, left)) == sum(map(str.isalnum, text)) - sum(map(str.isalnum, text[slice(*span)]))


def test_sentences_end_at_marks_before_a_blank_at_lines_and_at_marks_of_other_scripts() -> None:
    text = 'One. "Two!" three 3.5 m\nfour。五六！ ...'
    assert [text[start:end] for start, end in sentence_spans(text)] == [
        "One.", '"Two!"', "three 3.5 m", "four。", "五六！",
    ]  # fmt: skip


@given(st.lists(st.integers(1, 40), max_size=30))
def test_parts_are_few_and_hold_every_word_once(lengths: list[int]) -> None:
    text = " ".join(" ".join(["word"] * n) + "." for n in lengths)
    words = word_spans(text)
    found = parts(text, words)
    assert len(found) <= MOST_PARTS
    assert [sum(start <= word[0] and word[1] <= end for start, end in found) for word in words] == [1] * len(words)
    if sum(-(-n // PART_WORDS) for n in lengths) <= MOST_PARTS:
        assert all(sum(start <= word[0] < end for word in words) <= PART_WORDS for start, end in found)


@given(TEXTS, st.integers(0, 5))
def test_a_respelling_keeps_length_script_and_all_other_letters_and_is_the_same_again(text: str, seed: int) -> None:
    for start, end in word_spans(text):
        changed = respelt(text, (start, end), seed=seed)
        assert changed == respelt(text, (start, end), seed=seed)
        assert (changed[:start], changed[end:]) == (text[:start], text[end:])
        for old, new in zip(text[start:end], changed[start:end], strict=True):
            assert unicodedata.category(old) == unicodedata.category(new)


@pytest.mark.parametrize("word", ["house", "NHÀ", "Ростов", "1250", "自行车", "집"])
def test_every_letter_of_a_word_becomes_another(word: str) -> None:
    changed = respelt(word, (0, len(word)), seed=3)
    assert all(old != new for old, new in zip(word, changed, strict=True))
    assert changed != respelt(word, (0, len(word)), seed=4)
