"""The loop over blocks: sizes, shards and rotations change nothing; memory is one reused block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError
from embedscope.metrics import kernels, threads
from embedscope.metrics import local_pass as local
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import for_each_block, search_top_k
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.ranking import chance_level, metric_per_query
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.ties import TieCounts
from embedscope.metrics.top_k import TopK, TopKAccumulator
from embedscope.metrics.vectors import score_pairs, unit_rows

SEEDS = st.integers(0, 2**32 - 1)
MEASURES = [parse_measure(text) for text in ("MRR", "Success@1", "Recall@5", "P@5", "nDCG@5", "MAP")]
TOLERANCE = 1e-6


class Recorder:
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.blocks: list[tuple[np.ndarray, int, int]] = []
        self.addresses: set[int] = set()

    def update(self, block: np.ndarray, query_start: int, document_start: int) -> None:
        self.blocks.append((block.copy(), query_start, document_start))
        self.addresses.add(block.ctypes.data)

    def merge(self, other: Recorder) -> Recorder:
        raise AssertionError("one loop has nothing to merge")


def vectors(seed: int, n: int, dim: int = 6) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32))


def problem(seed: int, n_queries: int = 9, n_documents: int = 50) -> tuple[np.ndarray, np.ndarray, Judgments]:
    """Vectors with many equal documents, and one to five relevant ones a query."""
    generator = np.random.default_rng(seed)
    documents = vectors(seed, n_documents)[generator.integers(0, n_documents // 3, n_documents)]
    relevant = [generator.permutation(n_documents)[: generator.integers(1, 6)] for _ in range(n_queries)]
    return vectors(seed + 1, n_queries), documents, Judgments.from_lists(relevant, n_documents=n_documents)


def counts_of(queries: np.ndarray, documents: np.ndarray, judgments: Judgments, **blocks: int) -> TieCounts:
    pairs = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    ties = TieAccumulator(judgments, pairs, TOLERANCE)
    for_each_block(queries, documents, [ties], **blocks)
    return ties.result()


def top_k_of(queries: np.ndarray, documents: np.ndarray, k: int, **blocks: int) -> TopK:
    best = TopKAccumulator(len(queries), min(k, len(documents)))
    for_each_block(queries, documents, [best], **blocks)
    return best.result()


def metrics_of(queries: np.ndarray, documents: np.ndarray, judgments: Judgments, **blocks: int) -> np.ndarray:
    pairs = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    counts = counts_of(queries, documents, judgments, **blocks)
    return np.array([metric_per_query(measure, judgments, pairs, counts) for measure in MEASURES])


def test_blocks_tile_the_matrix_of_scores() -> None:
    queries, documents = vectors(0, 7), vectors(1, 11)
    recorder = Recorder()
    for_each_block(queries, documents, [recorder], query_block=3, document_block=4)
    matrix = np.full((7, 11), np.nan)
    for block, query, document in recorder.blocks:
        assert np.isnan(matrix[query : query + block.shape[0], document : document + block.shape[1]]).all()
        matrix[query : query + block.shape[0], document : document + block.shape[1]] = block
    np.testing.assert_allclose(matrix, queries @ documents.T, atol=1e-6)


def test_no_block_is_a_single_row_that_was_left_over() -> None:
    recorder = Recorder()
    for_each_block(vectors(0, 7), vectors(1, 9), [recorder], query_block=3, document_block=4)
    assert [block.shape for block, _, _ in recorder.blocks] == [(3, 4), (3, 5), (4, 4), (4, 5)]
    assert [place for _, *place in recorder.blocks] == [[0, 0], [0, 4], [3, 0], [3, 4]]


def test_all_blocks_share_one_buffer_of_the_dtype_of_the_vectors() -> None:
    recorder = Recorder()
    for_each_block(vectors(0, 7), vectors(1, 11), [recorder], query_block=3, document_block=4)
    assert len(recorder.addresses) == 1
    assert {block.dtype for block, _, _ in recorder.blocks} == {np.dtype(np.float32)}


def test_progress_is_told_the_queries_done_after_every_block_of_rows() -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, message: str | None = None) -> None:
        told.append((done, total))

    for_each_block(vectors(0, 8), vectors(1, 11), [], query_block=3, document_block=4, progress=progress)
    assert told == [(3, 8), (6, 8), (8, 8)]


def test_no_queries_or_no_documents_show_no_block() -> None:
    recorder = Recorder()
    for_each_block(vectors(0, 0), vectors(1, 5), [recorder])
    for_each_block(vectors(0, 5), vectors(1, 0), [recorder])
    assert recorder.blocks == []


@pytest.mark.parametrize("blocks", [{"query_block": 0}, {"document_block": 0}])
def test_empty_blocks_are_refused(blocks: dict[str, int]) -> None:
    with pytest.raises(InvalidOptionError, match="at least 1 x 1"):
        for_each_block(vectors(0, 2), vectors(1, 2), [], **blocks)


def test_dimensions_that_differ_are_refused() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="dimensions"):
        for_each_block(vectors(0, 2, dim=3), vectors(1, 2, dim=4), [])


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 12), st.integers(1, 60))
def test_the_block_size_changes_no_count_and_no_list(seed: int, query_block: int, document_block: int) -> None:
    queries, documents, judgments = problem(seed % 1000)
    blocks = {"query_block": query_block, "document_block": document_block}
    whole, cut = counts_of(queries, documents, judgments), counts_of(queries, documents, judgments, **blocks)
    for name in ("greater", "tied", "tied_before"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))
    # A product of another shape may round differently, so lists are compared by their scores.
    np.testing.assert_allclose(
        top_k_of(queries, documents, 7, **blocks).scores, search_top_k(queries, documents, 7).scores, atol=1e-6
    )


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 49))
def test_shards_merged_in_any_order_give_the_numbers_of_the_whole(seed: int, cut: int) -> None:
    queries, documents, judgments = problem(seed % 1000)
    pairs = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    shards = []
    for start, stop in ((0, cut), (cut, 50)):
        shard = TieAccumulator(judgments, pairs, TOLERANCE), HistogramAccumulator(200, exclude=judgments)
        for_each_block(queries, documents[start:stop], shard, query_block=4, document_offset=start)
        shards.append(shard)
    ties, histogram = (right.merge(left) for left, right in zip(*shards, strict=True))
    expected = counts_of(queries, documents, judgments)
    for name in ("greater", "tied", "tied_before"):
        np.testing.assert_array_equal(getattr(ties.result(), name), getattr(expected, name))
    assert histogram.result().sum() == 9 * 50 - len(judgments.documents)
    assert histogram.result().min() >= 0


def test_query_shards_give_the_lists_of_the_whole() -> None:
    queries, documents = vectors(0, 9), vectors(1, 40)
    halves = [TopKAccumulator(9, 5) for _ in range(2)]
    for_each_block(queries[:4], documents, halves[:1])
    halves[1].update(queries[4:] @ documents.T, 4, 0)
    merged = halves[0].merge(halves[1]).result()
    np.testing.assert_array_equal(merged.documents, search_top_k(queries, documents, 5).documents)


@settings(max_examples=25)
@given(SEEDS)
def test_rotating_all_vectors_changes_no_metric(seed: int) -> None:
    queries, documents, judgments = problem(seed % 1000)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))
    rotated = [(matrix @ rotation).astype(np.float32) for matrix in (queries, documents)]
    np.testing.assert_allclose(
        metrics_of(*rotated, judgments), metrics_of(queries, documents, judgments), rtol=1e-9, atol=1e-12
    )


@settings(max_examples=25)
@given(SEEDS)
def test_permuting_the_documents_changes_no_expected_metric(seed: int) -> None:
    queries, documents, judgments = problem(seed % 1000)
    order = np.random.default_rng(seed).permutation(len(documents))
    place = np.argsort(order)
    lists = [place[judgments.documents[a:b]] for a, b in zip(judgments.indptr[:-1], judgments.indptr[1:], strict=True)]
    permuted = Judgments.from_lists(lists, n_documents=len(documents))
    np.testing.assert_allclose(
        metrics_of(queries, documents[order], permuted), metrics_of(queries, documents, judgments), rtol=1e-9
    )


@pytest.mark.parametrize("dim", [3, 384])
def test_a_model_that_gives_every_text_the_same_vector_scores_exactly_chance(dim: int) -> None:
    _, _, judgments = problem(2)
    row = vectors(5, 1, dim)
    queries, documents = np.repeat(row, 9, axis=0), np.repeat(row, 50, axis=0)
    expected = [chance_level(measure, judgments) for measure in MEASURES]
    np.testing.assert_array_equal(metrics_of(queries, documents, judgments, document_block=7), expected)


def test_a_model_that_puts_each_query_on_its_document_is_perfect() -> None:
    documents = vectors(3, 40, dim=16)
    judgments = Judgments.from_lists([[i] for i in range(40)], n_documents=40)
    values = dict(zip(map(str, MEASURES), metrics_of(documents, documents, judgments), strict=True))
    for name in ("MRR", "Success@1", "Recall@5", "nDCG@5", "MAP"):
        np.testing.assert_array_equal(values[name], np.ones(40))


@settings(max_examples=20)
@given(SEEDS, st.integers(1, 60))
def test_search_equals_a_full_sort(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    # Products of small integers are exact in float32, so that equal scores are equal in every block.
    queries, documents = (generator.integers(-2, 3, (n, 4)).astype(np.float32) for n in (6, 50))
    expected = np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :k]
    for scores, found in (
        search_top_k(queries, documents, k),
        top_k_of(queries, documents, k, query_block=4, document_block=13),
    ):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(scores, np.take_along_axis(queries @ documents.T, expected, axis=1))


def test_search_for_more_documents_than_there_are_returns_them_all() -> None:
    assert search_top_k(vectors(0, 2), vectors(1, 3), 10).documents.shape == (2, 3)


def test_search_among_no_documents_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="at least one document"):
        search_top_k(vectors(0, 2), vectors(1, 0), 3)


# --- compiled loops in threads --------------------------------------------------------------------------------------


def whole_numbers(seed: int, n: int, dim: int = 5) -> np.ndarray:
    """Vectors whose products are exact in float32, so that every way of multiplying gives the same scores."""
    return np.random.default_rng(seed).integers(-3, 4, (n, dim)).astype(np.float32)


def results_of(queries: np.ndarray, documents: np.ndarray, judgments: Judgments, **blocks: int) -> list[np.ndarray]:
    pairs = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    ties, top = TieAccumulator(judgments, pairs, 0.0), TopKAccumulator(len(queries), 6)
    histogram = HistogramAccumulator(400, exclude=judgments)
    for_each_block(queries, documents, (ties, top, histogram), **blocks)
    counts = ties.result()
    return [counts.greater, counts.tied, counts.tied_before, *top.result(), histogram.result()]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the matrix, the compiled loops read it."""
    loops = kernels.load()
    monkeypatch.setattr(local, "for_matrix", lambda n_cells: loops)


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 12), st.integers(1, 60), st.integers(1, 4))
def test_threads_and_compiled_loops_change_no_number(
    seed: int, query_block: int, document_block: int, n_threads: int
) -> None:
    queries, documents = whole_numbers(seed, 9), whole_numbers(seed + 1, 50)
    judgments = problem(seed % 1000)[2]
    expected = results_of(queries, documents, judgments)
    with pytest.MonkeyPatch.context() as patch:
        loops = kernels.load()
        patch.setattr(local, "for_matrix", lambda n_cells: loops)
        patch.setattr(local, "n_threads", lambda: n_threads)
        patch.setattr(threads, "n_threads", lambda: n_threads)
        patch.setattr(local, "_PIECE_BYTES", 300)
        found = results_of(queries, documents, judgments, query_block=query_block, document_block=document_block)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.usefixtures("compiled")
