"""Embeddings that the user made: found by text or by id, refused in words."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.data.collection import Collection, Negatives
from embedscope.errors import InputError, InvalidEmbeddingsError
from embedscope.models import is_precomputed_file, load_precomputed

VECTORS = np.array([[3, 4], [0, 2], [1, 0]], dtype=np.float64)
UNIT = [[0.6, 0.8], [0, 1], [1, 0]]


@pytest.fixture
def collection() -> Collection:
    """Queries "một", "hai"; documents "hai", "café"."""
    nothing = np.zeros(0, dtype=np.int64)
    return Collection(
        format="test",
        query_ids=("q1", "q2"),
        queries=("một", "hai"),
        document_ids=("d1", "d2"),
        documents=("hai", "café"),
        indptr=np.zeros(3, dtype=np.int64),
        relevant=nothing,
        gains=np.zeros(0),
        negatives=Negatives(nothing, nothing, np.zeros(0), ()),
        n_rows=2,
        n_queries_available=2,
        n_duplicate_queries=0,
        n_duplicate_documents=0,
        merged_ids={"d2": ("d2b", "d2c")},
    )


BY_TEXT: dict[str, Any] = {"texts": ["hai", " cafe\u0301 ", "một"], "vectors": VECTORS}
BY_ID: dict[str, Any] = {
    "query_ids": ["q2", "q1"],
    "queries": VECTORS[[0, 2]],
    "document_ids": ["d2", "d1", "other"],
    "documents": VECTORS[[1, 0, 2]],
}


def write_npz(path: Path, columns: dict[str, Any]) -> Path:
    np.savez(path.with_suffix(".npz"), **{name: np.asarray(values) for name, values in columns.items()})
    return path.with_suffix(".npz")


def write_parquet(path: Path, columns: dict[str, Any]) -> Path:
    n = max(map(len, columns.values()))
    lists = {name: np.asarray(values).tolist() for name, values in columns.items()}
    pq.write_table(pa.table({name: values + [None] * (n - len(values)) for name, values in lists.items()}), path)
    return path


@pytest.mark.parametrize("write", [write_npz, write_parquet])
@pytest.mark.parametrize("columns", [BY_TEXT, BY_ID], ids=["by text", "by id"])
def test_vectors_are_found_by_identity_of_texts_or_by_id_and_made_unit_rows(
    write: Any, columns: dict[str, Any], tmp_path: Path, collection: Collection
) -> None:
    path = write(tmp_path / "vectors", columns)
    embeddings = load_precomputed(path, collection)
    np.testing.assert_allclose(embeddings.queries, [UNIT[2], UNIT[0]], atol=1e-7)
    np.testing.assert_allclose(embeddings.documents, [UNIT[0], UNIT[1]], atol=1e-7)
    assert embeddings.queries.dtype == np.float32
    assert (embeddings.facts.checkpoint, embeddings.facts.layout, embeddings.facts.dim) == (
        str(path),
        "precomputed embeddings",
        2,
    )
    assert is_precomputed_file(path)


@pytest.mark.parametrize("kind", ["fixed_size_list", "large_list", "float16"])
def test_parquet_lists_of_every_kind_are_read(kind: str, tmp_path: Path, collection: Collection) -> None:
    element = pa.float16() if kind == "float16" else pa.float32()
    column = {"fixed_size_list": pa.list_(element, 2), "large_list": pa.large_list(element)}.get(
        kind, pa.list_(element)
    )
    rows = [[np.float16(x) for x in row] for row in VECTORS] if kind == "float16" else VECTORS.tolist()
    table = pa.table({"texts": BY_TEXT["texts"], "vectors": pa.array(rows, type=column)})
    pq.write_table(table, tmp_path / "vectors", row_group_size=1)
    np.testing.assert_allclose(
        load_precomputed(tmp_path / "vectors", collection).documents, [UNIT[0], UNIT[1]], atol=1e-7
    )


def test_whole_numbers_serve_as_ids(tmp_path: Path, collection: Collection) -> None:
    numbered = replace(collection, query_ids=("1", "2"), document_ids=("7", "8"))
    columns = {"query_ids": [2, 1], "queries": VECTORS[:2], "document_ids": [7, 8], "documents": VECTORS[:2]}
    np.testing.assert_allclose(
        load_precomputed(write_npz(tmp_path / "v", columns), numbered).queries, [UNIT[1], UNIT[0]]
    )


def test_a_document_is_found_under_an_id_that_was_merged_into_it(tmp_path: Path, collection: Collection) -> None:
    path = write_npz(tmp_path / "v", BY_ID | {"document_ids": ["d2c", "d1", "other"]})
    np.testing.assert_allclose(load_precomputed(path, collection).documents, [UNIT[0], UNIT[1]], atol=1e-7)


def test_missing_texts_are_counted_and_the_first_three_named(tmp_path: Path, collection: Collection) -> None:
    wider = replace(collection, documents=("hai", "a", "b", "c", "d"), document_ids=tuple("12345"), merged_ids={})
    with pytest.raises(InvalidEmbeddingsError, match=r"lacks 4 of 5 document texts .* first: 'a', 'b', 'c'\."):
        load_precomputed(write_npz(tmp_path / "v", BY_TEXT), wider)


def test_objects_are_never_unpickled(tmp_path: Path, collection: Collection) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "trace"), "w"))

    for name in BY_TEXT:
        path = write_npz(tmp_path / name, BY_TEXT | {name: np.array([Hostile(), None, None], dtype=object)})
        with pytest.raises(InvalidEmbeddingsError, match="Python objects"):
            load_precomputed(path, collection)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("write", [write_npz, write_parquet])
def test_a_row_without_a_direction_is_refused_by_its_id(
    write: Any, bad: float, tmp_path: Path, collection: Collection
) -> None:
    vectors = VECTORS.copy()
    vectors[1] = bad
    with pytest.raises(InvalidEmbeddingsError, match="d2"):
        load_precomputed(write(tmp_path / "v", BY_TEXT | {"vectors": vectors}), collection)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "other columns": ({"a": [1]}, "has the columns 'a'; expected either texts and vectors, or query_ids"),
    "no vectors": ({"texts": ["a"]}, "has the columns 'texts'; expected"),
    "counts that differ": (BY_TEXT | {"texts": ["a", "b"]}, "2 entries for 3 vectors"),
    "a vector": (BY_TEXT | {"vectors": [1.0, 2.0, 3.0]}, r"expected (numbers of shape \(n, dim\)|a list of numbers)"),
    "words for numbers": (BY_TEXT | {"vectors": [["a", "b"]] * 3}, "expected numbers"),
    "two spaces": (BY_ID | {"documents": np.ones((3, 5))}, "2 numbers a row and the documents 5"),
    "one text with two vectors": (BY_TEXT | {"texts": ["hai", "café", "hai "]}, "rows 0 and 2 with different"),
}


@pytest.mark.parametrize("write", [write_npz, write_parquet])
@pytest.mark.parametrize("what", list(REFUSED))
def test_a_file_that_does_not_fit_is_refused_in_words(
    what: str, write: Any, tmp_path: Path, collection: Collection
) -> None:
    columns, message = REFUSED[what]
    if what == "counts that differ" and write is write_parquet:
        columns = BY_TEXT | {"texts": ["a", "b", None]}
    with pytest.raises(InvalidEmbeddingsError, match=message):
        load_precomputed(write(tmp_path / "v", columns), collection)


def test_one_text_with_the_same_vector_twice_is_no_conflict(tmp_path: Path, collection: Collection) -> None:
    columns = {"texts": ["hai", "café", "một", "hai"], "vectors": [*VECTORS, VECTORS[0] + 1e-7]}
    assert load_precomputed(write_npz(tmp_path / "v", columns), collection).queries.shape == (2, 2)


def test_parquet_rows_of_unequal_length_are_refused(tmp_path: Path, collection: Collection) -> None:
    pq.write_table(pa.table({"texts": ["a", "b"], "vectors": [[1.0], [1.0, 2.0]]}), tmp_path / "v")
    with pytest.raises(InvalidEmbeddingsError, match="2 different lengths"):
        load_precomputed(tmp_path / "v", collection)


@pytest.mark.parametrize("write", [write_npz, write_parquet])
def test_a_file_that_is_cut_short_is_refused(write: Any, tmp_path: Path, collection: Collection) -> None:
    path = write(tmp_path / "v", BY_TEXT)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="v"):
        load_precomputed(path, collection)


def test_a_file_of_another_kind_or_none_is_refused(tmp_path: Path, collection: Collection) -> None:
    (tmp_path / "v.json").write_text("{}")
    with pytest.raises(InvalidEmbeddingsError, match="is a JSON file"):
        load_precomputed(tmp_path / "v.json", collection)
    with pytest.raises(InputError, match="There is no file"):
        load_precomputed(tmp_path / "none.npz", collection)
    assert not is_precomputed_file(tmp_path / "v.json")
    assert not is_precomputed_file(tmp_path)


def test_the_room_and_given_embeddings_need_no_torch() -> None:
    heavy = ("torch", "transformers", "safetensors")
    program = f"import sys, embedscope.models; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
