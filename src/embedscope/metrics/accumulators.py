"""Statistics of the query x document score matrix, gathered block by block; the whole matrix is never held.

An accumulator has ``update(block, query_start, document_start)``, ``merge(other)`` and ``result()``. A block of shape
(q, n) holds the scores of queries ``query_start ... query_start + q - 1`` with documents ``document_start ...
document_start + n - 1``. Every cell of the matrix must be shown exactly once, in any blocks and any order, to one
accumulator or to several that are merged; ``merge`` returns a new accumulator and is associative and commutative.
Counts and top-k lists come out identical for every way of cutting the matrix.

A block is only read, and may be a buffer that is overwritten after ``update`` returns. Scores are finite.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.kernels import MAX_GROUPS, MAX_K, Kernels
from embedscope.metrics.threads import in_threads
from embedscope.metrics.ties import TieCounts, TieGroups, tie_groups
from embedscope.protocols import BoolArray, Float64Array, FloatArray, IntArray

N_BINS = 200
"""Bins of a similarity histogram: width 0.01 on [-1, 1]."""

_CHUNK_ELEMENTS = 1 << 20
"""Elements converted to float64 at a time: 8 MiB of scratch."""


class Accumulator(Protocol):
    """What can be shown the score matrix block by block."""

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Take in scores of shape (q, n), float32 or float64, whose first cell is (query_start, document_start)."""
        ...

    def merge(self, other: Self) -> Self:
        """A new accumulator that has seen what both have seen."""
        ...


@runtime_checkable
class CompiledAccumulator(Protocol):
    """An accumulator that also has a compiled way of taking a block in."""

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """As ``update``, to the last bit; threads may call it at the same time with rows of different queries.

        The block's rows and columns lie in row order without gaps.
        """
        ...


# --- ranks ----------------------------------------------------------------------------------------------------------

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
        ``pair_scores`` by about 1e-7; 0 for given scores, which must then be the very numbers of the blocks.

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
        relevant = _relevant_cells(self._judgments, block, query_start, document_start)
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
        _require_mergeable(same_groups and same_pairs and self._tolerance == other._tolerance, "tie counts")
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
        relevant: _Cells,
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


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of a block, ordered by row and column."""

    rows: IntArray
    columns: IntArray

    def columns_of(self, row: int) -> IntArray:
        first, last = np.searchsorted(self.rows, [row, row + 1])
        return self.columns[first:last]


def _relevant_cells(judgments: Judgments, block: FloatArray, query_start: int, document_start: int) -> _Cells:
    """The block's cells that belong to a query and one of its relevant documents."""
    indptr = judgments.indptr[query_start : query_start + len(block) + 1]
    columns = judgments.documents[indptr[0] : indptr[-1]] - document_start
    inside = np.flatnonzero((columns >= 0) & (columns < block.shape[1]))
    rows = np.repeat(np.arange(len(block), dtype=np.int64), np.diff(indptr))
    return _Cells(rows[inside], columns[inside])


def _window_counts(block: FloatArray, windows: _Windows, relevant: _Cells) -> tuple[IntArray, IntArray]:
    """Non-relevant documents above, and at least as high as the lower end of, every group of the block's rows."""
    n_groups = np.bincount(windows.rows, minlength=len(block))  # (q,)
    is_few = n_groups[windows.rows] < _SORTED_GROUPS
    few, many = np.flatnonzero(is_few), np.flatnonzero(~is_few)
    greater = np.zeros(len(windows.rows), dtype=np.int64)
    at_least = np.zeros(len(windows.rows), dtype=np.int64)
    greater[few], at_least[few] = _counts_by_comparison(block, windows.select(few), relevant)
    greater[many], at_least[many] = _counts_by_sorting(block, windows.select(many), relevant)
    return greater, at_least


