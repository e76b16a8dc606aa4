"""Identity of texts is decided once, and what the data says about a pair is merged without loss."""

from __future__ import annotations

import time
from dataclasses import replace

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
    digest,
    excerpt,
    sample_queries,
)
from embedscope.errors import DataFormatError, InvalidOptionError, TooFewPointsError

ROWS = (
    Row("room near the lake", ("lake room",), (Negative("hill room", ("location",), 3.0), Negative("sea room"))),
    Row("room on the hill", ("hill room",), (Negative("lake room", ("location",), 3.0),)),
    Row("quiet room", ("lake room", "hill room")),
)


def relevant_texts(collection: Collection, query: int) -> set[str]:
    start, stop = collection.indptr[[query, query + 1]]
    return {collection.documents[d] for d in collection.relevant[start:stop]}


def negative_texts(collection: Collection, query: int) -> set[str]:
    columns = collection.negatives
    return {collection.documents[d] for q, d in zip(columns.queries, columns.documents, strict=True) if q == query}


def test_documents_stand_in_order_of_first_appearance_under_ids_of_one_width() -> None:
    collection = build_collection(ROWS, format="original JSON")
    assert collection.documents == ("lake room", "hill room", "sea room")
    assert collection.document_ids == ("d00000", "d00001", "d00002")
    assert collection.query_ids == ("q00000", "q00001", "q00002")
    assert collection.indptr.tolist() == [0, 1, 2, 4]
    assert collection.relevant.tolist() == [0, 1, 0, 1]
    assert collection.negatives.queries.tolist() == [0, 0, 1]
    assert collection.negatives.documents.tolist() == [1, 2, 0]
    assert collection.negatives.weights.tolist() == [3.0, 1.0, 3.0]
    assert collection.negatives.types == (("location",), (), ("location",))
    assert (collection.n_rows, collection.n_queries_available) == (3, 3)
    assert (collection.n_duplicate_queries, collection.n_duplicate_documents) == (0, 4)
    assert collection.indptr.dtype == collection.relevant.dtype == np.int64
    assert collection.gains.dtype == collection.negatives.weights.dtype == np.float64


def test_texts_are_the_same_after_nfc_and_stripping() -> None:
    collection = build_collection(
        [Row("ph\u00f2ng", ("a",)), Row(" pho\u0300ng\n", (" a\t", "b")), Row("x", ("b",))], format="f"
    )
    assert collection.queries == ("phòng", "x")
    assert collection.documents == ("a", "b")
    assert relevant_texts(collection, 0) == {"a", "b"}
    assert collection.n_duplicate_queries == 1


def test_the_relevant_set_is_the_union_over_rows_with_the_same_query() -> None:
    collection = build_collection([Row("q", ("a",)), Row("r", ("c",)), Row("q", ("b", "a"))], format="f")
    assert relevant_texts(collection, 0) == {"a", "b"}


def test_a_relevant_text_is_never_a_negative_and_the_contradiction_names_both_rows() -> None:
    rows = [Row("q", ("a",), number=4), Row("r", ("b",), number=5), Row("q", ("b",), (Negative("a"), Negative("c")), 9)]
    collection = build_collection(rows, format="f", row_name="line")
    assert negative_texts(collection, 0) == {"c"}
    assert collection.contradictions == (
        "'a' is relevant to the query 'q' in line 4 and its hard negative in line 9; it counts as relevant.",
    )


def test_a_repeated_negative_counts_once_with_its_greatest_weight_and_all_types() -> None:
    rows = [
        Row("q", ("a",), (Negative("n", ("price", "area"), 1.5), Negative("n", ("area", "location"), 2.0))),
        Row("q", ("a",), (Negative("n", (), 0.5),)),
        Row("r", ("a",)),
    ]
    collection = build_collection(rows, format="f")
    assert collection.negatives.weights.tolist() == [2.0]
    assert collection.negatives.types == (("price", "area", "location"),)
    assert any(line.startswith("2 hard negatives repeat") for line in collection.warnings)


