"""Everything that an evaluation computes, beside the part of it that cannot be left out.

Claims:

1. ``embedscope.evaluate`` on 5,000 x 100,000 x 256 arrays, with all metrics, similarity figures and intervals, takes at
   most 1.6 times the time of the bare matrix product in the same blocks on the same threads;
2. ``embedscope evaluate`` on cached vectors, 942 queries x 4,712 documents with hard negatives, with all figures, takes
   at most 1.5 times the time of reading the files, scoring and the n-gram baseline.

Times are processor seconds of all threads, which a busy neighbour moves less than it moves a clock. The command and its
peer each run in a process of their own, imports included.

    PYTHONPATH=src python benchmarks/evaluation_whole.py [--quick] [--json FILE]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import embedscope
from embedscope import pipeline, systems
from embedscope.data.sample import sample_path
from embedscope.measure.lexical import lexical_values
from embedscope.measure.ngrams import SplitTexts
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.settings import Settings
from evaluation_pass import Problem, random_problem, separate_products
from measuring import Claim, alternate, argument_parser, publish

N_NEGATIVES = 4
PARTS = "--parts"


def arrays_claim(problem: Problem, repeats: int) -> Claim:
    """Claim 1."""
    ours, floor = "embedscope.evaluate", "bare product, a block a thread"
    qrels = np.split(problem.judgments.documents, problem.judgments.indptr[1:-1])
    rounds = alternate(
        {
            floor: lambda: separate_products(problem),
            ours: lambda: embedscope.evaluate(problem.queries, problem.documents, qrels),
        },
        repeats=repeats,
        clock=time.process_time,
    )
    over_bare = rounds.ratio(ours, to=floor)
    return Claim(
        claim=f"All figures of {len(qrels):,} x {len(problem.documents):,} x {problem.queries.shape[1]} arrays",
        ours=rounds.timing(ours),
        peers=(rounds.peer(floor, ours=ours),),
        target="at most 1.6 times the bare product (processor time)",
        met=over_bare <= 1.6,
        note=f"{over_bare:.2f} times the bare product.",
    )


def command_claim(n_queries: int, repeats: int, seed: int) -> Claim:
    """Claim 2."""
    ours, floor = "embedscope evaluate", "reading, scoring and n-grams"
    with tempfile.TemporaryDirectory() as root:
        words = write_files(Path(root), n_queries, seed)
        rounds = alternate(
            {
                floor: lambda: in_process(__file__, PARTS, *words),
                ours: lambda: in_process("-m", "embedscope", "evaluate", *words, "--quiet"),
            },
            repeats=repeats,
            clock=seconds_of_children,
        )
    over_parts = rounds.ratio(ours, to=floor)
    return Claim(
        claim=f"evaluate on {n_queries:,} queries x {n_queries * (1 + N_NEGATIVES):,} documents with cached vectors",
        ours=rounds.timing(ours),
        peers=(rounds.peer(floor, ours=ours),),
        target="at most 1.5 times reading, scoring and n-grams (processor time)",
        met=over_parts <= 1.5,
        note=f"{over_parts:.2f} times; start and imports count in both.",
    )


def write_files(folder: Path, n_queries: int, seed: int) -> list[str]:
    """Sample rows, numbered so that no two texts are equal, and made-up vectors of them; the options that name both."""
    sample = json.loads(sample_path("train").read_text(encoding="utf-8"))
    generator = np.random.default_rng(seed)
    rows, texts, vectors = [], [], []
    for number in range(n_queries):
        row = sample[number % len(sample)]
        negatives = [row["hard_neg"][j % len(row["hard_neg"])] for j in range(N_NEGATIVES)]
        named = [f"{row['query']} {number}", f"{row['pos']} {number}"]
        named += [f"{negative['text']} {number} {j}" for j, negative in enumerate(negatives)]
        hard = [{**negative, "text": text} for negative, text in zip(negatives, named[2:], strict=True)]
        rows.append({**row, "query": named[0], "pos": named[1], "hard_neg": hard})
        texts += named
        spread = np.array([1.0, 1.2, *np.full(N_NEGATIVES, 1.4)])[:, np.newaxis]
        vectors.append(generator.standard_normal(384) + spread * generator.standard_normal((len(named), 384)))
    data, embeddings = folder / "rows.json", folder / "vectors.npz"
    data.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    np.savez(embeddings, texts=np.array(texts), vectors=np.concatenate(vectors).astype(np.float32))
    return ["--data", str(data), "--embeddings", str(embeddings)]


def run_parts(data: str, embeddings: str) -> None:
    """What no evaluation can leave out, by the functions of the package."""
    settings = Settings.of(data=data, embeddings=embeddings, max_samples=0)
    collection = pipeline.read(settings)
    embedded = systems.embed(embeddings, collection, settings)
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    rank(collection, embedded.embeddings, query_set, settings)
    texts = SplitTexts.of([collection.queries[row] for row in query_set.rows]), SplitTexts.of(collection.documents)
    chosen = settings.measure
    lexical_values(*texts, query_set.judgments, chosen.metrics, tolerance=chosen.tie_tolerance)


def in_process(*words: str) -> None:
    """Python with these arguments, in a process of its own."""
    subprocess.run([sys.executable, *words], env=dict(os.environ), stdout=subprocess.DEVNULL, check=True)


def seconds_of_children() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(words: Sequence[str]) -> None:
    if PARTS in words:
        _, _, data, _, embeddings = words
        run_parts(data, embeddings)
        return
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--queries", type=int, default=942, help="of the command (default: %(default)s)")
    parser.add_argument("--shape", default="5000x100000x256", help="of the arrays (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few rows, one round: does it run at all")
    options = parser.parse_args(words)
    if options.quick:
        options.queries, options.shape, options.repeats = 40, "50x1000x16", 1
    n_queries, n_documents, dim = map(int, options.shape.split("x"))
    problem = random_problem(n_queries, n_documents, dim, options.seed)
    claims = [
        arrays_claim(problem, options.repeats),
        command_claim(options.queries, options.repeats, options.seed),
    ]
    publish(claims, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
