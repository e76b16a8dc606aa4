"""Each cause that words show, planted alone in a collection of forty other texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.diagnose.test_failure_modes import lost

from embedscope.diagnose.failure_modes import FailureModes, classify_failures
from embedscope.diagnose.modes import FailureMode
from embedscope.packs.rental_vi import PACK
from embedscope.result import DocumentTable, QueryTable


def lost_to(query: str, right: str, wrong: str, *more: str) -> tuple[QueryTable, DocumentTable]:
    """Query 0 of 40 is lost to ``wrong``; ``more`` stand among the other documents."""
    queries, documents = lost(1)
    texts = [
        f"unlike text with the old matter for us in a {chr(97 + i % 26)}{chr(97 + i // 26)}"
        for i in range(len(documents.texts))
    ]
    texts[0], texts[40], texts[50 : 50 + len(more)] = right, wrong, more
    own = tuple(f"unlike query {i}" for i in range(1, len(queries.texts)))
    return replace(queries, texts=(query, *own)), replace(documents, texts=tuple(texts))


def mode_of(*texts: str, **options: object) -> tuple[FailureMode | None, str]:
    found: FailureModes = classify_failures(*lost_to(*texts), **options)  # type: ignore[arg-type]
    return found.modes[0], found.evidence[0]


RIGHT = "We rent a boat in the old harbour, 12 seats, with a captain"


@pytest.mark.parametrize(
    ("query", "wrong", "more", "mode", "evidence"),
    [
        ("boat for 12", "A boat to rent, 14 seats", (), FailureMode.NUMBER,
         "'12' is in the right document, not in the winner"),
        ("boat with captain", "A boat to rent", (), FailureMode.RARE,
         "'captain' is in the right document, not in the winner"),
        ("harbour captain boat", "A shed", (), FailureMode.UNRELATED,
         "'boat', 'captain' and 'harbour' are in the right document, not in the winner"),
        ("old boat with cabin and flag", "A boat with a flag", (), FailureMode.LURE,
         "'flag' is in the winner, not in the right document"),
        ("old vessel hire", "A shed", (), FailureMode.GAP, "the right document does not have 'vessel' or 'hire'"),
        ("a boat", "The boat", ("boat one", "boat two", "boat six", "boat ten"), FailureMode.VAGUE,
         "5 other documents have 'boat' too"),
        ("boat", "The boat", (), FailureMode.OTHER, ""),
    ],
)  # fmt: skip
def test_what_the_words_show_is_the_mode_and_the_words_are_the_evidence(
    query: str, wrong: str, more: tuple[str, ...], mode: FailureMode, evidence: str
) -> None:
    assert mode_of(query, RIGHT, wrong, *more) == (mode, evidence)


def test_a_name_is_one_by_the_spelling_of_the_documents() -> None:
    right, wrong = "We rent a boat in Lisbon", "We rent a boat in Porto"
    assert mode_of("boat in lisbon", right, wrong)[0] is FailureMode.NAME


def test_words_behind_what_the_model_reads_are_cut_off() -> None:
    right = "A page of filler. " * 20 + "We rent a boat in the harbour"
    expected = (
        "'harbour' and 'boat' stand in the right document only after character 100, where the model stops reading"
    )
    found = mode_of("boat in the harbour", right, "A boat to rent", read_ends={right: 100})
    assert found == (FailureMode.CUT_OFF, expected)
    assert mode_of("boat in the harbour", right, "A boat to rent")[0] is FailureMode.RARE


def test_a_winner_with_all_words_that_nobody_judged_is_a_likely_answer_unless_it_is_a_stated_negative() -> None:
    queries, documents = lost_to("boat hire harbour", RIGHT, "Boat hire: harbour")
    found = classify_failures(queries, documents)
    assert found.modes[0] is FailureMode.UNJUDGED
    assert found.evidence[0] == "'d40' has 'hire', 'boat' and 'harbour' of the query"
    stated = replace(queries, wrong_type=("mined", *queries.wrong_type[1:]))
    assert classify_failures(stated, documents).modes[0] is FailureMode.LURE


def test_a_winner_in_the_script_of_the_query_beats_a_right_document_in_another() -> None:
    mode, evidence = mode_of("лодка на прокат", "A boat to rent", "лодка")
    assert (mode, evidence) == (FailureMode.LANGUAGE, "query and winner are Cyrillic, the right document is Latin")


def test_a_pack_reads_that_the_winner_contradicts_one_value_and_meets_another() -> None:
    query, right = "phòng trọ quận 10 giá 5 triệu", "Phòng trọ Quận 10, giá 5 triệu"
    mode, evidence = mode_of(query, right, "Phòng trọ Quận 10, giá 9 triệu", attributes=PACK)
    assert (mode, evidence) == (FailureMode.VALUE, "the winner states another price than the query")


def test_a_relevant_document_near_the_top_is_said_where_there_are_several() -> None:
    queries, documents = lost_to("boat", RIGHT, "The boat")
    several = replace(queries, n_relevant=np.array([3, *queries.n_relevant[1:]]))
    found = classify_failures(several, documents)
    assert (found.modes[0], found.evidence[0]) == (FailureMode.SEVERAL, "3 relevant documents, the first at rank 2")


def test_chance_is_how_many_would_have_a_mode_with_the_winners_of_others() -> None:
    """Forty lost queries, each a number away from its winner, and a winner of another query is so too."""
    queries, documents = lost(40)
    numbers = range(100, 140)
    texts = (*(f"room {n} with garden" for n in numbers), *(f"room {n}{n} with garden" for n in numbers))
    asked = replace(queries, texts=tuple(f"room {n}" for n in numbers))
    found = classify_failures(asked, replace(documents, texts=texts))
    assert found.counts() == {FailureMode.NUMBER: 40}
    assert found.chance[FailureMode.NUMBER] == 40
