"""Perturbations: hand-worked texts, one property for each, and what must stay as it is."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidOptionError
from embedscope.measure.perturbations import (
    Perturbation,
    neighbour_key,
    perturb,
    spacing_slip,
    standard_perturbations,
    swapped_letters,
    telex_keys,
    without_diacritics,
)
from embedscope.packs.rental_vi.abbreviations import Abbreviation, Abbreviations, load_abbreviations
from embedscope.packs.rental_vi.number_formats import in_another_format
from embedscope.packs.rental_vi.telex import telex

texts = st.text(alphabet=st.sampled_from("abcdeghikmnop qrtuvđăâêôơưáàảãạếờỹ 0123456789.,k-ABĐ中文กำ"), max_size=60)
seeds = st.integers(0, 2**32)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_name(name: str) -> Perturbation:
    return next(each for each in standard_perturbations() if each.name == name)


# --- all of them ----------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(texts, seeds)
def test_every_perturbation_takes_any_text_and_gives_the_same_text_for_the_same_seed(text: str, seed: int) -> None:
    for perturbation in standard_perturbations():
        (found,) = perturb([text], perturbation, seed=seed)
        assert found == perturb([text], perturbation, seed=seed)[0]
        assert found == unicodedata.normalize("NFC", found).strip()


def test_a_text_is_perturbed_alike_whatever_stands_beside_it() -> None:
    one, two = "căn phòng rộng rãi thoáng mát", "nhà nguyên căn hai tầng lầu"
    for perturbation in standard_perturbations():
        assert perturb([one, two], perturbation, seed=1)[1] == perturb([two], perturbation, seed=1)[0]


def test_another_seed_makes_other_slips() -> None:
    text = "spacious apartment near the central station with garden"
    slips = {perturb([text], by_name("swap"), seed=seed)[0] for seed in range(12)}
    assert len(slips) > 4


def test_names_are_stable_and_distinct() -> None:
    assert [each.name for each in standard_perturbations()] == [
        "no-diacritics",
        "telex",
        "neighbour-key",
        "swap",
        "lower-case",
        "upper-case",
        "spacing",
        "number-format",
        "abbreviated",
        "spelled-out",
    ]


FOREIGN = (
    "ML engineer", "Washington DC", "vitamin K for 500 ml", "St. Petersburg", "2,500,000 people", "Q4 results, 2 pn",
    "revenue of 5,500,000 VND in Q3", "学区房 三室两厅", "شقة للإيجار", "https://example.org/ML/st?q=10",
    "🏠 2,500,000",
    "def st(k): return dc[k]", "the can is in the ho tel", "il costo è 2.500.000",
)  # fmt: skip


@pytest.mark.parametrize("text", FOREIGN)
def test_texts_in_other_languages_get_no_vietnamese_perturbation(text: str) -> None:
    for name in ("telex", "number-format", "abbreviated", "spelled-out"):
        assert perturb([text], by_name(name), seed=3) == (text,)


NOT_ABOUT_NUMBERS = ("no-diacritics", "telex", "neighbour-key", "swap", "lower-case", "upper-case", "spacing",
                     "abbreviated", "spelled-out")  # fmt: skip
_PIECES = st.sampled_from(
    ("phòng", "trọ", "q10", "25m2", "5tr5", "500", "ml", "k", "giá", "apartment", "Straße", "مدينة", "房间很大",
     "한국어로",
     "🏠", "👩‍🚀", "https://a.org/b?c=1", "x_y(z)", "a@b.org", "6,000,000", "3.14", "ห้องเช่า", "quận 3", "máy lạnh", "7")
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(_PIECES, min_size=1, max_size=9).map(" ".join), seeds)
def test_perturbations_keep_texts_filled_and_numbers_as_they_are(text: str, seed: int) -> None:
    numbers = re.findall(r"\d+", text)
    for perturbation in standard_perturbations():
        (found,) = perturb([text], perturbation, seed=seed)
        assert found
        if perturbation.name in NOT_ABOUT_NUMBERS:
            assert re.findall(r"\d+", found) == numbers, perturbation.name


@settings(max_examples=60)
@given(seeds)
def test_slips_spare_addresses_code_and_scripts_that_are_not_spelt(seed: int) -> None:
    text = "https://example.org/find?name=value someVariable_name(value) person@example.org 我想租一个房间 ห้องเช่า 👩‍🚀"
    for name in ("neighbour-key", "swap", "spacing"):
        assert perturb([text], by_name(name), seed=seed) == (text,)


# --- diacritics and Telex -------------------------------------------------------------------------------------------


def test_diacritics_go_from_latin_letters_and_stay_where_they_are_letters() -> None:
    assert without_diacritics("Phòng đẹp ở Đà Lạt, café") == "Phong dep o Da Lat, cafe"
    assert without_diacritics("น้ำ हिन्दी") == "น้ำ हिन्दी"
    assert without_diacritics(unicodedata.normalize("NFD", "nước")) == "nuoc"


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("phòng", "phongf"),
        ("trọ", "troj"),
        ("đường", "dduwowngf"),
        ("ưu", "uwu"),
        ("Đà", "Ddaf"),
        ("riêng", "rieeng"),
        ("ăn", "awn"),
        ("cũ", "cux"),
        ("ở", "owr"),
        ("ấm", "aams"),
        ("plain", "plain"),
    ],
)
def test_telex_types_letters_and_then_the_tone(word: str, keys: str) -> None:
    assert telex(word) == keys


def test_telex_slips_hit_vietnamese_texts_only() -> None:
    assert telex_keys("une école près du château", generator()) == "une école près du château"
    text = "phòng trọ rộng gần trường học"
    found = telex_keys(text, generator())
    changed = [(a, b) for a, b in zip(text.split(), found.split(), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][1] == telex(changed[0][0])


# --- slips ----------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(st.lists(st.text("abcdefghij", min_size=4, max_size=9), min_size=1, max_size=12), seeds)
def test_a_neighbouring_key_changes_one_letter_of_one_word_in_five(words: list[str], seed: int) -> None:
    text = " ".join(words)
    found = neighbour_key(text, generator(seed))
    assert len(found) == len(text)
    assert sum(a != b for a, b in zip(text, found, strict=True)) == max(1, round(len(words) / 5))


@settings(max_examples=100)
@given(st.lists(st.permutations("abcdef").map("".join), min_size=1, max_size=12), seeds)
def test_a_swap_exchanges_two_letters_and_keeps_the_first(words: list[str], seed: int) -> None:
    found = swapped_letters(" ".join(words), generator(seed)).split()
    changed = [(a, b) for a, b in zip(words, found, strict=True) if a != b]
    assert len(changed) == max(1, round(len(words) / 5))
    for before, after in changed:
        assert sorted(before) == sorted(after)
        assert before[0] == after[0]
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 2


@settings(max_examples=100)
@given(texts, seeds)
def test_spacing_changes_spaces_and_nothing_else(text: str, seed: int) -> None:
    assert "".join(spacing_slip(text, generator(seed)).split()) == "".join(text.split())


def test_spacing_loses_or_puts_in_one_space_in_a_short_text() -> None:
    found = {spacing_slip("quiet room", generator(seed)) for seed in range(60)}
    assert "quietroom" in found
    assert any(text.count(" ") == 2 for text in found)
    assert "quiet room" not in found


def test_short_words_numbers_and_words_of_one_letter_are_left_alone() -> None:
    for slip in (neighbour_key, swapped_letters):
        assert slip("q10 5tr5 a bb ccc 25m2", generator()) == "q10 5tr5 a bb ccc 25m2"
    assert swapped_letters("zzzz", generator()) == "zzzz"
    assert spacing_slip("", generator()) == ""


# --- amounts --------------------------------------------------------------------------------------------------------


def formats(text: str) -> set[str]:
    return {in_another_format(text, generator(seed)) for seed in range(40)}


@pytest.mark.parametrize(
    ("amount", "others"),
    [
        ("5tr5", {"5.5 triệu", "5,500,000"}),
        ("5.5 triệu", {"5tr5", "5,500,000"}),
        ("5,5tr", {"5tr5", "5,500,000"}),
        ("5 triệu rưỡi", {"5tr5", "5,500,000"}),
        ("5,500,000", {"5tr5", "5.5 triệu"}),
        ("5.500.000đ", {"5tr5", "5.5 triệu"}),
        ("6 triệu", {"6,000,000"}),
        ("2tr25", {"2.25 triệu", "2,250,000"}),
        ("500k", {"500,000"}),
        ("500 nghìn", {"500,000"}),
        ("850,000", {"850k"}),
        ("12 củ", {"12,000,000"}),
    ],
)
def test_an_amount_is_written_in_its_other_formats(amount: str, others: set[str]) -> None:
    assert formats(f"giá {amount} một tháng") == {f"giá {other} một tháng" for other in others}


def test_a_text_without_diacritics_is_given_none() -> None:
    assert formats("gia 5tr5") == {"gia 5.5 trieu", "gia 5,500,000"}


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("hơn 2 triệu người dùng", {"hơn 2,000,000 người dùng"}),
        ("có 2,500,000 người ở đây", {"có 2,500,000 người ở đây"}),
        ("mua 12 củ hành", {"mua 12 củ hành"}),
        ("chạy bộ 10k mỗi ngày", {"chạy bộ 10k mỗi ngày"}),
        ("phòng trọ 2.500.000đ", {"phòng trọ 2tr5", "phòng trọ 2.5 triệu"}),
    ],
)
def test_only_money_is_written_as_money(text: str, others: set[str]) -> None:
    assert formats(text) == others


@pytest.mark.parametrize(
    "text",
    ["25m2 q10", "nhà 3 tầng", "từ 4-5tr", "5 triệu 5 trăm", "4k monitor", "năm 2024", "3.14", "v1.2.3", "5tr5m2"],
)
def test_what_is_no_amount_or_means_more_than_it_says_stays(text: str) -> None:
    assert formats(text) == {text}


@settings(max_examples=100)
@given(st.integers(1, 99_999), seeds)
def test_an_amount_keeps_its_value_through_any_number_of_rewritings(thousands: int, seed: int) -> None:
    rng = generator(seed)
    text = f"{thousands * 1000:,} đ"
    for _ in range(6):
        text = in_another_format(text, rng)
    whole, part = divmod(thousands, 1000)
    digits = f"{part:03d}".rstrip("0")
    decimal = f"{whole}.{digits}" if digits else f"{whole}"
    assert text.removesuffix(" đ") in {
        f"{thousands * 1000:,}",
        f"{thousands}k",
        f"{whole}tr{digits}",
        f"{decimal} triệu",
        f"{decimal} trieu",
    }


# --- abbreviations --------------------------------------------------------------------------------------------------

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


def test_a_short_form_right_after_a_number_is_a_unit_unless_the_number_is_its_own() -> None:
    shipped = load_abbreviations()
    assert shipped.spelled_out("chai nước 500 ml ở quận 3") == "chai nước 500 ml ở quận 3"
    assert shipped.spelled_out("giá thuê 500 k/tháng") == "giá thuê 500 k/tháng"
    assert shipped.spelled_out("phòng q10 ml, 5 tr") == "phòng quận 10 máy lạnh, 5 triệu"
    assert KNOWN.spelled_out("500 ml") == "500 ml"


def test_the_shipped_map_leaves_out_what_is_ambiguous_in_vietnamese() -> None:
    shipped = load_abbreviations()
    text = "bổ sung vitamin K, đc: 12 Lê Lợi, nội thất cc"
    assert shipped.spelled_out(text) == text


def test_a_map_of_ones_own_applies_to_every_language() -> None:
    own = Abbreviations((Abbreviation("machine learning", ("ML",)),))
    assert own.spelled_out("ML engineer") == "machine learning engineer"
    assert own.shortened("machine learning engineer") == "ML engineer"


def test_of_two_forms_that_are_the_same_without_diacritics_the_first_stands() -> None:
    assert KNOWN.spelled_out("dt 20") == "dien tich 20"
    assert KNOWN.spelled_out("đt và dt") == "điện thoại và diện tích"


def test_letters_that_fold_unusually_do_no_harm() -> None:
    assert Abbreviations((Abbreviation("inch", ("in",)),)).spelled_out("İN ıN") is not None


def test_the_shipped_map_can_be_read_and_spells_out_what_it_shortens() -> None:
    shipped = load_abbreviations()
    for entry in shipped.entries:
        text = f"thuê {entry.full.replace('{n}', '7')} nhé"
        assert shipped.spelled_out(shipped.shortened(text)) == text


def test_a_map_of_ones_own_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[pairs]\n"square metre" = ["sqm", "m2"]\n"room {n}" = "rm{n}"\n', encoding="utf-8")
    own = load_abbreviations(path)
    assert own.shortened("room 4, 20 square metre") == "rm4, 20 sqm"
    names = [each.name for each in standard_perturbations(own)]
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
