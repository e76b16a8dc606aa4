"""Non-relevant documents above and beside every relevant one, counted block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from embedscope.metrics.accumulators import Cells, count_rows, relevant_cells, require_mergeable
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.kernels import MAX_GROUPS, Kernels
from embedscope.metrics.ties import TieCounts, TieGroups, tie_groups
from embedscope.protocols import Float64Array, FloatArray, IntArray

_SORTED_GROUPS = 8
"""From this many tie groups in a query on, sorting its row once is quicker than comparing it twice for each group."""


class TieAccumulator:
    """Counts the non-relevant documents above and beside every relevant one.

    Parameters
    ----------
    judgments : Judgments
    pair_scores : array_like of shape (P,)
        Score of every (query, relevant document) pair, known before the pass (`vectors.score_pairs`).
    tolerance : float
        Two scores that differ by no more are tied. 1e-6 for float32 cosines, whose matrix product differs from
        ``pair_scores`` by about 1e-7; 0 for precomputed scores, which must then be the very numbers of the blocks.

    Raises
    ------
    InvalidOptionError
        If a pair score is not finite, their number is not P, or the tolerance is negative.

    Notes
    -----
    Memory: a dozen integers a pair. Time: two comparisons a cell, or one sort a row for a query whose relevant
    documents form many tie groups.
    """

    def __init__(self, judgments: Judgments, pair_scores: npt.ArrayLike, tolerance: float) -> None:
        self._judgments = judgments
        self._groups = tie_groups(judgments, pair_scores, tolerance)
        self._tolerance = float(tolerance)
        self._greater = np.zeros(len(self._groups.query), dtype=np.int64)  # (G,)
        self._tied = np.zeros(len(self._groups.query), dtype=np.int64)  # (G,)
        self._tied_before = np.zeros(len(judgments.documents), dtype=np.int64)  # (P,)
        self._limits: dict[np.dtype[Any], tuple[FloatArray, FloatArray]] = {}

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in, the relevant documents' own cells left out; see `Accumulator`."""
        first, last = self._groups.query_indptr[[query_start, query_start + len(block)]]
        above, lowest = self.limits_in(block.dtype)
        windows = _Windows(
            rows=self._groups.query[first:last] - query_start,
            above=above[first:last],
            lowest=lowest[first:last],
        )
        relevant = relevant_cells(self._judgments, block, query_start, document_start)
        greater, at_least = _window_counts(block, windows, relevant)
        tied = at_least - greater
        self._greater[first:last] += greater
        self._tied[first:last] += tied
        if tied.any():
            self._count_before(block, document_start, int(first), windows, tied, relevant)

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in by a compiled loop; see `CompiledAccumulator`."""
        groups, judgments = self._groups, self._judgments
        above, lowest = self.limits_in(block.dtype)
        kernels.count_windows(
            block,
            query_start,
            document_start,
            judgments.indptr,
            judgments.documents,
            groups.query_indptr,
            groups.of_pair,
            above,
            lowest,
            MAX_GROUPS,
            self._greater,
            self._tied,
            self._tied_before,
        )
        n_groups = np.diff(groups.query_indptr[query_start : query_start + len(block) + 1])
        left_out = np.flatnonzero(n_groups > MAX_GROUPS)
        for run in np.split(left_out, np.flatnonzero(np.diff(left_out) > 1) + 1) if len(left_out) else ():
            first, last = int(run[0]), int(run[-1])
            self.update(block[first : last + 1], query_start + first, document_start)

    def merge(self, other: Self) -> Self:
        """A new accumulator with the counts of both; see `Accumulator`.

        Raises
        ------
        InvalidOptionError
            If the two were made for different judgments or tie groups.
        """
        same_groups = np.array_equal(self._groups.of_pair, other._groups.of_pair)
        same_pairs = np.array_equal(self._judgments.documents, other._judgments.documents)
        require_mergeable(same_groups and same_pairs and self._tolerance == other._tolerance, "tie counts")
        merged = object.__new__(type(self))
        merged._judgments, merged._groups, merged._tolerance = self._judgments, self._groups, self._tolerance
        merged._limits = self._limits
        merged._greater = self._greater + other._greater
        merged._tied = self._tied + other._tied
        merged._tied_before = self._tied_before + other._tied_before
        return merged

    def result(self) -> TieCounts:
        """The counts so far, one row a (query, relevant document) pair."""
        return TieCounts(
            greater=self._greater[self._groups.of_pair],
            tied=self._tied[self._groups.of_pair],
            tied_before=self._tied_before.copy(),
            tolerance=self._tolerance,
        )

    @property
    def judgments(self) -> Judgments:
        """What the counts are of."""
        return self._judgments

    @property
    def groups(self) -> TieGroups:
        """The tie groups of the relevant documents."""
        return self._groups

    def add(self, greater: IntArray, tied: IntArray, tied_before: IntArray) -> None:
        """Add counts made elsewhere of cells not shown here: by group, shape (G,), and by pair, shape (P,)."""
        self._greater += greater
        self._tied += tied
        self._tied_before += tied_before

    def limits_in(self, dtype: np.dtype[Any]) -> tuple[FloatArray, FloatArray]:
        """``(above, lowest)``, both of shape (G,), in the dtype of the blocks.

        A score ``s`` of that dtype is above a group if ``s > above``, else tied with it if ``s >= lowest``.
        """
        if dtype not in self._limits:
            above = _largest_at_most(self._groups.high + self._tolerance, dtype)
            self._limits[dtype] = above, _smallest_at_least(self._groups.low - self._tolerance, dtype)
        return self._limits[dtype]

    def _count_before(
        self,
        block: FloatArray,
        document_start: int,
        first_group: int,
        windows: _Windows,
        tied: IntArray,
        relevant: Cells,
    ) -> None:
        """Add the tied documents of the block that have a smaller index than the relevant document of a pair."""
        of_pair = self._groups.of_pair
        first_pair, last_pair = self._groups.pair_indptr[[first_group, first_group + len(tied)]]
        group = of_pair[first_pair:last_pair] - first_group
        pairs = first_pair + np.flatnonzero(tied[group])
        group, document = of_pair[pairs] - first_group, self._judgments.documents[pairs]
        is_later = document >= document_start + block.shape[1]
        self._tied_before[pairs[is_later]] += tied[group[is_later]]
        is_inside = ~is_later & (document >= document_start)
        pairs, group, column = pairs[is_inside], group[is_inside], document[is_inside] - document_start
        # Pairs of one group need not follow one another, hence the sort by group.
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        for members in np.split(order, starts[1:]) if len(order) else ():
            tied_columns = _tied_columns(block, windows, int(group[members[0]]), relevant)
            self._tied_before[pairs[members]] += np.searchsorted(tied_columns, column[members])


@dataclass(frozen=True, slots=True)
class _Windows:
    """Tie groups of a block's rows; a score ``s`` is above a group if ``s > above``, else tied if ``s >= lowest``."""

    rows: IntArray  # (G,) ascending
    above: FloatArray  # (G,) in the dtype of the block
    lowest: FloatArray  # (G,)

    def select(self, members: IntArray) -> _Windows:
        return _Windows(self.rows[members], self.above[members], self.lowest[members])


