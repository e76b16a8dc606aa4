"""What a run says on one screen: how good, what to do, the checks, the verdict. ``--verbose`` prints the tables."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Hanging, heading, print_columns, shorten
from embedscope.output.terminal.run_tables import own_columns, ranking_title
from embedscope.output.terminal.verdict_lines import VERDICT_STYLES
from embedscope.result import Outcome, Result

METRICS = ("MRR", "Success@1", "nDCG@10")
N_FINDINGS = 3
N_REASONS = 3


def print_summary(result: Result, results: Console) -> None:
    """At most 24 lines of 100 columns, the verdict last."""
    heading(results, ranking_title(result))
    names = [name for name in METRICS if name in result.metrics]
    print_columns(names, *own_columns(result, names), results=results)
    _print_findings(result, results)
    _print_checks(result, results)
    _print_verdict(result, results)


def _print_findings(result: Result, results: Console) -> None:
    """What to do first, two lines each."""
    found = result.findings
    if not found:
        return
    more = f" ({N_FINDINGS} of {len(found)}: --findings)" if len(found) > N_FINDINGS else ""
    heading(results, f"What is wrong and what to do, the greatest gain first{more}")
    for place, finding in enumerate(found[:N_FINDINGS], start=1):
        for lead, text in ((f"  {place}. ", finding.title), ("     -> ", finding.action)):
            results.print(lead, shorten(text, results.width - len(lead)), sep="", soft_wrap=True)


def _print_checks(result: Result, results: Console) -> None:
    """How many checks have which outcome; those that decide are among the reasons of the verdict."""
    counts = Counter(check.outcome for check in result.checklist)
    said = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    results.print(f"Checks: {said} (--verbose)", style="bold")


def _print_verdict(result: Result, results: Console) -> None:
    """The word, and the first reasons."""
    verdict = result.verdict
    results.print()
    word = Text(verdict.outcome.value.upper(), style=VERDICT_STYLES[verdict.outcome])
    results.print(Text.assemble("Verdict: ", word, f" (profile {verdict.profile})"))
    reasons = verdict.reasons
    results.print(Hanging("  - ", shorten(reasons[0], 3 * (results.width - 6))))
    for reason in reasons[1:N_REASONS]:
        results.print("  - ", shorten(reason, results.width - 4), sep="", soft_wrap=True)
    if len(reasons) > N_REASONS:
        results.print(f"    ... and {len(reasons) - N_REASONS} more in report.json", soft_wrap=True)
