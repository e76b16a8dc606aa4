"""Files that ask for much memory or time are refused by the command, within bounds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tools.bombs import MOST_MIB, bombs, look


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system what a process used")
@pytest.mark.parametrize("name", ["nulls.arrow of 1 T rows as rows", "key.pt, a key of 2^60 tuples"])
def test_a_bomb_is_refused_within_bounds(tmp_path: Path, name: str) -> None:
    (bomb,) = (bomb for bomb in bombs() if bomb.name == name)
    _, came = look(bomb, tmp_path)
    assert came.status == 2
    assert came.mib <= MOST_MIB
    assert came.message.startswith("embedscope: ")
