"""Whether a JSON value conforms to a schema, in the part of JSON Schema that ``python -m tools.schema`` writes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
    "array": (list,), "object": (dict,),
}  # fmt: skip


def first_fault(value: Any, schema: Schema, *, root: Schema | None = None, place: str = "") -> str | None:
    """The first place where ``value`` is not what ``schema`` says, with what was expected there; None for none.

    Parameters
    ----------
    value : any
        As a JSON parser gives it. Numbers have to be finite, whole ones below 2^63.
    schema : mapping
        Of ``type``, ``const``, ``enum``, ``anyOf``, ``$ref``, ``items``, ``minItems``, ``maxItems``, ``properties``,
        ``required`` and ``additionalProperties``.
    root : mapping, optional
        The schema that references are looked up in; by default ``schema``.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return first_fault(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root=root, place=place)
    if "anyOf" in schema:
        faults = [first_fault(value, each, root=root, place=place) for each in schema["anyOf"]]
        return None if None in faults else max(filter(None, faults), key=lambda fault: fault.count("."))
    where = place or "the whole"
    if "const" in schema and value != schema["const"]:
        return f"{where}: expected {schema['const']!r}"
    if "enum" in schema and not any(value is each or value == each for each in schema["enum"]):
        return f"{where}: expected one of {', '.join(map(repr, schema['enum']))}"
    kinds = schema.get("type", list(_KINDS))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(_is(value, kind) for kind in kinds):
        return f"{where}: expected {' or '.join(kinds)}"
    if isinstance(value, list):
        return _fault_of_items(value, schema, root, place)
    return _fault_of_keys(value, schema, root, place) if isinstance(value, dict) else None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _KINDS[kind])


def _fault_of_items(value: list[Any], schema: Schema, root: Schema, place: str) -> str | None:
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    if not least <= len(value) <= most:
        return f"{place or 'the whole'}: expected {least} items, not {len(value)}"
    each = schema.get("items", {})
    faults = (first_fault(item, each, root=root, place=f"{place}[{i}]") for i, item in enumerate(value))
    return next(filter(None, faults), None)


def _fault_of_keys(value: dict[str, Any], schema: Schema, root: Schema, place: str) -> str | None:
    known, other = schema.get("properties", {}), schema.get("additionalProperties", {})
    before = f"{place}." if place else ""
    for name in schema.get("required", ()):
        if name not in value:
            return f"{before}{name}: it is missing"
    for name, item in value.items():
        each = known.get(name, other)
        if each is False:
            return f"{before}{name[:80]}: it is not known"
        if each is not True and (fault := first_fault(item, each, root=root, place=before + name[:80])):
            return fault
    return None
