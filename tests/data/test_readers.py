"""Every format is recognised from its content and read to the same collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.data.collection import Collection, digest, keep_queries
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError, InvalidOptionError

ORIGINAL: list[dict[str, Any]] = [
    {
        "query": "phòng gần hồ",
        "pos": "phòng trọ cạnh hồ",
        "hard_neg": [
            {"text": "phòng trọ xa hồ", "type": ["location", "price", "location"], "weight": 2.5},
            {"text": "phòng cạnh hồ, đắt hơn", "type": "price"},
            "phòng cạnh chợ",
        ],
    },
    {"query": "room by the market", "pos": ["market room", "room at the market"], "hard_neg": []},
    {"query": "any room", "pos": "market room"},
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def check_original(collection: Collection) -> None:
    assert collection.queries == ("phòng gần hồ", "room by the market", "any room")
    assert collection.documents[:4] == (
        "phòng trọ cạnh hồ",
        "phòng trọ xa hồ",
        "phòng cạnh hồ, đắt hơn",
        "phòng cạnh chợ",
    )
    assert collection.negatives.types == (("location", "price"), ("price",), ())
    assert collection.negatives.weights.tolist() == [2.5, 1.0, 1.0]
    assert collection.indptr.tolist() == [0, 1, 3, 4]


def test_the_original_json_is_read_with_types_and_weights(tmp_path: Path) -> None:
    collection = read_collection(write(tmp_path / "data.json", json.dumps(ORIGINAL)))
    assert collection.format == "original JSON"
    check_original(collection)


@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.txt"])
def test_jsonl_is_recognised_under_any_name(tmp_path: Path, name: str) -> None:
    collection = read_collection(write(tmp_path / name, lines(ORIGINAL)))
    assert collection.format == "original JSONL"
    check_original(collection)


def test_a_byte_order_mark_crlf_and_blank_lines_change_nothing(tmp_path: Path) -> None:
    text = "\ufeff\r\n" + lines(ORIGINAL).replace("\n", "\r\n\r\n") + "  \r\n"
    collection = read_collection(write(tmp_path / "data.jsonl", text))
    check_original(collection)
    check_original(
        read_collection(write(tmp_path / "data.json", "\ufeff" + json.dumps(ORIGINAL, indent=2) + "\r\n\r\n"))
    )


def test_rows_in_the_single_list_of_an_object_are_taken_and_said_so(tmp_path: Path) -> None:
    for text in (json.dumps({"version": 2, "data": ORIGINAL}), json.dumps({"data": ORIGINAL}, indent=1)):
        collection = read_collection(write(tmp_path / "data.json", text))
        assert collection.format == "original JSON"
        assert any("field 'data'" in line for line in collection.warnings)
        check_original(collection)


def as_struct(negative: Any) -> dict[str, Any]:
    """A negative in the one shape that a Parquet column allows."""
    if isinstance(negative, str):
        return {"text": negative, "type": [], "weight": None}
    types = negative["type"]
    return {
        "text": negative["text"],
        "type": types if isinstance(types, list) else [types],
        "weight": negative.get("weight"),
    }


def test_the_original_fields_may_stand_in_parquet(tmp_path: Path) -> None:
    rows = [
        {
            "query": row["query"],
            "pos": row["pos"] if isinstance(row["pos"], list) else [row["pos"]],
            "hard_neg": [as_struct(negative) for negative in row.get("hard_neg", [])],
        }
        for row in ORIGINAL
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    collection = read_collection(tmp_path / "data.parquet")
    assert collection.format == "original Parquet"
    check_original(collection)


def test_groups_are_read(tmp_path: Path) -> None:
    rows = [
        {"query": "a", "pos": "x", "group": "g"},
        {"query": "b", "pos": "y", "group": 7},
        {"query": "c", "pos": "y"},
    ]
    assert read_collection(write(tmp_path / "d.json", json.dumps(rows))).groups == ("g", "7", None)


def test_other_columns_are_metadata_of_the_query_unless_they_are_ids_or_texts(tmp_path: Path) -> None:
    rows = [
        {"query": "a", "pos": "x", "source": "web", "year": 2024, "id": 1, "note": "long " * 40},
        {"query": "b", "pos": "y", "source": "app", "tags": ["new"], "year": None},
        {"query": "a", "pos": "z", "source": "mail", "is_new": True},
    ]
    collection = read_collection(write(tmp_path / "d.json", json.dumps(rows)))
    assert collection.metadata == {"source": ("web", "app"), "year": ("2024", None), "is_new": ("True", None)}
    assert keep_queries(collection, np.array([0, 1])).metadata == collection.metadata
    turned = read_collection(write(tmp_path / "e.json", json.dumps([*rows, {"query": "c", "pos": "q"}])))
    assert keep_queries(turned, np.array([1, 2])).metadata["source"] == ("app", None)


FLAG = [
    {"query": "a", "pos": ["x"], "neg": ["n1", "n2"], "pos_scores": [0.9], "neg_scores": [0.1, 0.2], "type": "normal"},
    {"query": "b", "pos": ["y", "z"], "neg": ["n1"], "prompt": "Represent this"},
]


def test_flagembedding_rows_are_read_and_a_prompt_is_said_to_be_unused(tmp_path: Path) -> None:
    collection = read_collection(write(tmp_path / "d.jsonl", lines(FLAG)))
    assert collection.format == "FlagEmbedding JSONL"
    assert collection.documents == ("x", "n1", "n2", "y", "z")
    assert len(collection.negatives.queries) == 3
    assert any("pass --query-prompt 'Represent this'." in line for line in collection.warnings)


def test_rows_with_several_instructions_are_counted_and_the_commonest_is_named(tmp_path: Path) -> None:
    rows = [
        {"query": f"q{n}", "pos": [f"p{n}"], "neg": ["n"], "instruction": "find: " if n else "search: "}
        for n in range(4)
    ]
    (note,) = read_collection(write(tmp_path / "d.jsonl", lines(rows))).warnings
    assert "the field 'instruction' of 4 rows is not applied" in note
    assert note.endswith("pass --query-prompt 'find: ' (2 different ones; this one in 3 rows).")


def test_a_column_of_instructions_that_is_the_query_is_no_prompt(tmp_path: Path) -> None:
    rows = [{"instruction": f"how to do {n}", "output": f"do it thus {n}"} for n in range(3)]
    assert not any("prompt" in note for note in read_collection(write(tmp_path / "d.jsonl", lines(rows))).warnings)


TRIPLETS = {"anchor": ["a", "b"], "positive": ["x", "y"], "negative": ["n1", "n2"], "negative_1": ["n3", None]}
TRIPLET_ROWS = [dict(zip(TRIPLETS, values, strict=True)) for values in zip(*TRIPLETS.values(), strict=True)]


@pytest.mark.parametrize("container", ["JSONL", "CSV", "TSV", "Parquet"])
def test_sentence_transformers_columns_are_read_from_every_container(tmp_path: Path, container: str) -> None:
    path = tmp_path / "data"
    if container == "JSONL":
        write(path, lines(TRIPLET_ROWS))
    elif container == "Parquet":
        pq.write_table(pa.table(TRIPLETS), path)
    else:
        mark = "," if container == "CSV" else "\t"
        write(path, "anchor,positive,negative,negative_1\r\na,x,n1,n3\r\nb,y,n2,\r\n\r\n".replace(",", mark))
    collection = read_collection(path)
    assert collection.format == f"sentence-transformers {container}"
    assert collection.queries == ("a", "b")
    assert collection.documents == ("x", "n1", "n3", "y", "n2")
    assert len(collection.negatives.queries) == 3


def test_lists_of_positives_and_negatives_are_read_under_the_names_of_sentence_transformers(tmp_path: Path) -> None:
    rows = [{"query": "a", "positive": ["x", "y"], "negative": ["n"]}, {"query": "b", "positive": "y"}]
    collection = read_collection(write(tmp_path / "d.jsonl", lines(rows)))
    assert collection.format == "sentence-transformers JSONL"
    assert collection.indptr.tolist() == [0, 2, 3]


def test_quoted_cells_may_hold_separators_quotes_and_line_breaks(tmp_path: Path) -> None:
    text = 'anchor,positive\n"a, ""b""","x\ny"\nc,z\n'
    collection = read_collection(write(tmp_path / "d.csv", text))
    assert collection.queries == ('a, "b"', "c")
    assert collection.documents[0] == "x\ny"


