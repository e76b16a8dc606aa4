"""Documents excluded from a query's ranking count nowhere: the numbers are those of the matrix without their cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.oracles import MEASURES, random_case

from embedscope.errors import DataFormatError
from embedscope.metrics import kernels, local_pass, torch_pass
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.metric_names import Measure
from embedscope.metrics.ranking import chance_level, metric_per_query
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import score_pairs
from embedscope.protocols import Ties

SEEDS = st.integers(0, 2**32 - 1)
BOUND = 50.0


class Problem:
    """Vectors of whole numbers, whose products are exact and tie, with judgments and excluded documents."""

    def __init__(self, seed: int, n_queries: int = 9, n_documents: int = 23, most_excluded: int = 2) -> None:
        generator = np.random.default_rng(seed)
        self.queries = generator.integers(-2, 3, (n_queries, 4)).astype(np.float32)
        self.documents = generator.integers(-2, 3, (n_documents, 4)).astype(np.float32)
        case = random_case(seed, n_queries=n_queries, n_documents=n_documents, n_levels=3, max_relevant=5)
        plain = case.judgments
        cells = []
        for query in range(n_queries):
            own = plain.documents[plain.indptr[query] : plain.indptr[query + 1]]
            free = np.setdiff1d(np.arange(n_documents), own)
            cells += [(query, d) for d in generator.permutation(free)[: generator.integers(0, most_excluded + 1)]]
        pairs = np.array(cells, dtype=np.int64).reshape(-1, 2)
        self.excluded = Cells.of_pairs(pairs[:, 0], pairs[:, 1], n_queries)
        self.judgments = replace(plain, excluded=self.excluded)
        self.pair_scores = score_pairs(self.queries, self.documents, plain.query_of_pair, plain.documents)
        self.kept = np.ones((n_queries, n_documents), dtype=bool)
        self.kept[pairs[:, 0], pairs[:, 1]] = False

    @property
    def scores(self) -> np.ndarray:
        return self.queries @ self.documents.T

    def accumulators(self, k: int = 23, tolerance: float = 0.0) -> tuple:
        return (
            TieAccumulator(self.judgments, self.pair_scores, tolerance),
            TopKAccumulator(len(self.queries), k),
            HistogramAccumulator(64, exclude=self.judgments.not_negative, bound=BOUND),
        )

    def without_excluded(self, query: int) -> tuple[Judgments, np.ndarray]:
        """The problem of one query over the documents that it keeps, and their numbers."""
        numbers = np.flatnonzero(self.kept[query])
        own = self.judgments.select(np.array([query]))
        places = np.searchsorted(numbers, own.documents)
        return Judgments.from_lists([places], n_documents=len(numbers), gains=[own.gains]), numbers


def numbers_of(made: tuple) -> list[np.ndarray]:
    counts = made[0].result()
    return [counts.greater, counts.tied, counts.tied_before, *made[1].result(), made[2].result()]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, tolerance=st.sampled_from([0.0, 1.0]), ties=st.sampled_from(list(Ties)))
def test_every_metric_is_that_of_each_query_over_the_documents_it_keeps(
    seed: int, tolerance: float, ties: Ties
) -> None:
    problem = Problem(seed)
    made = problem.accumulators(tolerance=tolerance)
    local_pass.for_each_block(problem.queries, problem.documents, made, excluded=problem.excluded)
    for query in range(len(problem.queries)):
        alone, numbers = problem.without_excluded(query)
        rows, documents = problem.queries[[query]], problem.documents[numbers]
        pairs = score_pairs(rows, documents, alone.query_of_pair, alone.documents)
        other = TieAccumulator(alone, pairs, tolerance)
        other.update(rows @ documents.T, 0, 0)
        for measure in MEASURES:
            ours = metric_per_query(measure, problem.judgments, problem.pair_scores, made[0].result(), ties)[query]
            (theirs,) = metric_per_query(measure, alone, pairs, other.result(), ties)
            assert ours == pytest.approx(theirs, abs=1e-12, nan_ok=True)
            (chance,) = chance_level(measure, alone)
            assert chance_level(measure, problem.judgments)[query] == pytest.approx(chance, abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_metrics_are_those_of_pytrec_eval_on_a_run_without_the_excluded_documents(seed: int) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    problem = Problem(seed)
    made = problem.accumulators()
    local_pass.for_each_block(problem.queries, problem.documents, made, excluded=problem.excluded)
    judged = problem.judgments
    ids = [f"d{d:03}" for d in range(judged.n_documents)]
    qrels: dict[str, dict[str, int]] = {f"q{q}": {} for q in range(judged.n_queries)}
    for q, d, gain in zip(judged.query_of_pair, judged.documents, judged.gains, strict=True):
        qrels[f"q{q}"][ids[d]] = int(gain)
    run = {
        f"q{q}": {ids[d]: float(problem.scores[q, d]) for d in np.flatnonzero(problem.kept[q])}
        for q in range(len(qrels))
    }
    names = {
        "recip_rank": Measure("MRR", None),
        "success_1": Measure("Success", 1),
        "recall_10": Measure("Recall", 10),
        "ndcg_cut_10": Measure("nDCG", 10),
        "map": Measure("MAP", None),
    }
    asked = {"recip_rank", "success.1", "recall.10", "ndcg_cut.10", "map"}
    found = pytrec_eval.RelevanceEvaluator({q: own for q, own in qrels.items() if own}, asked).evaluate(run)
    for name, measure in names.items():
        ours = metric_per_query(measure, judged, problem.pair_scores, made[0].result(), Ties.TREC)
        for query, values in found.items():
            assert ours[int(query[1:])] == pytest.approx(values[name], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, k=st.sampled_from([1, 5, 23]))
def test_lists_and_histogram_are_those_of_the_kept_cells(seed: int, k: int) -> None:
    problem = Problem(seed)
    made = problem.accumulators(k)
    queries, documents, excluded = problem.queries, problem.documents, problem.excluded
    local_pass.for_each_block(queries, documents, made, query_block=4, document_block=7, excluded=excluded)
    top = made[1].result()
    for query, scores in enumerate(problem.scores):
        numbers = np.flatnonzero(problem.kept[query])
        best = numbers[np.lexsort((numbers, -scores[numbers]))][:k]
        expected = np.append(best, np.full(k - len(best), -1))
        assert top.documents[query].tolist() == expected.tolist()
    is_negative = problem.kept.copy()
    is_negative[problem.judgments.query_of_pair, problem.judgments.documents] = False
    other = HistogramAccumulator(64, bound=BOUND)
    other.update(problem.scores[is_negative][np.newaxis], 0, 0)
    assert made[2].result().tolist() == other.result().tolist()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, k=st.sampled_from([1, 5, 23]))
def test_compiled_loops_threads_and_merged_shards_give_the_same_numbers(seed: int, k: int) -> None:
    problem = Problem(seed)
    whole = problem.accumulators(k)
    local_pass.for_each_block(problem.queries, problem.documents, whole, excluded=problem.excluded)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(local_pass, "for_matrix", lambda n_cells: kernels.PLAIN)
        compiled = problem.accumulators(k)
        local_pass.for_each_block(problem.queries, problem.documents, compiled, excluded=problem.excluded)
    parts = []
    for start in (0, 8, 16):
        part, rows = problem.accumulators(k), problem.documents[start : start + 8]
        local_pass.for_each_block(problem.queries, rows, part, document_offset=start, excluded=problem.excluded)
        parts.append(part)
    merged = tuple(a.merge(b).merge(c) for a, b, c in zip(*parts, strict=True))
    for other in (compiled, merged):
        for ours, theirs in zip(numbers_of(whole), numbers_of(other), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, k=st.sampled_from([1, 5, 23]), memory=st.sampled_from([2_000, 1 << 20]))
def test_the_torch_pass_gives_the_same_numbers(seed: int, k: int, memory: int) -> None:
    pytest.importorskip("torch")
    problem = Problem(seed)
    ours, theirs = problem.accumulators(k), problem.accumulators(k)
    local_pass.for_each_block(problem.queries, problem.documents, ours, excluded=problem.excluded)
    torch_pass.for_each_block(
        problem.queries, problem.documents, theirs, device="cpu", memory_bytes=memory, excluded=problem.excluded
    )
    for here, there in zip(numbers_of(ours), numbers_of(theirs), strict=True):
        np.testing.assert_array_equal(here, there)


def test_a_document_cannot_be_both_relevant_and_excluded() -> None:
    with pytest.raises(DataFormatError, match="both relevant to query 1 and excluded"):
        Judgments.from_lists([[0], [1]], n_documents=3, excluded=Cells.of_pairs(np.array([1]), np.array([1]), 2))


def test_excluded_documents_must_be_those_of_the_same_queries_and_documents() -> None:
    for document, n_queries in ((3, 2), (-1, 2), (0, 1)):
        cells = Cells.of_pairs(np.array([0]), np.array([document]), n_queries)
        with pytest.raises(DataFormatError, match="same 2 queries"):
            Judgments.from_lists([[1], [1]], n_documents=3, excluded=cells)


@given(seed=SEEDS)
def test_selected_queries_keep_their_excluded_documents(seed: int) -> None:
    problem = Problem(seed)
    rows = np.random.default_rng(seed).permutation(9)[:5]
    excluded = problem.judgments.select(rows).excluded
    assert excluded is not None
    for place, row in enumerate(rows):
        chosen = excluded.documents[excluded.indptr[place] : excluded.indptr[place + 1]]
        assert chosen.tolist() == np.flatnonzero(~problem.kept[row]).tolist()
