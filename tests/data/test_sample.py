"""The sample data: the same bytes from the same seed, no leak between files, one answer for each query."""

from __future__ import annotations

import json
import runpy
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from tools.sample_data.phrases import FEATURES
from tools.sample_data.places import CITIES
from tools.sample_data.rental import ROWS, WEIGHTS, Listing, Room, generate, write_files

from embedscope.data.collection import Collection, identity
from embedscope.data.readers import read_collection
from embedscope.data.sample import SPLITS, sample_path
from embedscope.data.text_features import strip_diacritics
from embedscope.errors import InvalidOptionError


@pytest.fixture(scope="module")
def listings() -> dict[str, list[Listing]]:
    return generate()


@pytest.fixture(scope="module")
def collections() -> dict[str, Collection]:
    return {split: read_collection(sample_path(split)) for split in SPLITS}


def all_texts(collection: Collection) -> set[str]:
    return {*collection.queries, *collection.documents}


def test_the_shipped_files_are_what_the_generator_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tools.sample_data", "--output", str(tmp_path)])
    runpy.run_module("tools.sample_data", run_name="__main__")
    for split in SPLITS:
        path = sample_path(split)
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_another_seed_gives_other_data(tmp_path: Path) -> None:
    paths = write_files(tmp_path, seed=1)
    assert paths[0].read_bytes() != sample_path("train").read_bytes()


def test_the_files_are_small_enough_to_ship() -> None:
    assert sum(sample_path(split).stat().st_size for split in SPLITS) < 2_000_000


def test_every_file_has_its_rows_and_no_contradiction(collections: dict[str, Collection]) -> None:
    for split, collection in collections.items():
        assert collection.format == "original JSON"
        assert collection.n_rows == len(collection.queries) == ROWS[f"rental_{split}.json"]
        assert collection.contradictions == ()
        assert collection.warnings == ()
        assert collection.n_duplicate_queries == 0
    assert sum(ROWS.values()) >= 800


def test_positives_are_shared_by_two_to_six_queries(collections: dict[str, Collection]) -> None:
    for collection in collections.values():
        shares = Counter(collection.relevant.tolist())
        assert len(collection.relevant) == len(collection.queries)
        assert set(shares.values()) == {2, 3, 4, 5, 6}


def test_no_text_stands_in_two_files(collections: dict[str, Collection]) -> None:
    texts = [all_texts(collection) for collection in collections.values()]
    assert sum(map(len, texts)) == len(set().union(*texts))


def test_every_query_is_answered_by_exactly_one_advertisement_of_its_file(listings: dict[str, list[Listing]]) -> None:
    for file in listings.values():
        rooms = [(i, room) for i, one in enumerate(file) for room in (one.room, *(m.room for m in one.near_misses))]
        for i, listing in enumerate(file):
            for query in listing.queries:
                assert [(j, room) for j, room in rooms if query.wish.is_met_by(room)] == [(i, listing.room)]


def differences(one: Room, other: Room) -> set[str]:
    """The types by which two rooms differ."""
    changed = {
        "location": (one.district, one.street, one.landmark) != (other.district, other.street, other.landmark),
        "price": one.price != other.price,
        "area": one.area != other.area,
        "amenity": one.features != other.features,
    }
    assert (one.city, one.kind) == (other.city, other.kind)
    return {name for name, is_changed in changed.items() if is_changed}


def test_a_hard_negative_differs_in_exactly_what_its_types_name(listings: dict[str, list[Listing]]) -> None:
    seen: Counter[tuple[str, ...]] = Counter()
    for file in listings.values():
        for listing in file:
            for miss in listing.near_misses:
                assert differences(listing.room, miss.room) == set(miss.types)
                seen[miss.types] += 1
    assert {types[0] for types in seen if len(types) == 1} == set(WEIGHTS)
    assert any(len(types) == 2 for types in seen)


def test_weights_follow_the_types(collections: dict[str, Collection]) -> None:
    negatives = collections["test"].negatives
    for types, weight in zip(negatives.types, negatives.weights.tolist(), strict=True):
        first, *second = sorted((WEIGHTS[name] for name in types), reverse=True)
        assert weight == first + sum(second) / 2


def test_queries_come_with_and_without_diacritics_and_in_english(collections: dict[str, Collection]) -> None:
    queries = collections["test"].queries
    marked = [q for q in queries if strip_diacritics(q) != q]
    english = [q for q in queries if " district" in q.lower() or " city" in q.lower()]
    assert len(marked) > 90
    assert len(english) > 45
    assert len(queries) - len(marked) - len(english) > 30
    everything = " ".join(all_texts(collections["train"])).lower()
    for abbreviation in ("q10", "tphcm", "dt ", "m2", "5tr5", "pn khép kín", "vskk", "k chung chủ"):
        assert abbreviation in everything


def test_texts_are_in_the_form_by_which_they_are_compared(collections: dict[str, Collection]) -> None:
    for collection in collections.values():
        for text in all_texts(collection):
            assert identity(text) == text
            assert unicodedata.is_normalized("NFC", text)
            assert "  " not in text
            assert ", ," not in text


def test_no_text_comes_from_the_real_data(collections: dict[str, Collection], real_data: Path) -> None:
    real: set[str] = set()
    for name in ("train.json", "valid.json", "test.json"):
        for row in json.loads((real_data / name).read_text(encoding="utf-8")):
            real |= {row["query"], row["pos"], *(negative["text"] for negative in row["hard_neg"])}
    folded = {plain(text) for text in real}
    ours = {plain(text) for collection in collections.values() for text in all_texts(collection)}
    assert not ours & folded


def plain(text: str) -> str:
    """Letters and digits only: texts that differ in marks, case or punctuation are the same."""
    return "".join(c for c in strip_diacritics(text).lower() if c.isalnum())


def test_places_are_unambiguous_and_the_tables_complete() -> None:
    for city in CITIES:
        names = [district.name for district in city.districts]
        assert len(set(names)) == len(names)
        landmarks = [landmark.name for district in city.districts for landmark in district.landmarks]
        assert len(set(landmarks)) == len(landmarks)
        assert all(len(district.streets) == 4 for district in city.districts)
    for feature in FEATURES.values():
        for wording in (feature.southern, feature.northern, feature.english):
            assert wording.present
            assert wording.asked
            assert wording.absent not in wording.present


def test_a_split_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="train, valid, test, not 'dev'"):
        sample_path("dev")
