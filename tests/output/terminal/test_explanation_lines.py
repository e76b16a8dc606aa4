"""The lines on the words that decide: shares, words by place, and what one word does to the worst failure."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from tests.support import tiny_run as tiny

from embedscope.output.terminal.explanation_lines import print_explanations
from embedscope.result import DecidingWord, Deletion, Estimate, Explanation, Explanations, TextRole

BEST = Deletion(TextRole.WRONG, 16, 18, 0.25, True)  # the last word of document 3, of two letters
WORST = Explanation(1, 1, 3, -0.2, 0.01, BEST, ("nhà", "3"), (BEST,))
MILD = Explanation(2, 5, 4, -0.1, 0.01, None, ("3",), ())
FOUND = Explanations(
    n_failures=9,
    n_texts=40,
    one_word=Estimate(0.5, 0.25, 0.75),
    deciding=(DecidingWord("2", TextRole.WRONG, 4), DecidingWord("gan", TextRole.QUERY, 1)),
    failures=(MILD, WORST),
    pairs=(),
    limit="as asked for",
)


def said(found: Explanations | None) -> str:
    file = io.StringIO()
    print_explanations(replace(tiny.result(), explanations=found), Console(file=file, width=100, highlight=False))
    return file.getvalue()


def test_shares_words_and_the_worst_failure_are_said() -> None:
    lines = [line.strip() for line in said(FOUND).splitlines() if line.strip()]
    word = "nhà nguyên căn, 2 tầng"[16:18]
    assert lines == [
        "Which words decide: 2 of 9 failures looked at",
        "Leaving out one word puts the right document first in 50.0 % [25.0, 75.0] of them",
        "decide most often: '2' in the winner (4)",
        "not seen in queries: '3' (2), 'nhà' (1)",
        "worst: thuê nhà 3 tầng",
        f"leaving out '{word}' from the winner puts the right document first",
    ]


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        (None, "leaving out no word helps the right document"),
        (
            Deletion(TextRole.QUERY, 0, 4, 0.15, False),
            "'thuê' from the query helps most: the right document is then 0.050",
        ),
        (Deletion(TextRole.QUERY, 0, 4, 0.3, False), "puts the right document ahead of the winner, not of all others"),
    ],
)
def test_what_the_best_word_does_not_reach_is_said(best: Deletion | None, expected: str) -> None:
    found = replace(FOUND, failures=(replace(WORST, best=best),))
    assert expected in said(found)


def test_nothing_is_said_where_nothing_was_looked_at() -> None:
    assert said(None) == said(replace(FOUND, failures=())) == ""
