"""Themes: planted groups of queries and documents are found, named, and the same in any order."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.planted import unit

from embedscope.diagnose import themes
from embedscope.diagnose.themes import TextVectors, find_themes

TOPICS = ("kayak paddle", "sourdough oven", "violin string", "tulip bulb")


def planted(n_each: int = 20, *, seed: int = 0) -> tuple[TextVectors, TextVectors, np.ndarray]:
    """Queries and documents about four topics, each in a direction of its own, and the topic of each query."""
    generator = np.random.default_rng(seed)
    topic = np.repeat(np.arange(4), n_each)
    made = []
    for word in ("ask", "text"):
        vectors = unit(np.eye(8)[topic] + 0.1 * generator.standard_normal((len(topic), 8)))
        texts = [f"the {word}{i} of a {TOPICS[place]}" for i, place in enumerate(topic.tolist())]
        made.append(TextVectors(texts, vectors))
    return made[0], made[1], topic


def test_planted_topics_are_the_broad_themes_under_their_names() -> None:
    queries, documents, topic = planted()
    broad = find_themes(queries, documents, seed=0)[0]
    assert sorted(broad.names) == sorted(TOPICS)
    assert [broad.names[place] for place in broad.queries] == [TOPICS[place] for place in topic]
    assert [broad.names[place] for place in broad.documents] == [TOPICS[place] for place in topic]


def test_themes_repeat_themselves_in_any_order_of_the_texts() -> None:
    queries, documents, _ = planted()
    generator = np.random.default_rng(1)
    first = find_themes(queries, documents, seed=3)
    orders = [generator.permutation(len(each.texts)) for each in (queries, documents)]
    shuffled = [
        TextVectors([each.texts[i] for i in order], each.vectors[order])
        for each, order in zip((queries, documents), orders, strict=True)
    ]
    again = find_themes(shuffled[0], shuffled[1], seed=3)
    assert [level.names for level in again] == [level.names for level in first]
    for level, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(other.queries, level.queries[orders[0]])
        np.testing.assert_array_equal(other.documents, level.documents[orders[1]])


def test_finer_themes_have_names_of_their_own() -> None:
    levels = find_themes(*planted(80)[:2], seed=0)
    names = [name for level in levels for name in level.names]
    assert len(set(names)) == len(names)


def test_few_texts_have_no_themes() -> None:
    assert find_themes(*planted(4)[:2], seed=0) == ()


def test_of_many_texts_a_part_is_clustered_and_the_others_go_to_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, documents, topic = planted()
    monkeypatch.setattr(themes, "_MAX_FITTED", 100)
    broad = find_themes(queries, documents, seed=0)[0]
    assert [broad.names[place] for place in broad.queries] == [TOPICS[place] for place in topic]
