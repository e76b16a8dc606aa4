"""What nobody judged and is likely right is listed for a person, the surest first, and never trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.diagnose.test_failure_modes import lost

from embedscope.diagnose.failing_rows import failing_rows
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.unjudged import DOUBTFUL, unjudged_pairs


def test_pairs_are_ordered_by_mode_then_by_the_lead_of_the_winner_and_stated_negatives_are_left_out() -> None:
    queries, documents = lost(5)
    modes = (FailureMode.UNJUDGED, FailureMode.FALSE_NEGATIVE, FailureMode.UNJUDGED, FailureMode.NUMBER,
             FailureMode.NEAR_DUPLICATE)  # fmt: skip
    told = replace(
        queries,
        failure_modes=(*map(str, modes), *[""] * 35),
        failure_evidence=tuple(f"evidence {row}" for row in range(40)),
        wrong_similarity=np.array([0.8, 0.8, 0.9, 0.8, 0.8, *queries.wrong_similarity[5:]]),
    )
    found = unjudged_pairs(told, documents)
    assert [pair["query_id"] for pair in found] == ["q4", "q1", "q2", "q0"]
    assert found[0] == {
        "query_id": "q4",
        "query": queries.texts[4],
        "document_id": "d44",
        "document": documents.texts[44],
        "positive": documents.texts[4],
        "why": "near duplicate of the positive wins: evidence 4",
        "relevant": None,
    }
    stated = replace(told, wrong_type=("", "", "mined", *[""] * 37))
    assert [pair["query_id"] for pair in unjudged_pairs(stated, documents)] == ["q4", "q1", "q0"]
    assert [row.query for row in failing_rows(told, documents)] == [queries.texts[3]]


def test_a_likely_answer_is_doubtful() -> None:
    assert FailureMode.UNJUDGED.value in DOUBTFUL
