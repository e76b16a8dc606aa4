"""Is `embedscope plan` right? Its estimate beside the measured time of real runs, at three sizes.

Random unit vectors are written to disk; then, in turn, the rates are measured and the command evaluates the folder in a
process of its own, as a user would. Estimate and run are of the same machine in the same minutes, so a busy neighbour
meets both, not equally: a quiet machine is needed to judge the model.

    python benchmarks/plan_check.py
    python benchmarks/plan_check.py --sizes 1k:100k,2k:200k
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from embedscope.scale.planning import Corpus, measure_rates, one_machine
from embedscope.units import format_bytes, format_count, parse_count
from measuring import Claim, PeerTiming, Timing, argument_parser, publish
from out_of_core import write

SIZES = "2k:250k,5k:500k,10k:1M"
TOLERANCE = 0.3
"""Estimate and run may differ by this share: what a shared machine does from minute to minute."""


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--sizes", default=SIZES, help="queries:documents, ... (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--dtype", default="float16", choices=("float16", "float32"))
    options = parser.parse_args()
    pairs = [tuple(map(parse_count, size.split(":"))) for size in options.sizes.split(",")]
    publish([check(n_queries, n_documents, options) for n_queries, n_documents in pairs], options.json)


def check(n_queries: int, n_documents: int, options) -> Claim:
    """Estimate and runs of one size, alternating."""
    corpus = Corpus(n_documents, n_queries, options.dim, options.dtype)
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        where = Path(scratch) / "shards"
        sizes = SimpleNamespace(documents=n_documents, queries=n_queries, **vars(options))
        write(where, sizes)
        estimates, runs, memory = [], [], 0
        for _ in range(options.repeats):
            estimate, plan = one_machine(corpus, measure_rates(options.dim, options.dtype, n_queries))
            words = [sys.executable, "-m", "embedscope", "evaluate", "--embeddings", str(where), "--quiet"]
            start = time.perf_counter()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            runs.append(time.perf_counter() - start)
            estimates.append(estimate.total_s)
            memory = plan.total
        shutil.rmtree(where)
    ratio = sorted(predicted / run for predicted, run in zip(estimates, runs, strict=True))[len(runs) // 2]
    return Claim(
        claim=f"plan of {format_count(n_queries)} x {format_count(n_documents)} x {options.dim}",
        ours=timing("measured run", runs),
        peers=(PeerTiming(**vars_of(timing("estimate", estimates)), ratio=ratio),),
        target=f"estimate within {TOLERANCE:.0%} of the run",
        met=abs(ratio - 1) <= TOLERANCE,
        note=f"Stated bound of the memory: {format_bytes(memory)}.",
    )


def timing(label: str, seconds: list[float]) -> Timing:
    ordered = sorted(seconds)
    return Timing(label, ordered[len(ordered) // 2], ordered[0], ordered[-1])


def vars_of(found: Timing) -> dict:
    return {name: getattr(found, name) for name in ("label", "median_s", "low_s", "high_s")}


if __name__ == "__main__":
    main()
