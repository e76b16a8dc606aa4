"""Exact evaluation of a corpus larger than the memory it is given: time and peak memory under a hard limit.

Random unit vectors are written to disk as float16 shards, block by block. Each query is a document of its own (planted)
plus noise, so that some queries find it and some do not. ``embedscope evaluate --memory`` then runs in a process of its
own whose address space the kernel limits to the same number of bytes (RLIMIT_AS, which counts more than resident
memory): had the process asked for more, it would have died.

    python benchmarks/out_of_core.py                                         # 10,000 x 10,000,000 x 128: minutes
    python benchmarks/out_of_core.py --documents 200000 --queries 1000       # seconds
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedscope.scale.planning import Corpus, measure_rates
from embedscope.scale.shard_writer import write_shards
from embedscope.units import format_bytes, format_count, parse_bytes, parse_count
from measuring import Claim, Timing, argument_parser, publish

BLOCK = 1 << 18
NOISE = 2.2
"""Length of the noise added to a unit vector: about half of the queries then rank their document first."""


@dataclass(frozen=True)
class Run:
    """A run of the command line: seconds, peak resident bytes, and its report."""

    seconds: float
    peak_bytes: int
    report: dict


def main() -> None:
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--documents", type=parse_count, default=10_000_000)
    parser.add_argument("--queries", type=parse_count, default=10_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--dtype", default="float16", choices=("float16", "float32"))
    parser.add_argument("--memory", default="4GB", help="limit of the process (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to put the shards; kept if it is there (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        folder = options.folder or Path(scratch) / "shards"
        if not folder.exists():
            write(folder, options)
        runs = [evaluate(folder, options.memory, Path(scratch)) for _ in range(options.repeats)]
    publish([claim_of(runs, options)], options.json)


def write(folder: Path, options) -> None:
    """The shard folder: document i * step is the planted one of query i."""
    start = time.perf_counter()
    rows = planted(options.documents, options.queries)
    write_shards(
        folder,
        queries(options, rows),
        (block for _, block in document_blocks(options)),
        [[int(row)] for row in rows],
        dtype=options.dtype,
    )
    print(f"wrote {folder} in {time.perf_counter() - start:.0f} s")


def planted(n_documents: int, n_queries: int) -> np.ndarray:
    """Row of the relevant document of each query, spread over the corpus."""
    return np.arange(n_queries, dtype=np.int64) * (n_documents // n_queries)


def document_blocks(options) -> Iterator[tuple[int, np.ndarray]]:
    """Unit vectors, the same for the same seed, a block at a time."""
    for start in range(0, options.documents, BLOCK):
        generator = np.random.default_rng([options.seed, start])
        n_rows = min(BLOCK, options.documents - start)
        yield start, unit(generator.standard_normal((n_rows, options.dim), dtype=np.float32))


def queries(options, rows: np.ndarray) -> np.ndarray:
    """Planted documents plus noise of a fixed length."""
    found = np.empty((len(rows), options.dim), dtype=np.float32)
    for start, block in document_blocks(options):
        own = np.flatnonzero((rows >= start) & (rows < start + len(block)))
        found[own] = block[rows[own] - start]
    noise = unit(np.random.default_rng([options.seed, 1 << 40]).standard_normal(found.shape, dtype=np.float32))
    return unit(found + NOISE * noise)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def evaluate(folder: Path, memory: str, scratch: Path) -> Run:
    """One run of the command line under a limit of its address space."""
    limit = parse_bytes(memory)
    words = ["evaluate", "--embeddings", str(folder), "--memory", memory, "--output", str(scratch / "out")]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "embedscope", *words, "--examples", "0"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"evaluate ended with status {process.returncode}")
    report = json.loads((scratch / "out" / "report.json").read_text(encoding="utf-8"))
    return Run(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), report)


def claim_of(runs: list[Run], options) -> Claim:
    """Time and memory beside the time of the bare product, which nothing exact can undercut."""
    rates = measure_rates(options.dim, options.dtype)
    corpus = Corpus(options.documents, options.queries, options.dim, options.dtype)
    floor = 2.0 * options.dim * options.documents * options.queries / rates.product_flops
    seconds = sorted(run.seconds for run in runs)
    peak = max(run.peak_bytes for run in runs)
    metrics = runs[0].report["metrics"]
    figures = ", ".join(
        f"{name} {metrics[name]['value']:.4f} [{metrics[name]['low']:.4f}, {metrics[name]['high']:.4f}]"
        for name in ("MRR", "Success@1", "Success@10")
    )
    shape = f"{format_count(options.queries)} x {format_count(options.documents)} x {options.dim}"
    return Claim(
        claim=f"exact metrics of {shape} on disk ({format_bytes(corpus.n_bytes)} of {options.dtype})",
        ours=Timing(
            "embedscope evaluate --memory " + options.memory, seconds[len(seconds) // 2], seconds[0], seconds[-1]
        ),
        target=f"ends under a limit of {options.memory}",
        met=peak < parse_bytes(options.memory),
        note=(
            f"Peak resident memory {format_bytes(peak)}, address space limited to {options.memory} (RLIMIT_AS). The "
            f"bare product at the measured {rates.product_flops / 1e9:.0f} GFLOP/s would take {floor:.0f} s. {figures}."
        ),
    )


if __name__ == "__main__":
    main()
