"""A portion of the rows of a file, in file order: ``first:0.9``, ``last:0.1``, ``last:200``."""

from __future__ import annotations

import math
import re

from embedscope.data.collection import Row
from embedscope.errors import InvalidOptionError

_PORTION = re.compile(r"(first|last):(?:(\d+)|(\d*\.\d+|\d+\.))")

_ROUNDING = 1e-9
"""0.1 of 30 rows is 3 rows, although 30 * 0.9 is 27.000000000000004 in floating point and 1 - 0.9 is not 0.1."""


def is_portion(split: str) -> bool:
    """Whether ``split`` names a portion of rows, not a split of a folder."""
    return _PORTION.fullmatch(split) is not None


def take_portion(rows: list[Row], split: str) -> tuple[list[Row], str]:
    """The rows that ``split`` names, and the line that says so.

    ``first:X`` is the first ``floor(n X)`` rows and ``last:X`` what ``first:(1 - X)`` leaves, so that ``first:0.9``
    and ``last:0.1`` hold every row once. A whole number is a count of rows.

    Raises InvalidOptionError if ``split`` is no portion, a share is not in (0, 1], or no row is left.
    """
    match = _PORTION.fullmatch(split)
    if match is None:
        raise InvalidOptionError(
            f"the split '{split}' was asked for, but this is a file, which has no splits. Pass a portion of its rows "
            "(first:0.9, last:0.1, last:200), leave the option out, or give the folder that holds the splits."
        )
    end, count, share = match.groups()
    if count is not None:
        asked = min(int(count), len(rows))
        n_first = asked if end == "first" else len(rows) - asked
    else:
        if not 0 < float(share) <= 1:
            raise InvalidOptionError(f"the split '{split}' names a share that is not above 0 and at most 1.")
        n_first = math.floor(len(rows) * (float(share) if end == "first" else 1 - float(share)) + _ROUNDING)
    kept = rows[:n_first] if end == "first" else rows[n_first:]
    if not kept:
        raise InvalidOptionError(f"the split '{split}' of {len(rows):,} rows holds no row. Pass a larger portion.")
    start = 1 if end == "first" else n_first + 1
    return kept, f"Rows {start:,} to {start + len(kept) - 1:,} of {len(rows):,} (--split {split})"
