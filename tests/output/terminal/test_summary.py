"""What a run says on one screen: 24 lines of 100 columns with the line before it, the verdict last."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console
from tests.support import tiny_run as tiny

from embedscope.output.terminal.summary import print_summary
from embedscope.result import Result, VerdictOutcome

LONG = "in 12 % of the queries " + "something is wrong that takes many words to say, " * 6


def said(result: Result, width: int = 100) -> list[str]:
    file = io.StringIO()
    print_summary(result, Console(file=file, width=width, highlight=False))
    return file.getvalue().splitlines()


def crowded() -> Result:
    """Nine findings and as many reasons, each longer than three lines."""
    result = tiny.result()
    finding = replace(result.findings[0], title=LONG, action=LONG)
    verdict = replace(result.verdict, outcome=VerdictOutcome.RETRAIN, reasons=(LONG,) * 9)
    return replace(result, findings=(finding,) * 9, verdict=verdict)


def test_the_fullest_run_fits_one_screen_with_what_is_said_before_and_after_it() -> None:
    lines = said(crowded())
    assert len(lines) <= 24 - 2  # where the files are, and how long it took
    assert max(map(len, lines)) <= 100


def test_the_verdict_and_its_reasons_come_last() -> None:
    lines = said(crowded())
    (place,) = [row for row, line in enumerate(lines) if line.startswith("Verdict: RETRAIN")]
    assert place >= len(lines) - 7
    assert lines[-1].strip() == "... and 6 more in report.json"


def test_the_three_findings_that_gain_most_stand_there_with_what_to_do() -> None:
    lines = said(crowded())
    (place,) = [row for row, line in enumerate(lines) if line.endswith("(3 of 9: --findings)")]
    starts = [line[:7] for line in lines[place + 1 : place + 7]]
    assert starts == ["  1. in", "     ->", "  2. in", "     ->", "  3. in", "     ->"]


def test_metrics_stand_beside_their_intervals_and_baselines() -> None:
    result = tiny.result()
    mrr = next(line for line in said(result) if line.startswith("  MRR "))
    assert f"{result.metrics['MRR'].value:.4f}" in mrr


def test_a_run_without_findings_has_no_heading_for_them() -> None:
    assert not any("What is wrong" in line for line in said(replace(tiny.result(), findings=())))
