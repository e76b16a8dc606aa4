"""Machine code that cannot be kept, or was kept in a file that is damaged, stops no run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.system_calls import IS_SUPPORTED

pytest.importorskip("numba")

SCRIPT = """\
import sys
from pathlib import Path
from embedscope.metrics.compiled import compiled

def add(x):
    return x + 1

def action():
    return compiled(add)(1)
"""

FULL = (
    SCRIPT
    + """
import errno
from tools.system_calls import Failure, traced

for first in (0, 1, 2, 5, 8):
    print(traced(action, Path(sys.argv[1]), failure=Failure(errno.ENOSPC, first)).status)
"""
)


def ran(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "script.py").write_text(script, encoding="utf-8")
    (folder / "kept").mkdir(exist_ok=True)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "kept"))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    command = [sys.executable, folder / "script.py", folder / "kept"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not IS_SUPPORTED, reason="system calls are traced on Linux on x86-64 only")
def test_a_full_disk_for_machine_code_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(tmp_path, FULL, monkeypatch).split() == ["2"] * 5  # 1 + 1


def test_a_damaged_file_of_machine_code_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"{SCRIPT}\nprint(action())"
    assert ran(tmp_path, script, monkeypatch) == "2\n"
    kept = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert kept
    for content in (b"", b"\x80\x04garbage"):
        for path in kept:
            path.write_bytes(content)
        assert ran(tmp_path, script, monkeypatch) == "2\n"
