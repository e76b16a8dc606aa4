"""A few broken files of every kind in each run of the tests; ``make fuzz`` looks longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tools.fuzz.kinds import SLOW, makers
from tools.fuzz.looking import look

pytest.importorskip("torch")

N_INPUTS = 150
N_SLOW_INPUTS = 10


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in makers()])
def test_a_broken_file_is_read_or_refused_and_nothing_else(kind: str, tmp_path: Path) -> None:
    draw = random.Random(kind)
    subjects = makers()[kind](tmp_path)
    for number, subject in enumerate(subjects):
        subject.read(subject.write(tmp_path / f"whole-{number}", subject.files))
    for _ in range(N_SLOW_INPUTS if kind in SLOW else N_INPUTS):
        look(draw.choice(subjects), draw, tmp_path / "broken")
