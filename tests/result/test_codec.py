"""Records as plain JSON and back: what is written is read again, and fields say what is not written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import tiny_run as tiny

from embedscope.result import (
    Comparison,
    EpochRecord,
    Estimate,
    Finding,
    Leakage,
    Metric,
    Outcome,
    Robustness,
    Severity,
    ThresholdTable,
    TrainingRecord,
)
from embedscope.result.codec import decode, encode

NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
ESTIMATES = st.builds(Estimate, NUMBERS, NUMBERS, NUMBERS, st.none() | st.integers(), st.none() | st.text())


def again(kind: Any, value: Any) -> Any:
    """The value as it is read back from its file."""
    return decode(kind, json.loads(json.dumps(encode(value), allow_nan=False)))


@given(
    st.builds(Estimate, NUMBERS, NUMBERS, NUMBERS, st.one_of(st.none(), st.integers()), st.one_of(st.none(), st.text()))
)
def test_an_estimate_is_read_as_it_was(figure: Estimate) -> None:
    assert again(Estimate, figure) == figure


def test_an_estimate_writes_its_observations_and_its_reason_where_it_has_them() -> None:
    assert encode(Estimate(0.5)) == {"value": 0.5, "low": None, "high": None}
    assert encode(Estimate(0.5, n=7))["n"] == 7
    assert encode(Estimate.absent("no spread"))["reason"] == "no spread"


def training() -> TrainingRecord:
    figures = {"MRR": Estimate(0.5, 0.4, 0.6, n=12), "nDCG@10": Estimate.absent("no query")}
    epoch = EpochRecord(1, 0.4, None, 1e-3, 2.0, figures, 0.2, {"price": 0.3}, 12.5, 1.5)
    change = tiny.result().comparisons[0]
    return TrainingRecord((epoch,), "MRR", 1, "end", {"MRR": 0.4}, 9, 8, 7, 6, ("a note",), change, {64: Estimate(0.4)})


def test_a_training_is_read_as_it_was() -> None:
    assert again(TrainingRecord, training()) == training()
    assert again(TrainingRecord, replace(training(), against_base=None)).against_base is None


@pytest.mark.parametrize("kind", [Robustness, ThresholdTable])
def test_a_record_with_arrays_is_written_again_as_it_was(kind: Any) -> None:
    value = next(v for v in vars_of(tiny.result()) if isinstance(v, kind))
    assert encode(again(kind, value)) == encode(value)


def vars_of(record: Any) -> Iterator[Any]:
    return (getattr(record, each.name) for each in fields(record))


def test_null_where_a_number_must_be_is_read_as_not_a_number() -> None:
    plain = encode(tiny.result().comparisons[0]) | {"difference": None, "low": None}
    found = decode(Comparison, plain)
    assert math.isnan(found.difference)
    assert found.low is None


def test_a_file_of_an_earlier_version_lacks_what_was_added() -> None:
    plain = encode(tiny.result().data)
    del plain["digest"]
    assert decode(type(tiny.result().data), plain).digest == ""


def test_a_record_in_a_table_has_its_key_for_a_name() -> None:
    metrics = {"MRR": tiny.result().metrics["MRR"]}
    plain = encode(metrics)
    assert "name" not in plain["MRR"]
    assert decode(dict[str, Metric], plain) == metrics


def test_what_no_reader_should_see_is_not_written() -> None:
    leakage = Leakage("train.json", 1, 1, {}, {}, 1.0, (), leaked_queries=("a query",))
    assert "leaked_queries" not in encode(leakage)


def test_documents_of_a_finding_are_written_by_their_ids() -> None:
    finding = Finding("code", "title", Severity.LOW, 1, None, None, None, (0, 1), "action", (3, -1))
    assert encode(finding, tiny.result())["documents"] == ["d3", None]
    assert "documents" not in encode(finding)
    assert "documents" not in encode(replace(finding, documents=()), tiny.result())


@pytest.mark.parametrize("plain", [{}, {"value": "high", "low": None, "high": None}, None, []])
def test_what_is_no_such_record_is_refused(plain: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode(Estimate, plain)


def test_an_unknown_word_of_a_closed_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="maybe"):
        decode(Outcome, "maybe")


def test_arrays_are_lists_and_only_finite_numbers_are_written() -> None:
    assert encode({"a": np.array([1.0, np.nan, np.inf])}) == {"a": [1.0, None, None]}
