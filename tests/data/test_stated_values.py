"""Values of a text: what is read, what is left out, and what stands in the place of another."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedscope.data.stated_values import (
    LEAST_CHANGE,
    another_spelling,
    another_value,
    number_in,
    stated_values,
)
from embedscope.protocols import StatedValue

STATED = [
    "12 floors", "1,234,567 users", "3.5 GB", "25m²", "40 m2", "100 %", "5km/h", "$5.50", "5 €", "₫4.100.000", "0.25 l",
    "2023-05-03", "25.12.2024", "3/5/2023", "at 17:30", "in 1998", "٣٫٥ كم", "١٢٬٣٤٥ ريال", "第３章", "2023年",
    "1'234.50 kg", "1.234,5 kg", "費用500元", "(42)", "१२ किमी",
]  # fmt: skip
"""Texts with one value each."""


def read(text: str) -> list[tuple[str, str, str]]:
    return [(value.kind, text[value.start : value.end], value.value) for value in stated_values(text)]


def only(text: str) -> StatedValue:
    (value,) = stated_values(text)
    return value


def put(text: str, value: StatedValue, other: str) -> str:
    return text[: value.start] + other + text[value.end :]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 floors", ("number", "12", "12")),
        ("1,234,567 users", ("number", "1,234,567", "1234567")),
        ("1.234,50", ("number", "1.234,50", "1234.5")),
        ("٣٫٥ كم", ("number", "٣٫٥", "3.5")),
        ("第３章", ("number", "３", "3")),
        ("費用500元", ("number", "500", "500")),
        ("3.50 GB", ("quantity", "3.50 GB", "3.5 gb")),
        ("25m²", ("quantity", "25m²", "25 m2")),
        ("容量64 GB的卡", ("quantity", "64 GB", "64 gb")),
        ("100 %", ("quantity", "100 %", "100 %")),
        ("$5.50", ("amount", "$5.50", "5.5 $")),
        ("5 €", ("amount", "5 €", "5 €")),
        ("2023-05-03", ("date", "2023-05-03", "2023-05-03")),
        ("25.12.2024", ("date", "25.12.2024", "2024-12-25")),
        ("3/5/2023", ("date", "3/5/2023", "3/5/2023")),
        ("at 9:05", ("time", "9:05", "9:05")),
        ("in 1998", ("year", "1998", "1998")),
    ],
)
def test_a_value_is_read_with_its_kind_its_place_and_what_it_is_compared_by(
    text: str, found: tuple[str, str, str]
) -> None:
    assert read(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "Perl 5.10.1", "x86 and utf8", "CVE-2014-0160", "http://a.b/80", "555-123-456", "10-15", "5 - 10", "7/8", "007",
        "10x20", "f(3)", "12 000 people", "192.168.0.1", "H2O", "name_2", "3rd", "31.13.2024", "25:70",
    ],
)  # fmt: skip
def test_what_may_be_a_name_a_code_or_a_range_is_left_out(text: str) -> None:
    assert read(text) == []


def test_words_of_a_pack_are_units_too() -> None:
    (value,) = stated_values("120 parsec away", frozenset({"parsec"}))
    assert (value.kind, value.value) == ("quantity", "120 parsec")


@pytest.mark.parametrize(
    ("written", "number"), [("1.500", "1.500"), ("1,500", "1,500"), ("0.500", "0.5"), ("1.2.3", None)]
)
def test_a_mark_before_three_digits_is_read_neither_way(written: str, number: str | None) -> None:
    assert number_in(written) == number


@given(st.sampled_from(STATED), st.integers(0, 2**32 - 1))
def test_another_spelling_states_the_same_value(text: str, seed: int) -> None:
    value = only(text)
    other = another_spelling(text, value, np.random.default_rng(seed))
    if other is not None:
        assert other != text[value.start : value.end]
        again = only(put(text, value, other))
        assert (again.kind, again.value) == (value.kind, value.value)


@given(st.sampled_from(STATED), st.integers(0, 2**32 - 1))
def test_another_value_is_of_the_same_kind_and_form_and_differs_clearly(text: str, seed: int) -> None:
    value = only(text)
    other = another_value(text, value, np.random.default_rng(seed))
    assert other is not None
    again = only(put(text, value, other))
    assert again.kind == value.kind
    assert again.value != value.value
    assert re.sub(r"\d", "0", other) == re.sub(r"\d", "0", text[value.start : value.end])
    if value.kind in ("number", "quantity", "amount"):
        new, old = (float(one.value.split()[0].replace(",", "")) for one in (again, value))
        assert abs(new - old) >= LEAST_CHANGE * old * (1 - 1e-9)


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.integers(0, 2**32 - 1))
def test_another_date_is_a_date_of_another_day_of_the_same_year_however_day_and_month_stand(
    day: date, seed: int
) -> None:
    for text in (f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}", f"{day:%m/%d/%Y}", f"{day.day}/{day.month}/{day.year}"):
        other = another_value(text, only(text), np.random.default_rng(seed))
        assert other is not None
        numbers = [int(part) for part in re.split(r"\D", other)]
        year, first, second = numbers if text[:4].isdigit() else (numbers[2], *numbers[:2])
        assert year == day.year
        month, of_month = sorted((first, second))
        made = date(year, month, of_month)
        assert {made.day, made.month} != {day.day, day.month}


@example("0€0", 0)
@given(st.text(alphabet=st.sampled_from("019.,'-/: kmM$€²年月a٣"), max_size=40), st.integers(0, 9))
def test_whatever_is_read_lies_in_the_text_without_overlap(text: str, seed: int) -> None:
    end = 0
    for value in stated_values(text):
        assert end <= value.start < value.end <= len(text)
        end = value.end
        for change in (another_value, another_spelling):
            assert change(text, value, np.random.default_rng(seed)) != text[value.start : value.end]
