"""Judgments: a header is obeyed or refused, an order without a header is checked by the ids."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.written_tables import write_rows

from embedscope.data.readers import read_collection
from embedscope.data.readers.qrels import read_judgments
from embedscope.errors import DataFormatError

QRELS = [("q1", "d1", 2.0), ("q2", "d2", 1.0), ("q2", "d3", 0.0), ("q3", "d3", 1.0)]


def judgments(folder: Path, text: str, name: str = "test.tsv") -> Any:
    (folder / name).write_text(text)
    return read_judgments(folder / name)


def table(rows: list[tuple[Any, ...]], separator: str = "\t") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
def test_three_columns_and_those_of_trec_need_no_header(tmp_path: Path, separator: str) -> None:
    assert judgments(tmp_path, table([*QRELS], separator)).qrels == QRELS
    trec = [(q, "0", d, int(gain)) for q, d, gain in QRELS]
    assert judgments(tmp_path, table([("# a comment", *" " * 3), *trec], separator)).qrels == QRELS
    assert judgments(tmp_path, table(trec, separator), "test.txt").qrels == QRELS


def test_white_space_of_any_width_separates_and_quoted_ids_are_read(tmp_path: Path) -> None:
    assert judgments(tmp_path, "q1   0  d1   2\nq2  0\td2  1\n").qrels == QRELS[:2]
    assert judgments(tmp_path, '"query-id","corpus-id","score"\n"q1","d1","2"\n').qrels == QRELS[:1]
    assert judgments(tmp_path, '"query-id"\t"corpus-id"\t"score"\n"q1"\t"d1"\t2\n').qrels == QRELS[:1]
    assert judgments(tmp_path, "#query-id\tscore\tcorpus-id\nq1\t2\td1\n").qrels == QRELS[:1]


@pytest.mark.parametrize("header", ["query-id\tcorpus-id\n", "corpus-id\tquery-id\n", ""])
def test_two_columns_list_what_is_relevant(tmp_path: Path, header: str) -> None:
    rows = [(d, q) if header.startswith("corpus") else (q, d) for q, d, _ in QRELS]
    found = judgments(tmp_path, header + table(rows))
    assert found.qrels == [(q, d, 1.0) for q, d, _ in QRELS]
    assert any("no gain" in note for note in found.notes)


@pytest.mark.parametrize("container", ["json", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("gain", [None, "one", "each"])
def test_a_record_may_list_the_documents_of_its_query(tmp_path: Path, container: str, gain: str | None) -> None:
    rows = [{"corpus-id": ["d1", "d2"], "query-id": "q1"}, {"corpus-id": ["d3"], "query-id": "q2"}]
    for row in rows if gain else ():
        row["score"] = 2 if gain == "one" else [2] * len(row["corpus-id"])  # type: ignore[assignment]
    found = read_judgments(write_rows(tmp_path / "test", rows, container))
    expected = 1.0 if gain is None else 2.0
    assert found.qrels == [("q1", "d1", expected), ("q1", "d2", expected), ("q2", "d3", expected)]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_of_queries_has_their_documents_with_gains_or_without(tmp_path: Path, indent: int | None) -> None:
    graded: dict[str, dict[str, float]] = {}
    for query, document, gain in QRELS:
        graded.setdefault(query, {})[document] = gain
    assert judgments(tmp_path, json.dumps(graded, indent=indent), "test.json").qrels == QRELS
    listed = {query: list(documents) for query, documents in graded.items()}
    found = judgments(tmp_path, json.dumps(listed, indent=indent), "test.json")
    assert found.qrels == [(q, d, 1.0) for q, d, _ in QRELS]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("query-id\tfoo\tscore\nq1\td1\t1\n", "name no column for the documents"),
        ("foo\tcorpus-id\tscore\nq1\td1\t1\n", "name no column for the queries"),
        ("query-id\tqid\tcorpus-id\tscore\nq1\tq1\td1\t1\n", "name 2 columns for the queries"),
        ("query-id\tcorpus-id\tscore\tlabel\nq1\td1\t1\t0\n", "'score', 'label' is the gain is unclear"),
        ("query-id\tcorpus-id\tverdict\nq1\td1\t1\n", "'verdict' is the gain is unclear"),
        ("a\tb\tc\nq1\td1\t1\n", "line 1: 'a b c' is neither a header"),
        ("q1\td1\t1\t0\t5\n", "line 1: .* is neither a header"),
        ("query-id\tquery-id\tcorpus-id\nq1\tq1\td1\n", "no name twice"),
        ("query-id\tcorpus-id\tscore\nq1\td1\n", "line 2: expected 3 cells"),
        ("query-id\tcorpus-id\tscore\nq1\td1\tgood\n", "line 2: expected a number as the score"),
        ("query-id\tcorpus-id\tscore\nq1\td1\t\n", "line 2: expected a number as the score"),
    ],
)
def test_a_header_that_does_not_say_which_column_is_which_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataFormatError, match=message):
        judgments(tmp_path, text)


def folder_of(folder: Path, qrels: str, *, n: int = 30) -> Path:
    """A folder whose queries and documents have the same numbers as ids."""
    for part, word in {"corpus": "text", "queries": "question"}.items():
        write_rows(folder / part, [{"_id": str(i), "text": f"{word} {i}"} for i in range(n + 5 * (part == "corpus"))])
    (folder / "qrels.tsv").write_text(qrels)
    return folder


def test_documents_before_queries_without_a_header_are_refused_by_their_ids(tmp_path: Path) -> None:
    straight = [(i, (i * 7) % 30 + 5, 1) for i in range(30)]
    assert len(read_collection(folder_of(tmp_path, table(straight))).queries) == 30
    with pytest.raises(DataFormatError, match="seem to have document ids before query ids"):
        read_collection(folder_of(tmp_path, table([(d, q, gain) for q, d, gain in straight])))
    with pytest.raises(DataFormatError, match="seem to have gains before document ids"):
        read_collection(folder_of(tmp_path, table([(q, gain, d) for q, d, gain in straight])))


def test_a_judgment_of_zero_of_an_absent_document_changes_nothing(tmp_path: Path) -> None:
    straight = [(i, (i * 7) % 30, 1) for i in range(30)]
    more = [(3, "gone", 0), ("unknown", 4, 0), ("unknown", "gone", -1)]
    with_absent = read_collection(folder_of(tmp_path, table([*straight, *more])))
    without = read_collection(folder_of(tmp_path, table(straight)))
    assert np.array_equal(with_absent.relevant, without.relevant)
    assert any("3 judgments have a gain of 0 or less" in note and "3 of them" in note for note in with_absent.warnings)
    with pytest.raises(DataFormatError, match="1 of 31 judgments name an id"):
        read_collection(folder_of(tmp_path, table([*straight, (3, "gone", 1)])))


def test_numbers_do_not_depend_on_the_order_of_columns(tmp_path: Path) -> None:
    """The judgments that pytrec_eval counts are those that are read, whatever the order of their columns."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    generator = random.Random(5)
    rows = [(str(q), str(d), generator.randint(0, 3)) for q in range(30) for d in generator.sample(range(35), 4)]
    by_query: dict[str, dict[str, int]] = {}
    for query, document, gain in rows:
        by_query.setdefault(query, {})[document] = gain
    run = {query: {str(d): generator.random() for d in range(35)} for query in by_query}
    meant = pytrec_eval.RelevanceEvaluator(by_query, {"ndcg_cut_10"}).evaluate(run)
    header = ("n", "relevance", "corpus_id", "iteration", "qid")
    turned = [(n, gain, document, "Q0", query) for n, (query, document, gain) in enumerate(rows)]
    collection = read_collection(folder_of(tmp_path, table([header, *turned])))
    read: dict[str, dict[str, int]] = {name: {} for name in collection.query_ids}
    for q, name in enumerate(collection.query_ids):
        for entry in range(*collection.indptr[[q, q + 1]]):
            read[name][collection.document_ids[collection.relevant[entry]]] = int(collection.gains[entry])
    came = pytrec_eval.RelevanceEvaluator(read, {"ndcg_cut_10"}).evaluate(run)
    assert came == {query: pytest.approx(figures) for query, figures in meant.items() if query in came}
    assert len(came) == sum(any(gain > 0 for gain in judged.values()) for judged in by_query.values())
