"""The schema of the payload: it is valid, it fits what Python writes, and it notices what is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from tests.support import tiny_run as tiny
from tools.schema import schema

SCHEMA = json.loads(files("embedscope.output.page").joinpath("schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_the_one_of_the_types_and_records() -> None:
    assert schema() == SCHEMA, "run python -m tools.schema, then npm run types in web/"


def test_the_schema_is_a_valid_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", tiny.GOLDEN_PAYLOADS)
def test_the_golden_payloads_fit_the_schema(name: str) -> None:
    VALIDATOR.validate(json.loads((tiny.GOLDEN / f"{name}.json").read_text(encoding="utf-8")))


def test_a_page_written_before_it_could_hold_several_runs_fits_the_schema() -> None:
    VALIDATOR.validate({k: v for k, v in tiny.payload().items() if k not in ("compare", "timeline")})


def test_a_hostile_payload_fits_the_schema() -> None:
    VALIDATOR.validate(tiny.hostile_payload())


def rename_outcome(payload: dict[str, Any]) -> None:
    payload["report"]["verdict"]["outcome"] = "ship it"


def drop_queries(payload: dict[str, Any]) -> None:
    del payload["queries"]


def change_dtype(payload: dict[str, Any]) -> None:
    payload["queries"]["rank"]["dtype"] = "float64"


def add_column(payload: dict[str, Any]) -> None:
    payload["queries"]["vectors"] = payload["queries"]["rank"]


def next_version(payload: dict[str, Any]) -> None:
    payload["page_version"] = 2


@pytest.mark.parametrize("spoil", [rename_outcome, drop_queries, change_dtype, add_column, next_version])
def test_the_schema_refuses_what_the_page_cannot_read(spoil: Callable[[dict[str, Any]], None]) -> None:
    payload = copy.deepcopy(tiny.payload())
    spoil(payload)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(payload)


def test_every_key_of_report_json_that_the_schema_requires_is_described() -> None:
    assert set(tiny.payload()["report"]) == set(SCHEMA["$defs"]["report"]["properties"])
