"""From measured faults to findings in order: what a fault costs decides which is read first."""

from __future__ import annotations

from collections.abc import Iterable
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
    return tuple(
        candidate.finding
        for candidate in sorted(candidates, key=lambda c: (-c.gain, ranks[c.finding.severity], c.finding.code))
    )


def some_rows(rows: Iterable[int]) -> tuple[int, ...]:
    """The first :data:`MAX_ROWS` different rows."""
    return tuple(dict.fromkeys(int(row) for row in rows))[:MAX_ROWS]


def missing_rank(queries: QueryTable, rows: BoolArray | IntArray) -> float:
    """What putting the relevant documents of these queries first would add to the MRR: ``sum (1 - RR) / Q``."""
    return float((1 - queries.values[METRIC][rows]).sum()) / max(len(queries.texts), 1)


def worst_first(queries: QueryTable, rows: IntArray) -> IntArray:
    """The rows, those of the worst rank first."""
    return rows[np.argsort(-queries.rank[rows], kind="stable")]


def query_finding(code: str, title: str, effect: Estimate, action: str, queries: QueryTable, rows: IntArray) -> Finding:
    """The finding on these of all queries, with the documents that won them."""
    worst = worst_first(queries, rows)
    return finding_of(
        code,
        title,
        severity_of(size_of(effect)),
        effect,
        action,
        n=len(queries.texts),
        rows=worst,
        documents=queries.wrong_document[worst],
    )


def finding_of(
    code: str,
    title: str,
    severity: Severity,
    effect: Estimate,
    action: str,
    *,
    n: int,
    rows: IntArray | None = None,
    documents: IntArray | None = None,
) -> Finding:
    """The finding with its first :data:`MAX_ROWS` different rows, and for each the document that shows the fault.

    Parameters
    ----------
    n : int
        What the effect was measured on.
    rows : ndarray of shape (F,), int64, optional
        Rows of the query table, the worst first.
    documents : ndarray of shape (F,), int64, optional
        A document for each row.
    """
    listed = [] if rows is None else rows.tolist()
    shown = some_rows(listed)
    first: dict[int, int] = {}
    for row, document in zip(listed, [] if documents is None else documents.tolist(), strict=documents is not None):
        first.setdefault(row, document)
    return Finding(
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


def size_of(effect: Estimate) -> float:
    """The value of an effect; 0 where it could not be measured."""
    return 0.0 if effect.value is None else effect.value


def severity_of(size: float) -> Severity:
    """How much a fault of this size matters."""
    if size >= _SEVERE:
        return Severity.HIGH
    return Severity.MEDIUM if size >= _MARKED else Severity.LOW
