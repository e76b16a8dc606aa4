"""Runs side by side on one cache, a third of them killed, give the numbers that they give alone: ``tools/soak.py``."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("transformers")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_runs_side_by_side_give_the_numbers_that_they_give_alone() -> None:
    command = [sys.executable, "-m", "tools.soak", "--runs", "12"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
