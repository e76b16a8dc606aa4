"""What is wrong and what to do, as the terminal says it: the short list, or every finding with its rows."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from embedscope.findings import Diagnosis, Findings, QueryTable
from embedscope.terminal.layout import Hanging, heading, shorten

N_SHORT = 5
"""Findings of the short list; ``--findings`` prints all."""

N_ROWS = 5
"""Rows shown of each finding under ``--findings``."""


def print_failure_modes(findings: Findings, results: Console) -> None:
    """How many queries fail for which reason, in the order in which the reasons are asked for."""
    if not findings.failure_modes:
        return
    n_failed = sum(findings.failure_modes.values())
    heading(results, f"Why {n_failed:,} of {len(findings.queries.ids):,} queries are not right at rank 1")
    width = max(len(f"{n:,}") for n in findings.failure_modes.values())
    for mode, n in findings.failure_modes.items():
        results.print(f"  {n:>{width},}  {mode}")


def print_diagnoses(findings: Findings, results: Console, *, has_evidence: bool) -> None:
    """The findings, the one whose mending gains most first; nothing where there are none."""
    found = findings.diagnoses
    if not found:
        if has_evidence:
            heading(results, "No findings")
        return
    heading(results, "What is wrong and what to do, the greatest gain first")
    shown = found if has_evidence else found[:N_SHORT]
    for place, diagnosis in enumerate(shown, start=1):
        lead = f"  {place}. "
        results.print(Hanging(lead, f"{diagnosis.title} [{diagnosis.severity.value}: {diagnosis.code}]"))
        results.print(Hanging(" " * len(lead) + "-> ", diagnosis.action))
        if has_evidence:
            _print_evidence(diagnosis, findings, results, " " * len(lead))
    if len(found) > len(shown):
        results.print(f"  ... and {len(found) - len(shown)} more; --findings prints all, with the rows that show them")


def _print_evidence(diagnosis: Diagnosis, findings: Findings, results: Console, indent: str) -> None:
    results.print(Hanging(indent, Text(effect_line(diagnosis), "dim")))
    shown = diagnosis.documents or tuple(findings.queries.wrong_document[list(diagnosis.rows)].tolist())
    for row, document in zip(diagnosis.rows[:N_ROWS], shown, strict=False):
        for lead, text in _row_lines(row, document, findings):
            line = shorten(text, results.width - len(indent) - len(lead) - 2)
            results.print(Text.assemble(indent, lead, "  ", line), soft_wrap=True)
    if len(diagnosis.rows) > N_ROWS:
        results.print(f"{indent}... and {len(diagnosis.rows) - N_ROWS} more rows in report.json", soft_wrap=True)


def effect_line(diagnosis: Diagnosis) -> str:
    """The effect of a finding with its interval and the number of units behind it."""
    if diagnosis.effect is None:
        return f"on {diagnosis.n:,}"
    ends = "" if diagnosis.low is None or diagnosis.high is None else f" [{diagnosis.low:.3f}, {diagnosis.high:.3f}]"
    return f"effect {diagnosis.effect:.3f}{ends} on {diagnosis.n:,}"


def _row_lines(row: int, wrong: int, findings: Findings) -> Iterator[tuple[str, str]]:
    """A query with its best positive and the document that shows the fault."""
    q, texts = findings.queries, findings.documents.texts
    yield f"row {row}, rank {q.rank[row]:g}:", q.texts[row]
    yield f"  ✓ {q.positive_similarity[row]:.3f}", texts[_best_positive(q, row)]
    if wrong >= 0 and wrong not in q.relevant_documents[q.relevant_indptr[row] : q.relevant_indptr[row + 1]]:
        score, kind = _score_of(q, row, wrong)
        yield f"  ✗ {score}{kind}", texts[wrong]


def _score_of(q: QueryTable, row: int, document: int) -> tuple[str, str]:
    """The similarity of a wrong document and, where it is a stated hard negative, its types in brackets."""
    for place in range(int(q.negative_indptr[row]), int(q.negative_indptr[row + 1])):
        if q.negative_documents[place] == document:
            kinds = " + ".join(q.negative_types[place])
            return f"{q.negative_scores[place]:.3f}", f" ({kinds})" if kinds else ""
    known = q.wrong_document[row] == document
    return (f"{q.wrong_similarity[row]:.3f}" if known else "", "")


def _best_positive(q: QueryTable, row: int) -> int:
    start, end = int(q.relevant_indptr[row]), int(q.relevant_indptr[row + 1])
    return int(q.relevant_documents[start + int(q.relevant_scores[start:end].argmax())])