def _window_counts(block: FloatArray, windows: _Windows, relevant: Cells) -> tuple[IntArray, IntArray]:
    """Non-relevant documents above, and at least as high as the lower end of, every group of the block's rows."""
    n_groups = np.bincount(windows.rows, minlength=len(block))  # (q,)
    is_few = n_groups[windows.rows] < _SORTED_GROUPS
    few, many = np.flatnonzero(is_few), np.flatnonzero(~is_few)
    greater = np.zeros(len(windows.rows), dtype=np.int64)
    at_least = np.zeros(len(windows.rows), dtype=np.int64)
    greater[few], at_least[few] = _counts_by_comparison(block, windows.select(few), relevant)
    greater[many], at_least[many] = _counts_by_sorting(block, windows.select(many), relevant)
    return greater, at_least


def _counts_by_comparison(block: FloatArray, windows: _Windows, relevant: Cells) -> tuple[IntArray, IntArray]:
    """`_window_counts` by comparing whole rows with the first group of every row, then with the second, ..."""
    n_groups = np.bincount(windows.rows, minlength=len(block))
    first_group = np.cumsum(n_groups) - n_groups
    turn = np.arange(len(windows.rows)) - first_group[windows.rows]
    greater = np.zeros(len(turn), dtype=np.int64)
    at_least = np.zeros(len(turn), dtype=np.int64)
    for number in range(int(n_groups.max(initial=0))):
        members = np.flatnonzero(turn == number)
        rows = windows.rows[members]
        part = block if len(rows) == len(block) else block[rows]
        greater[members] = count_rows(part > windows.above[members, np.newaxis])
        at_least[members] = count_rows(part >= windows.lowest[members, np.newaxis])
    # Comparing all and subtracting the relevant cells is quicker than masking them, and exact: the same numbers are
    # compared with the same limits.
    n_here = n_groups[relevant.rows]
    cell = np.repeat(np.arange(len(n_here)), n_here)
    group = first_group[relevant.rows[cell]] + np.arange(len(cell)) - np.repeat(np.cumsum(n_here) - n_here, n_here)
    score = block[relevant.rows, relevant.columns][cell]
    greater -= np.bincount(group[score > windows.above[group]], minlength=len(turn))
    at_least -= np.bincount(group[score >= windows.lowest[group]], minlength=len(turn))
    return greater, at_least


def _counts_by_sorting(block: FloatArray, windows: _Windows, relevant: Cells) -> tuple[IntArray, IntArray]:
    """`_window_counts` by one sort a row, for queries with many groups."""
    greater = np.zeros(len(windows.rows), dtype=np.int64)
    at_least = np.zeros(len(windows.rows), dtype=np.int64)
    for row in np.unique(windows.rows).tolist():
        first, last = np.searchsorted(windows.rows, [row, row + 1])
        scores = np.sort(np.delete(block[row], relevant.columns_of(row)))
        greater[first:last] = len(scores) - np.searchsorted(scores, windows.above[first:last], side="right")
        at_least[first:last] = len(scores) - np.searchsorted(scores, windows.lowest[first:last], side="left")
    return greater, at_least


def _tied_columns(block: FloatArray, windows: _Windows, group: int, relevant: Cells) -> IntArray:
    """Columns of the non-relevant documents tied with a group, ascending."""
    row = int(windows.rows[group])
    is_tied = (block[row] >= windows.lowest[group]) & (block[row] <= windows.above[group])
    is_tied[relevant.columns_of(row)] = False
    return np.flatnonzero(is_tied)


def _largest_at_most(limits: Float64Array, dtype: np.dtype[Any]) -> FloatArray:
    """Limits rounded down, so that ``s > limit`` says for every ``s`` of ``dtype`` what it says in float64.

    Comparing float32 blocks with float64 limits instead would convert every block.
    """
    rounded: FloatArray = limits.astype(dtype)
    return np.where(rounded > limits, np.nextafter(rounded, dtype.type(-np.inf)), rounded)


def _smallest_at_least(limits: Float64Array, dtype: np.dtype[Any]) -> FloatArray:
    """Limits rounded up, so that ``s >= limit`` says for every ``s`` of ``dtype`` what it says in float64."""
    return -_largest_at_most(-limits, dtype)
