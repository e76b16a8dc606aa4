"""Runs as files and objects have them: one meaning in every form, and one clear message for each fault."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.data.collection import Collection, Row, build_collection, collection_from_qrels
from embedscope.data.runs import is_run_file, load_lists
from embedscope.errors import DataFormatError
from embedscope.metrics.ranked_lists import RankedLists

QUERIES = {"q1": "red house", "q2": "blue boat", "q10": "old tree"}
DOCUMENTS = {"d1": "a house of brick", "d2": "a boat", "d3": "an oak", "d4": "a boat\n", "d 5": "a lamp at 5 %"}
RUN = {"q1": {"d1": 3.5, "d2": 1.25, "d3": 1.25}, "q10": {"d2": -1.0, "d3": 0.5, "d1": 0.0}}
"""q2 has no list."""


@pytest.fixture
def collection() -> Collection:
    qrels = [("q1", "d1", 1.0), ("q2", "d2", 2.0), ("q10", "d3", 1.0)]
    return collection_from_qrels(QUERIES, DOCUMENTS, qrels, format="BEIR folder")


def said(lists: RankedLists, collection: Collection) -> dict[str, list[tuple[str, float]]]:
    """The lists by id; a document outside the collection as its code."""
    ids = collection.document_ids
    names = [ids[row] if row >= 0 else str(row) for row in lists.documents.tolist()]
    entries = list(zip(names, lists.scores.tolist(), strict=True))
    found = {}
    for row, query in enumerate(collection.query_ids):
        if own := entries[lists.indptr[row] : lists.indptr[row + 1]]:
            found[query] = own
    return found


EXPECTED = {"q1": [("d1", 3.5), ("d3", 1.25), ("d2", 1.25)], "q10": [("d3", 0.5), ("d1", 0.0), ("d2", -1.0)]}
"""By falling score; of equal ones the greater id first, as in trec_eval."""

COLUMNS = [(q, d, s) for q, found in RUN.items() for d, s in found.items()]
TREC = "".join(f"{q} Q0 {d} {rank} {s!r} tag\n" for rank, (q, d, s) in enumerate(COLUMNS))
TEXTS = {QUERIES[q]: [(DOCUMENTS[d], s) for d, s in found.items()] for q, found in RUN.items()}


def prediction_lines() -> str:
    """As InformationRetrievalEvaluator writes them with ``write_predictions``."""
    lines = [
        {"query_id": q, "query": QUERIES[q], "results": [{"corpus_id": d, "score": s} for d, s in found.items()]}
        for q, found in RUN.items()
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


FILES: dict[str, tuple[str, bytes]] = {
    "TREC": ("TREC run", TREC.encode()),
    "TREC, no last line break": ("TREC run", TREC.rstrip("\n").encode()),
    "TREC, tabs": ("TREC run", TREC.replace(" ", "\t").encode()),
    "TREC, many blanks": ("TREC run", TREC.replace(" ", "  \t ").replace("\n", " \n  ").encode()),
    "TREC, Windows": ("TREC run", b"\xef\xbb\xbf" + TREC.replace("\n", "\r\n").encode()),
    "TREC, comments": ("TREC run", ("# made by hand\n" + TREC.replace("q10", "\n  # more\nq10", 1)).encode()),
    "TREC, lines in any order": ("TREC run", "".join(sorted(TREC.splitlines(True), reverse=True)).encode()),
    "TREC, gzip": ("TREC run", gzip.compress(TREC.encode())),
    "TREC, bzip2": ("TREC run", bz2.compress(TREC.encode())),
    "ranx": ("JSON run", json.dumps(RUN).encode()),
    "ranx, indented": ("JSON run", json.dumps(RUN, indent=2).encode()),
    "mteb": (
        "mteb predictions",
        json.dumps({"mteb_model_meta": {"model_name": "m", "revision": None}, "default": {"test": RUN}}).encode(),
    ),
    "mteb, one subset of a split": (
        "mteb predictions",
        json.dumps({"default": {"train": {"x": {"d1": 1.0}}, "test": RUN}}).encode(),
    ),
    "sentence-transformers": ("sentence-transformers predictions", prediction_lines().encode()),
    "rows as JSONL": (
        "JSONL run",
        "".join(json.dumps({"qid": q, "docid": d, "score": s}) + "\n" for q, d, s in COLUMNS).encode(),
    ),
    "rows as TSV": (
        "TSV run",
        ("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{s}\n" for q, d, s in COLUMNS)).encode(),
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_says_the_same(kind: str, tmp_path: Path, collection: Collection) -> None:
    layout, content = FILES[kind]
    file = tmp_path / "run"
    file.write_bytes(content)
    lists = load_lists(file, collection)
    assert said(lists, collection) == EXPECTED
    assert (lists.facts.layout, lists.facts.checkpoint, lists.facts.dim, lists.similarity) == (
        layout, str(file), 0, "score",
    )  # fmt: skip
    assert lists.n_missing == 1
    assert "1 query has no list and counts 0." in lists.notes
    assert is_run_file(file) or kind.startswith("rows")


@pytest.mark.parametrize(
    "names", [("query-id", "corpus-id", "score"), ("q_id", "doc_id", "score"), ("qid", "document_id", "sim")]
)
def test_parquet_is_read_by_the_usual_names(names: tuple[str, ...], tmp_path: Path, collection: Collection) -> None:
    table = pa.table(dict(zip(names, map(list, zip(*COLUMNS, strict=True)), strict=True)))
    pq.write_table(table.append_column("text", [["x"] * len(COLUMNS)]), tmp_path / "run.parquet")
    assert is_run_file(tmp_path / "run.parquet")
    assert said(load_lists(tmp_path / "run.parquet", collection), collection) == EXPECTED


OBJECTS: dict[str, Callable[[], Any]] = {
    "dict": lambda: RUN,
    "dict of pairs": lambda: {q: list(found.items()) for q, found in RUN.items()},
    "dict by text": lambda: TEXTS,
    "dict of columns": lambda: dict(zip(("qid", "docid", "score"), map(list, zip(*COLUMNS, strict=True)), strict=True)),
    "pandas": lambda: pd.DataFrame(COLUMNS, columns=["query_id", "doc_id", "score"]),
    "pandas, categories": lambda: pd.DataFrame(COLUMNS, columns=["qid", "docid", "score"]).astype(
        {"docid": "category"}
    ),
    "polars": lambda: pl.DataFrame(COLUMNS, schema=["qid", "document_id", "score"], orient="row"),
    "Arrow": lambda: pa.table(dict(zip(("qid", "docid", "score"), map(list, zip(*COLUMNS, strict=True)), strict=True))),
    "function to a dict": lambda: lambda text: RUN.get({v: k for k, v in QUERIES.items()}[text], {}),
    "function to pairs of texts": lambda: lambda text: TEXTS.get(text, []),
    "function to NumPy numbers": lambda: lambda text: [(d, np.float32(s)) for d, s in TEXTS.get(text, [])],
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_kind_of_object_says_the_same(kind: str, collection: Collection) -> None:
    lists = load_lists(OBJECTS[kind](), collection)
    assert said(lists, collection) == EXPECTED
    assert "house" not in lists.facts.checkpoint


def test_the_predictions_that_sentence_transformers_writes_are_read(tmp_path: Path, collection: Collection) -> None:
    module = pytest.importorskip("sentence_transformers.sentence_transformer.evaluation.information_retrieval")
    relevant = {"q1": {"d1"}, "q2": {"d2"}, "q10": {"d3"}}
    evaluator = module.InformationRetrievalEvaluator(
        QUERIES, DOCUMENTS, relevant, write_predictions=True, score_functions={"dot": lambda a, b: a @ b.T}
    )

    class Model:
        similarity_fn_name = "cosine"
        similarity = staticmethod(lambda a, b: a @ b.T)
        model_card_data = None

        def encode_query(self, texts: list[str], **_: Any) -> Any:
            import torch

            return torch.stack([torch.tensor([float(len(t)), float(t.count("o"))]) for t in texts])

        encode = encode_document = encode_query

    evaluator.compute_metrices(Model(), output_path=str(tmp_path))
    (file,) = tmp_path.glob("*_predictions*.jsonl")
    assert is_run_file(file)
    lists = load_lists(file, collection)
    written = {line["query_id"]: line["results"] for line in map(json.loads, file.read_text().splitlines())}
    hits = {q: {hit["corpus_id"]: hit["score"] for hit in found} for q, found in written.items()}
    for query, found in said(lists, collection).items():
        own = hits[query] | {"d2": max(hits[query]["d2"], hits[query]["d4"])}  # one text
        assert all(own[document] == score for document, score in found)
    assert np.diff(lists.indptr).tolist() == [4, 4, 4]


def test_predictions_of_one_query_are_read(tmp_path: Path, collection: Collection) -> None:
    file = tmp_path / "one_predictions.jsonl"
    file.write_text(prediction_lines().splitlines(keepends=True)[0])
    (query,) = list(RUN)[:1]
    assert load_lists(file, collection).facts.layout == "sentence-transformers predictions"
    assert said(load_lists(file, collection), collection) == said(
        load_lists({query: RUN[query]}, collection), collection
    )


def test_lists_of_a_rank_fusion_have_no_scores_and_count_by_their_order(tmp_path: Path, collection: Collection) -> None:
    lines = [
        {"query_id": q, "query": QUERIES[q], "positive": [], "documents": [DOCUMENTS["d3"], DOCUMENTS["d1"]]}
        for q in QUERIES
    ]
    file = tmp_path / "ReciprocalRankFusion_evaluation_predictions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert is_run_file(file)
    lists = load_lists(file, collection)
    assert said(lists, collection)["q2"] == [("d3", 0.0), ("d1", -1.0)]
    assert "The file has no scores: its order counts." in lists.notes


# --- names ---------------------------------------------------------------------------------------------------------


def test_the_best_score_of_documents_with_one_text_counts(collection: Collection) -> None:
    lists = load_lists({"q1": {"d4": 2.0, "d2": 1.0, "d1": 1.5}}, collection)
    assert said(lists, collection) == {"q1": [("d2", 2.0), ("d1", 1.5)]}


def test_an_id_with_blanks_is_found_as_it_is_and_percent_encoded(tmp_path: Path, collection: Collection) -> None:
    (tmp_path / "run.trec").write_text("q1 Q0 d%205 1 2.5 tag\nq1 Q0 d1 2 1.5 tag\n")
    of_file = said(load_lists(tmp_path / "run.trec", collection), collection)
    assert of_file == said(load_lists({"q1": {"d 5": 2.5, "d1": 1.5}}, collection), collection)
    assert of_file == {"q1": [("d 5", 2.5), ("d1", 1.5)]}


def test_rows_without_ids_are_found_by_text() -> None:
    rows = build_collection([Row("a b", ("x y",), number=1), Row("c d", ("z",), number=2)], format="rows")
    lists = load_lists({"a b": {"z ": 1.0, "x y": 0.5}}, rows)
    assert said(lists, rows) == {"q00000": [("d00001", 1.0), ("d00000", 0.5)]}
    assert "The queries and documents were found by text." in lists.notes
    by_id = load_lists({"q00000": {"d00001": 1.0, "d00000": 0.5}}, replace(rows, columns={"query": ("query",)}))
    assert said(by_id, rows) == said(lists, rows)
    assert "The ids of rows number their texts: the run has to be of this very file." in by_id.notes


def test_unknown_documents_keep_their_ranks_and_are_said(collection: Collection) -> None:
    lists = load_lists({"q1": {"d1": 1.0, "d25": 2.0, "zz": 1.0, "d2": 0.5}}, collection)
    assert said(lists, collection) == {"q1": [("-1", 2.0), ("-2", 1.0), ("d1", 1.0), ("d2", 0.5)]}
    assert collection.document_ids == ("d 5", "d1", "d2", "d3")
    assert lists.outside.tolist() == [2.5, 3.5]  # d25 behind d2, zz behind all
    assert lists.id_order.tolist() == [2.5, 3.5, 1.0, 2.0]
    assert any(note.startswith("2 of 4 documents returned are not in the data set") for note in lists.notes)


def test_lists_of_unknown_queries_are_left_out_and_said(collection: Collection) -> None:
    lists = load_lists({"q1": {"d1": 1.0}, "q77": {"nobody": 1.0, "nowhere": 2.0}}, collection)
    assert said(lists, collection) == {"q1": [("d1", 1.0)]}
    assert any(note.startswith("1 list is of a query not judged here") for note in lists.notes)


@pytest.mark.parametrize(
    ("order", "n"),
    [
        ("q1 Q0 d1 {} 1.5 t\nq1 Q0 d2 {} 2.5 t\nq10 Q0 d1 1 3 t\n", 1),
        ("q10 Q0 d1 1 3 t\nq1 Q0 d2 {1} 2.5 t\nq1 Q0 d1 {0} 1.5 t\n", 1),
    ],
)
def test_a_rank_column_against_the_scores_is_said_and_the_scores_count(
    order: str, n: int, tmp_path: Path, collection: Collection
) -> None:
    file = tmp_path / "run.trec"
    file.write_text(order.format(1, 2))
    lists = load_lists(file, collection)
    assert said(lists, collection)["q1"] == [("d2", 2.5), ("d1", 1.5)]
    assert f"For {n} of 2 queries the rank column orders the documents otherwise than the scores." in lists.notes[0]
    file.write_text(order.format(2, 1))
    assert "rank column" not in " ".join(load_lists(file, collection).notes)
    file.write_text(order.replace("{}", "-").replace("{0}", "-").replace("{1}", "-"))
    assert "rank column" not in " ".join(load_lists(file, collection).notes)


def test_judgments_in_place_of_a_run_are_said(collection: Collection) -> None:
    perfect = {"q1": {"d1": 1.0}, "q2": {"d2": 2.0}, "q10": {"d3": 1.0}}
    said_of_qrels = "The lists are the judgments of the data set, with gains as scores: no system ranked them."
    assert said_of_qrels in load_lists(perfect, collection).notes
    assert said_of_qrels not in load_lists({**perfect, "q10": {"d3": 0.9}}, collection).notes
    assert said_of_qrels not in load_lists({**perfect, "q10": {"d3": 1.0, "d1": 0.1}}, collection).notes


# --- refusals ------------------------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty; a run (TREC, JSON, JSONL or Parquet) was expected."),
    "white space": (b" \n\n", "holds only white space"),
    "only comments": (b"# nothing\n", "the run has no entries"),
    "binary": (bytes(range(256)) * 4, "the file is binary"),
    "UTF-16": (TREC.encode("utf-16"), "UTF-16"),
    "ragged": (TREC.encode() + b"# x\n\nq2 Q0 d1 7 0.5\n", "line 9: expected six columns"),
    "a name with a blank": (TREC.encode() + b"q2 Q0 d 5 7 0.5 t\n", "line 7: expected six columns"),
    "judgments": (b"q1 0 d1 1\n", "Four columns are judgments, which belong to the data set."),
    "a word as score": (TREC.encode() + b"q2 Q0 d1 7 high t\n", "line 7: expected a number as the score, came 'high'"),
    "not UTF-8": (TREC.encode() + b"q2 Q0 d\xff 7 0.5 t\n", "line 7: the byte 0xFF is not UTF-8"),
    "NaN": (b"#\n" + TREC.encode() + b"q2 Q0 d1 7 nan t\n", "line 8: the score nan is not finite"),
    "infinite": (TREC.encode() + b"q2 Q0 d1 7 inf t\n", "line 7: the score inf is not finite"),
    "twice": (TREC.encode() + b"# x\nq1 Q0 d1 7 0.5 t\n", "line 8: the document 'd1' of the query 'q1' stands a"),
    "another data set": (TREC.replace("q1", "x1").encode(), "none of its 2 queries is among the 3 to be judged"),
    "other documents": (TREC.replace(" d", " e").encode(), "6 of 6 documents that it returns are not among the 4"),
    "JSON of numbers": (b'{"q1": 3, "q2": 4}', "expected {query: {document: score}}"),
    "JSON of texts": (b'{"q1": {"d1": "high"}}', "query 'q1': expected a number as the score, came a string ('high')"),
    "JSON of empty lists": (b'{"q1": {}, "q2": {}}', "the lists of all 2 queries are empty"),
    "JSON, beyond all floats": (b'{"q1": {"d1": 1, "d2": 1' + 400 * b"0" + b"}}", "the score inf is not finite"),
    "JSONL, beyond all floats": (
        b'{"qid": "q1", "docid": "d1", "score": -1' + 400 * b"0" + b"}\n", "the score -inf is not finite",
    ),
    "beyond single precision": (TREC.encode() + b"q2 Q0 d1 7 1e39 t\n", "line 7: the score 1e+39 is larger than"),
    "JSON, a text among numbers": (b'{"q1": {"d1": 1, "d2": "high"}}', "query 'q1': expected a number as the score"),
    "JSON, true": (b'{"q1": {"d1": 1, "d2": true}}', "query 'q1': expected a number as the score, came true"),
    "JSON, cut off": (json.dumps(RUN).encode()[:-9], "the JSON is cut off"),
    "JSON, NaN": (b'{"q1": {"d1": 1, "d2": NaN}}', "query 'q1': the score nan is not finite"),
    "JSON, twice": (b'{"q1": {"d1": 1, "d1": 2}}', "the key 'd1' stands twice"),
    "JSON, two runs": (
        json.dumps({"en": {"test": RUN}, "de": {"test": RUN}}).encode(), "there are several: '/en/test', '/de/test'",
    ),
    "JSONL, no score": (
        b'{"query_id": "q1", "results": [{"corpus_id": "d1"}]}\n' * 2, "line 1: expected {corpus_id, score}",
    ),
    "JSONL, a run appended": (prediction_lines().encode() * 2, "stands a second time"),
    "rows without scores": (b"query-id\tcorpus-id\nq1\td1\n", "line 1: expected six columns"),
    "gzip, cut off": (gzip.compress(TREC.encode() * 5)[:-12], "cannot be unpacked"),
    "Parquet, damaged": (b"PAR1" + b"\x00" * 100 + b"PAR1", "the Parquet file cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_refused_with_its_place(fault: str, tmp_path: Path, collection: Collection) -> None:
    content, message = BROKEN[fault]
    file = tmp_path / "run"
    file.write_bytes(content)
    with pytest.raises(DataFormatError) as caught:
        load_lists(file, collection)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_place_that_is_no_file_is_refused(tmp_path: Path, collection: Collection) -> None:
    for path, message in ((tmp_path, "this is a folder"), (tmp_path / "none.trec", "does not exist")):
        with pytest.raises(DataFormatError, match=message):
            load_lists(path, collection)
    (tmp_path / "run.trec").write_text(TREC)
    with pytest.raises(DataFormatError, match=r"this is a folder; .* Pass the run in it: .*run\.trec\."):
        load_lists(tmp_path, collection)


def test_a_parquet_file_without_the_columns_or_with_an_empty_cell_is_refused(
    tmp_path: Path, collection: Collection
) -> None:
    file = tmp_path / "run.parquet"
    for table, message in (
        ({"qid": ["q1"], "docid": ["d1"]}, "hold no score"),
        ({"qid": ["q1", None], "docid": ["d1", "d2"], "score": [1.0, 2.0]}, "row 2: the column 'qid' is empty"),
        ({"qid": [["q1"]], "docid": ["d1"], "score": [1.0]}, "expected ids or texts"),
        ({"qid": ["q1"], "docid": ["d1"], "score": ["x"]}, "numbers were expected"),
    ):
        pq.write_table(pa.table(table), file)
        with pytest.raises(DataFormatError, match=message):
            load_lists(file, collection)


def fails(_: str) -> Any:
    raise RuntimeError("no connection")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (fails, r"fails: fails\('red house'\) failed: RuntimeError: no connection"),
        (lambda text: None, "came null"),
        (lambda text: "d1", "came a string"),
        (lambda text: ["d1", "d2"], r"expected a pair \(document, score\), came a string \('d1'\)"),
        (lambda text: [("d1", "0.5")], "expected a number as the score"),
        (lambda text: {}, "the run has no entries"),
        ({"q1": {"d1": True}}, "expected a number|there is"),
        ({"q1": {"d1": None}}, "query 'q1': expected a number as the score, came null"),
        ({"q1": {"d1": 1.0, "\ud800": 0.5}}, "half of a surrogate pair"),
        ({}, "expected {query: {document: score}}"),
        (7, "this is no data set|cannot be read"),
        (pd.DataFrame({"query": [], "doc": [], "score": []}), "the run has no entries"),
        (pd.DataFrame({"a": [1]}), "hold no query and no document and no score"),
    ],
)  # fmt: skip
def test_an_object_that_is_no_run_is_refused(run: Any, message: str, collection: Collection) -> None:
    with pytest.raises(DataFormatError, match=message):
        load_lists(run, collection)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello world\n", b'{"query": "a", "pos": ["b"]}\n', b'[{"query": "a"}]', b"q1 0 d1 1\n",
     b"\x93NUMPY\x01\x00", b'{"text": "a", "vector": [1, 2]}\n', b'{"schema_version": 1}', b"a,b,c\n1,2,3\n"],
)  # fmt: skip
def test_no_other_file_is_taken_for_a_run(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert not is_run_file(file)
    assert not is_run_file(tmp_path)
    pq.write_table(pa.table({"texts": ["a"], "vectors": [[1.0, 2.0]]}), file)
    assert not is_run_file(file)


def test_a_file_of_several_blocks_is_read_as_one(
    tmp_path: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedscope.data.runs.trec_runs._BLOCK_BYTES", 10)
    file = tmp_path / "run"
    file.write_text(TREC)
    assert said(load_lists(file, collection), collection) == EXPECTED
    file.write_text(TREC + "q2 Q0 d1 7 0.5\n")
    with pytest.raises(DataFormatError, match="line 7: expected six columns"):
        load_lists(file, collection)


def test_one_content_has_one_fingerprint(collection: Collection) -> None:
    other = {**RUN, "q1": {**RUN["q1"], "d1": 3.75}}
    digests = [load_lists(run, collection).facts.fingerprint for run in (RUN, dict(RUN), other)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("kind", FILES)
def test_whatever_a_file_holds_it_is_read_or_refused(kind: str, tmp_path: Path, collection: Collection) -> None:
    generator = np.random.default_rng(list(FILES).index(kind))
    file, content = tmp_path / "run", FILES[kind][1]
    for _ in range(60):
        changed = bytearray(content)
        for place in generator.integers(0, len(changed), generator.integers(1, 4)):
            changed[place] = generator.choice(np.frombuffer(b'\x00\xff\n\t "{}[]:,.-e9#x' + content, dtype=np.uint8))
        file.write_bytes(
            bytes(changed[: generator.integers(1, len(changed) + 1)] if generator.random() < 0.3 else changed)
        )
        is_run_file(file)
        with suppress(DataFormatError):
            load_lists(file, collection)
