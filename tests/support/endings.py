"""Commands whose output ends badly, the exit status of each, and texts that would command whoever shows them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tests.support.scene import write_rows, write_vectors

_PROGRAM = """\
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

runs, every, path = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
led_to("/dev/null", 1, 2)
hard = ("nothing is wrong", "all closed", "both full", "nobody reads stdout")
found = {
    name: {end: status_of(words, make) for end, make in ENDINGS.items() if name in every or end in hard}
    for name, words in runs.items()
}
with open(path, "w") as file:
    json.dump(found, file)
"""
"""Forks a child for each command and ending: an interpreter of its own for each would take minutes."""

EXPECTED = {
    "deploy": 0, "retrain": 1, "unfit": 3, "JSON": 1, "compare": 1, "audit": 0, "plan": 0, "no file": 2, "no option": 2,
    "help": 0,
}  # fmt: skip
"""Exit statuses of the commands of `commands`."""


def commands(folder: Path) -> dict[str, list[str]]:
    """Commands over 40 rows with perfect and with random vectors, and 12 rows, too few to judge, in ``folder``."""
    made = write_rows(folder / "test.json")
    for name, quality in (("perfect", 1.0), ("random", 0.0)):
        write_vectors(folder / f"{name}.npz", made, quality)
    write_vectors(folder / "few.npz", write_rows(folder / "few.json", 12))
    data, perfect, rand = (str(folder / name) for name in ("test.json", "perfect.npz", "random.npz"))
    gate = ["--data", data, "--gate", "--draws", "200"]
    return {
        "deploy": ["evaluate", "--embeddings", perfect, *gate],
        "retrain": ["evaluate", "--embeddings", rand, *gate],
        "unfit": ["evaluate", "--embeddings", str(folder / "few.npz"), *gate, "--data", str(folder / "few.json")],
        "JSON": ["evaluate", "--embeddings", rand, *gate, "--json"],
        "compare": ["compare", perfect, rand, *gate],
        "audit": ["audit", "--data", data],
        "plan": ["plan", "--documents", "1000", "--queries", "10", "--dim", "8"],
        "no file": ["evaluate", "--embeddings", perfect, "--data", str(folder / "absent.json")],
        "no option": ["evaluate", "--nonsense"],
        "help": ["--help"],
    }


def statuses(folder: Path, every: Collection[str]) -> dict[str, dict[str, int]]:
    """Exit status by command and ending; the commands in ``every`` meet all endings, the others the hardest four."""
    words = (json.dumps(commands(folder)), json.dumps(list(every)), str(folder / "found.json"))
    subprocess.run([sys.executable, "-c", _PROGRAM, *words], check=True, timeout=300 + 300 * len(every))
    found: dict[str, dict[str, int]] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return found


CODES = [*map(chr, (*range(9), *range(11, 32), *range(127, 160))), *"\u2028\u2029\u202a\u202e\u2066\u2069"]
"""Control codes but tab and line feed, line ends of Unicode, and codes that turn the direction of a line."""

HOSTILE = "\x1b[2J\x9b1mVerdict: DEPLOY\x1b]0;title\x07 \u202e ##[endgroup] ##vso[task.complete]"


def commands_in(text: str) -> list[str]:
    """What of ``text`` a terminal or a CI runner would obey."""
    codes = re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)
    return [*codes, *re.findall(r"^\s*::|##\w*\[", text, re.MULTILINE)]
