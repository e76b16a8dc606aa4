"""Accumulators over blocks: any cut of the matrix, any order and any merging give the numbers of the whole matrix."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.oracles import Case, naive_counts, random_case

from embedscope.errors import InvalidOptionError
from embedscope.metrics.histograms import HistogramAccumulator, bin_edges, histogram_of_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.ties import TieCounts
from embedscope.metrics.top_k import TopKAccumulator

SEEDS = st.integers(0, 2**32 - 1)


def show_in_pieces(matrix: np.ndarray, make: Callable, generator: np.random.Generator):
    """Cut the matrix into random blocks, deal them in random order to three accumulators, merge in random order."""
    query_cuts = np.unique([0, *generator.integers(0, matrix.shape[0] + 1, 3), matrix.shape[0]])
    document_cuts = np.unique([0, *generator.integers(0, matrix.shape[1] + 1, 4), matrix.shape[1]])
    blocks = [(q, d) for q in zip(query_cuts, query_cuts[1:]) for d in zip(document_cuts, document_cuts[1:])]  # noqa: B905, RUF007
    parts = [make() for _ in range(3)]
    for number in generator.permutation(len(blocks)):
        (q, q_end), (d, d_end) = blocks[number]
        block = matrix[q:q_end, d:d_end].copy()
        block.flags.writeable = False
        parts[generator.integers(3)].update(block, int(q), int(d))
    return reduce(lambda a, b: a.merge(b), [parts[i] for i in generator.permutation(3)])


def assert_same_counts(counts: TieCounts, expected: TieCounts) -> None:
    np.testing.assert_array_equal(counts.greater, expected.greater)
    np.testing.assert_array_equal(counts.tied, expected.tied)
    np.testing.assert_array_equal(counts.tied_before, expected.tied_before)
    assert counts.tolerance == expected.tolerance


# --- ranks ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, st.sampled_from([2, 5, 40]), st.sampled_from([1, 4, 25]), st.sampled_from([0.0, 0.03]))
def test_tie_counts_equal_the_naive_loop_for_every_cut(
    seed: int, n_levels: int, max_relevant: int, tolerance: float
) -> None:
    case = random_case(seed, n_queries=6, n_documents=40, n_levels=n_levels, max_relevant=max_relevant)
    judgments, pair_scores = case.judgments, case.pair_scores
    whole = show_in_pieces(
        case.scores, lambda: TieAccumulator(judgments, pair_scores, tolerance), np.random.default_rng(seed)
    )
    assert_same_counts(whole.result(), naive_counts(case, tolerance))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_blocks_are_compared_as_if_in_float64(dtype: type) -> None:
    score = np.float64(np.float32(0.7))
    around = score + np.array([1e-6, -1e-6])
    neighbours = np.concatenate([np.nextafter(around.astype(dtype), dtype(side)) for side in (-2, 2)])
    row = np.concatenate([[score], around, neighbours]).astype(dtype)
    case = Case(row[np.newaxis], ({0: 1.0},))
    counted = TieAccumulator(case.judgments, [score], 1e-6)
    counted.update(case.scores, 0, 0)
    assert_same_counts(counted.result(), naive_counts(case, 1e-6))


def test_with_tolerance_zero_the_next_float_is_not_a_tie() -> None:
    score = np.float32(0.3)
    row = np.array([[score, np.nextafter(score, np.float32(1)), score, np.nextafter(score, np.float32(0))]])
    counted = TieAccumulator(Judgments.from_lists([[0]], n_documents=4), row[0, :1], 0.0)
    counted.update(row, 0, 0)
    assert (counted.result().greater.tolist(), counted.result().tied.tolist()) == ([1], [1])


def test_relevant_documents_are_never_counted_against_one_another() -> None:
    scores = np.full((1, 30), 0.5, dtype=np.float32)
    for n_relevant in (2, 30):
        judgments = Judgments.from_lists([range(n_relevant)], n_documents=30)
        counted = TieAccumulator(judgments, np.full(n_relevant, 0.5), 1e-6)
        counted.update(scores, 0, 0)
        assert (counted.result().tied == 30 - n_relevant).all()
        assert (counted.result().greater == 0).all()


def test_queries_with_hundreds_of_distinct_relevant_scores_equal_the_naive_loop() -> None:
    generator = np.random.default_rng(3)
    scores = generator.random((2, 300)).astype(np.float32).round(3)
    case = Case(scores, tuple(dict.fromkeys(generator.permutation(300)[:200].tolist(), 1.0) for _ in range(2)))
    counted = show_in_pieces(scores, lambda: TieAccumulator(case.judgments, case.pair_scores, 0.0), generator)
    assert_same_counts(counted.result(), naive_counts(case))


def test_accumulators_survive_pickling() -> None:
    case = random_case(1, n_queries=3, n_documents=20, n_levels=4, max_relevant=5)
    halves = [TieAccumulator(case.judgments, case.pair_scores, 0.0) for _ in range(2)]
    halves[0].update(case.scores[:, :9], 0, 0)
    halves[1].update(case.scores[:, 9:], 0, 9)
    left, right = (pickle.loads(pickle.dumps(half)) for half in halves)
    assert_same_counts(left.merge(right).result(), naive_counts(case))


# --- best documents -------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, st.sampled_from([1, 3, 1000]), st.sampled_from([1, 4, 10]), st.sampled_from([np.float32, np.float64]))
def test_top_k_equals_a_full_sort_for_every_cut(seed: int, n_levels: int, k: int, dtype: type) -> None:
    generator = np.random.default_rng(seed)
    scores = (generator.integers(0, n_levels, (5, 300)) / n_levels).astype(dtype)
    best = show_in_pieces(scores, lambda: TopKAccumulator(5, k, dtype=dtype), generator).result()
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(best.documents, expected)
    np.testing.assert_array_equal(best.scores, np.take_along_axis(scores, expected, axis=1))
    assert best.scores.dtype == dtype


def test_top_k_of_fewer_documents_than_k_is_filled_with_none() -> None:
    best = TopKAccumulator(1, 3)
    best.update(np.array([[0.25, 0.5]], dtype=np.float32), 0, 0)
    assert best.result().documents.tolist() == [[1, 0, -1]]
    assert best.result().scores.tolist() == [[0.5, 0.25, -np.inf]]


def test_a_top_k_of_no_documents_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="k = 0"):
        TopKAccumulator(3, 0)


# --- histogram ------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(SEEDS, st.sampled_from([2, 256, 1024]), st.sampled_from([np.float32, np.float64]))
def test_histogram_equals_numpy_on_clipped_scores_for_every_cut(seed: int, n_bins: int, dtype: type) -> None:
    generator = np.random.default_rng(seed)
    # Multiples of 2^-20, and edges at powers of two: 1 + score is exact in float32, so nothing rounds onto an edge.
    scores = (np.round(generator.normal(0, 0.6, (7, 33)) * 2**20) / 2**20).astype(dtype)
    scores[0, :4] = -1, 1, 0, 0.5
    counts = show_in_pieces(scores, lambda: HistogramAccumulator(n_bins), generator).result()
    expected, _ = np.histogram(scores.astype(float).clip(-1, 1), bin_edges(n_bins))
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(histogram_of_values(scores, n_bins), expected)


@settings(max_examples=30)
@given(SEEDS)
def test_excluded_cells_leave_exactly_the_other_ones(seed: int) -> None:
    generator = np.random.default_rng(seed)
    case = random_case(seed, n_queries=5, n_documents=30, n_levels=100, max_relevant=12)
    judgments = case.judgments
    is_negative = np.ones_like(case.scores, dtype=bool)
    is_negative[judgments.query_of_pair, judgments.documents] = False
    counts = show_in_pieces(case.scores, lambda: HistogramAccumulator(200, exclude=judgments), generator).result()
    np.testing.assert_array_equal(counts, histogram_of_values(case.scores[is_negative], 200))


def test_two_hundred_bins_have_the_width_of_one_hundredth() -> None:
    np.testing.assert_allclose(np.diff(bin_edges(200)), 0.01, rtol=1e-12)


@pytest.mark.parametrize("n_bins", [0, 1, 65_537])
def test_a_number_of_bins_that_cannot_be_counted_is_refused(n_bins: int) -> None:
    with pytest.raises(InvalidOptionError, match=f"got {n_bins}"):
        HistogramAccumulator(n_bins)


# --- merging --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (HistogramAccumulator(10), HistogramAccumulator(20)),
        (TopKAccumulator(3, 2), TopKAccumulator(3, 4)),
        (TopKAccumulator(3, 2), TopKAccumulator(3, 2, dtype=np.float64)),
        (
            TieAccumulator(Judgments.from_lists([[0]], n_documents=2), [0.5], 0.0),
            TieAccumulator(Judgments.from_lists([[1]], n_documents=2), [0.5], 0.0),
        ),
        (
            TieAccumulator(Judgments.from_lists([[0]], n_documents=2), [0.5], 0.0),
            TieAccumulator(Judgments.from_lists([[0]], n_documents=2), [0.5], 0.1),
        ),
    ],
)
def test_parts_made_for_different_data_are_not_merged(left, right) -> None:
    with pytest.raises(InvalidOptionError, match="Cannot merge two"):
        left.merge(right)


def test_merging_changes_neither_part() -> None:
    left, right = HistogramAccumulator(4), HistogramAccumulator(4)
    left.update(np.zeros((1, 2)), 0, 0)
    right.update(np.ones((1, 3)), 0, 2)
    assert left.merge(right).result().tolist() == [0, 0, 2, 3]
    assert left.result().sum() == 2
    assert right.result().sum() == 3
