"""How much a file may unpack or decode to."""

from __future__ import annotations

from pathlib import Path

LEAST_LIMIT = 256 * 2**20
"""Bytes that any file may unpack to."""

LEAST_TEXT = 32 * 2**20
"""Bytes that any compressed text may unpack to: of a list of tiny values Python makes 25 bytes for each."""

LARGEST_TEXT_RATIO = 100
"""Unpacked bytes of a compressed text for each of its own, above `LEAST_TEXT`."""

LARGEST_RATIO = 200
"""Unpacked bytes for each byte of a file that unpacks to more than `LEAST_LIMIT`: no text comes near, a bomb does."""


def unpacked_limit(path: Path, *, is_text: bool = False) -> int:
    """Bytes that a compressed file may unpack to, or a columnar one decode to."""
    least, ratio = (LEAST_TEXT, LARGEST_TEXT_RATIO) if is_text else (LEAST_LIMIT, LARGEST_RATIO)
    return max(least, ratio * path.stat().st_size)
