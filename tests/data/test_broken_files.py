"""A file that cannot be read says where, what was expected, what came and what to do; never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError, InputError

GOOD = [{"query": c, "pos": f"{c}x", "hard_neg": [{"text": "n", "type": ["t"], "weight": 1.5}]} for c in "abc"]


def refusal(path: Path) -> str:
    """The message with which the file is refused; short enough for a terminal."""
    with pytest.raises(DataFormatError) as caught:
        read_collection(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert len(message.replace(str(path), "")) < 600
    assert "\n" not in message
    return message


def refusal_of(tmp_path: Path, content: Any, name: str = "data.json") -> str:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", newline="")
    return refusal(path)


def test_a_missing_file_suggests_near_names(tmp_path: Path) -> None:
    (tmp_path / "rental_test.json").write_text("[]")
    assert "Did you mean" in refusal(tmp_path / "rental_tset.json")
    assert str(tmp_path / "rental_test.json") in refusal(tmp_path / "rental_tset.json")
    assert "No file in" in refusal(tmp_path / "zzzzzzzzzzzz")
    assert "does not exist either" in refusal(tmp_path / "no" / "such.json")
    assert "does not exist" in refusal(tmp_path / "a\0b")
    assert "is not a path that can be opened (File name too long)" in refusal(tmp_path / ("x" * 5000))


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file nor a folder" in refusal(tmp_path / "pipe")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "d.json"
    path.write_text("[]")
    monkeypatch.setattr(Path, "open", refuse)  # chmod would not stop a root user
    assert "cannot be read (Permission denied)" in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        (" \n\r\n", "holds only white space"),
        ("\ufeff", "holds only white space"),
        ("\u00a0\n", "holds only white space"),
        ("[]", "the list is empty"),
        ("[1, 2]", "row 1: expected a row {...} with fields such as query and pos, came a number (1)"),
        ("[null]", "row 1: expected a row {...} with fields such as query and pos, came null"),
        ('"a string"', "the file begins with '\"a string\"'"),
        ("hello world", "the file begins with 'hello world', which is no format that is read here"),
        ("[{}, {}]", "of the fields (there are none) none is known to be the query or the positive"),
    ],
)
def test_a_file_without_rows_is_refused(tmp_path: Path, content: str, message: str) -> None:
    assert message in refusal_of(tmp_path, content)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"pos": "x"}, "row 4: the field 'query' is missing; the row has 'pos'. Add 'query'"),
        ({"Query": "x", "pos": "x"}, "the rows have both 'query' and 'Query', and one can be the query"),
        ({"query": "x"}, "row 4: the field 'pos' is missing; the row has 'query'"),
        ({"query": 3, "pos": "x"}, "row 4, field 'query': expected a string, came a number (3)"),
        ({"query": None, "pos": "x"}, "1 text is empty, null or only white space (first: row 4 (query))"),
        ({"query": ["x"], "pos": "x"}, "field 'query': expected a string, came a list of 1"),
        ({"query": "x", "pos": {"text": "x"}}, "field 'pos': expected a string or a list of strings, came an object"),
        ({"query": "x", "pos": ["x", 3]}, "field 'pos', item 2: expected a string, came a number (3)"),
        ({"query": "x", "pos": "x", "hard_neg": 3}, "field 'hard_neg': expected a string or a list, came a number (3)"),
        ({"query": "x", "pos": "x", "hard_neg": [3]}, "item 1: expected a string or an object {text, type, weight}"),
        ({"query": "x", "pos": "x", "hard_neg": [{"txt": "n"}]}, "item 1: the field 'text' is missing"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": True}]}, "item 1, field 'text': expected a string"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "type": 1}]}, "'type': expected a string or a list"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "type": ["a", 1]}]}, "'type': expected strings only"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "weight": "2"}]}, "field 'weight': expected a number"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "weight": True}]}, "expected a number, came true"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "weight": -1}]}, "row 4: the hard negative 'n' has"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "weight": float("nan")}]}, "has the weight nan"),
        ({"query": "x", "pos": "x", "hard_neg": [{"text": "n", "weight": 10**400}]}, "has the weight inf"),
        ({"query": "x", "pos": "x", "group": ["g"]}, "field 'group': expected a string or a whole number, came a list"),
        ({"query": "", "pos": "x"}, "row 4 (query)"),
        ({"query": "x", "pos": [" "]}, "row 4 (positive)"),
        ({"query": "x", "pos": "x", "hard_neg": [""]}, "row 4 (hard negative)"),
        ({"query": "x", "pos": "x", "neg": ["n"]}, "both 'hard_neg' and 'neg', so it is unclear which are the hard"),
        ({"query": "x", "positive": "x"}, "the rows have both 'pos' and 'positive', and one can be the positive"),
    ],
)  # fmt: skip
def test_a_broken_row_is_named_with_its_number_and_field(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    assert message in refusal_of(tmp_path, [*GOOD, row])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"anchor": "a", "query": "a", "positive": "x"}], "both 'anchor' and 'query', and one can be the query"),
        (
            [{"sentence1": "a", "sentence2": "x", "score": 0.5}],
            "--columns query=sentence1,positive=sentence2,metadata=score",
        ),
        ([{"_id": "d1", "title": "", "text": "x"}], "are those of the documents or the queries of a BEIR data set"),
        ([{"query-id": "q", "corpus-id": "d", "score": 1}], "are those of the judgments of a BEIR data set"),
        ([{"a": "a", "b": "x"}, {"b": "y", "a": "c"}], "--columns query=a,positive=b"),
        ([{"query": "a", "reply": "x"}], "none is known to be the positive"),
        ([{"query": "a", "positive_passages": [3]}], "item 1: expected a string, came a number (3)"),
        ([{"query": "a", "positive_passages": {"text": "x"}}], "expected a string or a list of strings"),
        ([{"query": "a", "positive_passages": [{"docid": "1"}]}], "the field 'text' is missing"),
        ({"query": ["a"], "pos": ["x"]}, "2 of them hold a list"),
        ({"version": 1}, "0 of them hold a list"),
        ({"query": "a", "pos": "x"}, "at least 2 queries"),
    ],
)
def test_fields_that_fit_no_format_or_several_are_refused(tmp_path: Path, rows: Any, message: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(InputError) as caught:
        read_collection(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.77, 0.999])
def test_json_that_is_cut_off_is_said_to_end_early(tmp_path: Path, keep: float) -> None:
    text = json.dumps(GOOD)
    message = refusal_of(tmp_path, text[: int(keep * len(text))])
    assert "ends early" in message
    assert "line 1, column" in message


def test_a_cut_off_line_of_jsonl_is_named_by_its_number(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(row) for row in GOOD)
    assert "line 3, column 65: the JSON is cut off, the line ends early" in refusal_of(tmp_path, text[:-20])


def test_wrong_json_says_line_column_and_excerpt(tmp_path: Path) -> None:
    message = refusal_of(tmp_path, '[\n{"query": "a",\n "pos": oops}\n]')
    assert "line 3, column 9: not valid JSON (Expecting value)" in message
    assert "oops" in message
    assert "more text follows" in refusal_of(tmp_path, "[]\n[]")
    assert "nested too deeply" in refusal_of(tmp_path, "[" * 100_000)
    assert "too long to read" in refusal_of(tmp_path, '[{"query": ' + "1" * 5000 + "}]")
    assert "line 2, column 2" in refusal_of(tmp_path, '{"query": "a", "pos": "x"}\n{query: 1}')


@pytest.mark.parametrize("first", [b"x", b"[", b"{", b'["', b"x,", b"9"])
def test_fifty_megabytes_on_one_line_are_refused_in_a_short_message(tmp_path: Path, first: bytes) -> None:
    path = tmp_path / "big.json"
    path.write_bytes(first + b"x" * 50_000_000)
    assert len(refusal(path)) < 1_000


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named_with_the_command_that_converts_it(tmp_path: Path, encoding: str) -> None:
    message = refusal_of(tmp_path, json.dumps(GOOD).encode(encoding))
    assert "UTF-16" in message
    assert "iconv -f UTF-16 -t UTF-8" in message


@pytest.mark.parametrize("wrap", ["{}", "[{}]"], ids=["JSONL", "JSON"])
def test_latin1_is_named_with_byte_offset_and_line(tmp_path: Path, wrap: str) -> None:
    row = '{"query": "caf\u00e9", "pos": "x"}'
    content = wrap.format(row).encode("latin-1")
    message = refusal_of(tmp_path, content)
    assert f"byte 0xE9 at byte offset {content.index(0xE9)} (line 1)" in message
    assert "iconv -f WINDOWS-1252" in message


def test_the_offset_of_a_wrong_byte_counts_earlier_lines_and_the_byte_order_mark(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(GOOD[0]).encode() + b'\r\n{"query": "\xe9"}'
    assert f"byte 0xE9 at byte offset {content.index(0xE9)} (line 2)" in refusal_of(tmp_path, content)


def test_binary_and_compressed_files_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.arange(3))
    assert "compressed (zip)" in refusal(tmp_path / "d.npz")
    np.save(tmp_path / "d.npy", np.arange(3))
    assert "is binary (byte 0x" in refusal(tmp_path / "d.npy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anchor\na\nb\n", "was expected to be a header with at least two columns"),
        ("anchor,positive\n", "a header line and no rows"),
        ("anchor,positive\na,x\nb\n", "line 3: 1 cells, but the header has 2 columns ('anchor', 'positive')"),
        ("anchor,positive\na,x,y\n", "line 2: 3 cells"),
        ("\n\nanchor,positive\na,x,y\n", "line 4: 3 cells"),
        ("anchor,anchor\na,x\n", "no name twice"),
        ("anchor,negative\na,x\nb,y\n", "none is known to be the positive"),
        ("query,score\na,1\n", "none is known to be the positive"),
        ('anchor,positive\n"a,x\nb,y\n', "line 2: the table cannot be read"),
        ("anchor,positive", "a header line and no rows"),
    ],
)
def test_a_broken_table_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal_of(tmp_path, text, "data.csv")


def test_parquet_with_wrong_columns_or_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"id": [1, 2], "text": ["a", "b"]}), path)
    assert "are those of the documents or the queries" in refusal(path)
    pq.write_table(pa.table({"query": ["a"], "pos": [3]}), path)
    assert "row 1, field 'pos': expected a string or a list of strings, came a number (3)" in refusal(path)
    pq.write_table(pa.table({"query": pa.array([], pa.string())}), path)
    assert "no rows" in refusal(path)
    pq.write_table(pa.table({"query": ["a", "b"], "pos": ["x", "y"]}), path)
    path.write_bytes(path.read_bytes()[:-10])
    assert "damaged or cut off" in refusal(path)


def test_parquet_strings_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    raw = pa.array([b"\xff\xfe", b"b"]).view(pa.string())
    pq.write_table(pa.table({"query": raw, "pos": ["x", "y"]}), tmp_path / "d.parquet")
    assert "cannot be read" in refusal(tmp_path / "d.parquet")


def attempt(path: Path) -> None:
    """Read the file; an input error is an answer, anything else fails the test."""
    with contextlib.suppress(InputError):
        read_collection(path)


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VALID = {
    "json": json.dumps(GOOD).encode(),
    "jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in GOOD),
    "csv": b'anchor,positive,negative\na,"x, y",n\nb,z,\n',
}
JUNK = st.one_of(
    st.binary(max_size=6), st.sampled_from([b"\\ud800", b"NaN", b"null", b"[", b'"', b"\x00", b"1e999", b"\n"])
)


@fuzz
@given(content=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_input_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d"
    path.write_bytes(content)
    attempt(path)


@fuzz
@given(kind=st.sampled_from(sorted(VALID)), start=st.floats(0, 1), length=st.integers(0, 12), junk=JUNK)
def test_a_mutated_file_raises_nothing_but_input_errors(
    tmp_path: Path, kind: str, start: float, length: int, junk: bytes
) -> None:
    content = VALID[kind]
    at = int(start * len(content))
    path = tmp_path / "d"
    path.write_bytes(content[:at] + junk + content[at + length :])
    attempt(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    "query", "pos", "hard_neg", "neg", "anchor", "positive", "negative", "group", "positive_passages", "question",
    "answer", "label", "score", "positive_ctxs", "contexts", "ground_truth", "id", "source", "", "1", "é",
)  # fmt: skip
fields = st.sampled_from(NAMES)


@fuzz
@given(rows=st.lists(st.dictionaries(fields, values, max_size=4), max_size=3) | values)
def test_any_json_value_raises_nothing_but_input_errors(tmp_path: Path, rows: Any) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps(rows))
    attempt(path)


@fuzz
@given(start=st.floats(0, 1), length=st.integers(0, 8), junk=JUNK)
def test_mutated_parquet_raises_nothing_but_input_errors(
    tmp_path: Path, start: float, length: int, junk: bytes
) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"query": ["a", "b"], "pos": ["x", "y"]}), path)
    content = path.read_bytes()
    at = 4 + int(start * (len(content) - 4))
    path.write_bytes(content[:at] + junk + content[at + length :])
    attempt(path)


@fuzz
@given(name=st.sampled_from(["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]), start=st.floats(0, 1), junk=JUNK)
def test_a_mutated_folder_raises_nothing_but_input_errors(tmp_path: Path, name: str, start: float, junk: bytes) -> None:
    parts = {
        "corpus.jsonl": b'{"_id": "d1", "title": "t", "text": "x"}\n{"_id": "d2", "text": "y"}\n',
        "queries.jsonl": b'{"_id": "q1", "text": "a"}\n{"_id": "q2", "text": "b"}\n',
        "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n",
    }
    content = parts[name]
    at = int(start * len(content))
    parts[name] = content[:at] + junk + content[at + len(junk) :]
    (tmp_path / "qrels").mkdir(exist_ok=True)
    for part, written in parts.items():
        (tmp_path / part).write_bytes(written)
    attempt(tmp_path)
