"""Turning one map onto another: a map has no up and no left of its own."""

from __future__ import annotations

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.protocols import Float64Array, FloatArray


def turned_onto(points: FloatArray, reference: FloatArray, *, is_scaled: bool = False) -> Float64Array:
    """``points`` moved, turned and perhaps mirrored so that they lie as near ``reference`` as they can; float64.

    Minimises ``sum_i || (x_i - mean(x)) R + mean(y) - y_i ||^2`` over orthogonal R.

    Parameters
    ----------
    points, reference : ndarray of shape (n, dim)
        Row i of both is the same point.
    is_scaled : bool
        Give the points the spread of the reference too: multiply by ``||y - mean(y)|| / ||x - mean(x)||``. The scale
        that fits best would be smaller the less the maps agree. Without it distances between points are unchanged.

    Raises
    ------
    InvalidOptionError
        If the shapes differ.

    References
    ----------
    Schoenemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966).
    """
    x, y = np.asarray(points, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 2:
        raise InvalidOptionError(
            f"Two maps of the same points are needed to turn one onto the other; got shapes {x.shape} and {y.shape}."
        )
    centred = x - x.mean(axis=0)
    left, _, right = np.linalg.svd(centred.T @ (y - y.mean(axis=0)))
    scale = _spread(y) / _spread(x) if is_scaled and _spread(x) > 0 else 1.0
    turned: Float64Array = scale * (centred @ (left @ right)) + y.mean(axis=0)
    return turned


def _spread(points: Float64Array) -> float:
    return float(np.linalg.norm(points - points.mean(axis=0)))
