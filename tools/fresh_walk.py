"""Walk through README, Start pages and tutorial as a newcomer does: a new environment, an empty HOME, nothing cached.

    python -m tools.fresh_walk                                        every page, from a copy of the checkout
    python -m tools.fresh_walk --pages README.md docs/start/ci.md --log walk.md

Every install line and every command of the pages is run in its order, page by page, those that install first, in a
folder with the small files that the pages name (`tests/support/desk.py`). A wheel of the checkout stands where the
index will have it; constraints.txt pins what it brings. How pip reaches an index is left to the environment. The log is
a table in Markdown; the exit status is 1 where a command ends otherwise than its page says, or the tutorial shows lines
that are not printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from tempfile import mkdtemp

from tests.support.desk import BLOCK, ENDPOINT, ROOT, Block, cache_in_hub, commands, write_desk
from tests.support.loopback import Loopback, made_up, serving
from tools.shown_outputs import BASE, README, TUTORIAL, WIDTH, renewed

from embedscope.cli.demo_command import packaged_model

STARTS = sorted(ROOT.glob("docs/start/*.md"), key=lambda page: page.name != "install.md")
PAGES = [README, *STARTS, TUTORIAL]
TIMEOUT_S = 3600
INSTALLS = ("pip install", "make demo")
IN_CHECKOUT = ("pip install", "make", "python -m tools", "docker", "git")
LEFT_OUT = {
    "make test": "runs every test",
    "make check": "runs the quick tests",
    "embedscope serve": "serves until it is ended",
    "embedscope mcp": "serves until it is ended",
    "git clone": "fetches what is here already",
    "docker": "needs a daemon",
    "podman": "needs images of a registry",
    "conda": "needs a channel that has the package",
}
"""Beginnings of commands that are not run, and why."""
FETCHING = {"hub:": "fetches data", "git+https:": "fetches the repository"}
"""The same of what a command names."""


@dataclass(frozen=True)
class Step:
    """A command of a page, and how it ended."""

    page: str
    command: str
    status: int | None  # None: not run
    seconds: float = 0.0
    fault: str = ""  # what is not as the page says; of a step that was not run, why
    printed: str = ""

    @property
    def is_as_shown(self) -> bool:
        return self.status is None or not self.fault


class Newcomer:
    """A folder with a copy of the checkout, a desk, an empty HOME and a new virtual environment."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.endpoint = endpoint
        names = ("checkout", "desk", "home", "desk/dist")  # the wheel lies where the pages have it
        self.checkout, self.desk, self.home, self.wheels = (folder / name for name in names)
        for place in (self.desk, self.home, self.wheels):
            place.mkdir(parents=True)
        _copy_checkout(self.checkout)
        write_desk(self.desk)
        shutil.rmtree(self.desk / "hub" / f"models--{BASE.replace('/', '--')}")
        cache_in_hub(Path(packaged_model()), self.desk / "hub", BASE)
        shutil.copy(ROOT / "visualize_embeddings.py", self.desk)
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        self.environment = _environment(venv, self.home, self.desk / "hub", self.wheels)

    def wheel(self) -> Step:
        """The wheel, as the index will have it."""
        return self.step("(before the first page)", f"pip wheel --quiet --no-deps --wheel-dir {self.wheels} .", {0})

    def step(self, page: str, command: str, allowed: set[int], *, is_python: bool = False) -> Step:
        """Run one command, or the Python of a block."""
        in_checkout = command.startswith((*IN_CHECKOUT, "pip wheel"))
        words = ["python", "-c", command] if is_python else ["bash", "-c", command.replace(ENDPOINT, self.endpoint)]
        started = time.perf_counter()
        done = subprocess.run(
            words, cwd=self.checkout if in_checkout else self.desk, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        fault = "" if done.returncode in allowed else done.stdout[-2000:]
        shown = f"(Python) {command.strip().splitlines()[-1]}" if is_python else command
        return Step(page, shown, done.returncode, seconds, fault, done.stdout)

    def walk(self, page: Path) -> Iterator[Step]:
        """Every step of a page."""
        name = page.relative_to(ROOT).as_posix()
        found = [Block(page, *match.groups()) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
        shell = [block for block in found if block.language in ("bash", "console")]
        installs = [command for block in shell for command in commands(block) if command.startswith(INSTALLS)]
        for command in installs:
            yield self._run_or_leave(name, command, {0})
        printed = ""
        done: Iterable[Step]
        for language, run in groupby(found, key=lambda block: block.language):
            if language == "python":  # the Python of a page goes on where it stopped
                done = [self.step(name, "\n".join(block.text for block in run), {0}, is_python=True)]
            elif language in ("bash", "console"):
                others = [(command, block) for block in run for command in commands(block) if command not in installs]
                done = (
                    self._run_or_leave(name, command, allowed_statuses(command, block)) for command, block in others
                )
            elif language == "text" and page == TUTORIAL:
                done, printed = [_compared(name, block.text, printed) for block in run], ""
            else:
                continue
            for step in done:
                printed += step.printed
                yield step

    def _run_or_leave(self, page: str, command: str, allowed: set[int]) -> Step:
        reasons = [reason for start, reason in LEFT_OUT.items() if command.startswith(start)]
        reasons += [reason for part, reason in FETCHING.items() if part in command]
        if not reasons and shutil.which(command.split()[0], path=self.environment["PATH"]) is None:
            reasons = [f"{command.split()[0]} is not on this machine"]
        if reasons:
            return Step(page, command, None, fault=reasons[0])
        return self.step(page, command, allowed)


def allowed_statuses(command: str, block: Block) -> set[int]:
    """How a command may end: as the page says (``  # exit status 3``), else with any verdict, else well."""
    stated = re.search(rf"{re.escape(command)}  # exit status (\d+)", block.text)
    if stated:
        return {int(stated[1])}
    words = command.split()
    return {0, 1, 3} if "--gate" in words else {0, 3} if words[:2] == ["embedscope", "parity"] else {0}


def _compared(page: str, shown: str, printed: str) -> Step:
    """A fault where lines that are shown are not printed; other numbers are none, and are said."""
    try:
        new = renewed(shown, printed)
    except LookupError as error:
        return Step(page, "(what is shown)", 1, fault=str(error))
    others = sum(a != b for a, b in zip(shown.splitlines(), new.splitlines(), strict=True))
    return Step(page, f"(what is shown: {others} lines with other numbers)", 0)


def _copy_checkout(folder: Path) -> None:
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def _environment(venv: Path, home: Path, hub: Path, wheels: Path) -> dict[str, str]:
    """Variables of a new user: those that reach an index are kept, nothing of this user's own is."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "SSL_")) or name.lower() in ("http_proxy", "https_proxy", "no_proxy", "lang")
    }
    config = Path.home() / ".config" / "pip" / "pip.conf"
    if "PIP_CONFIG_FILE" not in kept and config.exists():
        kept["PIP_CONFIG_FILE"] = str(config)
    for name in ("uv", "uvx"):  # of this environment, if it has them; nothing else of it
        found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        if found is not None:
            (venv / "bin" / name).symlink_to(Path(found).resolve())
    return kept | {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.defpath}",
        "HOME": str(home),
        "COLUMNS": str(WIDTH),
        "HF_HUB_CACHE": str(hub),
        "HF_HUB_OFFLINE": "1",
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_FIND_LINKS": f"{kept.get('PIP_FIND_LINKS', '')} {wheels}".strip(),
        "UV_FIND_LINKS": ",".join(filter(None, (kept.get("UV_FIND_LINKS"), str(wheels)))),
    }


def table(steps: Sequence[Step]) -> str:
    """The log in Markdown."""
    n_wrong = sum(not step.is_as_shown for step in steps)
    lines = [
        f"Python {platform.python_version()}, {platform.system()} on {platform.machine()}: {len(steps)} steps, "
        f"{sum(step.status is None for step in steps)} left out, {n_wrong} not as shown\n",
        "| page | command | exit status | seconds | as shown |",
        "|---|---|---:|---:|---|",
    ]
    for step in steps:
        command = step.command.replace("|", "\\|")
        is_run = step.status is not None
        said = f"{step.status} | {step.seconds:.1f} | {'yes' if step.is_as_shown else '**no**'}"
        lines.append(f"| {step.page} | `{command}` | {said if is_run else f' |  | left out: {step.fault}'} |")
    for step in steps:
        if not step.is_as_shown:
            lines += ["", f"`{step.command}`:", "", "```text", step.fault.strip(), "```"]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Walk, say each step as it ends, write the log; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="+", type=Path, default=PAGES, help="pages to walk (default: all)")
    parser.add_argument("--log", type=Path, help="file for the table")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and say where it is")
    chosen = parser.parse_args()
    folder = Path(mkdtemp(prefix="fresh-walk-"))
    steps: list[Step] = []
    try:
        with serving(Loopback(encode=lambda texts: made_up(texts, 128))) as server:
            newcomer = Newcomer(folder, server.address)
            walked = (step for page in chosen.pages for step in newcomer.walk(page.resolve()))
            for step in chain([newcomer.wheel()], walked):
                steps.append(step)
                print(f"{step.status} {step.seconds:7.1f} s  {step.page}: {step.command}", flush=True)
    finally:
        if chosen.log is not None:
            chosen.log.write_text(table(steps), encoding="utf-8")
        if chosen.keep:
            print(folder)
        else:
            shutil.rmtree(folder)
    return int(not all(step.is_as_shown for step in steps))


if __name__ == "__main__":
    raise SystemExit(main())
