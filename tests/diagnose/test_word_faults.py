"""Words that decide more failures than chance: the test by hand, planted words found, frequent words not accused."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from tests.support.word_models import WordBag, collection_of, diagnosed_under, model_of

from embedscope.data.collection import Collection
from embedscope.diagnose.word_faults import _at_least
from embedscope.result import Diagnosed, Finding


def test_the_tail_is_that_of_all_outcomes_counted_one_by_one() -> None:
    chances = np.array([0.1, 0.4, 0.25, 0.8])
    for n in range(6):
        expected = sum(
            np.prod([p if hit else 1 - p for p, hit in zip(chances, hits, strict=True)])
            for hits in product((0, 1), repeat=4)
            if sum(hits) >= n
        )
        assert _at_least(n, chances) == pytest.approx(expected)


def collection(n: int, filler: str) -> Collection:
    """Queries whose decoys hold a filler that their documents lack; fillers stand in the queries too."""
    rows = [(f"red{i} {filler} roof{i}", f"red{i} roof{i} with garden{i} and gate{i}") for i in range(n)]
    return collection_of(rows, *(f"{filler} thing{i} and so{i}" for i in range(n)))


def word_findings(found: Diagnosed) -> list[Finding]:
    return [finding for finding in found.findings if finding.code == "word-decides"]


def test_a_word_of_great_weight_is_found_with_the_queries_that_it_decides() -> None:
    found = diagnosed_under(collection(30, "indeed"), model_of(WordBag(lambda word: 4.0 if word == "indeed" else 1.0)))
    findings = word_findings(found)
    assert len(findings) == 1
    (finding,) = findings
    assert finding.title.startswith("'indeed' decides 100 % of the 30 failures looked at: without it in ")
    assert finding.low is not None
    assert finding.low > 0.05
    assert len(finding.rows) == 30


def test_a_word_that_stands_everywhere_and_weighs_nothing_more_is_not_accused() -> None:
    rows = [(f"the red{i} roof{i}", f"the red{i} door{i} wall{i}") for i in range(30)]
    decoys = [f"the roof{i} red{i} gate{i}" for i in range(0, 30, 2)]
    found = diagnosed_under(collection_of(rows, *decoys), model_of(WordBag()))
    assert found.explanations is not None
    assert len(found.explanations.failures) >= 15
    assert word_findings(found) == []


def test_fewer_than_five_failures_are_no_evidence() -> None:
    found = diagnosed_under(collection(4, "indeed"), model_of(WordBag(lambda word: 4.0 if word == "indeed" else 1.0)))
    assert found.explanations is not None
    assert len(found.explanations.failures) == 4
    assert word_findings(found) == []
