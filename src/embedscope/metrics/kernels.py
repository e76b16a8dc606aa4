"""Loops over a block of scores that Numba compiles: ties, best documents and bins in a few cycles a cell.

The functions here are plain Python, written so that Numba turns their inner loops into vector instructions; `load`
compiles them. They give what the NumPy methods of `embedscope.metrics.accumulators` give, to the last bit, because they
make the same comparisons in the same precision and count. Each releases the interpreter lock and writes only
into the rows of its own queries, so that several threads may each take some rows of a block. Inner loops run from 0
over a slice: an index that could be negative for all the compiler knows is not vectorised. They count a strip in
float32, whose lanes are as wide as those of the scores; a strip is far too short for it to round.

Measured on one core with AVX-512 for float32 blocks of 64 x 2,048, beside 4.0 ns a cell for the matrix product of 256
dimensions: ties 0.12, ten best 0.22, 40,000 bins 0.48 ns a cell (one increment a cycle); by NumPy 0.6, 0.7 and 1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from embedscope.metrics.compiled import compiled
from embedscope.protocols import FloatArray, IntArray

MIN_CELLS = 20_000_000
"""Cells of a matrix from which on loading Numba and the machine code kept from an earlier run (0.2 s; 1.8 s where there
is none) costs less than it saves, which is 10 to 20 ns a cell."""

MAX_GROUPS = 64
"""Tie groups of a query up to which a row is compared once for each; sorting it is quicker beyond."""

MAX_K = 128
"""Length of a list up to which new documents are put in their place one by one."""

_STRIP = 512
_PART = 32
"""Cells looked at together for one that could enter a list: strips first, then the parts of a strip that has one. Bins
of a strip are computed before they are counted, in two loops of which the first is vectorised."""

Function = Callable[..., Any]


class Kernels(NamedTuple):
    """The functions of this module, compiled or as they are."""

    count_windows: Function
    keep_best: Function
    count_bins: Function


def count_windows(
    block: FloatArray,
    query_start: int,
    document_start: int,
    indptr: IntArray,
    documents: IntArray,
    group_indptr: IntArray,
    group_of_pair: IntArray,
    above: FloatArray,
    lowest: FloatArray,
    max_groups: int,
    greater: IntArray,
    tied: IntArray,
    tied_before: IntArray,
) -> None:
    """Count, for the tie groups of the block's queries, the non-relevant documents above, within and before.

    Parameters
    ----------
    block, query_start, document_start
        As in `Accumulator.update`.
    indptr, documents : ndarray, int64
        As in `Judgments`, shapes (Q + 1,) and (P,).
    group_indptr, group_of_pair : ndarray, int64
        ``query_indptr`` and ``of_pair`` of `TieGroups`, shapes (Q + 1,) and (P,).
    above, lowest : ndarray of shape (G,), dtype of the block
        A score ``s`` is above a group if ``s > above``, else tied with it if ``s >= lowest``.
    max_groups : int
        Queries with more groups are left out.
    greater, tied : ndarray of shape (G,), int64
    tied_before : ndarray of shape (P,), int64
        What is added to.
    """
    n = block.shape[1]
    zero, one = np.float32(0), np.float32(1)
    for i in range(block.shape[0]):
        query = query_start + i
        if group_indptr[query + 1] - group_indptr[query] > max_groups:
            continue
        row = block[i]
        last_pair = indptr[query + 1]
        begin = indptr[query]
        while begin < last_pair and documents[begin] < document_start:
            begin += 1
        end = begin
        while end < last_pair and documents[end] < document_start + n:
            end += 1
        for group in range(group_indptr[query], group_indptr[query + 1]):
            high, low = above[group], lowest[group]
            n_above = n_at_least = 0
            for start in range(0, n, _STRIP):
                strip = row[start : start + _STRIP]
                strip_above = strip_at_least = zero
                for j in range(len(strip)):
                    strip_above += one if strip[j] > high else zero
                    strip_at_least += one if strip[j] >= low else zero
                n_above += int(strip_above)
                n_at_least += int(strip_at_least)
            for pair in range(begin, end):
                score = row[documents[pair] - document_start]
                n_above -= score > high
                n_at_least -= score >= low
            greater[group] += n_above
            n_tied = n_at_least - n_above
            tied[group] += n_tied
            if n_tied == 0:
                continue
            n_before, seen = 0, 0
            for pair in range(begin, end):
                column = documents[pair] - document_start
                for j in range(seen, column):
                    n_before += (row[j] >= low) & (row[j] <= high)
                seen = column + 1
                if group_of_pair[pair] == group:
                    tied_before[pair] += n_before
            for pair in range(end, last_pair):
                if group_of_pair[pair] == group:
                    tied_before[pair] += n_tied


def keep_best(
    block: FloatArray,
    query_start: int,
    document_start: int,
    scores: FloatArray,
    documents: IntArray,
    max_insertions: int,
    stopped: IntArray,
) -> None:
    """Let the block's documents compete for the lists of their queries.

    Parameters
    ----------
    block, query_start, document_start
        As in `Accumulator.update`.
    scores, documents : ndarray of shape (Q, k)
        Lists by falling score, then by rising index; written into.
    max_insertions : int
        A row that has put so many documents into its list stops: scores that rise along the row would cost k steps a
        cell.
    stopped : ndarray of shape (q,), int64
        Set to the first column not looked at, n where the row was finished.
    """
    n, last = block.shape[1], scores.shape[1] - 1
    zero, one = np.float32(0), np.float32(1)
    for i in range(block.shape[0]):
        row = block[i]
        best, names = scores[query_start + i], documents[query_start + i]
        n_inserted = 0
        stopped[i] = n
        for start in range(0, n, _STRIP):
            strip = row[start : start + _STRIP]
            limit = best[last]
            n_candidates = zero
            # Equal scores go to the smaller index: they win only over a document that comes later.
            if names[last] > document_start + start:
                for j in range(len(strip)):
                    n_candidates += one if strip[j] >= limit else zero
            else:
                for j in range(len(strip)):
                    n_candidates += one if strip[j] > limit else zero
            if n_candidates == zero:
                continue
            if n_inserted >= max_insertions:
                stopped[i] = start
                break
            for part_start in range(0, len(strip), _PART):
                part = strip[part_start : part_start + _PART]
                limit = best[last]
                n_candidates = zero
                for j in range(len(part)):
                    n_candidates += one if part[j] >= limit else zero
                if n_candidates == zero:
                    continue
                first = document_start + start + part_start
                for j in range(len(part)):
                    score, name = part[j], first + j
                    if score < best[last] or (score == best[last] and name > names[last]):
                        continue
                    place = last
                    while place > 0 and (
                        best[place - 1] < score or (best[place - 1] == score and names[place - 1] > name)
                    ):
                        best[place], names[place] = best[place - 1], names[place - 1]
                        place -= 1
                    best[place], names[place] = score, name
                    n_inserted += 1


def count_bins(
    block: FloatArray,
    query_start: int,
    document_start: int,
    scale: np.floating[Any],
    middle: np.floating[Any],
    last_bin: np.floating[Any],
    indptr: IntArray,
    documents: IntArray,
    counts: IntArray,
) -> None:
    """Count the block's cells in equal bins around 0, the judged ones left out.

    Parameters
    ----------
    block, query_start, document_start
        As in `Accumulator.update`.
    scale, middle, last_bin : scalars of the block's dtype
        Bins of a unit of the scores; half the number of bins; the number of the last bin.
    indptr, documents : ndarray, int64
        As in `Judgments`: the cells that are not counted; both of shape (0,) where all are.
    counts : ndarray of shape (n_bins,), int64
        What is added to.
    """
    n = block.shape[1]
    zero = scale - scale
    bins = np.empty(_STRIP, dtype=np.uint16)
    for i in range(block.shape[0]):
        for start in range(0, n, _STRIP):
            part = block[i, start : start + _STRIP]
            for j in range(len(part)):
                bins[j] = np.int32(max(zero, min(part[j] * scale + middle, last_bin)))
            for j in range(len(part)):
                counts[bins[j]] += 1
        if len(indptr) > 0:
            for pair in range(indptr[query_start + i], indptr[query_start + i + 1]):
                column = documents[pair] - document_start
                if 0 <= column < n:
                    counts[np.int32(max(zero, min(block[i, column] * scale + middle, last_bin)))] -= 1


PLAIN = Kernels(count_windows, keep_best, count_bins)
"""The functions uncompiled: what the compiled ones are tested against, far too slow for use."""


def for_matrix(n_cells: int) -> Kernels | None:
    """Compiled kernels for a matrix of ``n_cells`` scores; None where it is so small that NumPy is done sooner."""
    return load() if n_cells >= MIN_CELLS else None


@lru_cache(maxsize=1)
def load() -> Kernels:
    """The compiled kernels."""
    # A sum of ones is the same in any order, and only then do its lanes run side by side. Not for the bins, whose
    # products would be formed in another way.
    counting = {"reassoc", "nsz"}
    return Kernels(
        compiled(count_windows, fastmath=counting),
        compiled(keep_best, fastmath=counting),
        compiled(count_bins, fastmath=False),
    )
