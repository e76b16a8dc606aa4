"""The texts of a page stay within a budget, and the page says what it cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tiny_run import result

from embedscope.output.page.packing import texts_of_column
from embedscope.output.page.payload import page_payload
from embedscope.output.page.shown_texts import LEAST_TEXT, _limit, shown_texts
from embedscope.result.report import report


def long_run(length: int = 1000):
    """The tiny run, unexplained, with documents of this many characters."""
    made = result()
    texts = tuple((text + " word" * length)[:length] for text in made.documents.texts)
    return replace(made, documents=replace(made.documents, texts=texts), explanations=None)


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=60), st.integers(1, 20_000))
def test_the_length_is_the_largest_that_the_budget_allows(lengths: list[int], budget: int) -> None:
    found = _limit(lengths, budget)
    if found is None:
        assert sum(lengths) <= budget
    elif found > LEAST_TEXT:
        assert np.minimum(lengths, found).sum() <= budget < np.minimum(lengths, found + 1).sum()


def test_within_the_budget_no_text_is_cut_and_nothing_is_said() -> None:
    made = long_run()
    assert page_payload(made)["report"] == report(made)
    assert shown_texts(made, range(len(made.documents.texts))).limit is None


def test_above_the_budget_long_texts_end_in_dots_and_the_page_says_how_long_they_are() -> None:
    made, budget = long_run(), 2000
    payload = page_payload(made, text_budget=budget)
    shown = texts_of_column(payload["documents"]["texts"])
    longest = max(map(len, shown))
    assert longest >= LEAST_TEXT
    assert all(text.endswith("…") for text in shown if len(text) == longest)
    assert texts_of_column(payload["queries"]["texts"]) == list(made.queries.texts)
    (said,) = [note for note in payload["report"]["data"]["warnings"] if "characters of longer texts" in note]
    assert f"the first {longest:,} characters" in said
    assert report(made)["data"]["warnings"] == [w for w in payload["report"]["data"]["warnings"] if w != said]


def test_texts_of_explained_failures_stay_whole() -> None:
    made = replace(long_run(), explanations=result().explanations)
    assert made.explanations is not None
    rows = [row for one in made.explanations.failures for row in (one.right, one.wrong)]
    cut = shown_texts(made, range(len(made.documents.texts)), 1)
    assert all(cut.documents[row] == made.documents.texts[row] for row in rows)
    assert any(len(text) == LEAST_TEXT for text in cut.documents)
