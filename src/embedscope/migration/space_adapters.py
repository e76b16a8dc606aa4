"""Maps from one embedding space to another, fitted on texts that both models have encoded.

Sources
-------
Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966).
Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12 (1970).
Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics 21
(1979).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics.vectors import compared_rows
from embedscope.protocols import Float32Array, Float64Array, FloatArray

RIDGES = tuple(10.0**power for power in range(-8, 3))
"""Penalties that are tried, in units of the largest squared singular value of the centred rows."""


@dataclass(frozen=True, slots=True, eq=False)
class SpaceAdapter:
    """``x W + b``: rows of one space carried into another."""

    weight: Float64Array  # (d_from, d_to)
    bias: Float64Array  # (d_to,)
    ridge: float | None = None

    def carried(self, rows: FloatArray, *, is_unit: bool) -> Float32Array:
        """``rows``, (n, d_from), in the other space, (n, d_to); unit rows where that compares by cosine.

        Raises InvalidEmbeddingsError if a row has no direction there.
        """
        carried = rows.astype(np.float64) @ self.weight + self.bias
        return compared_rows(carried, is_unit=is_unit, what="adapted query")


def orthogonal_adapter(rows: FloatArray, targets: FloatArray) -> SpaceAdapter:
    """The orthogonal matrix that carries ``rows`` nearest to ``targets``.

    ``W = U V'`` with ``X' Y = U S V'`` minimises ``||X W - Y||`` over orthogonal W. Of unequal widths the narrower side
    is padded with zeros and what the padding adds to W is dropped, which leaves orthonormal rows or columns.

    Parameters
    ----------
    rows : ndarray of shape (n, d_from)
    targets : ndarray of shape (n, d_to)
        Row i of both is the same text.

    Raises
    ------
    InvalidEmbeddingsError
        If the numbers of rows differ, or there are fewer than two.
    """
    x, y = _paired(rows, targets)
    left, _, right = np.linalg.svd(x.T @ y, full_matrices=False)
    return SpaceAdapter(left @ right, np.zeros(y.shape[1]))


def affine_adapter(rows: FloatArray, targets: FloatArray) -> SpaceAdapter:
    """The affine map that carries ``rows`` nearest to ``targets`` under a penalty on its matrix (ridge).

    Minimises ``||X W + 1 b' - Y||^2 + r ||W||^2``. Of the penalties ``r`` in `RIDGES` the one is taken that minimises
    generalised cross-validation, ``RSS(r) / (n - 1 - tr H(r))^2`` with the hat matrix H of the centred rows.

    Parameters and errors as `orthogonal_adapter`.
    """
    x, y = _paired(rows, targets)
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    left, sizes, right = np.linalg.svd(x - x_mean, full_matrices=False)
    centred = y - y_mean
    seen = left.T @ centred  # (r, d_to)
    seen_squares = np.square(seen).sum(axis=1)
    unseen = float(np.square(centred - left @ seen).sum())
    ridges = np.array(RIDGES) * max(float(sizes[0]) ** 2, np.finfo(np.float64).tiny)
    shrunk = ridges[:, np.newaxis] / (sizes**2 + ridges[:, np.newaxis])  # (R, r)
    rss = unseen + shrunk**2 @ seen_squares
    ridge = float(ridges[int(np.argmin(rss / (len(x) - 1 - (1 - shrunk).sum(axis=1)) ** 2))])
    weight = right.T @ ((sizes / (sizes**2 + ridge))[:, np.newaxis] * seen)
    return SpaceAdapter(weight, y_mean - x_mean @ weight, ridge)


def _paired(rows: FloatArray, targets: FloatArray) -> tuple[Float64Array, Float64Array]:
    if len(rows) != len(targets) or len(rows) < 2:
        raise InvalidEmbeddingsError(
            f"An adapter is fitted on 2 texts or more that both models have encoded; got {len(rows)} and "
            f"{len(targets)} vectors."
        )
    return rows.astype(np.float64), targets.astype(np.float64)
