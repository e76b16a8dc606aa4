"""From measured faults to findings in order: what a fault costs decides which is read first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from embedscope.result import Finding, Severity

MAX_ROWS = 1_000
"""Rows kept in a finding, the worst first; the count is in ``n`` and ``effect``."""


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
