"""The rated bands of a margin, a separation and an MRR (conventions, section 6)."""

from __future__ import annotations

BANDS: dict[str, tuple[tuple[float, str], ...]] = {
    "margin": ((0.40, "excellent"), (0.30, "good"), (0.20, "fair"), (0.10, "poor")),
    "separation": ((3.0, "excellent"), (2.0, "good"), (1.5, "fair"), (1.0, "poor")),
    "MRR": ((0.8, "excellent"), (0.6, "good"), (0.4, "fair")),
}
LOWEST = {"margin": "bad", "separation": "bad", "MRR": "poor"}


def band(name: str, value: float) -> str:
    """The band that ``value`` lies in."""
    return next((word for floor, word in BANDS[name] if value > floor), LOWEST[name])
