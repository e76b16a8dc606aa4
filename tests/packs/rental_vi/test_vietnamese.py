"""What is Vietnamese, with its marks and without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.packs.rental_vi.languages import language
from embedscope.packs.rental_vi.vietnamese import is_spelling_of, is_vietnamese, written


@pytest.mark.parametrize(
    "text",
    [
        "trọ", "phòng có gác", "phong tro q10 wc full nt", "tro q3", "q10 5tr5", "500 k/tháng", "5,500,000 đ",
        "căn hộ studio full nội thất view đẹp", "co may lanh quan 5", "không được",
    ],
)  # fmt: skip
def test_vietnamese_is_known_with_and_without_its_marks(text: str) -> None:
    assert is_vietnamese(text)


@pytest.mark.parametrize(
    "text",
    [
        "ML engineer", "Washington DC", "vitamin K", "St. Petersburg", "2,500,000 people", "école près du château",
        "apartment with balcony in Phú Nhuận near Lotte mart", "il già tempo", "我想租一个房间", "شقة للإيجار",
        "🏠🏠", "",
        "https://example.org/a?b=1", "def f(x): return x", "hotel in Hà Nội near the airport",
    ],
)  # fmt: skip
def test_other_languages_addresses_and_code_are_not(text: str) -> None:
    assert not is_vietnamese(text)


def test_a_spelling_may_lack_marks_and_not_have_others() -> None:
    assert all(is_spelling_of(typed, "đống đa") for typed in ("đống đa", "dong da", "đong da", "đông đa"))
    assert not any(is_spelling_of(typed, "đống đa") for typed in ("đông đá", "đồng đa", "dong", "dong da da"))
    assert is_spelling_of("hoà vang", "hòa vang")


@given(st.text(max_size=50))
def test_the_spellings_of_any_text_are_of_equal_length(text: str) -> None:
    found = written(text)
    assert len(found.letters) == len(found.folded) == len(found.shown)
    is_vietnamese(text)


def test_vietnamese_and_english_are_differing_parts_with_and_without_marks() -> None:
    texts = [
        "phòng trọ quận 10",
        "phong tro gan cho, gia duoi 5 trieu",
        "a room near Hoàn Kiếm lake under 5 million",
        "room in District 5",
        "wifi, gym",
        "комната",
    ]
    assert [language(text) for text in texts] == ["Vietnamese", "Vietnamese", "English", "English", None, None]
