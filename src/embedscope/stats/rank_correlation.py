"""Whether one order follows another, such as margins the weights of training: Kendall's tau-b, query by query.

Source: Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
"""

from __future__ import annotations

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.protocols import Float64Array, FloatArray, IntArray

_CHUNK = 1 << 19  # pairs compared at once
_MAX_PAIRWISE = 512  # entries of a group above which sorting beats comparing all pairs


def mean_kendall_tau_b(indptr: IntArray, x: FloatArray, y: FloatArray) -> tuple[float | None, Float64Array]:
    """Mean over groups of Kendall's tau-b between ``x`` and ``y`` within each group.

    ``tau_b = (C - D) / sqrt((n0 - n1) (n0 - n2))``: concordant minus discordant pairs, over all n0 pairs less those
    tied in x (n1) and in y (n2).

    Parameters
    ----------
    indptr : ndarray of shape (n_groups + 1,), int64
        Group g owns ``x[indptr[g]:indptr[g + 1]]`` and the same part of ``y``.
    x, y : ndarray of shape (indptr[-1],)
        Such as weights of a query's hard negatives and ``s+ - s-``.

    Returns
    -------
    mean : float or None
        In [-1, 1]; over the groups where it is defined, None where it is in none.
    tau : ndarray of shape (n_groups,), float64
        NaN where a group has fewer than two entries, or all of them tied in x or in y.

    Raises
    ------
    InvalidOptionError
        If the lengths do not fit, or a value is not finite.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    _check(indptr, first, second)
    sizes = np.diff(indptr)
    tau = np.full(len(sizes), np.nan)
    for size in np.unique(sizes[sizes >= 2]):
        groups = np.flatnonzero(sizes == size)
        compute = _tau_of_pairs if size <= _MAX_PAIRWISE else _tau_of_large_groups
        rows = max(1, _CHUNK // int(size * (size - 1) // 2))
        for start in range(0, len(groups), rows):
            part = groups[start : start + rows]
            entries = indptr[part][:, np.newaxis] + np.arange(size)  # (n_groups, size)
            tau[part] = compute(first[entries], second[entries])
    defined = tau[~np.isnan(tau)]
    return (float(defined.mean()) if len(defined) else None), tau


def _tau_of_pairs(x: Float64Array, y: Float64Array) -> Float64Array:
    """Tau-b of each row of two (n_groups, size) matrices, by comparing all pairs of its entries."""
    first, second = np.triu_indices(x.shape[1], k=1)
    order_x = np.sign(x[:, first] - x[:, second])  # (n_groups, n_pairs)
    order_y = np.sign(y[:, first] - y[:, second])
    untied = np.abs(order_x).sum(axis=1) * np.abs(order_y).sum(axis=1)
    agreement = (order_x * order_y).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(agreement / np.sqrt(untied))


def _tau_of_large_groups(x: Float64Array, y: Float64Array) -> Float64Array:
    """The same for groups whose pairs are too many to hold: Knight's algorithm, O(n log n), one group at a time."""
    from scipy.stats import kendalltau  # imported here because it is slow to load and seldom needed

    return np.array([kendalltau(a, b).statistic for a, b in zip(x, y, strict=True)])


def _check(indptr: IntArray, x: Float64Array, y: Float64Array) -> None:
    n_entries = int(indptr[-1])
    if x.shape != (n_entries,) or y.shape != (n_entries,):
        raise InvalidOptionError(
            f"Expected x and y of shape ({n_entries},), the end of indptr; got {x.shape} and {y.shape}. Each entry is "
            "one pair of figures to be ranked. Pass both over the same entries."
        )
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all():
        raise InvalidOptionError(
            f"Expected finite values; entry {int(np.flatnonzero(~finite)[0])} is not. A value that is not a number has "
            "no place in an order. Leave the entry out of its group."
        )