def test_extra_documents_join_the_pool_and_their_ids_are_kept() -> None:
    collection = build_collection(ROWS, format="f", extra_documents={"X1": "barn", "X2": "sea room", "X3": "barn"})
    assert collection.documents[-1] == "barn"
    assert collection.merged_ids == {"d00003": ("X1", "X3"), "d00002": ("X2",)}
    assert sorted(collection.document_ids) == list(collection.document_ids)


def test_id_order_is_index_order_beyond_a_hundred_thousand_documents() -> None:
    extra = {str(i): f"document {i}" for i in range(100_001)}
    ids = build_collection(ROWS, format="f", extra_documents=extra).document_ids
    assert sorted(ids) == list(ids)
    assert ids[0] == "d000000"


def test_the_first_group_of_a_query_wins_and_a_second_one_is_reported() -> None:
    rows = [Row("q", ("a",), group="g1"), Row("r", ("b",)), Row("q", ("c",), group="g2")]
    collection = build_collection(rows, format="f")
    assert collection.groups == ("g1", None)
    assert any("another group" in line for line in collection.warnings)
    assert build_collection(ROWS, format="f").groups == ()


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (Row(" ", ("a",), number=3), "row 3 (query)"),
        (Row("q", ("a", "\n"), number=3), "row 3 (positive)"),
        (Row("q", ("a",), (Negative(""),), 3), "row 3 (hard negative)"),
    ],
)
def test_an_empty_text_is_refused_with_its_row_or_dropped_when_asked(row: Row, place: str) -> None:
    with pytest.raises(DataFormatError, match="--drop-empty") as caught:
        build_collection([*ROWS, row], format="f")
    assert place in str(caught.value)
    collection = build_collection([*ROWS, row], format="f", drop_empty=True)
    assert "" not in collection.documents + collection.queries
    assert any(line.startswith("1 empty text left out") for line in collection.warnings)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -0.5])
def test_a_weight_that_is_no_weight_is_refused_with_its_row(weight: float) -> None:
    with pytest.raises(DataFormatError, match="row 2: the hard negative 'n' has the weight"):
        build_collection([Row("q", ("a",)), Row("r", ("b",), (Negative("n", (), weight),))], format="f")


def test_a_weight_of_zero_is_a_weight() -> None:
    rows = [Row("q", ("a",)), Row("r", ("b",), (Negative("n", (), 0.0),))]
    assert build_collection(rows, format="f").negatives.weights.tolist() == [0.0]


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(DataFormatError, match="U\\+D800 at character 3"):
        build_collection([Row("ab\ud800", ("a",)), Row("r", ("b",))], format="f")


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataFormatError, match="no rows"):
        build_collection([], format="f")


@pytest.mark.parametrize("rows", [[Row("q", ("a",))], [Row("q", ("a",)), Row("r", ())], [Row("q", ("a",))] * 2])
def test_fewer_than_two_answerable_queries_are_refused(rows: list[Row]) -> None:
    with pytest.raises(TooFewPointsError, match="at least 2 queries"):
        build_collection(rows, format="f")


def test_a_query_without_relevant_documents_is_kept() -> None:
    collection = build_collection([*ROWS, Row("any barn", ())], format="f")
    assert collection.queries[-1] == "any barn"
    assert np.diff(collection.indptr).tolist() == [1, 1, 2, 0]


QUERIES = {"q2": "second", "q1": "first", "q3": "second "}
DOCUMENTS = {"b": "beta", "a": "alpha", "c": "alpha", "B": "big"}


