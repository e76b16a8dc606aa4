"""One collection, whatever it is written in: container, compression, shards, a saved data set, a folder of parts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.written_tables import COMPRESSIONS, CONTAINERS, write_rows

from embedscope.data.collection import Collection, Negative, Row, build_collection, collection_from_qrels, digest
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError, InvalidOptionError

ROWS = [
    {"anchor": "how is wool washed", "positive": 'by hand, in "cool" water', "negative_1": "wool\tis sold;", "n": 1},
    {"anchor": "where does rain begin", "positive": "in clouds\nof heavy drops", "negative_1": "rain; rains", "n": 2},
    {"anchor": "what do moles eat", "positive": "worms, mostly", "negative_1": '"moles" are small', "n": 3},
]
MEANT = digest(
    build_collection(
        [Row(row["anchor"], (row["positive"],), (Negative(row["negative_1"]),)) for row in ROWS],
        format="made here",
    )
)

QUERIES = {"1": "how is wool washed", "2": "where does rain begin", "3": "what do moles eat"}
DOCUMENTS = {
    "1": "worms, mostly",
    "2": 'by hand, in "cool" water',
    "3": "in clouds\nof heavy drops",
    "4": "no one knows",
}
QRELS = [("1", "2", 2), ("1", "4", 0), ("2", "3", 1), ("3", "1", 1), ("3", "4", 1)]
MEANT_QRELS = digest(collection_from_qrels(QUERIES, DOCUMENTS, QRELS, format="made here"))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_rows_are_the_same_in_every_container_and_compression(tmp_path: Path, container: str, compression: str) -> None:
    path = write_rows(tmp_path / "data", ROWS, container, compression)
    assert digest(read_collection(path)) == MEANT
    path.rename(tmp_path / "data")  # the content decides, not the name
    assert digest(read_collection(tmp_path / "data")) == MEANT


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("folder", ["", "data", "default", "default/test"])
def test_the_shards_of_a_folder_are_one_split(tmp_path: Path, container: str, folder: str) -> None:
    split = "test" if folder != "default/test" else "data"
    for shard, rows in enumerate((ROWS[:2], ROWS[2:])):
        write_rows(tmp_path / folder / f"{split}-{shard:05d}-of-00002", rows, container)
    write_rows(tmp_path / folder.replace("test", "train") / "train-00000-of-00001", ROWS[:2], container)
    collection = read_collection(tmp_path)
    assert digest(collection) == MEANT
    assert any("the split 'test' is used; the folder also has 'train'" in note for note in collection.warnings)
    assert digest(read_collection(tmp_path, split="test")) == MEANT
    assert len(read_collection(tmp_path, split="train").queries) == 2
    assert len(read_collection(tmp_path, split="first:2").queries) == 2
    with pytest.raises(InvalidOptionError, match="no split 'dev'; there are 'test', 'train'"):
        read_collection(tmp_path, split="dev")


@pytest.mark.parametrize("is_dict", [False, True])
def test_a_data_set_that_was_saved_to_disk_is_read_without_its_library(tmp_path: Path, is_dict: bool) -> None:
    datasets = pytest.importorskip("datasets")
    saved = datasets.Dataset.from_list(ROWS)
    if is_dict:
        saved = datasets.DatasetDict({"test": saved, "train": datasets.Dataset.from_list(ROWS[:2])})
    saved.save_to_disk(str(tmp_path / "saved"), **({} if is_dict else {"num_shards": 2}))
    stale = tmp_path / "saved" / ("test" if is_dict else "")
    write_rows(stale / "cache-0123456789abcdef", [{"anchor": "old", "positive": "news"}], "stream.arrow")
    assert digest(read_collection(tmp_path / "saved")) == MEANT


def test_parts_that_were_saved_to_disk_make_a_folder_of_judgments(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for part, rows in parts().items():
        datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)}).save_to_disk(str(tmp_path / part))
    assert digest(read_collection(tmp_path)) == MEANT_QRELS


def parts(**changes: Any) -> dict[str, list[dict[str, Any]]]:
    made = {
        "corpus": [{"_id": name, "title": "", "text": text} for name, text in DOCUMENTS.items()],
        "queries": [{"_id": name, "text": text} for name, text in QUERIES.items()],
        "qrels": [dict(zip(("query-id", "corpus-id", "score"), qrel, strict=True)) for qrel in QRELS],
    }
    return made | changes


def check(collection: Collection) -> None:
    assert digest(collection) == MEANT_QRELS
    assert collection.query_ids == tuple(QUERIES)


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_the_parts_of_a_folder_are_the_same_in_every_container(
    tmp_path: Path, container: str, compression: str
) -> None:
    for part, rows in parts().items():
        write_rows(tmp_path / part / "test" if part == "qrels" else tmp_path / part, rows, container, compression)
    check(read_collection(tmp_path))


@pytest.mark.parametrize(
    "places",
    [
        ("corpus", "queries", "qrels"),
        ("corpus", "queries", "qrels/test"),
        ("corpus/corpus-00000-of-00001", "queries/queries-00000-of-00001", "qrels/test-00000-of-00001"),
        ("corpus/corpus-00000-of-00001", "queries/test-00000-of-00001", "default/test-00000-of-00001"),
        ("corpus/train-00000-of-00001", "queries/train-00000-of-00001", "data/test-00000-of-00001"),
        ("corpus/corpus/0000", "queries/queries/0000", "default/test/0000"),
        ("en-corpus/test-00000-of-00001", "en-queries/test-00000-of-00001", "en-qrels/test-00000-of-00001"),
        ("corpus-en/en-00000-of-00001", "queries-en/dev-00000-of-00001", "en/dev-00000-of-00001"),
        ("corpus", "dev_queries", "dev_qrels"),
        ("en/corpus", "en/queries", "en/qrels/test"),
        ("test/corpus", "test/queries", "test/qrels"),
    ],
)
@pytest.mark.parametrize("container", ["jsonl", "parquet", "arrow", "csv"])
def test_parts_are_found_wherever_a_layout_puts_them(
    tmp_path: Path, places: tuple[str, str, str], container: str
) -> None:
    for place, rows in zip(places, parts().values(), strict=True):
        write_rows(tmp_path / place, rows, container)
    check(read_collection(tmp_path))


def other_parts() -> dict[str, list[dict[str, Any]]]:
    """Parts of another split or language under the same ids."""
    return {
        "corpus": [{"_id": name, "text": f"another {text}"} for name, text in DOCUMENTS.items()],
        "queries": [{"_id": name, "text": f"another {text}"} for name, text in QUERIES.items()],
        "qrels": [{"query-id": "1", "corpus-id": "1", "score": 1}, {"query-id": "2", "corpus-id": "2", "score": 1}],
    }


def test_each_split_has_its_own_corpus_and_queries(tmp_path: Path) -> None:
    for split, made in {"test": parts(), "dev": other_parts()}.items():
        for part, rows in made.items():
            write_rows(tmp_path / part / f"{split}-00000-of-00001", rows, "parquet")
    check(read_collection(tmp_path))
    dev = read_collection(tmp_path, split="dev")
    assert all(text.startswith("another") for text in (*dev.queries, *dev.documents))


@pytest.mark.parametrize("place", ["{subset}-{part}/test-00000-of-00001", "{part}-{subset}/test", "{subset}/{part}"])
def test_of_several_languages_one_is_asked_for(tmp_path: Path, place: str) -> None:
    for subset, made in {"en": parts(), "de": other_parts()}.items():
        for part, rows in made.items():
            write_rows(tmp_path / place.format(subset=subset, part=part), rows, "parquet")
    with pytest.raises(InvalidOptionError, match=r"the splits 'de(/test)?', 'en(/test)?'.*Ask for one with --split"):
        read_collection(tmp_path)
    check(read_collection(tmp_path, split="en"))


def test_a_corpus_of_several_splits_of_which_none_is_that_of_the_judgments_is_refused(tmp_path: Path) -> None:
    made = parts()
    for split in ("train", "dev"):
        write_rows(tmp_path / "corpus" / split, made["corpus"], "parquet")
    write_rows(tmp_path / "queries" / "test", made["queries"], "parquet")
    write_rows(tmp_path / "qrels" / "test", made["qrels"], "parquet")
    with pytest.raises(DataFormatError, match=r"the corpus of the folder has 'dev', 'train'.*'test' alone"):
        read_collection(tmp_path)


def test_queries_of_one_named_split_do_not_serve_another(tmp_path: Path) -> None:
    made = parts()
    for name, part in {"corpus": "corpus", "dev_queries": "queries", "test_qrels": "qrels"}.items():
        write_rows(tmp_path / name, made[part])
    with pytest.raises(DataFormatError, match=r"no queries for the split 'test' \(there is 'dev'\)"):
        read_collection(tmp_path)


def test_a_part_that_is_there_twice_is_refused_and_a_compressed_copy_is_not_read(tmp_path: Path) -> None:
    made = parts()
    for part, rows in made.items():
        write_rows(tmp_path / part, rows)
    write_rows(tmp_path / "corpus", made["corpus"][:1], "jsonl", ".gz")
    check(read_collection(tmp_path))
    write_rows(tmp_path / "corpus", made["corpus"], "parquet")
    with pytest.raises(DataFormatError, match=r"corpus\.jsonl', 'corpus\.parquet' hold one part .* several times"):
        read_collection(tmp_path)


# --- one object --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", ["corpus", "documents"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("has_passages", [False, True])
def test_queries_corpus_and_relevant_documents_in_one_object_are_read(
    tmp_path: Path, corpus: str, indent: int | None, has_passages: bool
) -> None:
    relevant: dict[str, dict[str, int]] = {}
    for query, document, gain in QRELS:
        relevant.setdefault(query, {})[document] = gain
    texts = {name: {"title": None, "text": text} if has_passages else text for name, text in DOCUMENTS.items()}
    stated = {"queries": QUERIES, corpus: texts, "relevant_docs": relevant, "mode": "text"}
    path = tmp_path / "data.json"
    path.write_text(json.dumps(stated, indent=indent))
    check(read_collection(path))
    for option in ({"split": "test"}, {"group": "g"}, {"columns": ("query=queries",)}):
        with pytest.raises(InvalidOptionError):
            read_collection(path, **option)  # type: ignore[arg-type]


def test_lists_of_relevant_documents_have_gain_one(tmp_path: Path) -> None:
    stated = {"queries": QUERIES, "corpus": DOCUMENTS, "relevant_docs": {"1": ["2"], "2": ["3", "4"], "3": "1"}}
    path = tmp_path / "data.json"
    path.write_text(json.dumps(stated))
    assert read_collection(path).gains.tolist() == [1.0] * 4


def test_texts_by_id_are_read_as_a_corpus(tmp_path: Path) -> None:
    made = parts()
    (tmp_path / "corpus.json").write_text(json.dumps(DOCUMENTS))
    (tmp_path / "queries.json").write_text(json.dumps({name: {"text": text} for name, text in QUERIES.items()}))
    write_rows(tmp_path / "qrels", made["qrels"])
    check(read_collection(tmp_path))


# --- fields of texts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["json", "jsonl", "csv", "parquet", "arrow"])
@pytest.mark.parametrize("id_name", ["_id", "id", "ID", "docid", "doc_id", "corpus-id", "pid"])
def test_the_id_of_a_document_has_many_names(tmp_path: Path, container: str, id_name: str) -> None:
    made = parts(corpus=[{id_name: name, "text": text} for name, text in DOCUMENTS.items()])
    for part, rows in made.items():
        write_rows(tmp_path / part, rows, container)
    check(read_collection(tmp_path))


@pytest.mark.parametrize("title", [1900, 1900.0, "1900"])
@pytest.mark.parametrize("container", ["jsonl", "parquet", "arrow"])
def test_a_number_as_a_title_is_text_and_a_null_is_none(tmp_path: Path, title: Any, container: str) -> None:
    corpus = [{"_id": name, "title": title if name == "2" else None, "text": text} for name, text in DOCUMENTS.items()]
    for part, rows in parts(corpus=corpus).items():
        write_rows(tmp_path / part, rows, container)
    documents = read_collection(tmp_path).documents
    assert [text.startswith("1900 ") for text in documents] == [False, True, False, False]


def test_a_corpus_and_queries_without_a_header_have_their_ids_first(tmp_path: Path) -> None:
    texts = {"corpus": {name: text.replace("\n", " ") for name, text in DOCUMENTS.items()}, "queries": QUERIES}
    for part, by_id in texts.items():
        (tmp_path / f"{part}.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in by_id.items()))
    (tmp_path / "qrels.tsv").write_text("".join(f"{q}\t0\t{d}\t{gain}\n" for q, d, gain in QRELS))
    collection = read_collection(tmp_path)
    assert collection.queries == tuple(QUERIES.values())
    assert collection.gains.tolist() == [2.0, 1.0, 1.0, 1.0]


# --- groups and slices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["jsonl", "csv", "parquet"])
def test_fields_of_queries_are_groups_and_metadata(tmp_path: Path, container: str) -> None:
    fields = [{"group": 7, "source": "web"}, {"group": 7, "source": "app"}, {"group": 8, "source": "a long text " * 9}]
    queries = [{**row, **more} for row, more in zip(parts()["queries"], fields, strict=True)]
    for part, rows in parts(queries=queries).items():
        write_rows(tmp_path / part, rows, container)
    collection = read_collection(tmp_path)
    assert collection.groups == ("7", "7", "8")
    assert collection.metadata == {"source": ("web", "app", None)}
    assert read_collection(tmp_path, group="source").groups == ("web", "app", "a long text " * 9)
    with pytest.raises(InvalidOptionError, match=r"--group topic: .* they have 'group', 'source'"):
        read_collection(tmp_path, group="topic")


# --- whatever is in the folder -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(["query-id", "corpus-id", "score", "", "annotator", "iteration"]),
    names=st.fixed_dictionaries(
        {
            "query-id": st.sampled_from(["query-id", "query_id", "queryId", "qid", "QUERY-ID"]),
            "corpus-id": st.sampled_from(["corpus-id", "corpus_id", "docid", "doc_id", "document-id", "pid"]),
            "score": st.sampled_from(["score", "relevance", "label", "gain", "rel"]),
        }
    ),
    container=st.sampled_from(["tsv", "csv", "semicolon.csv", "jsonl", "json", "parquet", "arrow"]),
    compression=st.sampled_from(["", ".gz", ".zst"]),
)
def test_judgments_obey_their_header_in_any_order_spelling_and_container(
    tmp_path: Path, order: list[str], names: dict[str, str], container: str, compression: str
) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    numbered = [
        {"": n, "query-id": q, "corpus-id": d, "score": gain, "annotator": n % 3, "iteration": "Q0"}
        for n, (q, d, gain) in enumerate(QRELS)
    ]
    qrels = [{names.get(field, field): row[field] for field in order} for row in numbered]
    for part, rows in parts(qrels=qrels).items():
        write_rows(tmp_path / part, rows, container, compression)
    collection = read_collection(tmp_path)
    check(collection)
    assert any("columns" in note and "'annotator'" in note for note in collection.warnings)
