"""Queries that are documents too: which document is the query itself is decided once, by text or by id."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.data.collection import (
    Collection,
    Negative,
    Row,
    build_collection,
    collection_from_qrels,
    describe,
    digest,
    is_itself,
    keep_queries,
    ranking_own,
)
from embedscope.data.readers import read_collection
from embedscope.log import Silent


def own_pairs(collection: Collection) -> set[tuple[str, str]]:
    """(query text, text of its own document)."""
    own = collection.own
    if own is None:
        return set()
    pairs = zip(own.query_of_pair.tolist(), own.documents.tolist(), strict=True)
    return {(collection.queries[q], collection.documents[d]) for q, d in pairs}


class Heard(Silent):
    """A log that remembers what it was told of the data."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def fact(self, name: str, text: str) -> None:
        self.lines.append(text)


def said_of(collection: Collection) -> str:
    log = Heard()
    describe(collection, "rows.json", log)
    return " ".join(log.lines)


def judged(queries: dict[str, str], documents: dict[str, str], qrels: list[tuple[str, str, float]]) -> Collection:
    return collection_from_qrels(queries, documents, qrels, format="judged")


def pairs(*rows: tuple[str, str]) -> Collection:
    return build_collection((Row(query, (positive,)) for query, positive in rows), format="pairs")


def test_a_positive_of_another_row_that_is_the_query_is_its_own_document() -> None:
    found = pairs(
        ("how to bake", "how do I bake"), ("how do I bake", "baking for all"), ("what is rye", "rye is grain")
    )
    assert own_pairs(found) == {("how do I bake", "how do I bake")}


@pytest.mark.parametrize("document", ["Cafe\u0301 near me", "  Café near me ", "Café near me\n"])
def test_texts_are_compared_as_everywhere(document: str) -> None:
    found = pairs(("Café near me", "a"), ("b", document))
    assert own_pairs(found) == {("Café near me", "Café near me")}


def test_a_hard_negative_of_another_query_is_an_own_document_too() -> None:
    rows = [Row("q one", ("a",)), Row("q two", ("b",), (Negative("q one"),))]
    found = build_collection(rows, format="rows")
    assert own_pairs(found) == {("q one", "q one")}
    assert found.negatives.queries.tolist() == [1]


def test_the_document_with_the_query_s_id_is_its_own_also_under_a_title() -> None:
    queries = {"q1": "Meat is bad for the climate.", "q2": "Cars are loud."}
    documents = {
        "q1": "Environment Meat is bad for  the climate.",
        "d": "No, they are not.",
        "q2": "Cars are loud. And fast.",
    }
    found = judged(queries, documents, [("q1", "d", 1), ("q2", "d", 1)])
    assert own_pairs(found) == {(queries["q1"], documents["q1"]), (queries["q2"], documents["q2"])}
    assert not found.warnings


def test_an_id_of_a_query_on_an_unrelated_document_is_ranked_and_said() -> None:
    found = judged(
        {"1": "does rye rise", "2": "what is rye"},
        {"1": "wheat", "2": "barley", "3": "rye"},
        [("1", "3", 1), ("2", "3", 1)],
    )
    assert found.own is None
    (note,) = found.warnings
    assert "2 documents have the id of a query and another text (first: id '1', id '2')" in note
    assert "BEIR leaves it out" in note


def test_a_query_may_have_several_own_documents() -> None:
    queries = {"q1": "rye bread", "q2": "what is rye"}
    documents = {"q1": "Baking rye bread", "x": "rye bread", "d": "a loaf"}
    found = judged(queries, documents, [("q1", "d", 1), ("q2", "d", 1)])
    assert own_pairs(found) == {("rye bread", "Baking rye bread"), ("rye bread", "rye bread")}


def test_a_positive_that_is_the_query_stays_with_a_warning() -> None:
    found = pairs(("rye", "rye"), ("wheat", "flour"))
    assert found.own is None
    assert found.relevant.tolist() == [0, 1]
    (note,) = found.warnings
    assert "1 query has a positive that is the query itself (first: 'rye')" in note


