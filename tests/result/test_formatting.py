"""Figures as text: no negative zero, a sign where it is asked for, an interval in one form everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import tiny_run as tiny

import embedscope
from embedscope.result import Comparison, Estimate, TensorAccount
from embedscope.result import formatting as form

SOURCES = Path(embedscope.__file__).parent


@given(st.floats(-1e6, 1e6), st.one_of(st.none(), st.integers(0, 6)), st.booleans())
def test_a_number_that_rounds_to_zero_has_no_minus(value: float, decimals: int | None, sign: bool) -> None:
    text = form.number(value, decimals, sign=sign)
    assert not re.fullmatch(r"-[0.,]+", text)
    assert float(text.replace(",", "")) == pytest.approx(value, abs=0.051 if decimals is None else 0.51 * 10**-decimals)
    assert text.startswith("+") <= sign


@given(st.floats(-1.0, 1.0))
def test_a_share_that_rounds_to_zero_has_no_minus(value: float) -> None:
    assert not re.fullmatch(r"-[0.]+ %", form.percent(value))


@pytest.mark.parametrize(
    ("difference", "p", "is_fit", "word"),
    [
        (0.1052, 0.01, True, "WIN"),
        (-0.1052, 0.01, True, "REGRESSION"),
        (0.1052, 0.3, True, "MARGINAL"),
        (0.1052, 0.01, False, "MARGINAL"),
    ],
)
def test_the_line_for_monitors_has_the_word_that_the_test_and_the_test_set_allow(
    difference: float, p: float, is_fit: bool, word: str
) -> None:
    found = Comparison("new", "old", "MRR", difference, difference - 0.05, None, p, p, None, 1, 2, 3)
    line = f"VERDICT: {word} | score=0.3472 | baseline=0.2419 | delta={difference:+.4f}"
    assert form.verdict_line(found, 0.3472, 0.2419, is_fit=is_fit) == line


def test_an_account_of_tensors_says_the_rules() -> None:
    account = TensorAccount(1101, {"without 'bert.'": 1101}, {"pooler": 2, "position ids": 1})
    assert form.tensor_words(account) == (
        "1,101 used, 3 ignored (pooler; position ids), 1,101 renamed (without 'bert.')"
    )
    assert form.tensor_words(TensorAccount(4)) == "4 used"


def test_what_is_absent_is_a_dash_and_an_interval_that_is_absent_is_nothing() -> None:
    absent = Estimate.absent("no spread")
    assert form.number(None) == form.percent(None) == form.estimate(absent) == form.percent_estimate(absent) == "–"
    assert form.interval(absent) == ""
    assert form.estimate(Estimate(0.31)) == "0.3100"


def test_an_estimate_stands_before_its_interval() -> None:
    figure = Estimate(0.43219, 0.38111, 0.48333)
    assert form.estimate(figure, 2) == "0.43 [0.38, 0.48]"
    assert form.estimate(figure, sign=True) == "+0.4322 [0.3811, 0.4833]"
    assert form.percent_estimate(figure) == "43.2 % [38.1, 48.3]"
    assert form.difference(tiny.result().comparisons[0]) == "+0.2000 [0.0500, 0.3500]"


@pytest.mark.parametrize(
    ("value", "shown"), [(1234.567, "1,234.6"), (12.34, "12.3"), (9.99, "9.9900"), (-0.00001, "0.0000")]
)
def test_a_large_number_has_one_decimal(value: float, shown: str) -> None:
    assert form.number(value) == shown


@pytest.mark.parametrize(("p", "shown"), [(0.0, "p < 0.0001"), (0.00009, "p < 0.0001"), (0.0123, "p = 0.0123")])
def test_a_small_p_value_is_said_to_be_below_a_bound(p: float, shown: str) -> None:
    assert form.p_equals(p) == shown
    assert shown.endswith(form.p_value(p))


def sources() -> Iterator[Path]:
    return (path for path in SOURCES.rglob("*.py") if path.name != "formatting.py")


def test_no_other_module_writes_an_interval() -> None:
    written = re.compile(r"\[\{[^}\]]*low[^\]]*\}, \{[^\]]*high[^\]]*\}\]")
    assert [path.name for path in sources() if written.search(path.read_text(encoding="utf-8"))] == []


def test_a_number_that_is_none_or_nan_is_a_dash() -> None:
    assert form.number(None) == form.number(float("nan")) == form.number(float("nan"), 2, sign=True) == form.ABSENT
