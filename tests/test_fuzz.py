"""A few broken files of every kind in each run of the tests; ``make fuzz`` looks longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tools.fuzz import Subject, look, subjects

pytest.importorskip("torch")
KINDS = ("rows", "folders", "vectors", "criteria", "configurations", "checkpoints", "runs", "shards")
N_INPUTS = 100


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Subject]]:
    return subjects(tmp_path_factory.mktemp("scene"))


def test_every_kind_is_named(listed: dict[str, list[Subject]]) -> None:
    assert tuple(listed) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_file_is_read_or_refused_and_nothing_else(
    kind: str, listed: dict[str, list[Subject]], tmp_path: Path
) -> None:
    draw = random.Random(kind)
    for subject in listed[kind]:
        subject.read(_whole(subject, tmp_path / "whole"))
    for _ in range(N_INPUTS):
        look(draw.choice(listed[kind]), draw, tmp_path / "broken")


def _whole(subject: Subject, folder: Path) -> Path:
    for name, content in subject.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / subject.name if subject.name else folder
