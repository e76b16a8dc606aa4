"""A fault of a data set: the finding, and what a person reads to believe it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.diagnose.evidence import Candidate, Estimate, share, some_rows
from embedscope.protocols import IntArray
from embedscope.result import Finding, Severity

N_EXAMPLES = 10
_GAIN = {Severity.HIGH: 1.0, Severity.MEDIUM: 0.3, Severity.LOW: 0.05}
"""What a faulty row costs: a wrong label trains and tests the opposite, an untidy one wastes a little."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding of the audit; ``examples`` are lines that begin with the row's number."""

    candidate: Candidate
    examples: tuple[str, ...]

    @property
    def finding(self) -> Finding:
        """What report.json lists under ``findings``; its rows are rows of the data file, counted from 1."""
        return self.candidate.finding


@dataclass(frozen=True, slots=True)
class Hit:
    """One faulty unit (a row, or a hard negative of it): its place among the units, the row's number, an example."""

    unit: int
    row: int
    example: str


def fault(
    code: str,
    title: str,
    severity: Severity,
    hits: Sequence[Hit],
    clusters: IntArray,
    *,
    n_rows: int,
    action: str,
) -> Fault:
    """The fault that ``hits`` among the units of ``clusters`` are; its effect is their share.

    Faults are ordered by one scale whatever their units are: the share of all rows that they concern, times what a
    faulty row costs (1 for high, 0.3 for medium, 0.05 for low severity).

    Parameters
    ----------
    code, title, action
        As :class:`~embedscope.result.Diagnosis` has them.
    hits : sequence of Hit, the worst first
    clusters : ndarray of shape (n_units,), int64
        Units of one cluster are one observation.
    n_rows : int
        Rows of the file.
    """
    flags = np.zeros(len(clusters), dtype=bool)
    flags[[hit.unit for hit in hits]] = True
    found = share(flags, clusters)
    rows = [hit.row for hit in hits]
    share_of_rows = len(set(rows)) / max(n_rows, 1)
    return _made(
        code, title, severity, found, len(clusters), rows, share_of_rows, action, [hit.example for hit in hits]
    )


def whole_fault(code: str, title: str, severity: Severity, *, n: int, effect: Estimate, action: str) -> Fault:
    """A fault of the file as a whole, with no row to point at: it concerns all of them."""
    return _made(code, title, severity, effect, n, [], 1.0, action, [])


def _made(
    code: str,
    title: str,
    severity: Severity,
    found: Estimate,
    n: int,
    rows: Iterable[int],
    share_of_rows: float,
    action: str,
    examples: Sequence[str],
) -> Fault:
    finding = Finding(
        code=code,
        title=title,
        severity=severity,
        n=n,
        effect=found.value,
        low=found.low,
        high=found.high,
        rows=some_rows(rows),
        action=action,
    )
    return Fault(Candidate(finding, share_of_rows * _GAIN[severity]), tuple(examples[:N_EXAMPLES]))


def counted(n: int, one: str, many: str) -> str:
    """A count with its noun: "1 row", "1,480 rows"."""
    return f"{n:,} {one if n == 1 else many}"
