"""A disk that refuses is one message and exit status 2, and a full cache stops nothing: ``tools/full_disk.py``."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tools.system_calls import IS_SUPPORTED

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="system calls are traced on Linux on x86-64 only")
pytest.importorskip("transformers")


def refusals_of(*words: str) -> dict[str, int]:
    """Refusals by command, once no command has a fault."""
    command = [sys.executable, "-m", "tools.full_disk", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {name: int(n) for name, n in re.findall(r"^(.+): (\d+) refusals, 0 faults$", ended.stdout, re.MULTILINE)}


def test_a_disk_that_refuses_is_said_and_leaves_what_stood_there() -> None:
    assert refusals_of("--points", "2", "report", "audit --fix") == {"report": 8, "audit --fix": 8}


@pytest.mark.slow
def test_no_command_ends_otherwise_on_a_disk_that_refuses() -> None:
    assert len(refusals_of("--points", "1", "evaluate", "shard", "compare")) == 3  # the others: make soak
