"""Run what README.md and docs/tutorial.md show in a folder of its own, and renew the outputs there.

    python -m tools.shown_outputs             rewrite both pages
    python -m tools.shown_outputs --check     exit status 1 where one is stale

Of the README it is `embedscope demo` with the vectors that come with the package, of the tutorial every command. A
block of text shows lines of what the commands above it print, in their order; a line ``...`` stands for lines that are
left out. The printed line of a shown one differs from it in its numbers and blanks at most. The base model is the
small packaged one under its hub name (extras demo and models).
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.desk import BLOCK, ROOT, Block, cache_in_hub, commands

from embedscope.cli.demo_command import packaged_model

README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
LEFT_OUT = "..."
WIDTH = 100
"""Columns of the terminal that the page shows."""

DEMO = "uvx embedscope demo"
WITHOUT_TORCH = """
from embedscope.cli import demo_command, main
demo_command.NEEDED = {"torch": "a package that is not there"}
raise SystemExit(main.main(["demo", "--output", "demo"]))
"""
"""The demo as it is where only the core is installed."""

Run = Callable[[str, str], str]
"""What a block of this language and text prints."""


def renewed(shown: str, printed: str) -> str:
    """The lines of ``shown`` as they stand in ``printed``.

    Raises LookupError if a line is not there, after the one before it.
    """
    lines = [line.rstrip() for line in printed.splitlines()]
    found, place = [], 0
    for line in shown.splitlines():
        if line.strip() in ("", LEFT_OUT):
            found.append(line)
            continue
        after = range(place, len(lines))
        equal = [i for i in after if lines[i] == line] or [i for i in after if skeleton(lines[i]) == skeleton(line)]
        if not equal:
            raise LookupError(f"'{line}' is not printed (after '{found[-1] if found else 'the start'}')")
        found.append(lines[equal[0]])
        place = equal[0] + 1
    return "".join(f"{line}\n" for line in found)


def skeleton(line: str) -> str:
    """The line without its numbers and blanks."""
    return re.sub(r"[-+]?\d[\d.,]*|\s+", "", line)


def renewed_page(page: str, run: Run) -> Iterator[str]:
    """The text of the page in pieces, every block of text renewed by what the blocks before it print."""
    printed, end = "", 0
    for match in BLOCK.finditer(page):
        yield page[end : match.start()]
        end = match.end()
        language, text = match.groups()
        if language == "text":
            yield f"```text\n{renewed(text, printed)}```"
            printed = ""
        else:
            printed += run(language, text)
            yield match[0]
    yield page[end:]


def run_in(folder: Path) -> Run:
    """Runs blocks in ``folder``: commands by the Python that runs this, pieces of Python with names in common."""
    cache_in_hub(Path(packaged_model()), folder / "hub", BASE)
    names: dict[str, object] = {}

    def run(language: str, text: str) -> str:
        if language == "python":
            with chdir(folder), redirect_stdout(StringIO()) as printed:
                exec(text, names)  # noqa: S102 - that is the page
            return printed.getvalue()
        shown = (shlex.split(command) for command in commands(Block(TUTORIAL, language, text)))
        return "".join(printed_by(folder, "-m", *words) for words in shown if words[0] == "embedscope")

    return run


def of_demo(folder: Path) -> Run:
    """Runs the demo alone, of all that a page shows, in ``folder``."""
    return lambda language, text: printed_by(folder, "-c", WITHOUT_TORCH) if text.strip() == DEMO else ""


def printed_by(folder: Path, *words: str) -> str:
    """What Python prints in ``folder``, in a terminal of ``WIDTH`` columns; RuntimeError where that cannot be used."""
    environment = {
        "COLUMNS": str(WIDTH),
        "HF_HUB_CACHE": str(folder / "hub"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(f"{shlex.join(words)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def main() -> int:
    """Renew the pages, or say whether one is stale; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where a page is stale")
    is_check, is_stale = parser.parse_args().check, False
    for path in (README, TUTORIAL):
        page = path.read_text(encoding="utf-8")
        with TemporaryDirectory() as folder:
            run = of_demo(Path(folder)) if path == README else run_in(Path(folder))
            new = "".join(renewed_page(page, run))
        is_stale |= new != page
        if not is_check:
            path.write_text(new, encoding="utf-8")
    return int(is_check and is_stale)


if __name__ == "__main__":
    raise SystemExit(main())
