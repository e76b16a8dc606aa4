"""How far two populations of similarities lie apart: AUC, overlap, quantiles, mean and spread.

Means and standard deviations come from exact sums, the rest from histograms (`embedscope.metrics.accumulators`), so a
population of a billion pairs costs no more than its histogram. Standard deviations are those of the population
(ddof 0). A figure that has no value says why; NaN is never quietly 0. Conventions, section 4.
"""

from __future__ import annotations

import numpy as np

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.metrics.accumulators import PowerSums
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import Estimate

OVERLAP_BIN_WIDTH = 0.01
"""The overlap coefficient depends on the bin width; this is the one used."""

SMALLEST_STD = 1e-6
"""Below this a spread of cosines is the rounding of float32 vectors, not a property of the model."""


def mean_and_std(sums: PowerSums) -> tuple[float, float]:
    """Mean and population standard deviation from exact sums.

    ``mean = S1 / n``, ``std = sqrt(S2 / n - mean^2)``; a standard deviation under 1e-6 is returned as 0.

    Raises
    ------
    TooFewPointsError
        If there are no values.
    """
    if sums.n < 1:
        raise TooFewPointsError(
            "Expected at least one similarity, got none: a mean of nothing is undefined. Check that the data set has "
            "pairs of this kind before asking for their distribution."
        )
    mean = sums.total / sums.n
    std = float(np.sqrt(max(sums.squares / sums.n - mean * mean, 0.0)))
    return mean, std if std >= SMALLEST_STD else 0.0


def histogram_quantile(counts: IntArray, edges: Float64Array, q: float) -> float:
    """The value below which a share ``q`` of a histogram lies, its bins taken as filled evenly.

    Raises
    ------
    TooFewPointsError
        If the histogram is empty.
    InvalidOptionError
        If ``q`` is not in [0, 1].
    """
    if not 0.0 <= q <= 1.0:
        raise InvalidOptionError(f"Expected a quantile between 0 and 1, got {q}.")
    cumulated = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    if cumulated[-1] == 0:
        raise TooFewPointsError("Expected a histogram with at least one value, got an empty one: it has no quantiles.")
    target = q * cumulated[-1]
    # The first filled bin whose upper end reaches the target: empty bins hold no value to return.
    filled = np.flatnonzero(counts)
    bin_ = int(filled[np.searchsorted(cumulated[filled + 1], target)])
    share = (target - cumulated[bin_]) / counts[bin_]
    return float(edges[bin_] + share * (edges[bin_ + 1] - edges[bin_]))


def auc_from_histograms(positive: IntArray, negative: IntArray) -> Estimate:
    """Probability that a random positive scores higher than a random negative, ties counting half, from histograms.

    ``sum_i p_i (N_below_i + n_i / 2) / (P N)``: two values of one bin count as tied, so the exact figure lies within
    half the share of pairs that fall into one bin, ``sum_i p_i n_i / (2 P N)``. Absent where a histogram is empty.

    Parameters
    ----------
    positive, negative : ndarray of shape (n_bins,), int64
        On the same bins.
    """
    _require_same_bins(positive, negative)
    n_positive, n_negative = int(positive.sum()), int(negative.sum())
    if n_positive == 0 or n_negative == 0:
        return Estimate.absent(_no_pairs("AUC", n_positive, n_negative))
    below = np.cumsum(negative) - negative
    wins = positive.astype(np.float64) @ (below + negative / 2.0)
    return Estimate(float(wins / n_positive / n_negative))


def overlap_coefficient(positive: IntArray, negative: IntArray, edges: Float64Array) -> Estimate:
    """Area under the lower of the two densities, in [0, 1]; 0 where the populations share no bin.

    ``sum_i min(p_i / P, n_i / N)`` over bins of width 0.01 (finer bins are put together first). H. F. Inman and E. L.
    Bradley, "The overlapping coefficient as a measure of agreement" (1989). Absent where a histogram is empty.

    Raises
    ------
    InvalidOptionError
        If the bins cannot be put together to a width of 0.01.
    """
    _require_same_bins(positive, negative)
    n_positive, n_negative = int(positive.sum()), int(negative.sum())
    if n_positive == 0 or n_negative == 0:
        return Estimate.absent(_no_pairs("overlap", n_positive, n_negative))
    shares = [_coarse(counts, edges) / counts.sum() for counts in (positive, negative)]
    return Estimate(float(np.minimum(*shares).sum()))


def _coarse(counts: IntArray, edges: Float64Array) -> IntArray:
    """Counts on bins of `OVERLAP_BIN_WIDTH`."""
    n_coarse = round(float(edges[-1] - edges[0]) / OVERLAP_BIN_WIDTH)
    if len(counts) % n_coarse:
        raise InvalidOptionError(
            f"Expected a histogram whose bins add up to a width of {OVERLAP_BIN_WIDTH} ({n_coarse} bins or a multiple "
            f"of it), got {len(counts)} bins. Overlaps at different widths cannot be compared."
        )
    coarse: IntArray = counts.reshape(n_coarse, -1).sum(axis=1)
    return coarse


def _require_same_bins(positive: IntArray, negative: IntArray) -> None:
    if positive.shape != negative.shape:
        raise InvalidOptionError(
            f"Expected two histograms on the same bins, got {len(positive)} and {len(negative)} bins. Count both with "
            "the same n_bins."
        )


def _no_pairs(name: str, n_positive: int, n_negative: int) -> str:
    return f"{name} compares positives with negatives; there are {n_positive} positive and {n_negative} negative pairs"
