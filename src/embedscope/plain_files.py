"""JSON and TOML files as plain values, within stated bounds.

Whatever such a file holds, reading it raises OSError or ValueError and nothing else: it may be larger than any file of
its kind, nested deeper than the parser goes, hold a number of a million digits, or name a key twice, of which a parser
would silently take the last.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

MOST_BYTES = 64 << 20
"""Size of a configuration, a criteria file or a report; what is larger is something else."""

MOST_PAGE_BYTES = 1 << 30
"""Size of the data of a page."""


def read_json(path: Path, *, most_bytes: int = MOST_BYTES) -> Any:
    """The value in a JSON file.

    Raises
    ------
    ValueError
        If the file is larger than ``most_bytes``, is not UTF-8 or not JSON, names a key of an object twice, or holds a
        number that is not finite or a nesting that is too deep.
    OSError
        If it cannot be read.
    """
    return parse_json(_text(path, most_bytes))


def parse_json(text: str) -> Any:
    """The value that ``text`` states as JSON; raises ValueError as `read_json`."""
    try:
        return json.loads(text, object_pairs_hook=distinct_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_toml(text: str) -> dict[str, Any]:
    """The table that ``text`` states as TOML; raises ValueError where it is not TOML or nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text(path: Path, most_bytes: int) -> str:
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"it has {size:,} bytes, and files of its kind at most {most_bytes:,}")
    return path.read_text(encoding="utf-8")


class RepeatedKeyError(ValueError):
    """A key that stands twice in one object."""


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of ``pairs``, a hook for `json`; raises RepeatedKeyError if a key is in two of them."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise RepeatedKeyError(f"the key '{twice[:80]}' stands twice in one object")
    return table


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")
