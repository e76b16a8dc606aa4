"""Numbers as a person writes them on the command line: 100M documents, 4GB of memory.

Only the standard library is needed, so that the parser of arguments may use this at once.
"""

from __future__ import annotations

import re
from fractions import Fraction

_COUNT_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9}
_BYTE_UNITS = {
    **{unit: 1000**power for power, unit in enumerate(("b", "kb", "mb", "gb", "tb"))},
    **{unit: 1024**power for power, unit in enumerate(("kib", "mib", "gib", "tib"), start=1)},
    "": 1,
}
_ROUNDS_TO_ONE = 0.9995
"""Of a unit: what three digits of the unit below would write as 1e+03."""

_NUMBER = re.compile(r"^\s*(\d[\d_]*(?:\.\d+)?)\s*([a-z]*)\s*$", re.IGNORECASE)


def parse_count(text: str) -> int:
    """A whole number, with k, M or B (G) for thousands, millions and billions.

    >>> parse_count("100M"), parse_count("2.5k"), parse_count("1_000")
    (100000000, 2500, 1000)

    Raises
    ------
    ValueError
        If ``text`` is something else, not whole, or 0.
    """
    return _parsed(text, _COUNT_UNITS, "a count such as 5000, 100k, 2.5M or 1B")


def parse_bytes(text: str) -> int:
    """A number of bytes, with kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024).

    >>> parse_bytes("4GB"), parse_bytes("1.5 GiB"), parse_bytes("512 MiB")
    (4000000000, 1610612736, 536870912)

    Raises
    ------
    ValueError
        If ``text`` is something else, not whole, or 0.
    """
    return _parsed(text, _BYTE_UNITS, "an amount of memory such as 4GB, 512MB or 1.5GiB")


def format_count(value: float) -> str:
    """A number in three digits with its unit.

    >>> format_count(100_000_000), format_count(12_345), format_count(7), format_count(2e13)
    ('100M', '12.3k', '7', '2e+13')
    """
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if _ROUNDS_TO_ONE * size <= value < 1000 * 10**9:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def format_bytes(value: float) -> str:
    """A number of bytes in three digits with its decimal unit.

    >>> format_bytes(2_560_000_000), format_bytes(512)
    ('2.56 GB', '512 B')
    """
    for unit, power in (("PB", 5), ("TB", 4), ("GB", 3), ("MB", 2), ("kB", 1)):
        if value >= _ROUNDS_TO_ONE * 1000**power:
            return f"{value / 1000**power:.3g} {unit}"
    return f"{value:.0f} B"


def format_seconds(value: float) -> str:
    """A duration in the unit that a person would choose.

    >>> format_seconds(0.42), format_seconds(95), format_seconds(7_300), format_seconds(400_000)
    ('0.42 s', '1.6 min', '2.0 h', '4.6 days')
    """
    if value < 60:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    if value < 3600:
        return f"{value / 60:.1f} min"
    return f"{value / 3600:.1f} h" if value < 172_800 else f"{value / 86_400:.1f} days"


def _parsed(text: str, units: dict[str, int], wanted: str) -> int:
    match = _NUMBER.match(text)
    unit = None if match is None else units.get(match[2].lower())
    if match is None or unit is None:
        raise ValueError(f"expected {wanted}, not '{text}'")
    value = Fraction(match[1].replace("_", "")) * unit  # exact: 2.01 k is 2010
    if value < 1 or value.denominator > 1:
        raise ValueError(f"expected {wanted}, at least 1 and whole; '{text}' is {float(value):g}")
    return int(value)
