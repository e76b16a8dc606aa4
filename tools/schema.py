"""The JSON Schema of the page's payload, from its types: ``python -m tools.schema`` writes ``schema.json``.

Records (dataclasses) may gain keys, so their tables are open; the tables of the page (TypedDict) are closed.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np

from embedscope.output.page.contract import (
    LiveAnswer,
    LiveMoved,
    LivePayload,
    LiveWords,
    MigrationPayload,
    Payload,
    SetsPayload,
)
from embedscope.result import Migration, Result, SeveralSets, Timeline
from embedscope.result.codec import form_of
from embedscope.result.report import MOVED, Frame

FILE = Path(__file__).resolve().parents[1] / "src/embedscope/output/page/schema.json"
NAMES = {
    Result: "report",
    SeveralSets: "sets_report",
    Migration: "migration_report",
    Timeline: "timeline_report",
}
PLAIN = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}
NUMBER = {"type": ["number", "null"]}  # null where it is not finite


def schema() -> dict[str, Any]:
    """The schema of the payload, with a definition for every table in it and for the timeline of `compare`."""
    definitions: dict[str, Any] = {}
    reference = _of(Payload, definitions)
    payload = definitions.pop(reference["$ref"].rpartition("/")[2])
    _move(definitions)
    _of(Timeline, definitions)
    definitions["timeline_report"]["properties"]["maps"] = _of(dict[str, list[Frame]], definitions)
    for more in (SetsPayload, MigrationPayload, LivePayload, LiveAnswer, LiveMoved, LiveWords):
        _of(more, definitions)
    versions = {"schema_version": {"type": "integer"}, "embedscope_version": {"type": "string"}}
    for report in (definitions["report"], definitions["sets_report"], definitions["migration_report"]):
        report["properties"] = versions | report["properties"]
        report["required"] = [*versions, *report["required"]]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Payload"}
    return head | payload | {"$defs": definitions}


def _move(definitions: dict[str, Any]) -> None:
    """Put each key of `MOVED` where the file holds it."""
    properties = definitions["report"]["properties"]
    references = {name: next((one["$ref"] for one in each.get("anyOf", [each]) if "$ref" in one), None)
                  for name, each in properties.items()}  # fmt: skip
    tables = {name: reference.rpartition("/")[2] for name, reference in references.items() if reference is not None}
    for key, (own, other) in MOVED.items():
        source, target = definitions["report" if own is None else tables[own]], definitions[tables[other]]
        target["properties"][key] = source["properties"].pop(key)
        source["required"].remove(key)
        target["required"].append(key)


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind) or is_typeddict(kind):
        return _reference(kind, definitions)
    if origin is Annotated:
        return _finite(args[0]) if args[1] == "finite" else _of(args[1], definitions)
    if kind is Any:
        return {}
    if kind is float:
        return NUMBER
    if origin is Literal:
        return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [each.value for each in kind]}
    if origin in (Union, UnionType):
        return _union([_of(each, definitions) for each in args])
    if origin is np.ndarray:
        return {"type": "array", "items": _item(get_args(args[1])[0])}
    if origin is tuple and args[-1] is not Ellipsis:
        return {"type": "array", "items": _of(args[0], definitions), "minItems": len(args), "maxItems": len(args)}
    if origin in (tuple, list):
        return {"type": "array", "items": _of(args[0], definitions)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(args[1], definitions)}
    return {"type": PLAIN[kind]}


def _union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    if any(part.keys() != {"type"} for part in parts):
        return {"anyOf": parts}
    types = [t for part in parts for t in (part["type"] if isinstance(part["type"], list) else [part["type"]])]
    return {"type": list(dict.fromkeys(types))}


def _finite(kind: Any) -> dict[str, Any]:
    number = {"type": "number"}
    return number if kind is float else {"type": "array", "items": number}


def _item(dtype: Any) -> dict[str, Any]:
    return NUMBER if issubclass(dtype, np.floating) else {"type": "boolean" if dtype is np.bool_ else "integer"}


def _reference(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = NAMES.get(kind) or re.sub(r"(?<=.)(?=[A-Z])", "_", kind.__name__).lower()
    if name not in definitions:
        definitions[name] = {}  # holds its place in the order, also where it refers to itself
        definitions[name] = _table(kind, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _table(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    properties = _properties(kind, definitions)
    return {
        "description": " ".join((inspect.getdoc(kind) or "").split()),
        "type": "object",
        "properties": {name: each for name, (each, _) in properties.items()},
        "required": [name for name, (_, is_required) in properties.items() if is_required],
        **({"additionalProperties": False} if is_typeddict(kind) else {}),
    }


def _properties(kind: Any, definitions: dict[str, Any]) -> dict[str, tuple[dict[str, Any], bool]]:
    """Each key with its schema, and whether it is always there."""
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        optional = {name: get_origin(hint) is NotRequired for name, hint in hints.items()}
        plain = {name: get_args(hint)[0] if optional[name] else hint for name, hint in hints.items()}
        return {name: (_of(hint, definitions), not optional[name]) for name, hint in plain.items()}
    found: dict[str, tuple[dict[str, Any], bool]] = {}
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        form, hint = form_of(each), hints[each.name]
        if form.is_left_out_empty and NoneType in get_args(hint):
            hint = get_args(hint)[0]
        if form.is_flat:
            found = _properties(hint, definitions) | found
        elif form.is_written:
            found[form.name or each.name] = (_of(form.kind or hint, definitions), form.is_always_there)
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
