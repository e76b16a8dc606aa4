"""Where the points of a map start: the first two principal components, or positions from another map."""

from __future__ import annotations

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.maps.neighbor_graph import unit_points
from embedscope.protocols import Float64Array, FloatArray


def pca_start(vectors: FloatArray, seed: int) -> Float64Array:
    """The first two principal components, first one of standard deviation 1, with a jitter of 0.01; shape (n, 2).

    The sign of an axis is that of the largest entry of its direction. Positions are rounded, because the last bits
    of a matrix product depend on the number of threads and hundreds of steps would make them visible.
    """
    from scipy.linalg import eigh

    rng = np.random.default_rng(seed)
    rows = unit_points(vectors)
    centred = rows - rows.mean(axis=0)
    dim = centred.shape[1]
    _, directions = eigh(centred.T @ centred, subset_by_index=(max(0, dim - 2), dim - 1))
    directions = directions[:, ::-1]  # (dim, 2), strongest first
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    start: Float64Array = np.zeros((len(rows), 2))
    start[:, : directions.shape[1]] = centred @ directions
    spread = start[:, 0].std()
    if spread < 1e-9:  # every row is equal: only the jitter is left, and it has to be a spread
        return rng.normal(size=start.shape)
    jitter: Float64Array = rng.normal(scale=0.01, size=start.shape)
    jitter += np.round(start / spread, 6)
    return jitter


def scaled_to_ten(start: Float64Array) -> Float64Array:
    """Both axes scaled to [0, 10], as umap-learn has its start; shape (n, 2)."""
    scaled: Float64Array = 10.0 * (start - start.min(axis=0)) / np.maximum(np.ptp(start, axis=0), 1e-12)
    return scaled


def checked_start(start: FloatArray, n: int) -> Float64Array:
    """The positions of ``n`` points in float64.

    Raises InvalidOptionError if the shape is not (n, 2), or a position is not finite.
    """
    rows = np.asarray(start, dtype=np.float64)
    if rows.shape != (n, 2) or not np.isfinite(rows).all():
        raise InvalidOptionError(
            f"The start of a map of {n} points must be finite positions of shape ({n}, 2); got shape {rows.shape}."
        )
    return rows
