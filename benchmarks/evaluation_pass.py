"""Exact ranks with ties, lists, histogram and all metrics, beside the matrix product alone and beside its peers.

Claims, for 5,000 queries x 100,000 documents x 256 dimensions of float32:

1. the whole pass takes at most 1.4 times as long as the bare matrix product of that shape into a reused output;
2. it is at least 6 times faster than sentence-transformers' InformationRetrievalEvaluator on the same arrays;
3. its peak memory is below 1 GB above the inputs;
4. metrics alone, once the ranks are known, beside ranx and pytrec_eval on the same lists of 100 documents.

The evaluator gets the arrays from a model whose ``encode`` returns them, so that only its scoring is timed. The bare
product runs twice: shared among the library's threads, and each thread by itself; claim 1 is held against the quicker.

    PYTHONPATH=src python benchmarks/evaluation_pass.py [--queries 5000 --documents 100000 --dim 256] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np

from embedscope.measure.scoring import Scores, score, values_of
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import COMPILED_DOCUMENT_BLOCK as COLUMNS
from embedscope.metrics.local_pass import COMPILED_QUERY_BLOCK as ROWS
from embedscope.metrics.threads import in_threads, n_threads
from embedscope.metrics.vectors import unit_rows
from embedscope.protocols import Float32Array, Float64Array
from embedscope.settings import DEFAULTS, TIE_TOLERANCE
from measuring import Claim, alternate, argument_parser, missing_peer, peak_bytes_above_start, publish

LIST_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Unit rows and which documents are relevant; a query lies near its relevant documents, but not always nearest."""

    queries: Float32Array
    documents: Float32Array
    judgments: Judgments


def random_problem(n_queries: int, n_documents: int, dim: int, seed: int) -> Problem:
    """One relevant document a query, for every tenth query three."""
    generator = np.random.default_rng(seed)
    documents = unit_rows(generator.standard_normal((n_documents, dim), dtype=np.float32))
    relevant = [generator.choice(n_documents, 3 if q % 10 == 0 else 1, replace=False) for q in range(n_queries)]
    noise = generator.standard_normal((n_queries, dim), dtype=np.float32) * np.float32(3.5 / np.sqrt(dim))
    queries = unit_rows(np.stack([documents[each].sum(axis=0) for each in relevant]) + noise)
    return Problem(queries, documents, Judgments.from_lists(relevant, n_documents=n_documents))


def whole_pass(problem: Problem, k: int) -> tuple[Scores, dict[str, Float64Array]]:
    """What ``embedscope evaluate`` computes of the matrix."""
    scores = score(problem.queries, problem.documents, problem.judgments, k=k, tolerance=TIE_TOLERANCE)
    return scores, values_of(DEFAULTS.measure.metrics, problem.judgments, scores.pair_scores, scores.counts)


def shared_product(problem: Problem) -> None:
    """Every block of the matrix into one buffer, each product shared among the library's threads."""
    buffer = np.empty(ROWS * 4 * COLUMNS, dtype=np.float32)  # the quickest of 1 to 32 MiB for two threads
    for first in range(0, len(problem.queries), ROWS):
        _multiply(problem, first, 4 * COLUMNS, buffer)


def separate_products(problem: Problem) -> None:
    """Every block of the matrix into one buffer a thread, each thread with queries of its own."""
    buffers: SimpleQueue[Float32Array] = SimpleQueue()
    for _ in range(n_threads()):
        buffers.put(np.empty(ROWS * COLUMNS, dtype=np.float32))

    def multiply(first: int) -> None:
        buffer = buffers.get()
        _multiply(problem, first, COLUMNS, buffer)
        buffers.put(buffer)

    for _ in in_threads(multiply, range(0, len(problem.queries), ROWS)):
        pass


def _multiply(problem: Problem, first: int, width: int, buffer: Float32Array) -> None:
    rows = problem.queries[first : first + ROWS]
    for start in range(0, len(problem.documents), width):
        columns = problem.documents[start : start + width]
        np.matmul(rows, columns.T, out=buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns)))


def evaluator_call(problem: Problem) -> Callable[[], dict[str, float]] | None:
    """sentence-transformers' evaluator on the arrays of the problem; None where it is not installed."""
    try:
        import torch
        from sentence_transformers.util import cos_sim
    except ImportError:
        return None
    try:
        from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    except ImportError:  # before release 6
        from sentence_transformers.evaluation import InformationRetrievalEvaluator
    names = [str(number) for number in range(len(problem.documents))]
    indptr, relevant = problem.judgments.indptr, problem.judgments.documents
    evaluator = InformationRetrievalEvaluator(
        queries={name: name for name in names[: len(problem.queries)]},
        corpus={name: name for name in names},
        relevant_docs={
            names[q]: {names[d] for d in relevant[indptr[q] : indptr[q + 1]]} for q in range(len(problem.queries))
        },
        write_csv=False,
    )

    def encode(rows: Float32Array) -> Callable[..., Any]:
        return lambda texts, **_: torch.from_numpy(rows[int(texts[0]) : int(texts[0]) + len(texts)])

    stub = SimpleNamespace(
        encode_query=encode(problem.queries),
        encode_document=encode(problem.documents),
        similarity=cos_sim,
        similarity_fn_name="cosine",
        model_card_data=SimpleNamespace(set_evaluation_metrics=lambda *_, **__: None),
    )
    return lambda: evaluator(stub)


