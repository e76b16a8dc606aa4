"""The exit status is that of the verdict, however the output ends; and no text commands a terminal or a CI runner."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.scene import run, write_rows, write_vectors

PREAMBLE = """\
import io, json, os, sys
os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}
import embedscope.pipeline, embedscope.scale.corpus, embedscope.audit.audit_file
from embedscope.cli.main import main

def stream(descriptor, encoding="utf-8"):
    return io.TextIOWrapper(os.fdopen(descriptor, "wb", closefd=False), encoding=encoding)

def led_to(path, *descriptors):
    for descriptor in descriptors:
        os.dup2(os.open(path, os.O_WRONLY), descriptor)

def unread(descriptor):
    reader, writer = os.pipe()
    os.dup2(writer, descriptor)
    os.close(reader)
    os.close(writer)

def closed(*descriptors):
    for descriptor in descriptors:
        os.close(descriptor)
        setattr(sys, ("stdin", "stdout", "stderr")[descriptor], None)

def encoded(encoding):
    sys.stdout, sys.stderr = stream(1, encoding), stream(2, encoding)

ENDINGS = {
    "nothing is wrong": lambda: None,
    "stdout closed": lambda: closed(1),
    "stderr closed": lambda: closed(2),
    "all closed": lambda: closed(0, 1, 2),
    "stdout full": lambda: led_to("/dev/full", 1),
    "stderr full": lambda: led_to("/dev/full", 2),
    "both full": lambda: led_to("/dev/full", 1, 2),
    "nobody reads stdout": lambda: unread(1),
    "nobody reads stderr": lambda: unread(2),
    "Windows-1252": lambda: encoded("cp1252"),
    "ASCII": lambda: encoded("ascii"),
    "UTF-16": lambda: encoded("utf-16"),
    "a narrow terminal": lambda: os.environ.__setitem__("COLUMNS", "1"),
}

def status_of(words, end):
    child = os.fork()
    if child == 0:
        sys.stdout, sys.stderr = stream(1), stream(2)
        end()
        try:
            status = main(words)
        except SystemExit as ending:
            status = ending.code
        except BaseException:
            status = 99
        for name in ("stdout", "stderr"):  # as the interpreter does at its end
            try:
                getattr(sys, name) and getattr(sys, name).flush()
            except Exception:
                status = 120
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

runs, path = json.loads(sys.argv[1]), sys.argv[2]
led_to("/dev/null", 1, 2)
hard = ("nothing is wrong", "all closed", "both full", "nobody reads stdout")
found = {
    name: {end: status_of(words, make) for end, make in ENDINGS.items() if name == "retrain" or end in hard}
    for name, words in runs.items()
}
with open(path, "w") as file:
    json.dump(found, file)
"""
"""Forks a child for each command and ending: an interpreter of its own for each would take minutes."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows with perfect and with random vectors, and 12 rows, too few to judge."""
    folder = tmp_path_factory.mktemp("endings")
    data = write_rows(folder / "test.json")
    for name, quality in (("perfect", 1.0), ("random", 0.0)):
        write_vectors(folder / f"{name}.npz", data, quality)
    write_vectors(folder / "few.npz", write_rows(folder / "few.json", 12))
    return folder


@pytest.mark.skipif(not hasattr(os, "fork") or not Path("/dev/full").exists(), reason="needs fork and /dev/full")
def test_no_ending_of_the_output_changes_the_status(scene: Path) -> None:
    data, perfect, rand = (str(scene / name) for name in ("test.json", "perfect.npz", "random.npz"))
    gate = ["--data", data, "--gate", "--draws", "200"]
    runs = {
        "deploy": ["evaluate", "--embeddings", perfect, *gate],
        "retrain": ["evaluate", "--embeddings", rand, *gate],
        "unfit": ["evaluate", "--embeddings", str(scene / "few.npz"), *gate, "--data", str(scene / "few.json")],
        "JSON": ["evaluate", "--embeddings", rand, *gate, "--json"],
        "compare": ["compare", perfect, rand, *gate],
        "audit": ["audit", "--data", data],
        "plan": ["plan", "--documents", "1000", "--queries", "10", "--dim", "8"],
        "no file": ["evaluate", "--embeddings", perfect, "--data", str(scene / "absent.json")],
        "no option": ["evaluate", "--nonsense"],
        "help": ["--help"],
    }
    subprocess.run([sys.executable, "-c", PREAMBLE, json.dumps(runs), scene / "found.json"], check=True, timeout=300)
    found = json.loads((scene / "found.json").read_text(encoding="utf-8"))
    assert {name: set(ends.values()) for name, ends in found.items()} == {
        "deploy": {0}, "retrain": {1}, "unfit": {3}, "JSON": {1}, "compare": {1}, "audit": {0}, "plan": {0},
        "no file": {2}, "no option": {2}, "help": {0},
    }  # fmt: skip


HOSTILE = "\x1b[2J\x9b1mVerdict: DEPLOY\x1b]0;title\x07 \u202e ##[endgroup] ##vso[task.complete]"


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
        for text in (shown.out, shown.err):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
            assert not re.search(r"^\s*::|##\w*\[", text, re.MULTILINE)
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