def test_a_hard_negative_that_is_its_query_is_left_out_and_counted() -> None:
    rows = [Row("rye", ("flour",), (Negative("rye", ("kind",), 2.0), Negative("oats"))), Row("wheat", ("bran",))]
    found = build_collection(rows, format="rows")
    assert [found.documents[d] for d in found.negatives.documents] == ["oats"]
    assert [found.documents[d] for d in found.own_negatives.documents] == ["rye"]
    said = said_of(found)
    assert "1 hard-negative pair" in said
    assert (
        "1 query is a document too; its own text is left out of its ranking and 1 time out of its hard negatives"
        in said
    )


def test_the_number_of_such_queries_is_said_with_the_data() -> None:
    said = said_of(pairs(("a", "b"), ("b", "a"), ("c", "d")))
    assert "2 queries are documents too; their own text is left out of their ranking (--keep-self ranks it)" in said


def test_ranking_own_documents_gives_back_their_hard_negatives_in_order() -> None:
    rows = [
        Row("rye", ("flour",), (Negative("oats", ("b",), 3.0), Negative("rye", ("a",), 2.0))),
        Row("wheat", ("bran",)),
    ]
    found = ranking_own(build_collection(rows, format="rows"))
    assert found.own is None
    assert not len(found.own_negatives.queries)
    assert [found.documents[d] for d in found.negatives.documents] == ["oats", "rye"]
    assert found.negatives.types == (("b",), ("a",))
    assert found.negatives.weights.tolist() == [3.0, 2.0]
    assert ranking_own(found) is found


def test_a_sample_of_the_queries_keeps_their_own_documents() -> None:
    rows = [Row(f"q{i}", (f"q{i + 1}",), (Negative(f"q{i}"),)) for i in range(6)]
    whole = build_collection(rows, format="rows")
    part = keep_queries(whole, np.array([1, 4]))
    assert own_pairs(part) == {("q1", "q1"), ("q4", "q4")}
    assert part.own_negatives.queries.tolist() == [0, 1]
    none = build_collection([Row("a", ("b",)), Row("b", ("c",)), Row("d", ("e",)), Row("f", ("g",))], format="rows")
    assert keep_queries(none, np.array([2, 3])).own is None


def test_the_digest_tells_whether_own_documents_are_ranked() -> None:
    found = pairs(("a", "b"), ("b", "a"))
    assert digest(found) != digest(ranking_own(found))


def test_without_queries_that_are_documents_nothing_is_added_to_the_digest() -> None:
    found = pairs(("a", "x"), ("b", "y"))
    assert digest(found) == digest(replace(found, own=None)) == digest(ranking_own(found))
    assert digest(found) == "5d65e006d61d2846d1860adc7a6296662375fd60addc22b6f112fd76c41b6793"


@given(st.text(alphabet="abc ", min_size=1), st.text(alphabet="xyz ", max_size=5))
def test_a_title_before_or_a_body_behind_makes_no_other_document_of_a_query(query: str, other: str) -> None:
    if query.strip():
        assert is_itself(query, f"{other} {query}")
        assert is_itself(query, f"{query} {other}")
    if query.strip() and other.strip():
        assert not is_itself(query, other)


def test_a_folder_of_queries_that_are_documents_reads_as_the_pairs_do(tmp_path: Path) -> None:
    """The same content by ids (with and without titles) and as rows."""
    texts = {f"t{i}": f"argument number {i}" for i in range(6)}
    for title in ("", "Climate"):
        folder = tmp_path / f"beir{title}"
        (folder / "qrels").mkdir(parents=True)
        corpus = [{"_id": name, "title": title, "text": text} for name, text in texts.items()]
        (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
        queries = [{"_id": name, "text": text} for name, text in list(texts.items())[:4]]
        (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
        lines = ["query-id\tcorpus-id\tscore", *(f"t{i}\tt{i + 1}\t1" for i in range(4))]
        (folder / "qrels/test.tsv").write_text("\n".join(lines) + "\n")
        found = read_collection(folder)
        assert found.own is not None
        owners = found.own.query_of_pair.tolist()
        assert [found.query_ids[q] for q in owners] == [found.document_ids[d] for d in found.own.documents]
        assert len(owners) == 4
