"""Figures that are smooth functions of sums over queries: means, rates, margin, separation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embedscope.protocols import Float64Array

Statistic = Callable[[Float64Array], Float64Array]
"""Takes sums of shape (n_samples, n_columns), returns figures of shape (n_samples, n_figures), row by row; NaN where
a figure is undefined."""


def ratio_of_sums(sums: Float64Array) -> Float64Array:
    """First half of the columns over the second half: means, shares and weighted rates.

    ``out[b, j] = sums[b, j] / sums[b, m + j]`` for 2 m columns. For the weighted violation rate the columns are
    ``w [s- >= s+]`` and ``w``. NaN where the denominator is 0.
    """
    half = sums.shape[1] // 2
    return quotient(sums[:, :half], sums[:, half:])


def quotient(numerators: Float64Array, denominators: Float64Array) -> Float64Array:
    """``numerators / denominators``, which may be one column for all; NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominators == 0, np.nan, numerators / denominators)


def margin_and_separation(sums: Float64Array) -> Float64Array:
    """Margin, separation and d' from counts, sums and sums of squares of positive and negative similarities.

    ``margin = mean+ - mean-``; ``separation = margin / (std+ + std-)``; ``d' = margin / sqrt((var+ + var-) / 2)``,
    population variances (conventions, section 4).

    Parameters
    ----------
    sums : ndarray of shape (n_samples, 6), float64
        Columns n+, sum+, sum of squares+, n-, sum-, sum of squares-.

    Returns
    -------
    ndarray of shape (n_samples, 3), float64
        NaN where a side is empty, or has no spread where spread is divided by.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        positive, negative = sums[:, 1] / sums[:, 0], sums[:, 4] / sums[:, 3]
        # Rounding can take the variance of equal values below 0.
        positive_variance = np.maximum(sums[:, 2] / sums[:, 0] - positive**2, 0.0)
        negative_variance = np.maximum(sums[:, 5] / sums[:, 3] - negative**2, 0.0)
        margin = positive - negative
        separation = margin / (np.sqrt(positive_variance) + np.sqrt(negative_variance))
        d_prime = margin / np.sqrt((positive_variance + negative_variance) / 2)
    out = np.stack([margin, separation, d_prime], axis=1)
    return np.where(np.isfinite(out), out, np.nan)
