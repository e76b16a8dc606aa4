"""The payload of the page of several sets: their report alone; each set has a page of its own."""

from __future__ import annotations

from typing import Any

from embedscope.output.page.contract import SetsPayload
from embedscope.output.page.payload import PAGE_VERSION


def sets_payload(report: dict[str, Any]) -> SetsPayload:
    """What the ``report.html`` of several sets draws: what :func:`embedscope.result.report.sets_report` returns."""
    return {"kind": "embedscope-sets", "page_version": PAGE_VERSION, "report": report}