def test_progress_rises_in_order_with_threads() -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, message: str | None = None) -> None:
        told.append((done, total))

    best = TopKAccumulator(8, 2)
    for_each_block(vectors(0, 8), vectors(1, 11), [best], query_block=3, document_block=4, progress=progress)
    assert told == [(3, 8), (6, 8), (8, 8)]


@pytest.mark.usefixtures("compiled")
def test_a_consumer_without_compiled_loops_is_shown_whole_blocks_in_order() -> None:
    recorder, best = Recorder(), TopKAccumulator(7, 2)
    for_each_block(vectors(0, 7), vectors(1, 11), [best, recorder], query_block=3, document_block=4)
    places = [(query, document) for _, query, document in recorder.blocks]
    assert places == sorted(places)
    np.testing.assert_array_equal(best.result().documents, search_top_k(vectors(0, 7), vectors(1, 11), 2).documents)


@pytest.mark.usefixtures("compiled")
def test_an_error_in_a_thread_reaches_the_caller() -> None:
    class Failing(TopKAccumulator):
        def update_with(self, *_: object) -> None:
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        for_each_block(vectors(0, 7), vectors(1, 11), [Failing(7, 2)], query_block=1)


def test_a_large_matrix_is_read_by_compiled_loops_and_a_small_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(local, "for_matrix", asked.append)
    search_top_k(vectors(0, 7), vectors(1, 11), 2)
    assert asked == [77]
