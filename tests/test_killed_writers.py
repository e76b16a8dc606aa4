"""Whatever is written is the old or the new, whole, wherever its writer is killed: ``tools/kill.py``."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tools.system_calls import IS_SUPPORTED

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="system calls are traced on Linux on x86-64 only")
pytest.importorskip("torch")


def kills_of(*kinds: str) -> dict[str, int]:
    """Kills by kind, once no kind has a fault."""
    ended = subprocess.run([sys.executable, "-m", "tools.kill", *kinds], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {name: int(n) for name, n in re.findall(r"^(.+): (\d+) kills, 0 faults$", ended.stdout, re.MULTILINE)}


def test_a_file_is_old_or_new_wherever_its_writer_is_killed() -> None:
    kills = kills_of("file, new", "file, overwritten", "audit --fix", "safetensors")
    assert len(kills) == 4
    assert min(kills.values()) >= 5


@pytest.mark.slow
def test_shards_and_the_cache_are_old_or_new_wherever_its_writer_is_killed() -> None:
    kills = kills_of("shard folder", "cache segment")  # run folders, checkpoints, merged segments: make soak
    assert len(kills) == 2
    assert sum(kills.values()) > 30
