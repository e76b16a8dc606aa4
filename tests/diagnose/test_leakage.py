"""Leakage: the overlaps of a plain set intersection, those that differ in spelling, and those that nearly agree."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from embedscope.data.collection import Collection, Row, build_collection
from embedscope.data.readers import read_collection
from embedscope.diagnose import leakage
from embedscope.diagnose.leakage import measure_leakage, normalised
from embedscope.result import Leakage


def collection(queries: Sequence[str], positives: Sequence[str]) -> Collection:
    return build_collection([Row(q, (p,)) for q, p in zip(queries, positives, strict=True)], format="planted")


TRAIN = collection(
    [
        "room near the market, 5tr",
        "Phòng trọ quận 10",
        "detached house on a quiet street with a large garden and a garage",
        "🏠🏠",
    ],
    ["first listing", "second listing", "third listing", "fourth listing"],
)


def found(queries: Sequence[str], positives: Sequence[str] = ()) -> Leakage:
    positives = positives or [f"listing of test query {i}" for i in range(len(queries))]
    return measure_leakage(collection(queries, positives), TRAIN, train_name="train.json")


def test_each_text_counts_once_under_the_closest_kind() -> None:
    test = [
        "room near the market, 5tr",
        "phong tro QUAN 10!",
        "detached house on a quiet street with a large garden and a garages",
        "nothing of the kind",
    ]
    result = found(test, ["First Listing", "second listing", "x", "y"])
    assert result.queries == {"exact": 1, "normalised": 1, "near": 1}
    assert result.positives == {"exact": 1, "normalised": 1, "near": 0}
    assert (result.n_queries, result.n_positives) == (4, 4)
    assert result.share_of_queries == 0.5  # near ones are told, not counted
    assert result.examples[0] == (test[0], test[0])
    assert (test[1], "Phòng trọ quận 10") in result.examples
    assert (test[2], "detached house on a quiet street with a large garden and a garage") in result.examples


def test_examples_are_limited_and_queries_come_first() -> None:
    result = measure_leakage(TRAIN, TRAIN, train_name="train.json")
    assert result.share_of_queries == 1.0
    assert [pair[0] for pair in result.examples] == [*TRAIN.queries, "first listing"]


def test_other_texts_do_not_leak() -> None:
    result = found(["completely different words", "others again"])
    assert result.share_of_queries == 0
    assert result.queries == {"exact": 0, "normalised": 0, "near": 0}
    assert result.examples == ()


def test_texts_without_a_letter_are_not_all_the_same() -> None:
    assert found(["🌳", "?!"]).queries == {"exact": 0, "normalised": 0, "near": 0}
    assert found(["🏠🏠", "?!"]).queries["exact"] == 1


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Phòng  Q.10!", "phong q 10"),
        ("Đường ĐIỆN", "duong dien"),
        (unicodedata.normalize("NFD", "phòng"), "phong"),
        ("snake_case-word", "snake case word"),
        ("Straße", "strasse"),
        ("带阳台的公寓", "带阳台的公寓"),
        ("🏠 !", "🏠 !"),
    ],
)
def test_the_normal_form_has_no_case_accents_or_punctuation(text: str, form: str) -> None:
    assert normalised(text) == form


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    test = [f"detached house on a quiet street with a large garden and a garage{letter}" for letter in "abcdefg"]
    whole = found(test)
    monkeypatch.setattr(leakage, "BLOCK_CELLS", 1)
    assert found(test) == whole
    assert whole.queries["near"] == 7


def test_the_overlap_of_the_real_files_is_that_of_a_set_intersection(real_data: Path) -> None:
    texts: dict[str, dict[str, set[str]]] = {}
    for split in ("train", "valid"):
        rows = json.loads((real_data / f"{split}.json").read_text(encoding="utf-8"))
        positives = [[row["pos"]] if isinstance(row["pos"], str) else row["pos"] for row in rows]
        texts[split] = {
            "queries": {unicodedata.normalize("NFC", row["query"]).strip() for row in rows},
            "positives": {unicodedata.normalize("NFC", text).strip() for own in positives for text in own},
        }
    valid, train = (read_collection(real_data / f"{split}.json") for split in ("valid", "train"))
    result = measure_leakage(valid, train, train_name="train.json")
    for kind, counts in (("queries", result.queries), ("positives", result.positives)):
        known = texts["train"][kind]
        assert counts["exact"] == len(texts["valid"][kind] & known) > 0
        forms = {normalised(text) for text in known}
        rest = texts["valid"][kind] - known
        assert counts["normalised"] == sum(normalised(text) in forms for text in rest)
    assert result.share_of_queries == (result.queries["exact"] + result.queries["normalised"]) / len(valid.queries)
    assert all(pair[0] in valid.queries or pair[0] in valid.documents for pair in result.examples)


def test_the_search_among_many_texts_finds_the_pairs_of_the_exhaustive_one() -> None:
    train = [f"room {i} near the market of district {i % 7} with a garden and {i * i} windows" for i in range(80)]
    test = [text.replace("windows", "window") for text in train[:40]] + ["nothing of the kind", "..."]
    exact = leakage.near_pairs(test, train)
    assert len(exact) >= 40
    assert leakage.near_pairs(test, train, exhaustive=10) == exact
