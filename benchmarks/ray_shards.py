"""A corpus on Ray with two workers on this machine: the numbers of one process, also when a worker is killed.

The data set's texts are encoded (or taken from the cache of vectors), written as shards, and evaluated three times: in
this process, on two Ray workers, and on two workers of which one is killed while it scores a shard. Every figure of the
three reports must be equal.

    python benchmarks/ray_shards.py --data rental-vi/test.json --checkpoint MODEL
    python benchmarks/ray_shards.py --embeddings vectors.npz --data test.json
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedscope.cli.main import main as embedscope
from embedscope.data.sample import sample_path
from measuring import Claim, PeerTiming, Timing, argument_parser, publish


@dataclass(frozen=True)
class Run:
    """Seconds of a run, and its report."""

    seconds: float
    report: dict


def main() -> None:
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--data", default=str(sample_path("test")), help="the data set (the sample data)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="the model")
    source.add_argument("--embeddings", help="vectors in place of a model")
    parser.add_argument("--shard-rows", default="300", help="rows a shard (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        publish([compare(Path(scratch) / "shards", options)], options.json)


def compare(where: Path, options) -> Claim:
    """The three runs, held against one another."""
    import ray

    source = ["--checkpoint", options.checkpoint] if options.checkpoint else ["--embeddings", options.embeddings]
    words = ["shard", "--data", options.data, *source, "--output", str(where), "--shard-rows", options.shard_rows]
    if embedscope(words):
        raise SystemExit("the shard folder could not be written")
    local = evaluate(where)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        on_ray = evaluate(where, "--engine", "ray")
        killed: list[int] = []
        killer = threading.Thread(target=kill_a_worker, args=(killed,), daemon=True)
        killer.start()
        survived = evaluate(where, "--engine", "ray")
    finally:
        ray.shutdown()
    same = [run.report["metrics"] == local.report["metrics"] and run.report["similarity"] == local.report["similarity"]
            for run in (on_ray, survived)]  # fmt: skip
    sizes = local.report["data"]
    return Claim(
        claim=f"Ray, 2 workers, {sizes['n_queries']:,} x {sizes['n_documents']:,} x {sizes['dim']}",
        ours=timing("local", local),
        peers=tuple(
            PeerTiming(label, run.seconds, run.seconds, run.seconds, run.seconds / local.seconds)
            for label, run in (("Ray", on_ray), ("Ray, one worker killed", survived))
        ),
        target="every figure equal to the last bit, with and without a killed worker",
        met=all(same) and len(killed) == 1,
        note=f"Workers killed: {len(killed)}. MRR {local.report['metrics']['MRR']['value']:.6f} in all three runs."
        if all(same)
        else f"Equal without a death: {same[0]}; with one: {same[1]}.",
    )


def timing(label: str, run: Run) -> Timing:
    return Timing(label, run.seconds, run.seconds, run.seconds)


def evaluate(where: Path, *more: str) -> Run:
    """One run of the command in this process."""
    out = where.parent / "out"
    start = time.perf_counter()
    status = embedscope(["evaluate", "--embeddings", str(where), "--output", str(out), "--quiet", *more])
    if status:
        raise SystemExit(f"evaluate ended with status {status}")
    return Run(time.perf_counter() - start, json.loads((out / "report.json").read_text(encoding="utf-8")))


def kill_a_worker(killed: list[int]) -> None:
    """Wait until a worker of ours scores a shard, then end its process the hard way."""
    while not killed:
        for process in psutil.Process().children(recursive=True):  # other Ray sessions of the machine are not ours
            with suppress(psutil.Error):
                is_at_work = "".join(process.cmdline()[:1]).startswith("ray::_score_shard")  # Ray writes the task there
                if is_at_work and not killed:
                    process.kill()
                    killed.append(process.pid)
        time.sleep(0.002)


if __name__ == "__main__":
    main()
