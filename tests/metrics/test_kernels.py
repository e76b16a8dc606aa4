"""Compiled loops give the NumPy methods' numbers to the last bit, for any cut, order and number of threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.oracles import Case, random_case

from embedscope.metrics import kernels, tie_counting, top_k
from embedscope.metrics.accumulators import CompiledAccumulator
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.kernels import PLAIN, Kernels
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=["plain", "compiled"])
def loops(request: pytest.FixtureRequest) -> Kernels:
    """The kernels as Python functions, and compiled."""
    return PLAIN if request.param == "plain" else kernels.load()


def blocks_of(matrix: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[np.ndarray, int, int]]:
    """The matrix in random blocks, in random order."""
    query_cuts = np.unique([0, *generator.integers(0, matrix.shape[0] + 1, 2), matrix.shape[0]])
    document_cuts = np.unique([0, *generator.integers(0, matrix.shape[1] + 1, 3), matrix.shape[1]])
    rows, columns = (list(pairwise(cuts)) for cuts in (query_cuts, document_cuts))
    places = [(q, d) for q in rows for d in columns]
    for number in generator.permutation(len(places)):
        (q, q_end), (d, d_end) = places[number]
        yield matrix[q:q_end, d:d_end].copy(), int(q), int(d)


def assert_same_state(ours: CompiledAccumulator, expected: CompiledAccumulator) -> None:
    """Every number of two results is equal."""
    results = ours.result(), expected.result()
    if isinstance(ours, TieAccumulator):
        for name in ("greater", "tied", "tied_before"):
            np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))
    else:
        np.testing.assert_array_equal(results[0], results[1])


def makers(case: Case, tolerance: float, k: int, n_bins: int) -> list[Callable[[], CompiledAccumulator]]:
    dtype = case.scores.dtype
    return [
        lambda: TieAccumulator(case.judgments, case.pair_scores, tolerance),
        lambda: TopKAccumulator(len(case.scores), k, dtype=dtype),
        lambda: HistogramAccumulator(n_bins, exclude=case.judgments),
        lambda: HistogramAccumulator(n_bins),
        lambda: HistogramAccumulator(n_bins, exclude=case.judgments, bound=1.27),
    ]


@settings(max_examples=60)
@given(
    seed=SEEDS,
    n_levels=st.sampled_from([2, 5, 40, 10_000]),
    tolerance=st.sampled_from([0.0, 0.03]),
    k=st.sampled_from([1, 4, 17, 70]),
    n_bins=st.sampled_from([2, 200, 40_000, 65_536]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_cut_gives_the_numbers_of_numpy_on_the_whole_matrix(
    loops: Kernels, seed: int, n_levels: int, tolerance: float, k: int, n_bins: int, dtype: type
) -> None:
    drawn = random_case(seed, n_queries=5, n_documents=60, n_levels=n_levels, max_relevant=6)
    case = Case((3 * drawn.scores - 1.5).astype(dtype), drawn.gains)  # some outside of [-1, 1]
    generator = np.random.default_rng(seed)
    for make in makers(case, tolerance, k, n_bins):
        expected = make()
        expected.update(case.scores, 0, 0)
        parts = [make() for _ in range(2)]
        for block, query_start, document_start in blocks_of(case.scores, generator):
            parts[generator.integers(2)].update_with(loops, block, query_start, document_start)
        assert_same_state(reduce(lambda a, b: a.merge(b), parts), expected)


def test_compiled_and_numpy_updates_may_be_mixed(loops: Kernels) -> None:
    case = random_case(4, n_queries=6, n_documents=50, n_levels=4, max_relevant=5)
    for make in makers(case, 0.0, 7, 200):
        expected, mixed = make(), make()
        expected.update(case.scores, 0, 0)
        for number, block in enumerate(blocks_of(case.scores, np.random.default_rng(4))):
            if number % 2:
                mixed.update(*block)
            else:
                mixed.update_with(loops, *block)
        assert_same_state(mixed, expected)


def test_queries_with_more_groups_than_are_compared_are_counted_all_the_same(
    loops: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tie_counting, "MAX_GROUPS", 2)
    case = random_case(7, n_queries=8, n_documents=40, n_levels=30, max_relevant=9)
    make = makers(case, 0.0, 1, 2)[0]
    expected, ours = make(), make()
    expected.update(case.scores, 0, 0)
    ours.update_with(loops, case.scores, 0, 0)
    assert_same_state(ours, expected)


@pytest.mark.parametrize("insertions", [1, 3])
def test_rows_that_rise_are_left_to_numpy_after_some_insertions(
    loops: Kernels, insertions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_k, "_INSERTIONS_A_PLACE", insertions)
    monkeypatch.setattr(top_k, "_SPARE_INSERTIONS", 0)
    rising = np.arange(4000, dtype=np.float32).reshape(2, 2000)
    expected, ours = TopKAccumulator(2, 3), TopKAccumulator(2, 3)
    expected.update(rising, 0, 0)
    ours.update_with(loops, rising, 0, 0)
    assert_same_state(ours, expected)


def test_a_list_longer_than_insertion_is_meant_for_is_kept_by_numpy(
    loops: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_k, "MAX_K", 2)
    scores = np.random.default_rng(0).random((3, 50)).astype(np.float32)
    expected, ours = TopKAccumulator(3, 5), TopKAccumulator(3, 5)
    expected.update(scores, 0, 0)
    ours.update_with(loops._replace(keep_best=None), scores, 0, 0)
    assert_same_state(ours, expected)


def test_a_model_that_scores_all_alike_ties_everything(loops: Kernels) -> None:
    judgments = Judgments.from_lists([[3, 9], [0]], n_documents=30)
    scores = np.full((2, 30), 0.5, dtype=np.float32)
    ties = TieAccumulator(judgments, np.full(3, 0.5), 1e-6)
    ties.update_with(loops, scores, 0, 0)
    assert ties.result().tied.tolist() == [28, 28, 29]
    assert ties.result().tied_before.tolist() == [3, 8, 0]
    assert ties.result().greater.tolist() == [0, 0, 0]


def test_threads_that_share_accumulators_lose_nothing() -> None:
    loops = kernels.load()
    case = random_case(11, n_queries=64, n_documents=3000, n_levels=500, max_relevant=4)
    made = [make() for make in makers(case, 0.0, 9, 200)]
    expected = [make() for make in makers(case, 0.0, 9, 200)]
    for accumulator in expected:
        accumulator.update(case.scores, 0, 0)

    def show(row: int) -> None:
        for accumulator in made:
            accumulator.update_with(loops, case.scores[row : row + 1], row, 0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(show, range(64)))
    for ours, theirs in zip(made, expected, strict=True):
        assert_same_state(ours, theirs)


def test_small_matrices_never_load_numba() -> None:
    assert kernels.for_matrix(kernels.MIN_CELLS - 1) is None


def test_where_machine_code_cannot_be_kept_it_is_compiled_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(*, nogil: bool, error_model: str, fastmath: object, cache: bool = False) -> Callable:
        def decorate(function: Callable) -> Callable:
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return function

        return decorate

    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(njit=njit))
    assert kernels.load.__wrapped__() == PLAIN
