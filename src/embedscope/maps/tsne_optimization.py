"""t-SNE: the exact gradient over all pairs, and the steps down it.

van der Maaten & Hinton, "Visualizing Data using t-SNE" (2008); the steps are those of openTSNE (Poličar, Stražar &
Zupan 2019), tested equal. openTSNE approximates the gradient (``benchmarks/maps.py`` has both).

Numba compiles the loops when they are first called; they run outside the interpreter lock, one range of rows a thread.
What a thread reads and writes does not depend on how many there are, so their number changes no bit of a result.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse

from embedscope.metrics.compiled import compiled, over_ranges
from embedscope.protocols import Float64Array, FloatArray

EARLY_STEPS = 250
"""Steps of early exaggeration."""

EXAGGERATION = 12.0
MOMENTUM = 0.8

_LONGEST_STEP = 5.0  # as in openTSNE: a point pushed by one that it coincides with does not leave the map


Gradient = Callable[[Float64Array, sparse.csr_array], Float64Array]
"""Of positions (n, 2) under affinities (n, n): the gradient at them, float64, of shape (n, 2)."""


def tsne_positions(
    start: FloatArray,
    affinities: sparse.csr_array,
    *,
    n_iter: int,
    n_early: int = EARLY_STEPS,
    n_threads: int = 1,
) -> Float64Array:
    """Positions after ``n_early`` steps under affinities 12 times as strong and ``n_iter`` under the affinities.

    ``step = 0.8 step - rate gain gradient`` for each coordinate, with the learning rate ``n / exaggeration`` (Belkina
    et al. 2019), and a gain that grows by 0.2 where the gradient keeps its direction and falls to 0.8 of itself plus
    0.01 where it turns (Jacobs 1988). A step is at most 5 long; after each the mean is at the origin.

    Parameters
    ----------
    start : ndarray of shape (n, 2)
    affinities : csr_array of shape (n, n)
        Symmetric, of sum 1.
    n_threads : int
        The result does not depend on it.
    """
    positions = np.array(start, dtype=np.float64)
    step, gain = np.zeros_like(positions), np.ones_like(positions)
    move = _compiled()[1]
    with tsne_gradient(len(positions), n_threads) as gradient_at:
        for exaggeration, n_steps in ((EXAGGERATION, n_early), (1.0, n_iter)):
            strengthened = affinities * exaggeration
            for _ in range(n_steps):
                move(positions, step, gain, gradient_at(positions, strengthened), len(positions) / exaggeration)
    return positions


@contextmanager
def tsne_gradient(n_points: int, n_threads: int) -> Iterator[Gradient]:
    """The gradient of t-SNE (equation 5 of the paper) without its factor 4, as openTSNE has it.

    ``gradient[i] = sum_j p_ij w_ij (y_i - y_j) - sum_j w_ij^2 (y_i - y_j) / Z`` with
    ``w_ij = 1 / (1 + ||y_i - y_j||^2)`` and ``Z = sum_{i != j} w_ij``. The first sum runs over the stored affinities,
    in float64; the second over all pairs, in float32.

    Parameters
    ----------
    n_threads : int
        Threads to use; the result does not depend on it.
    """
    kernel = _compiled()[0]
    x, y, weight = (np.empty(n_points, dtype=np.float32) for _ in range(3))
    repulsion = np.empty((n_points, 2), dtype=np.float32)
    gradient = np.empty((n_points, 2), dtype=np.float64)

    def gradient_at(positions: Float64Array, affinities: sparse.csr_array) -> Float64Array:
        x[:], y[:] = positions[:, 0], positions[:, 1]
        csr = affinities.indptr, affinities.indices, affinities.data
        run(functools.partial(kernel, x, y, repulsion, weight, positions, *csr, gradient))
        normalizer = float(weight.sum(dtype=np.float64)) - n_points  # without the weight 1 of each point on itself
        return gradient - repulsion / max(normalizer, 1e-12)

    edges = np.linspace(0, n_points, n_threads + 1).astype(int).tolist()
    with over_ranges([list(itertools.pairwise(edges))], n_threads) as run:
        yield gradient_at


def _gradient_rows(x, y, repulsion, weight, positions, indptr, indices, affinities, attraction, start, stop):  # type: ignore[no-untyped-def]
    one = np.float32(1)
    for i in range(start, stop):
        xi, yi = x[i], y[i]
        push_x = push_y = total = np.float32(0)
        for j in range(len(x)):  # one plain loop, itself included: any exception to it costs the vector instructions
            dx, dy = xi - x[j], yi - y[j]
            w = one / (one + dx * dx + dy * dy)
            total += w
            push_x += w * w * dx
            push_y += w * w * dy
        repulsion[i, 0], repulsion[i, 1], weight[i] = push_x, push_y, total
        pull_x = pull_y = 0.0
        for place in range(indptr[i], indptr[i + 1]):
            j = indices[place]
            ax, ay = positions[i, 0] - positions[j, 0], positions[i, 1] - positions[j, 1]
            pull = affinities[place] / (1.0 + ax * ax + ay * ay)
            pull_x += pull * ax
            pull_y += pull * ay
        attraction[i, 0], attraction[i, 1] = pull_x, pull_y


def _move(positions, step, gain, gradient, rate):  # type: ignore[no-untyped-def]
    middle_x = middle_y = 0.0
    for i in range(len(positions)):
        for axis in range(2):
            if np.sign(step[i, axis]) == np.sign(gradient[i, axis]):  # a step goes against the gradient: it turns
                gain[i, axis] = 0.8 * gain[i, axis] + 0.01
            else:
                gain[i, axis] += 0.2
            step[i, axis] = MOMENTUM * step[i, axis] - rate * gain[i, axis] * gradient[i, axis]
        length = np.sqrt(step[i, 0] ** 2 + step[i, 1] ** 2)
        if length > _LONGEST_STEP:
            step[i, 0] *= _LONGEST_STEP / length
            step[i, 1] *= _LONGEST_STEP / length
        positions[i, 0] += step[i, 0]
        positions[i, 1] += step[i, 1]
        middle_x += positions[i, 0]
        middle_y += positions[i, 1]
    for i in range(len(positions)):
        positions[i, 0] -= middle_x / len(positions)
        positions[i, 1] -= middle_y / len(positions)


@functools.cache
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]]:
    return compiled(_gradient_rows), compiled(_move)
