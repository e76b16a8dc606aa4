"""Where to cut: precision and recall of a similarity threshold, and the threshold for a wanted precision.

The lowest of a hundred thresholds whose interval reaches a wanted precision is often one whose interval lies too high.
So the clusters of queries are divided at random. One half says at which threshold the precision is surest; from there
the other half goes down, as long as the lower end of the interval of its own precision reaches what is wanted. The
order of these tests was fixed before, so that the first that should fail is passed with the probability of a single
test (fixed-sequence testing: Maurer, Hothorn & Lehmacher 1995), and the figures are those of the half that did not
choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import for_each_block
from embedscope.metrics.vectors import score_pairs
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray
from embedscope.result import Estimate, ThresholdChoice, ThresholdTable
from embedscope.result.formatting import decimals_of
from embedscope.settings import TIE_TOLERANCE
from embedscope.stats.resampler import UNIT, Resampler

WANTED = (0.5, 0.8, 0.9, 0.95)
N_STEPS = 100  # from 0 to the bound of the scores, at most; 0.01 each for cosines
_BLOCK_COLUMNS = 100  # of intervals at a time: their influences are held together


class ReachCounts:
    """Counts, for every query, the documents whose score reaches each threshold; an `Accumulator`.

    Parameters
    ----------
    thresholds : ndarray of shape (T,), float64, ascending
        Compared in the dtype of the scores.

    Notes
    -----
    Memory: ``n_queries * T`` integers of four bytes. Sorting a row takes less time than looking each score up.
    """

    def __init__(self, n_queries: int, thresholds: Float64Array) -> None:
        self._thresholds = thresholds
        self._counts = np.zeros((n_queries, len(thresholds)), dtype=np.int32)

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in."""
        thresholds = self._thresholds.astype(block.dtype)
        for query, scores in enumerate(np.sort(block, axis=1), start=query_start):
            self._counts[query] += (len(scores) - np.searchsorted(scores, thresholds)).astype(np.int32)

    def merge(self, other: Self) -> Self:
        """New counts that have seen what both have seen.

        Raises InvalidOptionError if the two were made for other queries or thresholds.
        """
        if self._counts.shape != other._counts.shape or not np.array_equal(self._thresholds, other._thresholds):
            raise InvalidOptionError("Cannot merge counts of different queries or thresholds; make both the same way.")
        merged = type(self)(len(self._counts), self._thresholds)
        merged._counts = self._counts + other._counts
        return merged

    def result(self) -> IntArray:
        """Number of documents at or above each threshold, shape (n_queries, T)."""
        return self._counts.astype(np.int64)


def measure_thresholds(
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    resampler: Resampler,
    *,
    wanted: Sequence[float] = WANTED,
    tolerance: float = TIE_TOLERANCE,
    bound: float = 1.0,
) -> ThresholdTable:
    """Precision and recall of "every document with a similarity of at least t", with intervals.

    ``precision(t) = relevant pairs at or above t / pairs at or above t``, ``recall(t) = relevant pairs at or above t /
    relevant pairs``, both over all pairs of the queries and the pool. A document without a judgment counts as wrong.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32, as they are compared
    documents : ndarray of shape (N, dim), float32
    judgments, resampler
        Of these queries, each of which has a relevant document, and of their clusters.
    wanted : sequence of float
        Precisions for which a threshold is to be suggested: the lowest that is reached from the surest one downwards
        while the lower end of the interval of the precision reaches it, on queries that did not choose the surest.
    tolerance : float
        A similarity that lies below a threshold by no more reaches it.
    bound : float
        The range of the similarities, as `scoring.bound_of` has it.

    Raises
    ------
    InvalidOptionError
        If a wanted precision is not above 0 and at most 1.
    """
    for precision in wanted:
        if not 0 < precision <= 1:
            raise InvalidOptionError(f"A wanted precision must be above 0 and at most 1, got {precision}; try 0.9.")
    pair_scores = score_pairs(queries, documents, judgments.query_of_pair, judgments.documents)
    grid = _grid(bound)
    # Equal texts have a cosine of 1 up to rounding only, and 1 must be a threshold that they reach.
    limits = grid - tolerance
    counts = ReachCounts(len(queries), limits)
    for_each_block(queries, documents, (counts,), excluded=judgments.excluded)
    relevant = _relevant_reaching(pair_scores, judgments, limits)
    # A pair's score and its cell of the matrix product differ in the last digit and can fall on two sides.
    retrieved = np.maximum(counts.result(), relevant)
    totals = retrieved.sum(axis=0)
    # From the last threshold that every pair reaches to the last that any pair reaches.
    kept = slice(np.flatnonzero(totals == totals[0])[-1], np.flatnonzero(totals > 0)[-1] + 1)
    grid, retrieved, relevant = grid[kept], retrieved[:, kept], relevant[:, kept]
    precision_figures = _ratios(relevant, retrieved, resampler)
    recall_figures = _ratios(relevant, judgments.n_relevant[:, np.newaxis], resampler)
    return ThresholdTable(
        thresholds=grid,
        n_retrieved=retrieved.sum(axis=0),
        **_columns("precision", precision_figures),
        **_columns("recall", recall_figures),
        choices=_choices(wanted, grid, relevant, retrieved, judgments.n_relevant, resampler, precision_figures),
        n_documents=len(documents),
    )


