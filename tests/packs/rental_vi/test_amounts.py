"""Rents and floor areas: ranges, caps and floors are what they mean, and other numbers are neither."""

from __future__ import annotations

import math

import pytest

from embedscope.packs.rental_vi.amounts import areas, prices

M = 1_000_000


@pytest.mark.parametrize(
    "text", ["4tr-6tr", "4 đến 6 triệu", "4tr den 6tr", "từ 4 đến 6 triệu", "4 - 6tr", "4 to 6 million"]
)
def test_every_way_of_writing_a_range_is_the_same_range(text: str) -> None:
    assert {(price.low, price.high) for price in prices(text)} == {(4 * M, 6 * M)}


def test_a_range_may_begin_with_a_half() -> None:
    assert {(price.low, price.high) for price in prices("4tr5-5tr")} == {(4.5 * M, 5 * M)}


@pytest.mark.parametrize("text", ["5 triệu trở lại", "5tr đổ xuống", "dưới 5tr", "tối đa 5tr", "5 triệu trở xuống"])
def test_or_less_is_a_cap(text: str) -> None:
    assert [(price.low, price.high) for price in prices(text)] == [(0, 5 * M)]


@pytest.mark.parametrize("text", ["5tr trở lên", "trên 5tr", "từ 5 triệu", "giá từ 5tr", "gia tu 5tr"])
def test_or_more_is_a_floor(text: str) -> None:
    assert [(price.low, price.high) for price in prices(text)] == [(5 * M, math.inf)]


@pytest.mark.parametrize("text", ["full giuong tu 5tr", "có tủ 5tr", "quận 3 - 5tr", "nhà cũ 5tr", "bao điện nước 5tr"])
def test_what_stands_before_a_price_by_chance_does_not_change_it(text: str) -> None:
    assert [(price.low, price.high) for price in prices(text)] == [(5 * M, 5 * M)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 triệu 500 nghìn", 5.5 * M), ("3 triệu 5 trăm", 3.5 * M), ("3 triệu 500", 3.5 * M), ("500 nghìn", 500_000),
        ("4r5", 4.5 * M), ("4 500 000", 4.5 * M), ("5 củ", 5 * M), ("2tr500k", 2.5 * M), ("3500k/tháng", 3.5 * M),
    ],
)  # fmt: skip
def test_spoken_amounts_are_read_to_their_end(text: str, expected: float) -> None:
    assert [price.value for price in prices(text)] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "12 Cư xá Lữ Gia", "12 cu xa lu gia", "mã tin 456789", "phí quản lý 500k", "tiền điện 3.5k", "cọc 1 tháng",
        "cọc 5tr", "đặt cọc 2 triệu", "2,500,000 people", "wifi 300k", "zalo 909123456",
    ],
)  # fmt: skip
def test_house_numbers_codes_fees_and_counts_are_no_rents(text: str) -> None:
    assert prices(text) == ()


def test_the_rent_is_told_from_the_fee_beside_it() -> None:
    assert [price.value for price in prices("giá 5tr, phí quản lý 500k, cọc 5tr")] == [5 * M]


@pytest.mark.parametrize("text", ["hẻm rộng 4m", "đường rộng 6m", "đường trước nhà rộng 12m", "phòng rộng 4m"])
def test_widths_of_streets_and_rooms_are_no_floor_areas(text: str) -> None:
    assert areas(text) == ()


def test_ranges_and_floors_of_areas_are_read() -> None:
    assert {(area.low, area.high) for area in areas("20-25m2")} == {(20, 25)}
    assert {(area.low, area.high) for area in areas("20m2 đến 25m2")} == {(20, 25)}
    assert [(area.low, area.high) for area in areas("20m² trở lên")] == [(20, math.inf)]
