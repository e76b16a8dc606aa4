"""A named fault with its evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from embedscope.result.codec import written


class Severity(StrEnum):
    """How much a diagnosed fault matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def _ids(finding: Finding, run: Any) -> tuple[str | None, ...]:
    """The ids of the documents; () where no run is at hand."""
    ids = () if run is None else run.documents.ids
    return tuple(ids[d] if d >= 0 else None for d in finding.documents) if ids else ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A named fault of the model or the data, with its evidence and what to do about it (contract: ``findings``).

    ``code`` is stable and machine-readable ("type-ignored", "positive-also-negative"); ``effect`` is its size in the
    unit that the title names, with its 95 % interval where there is one; ``n`` is what it was measured on; ``rows``
    are rows of the query table (or 1-based rows of the data file for findings of the audit), the worst first;
    ``documents`` holds for each of them the row of the document that shows the fault, -1 for none; () where no document
    does.
    """

    code: str
    title: str
    severity: Severity
    n: int
    effect: float | None
    low: float | None
    high: float | None
    rows: tuple[int, ...]
    action: str
    documents: tuple[int, ...] = field(default=(), metadata=written(tuple[str | None, ...], _ids, if_any=True))
