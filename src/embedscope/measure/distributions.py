"""How far two populations of similarities lie apart: AUC, overlap, quantiles, mean and spread.

Means and standard deviations come from exact sums, the rest from histograms (`embedscope.metrics.accumulators`), so a
population of a billion pairs costs no more than its histogram. Standard deviations are those of the population
(ddof 0). A figure that has no value says why; NaN is never quietly 0. Conventions, section 4.
"""

from __future__ import annotations

import numpy as np

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.metrics.histograms import bin_edges, histogram_of_values
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import Distribution, Estimate

N_OVERLAP_BINS = 200
"""Bins of the overlap coefficient, 0.01 wide for cosines; a narrow space has more of them (`overlap_bin`)."""

SMALLEST_STD = 1e-6
"""Below this, times the bound of the scores, a spread is the rounding of float32 vectors, no property of the model."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_DENSITY_BINS = 100
"""Bins of the densities that are drawn, over the range of the data."""


def density_edges(histogram: IntArray, bound: float = 1.0) -> Float64Array:
    """Edges of about 100 equal bins, each a whole number of fine bins, over the range that holds data."""
    occupied = np.flatnonzero(histogram)
    first, last = int(occupied[0]), int(occupied[-1]) + 1
    width = max(1, -(-(last - first) // N_DENSITY_BINS))
    start = first - first % width
    n_bins = -(-(last - start) // width)
    return bound * (-1.0 + 2.0 * (start + width * np.arange(n_bins + 1)) / len(histogram))


def distribution_of(values: Float64Array, edges: Float64Array, n_bins: int, bound: float = 1.0) -> Distribution:
    """The distribution of some similarities, its density on ``edges`` from ``n_bins`` bins over [-bound, bound]."""
    return Distribution(
        n=len(values),
        mean=float(values.mean()),
        std=float(values.std()),
        quantiles={f"{q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)},
        density=_density(histogram_of_values(values, n_bins, bound), edges, bound),
    )


def distribution_of_sums(
    n: int, total: float, squares: float, histogram: IntArray, edges: Float64Array, bound: float = 1.0
) -> Distribution:
    """The distribution of ``n`` similarities that nobody holds, from their sums and their histogram."""
    mean, std = mean_and_std(n, total, squares, bound)
    fine = bin_edges(len(histogram), bound)
    return Distribution(
        n=n,
        mean=mean,
        std=std,
        quantiles={f"{q:g}": histogram_quantile(histogram, fine, q) for q in QUANTILES},
        density=_density(histogram, edges, bound),
    )


def _density(histogram: IntArray, edges: Float64Array, bound: float) -> Float64Array:
    width = round((edges[1] - edges[0]) / bound * len(histogram) / 2)  # fine bins of one bin
    start = round((edges[0] / bound + 1.0) * len(histogram) / 2)
    n_bins = len(edges) - 1
    part = np.zeros(n_bins * width)
    own = histogram[start : start + n_bins * width]
    part[: len(own)] = own
    counts = part.reshape(n_bins, width).sum(axis=1)
    density: Float64Array = counts / max(counts.sum(), 1) / (edges[1] - edges[0])
    return density


def mean_and_std(n: int, total: float, squares: float, bound: float = 1.0) -> tuple[float, float]:
    """Mean and population standard deviation of ``n`` values from their exact sum and sum of squares.

    ``mean = S1 / n``, ``std = sqrt(S2 / n - mean^2)``; a standard deviation under 1e-6 of the bound of the values is
    returned as 0.

    Raises TooFewPointsError if there are no values.
    """
    if n < 1:
        raise TooFewPointsError(
            "Expected at least one similarity, got none: a mean of nothing is undefined. Check that the data set has "
            "pairs of this kind before asking for their distribution."
        )
    mean = total / n
    std = float(np.sqrt(max(squares / n - mean * mean, 0.0)))
    return mean, std if std >= SMALLEST_STD * bound else 0.0


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
    absence = _absence("AUC", positive, negative)
    if absence is not None:
        return absence
    below = np.cumsum(negative) - negative
    wins = positive.astype(np.float64) @ (below + negative / 2.0)
    return Estimate(float(wins / int(positive.sum()) / int(negative.sum())))


def overlap_coefficient(positive: IntArray, negative: IntArray) -> Estimate:
    """Area under the lower of the two densities, in [0, 1]; 0 where the populations share no bin.

    ``sum_i min(p_i / P, n_i / N)`` over bins of :func:`overlap_bin` fine bins. H. F. Inman and E. L. Bradley, "The
    overlapping coefficient as a measure of agreement" (1989). Absent where a histogram is empty.
    """
    absence = _absence("overlap", positive, negative)
    if absence is not None:
        return absence
    starts = np.arange(0, len(positive), overlap_bin(positive, negative))
    shares = [np.add.reduceat(counts, starts) / counts.sum() for counts in (positive, negative)]
    return Estimate(float(np.minimum(*shares).sum()))


def overlap_bin(positive: IntArray, negative: IntArray) -> int:
    """Fine bins that make one bin of the overlap: 0.01 wide, or as many times narrower as the space is.

    Two populations that share a single bin would overlap wholly, however far they lie apart. So the bins are at most a
    quarter of the narrower interquartile range, about 25 over its population.
    """
    widest = max(1, len(positive) // N_OVERLAP_BINS)
    ranges = [_quantile_bin(counts, 0.75) - _quantile_bin(counts, 0.25) for counts in (positive, negative)]
    narrowest = max(1, min(ranges) // 4)
    return next((widest // part for part in (1, 2, 5, 10, 20, 50, 100) if 0 < widest // part <= narrowest), 1)


def _quantile_bin(counts: IntArray, q: float) -> int:
    cumulated = np.cumsum(counts)
    return int(np.searchsorted(cumulated, q * cumulated[-1]))


def _absence(name: str, positive: IntArray, negative: IntArray) -> Estimate | None:
    """The estimate that says so where a side has no pairs; the histograms must be on the same bins."""
    if positive.shape != negative.shape:
        raise InvalidOptionError(
            f"Expected two histograms on the same bins, got {len(positive)} and {len(negative)} bins. Count both with "
            "the same n_bins."
        )
    if positive.any() and negative.any():
        return None
    return Estimate.absent(
        f"{name} compares positives with negatives; there are {positive.sum()} positive and {negative.sum()} negative "
        "pairs"
    )
