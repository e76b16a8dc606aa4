"""Maps of short forms: applied in both directions, read from TOML, refused where they are broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedscope.errors import InvalidOptionError
from embedscope.measure.abbreviations import Abbreviation, Abbreviations, load_abbreviations
from embedscope.measure.perturbations import standard_perturbations

KNOWN = Abbreviations(
    (
        Abbreviation("máy lạnh", ("ml",)),
        Abbreviation("quận {n}", ("q{n}", "q.{n}")),
        Abbreviation("đại học", ("đh",)),
        Abbreviation("diện tích", ("dt",)),
        Abbreviation("điện thoại", ("đt",)),
    )
)


def test_words_are_abbreviated_and_spelled_out_with_their_numbers() -> None:
    assert KNOWN.shortened("Quận 10 có  máy  lạnh") == "q10 có  ml"
    assert KNOWN.spelled_out("Q.10 gần ĐH, ML") == "quận 10 gần đại học, máy lạnh"
    assert KNOWN.spelled_out("trọ q3 và q12") == "trọ quận 3 và quận 12"


def test_texts_without_diacritics_are_matched_and_written_without() -> None:
    assert KNOWN.shortened("co may lanh quan 5") == "co ml q5"
    assert KNOWN.spelled_out("gan dh q5") == "gan dai hoc quan 5"


def test_parts_of_words_and_unknown_words_stay() -> None:
    assert KNOWN.shortened("máy lạnhh quận bảy") == "máy lạnhh quận bảy"
    assert KNOWN.spelled_out("html q10a") == "html q10a"


def test_a_short_form_right_after_a_number_is_a_unit() -> None:
    assert KNOWN.spelled_out("500 ml") == "500 ml"


def test_a_map_of_ones_own_applies_to_every_language() -> None:
    own = Abbreviations((Abbreviation("machine learning", ("ML",)),))
    assert own.spelled_out("ML engineer") == "machine learning engineer"
    assert own.shortened("machine learning engineer") == "ML engineer"


def test_of_two_forms_that_are_the_same_without_diacritics_the_first_stands() -> None:
    assert KNOWN.spelled_out("dt 20") == "dien tich 20"
    assert KNOWN.spelled_out("đt và dt") == "điện thoại và diện tích"


def test_letters_that_fold_unusually_do_no_harm() -> None:
    assert Abbreviations((Abbreviation("inch", ("in",)),)).spelled_out("İN ıN") is not None


def test_a_map_of_ones_own_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[pairs]\n"square metre" = ["sqm", "m2"]\n"room {n}" = "rm{n}"\n', encoding="utf-8")
    own = load_abbreviations(path)
    assert own.shortened("room 4, 20 square metre") == "rm4, 20 sqm"
    names = [each.name for each in standard_perturbations(abbreviations=own)]
    assert "abbreviated" in names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[pairs", "not valid TOML"),
        ("", "must hold one table"),
        ('[other]\n"a" = "b"', "it holds 'other'"),
        ('[pairs]\n"long" = 3', "entry 'long': expected one short form"),
        ('[pairs]\n"long" = []', "entry 'long'"),
        ('[pairs]\n"room {n}" = "rm"', "a number would be lost"),
        ('[pairs]\n"one" = "o"\n"other" = "O"', "two meanings, 'one' and 'other'"),
    ],
)
def test_a_broken_map_is_refused_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidOptionError, match=message) as caught:
        load_abbreviations(path)
    assert "own.toml" in str(caught.value)


def test_a_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="FileNotFoundError"):
        load_abbreviations(tmp_path / "none.toml")