def test_judged_documents_are_sorted_by_id_and_equal_texts_merged() -> None:
    collection = collection_from_qrels(
        QUERIES, DOCUMENTS, [("q1", "c", 2.0), ("q1", "a", 1.0), ("q3", "b", 1), ("q2", "B", 0)], format="BEIR folder"
    )
    assert collection.document_ids == ("B", "a", "b")
    assert collection.documents == ("big", "alpha", "beta")
    assert collection.merged_ids == {"a": ("c",)}
    assert collection.query_ids == ("q2", "q1")
    assert collection.indptr.tolist() == [0, 1, 2]
    assert collection.relevant.tolist() == [2, 1]
    assert collection.gains.tolist() == [1.0, 2.0]
    assert len(collection.negatives.queries) == 0
    assert (collection.n_duplicate_queries, collection.n_duplicate_documents, collection.n_rows) == (1, 1, 4)
    assert any("gain of 0 or less" in line for line in collection.warnings)


def test_a_pair_judged_both_ways_counts_as_relevant_and_is_reported() -> None:
    qrels = [("q1", "a", 1.0), ("q1", "c", 0.0), ("q2", "b", 1.0)]
    collection = collection_from_qrels(QUERIES, DOCUMENTS, qrels, format="f")
    assert np.diff(collection.indptr).tolist() == [1, 1]
    assert any("both relevant and not relevant" in line for line in collection.warnings)


def test_unknown_ids_are_refused_with_count_and_first_ids_or_left_out_when_allowed() -> None:
    qrels = [("q1", "a", 1.0), ("q2", "b", 1.0), ("q1", "zz", 1.0), ("q9", "a", 1.0)]
    with pytest.raises(DataFormatError, match="2 of 4 judgments") as caught:
        collection_from_qrels(QUERIES, DOCUMENTS, qrels, format="f")
    assert "document 'zz' of query 'q1', query 'q9'" in str(caught.value)
    assert "--allow-missing" in str(caught.value)
    collection = collection_from_qrels(QUERIES, DOCUMENTS, qrels, format="f", allow_missing=True)
    assert len(collection.relevant) == 2
    assert any(line.startswith("2 of 4 judgments") for line in collection.warnings)


def test_empty_documents_are_refused_or_dropped_with_their_judgments() -> None:
    documents = {**DOCUMENTS, "e": "  "}
    qrels = [("q1", "a", 1.0), ("q2", "b", 1.0), ("q1", "e", 1.0)]
    with pytest.raises(DataFormatError, match="first: id 'e'"):
        collection_from_qrels(QUERIES, documents, qrels, format="f")
    collection = collection_from_qrels(QUERIES, documents, qrels, format="f", drop_empty=True)
    assert "e" not in collection.document_ids
    assert any("1 judgments of empty texts left out" in line for line in collection.warnings)


def test_a_gain_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DataFormatError, match=r"judgment 1 .* gain nan"):
        collection_from_qrels(QUERIES, DOCUMENTS, [("q1", "a", float("nan"))], format="f")


def many_queries(n: int) -> Collection:
    rows = [
        Row(f"q{i}", (f"p{i % 7}", f"own {i}"), (Negative(f"n{i % 5}", ("t",), 1 + i),), group=f"g{i}")
        for i in range(n)
    ]
    return build_collection(rows, format="f")


def test_a_sample_keeps_the_pool_and_the_order_and_everything_about_its_queries() -> None:
    collection = many_queries(40)
    sample = sample_queries(collection, 9, np.random.default_rng(0))
    assert sample.documents == collection.documents
    assert sample.n_queries_available == 40
    places = [collection.queries.index(text) for text in sample.queries]
    assert places == sorted(places)
    assert len(set(places)) == 9
    assert places != list(range(9))
    for new, old in enumerate(places):
        assert relevant_texts(sample, new) == relevant_texts(collection, old)
        assert negative_texts(sample, new) == negative_texts(collection, old)
        assert sample.groups[new] == f"g{old}"
    assert sample.negatives.weights.tolist() == [1.0 + place for place in places]
    assert len(sample.negatives.types) == 9


