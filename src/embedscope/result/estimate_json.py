"""A figure as every payload writes it."""

from __future__ import annotations

from typing import Any

from embedscope.result import Estimate


def figure_row(figure: Estimate) -> dict[str, Any]:
    """``{value, low, high}``, and the reason where there is no value."""
    row: dict[str, Any] = {"value": figure.value, "low": figure.low, "high": figure.high}
    return row if figure.reason is None else {**row, "reason": figure.reason}
