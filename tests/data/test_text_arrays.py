"""Words of many texts at once: those that a regular expression finds in each."""

from __future__ import annotations

import re
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.data.text_arrays import CodePoints, Pieces, blocks, letters_and_numbers, words_and_characters

CHARACTERS = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
MARKS = "".join(chr(code) for code in range(0x300, 0x12000) if unicodedata.category(chr(code)).startswith("M"))
WORD_OR_CHARACTER = re.compile(f"([{CHARACTERS}][{MARKS}]*)|([^\\W_{CHARACTERS}](?:[^\\W_{CHARACTERS}]|[{MARKS}])*)")
LETTERS_OR_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)|([^\W\d_]+)")

LETTERS = st.sampled_from(
    [*"aBß09٣², ._-'::/\n", *"中文กำはタ", "\u0301", "\u0e31", "\u093f", "\u3099", "न", "é", "\ud800"]
)
TEXTS = st.lists(st.text(LETTERS, max_size=12), max_size=6)


def found(pieces: Pieces) -> list[tuple[int, int, str, bool]]:
    """The text of each piece, where it begins in it, what it is, and its kind."""
    places = pieces.starts - pieces.points.starts[pieces.texts]
    columns = (pieces.texts.tolist(), places.tolist(), pieces.strings(), pieces.is_other.tolist())
    return list(zip(*columns, strict=True))


def expected(pattern: re.Pattern[str], texts: list[str]) -> list[tuple[int, int, str, bool]]:
    return [
        (row, match.start(), match[0], match.lastindex == 1)
        for row, text in enumerate(texts)
        for match in pattern.finditer(text)
    ]


@given(TEXTS)
def test_words_and_characters_are_those_that_a_regular_expression_finds(texts: list[str]) -> None:
    assert found(words_and_characters(CodePoints.of(texts))) == expected(WORD_OR_CHARACTER, texts)


@given(TEXTS)
def test_letters_and_numbers_are_those_that_a_regular_expression_finds(texts: list[str]) -> None:
    assert found(letters_and_numbers(CodePoints.of(texts))) == expected(LETTERS_OR_NUMBER, texts)


@pytest.mark.parametrize("around", ["{}", "a{}", "中{}a", "1{}1"])
def test_every_character_of_unicode_is_of_the_kind_that_the_regular_expressions_make_it(around: str) -> None:
    texts = [around.format(chr(code)) for code in range(0x32000) if code != ord("\n")]
    assert sys.maxunicode > len(texts)
    points = CodePoints.of(texts)
    assert found(words_and_characters(points)) == expected(WORD_OR_CHARACTER, texts)
    assert found(letters_and_numbers(points)) == expected(LETTERS_OR_NUMBER, texts)


@given(TEXTS, st.integers(1, 20))
def test_blocks_hold_every_text_once_in_order_and_at_most_so_many_characters(texts: list[str], most: int) -> None:
    parts = list(blocks(texts, most=most))
    assert [text for _, part in parts for text in part] == texts
    assert [first for first, _ in parts] == np.cumsum([0, *(len(part) for _, part in parts)])[:-1].tolist()
    assert all(len(part) == 1 or sum(map(len, part)) <= most for _, part in parts)
