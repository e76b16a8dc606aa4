"""A few broken files of every kind in each run of the tests; ``make fuzz`` looks longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tools.fuzz.kinds import makers
from tools.fuzz.looking import look

pytest.importorskip("torch")

N_INPUTS = {"models": 10, "adapters": 5, "commands": 5, "audits": 20}
"""Of kinds whose inputs take a tenth of a second or more each; of the others 150."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", makers())
def test_a_broken_file_is_read_or_refused_and_nothing_else(kind: str, tmp_path: Path) -> None:
    draw = random.Random(kind)
    subjects = makers()[kind](tmp_path)
    for number, subject in enumerate(subjects):
        subject.read(subject.write(tmp_path / f"whole-{number}", subject.files))
    for _ in range(N_INPUTS.get(kind, 150)):
        look(draw.choice(subjects), draw, tmp_path / "broken")
