"""What is wrong and what to do (the short list, or every finding with its rows), and queries worth looking at."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Hanging, heading, shorten
from embedscope.result import Example, Finding, QueryTable, Result, Scored
from embedscope.result.formatting import number, rank_name, with_interval

N_SHORT = 5
"""Findings of the list under ``--verbose``; ``--findings`` prints all."""

N_ROWS = 5
"""Rows shown of each finding under ``--findings``."""


def print_failure_modes(result: Result, results: Console) -> None:
    """How many queries fail for which reason, in the order in which the reasons are asked for."""
    if not result.failure_modes:
        return
    n_failed = sum(result.failure_modes.values())
    heading(results, f"Why {n_failed:,} of {len(result.queries.ids):,} queries are not right at rank 1")
    width = max(len(f"{n:,}") for n in result.failure_modes.values())
    for mode, n in result.failure_modes.items():
        results.print(f"  {n:>{width},}  {mode}")


def print_findings(result: Result, results: Console, *, has_evidence: bool) -> None:
    """The findings, the one whose fix gains most first; nothing where there are none."""
    found = result.findings
    if not found:
        if has_evidence:
            heading(results, "No findings")
        return
    heading(results, "What is wrong and what to do, the greatest gain first")
    shown = found if has_evidence else found[:N_SHORT]
    for place, finding in enumerate(shown, start=1):
        lead = f"  {place}. "
        results.print(Hanging(lead, f"{finding.title} [{finding.severity.value}: {finding.code}]"))
        results.print(Hanging(" " * len(lead) + "-> ", finding.action))
        if has_evidence:
            _print_evidence(finding, result, results, " " * len(lead))
    if len(found) > len(shown):
        results.print(f"  ... and {len(found) - len(shown)} more; --findings prints all, with the rows that show them")


def _print_evidence(finding: Finding, result: Result, results: Console, indent: str) -> None:
    results.print(Hanging(indent, Text(effect_line(finding), "dim")))
    shown = finding.documents or tuple(result.queries.wrong_document[list(finding.rows)].tolist())
    for row, document in zip(finding.rows[:N_ROWS], shown, strict=False):
        for lead, text in _row_lines(row, document, result):
            line = shorten(text, results.width - len(indent) - len(lead) - 2)
            results.print(f"{indent}{lead}  ", line, sep="", soft_wrap=True)
    if len(finding.rows) > N_ROWS:
        results.print(f"{indent}... and {len(finding.rows) - N_ROWS} more rows in report.json", soft_wrap=True)


def effect_line(finding: Finding) -> str:
    """The effect of a finding with its interval and the number of units behind it."""
    if finding.effect is None:
        return f"on {finding.n:,}"
    return f"{with_interval(f'effect {number(finding.effect, 3)}', finding, 3)} on {finding.n:,}"


def _row_lines(row: int, wrong: int, result: Result) -> Iterator[tuple[str, str]]:
    """A query with its best positive and the document that shows the fault."""
    q, texts = result.queries, result.documents.texts
    yield f"row {row}, rank {rank_name(q.rank[row])}:", q.texts[row]
    if q.failure_evidence and q.failure_evidence[row]:
        yield f"  {q.failure_modes[row]}:", q.failure_evidence[row]
    yield f"  ✓ {number(q.positive_similarity[row], 3)}", texts[q.best_relevant(row)]
    if wrong >= 0 and wrong not in q.relevant_documents[q.relevant_of(row)]:
        score, kind = _score_of(q, row, wrong)
        yield f"  ✗ {score}{kind}", texts[wrong]


def _score_of(q: QueryTable, row: int, document: int) -> tuple[str, str]:
    """The similarity of a wrong document and, where it is a stated hard negative, its types in brackets."""
    for place in q.negatives_of(row):
        if q.negative_documents[place] == document:
            kinds = " + ".join(q.negative_types[place])
            return number(q.negative_scores[place], 3), f" ({kinds})" if kinds else ""
    return (number(q.wrong_similarity[row], 3) if q.wrong_document[row] == document else "", "")


def print_example(example: Example, run: Scored, results: Console) -> None:
    """A query with its positives and hard negatives, scores and margin."""
    q, row = run.queries, example.query
    results.print()
    rank = f", rank of the first relevant document: {rank_name(q.rank[row])}"
    results.print(Text.assemble((example.kind.value.capitalize(), "bold"), rank))
    results.print(Hanging("  ", shorten(q.texts[row], results.width - 2)))
    for place in q.relevant_of(row):
        text = run.documents.texts[q.relevant_documents[place]]
        _print_scored("✓", "green", q.relevant_scores[place], text, "", results)
    for place in q.negatives_of(row):
        text, kinds = run.documents.texts[q.negative_documents[place]], " + ".join(q.negative_types[place])
        _print_scored("✗", "red", q.negative_scores[place], text, f" ({kinds})" if kinds else "", results)
    if not math.isnan(q.margin[row]):
        results.print(Hanging("  ", f"margin to the best hard negative: {number(q.margin[row], sign=True)}"))


def _print_scored(mark: str, style: str, score: float, text: str, label: str, results: Console) -> None:
    lead = f"  {mark} {number(score)}  "
    shown = shorten(text, results.width - len(lead) - len(label))
    results.print(Text.assemble((f"  {mark} ", style), f"{number(score)}  ", shown, label), soft_wrap=True)
