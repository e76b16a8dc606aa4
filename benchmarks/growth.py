"""How the time and the memory of every command grow with documents and with queries.

Each command runs in a process of its own on made texts and vectors (`growth_data.py`): a series of sizes over documents
with the number of queries fixed, and one over queries with the number of documents fixed, two sizes a decade. Counted
are processor seconds of the process and its children, which a busy neighbour moves less than it moves a clock; peak
resident memory; and the bytes of page and Parquet files. What one run keeps on disk no other finds. A series ends where
the next size, going by the last two, would take more than ``--limit-s`` longer than its first: start and imports, ten
seconds and more of some commands, do not count. The fourth size, which a fit needs, may take four times as long. With
the default all series together take about 20 minutes.

The exponent p is that of ``a + b n^p`` with a, b >= 0 over the upper two decades: for each p of a grid, a and b are
fitted by non-negative least squares of the relative errors, and the p with the smallest error is taken; ``a`` is what
does not grow (start, imports, the side that is fixed). It takes four sizes. Where the largest costs less than 1.5 times
the smallest, the fixed cost covers the growth, and the exponent is 0. n log n has the exponent 1 + 1 / ln n, 1.07 to
1.15 here, and timings spread: n log n is kept up to 1 + ``SLACK``.

    python benchmarks/growth.py --page docs/growth.md                    # 20 minutes; the plot is written beside it
    python benchmarks/growth.py --long --page docs/growth.md             # up to 10,000,000 documents in shards
    python benchmarks/growth.py --only evaluate audit --limit-s 30
    python benchmarks/growth.py --from benchmarks/recorded/growth.json --page docs/growth.md    # draws it again
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from growth_data import Size, Work
from growth_page import write_page
from measuring import Claim, Timing, argument_parser, publish
from page import machines
from results import this_machine, this_run

STEP = 10**0.5
SLACK = 0.2
"""What an exponent of a few timed sizes may lie above the promised one."""

LEAST_SIZES = 4
"""Sizes from which an exponent is fitted: a curve of three numbers goes through any three points."""

NEEDED = 4
"""How many times its limit a run may take while too few sizes are there to fit an exponent."""

SEEN = 1.5
"""Growth is seen where the largest size costs this many times the smallest."""

BARELY = 1.05
"""How many times the smallest a size may cost and show no growth."""


@dataclass(frozen=True, slots=True)
class Series:
    """A command, and the side that grows from ``first`` to ``largest``, the other fixed; 0 where there is no other.

    ``promised`` is the exponent of time and memory: 1 for linear and for n log n, 0 for bounded.
    """

    command: str
    grows: str  # "documents", "queries" or "rows"
    fixed: int
    largest: int
    words: Callable[[Work, Size], list[str]]
    promised: float = 1
    step: float = STEP

    def sizes(self, largest: int) -> list[int]:
        """The numbers of the side that grows."""
        first, last = 100 if self.grows == "queries" else 1000, min(self.largest, largest)
        n_steps = math.floor(math.log(last / first, self.step) + 1e-6)
        return [round(first * self.step**place) for place in range(n_steps + 1)]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    n: int
    processor_s: float
    wall_s: float
    peak_bytes: int
    page_bytes: int
    parquet_bytes: int


@dataclass(frozen=True, slots=True)
class Grown:
    """A series with the exponents of its time and memory; None where there are too few sizes."""

    command: str
    grows: str
    fixed: int
    promised: float
    runs: tuple[Measured, ...]
    time_exponent: float | None
    memory_exponent: float | None

    @property
    def is_met(self) -> bool:
        """Whether time and memory grow no faster than promised."""
        found = [p for p in (self.time_exponent, self.memory_exponent) if p is not None]
        return bool(found) and round(max(found), 2) <= self.promised + SLACK


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float | None:
    """The p of ``a + b n^p`` that fits best, in [0, 3]; None with fewer than `LEAST_SIZES` sizes.

    None also where the largest size alone costs more than the smallest: a curve of any p goes through one such point.
    """
    n, cost = np.asarray(sizes, dtype=float), np.asarray(costs, dtype=float)
    if len(n) < LEAST_SIZES:
        return None
    is_upper = n >= n[-1] / 101
    n, cost = n[is_upper], cost[is_upper]
    if cost[-1] < SEEN * cost[0]:
        return 0.0
    if np.all(cost[:-1] < BARELY * cost[0]):
        return None

    def error(p: float) -> float:
        columns = np.column_stack([np.ones_like(n), (n / n[-1]) ** p]) / cost[:, np.newaxis]
        return float(nnls(columns, np.ones_like(n))[1])

    return float(min(np.arange(0.05, 3.001, 0.05), key=error))


SERIES = (
    Series("evaluate", "documents", 200, 10**6, Work.evaluate),
    Series("evaluate", "queries", 10_000, 10**5, Work.evaluate),
    Series("visualize", "documents", 200, 10**6, Work.visualize),
    Series("visualize", "queries", 10_000, 10**5, Work.visualize),
    Series("compare", "documents", 200, 10**6, Work.compare),
    Series("compare", "queries", 10_000, 10**5, Work.compare),
    Series("migrate", "documents", 200, 10**6, Work.migrate),
    Series("migrate", "queries", 10_000, 10**5, Work.migrate),
    Series("report", "queries", 10_000, 10**5, Work.report),
    Series("audit", "rows", 0, 10**6, Work.audit),
    Series("train", "rows", 0, 10**5, Work.train),
    Series("parity", "rows", 0, 10**6, Work.parity),
    Series("shard", "documents", 200, 10**6, Work.shard),
    Series("evaluate of shards", "documents", 1_000, 10**7, Work.evaluate_shards),
    Series("evaluate of shards", "queries", 10_000, 10**5, Work.evaluate_shards),
    Series("plan", "documents", 1_000, 10**9, Work.plan, promised=0, step=100.0),
)


def grown(series: Series, work: Work, *, largest: int, limit_s: float) -> Grown:
    """The runs of a series, each said as it comes."""
    runs: list[Measured] = []
    for n in series.sizes(largest):
        most = limit_s if len(runs) >= LEAST_SIZES else NEEDED * limit_s
        if len(runs) > 1 and predicted_s(runs, n) - runs[0].processor_s > most:
            break
        size = Size(series.fixed, n) if series.grows == "queries" else Size(n, series.fixed)
        runs.append(measured(n, series.words(work, size), work.output))
        cost = f"{runs[-1].processor_s:.1f} s, {runs[-1].peak_bytes / 1e6:,.0f} MB"
        print(f"{series.command} of {n:,} {series.grows}: {cost}", flush=True)
    return with_exponents(series.command, series.grows, series.fixed, series.promised, tuple(runs))


def with_exponents(command: str, grows: str, fixed: int, promised: float, runs: tuple[Measured, ...]) -> Grown:
    """A series with its exponents."""
    sizes = [run.n for run in runs]
    time = exponent(sizes, [run.processor_s for run in runs])
    return Grown(command, grows, fixed, promised, runs, time, exponent(sizes, [float(run.peak_bytes) for run in runs]))


def predicted_s(runs: Sequence[Measured], n: int) -> float:
    """Processor seconds of ``n`` if they go on to grow as between the last two sizes."""
    before, last = runs[-2:]
    grew = max(last.processor_s / before.processor_s, 1.0)
    return last.processor_s * grew ** (math.log(n / last.n) / math.log(last.n / before.n))


LAUNCHER = """
import json, os, subprocess, sys, tempfile, time
with tempfile.TemporaryFile() as said:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "embedscope", *sys.argv[1:]], stdout=said, stderr=said)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s, process.returncode = time.perf_counter() - start, os.waitstatus_to_exitcode(status)
    said.seek(0)
    if process.returncode:
        raise SystemExit(said.read().decode()[-2000:])
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps([usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss * unit]))
"""
"""Runs the command from a small process: Linux counts the memory of the process that starts another as the other's."""


