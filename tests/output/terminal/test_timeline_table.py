"""A training on the terminal: which epochs stand in the table of types, and how the course ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tiny_run import timeline

from embedscope.output.terminal import Terminal
from embedscope.output.terminal.timeline_table import N_EPOCHS, chosen_epochs
from embedscope.result import Comparison


def said(capsys: pytest.CaptureFixture[str], **changes: object) -> str:
    Terminal().timeline(replace(timeline()[0], **changes))  # type: ignore[arg-type]
    return " ".join(capsys.readouterr().out.split())


@given(st.integers(2, 200), st.data())
def test_the_first_the_best_and_the_last_epoch_are_among_those_chosen(n: int, data: st.DataObject) -> None:
    best = data.draw(st.integers(0, n - 1))
    chosen = chosen_epochs(n, best)
    assert {0, best, n - 1} <= set(chosen) <= set(range(n))
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(n, N_EPOCHS)


def test_each_checkpoint_has_a_row_with_what_came_right_and_went_wrong_since_the_one_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal().timeline(timeline()[0])
    rows = [line.split() for line in capsys.readouterr().out.split("\n") if line.startswith(("  1 ", "  2 ", "  3 "))]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [row[-4:-2] for row in rows[1:]] == [["1", "0"], ["0", "1"]]


def test_over_fitting_is_said_and_so_is_a_fall_within_chance_and_a_course_that_still_rises(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "Over-fitting: it was better" in said(capsys, over_fitting="over-fitting: it was better")
    fall = Comparison("c", "b", "MRR", -0.01, -0.03, 0.01, 0.4, 0.8, None, 1, 2, 3)
    words = said(capsys, over_fitting=None, since_best=fall)
    assert "MRR is best after epoch 2; after epoch 3 it differs by -0.0100, which is not more than chance" in words
    assert "nothing shows over-fitting" in said(capsys, over_fitting=None, since_best=None, best=2)


def test_without_hard_negatives_nothing_is_said_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Hard negatives" in said(capsys)
    assert "Hard negatives" not in said(capsys, violation_rates={})
