"""The skill for coding agents; its commands are run by ``tests/test_docs.py``, as those of every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from embedscope.cli.main import DONE, FAULT, RETRAIN, UNSETTLED, UNUSABLE
from embedscope.result import VerdictOutcome

yaml = pytest.importorskip("yaml")

SKILL = Path(__file__).resolve().parents[1] / "skills" / "judge-retriever" / "SKILL.md"
_, FRONT, BODY = SKILL.read_text(encoding="utf-8").split("---\n", 2)


def test_the_front_matter_names_the_skill_and_says_when_to_use_it() -> None:
    front = yaml.safe_load(FRONT)
    assert set(front) == {"name", "description"}
    assert front["name"] == SKILL.parent.name
    assert re.fullmatch(r"[a-z0-9-]{1,64}", front["name"])
    assert "Use when" in front["description"]
    assert len(front["description"]) <= 1024


def test_it_can_be_read_in_a_minute_or_two() -> None:
    assert len(BODY.splitlines()) < 150


def test_it_knows_every_exit_status_and_every_verdict() -> None:
    listed = {int(status) for status in re.findall(r"^\| (\d+) \|", BODY, re.MULTILINE)}
    assert listed == {DONE, RETRAIN, UNUSABLE, UNSETTLED, FAULT}
    assert set(re.findall(r"^- \*\*(\w+)\*\*:", BODY, re.MULTILINE)) == {outcome.value for outcome in VerdictOutcome}