def test_a_sample_depends_on_the_seed_alone() -> None:
    collection = many_queries(40)
    first, again, other = (sample_queries(collection, 9, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.queries == again.queries
    assert first.queries != other.queries


@pytest.mark.parametrize("n", [0, 40, 41])
def test_a_sample_of_none_or_of_all_is_the_collection_itself(n: int) -> None:
    collection = many_queries(40)
    assert sample_queries(collection, n, np.random.default_rng(0)) is collection


def test_a_sample_size_below_zero_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="-1"):
        sample_queries(many_queries(4), -1, np.random.default_rng(0))


def test_a_sample_too_small_for_statistics_is_refused() -> None:
    with pytest.raises(TooFewPointsError, match="Sample more"):
        sample_queries(many_queries(4), 1, np.random.default_rng(0))


@given(st.permutations(range(len(ROWS))))
def test_the_digest_does_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    assert digest(build_collection([ROWS[i] for i in order], format="a")) == digest(build_collection(ROWS, format="b"))


@pytest.mark.parametrize(
    "changed",
    [
        replace(ROWS[0], query="room at the lake"),
        replace(ROWS[0], positives=("lake rooms",)),
        replace(ROWS[0], negatives=ROWS[0].negatives[:1]),
        replace(ROWS[0], negatives=(Negative("hill room", ("location",), 2.0), Negative("sea room"))),
        replace(ROWS[0], negatives=(Negative("hill room", ("price",), 3.0), Negative("sea room"))),
    ],
)
def test_the_digest_changes_with_every_part_of_the_content(changed: Row) -> None:
    original = build_collection(ROWS, format="f")
    assert digest(build_collection([changed, *ROWS[1:]], format="f")) != digest(original)
    gains = original.gains.copy()
    gains[0] = 2.0
    assert digest(replace(original, gains=gains)) != digest(original)


texts = st.sampled_from(["a", "b", "c", "d", " a", "e\u0301", "\u00e9"])
rows = st.lists(
    st.builds(
        Row,
        query=texts,
        positives=st.lists(texts, min_size=1, max_size=3).map(tuple),
        negatives=st.lists(
            st.builds(Negative, text=texts, types=st.just(("t",)), weight=st.floats(0, 9)), max_size=3
        ).map(tuple),
    ),
    min_size=2,
    max_size=8,
)


@given(rows)
def test_whatever_the_rows_a_collection_is_sorted_disjoint_and_complete(rows: list[Row]) -> None:
    try:
        collection = build_collection(rows, format="f")
    except TooFewPointsError:
        return
    assert len(set(collection.documents)) == len(collection.documents)
    assert len(set(collection.queries)) == len(collection.queries)
    mentioned = {
        t.replace("e\u0301", "\u00e9").strip() for r in rows for t in (*r.positives, *(n.text for n in r.negatives))
    }
    assert set(collection.documents) == mentioned
    for query in range(len(collection.queries)):
        start, stop = collection.indptr[[query, query + 1]]
        assert np.all(np.diff(collection.relevant[start:stop]) > 0)
        assert not relevant_texts(collection, query) & negative_texts(collection, query)
    assert collection.indptr[-1] == len(collection.relevant) == len(collection.gains)


def test_ten_thousand_rows_of_five_texts_take_well_under_a_second() -> None:
    rows = [
        Row(f"tìm phòng {i}", (f"phòng số {i}",), tuple(Negative(f"phòng khác {i} {j}") for j in range(4)))
        for i in range(10_000)
    ]
    start = time.process_time()
    build_collection(rows, format="f")
    assert time.process_time() - start < 2.0  # 0.2 s where nothing else runs


def test_an_excerpt_is_short_and_on_one_line() -> None:
    assert excerpt("a\n b\x00") == "'a b\N{REPLACEMENT CHARACTER}'"
    assert excerpt("x" * 10_000) == "'" + "x" * 60 + "…'"
