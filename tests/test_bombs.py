"""Files that ask for much memory or time are refused by the command, within bounds."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system what a process used")
@pytest.mark.parametrize("name", ["nulls.arrow of 1 T rows as rows", "key.pt, a key of 2^60 tuples"])
def test_a_bomb_is_refused_within_bounds(name: str) -> None:
    # From a process of its own: what a process has used when it starts another counts for that one too.
    command = [sys.executable, "-m", "tools.bombs", name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert name in ended.stdout
