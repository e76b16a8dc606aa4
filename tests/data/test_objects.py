"""Data sets that a program holds, and those of the hub, are read as the files that hold the same."""

from __future__ import annotations

import builtins
import json
import shutil
import sys
from collections import OrderedDict, UserDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.data.collection import digest
from embedscope.data.readers import read_collection
from embedscope.data.readers.objects import describe_object
from embedscope.errors import DataFormatError, InputError, InvalidOptionError, MissingExtraError

ROWS = [
    {"query": f"question {i}", "positive": f"passage {i}", "negative": None if i == 2 else f"passage {i} other"}
    for i in range(5)
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
QUERIES = {"q1": "question 1", "q2": "question 2", "q3": "question 3"}
CORPUS = {
    "d1": {"title": "One", "text": "passage 1"},
    "d2": {"title": "", "text": "passage 2"},
    "d3": {"text": "three"},
}
QRELS = {"q1": {"d1": 2, "d3": 1}, "q2": {"d2": 1}, "q3": {"d1": 0, "d3": 3}}


class Capsule:
    """A table of which nothing is known but the Arrow PyCapsule protocol, as of polars or DuckDB."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


def table(rows: list[dict[str, Any]] = ROWS) -> pa.Table:
    return pa.Table.from_pylist(rows)


def dataset(rows: list[dict[str, Any]] = ROWS) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_list(rows)


def dataset_dict() -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.DatasetDict({"train": dataset(ROWS[:2]), "test": dataset()})


def polars() -> Any:
    return pytest.importorskip("polars").DataFrame(ROWS)


ROW_OBJECTS: dict[str, tuple[Callable[[], Any], str]] = {
    "a list of dicts": (lambda: list(ROWS), "list of rows"),
    "a tuple of mappings": (lambda: tuple(map(UserDict, ROWS)), "tuple of rows"),
    "an iterator": (lambda: iter(ROWS), "list_iterator of rows"),
    "columns": (lambda: COLUMNS, "dict of rows"),
    "columns of arrays": (lambda: {k: np.array(v, dtype=object) for k, v in COLUMNS.items()}, "dict of rows"),
    "splits of rows": (lambda: {"train": ROWS[:2], "test": ROWS}, "dict of rows"),
    "pandas": (lambda: pd.DataFrame(ROWS), "pandas.DataFrame"),
    "pandas with an index": (lambda: pd.DataFrame(ROWS, index=list("edcba")), "pandas.DataFrame"),
    "pandas of Arrow": (lambda: table().to_pandas(types_mapper=pd.ArrowDtype), "pandas.DataFrame"),
    "pandas with NaN": (lambda: pd.DataFrame(ROWS).replace({None: np.nan}), "pandas.DataFrame"),
    "splits of pandas": (lambda: OrderedDict(test=pd.DataFrame(ROWS)), "collections.OrderedDict"),
    "an Arrow table": (table, "pyarrow.Table"),
    "an Arrow stream": (lambda: table().to_reader(max_chunksize=2), "pyarrow.RecordBatchReader"),
    "a record batch": (lambda: pa.RecordBatch.from_pylist(ROWS), "pyarrow.RecordBatch"),
    "the PyCapsule protocol": (lambda: Capsule(table()), "tests.Capsule"),
    "polars": (polars, "polars.DataFrame"),
    "datasets.Dataset": (dataset, "datasets.Dataset"),
    "datasets.Dataset, rows selected": (
        lambda: dataset([*ROWS[::-1], *ROWS]).select([4, 3, 2, 1, 0]),
        "datasets.Dataset",
    ),
    "datasets.Dataset, as NumPy": (lambda: dataset().with_format("numpy"), "datasets.Dataset"),
    "datasets.IterableDataset": (lambda: dataset().to_iterable_dataset(), "datasets.IterableDataset"),
    "datasets.DatasetDict": (dataset_dict, "datasets.DatasetDict"),
}


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return digest(read_collection(path))


@pytest.mark.parametrize("name", list(ROW_OBJECTS))
def test_every_object_of_rows_is_the_collection_of_the_file_with_these_rows(name: str, of_file: str) -> None:
    make, kind = ROW_OBJECTS[name]
    found = make()
    assert describe_object(found) == kind
    collection = read_collection(found)
    assert digest(collection) == of_file
    assert len(collection.negatives.queries) == 4  # a missing value is no negative


@given(
    order=st.permutations(range(len(ROWS))),
    columns=st.permutations(list(COLUMNS)),
    kind=st.sampled_from(["rows", "columns", "pandas", "arrow"]),
)
def test_the_order_of_columns_and_the_container_change_nothing(order: list[int], columns: list[str], kind: str) -> None:
    rows = [{column: ROWS[i][column] for column in columns} for i in order]
    made = {
        "rows": lambda: rows,
        "columns": lambda: {column: [row[column] for row in rows] for column in columns},
        "pandas": lambda: pd.DataFrame(rows),
        "arrow": lambda: table(rows),
    }
    assert digest(read_collection(made[kind]())) == digest(read_collection([ROWS[i] for i in order]))


def test_cells_of_numpy_are_lists_and_numbers() -> None:
    rows = [{"query": f"q{i}", "pos": np.array([f"p{i}", f"r{i}"]), "group": np.int64(i // 2)} for i in range(4)]
    for data in (rows, pd.DataFrame(rows)):
        collection = read_collection(data)
        assert np.diff(collection.indptr).tolist() == [2, 2, 2, 2]
        assert collection.groups == ("0", "0", "1", "1")


def test_options_of_reading_apply_to_objects() -> None:
    assert read_collection(pd.DataFrame(ROWS), split="last:2").queries == ("question 3", "question 4")
    assert read_collection({"train": ROWS[:3], "test": ROWS}, split="train").n_rows == 3
    assert read_collection({"train": ROWS}, split="first:3").n_rows == 3
    empty = [*ROWS, {"query": " ", "positive": "x", "negative": None}]
    with pytest.raises(DataFormatError, match=r"^list of rows: .*row 6"):
        read_collection(empty)
    assert read_collection(empty, drop_empty=True).n_rows == 5


def test_a_collection_is_given_back_as_it_is() -> None:
    collection = read_collection(ROWS)
    assert read_collection(collection) is collection


# --- judged sets --------------------------------------------------------------------------------------------------


def beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("queries", {k: {"text": v} for k, v in QUERIES.items()}), ("corpus", CORPUS)):
        lines = [json.dumps({"_id": key, **fields}) for key, fields in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    qrels = [f"{q}\t{d}\t{gain}" for q, gains in QRELS.items() for d, gain in gains.items()]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *qrels]), encoding="utf-8")
    return folder


def tables() -> dict[str, list[dict[str, Any]]]:
    return {
        "queries": [{"_id": key, "text": text} for key, text in QUERIES.items()],
        "corpus": [{"_id": key, "title": v.get("title", ""), "text": v["text"]} for key, v in CORPUS.items()],
        "qrels": [
            {"query-id": q, "corpus-id": d, "score": gain} for q, gains in QRELS.items() for d, gain in gains.items()
        ],
    }


JUDGED: dict[str, Callable[[], Any]] = {
    "evaluator dicts with gains": lambda: {"queries": QUERIES, "corpus": CORPUS, "relevant_docs": QRELS},
    "other names and orders": lambda: {"Relevant-Docs": QRELS, "documents": CORPUS, "Queries": QUERIES},
    "a BEIR loader": lambda: {"qrels": QRELS, "queries": QUERIES, "corpus": CORPUS, "name": "x"},
    "pandas": lambda: {name: pd.DataFrame(rows) for name, rows in tables().items()},
    "Arrow": lambda: {name: table(rows) for name, rows in tables().items()},
    "lists of rows": tables,
    "datasets": lambda: {name: dataset(rows) for name, rows in tables().items()},
    "tables by split": lambda: {
        **tables(),
        "qrels": {"test": table(tables()["qrels"]), "train": table(tables()["qrels"][:2])},
    },
}


@pytest.mark.parametrize("name", list(JUDGED))
def test_every_judged_object_is_the_collection_of_the_beir_folder(name: str, tmp_path: Path) -> None:
    collection, of_folder = read_collection(JUDGED[name]()), read_collection(beir(tmp_path / "beir"))
    assert digest(collection) == digest(of_folder)
    assert collection.document_ids == of_folder.document_ids


@pytest.mark.parametrize("container", [set, frozenset, list, tuple, lambda ids: dict.fromkeys(ids, 1)])
def test_relevant_documents_without_gains_have_gain_one(container: Any) -> None:
    relevant = {"q1": ["d1", "d3"], "q2": ["d2"]}
    made = {query: container(ids) for query, ids in relevant.items()}
    collection = read_collection({"queries": QUERIES, "corpus": CORPUS, "relevant_docs": made})
    assert sorted(zip(collection.relevant.tolist(), collection.gains.tolist(), strict=True)) == [(0, 1), (1, 1), (2, 1)]


def test_whole_numbers_serve_as_ids() -> None:
    collection = read_collection(
        {"queries": {1: "a", 2: "b"}, "corpus": {7: "x", 8: "y"}, "relevant_docs": {1: {7}, 2: {8}}}
    )
    assert (collection.query_ids, collection.document_ids) == (("1", "2"), ("7", "8"))


# --- refusals -----------------------------------------------------------------------------------------------------

SECRET = "a text that no message may repeat at length " * 40

REFUSED: dict[str, tuple[Any, str]] = {
    "a number": (7, "^int of rows: this is no data set that is read"),
    "bytes": (b"query", "this is no data set"),
    "nothing": ([], "there are no rows"),
    "an empty dict": ({}, "the dict has the fields none"),
    "texts": (["a", "b"], r"row 1: expected a row \{\.\.\.\} with named fields, came a string \('a'\)"),
    "one row": ({"query": "a", "positive": "b"}, "fields 'query', 'positive', which are no columns of one length"),
    "columns of two lengths": ({"query": ["a", "b"], "positive": ["x"]}, "no columns of one length"),
    "splits without test": ({"a": ROWS, "b": ROWS}, "splits 'a', 'b', and none is called 'test'"),
    "two columns of one name": (pd.DataFrame([["a", "b"]], columns=["query", "query"]), "no name twice"),
    "a column": (pd.Series(["a", "b"]), "^pandas.Series: the table cannot be read as Arrow"),
    "a gain that is no number": (
        {"queries": QUERIES, "corpus": CORPUS, "relevant_docs": {"q1": {"d1": "high"}}},
        "query 'q1': expected a number as the score",
    ),
    "two corpora": (
        {"queries": QUERIES, "Corpus": CORPUS, "documents": CORPUS, "qrels": QRELS},
        "there are 'Corpus', 'documents', so it is unclear which is the 'corpus'. Keep one",
    ),
    "two sets of judgments": (
        {"queries": QUERIES, "corpus": CORPUS, "relevantDocs": QRELS, "qrels": QRELS},
        "there are 'relevantDocs', 'qrels', so it is unclear which is the 'relevant_docs'",
    ),
    "an unknown document": (
        {"queries": QUERIES, "corpus": CORPUS, "relevant_docs": {"q1": ["d9"], "q2": ["d1"]}},
        "d9",
    ),
    "a document without text": (
        {"queries": QUERIES, "corpus": {"d1": {"title": "x"}}, "relevant_docs": {"q1": ["d1"]}},
        "'corpus', id d1: the field 'text' is missing",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_data_set_is_refused_in_words(name: str) -> None:
    data, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        read_collection(data)


def test_a_split_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="there is no split 'dev'"):
        read_collection({"train": ROWS, "test": ROWS}, split="dev")
    with pytest.raises(InvalidOptionError, match="'test' was asked for"):
        read_collection(ROWS, split="test")
    with pytest.raises(InvalidOptionError, match="a portion is one of rows"):
        read_collection({name: table(rows) for name, rows in tables().items()}, split="first:1")
    with pytest.raises(InvalidOptionError, match="dicts by id have no splits"):
        read_collection({"queries": QUERIES, "corpus": CORPUS, "relevant_docs": QRELS}, split="test")


def test_no_message_repeats_what_an_object_holds() -> None:
    with pytest.raises(InputError) as caught:
        read_collection([{"question": SECRET, "other": SECRET, "third": 3}])
    assert len(str(caught.value)) < 1000
    assert SECRET not in describe_object([{"a": SECRET}])


# --- the hub ------------------------------------------------------------------------------------------------------


def card(configurations: Mapping[str, list[str]]) -> str:
    lines = ["---", "configs:"]
    for name, splits in configurations.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        lines += [f"  - split: {split}\n    path: {name}/{split}-*" for split in splits]
    return "\n".join([*lines, "---", ""])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Mapping[str, Mapping[str, Any]]], str]:
    """Puts a data set into the cache of ``datasets`` as a download from the hub would, and gives its name."""
    datasets = pytest.importorskip("datasets")
    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)

    def add(name: str, configurations: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> str:
        owner, _, own = name.partition("/")
        folder = tmp_path / "made" / own
        for configuration, splits in configurations.items():
            (folder / configuration).mkdir(parents=True)
            for split, rows in splits.items():
                pa.parquet.write_table(table(rows), folder / configuration / f"{split}-00000-of-00001.parquet")
        (folder / "README.md").write_text(card({c: list(s) for c, s in configurations.items()}), encoding="utf-8")
        for configuration in configurations:
            datasets.load_dataset(str(folder), configuration)
        shutil.move(cache / own, cache / f"{owner}___{own}")
        return f"hub:{name}"

    return add


def parts(**more: Any) -> dict[str, dict[str, list[dict[str, Any]]]]:
    found = tables()
    return {"corpus": {"corpus": found["corpus"]}, "queries": {"queries": found["queries"]}, **more}


@pytest.mark.parametrize("judgments", ["default", "qrels"])
def test_a_cached_judged_set_of_the_hub_is_the_folder_of_its_files(judgments: str, hub: Any, tmp_path: Path) -> None:
    name = hub("owner/judged", parts(**{judgments: {"test": tables()["qrels"], "train": tables()["qrels"][:3]}}))
    collection = read_collection(name)
    assert digest(collection) == digest(read_collection(beir(tmp_path / "beir")))
    assert len(read_collection(name, split="train").queries) == 2


def test_a_cached_set_of_rows_is_read_by_split_and_configuration(hub: Any, of_file: str) -> None:
    name = hub("owner/rows", {"default": {"train": ROWS[:2], "test": ROWS}})
    assert digest(read_collection(name)) == of_file
    assert read_collection(name, split="train").n_rows == 2
    named = hub("owner/pairs", {"pair": {"train": ROWS}, "triplet": {"train": ROWS[:3]}})
    assert digest(read_collection(f"{named}:pair")) == of_file
    assert read_collection(f"{named}:triplet", split="last:2").n_rows == 2
    with pytest.raises(DataFormatError, match=r"^hub:owner/pairs: it cannot be loaded .*pair.*triplet"):
        read_collection(named)


def test_a_set_that_is_not_cached_says_so(hub: Any) -> None:
    with pytest.raises(DataFormatError, match=r"^hub:owner/absent: it cannot be loaded through datasets \(Connection"):
        read_collection("hub:owner/absent")


@pytest.mark.parametrize("name", ["hub:", "hub:a/b/c", "hub:a b", "hub:../x/y", "hub:owner/name:"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="hub:"):
        read_collection(name)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(name: str, *args: Any, **keywords: Any) -> ModuleType:
        if name == "datasets":
            raise ImportError(name)
        return plain(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"Reading hub:owner/name needs .*\[hub\]'"):
        read_collection("hub:owner/name")


def test_configurations_with_a_connection_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch, of_file: str) -> None:
    """A module of the documented interface: the list of configurations, and splits of tables by configuration."""
    known = {
        "owner/several": {"a": {"test": table()}, "b": {"test": table(ROWS[:2])}},
        "owner/one": {"only": {"test": table()}},
        "owner/with_default": {"default": {"test": table()}, "other": {"test": table(ROWS[:2])}},
    }
    fake = SimpleNamespace(
        get_dataset_config_names=lambda name: list(known[name]),
        load_dataset=lambda name, configuration: known[name][configuration],
    )
    monkeypatch.setitem(sys.modules, "datasets", fake)
    for name in ("hub:owner/several:a", "hub:owner/one", "hub:owner/with_default"):
        assert digest(read_collection(name)) == of_file
    assert read_collection("hub:owner/with_default:other").n_rows == 2
    with pytest.raises(InvalidOptionError, match=r"configurations 'a', 'b'. Name one: hub:owner/several:a"):
        read_collection("hub:owner/several")
    with pytest.raises(InvalidOptionError, match="configurations 'a', 'b'"):
        read_collection("hub:owner/several:c")


def test_of_a_judged_set_in_several_languages_only_the_one_that_is_named_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, loaded = tables(), []
    known = [f"{language}-{part}" for language in ("de", "en") for part in found]

    def load_dataset(name: str, configuration: str) -> dict[str, Any]:
        loaded.append(configuration)
        return {"test": table(found[configuration.partition("-")[2]])}

    fake = SimpleNamespace(get_dataset_config_names=lambda name: known, load_dataset=load_dataset)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    assert digest(read_collection("hub:owner/all:en")) == digest(read_collection(beir(tmp_path / "beir")))
    assert loaded == ["en-queries", "en-corpus", "en-qrels"]