def _counts_by_comparison(block: FloatArray, windows: _Windows, relevant: _Cells) -> tuple[IntArray, IntArray]:
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
        greater[members] = _count_rows(part > windows.above[members, np.newaxis])
        at_least[members] = _count_rows(part >= windows.lowest[members, np.newaxis])
    # Comparing all and subtracting the relevant cells is quicker than masking them, and exact: the same numbers are
    # compared with the same limits.
    n_here = n_groups[relevant.rows]
    cell = np.repeat(np.arange(len(n_here)), n_here)
    group = first_group[relevant.rows[cell]] + np.arange(len(cell)) - np.repeat(np.cumsum(n_here) - n_here, n_here)
    score = block[relevant.rows, relevant.columns][cell]
    greater -= np.bincount(group[score > windows.above[group]], minlength=len(turn))
    at_least -= np.bincount(group[score >= windows.lowest[group]], minlength=len(turn))
    return greater, at_least


def _counts_by_sorting(block: FloatArray, windows: _Windows, relevant: _Cells) -> tuple[IntArray, IntArray]:
    """`_window_counts` by one sort a row, for queries with many groups."""
    greater = np.zeros(len(windows.rows), dtype=np.int64)
    at_least = np.zeros(len(windows.rows), dtype=np.int64)
    for row in np.unique(windows.rows).tolist():
        first, last = np.searchsorted(windows.rows, [row, row + 1])
        scores = np.sort(np.delete(block[row], relevant.columns_of(row)))
        greater[first:last] = len(scores) - np.searchsorted(scores, windows.above[first:last], side="right")
        at_least[first:last] = len(scores) - np.searchsorted(scores, windows.lowest[first:last], side="left")
    return greater, at_least


def _tied_columns(block: FloatArray, windows: _Windows, group: int, relevant: _Cells) -> IntArray:
    """Columns of the non-relevant documents tied with a group, ascending."""
    row = int(windows.rows[group])
    is_tied = (block[row] >= windows.lowest[group]) & (block[row] <= windows.above[group])
    is_tied[relevant.columns_of(row)] = False
    return np.flatnonzero(is_tied)


def _count_rows(mask: BoolArray) -> IntArray:
    """Number of True in each row; row by row, because ``count_nonzero(axis=1)`` first makes integers of them all."""
    return np.fromiter((np.count_nonzero(row) for row in mask), dtype=np.int64, count=len(mask))


def _largest_at_most(limits: Float64Array, dtype: np.dtype[Any]) -> FloatArray:
    """Limits rounded down, so that ``s > limit`` says for every ``s`` of ``dtype`` what it says in float64.

    Comparing float32 blocks with float64 limits instead would convert every block.
    """
    rounded: FloatArray = limits.astype(dtype)
    return np.where(rounded > limits, np.nextafter(rounded, dtype.type(-np.inf)), rounded)


def _smallest_at_least(limits: Float64Array, dtype: np.dtype[Any]) -> FloatArray:
    """Limits rounded up, so that ``s >= limit`` says for every ``s`` of ``dtype`` what it says in float64."""
    return -_largest_at_most(-limits, dtype)


def _require_mergeable(is_same: bool, what: str) -> None:
    if not is_same:
        raise InvalidOptionError(
            f"Cannot merge two {what} that were made for different data or options: their numbers would be mixed up. "
            "Make every part from the same judgments, scores and options."
        )


# --- best documents -------------------------------------------------------------------------------------------------


class TopK(NamedTuple):
    """The best documents of every query, by falling score, then by rising index."""

    scores: FloatArray  # (Q, k), -inf where fewer than k documents were seen
    documents: IntArray  # (Q, k), -1 there


_INSERTIONS_A_PLACE = 8
_SPARE_INSERTIONS = 64
"""Insertions for which a row of a block may keep the compiled loop busy: documents that come in no order need fewer."""

_MERGED_AT_ONCE = 1 << 17
"""Places of lists merged at once: sorting them takes some 100 bytes each."""