def measured(n: int, words: Sequence[str], output: Path) -> Measured:
    """One run of the command line in a process of its own, with nothing kept from earlier ones."""
    with tempfile.TemporaryDirectory(prefix="embedscope-growth-kept-") as kept:
        environment = {**os.environ, "EMBEDSCOPE_CACHE": kept}
        launched = [sys.executable, "-c", LAUNCHER, *words]
        done = subprocess.run(launched, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stderr}")
    processor_s, wall_s, peak_bytes = json.loads(done.stdout)
    return Measured(
        n,
        processor_s=processor_s,
        wall_s=wall_s,
        peak_bytes=peak_bytes,
        page_bytes=sum(file.stat().st_size for file in output.glob("report.html")),
        parquet_bytes=sum(file.stat().st_size for file in output.rglob("*.parquet")),
    )


def claim_of(series: Grown) -> Claim:
    """The largest size of a series, with the exponents in the note."""
    last = series.runs[-1]
    return Claim(
        claim=f"growth of {series.command} with {series.grows}",
        ours=Timing(f"{last.n:,} {series.grows}", last.processor_s, last.processor_s, last.processor_s),
        target="bounded" if series.promised == 0 else "at most n log n, in time and memory",
        met=series.is_met,
        note=f"Exponents: time {said(series.time_exponent)}, memory {said(series.memory_exponent)}; processor seconds.",
    )


