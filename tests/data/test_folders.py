"""Folders of queries, documents and judgments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError, InvalidOptionError

CORPUS = [
    {"_id": "d10", "title": "Lakes", "text": "A lake."},
    {"_id": "d9", "title": "", "text": "A hill."},
    {"_id": "d1", "text": "A sea."},
]
QUERIES = [
    {"_id": "q1", "text": "lake?"},
    {"_id": "q2", "text": "hill?"},
    {"_id": "other", "text": "of the train split"},
]
QRELS = [("q1", "d10", 2), ("q2", "d9", 1), ("q2", "d1", 0)]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def tsv(rows: list[tuple[str, str, int]], header: str = "query-id\tcorpus-id\tscore\n") -> str:
    return header + "".join(f"{q}\t{d}\t{gain}\n" for q, d, gain in rows)


def beir(folder: Path, **changes: str) -> Path:
    files = {"corpus.jsonl": lines(CORPUS), "queries.jsonl": lines(QUERIES), "qrels/test.tsv": tsv(QRELS)}
    return write(folder, files | changes)


def check(collection: Collection) -> None:
    assert collection.document_ids == ("d1", "d10", "d9")
    assert collection.documents == ("A sea.", "Lakes A lake.", "A hill.")
    assert collection.query_ids == ("q1", "q2")
    assert collection.relevant.tolist() == [1, 2]
    assert collection.gains.tolist() == [2.0, 1.0]


def test_a_beir_folder_is_read_with_titles_and_the_queries_of_its_split(tmp_path: Path) -> None:
    collection = read_collection(beir(tmp_path))
    assert collection.format == "BEIR folder"
    check(collection)
    assert any("1 query has no judgment in the split 'test'" in line for line in collection.warnings)


@pytest.mark.parametrize(
    "qrels",
    [
        tsv(QRELS, header=""),
        "".join(f"{q} 0 {d} {gain}\n" for q, d, gain in QRELS),
        tsv(QRELS).replace("\n", "\r\n") + "\r\n",
    ],
    ids=["no header", "TREC columns", "CRLF"],
)
def test_judgments_may_lack_a_header_or_have_four_columns(tmp_path: Path, qrels: str) -> None:
    check(read_collection(beir(tmp_path, **{"qrels/test.tsv": qrels})))


def test_the_test_split_is_taken_unless_another_is_asked_for(tmp_path: Path) -> None:
    folder = beir(tmp_path, **{"qrels/train.tsv": tsv([("other", "d1", 1), ("q1", "d9", 1)])})
    check(read_collection(folder))
    train = read_collection(folder, split="train")
    assert train.query_ids == ("q1", "other")
    with pytest.raises(InvalidOptionError, match="no split 'dev'; there are 'test', 'train'"):
        read_collection(folder, split="dev")
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    with pytest.raises(InvalidOptionError, match="none is called 'test'"):
        read_collection(folder)


def test_a_flagembedding_evaluation_folder_is_read(tmp_path: Path) -> None:
    qrels = [{"qid": q, "docid": d, "relevance": gain} for q, d, gain in QRELS]
    files = {
        "corpus.jsonl": lines([{"id": row["_id"], **row} for row in CORPUS]),
        "dev_queries.jsonl": lines([{"id": row["_id"], "text": row["text"]} for row in QUERIES]),
        "dev_qrels.jsonl": lines(qrels),
    }
    collection = read_collection(write(tmp_path, files))
    assert collection.format == "FlagEmbedding evaluation folder"
    check(collection)


@pytest.mark.parametrize("qrels_config", ["qrels", "default"])
def test_a_parquet_folder_is_read_across_shards(tmp_path: Path, qrels_config: str) -> None:
    tables = {
        "corpus/corpus-00000-of-00002": CORPUS[:2],
        "corpus/corpus-00001-of-00002": [{"_id": "d1", "title": None, "text": "A sea."}],
        "queries/queries-00000-of-00001": QUERIES,
        f"{qrels_config}/test-00000-of-00001": [{"query-id": q, "corpus-id": d, "score": gain} for q, d, gain in QRELS],
    }
    for name, rows in tables.items():
        path = tmp_path / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path)
    collection = read_collection(tmp_path)
    assert collection.format == "MTEB Parquet folder"
    check(collection)


def test_whole_numbers_are_accepted_as_ids(tmp_path: Path) -> None:
    corpus = lines([{"_id": 1, "text": "a"}, {"_id": 2, "text": "b"}])
    queries = lines([{"_id": 1, "text": "qa"}, {"_id": 2, "text": "qb"}])
    folder = beir(
        tmp_path,
        **{"corpus.jsonl": corpus, "queries.jsonl": queries, "qrels/test.tsv": tsv([("1", "1", 1), ("2", "2", 1)])},
    )
    assert read_collection(folder).document_ids == ("1", "2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus.jsonl": lines([*CORPUS, {"_id": "d1", "text": "B"}])}, r"corpus\.jsonl: line 4: the id 'd1' app"),
        ({"corpus.jsonl": lines([{"text": "a"}])}, r"corpus\.jsonl: row 1: the field '_id' \(or 'id'\) is missing"),
        ({"corpus.jsonl": lines([{"_id": "d1", "title": "t"}])}, r"row 1: the field 'text' is missing"),
        ({"corpus.jsonl": lines([{"_id": "d1", "text": ["a"]}])}, "field 'text': expected a string, came a list of 1"),
        ({"corpus.jsonl": '{"_id": "d1", "text": "cut'}, r"corpus\.jsonl: line 1, column 23: the JSON is cut off"),
        ({"corpus.jsonl": ""}, r"corpus\.jsonl: the file is empty"),
        ({"corpus.jsonl": "[1]\n"}, r"row 1: expected a row \{\.\.\.\} .* came a number \(1\)"),
        ({"queries.jsonl": lines([{"_id": True, "text": "a"}])}, "expected an id .* came true"),
        ({"qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td10\n"}, r"qrels/test\.tsv: line 2: expected 3 cells"),
        ({"qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td10\tgood\n"}, r"line 2: expected a number as the score"),
        ({"qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td10\tnan\n"}, "judgment 1 .* gain nan"),
        ({"qrels/test.tsv": "query-id\tcorpus-id\tscore\n"}, "the split 'test' has no judgments"),
        ({"qrels/test.tsv": tsv([*QRELS, ("q1", "zz", 1)])}, "1 of 4 judgments name an id"),
    ],
)  # fmt: skip
def test_a_broken_part_of_a_folder_is_named_with_its_file_and_line(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(DataFormatError, match=message) as caught:
        read_collection(beir(tmp_path, **changes))
    assert str(caught.value).startswith(str(tmp_path))


def test_an_empty_document_is_refused_or_dropped(tmp_path: Path) -> None:
    folder = beir(tmp_path, **{"corpus.jsonl": lines([*CORPUS, {"_id": "e", "title": " ", "text": ""}])})
    with pytest.raises(DataFormatError, match="--drop-empty"):
        read_collection(folder)
    check(read_collection(folder, drop_empty=True))


def test_missing_documents_may_be_allowed(tmp_path: Path) -> None:
    folder = beir(tmp_path, **{"qrels/test.tsv": tsv([*QRELS, ("q1", "zz", 1)])})
    check(read_collection(folder, allow_missing=True))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds nothing"),
        ({"notes.md": "x", "log.txt": "a,b"}, "has no file of rows .* it holds 'log.txt', 'notes.md'"),
        ({"train.json": "[]", "test.json": "[]"}, "test.json: the list is empty"),
        ({"rows.jsonl.zip": ""}, "holds archives"),
        ({"corpus.jsonl": "", "queries.jsonl": ""}, r"the BEIR folder has no qrels \(judgments, qrels/<split>.tsv\)"),
        ({"corpus.jsonl": "", "qrels/test.tsv": ""}, r"the BEIR folder has no queries.jsonl \(queries\)"),
        ({"corpus.jsonl": "", "queries.jsonl": "", "qrels/x.md": ""}, r"has no qrels \(judgments"),
        ({"corpus.jsonl.gz": ""}, r"has no queries.jsonl \(queries\) and no qrels"),
    ],
)
def test_a_folder_of_another_kind_says_what_is_missing(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(DataFormatError, match=message):
        read_collection(write(tmp_path, files))


def test_a_parquet_folder_with_wrong_columns_is_refused(tmp_path: Path) -> None:
    for name, rows in {"corpus": [{"a": 1}], "queries": [{"a": 1}], "qrels": [{"a": 1}]}.items():
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    with pytest.raises(DataFormatError, match=r"qrels\.parquet: the columns 'a' name no column for the queries"):
        read_collection(tmp_path)
