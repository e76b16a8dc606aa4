"""The exit status is that of the verdict, however the output ends; and no text commands a terminal or a CI runner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.endings import EXPECTED, HOSTILE, commands_in, statuses
from tests.support.scene import run, write_rows, write_vectors


@pytest.mark.skipif(not hasattr(os, "fork") or not Path("/dev/full").exists(), reason="needs fork and /dev/full")
def test_no_ending_of_the_output_changes_the_status(tmp_path: Path) -> None:
    found = statuses(tmp_path, every=["retrain"])
    assert {name: set(ends.values()) for name, ends in found.items()} == {k: {v} for k, v in EXPECTED.items()}


def test_no_text_of_a_data_set_commands_the_terminal_or_a_ci_runner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Codes are written out; a line never begins with what a runner obeys."""
    data = write_rows(tmp_path / "test.json")
    rows = json.loads(data.read_text(encoding="utf-8"))
    for number, row in enumerate(rows):
        row["query"] = f"::stop-commands::{number} {HOSTILE}"
        row["hard_neg"] = [{"text": f"::error::{number} {HOSTILE}", "type": f"a{HOSTILE}"}]
    data.write_text(json.dumps(rows), encoding="utf-8")
    write_vectors(tmp_path / "random.npz", data, 0.0)
    words = ["evaluate", "--embeddings", tmp_path / "random.npz", "--data", data, "--findings", "--draws", "200"]
    for more in ([], ["--json"]):
        shown = run(capsys, *words, *more)
        assert shown.status == 0
        assert commands_in(shown.out + shown.err) == []
        if more:
            assert json.loads(shown.out)["schema_version"] == 1
    assert r"\x1b[2J" in run(capsys, *words).out


def test_a_terminated_run_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    """143, as a shell has it of SIGTERM; what was begun in the output folder's place is gone."""
    data = write_rows(tmp_path / "test.json")
    write_vectors(tmp_path / "good.npz", data, 0.8)
    words = ["visualize", "--embeddings", tmp_path / "good.npz", "--data", data, "--output", tmp_path / "out"]
    before = set(tmp_path.iterdir())
    running = subprocess.Popen(
        [sys.executable, "-m", "embedscope", *map(str, words)], stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    running.stderr.readline()  # it has begun
    running.send_signal(signal.SIGTERM)
    rest = running.communicate(timeout=60)[1]
    assert running.returncode == 143
    assert rest.splitlines()[-1] == "embedscope: terminated"
    assert set(tmp_path.iterdir()) == before
