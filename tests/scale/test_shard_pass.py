"""A corpus on disk, shard by shard: however it is cut, merged and blocked, the numbers are those of the whole."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedscope.errors import EmbedscopeError
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.kernels import MIN_CELLS
from embedscope.metrics.local_pass import for_each_block
from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import score_pairs
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import (
    MOST_PARTS,
    PartialScores,
    ShardTask,
    merge_in_groups,
    require_all,
    score_shard,
    score_shards,
)
from embedscope.scale.shard_writer import write_shards

N_QUERIES, N_DOCUMENTS, DIM, K, N_BINS = 7, 60, 8, 5, 200


def halves(generator: np.random.Generator, n: int) -> np.ndarray:
    """Rows with four entries of +-1/2: of norm 1, with inner products that are exact in float32 and often equal."""
    rows = np.zeros((n, DIM), dtype=np.float32)
    for row in rows:
        row[generator.choice(DIM, 4, replace=False)] = generator.choice([-0.5, 0.5], 4)
    return rows


def problem(seed: int) -> tuple[np.ndarray, np.ndarray, Judgments]:
    generator = np.random.default_rng(seed)
    relevant = [generator.permutation(N_DOCUMENTS)[: generator.integers(1, 4)] for _ in range(N_QUERIES)]
    judgments = Judgments.from_lists(relevant, n_documents=N_DOCUMENTS)
    return halves(generator, N_QUERIES), halves(generator, N_DOCUMENTS), judgments


def task_of(folder: ShardFolder, queries: np.ndarray, documents: np.ndarray, judgments: Judgments) -> ShardTask:
    pairs = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    return ShardTask(queries, judgments, pairs, K, 1e-6, N_BINS, rows_per_block=1024)


def whole(queries: np.ndarray, documents: np.ndarray, task: ShardTask) -> PartialScores:
    """The same figures from arrays, in one piece."""
    ties = TieAccumulator(task.judgments, task.pair_scores, task.tolerance)
    top = TopKAccumulator(len(queries), K)
    histogram = HistogramAccumulator(N_BINS, exclude=task.judgments)
    for_each_block(queries, documents, (ties, top, histogram))
    return PartialScores(frozenset(), ties.result(), top, histogram.result(), *sum_and_gram(documents))


def assert_same(found: PartialScores, expected: PartialScores) -> None:
    for name in ("greater", "tied", "tied_before"):
        np.testing.assert_array_equal(getattr(found.counts, name), getattr(expected.counts, name))
    np.testing.assert_array_equal(found.top.result().documents, expected.top.result().documents)
    np.testing.assert_array_equal(found.top.result().scores, expected.top.result().scores)
    np.testing.assert_array_equal(found.histogram, expected.histogram)
    np.testing.assert_allclose(found.total, expected.total, rtol=1e-12)
    np.testing.assert_allclose(found.gram, expected.gram, rtol=1e-12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    rows_per_shard=st.integers(1, 70),
    rows_per_block=st.integers(1, 70),
    dtype=st.sampled_from(["float16", "float32"]),
)
def test_any_split_into_shards_and_any_block_size_give_the_numbers_of_the_whole(
    seed: int,
    rows_per_shard: int,
    rows_per_block: int,
    dtype: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    queries, documents, judgments = problem(seed)
    where = tmp_path_factory.mktemp("shards") / "folder"
    folder = write_shards(where, queries, documents, judgments, rows_per_shard=rows_per_shard, dtype=dtype)
    task = replace(task_of(folder, queries, documents, judgments), rows_per_block=rows_per_block)
    assert_same(score_shards(folder, task), whole(queries, documents, task))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), order=st.permutations(range(6)), cuts=st.lists(st.booleans(), min_size=5, max_size=5))
def test_any_order_and_any_nesting_of_merges_give_the_same_numbers(
    seed: int, order: list[int], cuts: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    queries, documents, judgments = problem(seed)
    folder = write_shards(
        tmp_path_factory.mktemp("shards") / "folder", queries, documents, judgments, rows_per_shard=10
    )
    task = task_of(folder, queries, documents, judgments)
    waiting = [score_shard(folder, task, number) for number in order]
    for takes_last in cuts:
        left, right = (waiting.pop(), waiting.pop()) if takes_last else (waiting.pop(0), waiting.pop(0))
        waiting.append(left.merge(right))
    assert_same(require_all(waiting[0], folder), whole(queries, documents, task))


@given(n=st.integers(1, 40))
def test_merging_in_groups_keeps_the_order_and_every_part(n: int) -> None:
    assert merge_in_groups(([i] for i in range(n)), n, lambda left, right: left + right) == list(range(n))


@given(n=st.integers(1, 2000))
def test_merging_in_groups_is_as_deep_as_two_square_roots(n: int) -> None:
    depth = merge_in_groups((0 for _ in range(n)), n, lambda left, right: 1 + max(left, right))
    assert depth <= 2 * n**0.5 + 1


class Part:
    """Counts how many of its kind exist."""

    alive = most = 0

    def __init__(self) -> None:
        Part.alive += 1
        Part.most = max(Part.most, Part.alive)

    def __del__(self) -> None:
        Part.alive -= 1


@pytest.mark.parametrize("n", [1, 2, 5, 39, 763, 764, 4096])
def test_few_parts_exist_at_once_however_many_there_are(n: int) -> None:
    Part.alive = Part.most = 0
    merge_in_groups((Part() for _ in range(n)), n, lambda left, right: Part())
    assert Part.most <= MOST_PARTS


def test_a_part_travels_with_counts_and_without_judgments(tmp_path: Path) -> None:
    n_queries, n_pairs, n_documents = 200, 20, 400
    generator = np.random.default_rng(0)
    documents = halves(generator, n_documents)
    relevant = [generator.choice(n_documents, n_pairs, replace=False) for _ in range(n_queries)]
    judgments = Judgments.from_lists(relevant, n_documents=n_documents)
    folder = write_shards(tmp_path / "folder", documents[:n_queries], documents, judgments)
    part = score_shard(folder, task_of(folder, documents[:n_queries], documents, judgments), 0)
    counts = 3 * 8 * n_queries * n_pairs
    assert len(pickle.dumps(part)) < counts + 12 * n_queries * K + 8 * N_BINS + 8 * DIM * (DIM + 1) + 2000


@pytest.fixture
def folder_and_task(tmp_path: Path) -> tuple[ShardFolder, ShardTask]:
    queries, documents, judgments = problem(3)
    folder = write_shards(tmp_path / "folder", queries, documents, judgments, rows_per_shard=25)
    return folder, task_of(folder, queries, documents, judgments)


def test_a_shard_that_is_in_both_parts_is_not_counted_twice(folder_and_task: tuple[ShardFolder, ShardTask]) -> None:
    folder, task = folder_and_task
    first, second = (score_shard(folder, task, number) for number in (0, 1))
    both = first.merge(second)
    with pytest.raises(EmbedscopeError, match="Shard 1 would be counted twice"):
        second.merge(both)


def test_a_shard_that_nobody_scored_is_noticed(folder_and_task: tuple[ShardFolder, ShardTask]) -> None:
    folder, task = folder_and_task
    with pytest.raises(EmbedscopeError, match="2 shards were not scored, first: 1"):
        require_all(score_shard(folder, task, 0), folder)


def test_progress_rises_to_the_number_of_documents(folder_and_task: tuple[ShardFolder, ShardTask]) -> None:
    folder, task = folder_and_task
    told: list[tuple[int, int]] = []
    score_shards(
        folder,
        replace(task, rows_per_block=10),
        lambda done, total, message=None: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (N_DOCUMENTS, N_DOCUMENTS)
    assert len(told) == 7


def test_the_first_error_of_a_shard_ends_the_run(folder_and_task: tuple[ShardFolder, ShardTask]) -> None:
    folder, task = folder_and_task
    shard = Path(folder.where) / folder.documents.shards[1].file
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(EmbedscopeError, match="SHA-256"):
        score_shards(ShardFolder(folder.where), task)


def test_the_compiled_pass_gives_the_same_bits_on_one_thread_and_on_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1537 queries: blocks that followed the number of threads left one row over on one thread, and none on two."""
    n_queries, n_documents, dim = 1537, 66_000, 64
    assert n_queries * n_documents > MIN_CELLS
    generator = np.random.default_rng(0)
    queries, documents = (generator.normal(size=(n, dim)).astype(np.float32) for n in (n_queries, n_documents))
    judgments = Judgments.from_lists([[i] for i in range(n_queries)], n_documents=n_documents)
    folder = write_shards(tmp_path / "folder", queries, documents, judgments, rows_per_shard=n_documents)
    task = replace(
        task_of(folder, folder.queries.everything(), folder.documents.take(np.arange(n_queries)), judgments),
        rows_per_block=1 << 16,
    )
    found = []
    for n in (1, 2):
        monkeypatch.setenv("OMP_NUM_THREADS", str(n))
        found.append(score_shard(folder, task, 0))
    assert_same(*found)
    np.testing.assert_array_equal(found[0].gram, found[1].gram)