def pass_claims(problem: Problem, k: int, repeats: int) -> list[Claim]:
    """Claims 1 to 3."""
    # First of all, so that neither memory nor machine code of earlier runs is there to be used again.
    peak = peak_bytes_above_start(lambda: whole_pass(problem, k))
    ours = f"embedscope: ranks with ties, top {k}, 40,000 bins, {len(DEFAULTS.measure.metrics)} metrics"
    shared, separate = "bare product, threads share it", "bare product, a block a thread"
    rounds = alternate(
        {
            shared: lambda: shared_product(problem),
            separate: lambda: separate_products(problem),
            ours: lambda: whole_pass(problem, k),
        },
        repeats=repeats,
    )
    quicker = min((shared, separate), key=lambda label: rounds.timing(label).median_s)
    over_bare = rounds.ratio(ours, to=quicker)
    floor = Claim(
        claim=f"Exact evaluation of {_shape(problem)} beside its floor",
        ours=rounds.timing(ours),
        peers=(rounds.peer(shared, ours=ours), rounds.peer(separate, ours=ours)),
        target="at most 1.4 times the bare product",
        met=over_bare <= 1.4,
        note=f"{over_bare:.2f} times the quicker product ({quicker}).",
    )
    memory = Claim(
        claim=f"Memory of the evaluation of {_shape(problem)}",
        ours=rounds.timing(ours),
        target="less than 1 GB above the inputs",
        met=peak < 10**9,
        note=f"Peak {peak / 1e6:,.0f} MB above the inputs, Numba and its compiled loops included.",
    )
    return [floor, *_evaluator_claim(problem, k, repeats, ours), memory]


def _evaluator_claim(problem: Problem, k: int, repeats: int, ours: str) -> list[Claim]:
    evaluate = evaluator_call(problem)
    if evaluate is None:
        print(missing_peer("sentence-transformers"))
        return []
    peer, floor = "sentence-transformers InformationRetrievalEvaluator", "bare product, a block a thread"
    theirs: list[dict[str, float]] = []
    rounds = alternate(
        {
            ours: lambda: whole_pass(problem, k),
            floor: lambda: separate_products(problem),
            peer: lambda: theirs.append(evaluate()),
        },
        repeats=min(repeats, 3),
        warm_up=False,
    )
    ratio = rounds.ratio(peer, to=ours)
    own = whole_pass(problem, k)[1]
    difference = abs(float(np.mean(own["Success@1"])) - theirs[-1]["cosine_accuracy@1"])
    return [
        Claim(
            claim=f"Exact evaluation of {_shape(problem)} beside sentence-transformers",
            ours=rounds.timing(ours),
            peers=(rounds.peer(peer, ours=ours), rounds.peer(floor, ours=ours)),
            target="at least 6 times faster",
            met=ratio >= 6 and difference < 1e-3,
            note=(
                f"{ratio:.1f} times faster, where the bare product alone is {rounds.ratio(peer, to=floor):.1f} times "
                f"faster; Success@1 differs by {difference:.1g}."
            ),
        )
    ]


def metrics_claim(problem: Problem, repeats: int) -> Claim:
    """Claim 4: the same lists given to each in its own form, made beforehand."""
    measures = ("MRR@10", "nDCG@10", "Recall@100", "MAP@100")
    scores, _ = whole_pass(problem, LIST_LENGTH)
    ours = "embedscope, from counts of ranks"
    candidates: dict[str, Callable[[], object]] = {
        ours: lambda: values_of(measures, problem.judgments, scores.pair_scores, scores.counts)
    }
    notes = [
        "embedscope counted ranks and ties while it scored, and takes their mean; the peers order their lists again."
    ]
    judgments, run = _as_dictionaries(problem, scores)
    for package, make in (("ranx", _ranx_call), ("pytrec_eval", _trec_call)):
        try:
            candidates[package] = make(judgments, run)
        except ImportError:
            notes.append(missing_peer(package))
    rounds = alternate(candidates, repeats=repeats)
    peers = tuple(rounds.peer(label, ours=ours) for label in candidates if label != ours)
    return Claim(
        claim=f"Four metrics of {len(problem.queries):,} queries from known ranks",
        ours=rounds.timing(ours),
        peers=peers,
        target="no slower than the quickest peer",
        met=all(peer.ratio >= 1 for peer in peers),
        note=" ".join(notes),
    )


def _as_dictionaries(problem: Problem, scores: Scores) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    indptr, relevant = problem.judgments.indptr, problem.judgments.documents
    judgments = {
        str(q): {str(d): 1 for d in relevant[indptr[q] : indptr[q + 1]].tolist()} for q in range(len(problem.queries))
    }
    lists = zip(scores.top_documents.tolist(), scores.top_scores.tolist(), strict=True)
    run = {str(q): {str(d): s for d, s in zip(*each, strict=True)} for q, each in enumerate(lists)}
    return judgments, run


def _ranx_call(judgments: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> Callable[[], object]:
    from ranx import Qrels, Run, evaluate

    qrels, ranked = Qrels(judgments), Run(run)
    metrics = ["mrr@10", "ndcg@10", "recall@100", "map@100"]
    return lambda: evaluate(qrels, ranked, metrics)


def _trec_call(judgments: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> Callable[[], object]:
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(judgments, {"recip_rank", "ndcg_cut.10", "recall.100", "map_cut.100"})
    return lambda: evaluator.evaluate(run)


def _shape(problem: Problem) -> str:
    return f"{len(problem.queries):,} x {len(problem.documents):,} x {problem.queries.shape[1]}"


def main() -> None:
    parser = argument_parser(__doc__, repeats=7)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--k", type=int, default=10, help="documents kept for each query (default: %(default)s)")
    options = parser.parse_args()
    problem = random_problem(options.queries, options.documents, options.dim, options.seed)
    claims = [*pass_claims(problem, options.k, options.repeats), metrics_claim(problem, options.repeats)]
    publish(claims, options.json)


if __name__ == "__main__":
    main()
