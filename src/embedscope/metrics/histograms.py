"""Histogram of the scores, counted block by block, and of values that are there already."""

from __future__ import annotations

import threading
from typing import Self

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError
from embedscope.metrics.accumulators import relevant_cells, require_mergeable
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.kernels import Kernels
from embedscope.protocols import Float64Array, FloatArray, IntArray

N_BINS = 200
"""Bins of a similarity histogram: width 0.01 on [-1, 1]."""

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
            cells = relevant_cells(self._exclude, block, query_start, document_start)
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
        require_mergeable(self._n_bins == other._n_bins, "histograms")
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
