"""A TREC run read and judged, beside ranx.

Claim: 10,000 queries with lists of 1,000 documents, ten million lines, in less than 60 s and 2 GB.

Each candidate works in a process of its own, after a warm-up on a run of a few lines. embedscope reads the texts and
judgments of 100,000 documents, the run, and gives every default metric with its interval, the failures by mode and the
verdict, without the n-gram baseline. ranx reads judgments and run and gives the means of the same metrics.

    PYTHONPATH=src python benchmarks/run_files.py [--queries 10000 --depth 1000 --documents 100000] [--json FILE]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from measuring import (
    Claim,
    PeerTiming,
    Rounds,
    Timing,
    argument_parser,
    missing_peer,
    peak_bytes_above_start,
    publish,
    seconds_of,
)

LIMIT_S, LIMIT_BYTES = 60.0, 2e9
N_RELEVANT = 3
OURS, PEER = "embedscope.run", "ranx.evaluate"


def main() -> None:
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=1_000)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--judge", choices=(OURS, PEER), help="what a process of its own does")
    parser.add_argument("--folder", type=Path, help="where its data is")
    options = parser.parse_args()
    if options.judge is not None:
        judge(options.judge, options.folder)
        return
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        folder = Path(scratch)
        write(folder / "small", 20, 10, 100, options.seed)
        write(folder / "whole", options.queries, options.depth, options.documents, options.seed)
        found = {OURS: [], PEER: []}
        for _ in range(options.repeats):
            for name, runs in found.items():
                runs.append(in_a_process(name, folder))
    publish([claim_of(found, options)], options.json)


def write(folder: Path, n_queries: int, depth: int, n_documents: int, seed: int) -> None:
    """A BEIR folder, its judgments as TREC has them, and a run: falling scores of six digits, some of them equal."""
    generator = np.random.default_rng(seed)
    (folder / "beir" / "qrels").mkdir(parents=True)
    for name, n, letter in (("corpus", n_documents, "d"), ("queries", n_queries, "q")):
        lines = (
            json.dumps({"_id": f"{letter}{i}", "text": f"{letter}{i} {generator.integers(1 << 30)}"}) for i in range(n)
        )
        (folder / "beir" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    relevant = [generator.choice(n_documents, N_RELEVANT, replace=False).tolist() for _ in range(n_queries)]
    with (folder / "beir/qrels/test.tsv").open("w") as beir, (folder / "qrels.trec").open("w") as trec:
        beir.write("query-id\tcorpus-id\tscore\n")
        for query, listed in enumerate(relevant):
            beir.writelines(f"q{query}\td{document}\t1\n" for document in listed)
            trec.writelines(f"q{query} 0 d{document} 1\n" for document in listed)
    with (folder / "run.trec").open("w") as run:
        for query, listed in enumerate(relevant):
            others = (generator.integers(n_documents) + 97 * np.arange(depth)) % n_documents
            documents = np.unique(np.append(others[: depth - 1], listed[0]))
            scores = np.sort(generator.random(len(documents)))[::-1]
            ranked = zip(generator.permutation(documents).tolist(), scores.tolist(), strict=True)
            run.writelines(f"q{query} Q0 d{d} {rank} {s:.6f} model\n" for rank, (d, s) in enumerate(ranked, start=1))


def judge(name: str, folder: Path) -> None:
    """Prints seconds, bytes and MRR of one candidate."""
    call = with_embedscope if name == OURS else with_ranx
    call(folder / "small")
    result: dict[str, float] = {}
    seconds: list[float] = []
    peak = peak_bytes_above_start(lambda: seconds.append(seconds_of(lambda: result.update(mrr=call(folder / "whole")))))
    print(json.dumps({"seconds": seconds[0], "bytes": peak, **result}))


def with_embedscope(folder: Path) -> float:
    import embedscope

    settings = embedscope.Settings.of(max_samples=0, skip_tsne=True, skip_umap=True, lexical=False)
    result = embedscope.run(settings, run=folder / "run.trec", data=folder / "beir")
    return result.metrics["MRR"].trec


def with_ranx(folder: Path) -> float:
    import ranx

    files = ranx.Qrels.from_file(str(folder / "qrels.trec")), ranx.Run.from_file(str(folder / "run.trec"))
    names = [
        "mrr",
        "mrr@10",
        "hit_rate@1",
        "hit_rate@5",
        "hit_rate@10",
        "recall@10",
        "recall@100",
        "ndcg@10",
        "map@100",
    ]
    return float(ranx.evaluate(*files, names)["mrr"])


def in_a_process(name: str, folder: Path) -> dict[str, float] | None:
    """What a process of its own prints; None where ranx is not installed."""
    words = [sys.executable, __file__, "--judge", name, "--folder", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode and "No module named 'ranx'" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def claim_of(found: dict[str, list[dict[str, float] | None]], options) -> Claim:
    ours = found[OURS]
    theirs = [run for run in found[PEER] if run is not None]
    rounds = Rounds({OURS: [run["seconds"] for run in ours], PEER: [run["seconds"] for run in theirs]})
    peak = max(run["bytes"] for run in ours)
    note = f"Peak memory above the start: {peak / 1e9:.2f} GB"
    peers: tuple[PeerTiming, ...] = ()
    if theirs:
        peers = (rounds.peer(PEER, ours=OURS),)
        apart = abs(ours[0]["mrr"] - theirs[0]["mrr"])
        note += f", ranx {max(run['bytes'] for run in theirs) / 1e9:.2f} GB. The MRR of the two differ by {apart:.1g}."
    else:
        note += f". {missing_peer('ranx')}"
    timing: Timing = rounds.timing(OURS)
    return Claim(
        claim=f"Run file of {options.queries:,} x {options.depth:,} over {options.documents:,} documents, judged",
        ours=timing,
        peers=peers,
        target="at most 60 s and 2 GB",
        met=timing.median_s <= LIMIT_S and peak <= LIMIT_BYTES,
        note=note,
    )


if __name__ == "__main__":
    main()
