"""Names of clusters: words of the collection, whatever its script; what all clusters share names none."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from embedscope.diagnose import theme_names
from embedscope.diagnose.theme_names import TermCounts

CARS = ["the red car has a flat tyre", "a flat tyre on the old car", "the car lost a tyre", "is the car at the garage"]
SOUP = [
    "the onion soup is too salty",
    "a pot of onion soup for the guests",
    "the soup needs an onion",
    "is the soup hot",
]


def names_of(*clusters: list[str], roles: list[int] | None = None) -> list[str | None]:
    texts = [text for cluster in clusters for text in cluster]
    labels = [place for place, cluster in enumerate(clusters) for _ in cluster]
    found = TermCounts(texts, roles or [0] * len(texts)).names(labels)
    return [found.get(place) for place in range(len(clusters))]


def test_a_cluster_is_named_by_words_that_it_has_and_the_others_lack() -> None:
    cars, soup = names_of(CARS, SOUP)
    assert cars is not None
    assert soup is not None
    assert "car" in cars
    assert "soup" in soup
    assert not {"the", "a", "is"} & set((cars + " " + soup).replace(",", "").split())


def test_the_weight_of_a_term_is_that_of_class_based_tf_idf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme_names, "MOST_BY_CHANCE", math.inf)
    # Each letter pair is a word of its own; no two words are neighbours in two texts, so there are no phrases.
    clusters = [["xa xb", "xb xc xa", "xa"], ["ya", "yb ya", "yb yc ya yd", "yd"]]
    (first, second) = names_of(*clusters)
    counts = [Counter(word for text in cluster for word in set(text.split())) for cluster in clusters]
    total = counts[0] + counts[1]
    mean = sum(total.values()) / 2
    for found, own in zip((first, second), counts, strict=True):
        n = sum(own.values())
        weight = {word: c / n * math.log(1 + mean / total[word]) for word, c in own.items() if c > 1}
        expected = sorted(weight, key=lambda word: (-weight[word], word))[:3]
        assert found == ", ".join(expected)


def test_syllables_that_never_stand_apart_are_one_phrase() -> None:
    dorms = ["ký túc xá rẻ", "tìm ký túc xá mới", "ký túc xá yên tĩnh", "có ký túc xá nào"]
    fares = ["vé tàu hỏa giá rẻ", "đặt vé tàu hỏa mới", "vé tàu hỏa có nào", "tìm vé tàu hỏa"]
    assert names_of(dorms, fares) == ["ký túc xá", "vé tàu hỏa"]


def test_scripts_without_spaces_are_named_by_pieces_that_occur_as_a_whole() -> None:
    rain = ["明天下雨吗", "今天下雨了", "天气预报说下雨", "周末又下雨"]
    loans = ["如何申请贷款", "贷款利率高吗", "提前还贷款", "买房要贷款"]
    assert names_of(rain, loans) == ["下雨", "贷款"]


def test_a_name_is_spelt_as_most_texts_spell_it() -> None:
    clusters = (
        ["SQLite file", "an sqlite page", "open SQLite", "SQLite lock"],
        ["gzip file", "a gzip page", "gzip it"],
    )
    assert names_of(*clusters) == ["SQLite", "gzip"]


def test_words_in_which_queries_ask_name_no_theme() -> None:
    questions = ["how do pumps leak", "how do old pumps start", "how do valves stick", "how do new valves rust"]
    answers = ["worn pumps squeal", "cold pumps stall", "loose valves drip", "the valves of oil lines close"]
    labels = [0, 0, 1, 1, 0, 0, 1, 1]
    found = TermCounts([*questions, *answers], [0] * 4 + [1] * 4).names(labels)
    assert found == {0: "pumps", 1: "valves"}


def test_forms_of_one_word_stand_in_a_name_once() -> None:
    (name, _) = names_of(
        ["install installs", "install installs it", "to install, installs"], ["remove", "remove x", "remove y"]
    )
    assert name in ("install", "installs", "install installs")


def test_no_two_clusters_have_one_name_nor_one_that_is_taken() -> None:
    texts = ["blue kite", "blue kite flies", "blue kite string", "green kite", "green kite flies", "green kite tail"]
    terms = TermCounts([*texts, "cold", "cold tea", "cold ice"], [0] * 9)
    names = terms.names([0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert len(set(names.values())) == len(names) == 3
    again = terms.names([0] * 6 + [1] * 3, taken=["kite"])
    assert "kite" not in again.values()


def test_a_cluster_without_words_of_its_own_has_no_name() -> None:
    assert names_of(["same text", "same text"], ["same text", "same text"]) == [None, None]
    assert names_of(["", "!!"], ["...", "?"]) == [None, None]


def test_the_order_of_the_texts_changes_no_name() -> None:
    texts, labels = [*CARS, *SOUP], [0] * 4 + [1] * 4
    order = np.random.default_rng(0).permutation(len(texts)).tolist()
    names = TermCounts(texts, [0] * 8).names(labels)
    assert TermCounts([texts[i] for i in order], [0] * 8).names([labels[i] for i in order]) == names


def test_common_words_in_clusters_drawn_at_random_name_few_of_them() -> None:
    n_named = 0
    frequency = 1 / np.arange(3, 51)
    for seed in range(10):
        generator = np.random.default_rng(seed)
        holds = generator.random((160, len(frequency))) < frequency
        texts = [" ".join(f"w{word}" for word in np.flatnonzero(row)) for row in holds]
        n_named += len(TermCounts(texts, [0] * 160).names(generator.integers(0, 4, 160).tolist()))
    assert n_named <= 0.35 * 40  # without regard to chance, all but one have names


def test_where_a_cluster_has_documents_a_word_that_queries_alone_hold_is_no_name() -> None:
    questions = ["where can i buy soap", "where can i buy salt", "where can i buy tea", "is it raining", "will it rain"]
    answers = ["soap in mill lane", "soap or salt", "tea", "rain at noon", "rain at night"]
    labels = [0, 0, 0, 1, 1]
    found = TermCounts([*questions, *answers], [0] * 5 + [1] * 5).names(labels * 2)
    assert "where" not in found.get(0, "")
    alone = TermCounts(questions, [0] * 5).names(labels)
    assert alone[0] == "where can i buy"
