"""The checklist, and the verdict with its reasons."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Hanging, heading, table
from embedscope.result import Check, Outcome, Verdict, VerdictOutcome
from embedscope.result.formatting import interval, number

MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNDECIDED: "?", Outcome.NOT_COMPUTABLE: "–"}
OUTCOME_STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.UNDECIDED: "yellow",
    Outcome.NOT_COMPUTABLE: "dim",
}
VERDICT_STYLES = {
    VerdictOutcome.DEPLOY: "bold green",
    VerdictOutcome.RETRAIN: "bold red",
    VerdictOutcome.UNDECIDED: "bold yellow",
    VerdictOutcome.UNFIT: "bold magenta",
}

N_REASONS = 8
"""Reasons printed; the rest stand in report.json."""


def print_checklist(checks: Sequence[Check], results: Console) -> None:
    """Each check with its value, its interval, what is needed, and its outcome."""
    heading(results, "Checklist")
    made = table(["  ", "check", "value", "95 % interval", "needed", "outcome"], texts=["  ", "check", "outcome"])
    for column in (0, 4, 5):
        made.columns[column].no_wrap = True
        made.columns[column].justify = "left"
    for check in checks:
        style = OUTCOME_STYLES[check.outcome]
        made.add_row(
            Text("  " + MARKS[check.outcome], style=style),
            Text(check.title + ("" if check.gating else " (advisory)")),
            number(check.value),
            interval(check),
            f"{check.direction} {check.threshold:g}",
            Text(check.outcome.value, style=style),
        )
    results.print(made)


def print_verdict(verdict: Verdict, results: Console) -> None:
    """The word, the sentence that says why, the other reasons."""
    results.print()
    word = Text(verdict.outcome.value.upper(), style=VERDICT_STYLES[verdict.outcome])
    results.print(Text.assemble("Verdict: ", word, f" (profile {verdict.profile})"))
    reasons = verdict.reasons
    for reason in reasons[:N_REASONS]:
        results.print(Hanging("  - ", reason))
    if len(reasons) > N_REASONS:
        results.print(Hanging("  ", f"... and {len(reasons) - N_REASONS} more in report.json"))
