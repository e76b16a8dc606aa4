"""Entries of the JSON files of a model folder, each refused where it is of another kind than expected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from embedscope.errors import CheckpointError

Value = TypeVar("Value")

_NAMES = {str: "a string", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}

_LARGEST = 2**31 - 1


def stated(entries: Mapping[str, Any], key: str, kind: type[Value], file: Path) -> Value | None:
    """The entry ``key`` of ``file``; None where it is absent or null; ``CheckpointError`` where it is no ``kind``."""
    value = entries.get(key)
    if value is None:
        return None
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _refused(file, key, _NAMES[kind], value)


def stated_size(entries: Mapping[str, Any], key: str, file: Path) -> int | None:
    """As `stated`, for a whole number of at least 1 that a 32-bit index can hold."""
    size = stated(entries, key, int, file)
    if size is not None and not 1 <= size <= _LARGEST:
        raise _refused(file, key, f"a whole number from 1 to {_LARGEST:,}", size)
    return size


def _refused(file: Path, key: str, expected: str, value: Any) -> CheckpointError:
    return CheckpointError(
        f"'{file}' should hold '{key}' as {expected}; it holds {json.dumps(value)[:100]}. Correct it."
    )
