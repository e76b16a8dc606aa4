"""Ways of typing Vietnamese: Telex keys, other formats of an amount, the shipped abbreviations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.measure.perturbations import perturb
from embedscope.packs.rental_vi import PACK, shipped_abbreviations
from embedscope.packs.rental_vi.number_formats import in_another_format
from embedscope.packs.rental_vi.telex import telex, telex_keys
from embedscope.protocols import Perturbation

seeds = st.integers(0, 2**32)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_name(name: str) -> Perturbation:
    return next(each for each in PACK.perturbations if each.name == name)


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


# --- Telex ----------------------------------------------------------------------------------------------------------


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


def test_a_short_form_right_after_a_number_is_a_unit_unless_the_number_is_its_own() -> None:
    shipped = shipped_abbreviations()
    assert shipped.spelled_out("chai nước 500 ml ở quận 3") == "chai nước 500 ml ở quận 3"
    assert shipped.spelled_out("giá thuê 500 k/tháng") == "giá thuê 500 k/tháng"
    assert shipped.spelled_out("phòng q10 ml, 5 tr") == "phòng quận 10 máy lạnh, 5 triệu"


def test_the_shipped_map_leaves_out_what_is_ambiguous_in_vietnamese() -> None:
    shipped = shipped_abbreviations()
    text = "bổ sung vitamin K, đc: 12 Lê Lợi, nội thất cc"
    assert shipped.spelled_out(text) == text


def test_the_shipped_map_can_be_read_and_spells_out_what_it_shortens() -> None:
    shipped = shipped_abbreviations()
    for entry in shipped.entries:
        text = f"thuê {entry.full.replace('{n}', '7')} nhé"
        assert shipped.spelled_out(shipped.shortened(text)) == text
