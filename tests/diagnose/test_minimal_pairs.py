"""Minimal pairs: which values are edited, what is counted, and when it is a finding."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from embedscope.data.collection import Negative, Row, build_collection
from embedscope.diagnose.edited_values import ValueEditor, differing_span
from embedscope.diagnose.minimal_pairs import ignored_values, minimal_pairs
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import Ranked, rank
from embedscope.models.embed import Embeddings
from embedscope.packs.rental_vi import PACK
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader
from embedscope.result import MinimalPairs, ModelFacts
from embedscope.settings import Settings

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "minimal_pairs.py"


@pytest.fixture(scope="module")
def planted() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_minimal_pairs", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ranked(planted: ModuleType, rows: list[Row]) -> tuple[Ranked, Embeddings]:
    collection = build_collection(rows, format="test")
    encode = planted.reading_numbers
    facts = ModelFacts("planted", "bag of words", dim=planted.DIM)
    embeddings = Embeddings(encode(collection.queries), encode(collection.documents), facts)
    settings = Settings.of(draws=200, examples=0)
    return rank(collection, embeddings, QuerySet.of(collection, seed=0, draws=200), settings), embeddings


def edits(
    planted: ModuleType, *rows: Row, attributes: AttributeReader = NO_ATTRIBUTES
) -> list[tuple[str, str, str | None]]:
    others = [Row(f"alpha {i}", (f"beta gamma {chr(97 + i) * 5}",)) for i in range(3)]
    found, _ = ranked(planted, [*rows, *others])
    editor = ValueEditor(found.query_table, found.document_table, attributes, 0)
    return [(edit.kind, edit.changed, edit.respelt) for edit in editor.edits(0)]


def test_a_value_that_both_state_is_changed_and_respelt_and_nothing_else_is(planted: ModuleType) -> None:
    ((kind, changed, respelt),) = edits(planted, Row("flat of 45 km", ("The flat is 45 km from 7 towns",)))
    assert (kind, respelt) == ("quantity", "The flat is 45km from 7 towns")
    assert changed.startswith("The flat is ")
    assert changed.endswith(" km from 7 towns")
    assert changed != "The flat is 45 km from 7 towns"


@pytest.mark.parametrize(
    ("query", "positive"),
    [
        ("45 km away", "46 km away"),
        ("45 km away", "45 kg of it"),
        ("45 km away", "45 km here and 45 km there"),
        ("chapter 3", "3 apples"),
    ],
)
def test_a_value_that_is_not_shared_or_stands_twice_or_counts_something_else_is_left(
    planted: ModuleType, query: str, positive: str
) -> None:
    assert edits(planted, Row(query, (positive,))) == []


def test_a_bare_number_beside_the_same_word_is_edited(planted: ModuleType) -> None:
    ((kind, changed, respelt),) = edits(planted, Row("what is chapter 3", ("about chapter 3",)))
    assert (kind, respelt) == ("number", "about chapter 3.0")
    assert changed.startswith("about chapter ")


def test_a_name_is_replaced_by_another_name_and_misspelt(planted: ModuleType) -> None:
    rows = [
        Row("a tool by kowalski for maps", ("this tool was made by Kowalski for all maps",)),
        Row("tools from thistleton", ("this tool was made at Thistleton",)),
    ]
    ((kind, changed, respelt),) = edits(planted, *rows)
    assert (kind, changed) == ("name", "this tool was made by Thistleton for all maps")
    assert respelt is not None
    assert sorted(respelt) == sorted("this tool was made by Kowalski for all maps")


def test_a_typed_negative_that_differs_in_one_span_is_the_changed_document_and_its_type_the_kind(
    planted: ModuleType,
) -> None:
    negatives = (
        Negative("a small green room upstairs", ("colour",)),
        Negative("a tiny crimson flat upstairs", ("size",)),
    )
    ((kind, changed, respelt),) = edits(planted, Row("crimson room", ("a small crimson room upstairs",), negatives))
    assert (kind, changed) == ("colour", "a small green room upstairs")
    assert respelt is not None
    assert respelt != "a small crimson room upstairs"
    assert sorted(respelt) == sorted("a small crimson room upstairs")


def test_values_of_a_pack_stay_what_the_pack_says(planted: ModuleType) -> None:
    query, positive = "phòng trọ quận 10 giá 5tr5 25m2", "Phòng trọ ở quận 10, giá 5,5 triệu, diện tích 25m²"
    others = Row("phòng trọ quận 3", ("Phòng trọ ở quận 3, giá 4 triệu",))
    found = edits(planted, Row(query, (positive,)), others, attributes=PACK)
    assert [kind for kind, *_ in found] == ["location", "price", "area"]
    for kind, changed, respelt in found:
        assert PACK.keeps_value(kind, positive, changed) is False
        assert PACK.conflicts(query, changed) == (kind,)
        assert respelt is not None
        assert PACK.keeps_value(kind, positive, respelt) is True


def test_a_number_below_a_cap_is_not_changed_to_one_that_the_query_accepts(planted: ModuleType) -> None:
    query, positive = "phòng trọ dưới 5 triệu", "Phòng trọ ở quận 10, giá 5 triệu"
    for kind, changed, _ in edits(planted, Row(query, (positive,)), attributes=PACK):
        assert kind == "price"
        assert PACK.conflicts(query, changed) == ("price",)


def test_a_word_of_denial_is_left_out_where_a_pack_lists_it(planted: ModuleType) -> None:
    row = Row("phòng không chung chủ", ("Phòng mới, không chung chủ, có bếp",))
    assert edits(planted, row, attributes=PACK) == [
        ("negation", "Phòng mới, chung chủ, có bếp", "Phòng mới, khong chung chủ, có bếp")
    ]
    assert edits(planted, row) == []


@pytest.mark.parametrize(
    ("positive", "negative", "span"),
    [
        ("a red room", "a green room", "red"),
        ("a red room", "a dark green room", "red"),
        ("a red room with a view", "a room with a view", "red "),
        ("a red room", "a red room", None),
        ("a red room", "a red room here", None),
        ("a red room of two", "a green room of three", None),
        ("one two three four five six seven end", "x end", None),
        ("a hut of 4m, near the river", "a hut of 5m", None),
    ],
)
def test_the_one_span_in_which_two_texts_differ(positive: str, negative: str, span: str | None) -> None:
    found = differing_span(positive, negative)
    assert (None if found is None else positive[slice(*found)].strip()) == (span and span.strip())


def test_the_share_is_that_of_pairs_whose_wrong_value_scores_higher_ties_counting_half(planted: ModuleType) -> None:
    rows = [Row(f"item {10 + i} km of {w}", (f"{w} has {10 + i} km",)) for i, w in enumerate("pqrstuvw" * 3)]
    found, embeddings = ranked(planted, rows)
    query_set = found.query_set
    seen: list[str] = []

    def encode(texts: list[str]) -> np.ndarray:
        seen[:] = texts
        return np.asarray(np.random.default_rng(5).standard_normal((len(texts), planted.DIM)).astype(np.float32))

    (pairs,) = minimal_pairs(
        found.query_table, found.document_table, found.queries, embeddings.documents, encode, query_set.resampler,
        seed=1, budget=30,
    )  # fmt: skip
    assert len(seen) == len(set(seen)) <= 30
    vectors = dict(zip(seen, encode(list(seen)), strict=True))
    editor = ValueEditor(found.query_table, found.document_table, NO_ATTRIBUTES, 1)
    by_hand = [
        float(found.queries[row] @ (vectors[edit.changed] - vectors[edit.respelt])) > 0
        for row in range(len(found.queries))
        for edit in editor.edits(row)
        if edit.changed in vectors and edit.respelt in vectors
    ]
    assert pairs.n == len(by_hand) == 15
    assert pairs.ignored.value == pytest.approx(np.mean(by_hand))
    assert len(pairs.queries) == sum(by_hand)


def test_a_model_that_gives_all_texts_one_vector_ignores_half(planted: ModuleType) -> None:
    collection = planted.planted(60, 0)
    found, _ = planted.measured(collection, lambda texts: np.full((len(texts), 4), 0.5, np.float32), seed=0)
    assert {pairs.ignored.value for pairs in found} == {0.5}


def test_a_model_blind_to_digits_ignores_them_and_one_that_reads_them_does_not(planted: ModuleType) -> None:
    collection = planted.planted(120, 0)
    blind, n_findings = planted.measured(collection, planted.blind_to_digits, seed=0)
    assert {pairs.kind for pairs in blind} == {"number", "quantity", "amount", "date"}
    assert min(pairs.ignored.value or 0.0 for pairs in blind) >= 0.9
    assert n_findings == len(blind)
    reading, n_findings = planted.measured(collection, planted.reading_numbers, seed=0)
    assert max(pairs.ignored.value or 0.0 for pairs in reading) <= 0.2
    assert n_findings == 0


def test_the_finding_says_how_often_and_lists_the_queries(planted: ModuleType) -> None:
    collection = planted.planted(120, 0)
    pairs, _ = planted.measured(collection, planted.blind_to_digits, seed=0)
    found, _ = ranked(planted, [Row(q, (collection.documents[i],)) for i, q in enumerate(collection.queries)])
    findings = [candidate.finding for candidate in ignored_values(pairs, found.query_table)]
    assert [finding.code for finding in findings] == ["value-ignored"] * len(pairs)
    assert findings[0].title == (
        f"a wrong {pairs[0].kind} lowers the score no more than another spelling of the same {pairs[0].kind} in 100 % "
        f"of {pairs[0].n} pairs"
    )
    assert findings[0].rows == pairs[0].queries
    few = MinimalPairs(pairs[0].kind, 19, pairs[0].ignored, None)
    assert list(ignored_values([few], found.query_table)) == []
