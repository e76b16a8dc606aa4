"""Arrow arrays made of memory as it is: equal to pyarrow's own, and without pandas."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.output.arrow_columns import Ragged, arrow_column

texts = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30)


def assert_is_pyarrows(values: Any) -> None:
    found, expected = arrow_column(values), pa.array(values, from_pandas=True)
    found.validate(full=True)
    if pa.types.is_null(expected.type):  # a column of nothing but NaN stays a column of numbers here
        expected = expected.cast(found.type)
    assert found.type == expected.type
    assert found.null_count == expected.null_count
    assert found.equals(expected)


@given(values=texts)
def test_texts_are_those_of_pyarrow(values: list[str | None]) -> None:
    assert_is_pyarrows(values)


@given(values=st.lists(texts, max_size=8))
def test_lists_of_texts_are_those_of_pyarrow(values: list[list[str | None]]) -> None:
    found = arrow_column(values)
    found.validate(full=True)
    assert found.to_pylist() == values


@given(values=st.lists(st.none() | st.booleans(), max_size=40))
def test_booleans_are_those_of_pyarrow(values: list[bool | None]) -> None:
    assert_is_pyarrows(values)


@given(values=st.lists(st.none() | st.floats(), max_size=40))
def test_numbers_of_which_some_are_missing_are_those_of_pyarrow(values: list[float | None]) -> None:
    assert_is_pyarrows(values)


@pytest.mark.parametrize("kind", ["bool", "int32", "int64", "uint8", "float32", "float64", ">f8"])
@pytest.mark.parametrize("n", [0, 1, 8, 9, 100])
def test_arrays_are_those_of_pyarrow(kind: str, n: int) -> None:
    values = np.random.default_rng(n).integers(0, 2, size=n).astype(kind)
    assert_is_pyarrows(values.astype(values.dtype.newbyteorder("=")))
    assert arrow_column(values).to_pylist() == values.tolist()


def test_nan_is_null_and_strided_arrays_are_read_in_their_order() -> None:
    values = np.array([[1.0, 9.0], [np.nan, 9.0], [3.0, 9.0]])
    assert arrow_column(values[:, 0]).to_pylist() == [1.0, None, 3.0]
    assert arrow_column(values).to_pylist() == [[1.0, 9.0], [None, 9.0], [3.0, 9.0]]


def test_what_is_no_array_and_no_text_is_left_to_pyarrow() -> None:
    for values in ([b"a", None], [{"a": 1}, {"a": 2}], [1, 2.5], [None, None], []):
        assert arrow_column(values).to_pylist() == values
    assert arrow_column(np.array(["a", "b"])).to_pylist() == ["a", "b"]


def test_lists_of_arrays_keep_their_type_where_all_are_empty() -> None:
    assert arrow_column([np.zeros(0), np.zeros(0)]).type == pa.list_(pa.float64())
    assert arrow_column([np.array([1.0]), np.zeros(0)]).to_pylist() == [[1.0], []]


def test_whole_numbers_that_do_not_fit_are_refused_as_by_pyarrow() -> None:
    with pytest.raises(OverflowError):
        arrow_column([2**64, 1])


def test_a_ragged_column_may_have_empty_rows_only() -> None:
    assert arrow_column(Ragged(np.zeros(4, dtype=np.int64), np.zeros(0))).to_pylist() == [[], [], []]


def test_pandas_is_not_loaded() -> None:
    code = (
        "import sys, numpy as np\n"
        "from embedscope.output.arrow_columns import arrow_column\n"
        "arrow_column({'a': np.zeros((2, 3)), 'b': [['x'], []], 'c': ['y', None]})\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
