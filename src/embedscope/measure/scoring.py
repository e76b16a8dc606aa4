"""One pass over the query x document scores: ranks, top lists, the histogram of negatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from embedscope.metrics import torch_pass as torch_device
from embedscope.metrics.accumulators import Accumulator, cells_in
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.list_counting import count_in_lists
from embedscope.metrics.local_pass import for_each_block
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.norms import Norms, score_bound
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.metrics.ranking import metrics_per_query
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.ties import TieCounts
from embedscope.metrics.top_k import TopK, TopKAccumulator
from embedscope.metrics.vectors import score_pairs
from embedscope.protocols import BoolArray, Float32Array, Float64Array, FloatArray, IntArray, ProgressCallback, Ties
from embedscope.settings import Device, SimilarityFunction

N_BINS = 40_000
"""Bins over the range of the scores, 0.00005 wide for cosines: as quick to fill as 4,000, and fine enough for a narrow
space."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What the pass over all blocks leaves behind.

    Where excluded documents leave fewer than k' to a query, its list ends with -1 and NaN.
    """

    judgments: Judgments
    pair_scores: Float64Array  # (P,) one for each relevant pair
    counts: TieCounts
    top_documents: IntArray  # (Q, k')
    top_scores: FloatArray  # (Q, k')
    histogram: IntArray  # (N_BINS,) of the negative pairs, over [-bound, bound]; (0,) of ranked lists
    bound: float = 1.0
    excluded_scores: Float64Array = field(default_factory=lambda: np.zeros(0))  # one for each excluded pair


def score(
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    *,
    k: int,
    tolerance: float,
    bound: float = 1.0,
    device: str = Device.CPU,
    progress: ProgressCallback | None = None,
) -> Scores:
    """Scores of every query against every document, without ever holding the matrix.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32, as they are compared
    documents : ndarray of shape (N, dim), float32
    judgments : Judgments of the Q queries over the N documents
    k : int
        Documents kept for each query.
    tolerance : float
        Scores that differ by no more are tied.
    bound : float
        The range of the scores, as `bound_of` has it.
    device : str
        Where a matrix of `torch_device.MIN_CELLS` scores or more is computed: "auto", "cpu", "cuda", "mps". Smaller
        ones are computed here.
    progress : ProgressCallback, optional
        Called with the number of queries done (on a device, how many documents).

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    InvalidOptionError
        If the matrix is large and the device is not there.
    """
    pair_scores = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    ties = TieAccumulator(judgments, pair_scores, tolerance)
    top = TopKAccumulator(len(queries), min(k, len(documents)))
    histogram = HistogramAccumulator(N_BINS, exclude=judgments.not_negative, bound=bound)
    _show_blocks(queries, documents, (ties, top, histogram), judgments.excluded, device, progress)
    return Scores(
        judgments,
        pair_scores,
        ties.result(),
        *lists_of(top.result()),
        histogram.result(),
        bound,
        scores_of_excluded(queries, documents, judgments.excluded),
    )


def list_scores(lists: RankedLists, judgments: Judgments, *, k: int) -> tuple[Scores, BoolArray]:
    """What ranked lists say of the same, and which relevant pairs they hold, shape (P,); the others add 0 to a metric.

    ``k`` is the number of documents kept for each query. An excluded document takes no rank.
    """
    if judgments.excluded is not None:
        lists = lists.without(judgments.excluded)
    pair_scores, is_listed, counts = count_in_lists(lists, judgments)
    documents, scores = lists.top(min(k, max(int(np.diff(lists.indptr).max(initial=0)), 1)))
    nothing = np.zeros(0, dtype=np.int64)
    return Scores(judgments, pair_scores, counts, documents, scores, nothing), is_listed


def values_of_lists(lists: RankedLists, judgments: Judgments, measures: Sequence[str]) -> dict[str, Float64Array]:
    """Each measure for each query, shape (Q,), of ranked lists of these queries."""
    scores, _ = list_scores(lists, judgments, k=1)
    return values_of(measures, judgments, scores.pair_scores, scores.counts)


def lists_of(best: TopK) -> tuple[IntArray, Float32Array]:
    """Documents and scores of the lists, -1 and NaN where a query has no more documents."""
    return best.documents, np.where(best.documents < 0, np.nan, best.scores).astype(np.float32, copy=False)


def scores_of_excluded(queries: Float32Array, documents: Float32Array, excluded: Cells | None) -> Float64Array:
    """The score of each excluded pair; none where nothing is excluded."""
    if excluded is None:
        return np.zeros(0)
    return score_pairs(queries, documents, excluded.query_of_pair, excluded.documents)


def bound_of(queries: FloatArray, documents: FloatArray, similarity: str) -> float:
    """The bound of the scores, which is also the unit of the tie tolerance: 1 for cosines.

    Raises InvalidEmbeddingsError if dot products would leave the range of float32.
    """
    return score_bound(Norms.of(queries), Norms.of(documents)) if similarity == SimilarityFunction.DOT else 1.0


def _show_blocks(
    queries: Float32Array,
    documents: Float32Array,
    consumers: Sequence[Accumulator],
    excluded: Cells | None,
    device: str,
    progress: ProgressCallback | None = None,
) -> None:
    """Every block of the matrix to every consumer, on the device where the matrix is large and one is there."""
    accelerator = torch_device.device_for(device, len(queries) * len(documents))
    if accelerator is None:
        for_each_block(queries, documents, consumers, excluded=excluded, progress=progress)
    else:
        torch_device.for_each_block(
            queries, documents, consumers, device=accelerator, excluded=excluded, progress=progress
        )


def gaps(scores: Scores) -> Float64Array:
    """Score of the first document of each ranked list minus the second's, shape (Q,); NaN where there is no second."""
    if scores.top_scores.shape[1] < 2:
        return np.full(len(scores.top_scores), np.nan)
    gap: Float64Array = scores.top_scores[:, 0].astype(np.float64) - scores.top_scores[:, 1]
    return gap


