"""Is `embedscope plan` right? Its estimate beside the measured time of real runs, at three sizes.

Random unit vectors are written to disk; then, in turn, the rates are measured and the command evaluates the folder in a
process of its own, as a user would. Estimate and run are of the same machine in the same minutes, so a busy neighbour
meets both, not equally: a quiet machine is needed to judge the model.

With ``--ray`` the run is that of two workers of a Ray cluster on this machine, which is there before, and the estimate
that of one node of two cores; with ``--checkpoint`` too, texts are encoded by the cluster, and the estimate is that of
`plan` at the rate of one process, measured on other texts of that length, and what this cluster takes for a few texts.

    python benchmarks/plan_check.py
    python benchmarks/plan_check.py --sizes 1k:100k,2k:200k
    python benchmarks/plan_check.py --ray --sizes 1k:500k,1k:1M,1k:1500k --repeats 1
    python benchmarks/plan_check.py --ray --checkpoint MODEL --sizes 10:500,10:1k,10:2k --repeats 1
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq

from embedscope.data.sample import sample_path
from embedscope.models.embed import encode_texts
from embedscope.models.model import load_model
from embedscope.scale.plan_totals import encoding_seconds
from embedscope.scale.planning import Corpus, Rates, measure_rates, one_machine, several_nodes
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
    parser.add_argument("--ray", action="store_true", help="on two workers of a Ray cluster on this machine")
    parser.add_argument("--checkpoint", help="with --ray: check the encoding of so many documents with this model")
    options = parser.parse_args()
    pairs = [tuple(map(parse_count, size.split(":"))) for size in options.sizes.split(",")]
    with two_workers() if options.ray else nullcontext([]) as engine:
        if options.checkpoint:
            claims = encoding_claims([n_documents for _, n_documents in pairs], engine, options)
        else:
            claims = [check(n_queries, n_documents, engine, options) for n_queries, n_documents in pairs]
        publish(claims, options.json)


@contextmanager
def two_workers() -> Iterator[list[str]]:
    """A cluster on this machine; the words of the command line that use it."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        yield ["--engine", "ray", "--ray-address", ray.get_runtime_context().gcs_address]
    finally:
        ray.shutdown()


def seconds_of(words: list[str]) -> float:
    """Seconds of a command in a process of its own."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "embedscope", *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def estimated(corpus: Corpus, rates: Rates, engine: list[str]) -> float:
    """Seconds that `plan` says for this machine, or for one node like it."""
    return (several_nodes(corpus, rates, 1) if engine else one_machine(corpus, rates)[0]).total_s


def encoding_claims(sizes: list[int], engine: list[str], options) -> list[Claim]:
    """Estimate and run of encoding so many texts on the cluster; what a run of 64 texts takes is its start."""
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        encoder = load_model(options.checkpoint).encoder
        encode_texts(texts_of(8), encoder)
        claims, start_s = [], encoded_on(engine, 64, Path(scratch), options)
        for n in sizes:
            begin = time.perf_counter()
            encode_texts(texts_of(256), encoder)
            rate = 256 / (time.perf_counter() - begin)
            estimate = start_s + encoding_seconds(Corpus(n, 10, encoder.dim), rate)
            run = encoded_on(engine, n, Path(scratch), options)
            peer = PeerTiming("estimate", estimate, estimate, estimate, estimate / run)
            claims.append(
                Claim(
                    claim=f"plan of encoding {format_count(n)} texts on Ray",
                    ours=Timing("measured run", run, run, run),
                    peers=(peer,),
                    target=f"estimate within {TOLERANCE:.0%} of the run",
                    met=abs(estimate / run - 1) <= TOLERANCE,
                    note=f"{rate:,.0f} texts a second in one process; a run of 64 texts takes {start_s:.1f} s.",
                )
            )
        return claims


def encoded_on(engine: list[str], n_texts: int, scratch: Path, options) -> float:
    """Seconds of `embedscope shard` of so many documents and ten queries."""
    texts = texts_of(n_texts)
    judged = {"query-id": texts[:10], "corpus-id": texts[:10], "score": [1] * 10}
    sides = {"queries": {"id": texts[:10], "text": texts[:10]}, "documents": {"id": texts, "text": texts}}
    words = ["shard", "--checkpoint", options.checkpoint, "--no-cache", "--output", str(scratch / "encoded"), *engine]
    for name, columns in {**sides, "judgments": judged}.items():
        pq.write_table(pa.table(columns), scratch / f"{name}.parquet")
        words += [f"--{name}", str(scratch / f"{name}.parquet")]
    seconds = seconds_of(words)
    shutil.rmtree(scratch / "encoded")
    return seconds


def texts_of(n: int) -> list[str]:
    """Texts of the sample data, in turn, each with its number."""
    found = [row["pos"] for row in json.loads(Path(sample_path("train")).read_text(encoding="utf-8"))]
    return [f"{found[i % len(found)]} {i}" for i in range(n)]


def check(n_queries: int, n_documents: int, engine: list[str], options) -> Claim:
    """Estimate and runs of one size, alternating."""
    corpus = Corpus(n_documents, n_queries, options.dim, options.dtype)
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        where = Path(scratch) / "shards"
        sizes = SimpleNamespace(documents=n_documents, queries=n_queries, **vars(options))
        write(where, sizes)
        estimates, runs, memory = [], [], 0
        for _ in range(options.repeats):
            rates = measure_rates(options.dim, options.dtype, n_queries)
            runs.append(seconds_of(["evaluate", "--embeddings", str(where), *engine]))
            estimates.append(estimated(corpus, rates, engine))
            memory = one_machine(corpus, rates)[1].total
        shutil.rmtree(where)
    ratio = sorted(predicted / run for predicted, run in zip(estimates, runs, strict=True))[len(runs) // 2]
    return Claim(
        claim=f"plan of {format_count(n_queries)} x {format_count(n_documents)} x {options.dim}"
        + " on two Ray workers" * bool(engine),
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
