"""Histogram of the scores, counted block by block, and of values that are there already."""

from __future__ import annotations

import threading
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError
from embedscope.metrics.accumulators import cells_in, require_mergeable
from embedscope.metrics.judgments import Cells
from embedscope.metrics.kernels import Kernels
from embedscope.protocols import Float64Array, FloatArray, IntArray

_NO_CELLS = np.zeros(0, dtype=np.int64)


class HistogramAccumulator:
    """Histogram of all scores shown, on equal bins of [-bound, bound]; what lies outside counts in the outermost bins.

    Bin i holds ``edges[i] <= s < edges[i + 1]``, the last one also its upper end. A score within a rounding of an
    edge may fall on either side of it, but always on the same one, whatever the blocks.

    Parameters
    ----------
    n_bins : int
        2 ... 65,536.
    exclude : Cells, optional
        Are not counted: give `Judgments.not_negative` to get the negatives.
    bound : float
        1 for cosines; `norms.score_bound` for dot products.

    Raises
    ------
    InvalidOptionError
        If ``n_bins`` is out of range.
    """

    def __init__(self, n_bins: int, *, exclude: Cells | None = None, bound: float = 1.0) -> None:
        self.n_bins = _require_bins(n_bins)
        self.exclude = exclude
        self.bound = bound
        self._counts = np.zeros(n_bins, dtype=np.int64)
        self._counts_of_thread: dict[int, IntArray] = {}

    def update(self, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in; see `Accumulator`."""
        self._counts += histogram_of_values(block, self.n_bins, self.bound)
        if self.exclude is not None:
            left_out = cells_in(self.exclude, block, query_start, document_start)
            # Taken from the block itself: a score computed elsewhere may differ by a rounding and leave another bin.
            self._counts -= histogram_of_values(block[left_out], self.n_bins, self.bound)

    def update_with(self, kernels: Kernels, block: FloatArray, query_start: int, document_start: int) -> None:
        """Count the block in by a compiled loop; see `CompiledAccumulator`."""
        # Threads that added to one table would lose counts.
        thread = threading.get_ident()
        if thread not in self._counts_of_thread:
            self._counts_of_thread[thread] = np.zeros(self.n_bins, dtype=np.int64)
        indptr, documents = (
            (_NO_CELLS, _NO_CELLS) if self.exclude is None else (self.exclude.indptr, self.exclude.documents)
        )
        scale, middle = bin_scale(self.n_bins, self.bound, block.dtype)
        last_bin = block.dtype.type(self.n_bins - 1)
        counts = self._counts_of_thread[thread]
        kernels.count_bins(block, query_start, document_start, scale, middle, last_bin, indptr, documents, counts)

    def merge(self, other: Self) -> Self:
        """A new accumulator with the counts of both; see `Accumulator`.

        Raises InvalidOptionError if the bins differ.
        """
        require_mergeable(self.n_bins == other.n_bins and self.bound == other.bound, "histograms")
        merged = type(self)(self.n_bins, exclude=self.exclude, bound=self.bound)
        merged.add(self.result() + other.result())
        return merged

    def add(self, counts: IntArray) -> None:
        """Add counts made elsewhere of cells not shown here, shape (n_bins,)."""
        self._counts += counts

    def result(self) -> IntArray:
        """Counts so far, shape (n_bins,)."""
        total: IntArray = sum(self._counts_of_thread.values(), self._counts.copy())
        return total


def bin_edges(n_bins: int, bound: float = 1.0) -> Float64Array:
    """Edges of the bins, shape (n_bins + 1,), from -bound to bound."""
    return np.linspace(-bound, bound, _require_bins(n_bins) + 1)


def histogram_of_values(values: FloatArray, n_bins: int, bound: float = 1.0) -> IntArray:
    """Counts of ``values`` (any shape) in the bins of `HistogramAccumulator`, shape (n_bins,).

    Raises InvalidOptionError if ``n_bins`` is out of range.
    """
    return np.bincount(bin_numbers(values, _require_bins(n_bins), bound), minlength=n_bins)


def bin_numbers(values: FloatArray, n_bins: int, bound: float = 1.0) -> npt.NDArray[np.uint16]:
    """Bin of every value in the histograms of `HistogramAccumulator`, flat."""
    scale, middle = bin_scale(n_bins, bound, values.dtype)
    place: FloatArray = np.multiply(values, scale).reshape(-1)
    place += middle
    np.clip(place, 0, n_bins - 1, out=place)
    return place.astype(np.uint16)


def bin_scale(n_bins: int, bound: float, dtype: np.dtype[Any]) -> tuple[np.floating[Any], np.floating[Any]]:
    """``(scale, middle)`` in the dtype of the scores: a score s lies in bin ``floor(s * scale + middle)``."""
    return dtype.type(n_bins / 2 / bound), dtype.type(n_bins / 2)


def _require_bins(n_bins: int) -> int:
    if not 2 <= n_bins <= 1 << 16:
        raise InvalidOptionError(f"Expected 2 to 65,536 histogram bins, got {n_bins}.")
    return n_bins
