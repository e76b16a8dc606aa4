"""How often a rule calls one of two equal models better, and how often it sees a gain that is there.

Claims: "better by 0.005" calls one of two equal models a win in 10 to 45 % of test sets; embedscope does in about 2.5 %
or fewer, and sees more true gains than a comparison of two means without pairs. Three rules on the same test sets:

fixed     the difference of the means is 0.005 or more
unpaired  Welch's t-test of the two lists of values, p < 0.05
ours      WIN in embedscope's line for monitors: the paired test over independent groups of queries, Holm over MRR and
          Success@1, on a test set with 30 effectively independent queries or more

Values are real: two systems rank the packaged sample (character n-grams and BM25; or two random projections of n-gram
vectors that are alike, as two epochs of one training are), and each query has a value under each. A test set is drawn
from the groups of queries that share a relevant document, with replacement, until it has enough queries. *Equal*: in
each group the two systems change places by a fair coin, so that neither is better. *A true gain*: the coin favours the
system that is better on the group, by as much as makes the expected difference in MRR the gain.

docs/explanation/thresholds.md shows what was recorded:

    PYTHONPATH=src python benchmarks/delta_rule.py --record benchmarks/recorded/delta_rule.json
    PYTHONPATH=src python benchmarks/delta_rule.py --page docs/explanation/thresholds.md    (from the record)
    PYTHONPATH=src python benchmarks/delta_rule.py --simulations 20     (a short run)
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.measure.lexical import lexical_values
from embedscope.measure.ngrams import SplitTexts
from embedscope.measure.scoring import rank_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.protocols import Float64Array, IntArray
from embedscope.settings import TIE_TOLERANCE
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.dependence import Dependence
from embedscope.stats.resampler import Resampler, Stream, holm_over

METRICS = ("MRR", "nDCG@10", "Success@1")
PRIMARY = ("MRR", "Success@1")
SIZES = (100, 300, 1_000, 3_000)
GAINS = (0.02, 0.05)
DELTA, LEVEL, FEWEST = 0.005, 0.05, 30.0
PROJECTED, SHARED = 512, 0.9
DRAWS = 500
RECORD = Path(__file__).parent / "recorded" / "delta_rule.json"
RULES = ("fixed", "unpaired", "ours")

Values = Mapping[str, Float64Array]


@dataclass(frozen=True)
class Pair:
    """Two systems on the same queries: name -> (Q,) values by metric, and the group of each query."""

    name: str
    first: Values
    second: Values
    groups: IntArray


def pairs() -> list[Pair]:
    """Two that differ much and two that differ as two trainings do, on the packaged sample."""
    data = read_collection(sample_path("test"))
    lists = np.split(data.relevant, data.indptr[1:-1])
    judgments = Judgments.from_lists(lists, n_documents=len(data.documents))
    groups = clusters_from_judgments(judgments.indptr, judgments.documents, judgments.n_documents)
    queries, documents = SplitTexts.of(data.queries), SplitTexts.of(data.documents)
    lexical = lexical_values(queries, documents, judgments, METRICS, tolerance=TIE_TOLERANCE).of
    weights = documents.weights((2, 4))
    of_queries, of_documents = weights.rows(queries), weights.documents[:]
    projected, shape = [], (of_documents.shape[1], PROJECTED)
    common = np.random.default_rng(0).standard_normal(shape)
    for seed in (1, 2):
        own = np.random.default_rng(seed).standard_normal(shape)
        directions = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        rows = [unit_rows(vectors @ directions).astype(np.float32) for vectors in (of_queries, of_documents)]
        projected.append(rank_values(*rows, judgments, METRICS, tolerance=TIE_TOLERANCE))
    return [
        Pair("n-grams, BM25", lexical["n-grams"], lexical["BM25"], groups),
        Pair("two projections", projected[0], projected[1], groups),
    ]


class World:
    """Test sets of one pair: groups drawn with replacement, the two systems changing places in each by a coin."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.members = [np.flatnonzero(pair.groups == group) for group in np.unique(pair.groups)]
        difference = pair.first["MRR"] - pair.second["MRR"]
        self.sums = np.array([difference[rows].sum() for rows in self.members])

    @property
    def largest_gain(self) -> float:
        """In MRR, of the system that is the better one in every group."""
        return float(np.abs(self.sums).sum() / len(self.pair.groups))

    def drawn(self, n_queries: int, gain: float, generator: np.random.Generator) -> tuple[Values, Values, IntArray]:
        """Values of the candidate and of the reference, and the group of each query."""
        chosen, n = [], 0
        while n < n_queries:
            chosen.append(int(generator.integers(len(self.members))))
            n += len(self.members[chosen[-1]])
        rows = np.concatenate([self.members[group] for group in chosen])
        sizes = [len(self.members[group]) for group in chosen]
        is_favoured = generator.random(len(chosen)) < (1 + gain / self.largest_gain) / 2
        is_first = np.repeat(is_favoured == (self.sums[chosen] >= 0), sizes)
        values = [
            {name: np.where(is_first, a[name][rows], b[name][rows]) for name in METRICS}
            for a, b in ((self.pair.first, self.pair.second), (self.pair.second, self.pair.first))
        ]
        return values[0], values[1], np.repeat(np.arange(len(chosen)), sizes)


