"""What several checks need of the rows: made when it is asked for, and the same as lists of it would be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.audit import Subject
from embedscope.audit.faults import N_EXAMPLES
from embedscope.audit.groups import Groups
from embedscope.audit.label_checks import _answering_negatives, _positive_as_negative
from embedscope.audit.raw_rows import RawRows, read_rows
from embedscope.data.collection import Negative, Row, excerpt
from embedscope.diagnose.second_opinion import answers_as_well


def test_groups_give_the_lists_that_they_are_made_of() -> None:
    generator = np.random.default_rng(0)
    for n in (0, 1, 30):
        groups, members = generator.integers(0, 7, n), generator.integers(0, 100, n)
        expected = [members[groups == g].tolist() for g in range(7)]
        found = Groups.by(groups, members, 7)
        assert list(found) == expected
        assert found[2:5] == expected[2:5]
    with pytest.raises(IndexError):
        Groups.none()[0]


def test_the_hard_negatives_stand_in_file_order_by_place_as_in_turn() -> None:
    rows = tuple(Row("q", ("p",), tuple(Negative(f"{i} {j}") for j in range(i % 3)), i + 1) for i in range(8))
    stated = Subject(RawRows("test", "row", rows)).stated
    texts = [negative.text for row in rows for negative in row.negatives]
    assert [one.negative.text for one in stated] == texts
    assert [stated[place] for place in range(len(stated))] == list(stated)
    assert [one.place for one in stated[1:4]] == [1, 2, 3]


def test_a_negative_is_a_positive_of_its_query_whichever_row_says_so() -> None:
    rows = tuple(Row("q", (f"The answer {i}.",), (Negative(f"the ANSWER {(i + 1) % 20}"),), i + 1) for i in range(20))
    rows = (*rows, Row("other", ("alone",), (Negative("alone"), Negative("Alone!"), Negative("another")), 21))
    found = Subject(RawRows("test", "row", rows)).same_as_positives
    differs = " but for case, punctuation, white space or Unicode form"
    assert found == (*[differs] * 20, "", differs, None)


def test_texts_under_the_label_0_are_compared_as_often_as_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    n_compared = 0

    def counted(*given: Any) -> bool:
        nonlocal n_compared
        n_compared += 1
        return answers_as_well(*given)

    monkeypatch.setattr("embedscope.audit.label_checks.answers_as_well", counted)
    found = []
    for n in (50, 200):
        rows: list[Row] = []
        for query in (f"quiet room near the old station {name}" for name in ("east", "west", "north")):
            texts = [f"{query} with a {place} and number {i}" for i in range(n) for place in ("garden", "river")]
            rows += [Row(query, (text,), (), len(rows) + i) for i, text in enumerate(texts, start=1)]
            rows += [Row(query, (), (Negative(f"{query} by {i}"),), len(rows) + i) for i in range(1, n + 1)]
        n_compared = 0
        (fault,) = _answering_negatives(Subject(RawRows("test", "line", tuple(rows))))
        assert fault.finding.code == "negative-answers-query"
        found.append(n_compared)
    assert found == [150, 600]


def test_of_many_faulty_rows_only_the_examples_that_are_shown_are_worded(monkeypatch: pytest.MonkeyPatch) -> None:
    n_worded = 0

    def counted(text: str, limit: int = 60) -> str:
        nonlocal n_worded
        n_worded += 1
        return excerpt(text, limit)

    monkeypatch.setattr("embedscope.audit.label_checks.excerpt", counted)
    rows = tuple(Row(f"q {i}", (f"the answer {i}",), (Negative(f"The answer {i}"),), i + 1) for i in range(100))
    subject = Subject(RawRows("test", "row", rows))
    (first,) = _positive_as_negative(subject)
    assert len(first.finding.rows) == 100
    assert len(first.examples) == N_EXAMPLES
    assert first.examples[3].startswith("row 4: 'q 3' has 'The answer 3' as positive and as hard negative but for case")
    assert n_worded == 2 * N_EXAMPLES


def test_a_portion_keeps_what_its_records_state_beside_their_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    records = [{"query": f"q {i}", "pos": [f"p {i}"], "topic": f"t {i}"} for i in range(10)]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    whole = read_rows(file, with_records=False)
    part = read_rows(file, split="last:4", with_records=False)
    assert part.rows == whole.rows[6:]
    assert part.rest == whole.rest[6:]
    assert part.first_records == tuple(records[6:9])
    assert whole.first_records == tuple(records[:3])
    kept = read_rows(file, split="last:4").source
    assert kept is not None
    assert list(kept.records) == [7, 8, 9, 10]
