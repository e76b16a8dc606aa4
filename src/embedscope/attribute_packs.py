"""Readers of single domains: TOML files, and the entry points of the group ``embedscope.packs``. The core knows none.

A package of its own adds one by declaring ``name = "module:reader"`` in that group; the reader is an
:class:`~embedscope.protocols.AttributeReader`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from embedscope.errors import InvalidOptionError
from embedscope.pattern_pack import load_pattern_pack
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader

GROUP = "embedscope.packs"


def installed_packs() -> tuple[str, ...]:
    """Names of the packs that can be chosen."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def load_pack(name: str | None) -> AttributeReader:
    """The reader of the pack of this name or TOML file; of None, the one that reads nothing.

    Raises
    ------
    InvalidOptionError
        If no such pack is installed, or the TOML file is none.
    """
    if name is None:
        return NO_ATTRIBUTES
    if name.endswith(".toml"):
        return load_pattern_pack(name)
    known = ", ".join(installed_packs()) or "none"
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise InvalidOptionError(
            f"--attributes {name}: no such pack is installed. Installed: {known}. A pack is a Python package that "
            f"declares an entry point in the group {GROUP}, or a file that ends in .toml."
        )
    return cast(AttributeReader, found.load())
