"""The second opinion: scores without the audited model, and when a second document answers as well."""

from __future__ import annotations

import numpy as np
import pytest

from embedscope.diagnose.second_opinion import Scorer, answers_as_well, lexical_scorer, telling_positives
from embedscope.measure.ngrams import SplitTexts
from embedscope.packs.rental_vi import PACK

POSITIVE = "Phòng trọ 25m2 có gác, máy lạnh, wc riêng, ban công, gần chợ, Quận 10, giá 5.5 triệu"
QUERY = "phong tro quan 10 co gac may lanh gia 5.5 trieu"


def test_a_document_with_everything_that_was_asked_answers_as_well() -> None:
    assert answers_as_well(QUERY, POSITIVE, POSITIVE.replace("25m2", "30m2").replace("ban công", "cửa sổ"), PACK)


@pytest.mark.parametrize(
    "other",
    [
        POSITIVE.replace("Quận 10", "Quận 3"),
        POSITIVE.replace("5.5 triệu", "9 triệu"),
        POSITIVE.replace("5.5 triệu", "5.2 triệu"),  # less close than the positive
        POSITIVE.replace("máy lạnh", "quạt"),
        POSITIVE.replace("có gác", "không gác"),
    ],
)
def test_a_document_that_lacks_denies_or_contradicts_something_does_not(other: str) -> None:
    assert not answers_as_well(QUERY, POSITIVE, other, PACK)


def test_nothing_is_said_where_query_and_positive_share_too_little() -> None:
    assert not answers_as_well("room with air conditioning near the market", POSITIVE, POSITIVE, PACK)


def test_the_telling_positives_are_answered_as_well_as_all_of_them_are() -> None:
    places, prices, extras = ("Quận 10", "Quận 3", "Quận 7"), ("5.5 triệu", "9 triệu"), ("có gác", "không gác", "gác")
    texts = [
        POSITIVE.replace("Quận 10", place).replace("5.5 triệu", price).replace("có gác", extra) + f", nhà {i}"
        for i in range(4)
        for place in places
        for price in prices
        for extra in extras
    ]
    telling = telling_positives(QUERY, texts, PACK)
    assert set(telling) < set(texts)
    assert len(telling_positives(QUERY, texts * 2, PACK)) == len(telling) <= len(texts) // 4
    for document in texts:
        expected = any(answers_as_well(QUERY, text, document, PACK) for text in texts)
        assert any(answers_as_well(QUERY, text, document, PACK) for text in telling) == expected
    assert telling_positives("words that none of them has", texts, PACK) == ()


def test_scorers_give_the_cosine_of_their_rows_by_pair_and_by_block() -> None:
    texts = ["phòng trọ quận 10", "nhà nguyên căn", "phong tro quan 10"]
    scorer = lexical_scorer(SplitTexts.of(texts), SplitTexts.of(texts))
    ((_, block),) = list(scorer.blocks())
    rows = np.arange(3)
    assert scorer.pairs(rows, rows) == pytest.approx([1, 1, 1], abs=1e-6)
    assert block[0, 2] == pytest.approx(1, abs=1e-6)  # diacritics do not count
    assert scorer.pairs(rows, rows[::-1]) == pytest.approx(block[rows, rows[::-1]], abs=1e-6)


def test_the_base_model_scores_by_its_vectors() -> None:
    vectors = np.eye(3, dtype=np.float32)
    scorer = Scorer("base", vectors, vectors[::-1])
    assert scorer.pairs(np.array([0, 0]), np.array([0, 2])).tolist() == [0.0, 1.0]
