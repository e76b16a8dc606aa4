"""Ranks of a two-step search, against whole ranked lists that are written out and averaged over ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidOptionError
from embedscope.measure.rescoring import rescored
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.ranking import metric_per_query
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator

MEASURES = ("MRR", "MRR@3", "Success@1", "Recall@5", "nDCG@10", "MAP")


def two_steps(
    coarse: np.ndarray, fine: np.ndarray, judgments: Judgments, c: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Metrics by `rescored`, and the candidates that it was given."""
    pair_scores = coarse[judgments.query_of_pair, judgments.documents]
    ties = TieAccumulator(judgments, pair_scores, 0.0)
    top = TopKAccumulator(len(coarse), c, dtype=np.float64)
    ties.update(coarse, 0, 0)
    top.update(coarse, 0, 0)
    candidates = top.result().documents
    scores, counts = rescored(
        judgments,
        pair_scores,
        ties.result(),
        candidates,
        np.take_along_axis(fine, candidates, axis=1),
        tolerance=1e-6,
    )
    return {m: metric_per_query(parse_measure(m), judgments, scores, counts) for m in MEASURES}, candidates


def written_out(
    coarse: np.ndarray, fine: np.ndarray, judgments: Judgments, candidates: np.ndarray
) -> dict[str, np.ndarray]:
    """The same metrics of one score a document: fine for candidates, coarse far below for the others."""
    whole = coarse - 1000.0
    np.put_along_axis(whole, candidates, np.take_along_axis(fine, candidates, axis=1), axis=1)
    pair_scores = whole[judgments.query_of_pair, judgments.documents]
    ties = TieAccumulator(judgments, pair_scores, 1e-6)
    ties.update(whole, 0, 0)
    return {m: metric_per_query(parse_measure(m), judgments, pair_scores, ties.result()) for m in MEASURES}


@settings(max_examples=60)
@given(st.integers(0, 100_000), st.integers(1, 12), st.integers(1, 4))
def test_metrics_are_those_of_the_list_written_out_with_all_its_ties(seed: int, c: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(-levels, levels + 1, (5, 12)).astype(np.float64)
    fine = rng.integers(-2, 3, (5, 12)) / 2
    relevant = [rng.choice(12, rng.integers(0, 4), replace=False) for _ in range(5)]
    judgments = Judgments.from_lists(relevant, n_documents=12)
    found, candidates = two_steps(coarse, fine, judgments, c)
    for name, expected in written_out(coarse, fine, judgments, candidates).items():
        assert found[name] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_document_outside_the_candidates_stands_behind_all_of_them_whatever_its_fine_score() -> None:
    coarse, fine = np.array([[3.0, 2.0, 1.0, 0.0]]), np.array([[0.1, 0.2, 0.9, 1.0]])
    judgments = Judgments.from_lists([[2]], n_documents=4)
    assert two_steps(coarse, fine, judgments, 2)[0]["MRR"].tolist() == [1 / 3]
    assert two_steps(coarse, fine, judgments, 3)[0]["MRR"].tolist() == [1.0]


def test_collapsed_scores_stay_at_chance_among_the_candidates() -> None:
    judgments = Judgments.from_lists([[0]], n_documents=10)
    found, _ = two_steps(np.zeros((1, 10)), np.zeros((1, 10)), judgments, 4)
    assert found["Success@1"].tolist() == [0.25]  # one of four candidates; which four is the cut's choice


def test_coarse_counts_with_a_tolerance_and_shapes_that_do_not_fit_are_refused() -> None:
    judgments = Judgments.from_lists([[0]], n_documents=3)
    counts = TieAccumulator(judgments, [1.0], 1e-6).result()
    with pytest.raises(InvalidOptionError, match="tolerance 0"):
        rescored(judgments, [1.0], counts, np.array([[0]]), np.array([[1.0]]), tolerance=1e-6)
    counts = TieAccumulator(judgments, [1.0], 0).result()
    with pytest.raises(InvalidOptionError, match=r"\(1, 2\)"):
        rescored(judgments, [1.0], counts, np.array([[0, 1]]), np.array([[1.0]]), tolerance=1e-6)
