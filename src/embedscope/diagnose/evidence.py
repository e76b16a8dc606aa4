"""From measured faults to findings in order: what a fault costs decides which is read first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.protocols import BoolArray, IntArray
from embedscope.result import Estimate, Finding, QueryTable, Severity

METRIC = "MRR"
"""What findings about a model are ordered by."""

MAX_ROWS = 1_000
"""Rows kept in a finding, the worst first; the count is in ``n`` and ``effect``."""

LEAST_CASES = 5
"""Violations of a type, or queries of a failure mode, below which they are everyday noise and no finding."""

_SEVERE, _MARKED = 0.3, 0.1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finding and what it is ordered by.

    ``gain`` of a model's finding is an estimate of the MRR that correcting it could win at most, on this test set: the
    sum of ``1 - RR`` over the queries that it explains, divided by all queries. An audit measures no model; there it is
    the share of the rows or pairs concerned.
    """

    finding: Finding
    gain: float


def ordered(candidates: Iterable[Candidate]) -> tuple[Finding, ...]:
    """The findings, the one whose correction gains most first; equal gains by severity, then code."""
    ranks = {severity: place for place, severity in enumerate(Severity)}
    by_gain = sorted(candidates, key=lambda c: (-c.gain, ranks[c.finding.severity], c.finding.code))
    return tuple(candidate.finding for candidate in by_gain)


def missing_rank(queries: QueryTable, rows: BoolArray | IntArray) -> float:
    """What putting the relevant documents of these queries first would add to the MRR: ``sum (1 - RR) / Q``."""
    return float((1 - queries.values[METRIC][rows]).sum()) / max(len(queries.texts), 1)


def candidate(
    code: str,
    title: str,
    severity: Severity,
    effect: Estimate,
    action: str,
    *,
    gain: float,
    n: int,
    rows: Sequence[int] | IntArray = (),
    documents: IntArray | None = None,
) -> Candidate:
    """The finding with its first :data:`MAX_ROWS` different rows, and for each the document that shows the fault.

    Parameters
    ----------
    n : int
        What the effect was measured on.
    rows : sequence or ndarray of shape (F,), int64
        Rows of the query table, or of the data file in an audit, the worst first.
    documents : ndarray of shape (F,), int64, optional
        A document for each row.
    """
    listed = [int(row) for row in rows]
    shown = tuple(dict.fromkeys(listed))[:MAX_ROWS]
    first: dict[int, int] = {}
    if documents is not None:
        for row, document in zip(listed, documents.tolist(), strict=True):
            first.setdefault(row, document)
    finding = Finding(
        code=code,
        title=title,
        severity=severity,
        n=n,
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        rows=shown,
        action=action,
        documents=tuple(first[row] for row in shown) if first else (),
    )
    return Candidate(finding, gain)


def query_candidate(
    code: str,
    title: str,
    severity: Severity,
    effect: Estimate,
    action: str,
    queries: QueryTable,
    rows: IntArray,
    gain: float,
) -> Candidate:
    """The finding on these of all queries, those of the worst rank first, with the documents that won them."""
    worst = rows[np.argsort(-queries.rank[rows], kind="stable")]
    wrong = queries.wrong_document[worst]
    return candidate(
        code, title, severity, effect, action, gain=gain, n=len(queries.texts), rows=worst, documents=wrong
    )


def severity_of(size: float) -> Severity:
    """How much a fault of this size matters."""
    if size >= _SEVERE:
        return Severity.HIGH
    return Severity.MEDIUM if size >= _MARKED else Severity.LOW