def rank_values(
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    measures: Sequence[str],
    *,
    tolerance: float,
    device: str = Device.CPU,
) -> dict[str, Float64Array]:
    """Each measure for each query, shape (Q,), and nothing else: for baselines and references.

    ``device`` as for :func:`score`.
    """
    pair_scores = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    ties = TieAccumulator(judgments, pair_scores, tolerance)
    _show_blocks(queries, documents, (ties,), judgments.excluded, device)
    return values_of(measures, judgments, pair_scores, ties.result())


def block_values(
    blocks: Iterable[tuple[int, FloatArray]], judgments: Judgments, measures: Sequence[str], *, tolerance: float
) -> dict[str, Float64Array]:
    """Each measure for each query, shape (Q,), from blocks (first query, scores of shape (q, N)), which are changed."""
    parts: list[Mapping[str, Float64Array]] = []
    for start, block in blocks:
        own = judgments.select(np.arange(start, start + len(block)))
        if own.excluded is not None:
            block[cells_in(own.excluded, block, 0, 0)] = -np.inf
        pair_scores = block[own.query_of_pair, own.documents].astype(np.float64)
        ties = TieAccumulator(own, pair_scores, tolerance)
        ties.update(block, 0, 0)
        parts.append(values_of(measures, own, pair_scores, ties.result()))
    return {name: np.concatenate([part[name] for part in parts]) for name in measures}


def cell_values(
    blocks: Iterable[tuple[int, int, FloatArray]],
    pair_scores: Float64Array,
    judgments: Judgments,
    measures: Sequence[str],
    *,
    tolerance: float,
) -> dict[str, Float64Array]:
    """The same from blocks (first query, first document, scores of shape (q, n)) in any order, which are changed.

    ``pair_scores`` are the scores of the relevant pairs, shape (P,).
    """
    ties = TieAccumulator(judgments, pair_scores, tolerance)
    for query_start, document_start, block in blocks:
        if judgments.excluded is not None:
            block[cells_in(judgments.excluded, block, query_start, document_start)] = -np.inf
        ties.update(block, query_start, document_start)
    return values_of(measures, judgments, pair_scores, ties.result())


def values_of(
    measures: Sequence[str],
    judgments: Judgments,
    pair_scores: Float64Array,
    counts: TieCounts,
    ties: Ties = Ties.EXPECTED,
) -> dict[str, Float64Array]:
    """Each measure for each query, shape (Q,), under one reading of ties."""
    parsed = [parse_measure(name) for name in measures]
    return dict(zip(measures, metrics_per_query(parsed, judgments, pair_scores, counts, ties), strict=True))