def said(value: float | None) -> str:
    """An exponent as text."""
    return "not fitted" if value is None else f"{value:.2f}"


def read_table(file: Path) -> tuple[list[str], list[Grown]]:
    """The machine and the series of an earlier run, their exponents fitted as they are today."""
    table = json.loads(file.read_text(encoding="utf-8"))
    stated = ("command", "grows", "fixed", "promised")
    return table["machine"], [
        with_exponents(*(one[name] for name in stated), tuple(Measured(**run) for run in one["runs"]))
        for one in table["series"]
    ]


def measured_series(chosen: Sequence[Series], options: argparse.Namespace) -> list[Grown]:
    """The chosen series, one after the other; the table is written after each."""
    found: list[Grown] = []
    for series in chosen:
        with tempfile.TemporaryDirectory(prefix="embedscope-growth-") as scratch:
            work = Work(Path(scratch), options.seed)
            found.append(grown(series, work, largest=int(options.largest), limit_s=options.limit_s))
        if options.table is not None:
            table = {"machine": described(), "series": [asdict(one) for one in found]}
            options.table.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return found


def described() -> list[str]:
    """The machine and the day."""
    return machines({"growth": [{**this_machine(), **this_run("bench")}]})


def main() -> None:
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--only", nargs="+", choices=sorted({series.command for series in SERIES}), metavar="COMMAND")
    parser.add_argument(
        "--limit-s", type=float, default=25.0, help="processor seconds of a run beyond the first (default: %(default)s)"
    )
    parser.add_argument("--largest", type=float, default=1e9, help="size at which every series ends")
    parser.add_argument("--long", action="store_true", help="runs of up to 10 minutes each")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write every run to FILE as JSON")
    parser.add_argument(
        "--from", dest="old", type=Path, metavar="FILE", help="measure nothing; take what --table wrote"
    )
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="write the page, and images/growth.svg beside it")
    options = parser.parse_args()
    if options.long:
        options.limit_s = 600.0
    chosen = [series for series in SERIES if options.only is None or series.command in options.only]
    if options.old is None:
        where, found = described(), measured_series(chosen, options)
    else:
        where, found = read_table(options.old)
    if options.page is not None:
        write_page(options.page, found, where)
    publish([claim_of(series) for series in found], options.json)


if __name__ == "__main__":
    main()
