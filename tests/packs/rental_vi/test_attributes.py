"""Values of typed attributes: what is read from a text, and when two texts contradict each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.packs.rental_vi.attributes import (
    Attribute,
    areas,
    attribute_of_type,
    conflicts,
    keeps_value,
    met_values,
    prices,
)
from embedscope.packs.rental_vi.districts import places


@pytest.mark.parametrize(
    "text",
    [
        "giá 5tr5", "5.5 triệu/tháng", "5,5tr", "5 triệu 5", "5 triệu rưỡi", "5tr500", "5.500.000đ", "VND 5,500,000",
        "5500000 đồng", "5500k", "5.500k", "5.5M VND", "around 5.5 mil a month", "about 5.5m", "5.5 million VND",
    ],
)  # fmt: skip
def test_every_way_of_writing_five_and_a_half_million_is_the_same_price(text: str) -> None:
    assert [price.value for price in prices(text)] == [5_500_000]


@pytest.mark.parametrize("text", ["điện 3.5k/kWh", "nước 100k", "hẻm 4m", "25m2", "0901234567", "cách trường 500m", ""])
def test_fees_lengths_areas_and_telephone_numbers_are_no_prices(text: str) -> None:
    assert prices(text) == ()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("dưới 6tr", 0, 6e6), ("tối đa 6 triệu", 0, 6e6), ("6 triệu trở lại", 0, 6e6), ("up to 6M", 0, 6e6)],
)
def test_a_cap_admits_every_lower_price(text: str, low: float, high: float) -> None:
    (price,) = prices(text)
    assert (price.low, price.high) == (low, high)


def test_a_range_of_prices_states_both_ends() -> None:
    assert [(p.value, p.low, p.high) for p in prices("tầm 4-5 triệu")] == [(4e6, 4e6, 5e6), (5e6, 4e6, 5e6)]


@pytest.mark.parametrize(
    "text", ["25m²", "25 m2", "25 sqm", "25 mét vuông", "25 square metres", "rộng 25 mét", "dt 25m"]
)
def test_every_way_of_writing_an_area_is_the_same_area(text: str) -> None:
    assert [area.value for area in areas(text)] == [25]


def test_a_price_behind_an_area_and_an_area_behind_a_price_are_differing_parts() -> None:
    assert [p.value for p in prices("4tr 25m2")] == [4_000_000]
    assert [a.value for a in areas("4tr 25m2")] == [25]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Q.10", {"10"}), ("q10 25m2", {"10"}), ("quận 7", {"7"}), ("District 3", {"3"}), ("quan 5 4tr", {"5"}),
        ("Binh Thanh District", {"binh thanh"}), ("P.25, Q. Bình Thạnh, TP.HCM", {"binh thanh"}),
        ("đường Hai Bà Trưng, quận 1", {"1"}), ("Q. Hai Bà Trưng", {"hai ba trung"}),
        ("cầu Long Biên, Hoàng Mai", {"hoang mai"}), ("gần đường D2", set()), ("12 q 5tr5", set()), ("", set()),
    ],
)  # fmt: skip
def test_districts_are_read_and_streets_are_not(text: str, expected: set[str]) -> None:
    assert places(text).stated == expected


def test_a_value_is_kept_changed_or_unknown() -> None:
    assert keeps_value("price", "giá 5tr5", "giá 5.500.000đ") is True
    assert keeps_value("price", "giá 5tr5", "giá 6tr") is False
    assert keeps_value("price", "giá 5tr5", "giá thỏa thuận") is None
    assert keeps_value("location", "Quận 10", "Q10, gần chợ") is True
    assert keeps_value("location", "Quận 10", "Quận 10, Hà Nội") is None  # another city may have the same district
    assert keeps_value("amenity", "có ban công", "có ban công") is None


def test_conflicts_name_what_the_document_states_otherwise() -> None:
    assert conflicts("q10 5tr5 25m2", "Quận 3, 7 triệu, 40m2") == ("location", "price", "area")
    assert conflicts("q10 5tr5", "Quận 10, giá 5.2 triệu") == ()  # within 10 %
    assert conflicts("q10 dưới 6tr", "Quận 10, giá 4 triệu") == ()
    assert conflicts("q10 dưới 6tr", "Quận 10, giá 6,1 triệu") == ("price",)
    assert conflicts("từ 25m2 trở lên", "24m2") == ("area",)
    assert conflicts("phòng có ban công", "Quận 3") == ()


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("phòng gần quận 1", "Quận 3, 5tr"), ("phòng quận 1, 3", "Quận 3"), ("gan q1 q3", "Quận 10"),
        ("q10, 25tr", "Quận 10, 25 triệu"), ("nhà quận 9", "TP. Thủ Đức"), ("ngăn đông đá quận 7", "Quận 7"),
        ("thuê 4tr-6tr", "giá 5tr"), ("dưới 6tr", "giá 4-5 triệu"), ("5 triệu trở lại", "giá 3tr"),
        ("phòng 5tr", "Giá 5tr, phí quản lý 500k"), ("quận 7", "P. Tân Phú, Quận 7"), ("quận 10", "Quận 3, Hà Nội"),
        ("gần chợ Bà Chiểu Bình Thạnh", "Phú Nhuận"), ("gan DHBK q10", "Quận 11"), ("từ quận 1 đến quận 5", "Quận 3"),
    ],
)  # fmt: skip
def test_what_may_be_the_same_is_no_conflict(query: str, document: str) -> None:
    assert conflicts(query, document) == ()


def test_values_that_overlap_are_neither_kept_nor_changed() -> None:
    assert keeps_value("price", "giá 4-6tr", "giá 5tr") is None
    assert keeps_value("price", "giá 4-6tr", "giá 7tr") is False
    assert keeps_value("location", "quận 1, 3", "quận 3") is None
    assert keeps_value("location", "Quận 9", "TP Thủ Đức") is None


def test_a_city_named_by_a_landmark_does_not_hide_that_the_district_is_kept() -> None:
    assert keeps_value("location", "Quận 10, gần ĐH Kinh tế TPHCM", "Quận 10, gần chợ") is True
    assert keeps_value("location", "Bình Thạnh, gần cầu Sài Gòn", "Q. Bình Thạnh, TP.HCM") is True
    assert keeps_value("location", "Bình Thạnh, TP.HCM", "Cầu Giấy, Hà Nội") is False


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("giá", "price"), ("Price", "price"), ("giá thuê", "price"), ("wrong_price", "price"), ("rent", "price"),
        ("vị trí", "location"), ("Location", "location"), ("quận", "location"), ("district", "location"),
        ("khác vị trí", "location"), ("wrongLocation", "location"), ("diện tích", "area"), ("Area", "area"),
        ("DT", "area"),
        ("amenity", None), ("tiện ích", None), ("", None), ("123", None), ("random", None),
    ],
)  # fmt: skip
def test_types_are_known_by_their_names_in_vietnamese_and_english(name: str, expected: str | None) -> None:
    assert attribute_of_type(name) == (Attribute(expected) if expected else None)
    if expected:
        assert keeps_value(name, "Quận 10, 5tr, 25m2", "q10 5 triệu 25m²") is True


def test_values_that_are_met_are_named() -> None:
    assert met_values("q10 5tr5", "Quận 10, giá 9 triệu", tolerance=0.1) == {"location"}
    assert met_values("q10 5tr5 25m2", "Quận 3, giá 5 triệu, 25 mét vuông", tolerance=0.1) == {"price", "area"}
    assert met_values("q10 5tr5", "Quận 3, giá 5 triệu", tolerance=0.02) == set()


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_read_and_no_text_contradicts_itself(text: str, other: str) -> None:
    conflicts(text, other)
    assert not [kind for kind in ("price", "area", "location") if keeps_value(kind, text, text) is False]


@given(st.integers(10, 300))
def test_a_price_survives_every_format(tenths: int) -> None:
    whole, rest = divmod(tenths, 10)
    written = [f"{tenths / 10:g} triệu", f"{tenths * 100_000:,}đ", f"{whole}tr{rest}" if rest else f"{whole}tr"]
    assert {round(price.value) for text in written for price in prices(text)} == {tenths * 100_000}


def test_a_text_is_read_once_in_however_many_pairs_it_stands() -> None:
    texts = [f"phòng {area}m2 quận 3, giá 4tr5" for area in range(20, 25)]
    for reader in (places, prices, areas):
        reader.cache_clear()
    for query in texts:
        for document in texts:
            conflicts(query, document)
            met_values(query, document, tolerance=0.1)
    assert [reader.cache_info().misses for reader in (places, prices, areas)] == [len(texts)] * 3
