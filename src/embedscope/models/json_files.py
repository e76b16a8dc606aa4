"""JSON files of a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError


def read_json(path: Path) -> Any:
    """The JSON value in ``path``; ``CheckpointError`` where it is unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"'{path}' should be a JSON file but cannot be read as one: {error}.") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; empty where there is no such file."""
    if not path.is_file():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"'{path}' should hold a JSON object; it holds a {type(value).__name__}.")
    return value
