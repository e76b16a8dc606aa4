"""Columns of queries, explanations and points: one entry a row, names of the contract, a map or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support import tiny_run as tiny
from tests.support.planted import SETTINGS, analyse, collection_of, model

from embedscope.output.table_columns import deletion_columns, point_columns, query_columns
from embedscope.protocols import Role
from embedscope.result import Deletion, Estimate, Explanation, Explanations, MapLayout, Result, TextRole

COLLECTION = collection_of(25, n_negatives=2, types=(("price",), ()))


@pytest.fixture(scope="module")
def result() -> Result:
    return analyse(COLLECTION, model(COLLECTION, share_wrong=0.2), settings=SETTINGS.with_options(skip_tsne=False))


def test_every_column_of_queries_has_one_entry_a_query(result: Result) -> None:
    columns = query_columns(result)
    assert {name: len(column) for name, column in columns.items()} == dict.fromkeys(columns, 25)
    assert {"text", "rank", "margin", "top_ids", "top_scores", "MRR", "Success@1"} <= columns.keys()


def test_ids_of_a_query_are_those_of_its_documents(result: Result) -> None:
    columns, queries, documents = query_columns(result), result.queries, result.documents
    for q in range(25):
        assert columns["relevant_ids"][q] == [COLLECTION.document_ids[d] for d in relevant(q)]
        assert columns["top_ids"][q] == [documents.ids[d] for d in queries.top_documents[q]]
        assert columns["wrong_text"][q] == documents.texts[queries.wrong_document[q]]
        assert len(columns["top_scores"][q]) == len(columns["top_ids"][q]) == 10


def relevant(query: int) -> np.ndarray:
    return COLLECTION.relevant[COLLECTION.indptr[query] : COLLECTION.indptr[query + 1]]


def test_a_query_without_a_wrong_document_has_none_there(result: Result) -> None:
    nobody = replace(result.queries, wrong_document=np.full(25, -1))
    columns = query_columns(replace(result, queries=nobody))
    assert columns["wrong_id"] == columns["wrong_text"] == [None] * 25


def test_every_column_of_points_has_one_entry_a_point(result: Result) -> None:
    columns, points = point_columns(result), result.points
    assert points is not None
    n = len(points.rows)
    assert n == 25 + 75
    parts = {**columns, **columns["neighbors"]}
    del parts["neighbors"]
    assert {name: len(column) for name, column in parts.items()} == dict.fromkeys(parts, n)
    assert {
        "text",
        "role",
        "projection_x",
        "projection_y",
        "neighbors",
        "tsne_x",
        "tsne_y",
        "tsne_kept",
    } <= columns.keys()


def test_a_point_has_the_text_of_its_row_and_only_queries_have_a_rank(result: Result) -> None:
    columns, points = point_columns(result), result.points
    assert points is not None
    for i, (role, row) in enumerate(zip(points.roles, points.rows, strict=True)):
        is_query = role is Role.QUERY
        table: Any = result.queries if is_query else result.documents
        assert (columns["id"][i], columns["text"][i]) == (table.ids[row], table.texts[row])
        assert columns["rank"][i] == (result.queries.rank[row] if is_query else None)
        assert columns["is_correct"][i] == (result.queries.is_correct[row] if is_query else None)


def test_neighbours_are_point_rows_nearest_first(result: Result) -> None:
    neighbors = point_columns(result)["neighbors"]
    assert neighbors.keys() == {"ids", "distances"}
    assert neighbors["ids"].shape == neighbors["distances"].shape == (100, 15)
    for i, (ids, distances) in enumerate(zip(neighbors["ids"], neighbors["distances"], strict=True)):
        assert i not in ids
        assert set(ids) <= set(range(100))
        assert distances.tolist() == sorted(distances)


def test_the_projection_is_that_of_umap_where_there_is_one(result: Result) -> None:
    tsne = result.maps["tsne"]
    umap: MapLayout = replace(tsne, name="umap", xy=tsne.xy + 1)
    columns = point_columns(replace(result, maps={"tsne": tsne, "umap": umap}))
    np.testing.assert_array_equal(columns["projection_x"], umap.xy[:, 0])
    np.testing.assert_array_equal(columns["tsne_y"], tsne.xy[:, 1])
    np.testing.assert_array_equal(point_columns(result)["projection_y"], tsne.xy[:, 1])


def test_points_without_a_map_have_no_place_and_no_points_have_no_columns(result: Result) -> None:
    assert not {name for name in point_columns(replace(result, maps={})) if name.endswith("_x")}
    assert point_columns(replace(result, points=None)) == {}


def test_points_name_their_theme() -> None:
    found = tiny.result()
    points = replace(found.points, themes=np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, -1]))
    columns = point_columns(replace(found, points=points))
    a, b = found.themes[0].name, found.themes[1].name
    assert columns["theme"] == [a, b, a, b, a, b, a, b, a, None]
    assert "theme" not in point_columns(replace(found, themes=()))


def test_a_word_that_was_left_out_has_its_text_its_query_and_its_document(result: Result) -> None:
    right, wrong = int(result.queries.relevant_documents[0]), int(result.queries.wrong_document[0])
    deletions = (
        Deletion(TextRole.QUERY, 0, 2, 0.5, True),
        Deletion(TextRole.RIGHT, 1, 3, -0.25, False),
        Deletion(TextRole.WRONG, 0, 1, 0.125, False),
    )
    one = Explanation(0, right, wrong, -0.1, 0.01, deletions[0], (), deletions)
    found = Explanations(1, 3, Estimate(1.0), (), (one,), ())
    columns = deletion_columns(replace(result, explanations=found))
    d = result.documents
    assert columns["query_id"] == [result.queries.ids[0]] * 3
    assert columns["role"] == ["query", "right", "wrong"]
    assert columns["document_id"] == [None, d.ids[right], d.ids[wrong]]
    assert columns["text"] == [result.queries.texts[0][0:2], d.texts[right][1:3], d.texts[wrong][0:1]]
    assert columns["change"].tolist() == [0.5, -0.25, 0.125]
    assert columns["puts_right_first"].tolist() == [True, False, False]
    assert deletion_columns(replace(result, explanations=None)) == {}
