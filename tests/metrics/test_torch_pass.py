"""The pass on a torch device gives what the local one gives: whole-number counts, lists and bins."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import EmbedscopeError, InvalidEmbeddingsError, InvalidOptionError, MissingExtraError
from embedscope.machine import free_device_bytes
from embedscope.metrics import local_pass as local
from embedscope.metrics import torch_pass as torch_device
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import score_pairs, unit_rows

torch = pytest.importorskip("torch")

SEEDS = st.integers(0, 2**32 - 1)
TOLERANCE = 1e-6


def whole_numbers(seed: int, n: int, dim: int = 5, dtype: type = np.float32) -> np.ndarray:
    """Vectors whose products are exact, so that every way of multiplying gives the same scores; many tie."""
    return np.random.default_rng(seed).integers(-3, 4, (n, dim)).astype(dtype)


def judged(seed: int, n_queries: int, n_documents: int, most: int) -> Judgments:
    generator = np.random.default_rng(seed)
    lists = [generator.permutation(n_documents)[: generator.integers(0, most + 1)] for _ in range(n_queries)]
    return Judgments.from_lists(lists, n_documents=n_documents)


def accumulators(queries: np.ndarray, documents: np.ndarray, judgments: Judgments, k: int, tolerance: float) -> list:
    pairs = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    return [
        TieAccumulator(judgments, pairs, tolerance),
        TopKAccumulator(len(queries), k, dtype=queries.dtype),
        HistogramAccumulator(400, exclude=judgments),
        HistogramAccumulator(50),
        HistogramAccumulator(300, exclude=judgments, bound=36.5),
    ]


def numbers(made: list) -> list[np.ndarray]:
    counts = made[0].result()
    return [counts.greater, counts.tied, counts.tied_before, *made[1].result(), *(each.result() for each in made[2:])]


@settings(max_examples=40)
@given(
    seed=SEEDS,
    k=st.sampled_from([1, 3, 20, 80]),
    most=st.sampled_from([1, 6, 40]),
    tolerance=st.sampled_from([0.0, 1.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    memory_bytes=st.integers(200, 20_000),
)
def test_exact_products_give_the_numbers_of_the_local_engine(
    seed: int, k: int, most: int, tolerance: float, dtype: type, memory_bytes: int
) -> None:
    queries, documents = whole_numbers(seed, 9, dtype=dtype), whole_numbers(seed + 1, 50, dtype=dtype)
    judgments = judged(seed, 9, 50, most)
    expected = accumulators(queries, documents, judgments, k, tolerance)
    local.for_each_block(queries, documents, expected)
    found = accumulators(queries, documents, judgments, k, tolerance)
    torch_device.for_each_block(queries, documents, found, device="cpu", memory_bytes=memory_bytes)
    for ours, theirs in zip(numbers(found), numbers(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=20)
@given(SEEDS, st.integers(1, 49))
def test_shards_made_on_the_device_and_merged_give_the_numbers_of_the_whole(seed: int, cut: int) -> None:
    queries, documents, judgments = whole_numbers(seed, 9), whole_numbers(seed + 1, 50), judged(seed, 9, 50, 5)
    expected = accumulators(queries, documents, judgments, 6, 0.0)
    local.for_each_block(queries, documents, expected)
    total = accumulators(queries, documents, judgments, 6, 0.0)
    for first, part in ((0, documents[:cut]), (cut, documents[cut:])):
        shard = accumulators(queries, documents, judgments, 6, 0.0)
        torch_device.for_each_block(queries, part, shard, device="cpu", document_offset=first, memory_bytes=3000)
        total = [own.merge(other) for own, other in zip(total, shard, strict=True)]
    for ours, theirs in zip(numbers(total), numbers(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Sum:
    """An accumulator of no kind that the engine knows: the sum of every cell it was shown."""

    def __init__(self, *shape: int) -> None:
        self.seen = np.zeros(shape)

    def update(self, block: np.ndarray, query_start: int, document_start: int) -> None:
        rows, columns = block.shape
        self.seen[query_start : query_start + rows, document_start : document_start + columns] += block

    def merge(self, other: Sum) -> Sum:
        raise AssertionError("one loop has nothing to merge")


def with_memory_for(n_cells: int, function: Any, error: Exception) -> Any:
    """``function`` on a device whose memory runs out at blocks of more cells."""

    def limited(block: Any, *rest: Any) -> Any:
        if block.numel() > n_cells:
            raise error
        return function(block, *rest)

    return limited


@settings(max_examples=25)
@given(seed=SEEDS, n_cells=st.integers(50, 200), name=st.sampled_from(["_best", "_TieReader._counts"]))
def test_where_memory_runs_out_smaller_blocks_give_the_same_numbers_and_count_nothing_twice(
    seed: int, n_cells: int, name: str
) -> None:
    queries, documents, judgments = whole_numbers(seed, 9), whole_numbers(seed + 1, 50), judged(seed, 9, 50, 6)
    expected = accumulators(queries, documents, judgments, 6, 0.0)
    local.for_each_block(queries, documents, expected)
    found, shown = accumulators(queries, documents, judgments, 6, 0.0), Sum(9, 50)
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
    with pytest.MonkeyPatch.context() as patch:
        if name == "_best":
            patch.setattr(torch_device, "_best", with_memory_for(n_cells, torch_device._best, error))
        else:
            counts = torch_device._TieReader._counts
            patch.setattr(
                torch_device._TieReader,
                "_counts",
                lambda self, others, *rest: with_memory_for(n_cells, lambda *a: counts(self, *a), error)(others, *rest),
            )
        torch_device.for_each_block(queries, documents, [shown, *found[::-1]], device="cpu")
    for ours, theirs in zip(numbers(found), numbers(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(shown.seen, queries @ documents.T)


def test_once_memory_has_run_out_later_blocks_are_small_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    best = torch_device._best

    def limited(block: Any, k: int) -> Any:
        tried.append(len(block))
        if len(block) > 3:
            raise RuntimeError("CUDA error: out of memory")
        return best(block, k)

    monkeypatch.setattr(torch_device, "_best", limited)
    monkeypatch.setattr(torch_device, "_block_shape", lambda queries, documents, budget: (12, 25))
    top = TopKAccumulator(12, 2)
    torch_device.for_each_block(whole_numbers(0, 12), whole_numbers(1, 50), [top], device="cpu")
    assert tried == [12, 6, 3, 3, 3, 3, 3, 3, 3, 3]


def test_memory_that_does_not_hold_one_query_is_one_error_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_device, "_best", with_memory_for(0, None, torch.OutOfMemoryError("CUDA out of memory")))
    expected = (
        r"memory of 'cpu' does not hold 4 queries of 5 numbers and a block of one query and 9 documents.*--device"
    )
    with pytest.raises(EmbedscopeError, match=expected):
        torch_device.for_each_block(whole_numbers(0, 4), whole_numbers(1, 9), [TopKAccumulator(4, 2)], device="cpu")


def test_memory_that_torch_keeps_for_itself_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 300)
    assert free_device_bytes("cuda:1") == 1400
    assert free_device_bytes("cpu") is None


def test_another_error_of_the_device_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_device, "_best", with_memory_for(0, None, RuntimeError("illegal address")))
    with pytest.raises(RuntimeError, match="illegal address"):
        torch_device.for_each_block(whole_numbers(0, 4), whole_numbers(1, 9), [TopKAccumulator(4, 2)], device="cpu")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_relevant", [1, 20], ids=["few groups", "sorted rows"])
@pytest.mark.parametrize("is_collapsed", [False, True], ids=["distinct", "all tied"])
def test_what_a_block_takes_stays_within_what_it_is_reckoned_to_take(
    dtype: type, n_relevant: int, is_collapsed: bool
) -> None:
    generator = np.random.default_rng(0)
    queries, documents = (generator.standard_normal((n, 8)).astype(dtype) for n in (60, 1500))
    if is_collapsed:
        documents[:] = documents[0]
    judgments = Judgments.from_lists([generator.permutation(1500)[:n_relevant] for _ in range(60)], n_documents=1500)
    budget = 4 << 20
    with torch.profiler.profile(profile_memory=True) as profile:
        made = accumulators(queries, documents, judgments, 10, TOLERANCE)
        torch_device.for_each_block(queries, documents, made, device="cpu", memory_bytes=budget)
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    peak = np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]).max()
    assert 0.2 * budget < peak < budget


def compare_with_local(device: str) -> None:
    """Counts equal and scores within 1e-6, on unit rows with duplicates and 256 dimensions."""
    generator = np.random.default_rng(0)
    documents = unit_rows(generator.standard_normal((3000, 256)).astype(np.float32))[generator.integers(0, 2000, 3000)]
    queries = unit_rows(generator.standard_normal((70, 256)).astype(np.float32))
    judgments = judged(0, 70, 3000, 4)
    made = [accumulators(queries, documents, judgments, 10, TOLERANCE) for _ in range(2)]
    local.for_each_block(queries, documents, made[0])
    torch_device.for_each_block(queries, documents, made[1], device=device, memory_bytes=8 << 20)
    expected, found = (numbers(each) for each in made)
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(found[3], expected[3], rtol=0, atol=1e-6)
    assert np.abs(found[5] - expected[5]).sum() <= 1e-4 * expected[5].sum()  # scores at the edge of a bin


def test_float_products_give_equal_counts_and_scores_within_a_millionth() -> None:
    compare_with_local("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_gives_equal_counts_and_scores_within_a_millionth() -> None:
    compare_with_local("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device")
def test_an_mps_device_gives_equal_counts_and_scores_within_a_millionth() -> None:
    compare_with_local("mps")


def test_a_model_that_scores_all_alike_ties_everything() -> None:
    queries, documents = np.ones((3, 4), dtype=np.float32), np.ones((30, 4), dtype=np.float32)
    judgments = Judgments.from_lists([[3, 9], [], [0]], n_documents=30)
    ties, top = TieAccumulator(judgments, np.full(3, 4.0), TOLERANCE), TopKAccumulator(3, 4)
    torch_device.for_each_block(queries, documents, [ties, top], device="cpu", memory_bytes=1500)
    assert ties.result().tied.tolist() == [28, 28, 29]
    assert ties.result().tied_before.tolist() == [3, 8, 0]
    assert top.result().documents.tolist() == [[0, 1, 2, 3]] * 3


def test_other_accumulators_are_shown_every_cell_once() -> None:
    queries, documents, shown = whole_numbers(0, 7), whole_numbers(1, 11), Sum(7, 11)
    torch_device.for_each_block(queries, documents, [shown], device="cpu", memory_bytes=500)
    np.testing.assert_array_equal(shown.seen, queries @ documents.T)


def test_progress_is_told_the_documents_done() -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, message: str | None = None) -> None:
        told.append((done, total))

    torch_device.for_each_block(
        whole_numbers(0, 3), whole_numbers(1, 11), [], device="cpu", memory_bytes=400, progress=progress
    )
    assert [done for done, _ in told] == [5, 10, 11]


def test_the_precision_that_the_program_around_asked_for_comes_back() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        torch_device.for_each_block(whole_numbers(0, 2), whole_numbers(1, 3), [], device="cpu")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_no_queries_or_no_documents_leave_the_accumulators_as_they_were() -> None:
    best = TopKAccumulator(3, 2)
    torch_device.for_each_block(whole_numbers(0, 3), whole_numbers(1, 0), [best], device="cpu")
    torch_device.for_each_block(whole_numbers(0, 0), whole_numbers(1, 4), [best], device="cpu")
    assert (best.result().documents == -1).all()


def test_memory_that_holds_no_block_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="device memory"):
        torch_device.for_each_block(whole_numbers(0, 2), whole_numbers(1, 2), [], device="cpu", memory_bytes=10)


def test_dimensions_that_differ_are_refused() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="dimensions"):
        torch_device.for_each_block(whole_numbers(0, 2), whole_numbers(1, 2, dim=4), [], device="cpu")


def test_without_torch_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="models"):
        torch_device.for_each_block(whole_numbers(0, 2), whole_numbers(1, 2), [], device="cuda")


def test_auto_without_torch_leaves_the_matrix_to_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> str:
        raise MissingExtraError(needed_for="Encoding", package="torch", extra="models")

    monkeypatch.setattr(torch_device, "resolve_device", missing)
    assert torch_device.device_for("auto", torch_device.MIN_CELLS) is None
    with pytest.raises(MissingExtraError):
        torch_device.device_for("cuda", torch_device.MIN_CELLS)


def test_a_device_is_taken_for_large_matrices_only(monkeypatch: pytest.MonkeyPatch) -> None:
    large = torch_device.MIN_CELLS
    monkeypatch.setattr(torch_device, "resolve_device", {"auto": "mps", "cpu": "cpu", "cuda:1": "cuda:1"}.__getitem__)
    assert torch_device.device_for("cuda:1", large - 1) is None
    assert torch_device.device_for("cuda:1", large) == "cuda:1"
    assert torch_device.device_for("auto", large) == "mps"
    assert torch_device.device_for("cpu", large) is None