class TopKAccumulator:
    """Keeps the k best documents of every query.

    Parameters
    ----------
    n_queries, k : int
    dtype : dtype
        Of the scores: float32 or float64.

    Raises
    ------
    InvalidOptionError
        If k is less than 1.

    Notes
    -----
    Memory: ``n_queries * k`` scores and integers. Time: one comparison a cell with the k-th best so far; only what
    passes is sorted.
    """

    def __init__(self, n_queries: int, k: int, *, dtype: npt.DTypeLike = np.float32) -> None:
        if k < 1:
            raise InvalidOptionError(f"Expected at least one document to keep for every query, got k = {k}.")
        self._scores: FloatArray = np.full((n_queries, k), -np.inf, dtype=dtype)
        self._documents = np.full((n_queries, k), _NO_DOCUMENT, dtype=np.int64)

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Let the block's documents compete; see `Accumulator`."""
        rows = slice(query_start, query_start + len(block))
        last_score = self._scores[rows, -1:]
        # Equal scores go to the smaller index, so they can only win over a document that comes later than the block.
        ties_can_win = (self._documents[rows, -1] > document_start).any()
        is_candidate: BoolArray = (np.greater_equal if ties_can_win else np.greater)(block, last_score)
        self._thin_out(block, is_candidate)
        cells = np.flatnonzero(is_candidate)
        row, column = np.divmod(cells, block.shape[1])
        self._insert(query_start + row, block.reshape(-1)[cells], document_start + column)

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """Let the block's documents compete in a compiled loop; see `CompiledAccumulator`."""
        k = self._scores.shape[1]
        if k > MAX_K or block.dtype != self._scores.dtype:
            self.update(block, query_start, document_start)
            return
        stopped = np.empty(len(block), dtype=np.int64)
        most = _INSERTIONS_A_PLACE * k + _SPARE_INSERTIONS
        kernels.keep_best(block, query_start, document_start, self._scores, self._documents, most, stopped)
        for row in np.flatnonzero(stopped < block.shape[1]).tolist():
            column = int(stopped[row])
            self.update(block[row : row + 1, column:], query_start + row, document_start + column)

    def merge(self, other: Self) -> Self:
        """A new accumulator with the best of both; see `Accumulator`.

        Raises
        ------
        InvalidOptionError
            If the two differ in the number of queries, in k or in dtype.
        """
        is_same = self._scores.shape == other._scores.shape and self._scores.dtype == other._scores.dtype
        _require_mergeable(is_same, "top-k lists")
        merged = type(self)(*self._scores.shape, dtype=self._scores.dtype)
        merged._scores[:], merged._documents[:] = self._scores, self._documents
        step = max(1, _MERGED_AT_ONCE // self.k)
        for start in range(0, len(other._documents), step):
            queries, places = np.nonzero(other._documents[start : start + step] != _NO_DOCUMENT)
            queries += start
            merged._insert(queries, other._scores[queries, places], other._documents[queries, places])
        return merged

    @property
    def k(self) -> int:
        """Documents kept for every query."""
        return int(self._scores.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the scores."""
        return self._scores.dtype

    def offer(self, queries: IntArray, scores: FloatArray, documents: IntArray) -> None:
        """Let cells compete that are given one by one, in columns of shape (n,); ``queries`` rise."""
        self._insert(queries, scores, documents)

    def result(self) -> TopK:
        """The lists so far."""
        return TopK(self._scores.copy(), np.where(self._documents == _NO_DOCUMENT, -1, self._documents))

    def _thin_out(self, block: FloatArray, is_candidate: BoolArray) -> None:
        """Where candidates are so many that sorting them all would be slow, leave each row only those that can win."""
        k = self._scores.shape[1]
        n_sortable = max(64, 4 * k)
        if np.count_nonzero(is_candidate) <= n_sortable * len(block):
            return
        for row in np.flatnonzero(_count_rows(is_candidate) > n_sortable):
            best = _best_columns(block[row], k)
            is_candidate[row] = False
            is_candidate[row, best] = True

    def _insert(self, queries: IntArray, scores: FloatArray, documents: IntArray) -> None:
        """Let candidates compete with what their queries hold; ``queries`` rise."""
        if not len(queries):
            return
        k = self._scores.shape[1]
        touched, n_new = np.unique(queries, return_counts=True)
        all_queries = np.concatenate([np.repeat(touched, k), queries])
        all_scores = np.concatenate([self._scores[touched].reshape(-1), scores])
        all_documents = np.concatenate([self._documents[touched].reshape(-1), documents])
        order = np.lexsort((all_documents, -all_scores, all_queries))
        starts = np.cumsum(n_new + k) - (n_new + k)
        kept = order[starts[:, np.newaxis] + np.arange(k)]  # (touched, k)
        self._scores[touched], self._documents[touched] = all_scores[kept], all_documents[kept]


_NO_DOCUMENT = np.iinfo(np.int64).max
"""Fills the places not yet taken: after every real index in the order of ties."""


def _best_columns(scores: FloatArray, k: int) -> IntArray:
    """Columns of the k best scores of one row, ties to the smaller column; in no particular order."""
    if len(scores) <= k:
        return np.arange(len(scores))
    limit = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > limit)
    return np.concatenate([above, np.flatnonzero(scores == limit)[: k - len(above)]])


# --- sums -----------------------------------------------------------------------------------------------------------


def sum_and_gram(vectors: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Sum of the rows, shape (dim,), and V'V, shape (dim, dim), in float64.

    Many rows are cut into parts of one size whatever the machine, which threads compute and whose sums are added in
    their order: the same numbers on one core and on many.
    """
    dim = vectors.shape[1]
    parts = [vectors[start : start + _PART_ROWS] for start in range(0, len(vectors), _PART_ROWS)]
    total, gram = np.zeros(dim), np.zeros((dim, dim))
    for part_total, part_gram in in_threads(_sum_and_gram, parts) if len(parts) > 1 else map(_sum_and_gram, parts):
        total += part_total
        gram += part_gram
    return total, gram


_PART_ROWS = 1 << 16


def _sum_and_gram(vectors: FloatArray) -> tuple[Float64Array, Float64Array]:
    dim = vectors.shape[1]
    total, gram = np.zeros(dim), np.zeros((dim, dim))
    step = max(1, _CHUNK_ELEMENTS // dim)
    buffer = np.empty((min(step, len(vectors)), dim))  # one for all chunks: fresh pages would cost as much as the sums
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        rows = buffer[: len(part)]
        rows[:] = part
        total += rows.sum(axis=0)
        gram += rows.T @ rows
    return total, gram


# --- histogram ------------------------------------------------------------------------------------------------------


_NO_CELLS = np.zeros(0, dtype=np.int64)


class HistogramAccumulator:
    """Histogram of all scores shown, on equal bins of [-1, 1]; what lies outside counts in the outermost bins.

    Parameters
    ----------
    n_bins : int
        2 ... 65,536; up to 256 are counted about one and a half times as fast.
    exclude : Judgments, optional
        Cells of these (query, document) pairs are not counted: give the relevant ones to get the negatives.

    Raises
    ------
    InvalidOptionError
        If ``n_bins`` is out of range.

    Notes
    -----
    Bin i holds ``edges[i] <= s < edges[i + 1]``, the last one also its upper end. A score within a rounding of an
    edge may fall on either side of it, but always on the same one, whatever the blocks.
    """

    def __init__(self, n_bins: int = N_BINS, *, exclude: Judgments | None = None) -> None:
        self._n_bins = _require_bins(n_bins)
        self._exclude = exclude
        self._counter = _BinCounter(n_bins)
        self._counts_of_thread: dict[int, IntArray] = {}

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in; see `Accumulator`."""
        self._counter.add(block)
        if self._exclude is not None:
            cells = _relevant_cells(self._exclude, block, query_start, document_start)
            # Taken from the block itself: a score computed elsewhere may differ by a rounding and leave another bin.
            self._counter.remove(block[cells.rows, cells.columns])

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in by a compiled loop; see `CompiledAccumulator`."""
        # Threads that added to one table would lose counts.
        thread = threading.get_ident()
        if thread not in self._counts_of_thread:
            self._counts_of_thread[thread] = np.zeros(self._n_bins, dtype=np.int64)
        indptr, documents = (
            (_NO_CELLS, _NO_CELLS) if self._exclude is None else (self._exclude.indptr, self._exclude.documents)
        )
        scale, last_bin = block.dtype.type(self._n_bins / 2), block.dtype.type(self._n_bins - 1)
        counts = self._counts_of_thread[thread]
        kernels.count_bins(block, query_start, document_start, scale, last_bin, indptr, documents, counts)

    def merge(self, other: Self) -> Self:
        """A new accumulator with the counts of both; see `Accumulator`.

        Raises
        ------
        InvalidOptionError
            If the numbers of bins differ.
        """
        _require_mergeable(self._n_bins == other._n_bins, "histograms")
        merged = type(self)(self._n_bins, exclude=self._exclude)
        merged._counter.take(self._counter)
        merged._counter.take(other._counter)
        merged._counts_of_thread = {0: self._compiled_counts() + other._compiled_counts()}
        return merged

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return self._n_bins

    @property
    def exclude(self) -> Judgments | None:
        """The pairs whose cells are not counted."""
        return self._exclude

    def add(self, counts: IntArray) -> None:
        """Add counts made elsewhere of cells not shown here, shape (n_bins,)."""
        self._counter.add_counts(counts)

    def result(self) -> IntArray:
        """Counts so far, shape (n_bins,)."""
        return self._counter.counts() + self._compiled_counts()

    def _compiled_counts(self) -> IntArray:
        total: IntArray = sum(self._counts_of_thread.values(), np.zeros(self._n_bins, dtype=np.int64))
        return total


def bin_edges(n_bins: int = N_BINS) -> Float64Array:
    """Edges of the bins, shape (n_bins + 1,), from -1 to 1."""
    return np.linspace(-1.0, 1.0, _require_bins(n_bins) + 1)


def histogram_of_values(values: FloatArray, n_bins: int = N_BINS) -> IntArray:
    """Counts of ``values`` (any shape) in the bins of `HistogramAccumulator`, shape (n_bins,).

    Raises
    ------
    InvalidOptionError
        If ``n_bins`` is out of range.
    """
    return np.bincount(bin_numbers(values, _require_bins(n_bins)), minlength=n_bins)


class _BinCounter:
    """Counts bin numbers; pairs of one-byte numbers are counted as single two-byte ones, at half the steps."""

    def __init__(self, n_bins: int) -> None:
        self._n_bins = n_bins
        self._single = np.zeros(n_bins, dtype=np.int64)
        self._pairs = np.zeros(1 << 16 if n_bins <= 1 << 8 else 0, dtype=np.int64)

    def add(self, values: FloatArray) -> None:
        bins = bin_numbers(values, self._n_bins)
        if len(self._pairs):
            n_paired = len(bins) // 2 * 2
            self._pairs += np.bincount(bins[:n_paired].view(np.uint16), minlength=len(self._pairs))
            bins = bins[n_paired:]
        self._single += np.bincount(bins, minlength=self._n_bins)

    def remove(self, values: FloatArray) -> None:
        self._single -= np.bincount(bin_numbers(values, self._n_bins), minlength=self._n_bins)

    def add_counts(self, counts: IntArray) -> None:
        self._single += counts

    def take(self, other: _BinCounter) -> None:
        self._single += other._single
        self._pairs += other._pairs

    def counts(self) -> IntArray:
        if not len(self._pairs):
            return self._single.copy()
        table = self._pairs.reshape(1 << 8, 1 << 8)
        in_pairs: IntArray = table.sum(axis=0) + table.sum(axis=1)
        return self._single + in_pairs[: self._n_bins]


def bin_numbers(values: FloatArray, n_bins: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Bin of every value in the histograms of `HistogramAccumulator`, flat, in the smallest unsigned type for it."""
    scale = values.dtype.type(n_bins / 2)
    place: FloatArray = np.multiply(values, scale).reshape(-1)
    place += scale
    np.clip(place, 0, n_bins - 1, out=place)
    return place.astype(np.uint8) if n_bins <= 1 << 8 else place.astype(np.uint16)


def _require_bins(n_bins: int) -> int:
    if not 2 <= n_bins <= 1 << 16:
        raise InvalidOptionError(f"Expected 2 to 65,536 histogram bins, got {n_bins}. The usual number is {N_BINS}.")
    return n_bins
