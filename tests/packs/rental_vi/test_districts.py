"""Districts and cities: a name counts where it can mean nothing else, near is not in, and lists are lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.packs.rental_vi.districts import city_of, places


@pytest.mark.parametrize(
    "text",
    [
        "ngăn đông đá", "nhà bé xinh", "hai cháu nhỏ", "giá làm tròn", "khoá hai an toàn", "thanh xuân tươi đẹp",
        "cái răng sâu", "căn giờ giấc tự do", "nhà cũ chỉ 3tr", "quán 3 ngon", "đường kính 5 mét", "nha be xinh",
        "ngan dong da", "phong can gio giac tu do", "duong kinh 3m",
    ],
)  # fmt: skip
def test_everyday_words_that_look_like_a_district_without_their_marks_are_none(text: str) -> None:
    assert places(text).stated == frozenset()


@pytest.mark.parametrize(
    "text", ["sàn đã lát gạch", "Nguyễn Huệ", "nguyen hue", "nồi đa năng", "hai phòng", "cầu Sài Gòn"]
)
def test_everyday_words_streets_and_bridges_are_no_cities(text: str) -> None:
    assert places(text).cities == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thanh Xuân, Hà Nội", "thanh xuan"), ("phòng trọ thanh xuân hà nội", "thanh xuan"),
        ("quan dong da", "dong da"),
        ("ở Đống Đa", "dong da"), ("tim tro Đong Da 25m2", "dong da"), ("Bình Thuỷ", "binh thuy"),
        ("BÌNH THẠNH", "binh thanh"), ("huyện nhà bè", "nha be"), ("can ho binh thanh", "binh thanh"),
        ("Bình Thạnh", "binh thanh"),
    ],
)  # fmt: skip
def test_districts_are_read_with_their_marks_with_some_and_with_none(text: str, expected: str) -> None:
    assert places(text).stated == {expected}


@pytest.mark.parametrize(
    "text", ["P. Tân Phú, Quận 7", "phường Tân Phú, Q7", "đường Gò Vấp, q.7", "chợ Thủ Đức, quận 7"]
)
def test_wards_streets_and_markets_do_not_count_beside_the_district(text: str) -> None:
    assert places(text).stated == {"7"}


@pytest.mark.parametrize(
    ("text", "stated", "near"),
    [
        ("phòng gần quận 1", "", "1"), ("gan q1 q3", "", "1 3"), ("Quận 10, giáp Q3", "10", "3"),
        ("gần trung tâm quận 1", "", "1"), ("near District 1", "", "1"),
        ("cách quận 1 5 phút, ở Gò Vấp", "go vap", "1"),
        ("gần ĐH Bách Khoa, quận 10", "10", ""), ("không phải quận 1", "", ""),
    ],
)  # fmt: skip
def test_near_a_district_is_not_in_it(text: str, stated: str, near: str) -> None:
    found = places(text)
    assert (sorted(found.stated), sorted(found.near)) == (
        [stated] if stated else [],
        sorted(near.split()),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quận 1, 3", {"1", "3"}), ("quận 1,3,5", {"1", "3", "5"}), ("quận 1 hoặc 3", {"1", "3"}),
        ("q10, 25tr", {"10"}), ("quận 10, 5 triệu", {"10"}), ("quận 1, 3 phòng ngủ", {"1"}),
        ("quận 1, 12/5 Lê Lợi", {"1"}),
        ("phong tro quan 10 wc rieng", {"10"}), ("quận 10, 5.5tr", {"10"}), ("quận 13", set()),
    ],
)  # fmt: skip
def test_lists_of_districts_are_read_to_their_end_and_no_further(text: str, expected: set[str]) -> None:
    assert places(text).stated == expected


def test_a_number_that_may_count_something_else_is_left_open() -> None:
    assert places("quận 3, 12 Lê Lợi").unsure == {"12"}


@pytest.mark.parametrize("old", ["quận 2", "quận 9"])
def test_districts_merged_into_thu_duc_may_be_it(old: str) -> None:
    assert places(old).may_agree(places("TP. Thủ Đức"))
    assert places("TP. Thủ Đức").may_agree(places(old))
    assert not places("quận 2").may_agree(places("quận 9"))


def test_a_city_in_which_the_district_does_not_lie_makes_the_place_unclear() -> None:
    assert places("Quận 10, gần ĐH Kinh tế TPHCM").is_clear
    assert not places("Quận 10, Hà Nội").is_clear
    assert city_of("10") == city_of("binh thanh") == "hcm"


_PARTS = st.sampled_from(("q", "quận", "1", "3", ",", "/", "gần", "Tân", "Phú", "hoặc", "tr"))


@given(st.text(max_size=60) | st.lists(_PARTS).map(" ".join))
def test_any_text_can_be_read(text: str) -> None:
    found = places(text)
    assert all(city_of(district) for district in found.stated | found.near | found.unsure)
