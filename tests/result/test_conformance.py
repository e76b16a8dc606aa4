"""The check of a value against the generated schema says what the jsonschema library says."""

from __future__ import annotations

import copy
import json
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from embedscope.result.conformance import first_fault

SCHEMA = json.loads(files("embedscope.output.page").joinpath("schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.json"))
OTHERS: tuple[Any, ...] = (None, True, "x", -7, 0.5, [], {}, ["y"], {"z": None})


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_the_golden_pages_conform(path: Path) -> None:
    assert first_fault(json.loads(path.read_text(encoding="utf-8")), SCHEMA) is None


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_a_changed_page_conforms_where_the_library_says_so(path: Path) -> None:
    original = json.loads(path.read_text(encoding="utf-8"))
    generator = random.Random(0)
    for _ in range(150):
        changed = copy.deepcopy(original)
        _change(changed, generator)
        assert (first_fault(changed, SCHEMA) is None) == VALIDATOR.is_valid(changed)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**63, -(10**400)])
def test_a_number_that_no_column_holds_does_not_conform(number: float) -> None:
    schema = {"additionalProperties": {"type": "array", "items": {"type": ["number", "null"]}}}
    assert first_fault({"a": [1, number]}, schema) == "a[1]: expected number or null"
    assert first_fault({"a": [1, number]}, {}) is not None  # though nothing is said of the values


def _change(value: Any, generator: random.Random) -> None:
    """Remove, add or replace something at a random place."""
    while True:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not places:
            return
        place = generator.choice(places)
        inner = value[place]
        if isinstance(inner, dict | list) and inner and generator.random() < 0.85:
            value = inner
            continue
        what = generator.randrange(3) if isinstance(value, dict) else 2
        if what == 0:
            del value[place]
        elif what == 1:
            value["unknown"] = 1
        else:
            value[place] = generator.choice(OTHERS)
        return