def test_tevatron_passages_are_read_with_their_titles(tmp_path: Path) -> None:
    rows = [
        {
            "query_id": str(i),
            "query": f"q{i}",
            "positive_passages": [{"docid": "1", "title": "T", "text": f"text {i}"}],
            "negative_passages": [{"docid": "2", "text": "other"}],
        }
        for i in range(2)
    ]
    collection = read_collection(write(tmp_path / "d.jsonl", lines(rows)))
    assert collection.format == "tevatron JSONL"
    assert collection.documents == ("T text 0", "other", "T text 1")


def test_lone_surrogates_become_the_replacement_character_with_a_warning(tmp_path: Path) -> None:
    text = '[{"query": "a\\ud800", "pos": "x \\ud83d\\ude00"}, {"query": "b", "pos": "\\uDFFF", "group": "\\udc00"}]'
    collection = read_collection(write(tmp_path / "d.json", text))
    assert collection.queries == ("a\N{REPLACEMENT CHARACTER}", "b")
    assert collection.documents == ("x \N{GRINNING FACE}", "\N{REPLACEMENT CHARACTER}")
    assert any(line.startswith("3 halves of surrogate pairs") for line in collection.warnings)
    assert len(digest(collection)) == 64


def test_empty_texts_are_dropped_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", lines([*ORIGINAL, {"query": "x", "pos": ""}]))
    with pytest.raises(DataFormatError, match="line 4 \\(positive\\)"):
        read_collection(path)
    assert len(read_collection(path, drop_empty=True).queries) == 3


def test_a_split_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="a file, which has no splits"):
        read_collection(write(tmp_path / "d.json", json.dumps(ORIGINAL)), split="test")


def test_the_real_data_has_the_counts_that_were_measured(real_data: Path) -> None:
    collection = read_collection(real_data / "test.json")
    assert collection.format == "original JSON"
    assert collection.n_rows == 1480
    assert len(set(collection.relevant.tolist())) == 237