def said(ours: Values, theirs: Values, groups: IntArray, seed: int) -> dict[str, dict[str, int]]:
    """Rule -> metric -> 1 for a win, -1 for a loss, 0 for neither."""
    resampler = Resampler(groups, DRAWS, seed, Stream.COMPARISON, Dependence.of_groups(groups))
    compared = holm_over(resampler.compare("a", ours, {"b": theirs}, METRICS), PRIMARY)
    is_fit = resampler.n_effective(ours["MRR"]) >= FEWEST
    found: dict[str, dict[str, int]] = {rule: {} for rule in RULES}
    for row in compared:
        sign = int(np.sign(row.difference))
        p = ttest_ind(ours[row.metric], theirs[row.metric], equal_var=False).pvalue
        found["fixed"][row.metric] = sign * (abs(row.difference) >= DELTA)
        found["unpaired"][row.metric] = sign * bool(p < LEVEL)
        found["ours"][row.metric] = sign * bool(is_fit and row.p_adjusted < LEVEL)
    return found


def measured(world: World, n_queries: int, gain: float, n: int) -> dict[str, Any]:
    """Shares of wins and losses by rule and metric over ``n`` test sets."""
    generator = np.random.default_rng([n_queries, round(1000 * gain)])
    runs, effective = [], []
    for seed in range(n):
        ours, theirs, groups = world.drawn(n_queries, gain, generator)
        runs.append(said(ours, theirs, groups, seed))
        effective.append(len(np.unique(groups)))
    metrics = METRICS if gain == 0 else PRIMARY[:1]
    shares = {
        rule: {
            metric: {
                "win": float(np.mean([run[rule][metric] > 0 for run in runs])),
                "loss": float(np.mean([run[rule][metric] < 0 for run in runs])),
            }
            for metric in metrics
        }
        for rule in RULES
    }
    return {
        "pair": world.pair.name,
        "queries": n_queries,
        "groups": float(np.median(effective)),
        "gain": gain,
        **shares,
    }


def shown(record: Mapping[str, Any]) -> dict[str, str]:
    """What the page shows of a record, by the name of its place."""
    equal = [row for row in record["rows"] if row["gain"] == 0]
    gained = [row for row in record["rows"] if row["gain"] > 0]
    return {"summary": _summary(equal, record), "equal": _equal_table(equal), "gain": _gain_table(gained)}


def _summary(equal: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> str:
    def ends(rule: str, metric: str) -> str:
        wins = [100 * row[rule][metric]["win"] for row in equal]
        return f"{min(wins):.0f} to {max(wins):.0f} %"

    either = [100 * sum(row["fixed"]["MRR"].values()) for row in equal]
    said = (
        f"Each row rests on {record['simulations']} test sets. The fixed rule on MRR calls one of two equal systems a "
        f"win in **{ends('fixed', 'MRR')}** of them ({ends('fixed', 'nDCG@10')} on nDCG@10, "
        f"{ends('fixed', 'Success@1')} on Success@1), and finds a win or a regression in {min(either):.0f} to "
        f"{max(either):.0f} %. embedscope says WIN in **{ends('ours', 'MRR')}**."
    )
    return textwrap.fill(said, 120)


def _equal_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| systems | queries | groups | fixed, MRR | fixed, nDCG@10 | fixed, Success@1 | unpaired, MRR | embedscope |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        shares = [row["fixed"][metric]["win"] for metric in METRICS]
        shares += [row[rule]["MRR"]["win"] for rule in RULES[1:]]
        lines.append(_line(row, [], shares))
    return "\n".join(lines)


def _gain_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| systems | queries | groups | true gain | fixed: win | fixed: regression | unpaired: better | embedscope |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        shares = [row["fixed"]["MRR"]["win"], row["fixed"]["MRR"]["loss"]]
        shares += [row[rule]["MRR"]["win"] for rule in RULES[1:]]
        lines.append(_line(row, [f"+{row['gain']:g}"], shares))
    return "\n".join(lines)


def _line(row: Mapping[str, Any], more: Sequence[str], shares: Sequence[float]) -> str:
    cells = [row["pair"], f"{row['queries']:,}", f"{row['groups']:,}", *more, *(f"{100 * s:.0f} %" for s in shares)]
    return f"| {' | '.join(cells)} |"


def with_shown(page: str, record: Mapping[str, Any]) -> str:
    """The page with what the record gives, each part between its marks."""
    for name, text in shown(record).items():
        start = page.index(f"<!-- delta_rule: {name} -->") + len(f"<!-- delta_rule: {name} -->")
        page = f"{page[:start]}\n\n{text}\n\n{page[page.index('<!-- end -->', start) :]}"
    return page


def main() -> None:
    """Print, and record where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--record", type=Path, help="file that the results are written to")
    parser.add_argument("--page", type=Path, help="page that shows the record; nothing is simulated")
    options = parser.parse_args()
    if options.page is not None:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        options.page.write_text(with_shown(options.page.read_text(encoding="utf-8"), record), encoding="utf-8")
        return
    began, rows = time.perf_counter(), []
    for pair in pairs():
        world = World(pair)
        for gain in (0.0, *GAINS):
            for n_queries in SIZES:
                rows.append(measured(world, n_queries, gain, options.simulations))
                print(json.dumps(rows[-1]), flush=True)
    print(f"{options.simulations} test sets a row, {time.perf_counter() - began:.0f} s")
    if options.record is not None:
        record = {"simulations": options.simulations, "delta": DELTA, "level": LEVEL, "rows": rows}
        options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
