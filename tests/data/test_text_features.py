"""What is seen in a text without a model."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.data.text_features import (
    DiacriticWords,
    has_abbreviation,
    has_diacritics,
    has_unit,
    is_mojibake,
    is_nfc,
    is_nothing_but_placeholder,
    placeholder,
    script,
    strip_diacritics,
    unmangled,
    words,
)
from embedscope.packs.rental_vi import PACK


def test_diacritics_are_stripped_and_seen() -> None:
    assert strip_diacritics("Đường Nguyễn Trãi") == "Duong Nguyen Trai"
    assert has_diacritics("đ")
    assert not has_diacritics("m2")


@given(st.text())
def test_stripping_twice_changes_nothing_more(text: str) -> None:
    once = strip_diacritics(text)
    assert strip_diacritics(once) == once
    assert unicodedata.is_normalized("NFC", once)


def test_a_text_that_lost_its_diacritics_is_told_from_one_in_another_language() -> None:
    spelt = DiacriticWords(["phòng trọ gần chợ Bà Chiểu", "phòng có ban công"])
    assert spelt.lacks("phong tro gan cho")
    assert not spelt.lacks("phòng tro gan cho")
    assert not spelt.lacks("room with a balcony near the market")
    assert not spelt.lacks("")


@pytest.mark.parametrize(
    ("text", "expected"), [("phòng", "Latin"), ("带阳台的公寓", "Han"), ("квартира", "Cyrillic"), ("12!", "none")]
)
def test_the_script_is_that_of_most_letters(text: str, expected: str) -> None:
    assert script(text) == expected


def test_units_and_abbreviations_are_seen() -> None:
    assert has_unit("5tr", PACK.units)
    assert has_unit("25 m²")
    assert not has_unit("25 phòng", PACK.units)
    assert has_abbreviation("có wc riêng")
    assert not has_abbreviation("có bếp")


@pytest.mark.parametrize("text", ["25 m²", "20m2", "20 m^2", "5%", "80 km", "€5", "$ 5", "5 €", "₫500", "3 GB"])
def test_symbols_of_units_and_currencies_are_seen_in_every_language(text: str) -> None:
    assert has_unit(text)


@pytest.mark.parametrize("text", ["5tr", "5 million", "25 rooms", "mm", "5-6", "(5)", "$", "3D", "1st"])
def test_words_after_a_number_are_units_only_where_they_are_known(text: str) -> None:
    assert not has_unit(text)


@pytest.mark.parametrize(
    "text",
    ["{pos}", "xem {{ title }} nhé", "${name}", "%(city)s", "N/A", "null", "[TEXT]", " TODO ", "{{title}} in {{city}}"],
)
def test_unfilled_templates_are_placeholders(text: str) -> None:
    assert placeholder(text) is not None


@pytest.mark.parametrize("text", ["phòng {25m2}", "null pointer", "giá 5tr (thương lượng)", "{a b}", "[quận 1]"])
def test_braces_and_words_of_content_are_no_placeholders(text: str) -> None:
    assert placeholder(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "An f-string replaces {name} by the value of the variable",
        "how does {name} work in python f-string",
        "Use printf %(name)s",
        "what does {{ user }} mean in jinja",
        "use the ${HOME} variable",
    ],
)
def test_a_text_that_speaks_of_a_template_is_no_placeholder(text: str) -> None:
    assert placeholder(text) is None


def test_only_a_text_without_a_word_of_its_own_is_nothing_but_a_placeholder() -> None:
    assert is_nothing_but_placeholder("{pos}.")
    assert is_nothing_but_placeholder("N/A")
    assert not is_nothing_but_placeholder("{{title}} in {{city}}")
    assert not is_nothing_but_placeholder("phòng trọ")


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("PhÃ²ng trá»", "Phòng trá»"),
        ("â€œxin chàoâ€", "“xin chàoâ€"),
        ("phòng trọ quáº\xadn 1", "phòng trọ quận 1"),
        ("phòng 25mÂ² ở quận 1", "phòng 25m² ở quận 1"),
        ("phòng ðŸ\x8f\xa0 đẹp", "phòng 🏠 đẹp"),
    ],
)
def test_a_text_that_is_broken_in_part_is_restored_where_it_can_be_read(text: str, fixed: str) -> None:
    assert is_mojibake(text)
    assert unmangled(text) == fixed


@pytest.mark.parametrize("text", ["“THỊ XÃ”", "«CAFÉ»", "ÁO ÂN", "Ã", "“CHÂN”", "giá° ?", "naïve façade", "Ä, Ö, Ü"])
def test_letters_that_mojibake_is_made_of_are_no_mojibake_by_themselves(text: str) -> None:
    assert not is_mojibake(text)


@given(st.text(alphabet="áàảãạéèếíóôơúưýđ abcxyz", min_size=3, max_size=40).filter(lambda t: has_diacritics(t)))
def test_utf8_read_as_windows_1252_is_restored(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    mangled = "".join(
        chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252")
        for byte in text.encode()
    )
    assert unmangled(mangled) == text


def test_mojibake_is_seen_and_proper_text_is_not() -> None:
    assert is_mojibake("phÃ²ng trá»\x8d cÃ³ gÃ¡c")
    assert is_mojibake("ph\N{REPLACEMENT CHARACTER}ng")
    assert not is_mojibake("phòng trọ có gác")
    assert not is_mojibake("SÃO PAULO")


def test_words_and_normal_form() -> None:
    assert words("Phòng Q.10!") == ["phòng", "q", "10"]
    assert is_nfc("phòng")
    assert not is_nfc(unicodedata.normalize("NFD", "phòng"))
