"""A fault of a data set: the finding, and what a person reads to believe it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.audit.subject import Stated, Subject
from embedscope.diagnose.evidence import Candidate, candidate
from embedscope.result import Estimate, Finding, Severity
from embedscope.stats.resampler import Resampler

N_EXAMPLES = 10
GAIN = {Severity.HIGH: 1.0, Severity.MEDIUM: 0.3, Severity.LOW: 0.05}
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
    """One faulty unit (a row, or a hard negative of it): its place among the units, the row's number, an example.

    ``said`` is the example, or gives it for the unit: of a million hits ten are shown, and the lines of all would take
    more memory than the texts. An empty one shows the row's number alone.
    """

    unit: int
    row: int
    said: str | Callable[[int], str]

    @property
    def example(self) -> str:
        """What is shown beside the row's number."""
        return self.said if isinstance(self.said, str) else self.said(self.unit)


def hit(subject: Subject, place: int, said: str | Callable[[int], str], *, unit: int | None = None) -> Hit:
    """A hit in the row at ``place``; ``unit`` is the place of the faulty unit where that is not the row itself."""
    return Hit(place if unit is None else unit, int(subject.numbers[place]), said)


def compared_hit(subject: Subject, query: int, example: str) -> Hit:
    """A hit of a compared query, for :attr:`Subject.compared_resampler`: its first row shows it."""
    unit = int(np.searchsorted(subject.compared, query)) if subject.is_sampled else None
    return hit(subject, int(subject.units[query]), example, unit=unit)


def hits_of(
    subject: Subject, stated: Sequence[Stated], is_hit: Callable[[Stated], bool], say: Callable[[Stated], str]
) -> list[Hit]:
    """Hard negatives that are hit; ``say`` gives the example of one."""

    def said(unit: int) -> str:
        return say(stated[unit])

    return [hit(subject, one.row, said, unit=unit) for unit, one in enumerate(stated) if is_hit(one)]


def fault(
    subject: Subject,
    code: str,
    title: str,
    severity: Severity,
    hits: Sequence[Hit],
    *,
    action: str,
    units: Resampler | None = None,
    of: int | None = None,
) -> Fault:
    """The fault that ``hits`` among the units are; its effect is their share.

    Faults are ordered by one scale whatever their units are: the share of all rows that they concern, times what a
    faulty row costs (1 for high, 0.3 for medium, 0.05 for low severity). ``hits`` stand the worst first; ``units`` is
    the resampler of the units where these are not the rows, ``of`` how many rows were looked at where not all were.
    """
    units = subject.resampler if units is None else units
    rows = [one.row for one in hits]
    gain = GAIN[severity] * len(set(rows)) / max(len(subject.rows) if of is None else of, 1)
    found = candidate(code, title, severity, share_of(hits, units), action, gain=gain, n=len(units.clusters), rows=rows)
    return Fault(found, _examples(subject, hits))


def fact(subject: Subject, code: str, title: str, severity: Severity, hits: Sequence[Hit], *, action: str) -> Fault:
    """The fault that ``hits`` among the rows are, where nothing is estimated: ``n`` is their number, without effect."""
    gain = GAIN[severity] * len(hits) / max(len(subject.rows), 1)
    rows = [one.row for one in hits]
    absent = Estimate.absent("counted, not estimated")
    found = candidate(code, title, severity, absent, action, gain=gain, n=len(hits), rows=rows)
    return Fault(found, _examples(subject, hits))


def _examples(subject: Subject, hits: Sequence[Hit]) -> tuple[str, ...]:
    parts = ((f"{subject.raw.row_name} {one.row}", one.example) for one in hits[:N_EXAMPLES])
    return tuple(": ".join(filter(None, own)) for own in parts)


def share_of(hits: Sequence[Hit], resampler: Resampler) -> Estimate:
    """Share of the units that are hit."""
    flags = np.zeros(len(resampler.clusters), dtype=bool)
    flags[[one.unit for one in hits]] = True
    return resampler.share(flags)