def _grid(bound: float) -> Float64Array:
    """Thresholds from -bound to bound or a little further, at multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(bound / N_STEPS))
    step = next(step for step in power * np.array([1, 2, 5, 10]) if step * N_STEPS >= bound * (1 - 1e-9))
    n = int(np.ceil(bound / step - 1e-9))
    decimals = max(0, 2 - int(np.floor(np.log10(step))))  # a multiple of 0.01 is 0.29, not 0.29000000000000004
    return np.asarray(np.round(step * np.arange(-n, n + 1), decimals), dtype=np.float64)


def _relevant_reaching(pair_scores: Float64Array, judgments: Judgments, grid: Float64Array) -> IntArray:
    """Number of relevant documents at or above each threshold, shape (Q, T)."""
    n_bins = len(grid) + 1
    # As float32, since the scores of all pairs are.
    bins = np.searchsorted(grid.astype(np.float32), pair_scores.astype(np.float32), side="right")
    cells = np.bincount(judgments.query_of_pair * n_bins + bins, minlength=judgments.n_queries * n_bins)
    return _reaching(cells.reshape(-1, n_bins))


def _reaching(counts: IntArray) -> IntArray:
    """From counts between thresholds, shape (Q, T + 1), to counts at or above each, shape (Q, T)."""
    return np.cumsum(counts[:, :0:-1], axis=1, dtype=np.int64)[:, ::-1]


def _ratios(numerators: IntArray, denominators: IntArray, resampler: Resampler) -> list[Estimate]:
    """Ratio of the sums of each column with its interval; ``denominators`` are as many columns, or one for all."""
    below = np.broadcast_to(denominators, numerators.shape)
    figures: list[Estimate] = []
    for start in range(0, numerators.shape[1], _BLOCK_COLUMNS):
        columns = slice(start, start + _BLOCK_COLUMNS)
        sums = np.column_stack([numerators[:, columns], below[:, columns]]).astype(np.float64)
        figures += resampler.ratio(sums, bounds=UNIT)
    return figures


def _columns(name: str, figures: Sequence[Estimate]) -> dict[str, Float64Array]:
    def column(values: list[float | None]) -> Float64Array:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    return {
        name: column([figure.value for figure in figures]),
        f"{name}_low": column([figure.low for figure in figures]),
        f"{name}_high": column([figure.high for figure in figures]),
    }


def _choices(
    wanted: Sequence[float],
    grid: Float64Array,
    relevant: IntArray,
    retrieved: IntArray,
    n_relevant: IntArray,
    resampler: Resampler,
    precision: Sequence[Estimate],
) -> tuple[ThresholdChoice, ...]:
    """One choice a wanted precision; ``precision`` are the figures of all queries, for the reasons."""
    first = resampler.half()
    surest = _surest(_ratios(relevant[first], retrieved[first], resampler.among(first)))
    confirming = resampler.among(~first)
    figures = (
        []
        if surest is None
        else _ratios(relevant[~first][:, : surest + 1], retrieved[~first][:, : surest + 1], confirming)
    )
    choices = []
    for share in wanted:
        place = _lowest(share, figures)
        if place is None:
            reason = _why_not(share, grid, precision)
            absent = Estimate.absent(reason)
            choices.append(ThresholdChoice(share, None, absent, absent, reason))
            continue
        (recall,) = _ratios(relevant[~first][:, [place]], n_relevant[~first][:, np.newaxis], confirming)
        choices.append(ThresholdChoice(share, float(grid[place]), figures[place], recall))
    return tuple(choices)


def _surest(precision: Sequence[Estimate]) -> int | None:
    """Place of the threshold whose precision has the highest lower end, the lowest of equal ones; None without any."""
    lows = _columns("precision", precision)["precision_low"]
    return None if np.isnan(lows).all() else int(np.nanargmax(lows))


def _lowest(wanted: float, precision: Sequence[Estimate]) -> int | None:
    """The last place, from the last one downwards, before the first whose lower end is below ``wanted``."""
    lows = _columns("precision", precision)["precision_low"]
    failed = np.flatnonzero(~(lows >= wanted))
    place = int(failed[-1]) + 1 if failed.size else 0
    return place if place < len(lows) else None


def _why_not(wanted: float, grid: Float64Array, precision: Sequence[Estimate]) -> str:
    columns = _columns("precision", precision)
    values, lows = columns["precision"], columns["precision_low"]
    best = int(np.nanargmax(values))
    at = f"{{:.{decimals_of(grid)}f}}".format
    if values[best] < wanted:
        return f"not reachable: the highest precision is {values[best]:.3f}, at {at(grid[best])}"
    if np.isnan(lows).all():
        return "not reachable with 95 % confidence: the queries form too few groups for an interval"
    surest = int(np.nanargmax(lows))
    if lows[surest] >= wanted:
        return (
            f"not confirmed: over all queries the precision is surest at {at(grid[surest])}, with {lows[surest]:.3f} "
            "as the lower end of its interval, but the half of them that did not choose it is too few to be sure; more "
            "queries would help"
        )
    advice = "; more queries would narrow it" if values[surest] >= wanted else ""
    return (
        f"not reachable with 95 % confidence: the precision is surest at {at(grid[surest])}, with {values[surest]:.3f} "
        f"and {lows[surest]:.3f} as the lower end of its interval{advice}"
    )
