"""Texts as they are cut and cleaned for a picture."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.output.pictures.text_layout import (
    ELLIPSIS,
    PLACEHOLDER,
    clusters,
    differing_parts,
    display_width,
    ellipsis,
    plain,
    wrap,
)

FAMILY = "👨‍👩‍👧‍👦"
SAMPLES = (
    "e\u0301a", FAMILY + "x", "👍🏽👍", "🇻🇳🇯🇵🇫", "1\ufe0f\u20e3", "❤\ufe0f", "한국어", "\u1112\u1161\u11ab",
    "नमस्ते", "น้ำ", "abc", "🏴\U000e0067\U000e0062\U000e007f!", "a\u200db", "Phòng trọ",
)  # fmt: skip


class TestClusters:
    @pytest.mark.parametrize("text", SAMPLES)
    def test_are_those_of_the_unicode_rules(self, text: str) -> None:
        regex = pytest.importorskip("regex")
        assert clusters(text) == regex.findall(r"\X", text)

    @given(st.text(max_size=40))
    def test_put_together_are_the_text(self, text: str) -> None:
        assert "".join(clusters(text)) == text

    @pytest.mark.parametrize(
        ("text", "width"),
        [
            ("abc", 3),
            ("中文", 4),
            ("e\u0301", 1),
            (FAMILY, 2),
            ("🇻🇳", 2),
            ("❤\ufe0f", 2),
            ("", 0),
            ("سلام", 4),
            ("한", 2),
        ],
    )
    def test_are_as_wide_as_a_reader_sees_them(self, text: str, width: int) -> None:
        assert display_width(text) == width


class TestEllipsis:
    @given(st.text(max_size=60), st.integers(1, 30))
    def test_never_exceeds_the_limit_and_never_cuts_within_a_character(self, text: str, limit: int) -> None:
        cut = ellipsis(text, limit)
        assert display_width(cut) <= limit
        if cut != text:
            kept = cut.removesuffix(ELLIPSIS)
            whole = ["".join(clusters(text)[:n]).rstrip() for n in range(len(clusters(text)))]
            assert kept in whole

    @pytest.mark.parametrize(
        ("text", "limit", "expected"),
        [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("ab cdef", 4, "ab…"),
            (FAMILY * 3, 5, FAMILY * 2 + "…"),
            ("中文字符", 6, "中文…"),
            ("anything", 1, "…"),
        ],
    )
    def test_keeps_the_longest_beginning_that_fits(self, text: str, limit: int, expected: str) -> None:
        assert ellipsis(text, limit) == expected

    def test_takes_any_measure(self) -> None:
        assert ellipsis("iiiiWWWW", 10, lambda text: sum(5 if char == "W" else 1 for char in text)) == "iiiiW…"


class TestWrap:
    def test_breaks_at_spaces_and_ends_the_last_line_with_an_ellipsis(self) -> None:
        assert wrap("one two three four five six", 10) == ["one two", "three fou…"]

    def test_breaks_within_a_text_without_spaces(self) -> None:
        assert wrap("中文中文中文中文", 10, max_lines=3) == ["中文中文", "中文中文"]

    def test_leaves_a_short_text_on_one_line(self) -> None:
        assert wrap("short", 10) == ["short"]

    @given(st.text(max_size=80), st.integers(2, 20))
    def test_no_line_is_too_long(self, text: str, limit: int) -> None:
        assert all(display_width(line) <= limit for line in wrap(text, limit))


class TestPlain:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("one\ntwo\r\n\tthree\x00", "one two three"),
            ("\u202eabc\u202c\u2066d\u2069", "abcd"),
            ("\ufeffa\u200bb\u00adc", "abc"),
            ("e\u0301", "é"),
            ("a\u2028b\u00a0c", "a b c"),
            (FAMILY, FAMILY),
            (r"$\frac{ _^ %#", r"$\frac{ _^ %#"),
            ("", ""),
        ],
    )
    def test_is_one_harmless_line(self, text: str, expected: str) -> None:
        assert plain(text) == expected

    @given(st.text(max_size=100))
    def test_has_no_control_character_and_no_direction_override(self, text: str) -> None:
        left = plain(text)
        assert not {unicodedata.category(char) for char in left} & {"Cc", "Cs", "Zl", "Zp"}
        assert not set(left) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")

    def test_replaces_what_no_font_has(self) -> None:
        assert plain("a\ue000b\U000f0000", lambda char: char.isascii()) == f"a{PLACEHOLDER}b{PLACEHOLDER}"
        assert plain("x\u0331y", lambda char: char.isascii()) == "xy"

    def test_cuts_a_text_of_megabytes_before_measuring_it(self) -> None:
        assert len(plain("word " * 1_000_000)) < 2_100

    def test_keeps_four_of_many_marks(self) -> None:
        assert len(plain("x" + "\u0301" * 200)) == 5


class TestDifferingParts:
    @staticmethod
    def shown(*texts: str) -> list[str]:
        def fit(text: str) -> str:
            return ellipsis(text, 20)

        return [fit(text) for text in differing_parts(texts, fit)]

    def test_texts_that_differ_where_they_are_cut_stay_as_they_are(self) -> None:
        assert self.shown("a red house", "a blue house by the sea") == ["a red house", "a blue house by the…"]

    def test_texts_that_begin_alike_are_shown_from_where_they_differ_with_the_words_that_fit_before(self) -> None:
        assert self.shown("room with bath, kitchen and a balcony", "room with bath, kitchen and a garden", "other") == [
            "…and a balcony",
            "…and a garden",
            "other",
        ]

    def test_equal_texts_are_not_told_apart(self) -> None:
        text = "the same text that is too long to be shown"
        assert self.shown(text, text) == [ellipsis(text, 20)] * 2

    def test_of_three_texts_two_may_go_on_alike(self) -> None:
        common = "x" * 30
        assert len(set(self.shown(f"{common} one {common} a", f"{common} one {common} b", f"{common} two"))) == 3
