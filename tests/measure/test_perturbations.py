"""Perturbations: hand-worked texts, one property for each, and what must stay as it is."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.measure.perturbations import (
    neighbour_key,
    perturb,
    spacing_slip,
    standard_perturbations,
    swapped_letters,
    without_diacritics,
)
from embedscope.packs.rental_vi import PACK
from embedscope.protocols import Perturbation

texts = st.text(alphabet=st.sampled_from("abcdeghikmnop qrtuvđăâêôơưáàảãạếờỹ 0123456789.,k-ABĐ中文กำ"), max_size=60)
seeds = st.integers(0, 2**32)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_name(name: str) -> Perturbation:
    return next(each for each in standard_perturbations(PACK) if each.name == name)


# --- all of them ----------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(texts, seeds)
def test_every_perturbation_takes_any_text_and_gives_the_same_text_for_the_same_seed(text: str, seed: int) -> None:
    for perturbation in standard_perturbations(PACK):
        (found,) = perturb([text], perturbation, seed=seed)
        assert found == perturb([text], perturbation, seed=seed)[0]
        assert found == unicodedata.normalize("NFC", found).strip()


def test_a_text_is_perturbed_alike_whatever_stands_beside_it() -> None:
    one, two = "căn phòng rộng rãi thoáng mát", "nhà nguyên căn hai tầng lầu"
    for perturbation in standard_perturbations(PACK):
        assert perturb([one, two], perturbation, seed=1)[1] == perturb([two], perturbation, seed=1)[0]


def test_another_seed_makes_other_slips() -> None:
    text = "spacious apartment near the central station with garden"
    slips = {perturb([text], by_name("swap"), seed=seed)[0] for seed in range(12)}
    assert len(slips) > 4


def test_names_are_stable_and_distinct() -> None:
    assert [each.name for each in standard_perturbations(PACK)] == [
        "no-diacritics",
        "neighbour-key",
        "swap",
        "lower-case",
        "upper-case",
        "spacing",
        "telex",
        "number-format",
        "abbreviated",
        "spelled-out",
    ]


def test_without_a_pack_only_what_any_language_is_typed_with_is_tried() -> None:
    assert [each.name for each in standard_perturbations()] == [
        "no-diacritics",
        "neighbour-key",
        "swap",
        "lower-case",
        "upper-case",
        "spacing",
    ]


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
    for perturbation in standard_perturbations(PACK):
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


# --- diacritics -----------------------------------------------------------------------------------------------------


def test_diacritics_go_from_latin_letters_and_stay_where_they_are_letters() -> None:
    assert without_diacritics("Phòng đẹp ở Đà Lạt, café") == "Phong dep o Da Lat, cafe"
    assert without_diacritics("น้ำ हिन्दी") == "น้ำ हिन्दी"
    assert without_diacritics(unicodedata.normalize("NFD", "nước")) == "nuoc"


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
