"""The sampled steps of UMAP, the same on any number of threads.

Numba compiles the loop when it is first called; it runs outside the interpreter lock, one range of edges a thread. What
a thread reads and writes does not depend on how many there are, so their number changes no bit of a result. A sampled
step takes a fraction of umap-learn's sequential one (``benchmarks/maps.py``).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from embedscope.metrics.compiled import Range, compiled, over_ranges
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray

_CLIP = 4.0  # of a gradient component, as in umap-learn
_N_BLOCKS = 8  # up to 4 threads have work in every round
_SHIFT = 15  # bits of a float32 below an entry of the tables
_LOWEST, _HIGHEST = 2.0**-24, 2.0**24 * (1 - 2.0**-24)  # squared distances that the tables know
_LOWEST_BITS = int(np.float32(_LOWEST).view(np.int32))
_NEAR = 0.001  # keeps the repulsion of coinciding points finite, as in umap-learn


def umap_positions(
    start: FloatArray,
    membership: sparse.csr_array,
    *,
    n_epochs: int,
    a: float,
    b: float,
    seed: int,
    first_rate: float = 1.0,
    n_negatives: int = 5,
    n_threads: int = 1,
) -> Float32Array:
    """Positions after ``n_epochs`` of UMAP's sampled gradient steps (McInnes, Healy & Melville 2018, algorithm 5).

    An edge of membership ``w`` is sampled in ``n_epochs * w / max w`` epochs. A sample pulls both its ends towards each
    other, at once, and pushes its head away from ``n_negatives`` points drawn at random, from where these stood at the
    beginning of the epoch. The learning rate falls linearly to 0.

    The points are dealt into 8 blocks and the edges sorted by the pair of blocks that they join. Pairs that share no
    block move different points and run side by side; the order of everything else is fixed. So any number of threads
    gives the same positions, which umap-learn reaches on one thread only.

    Parameters
    ----------
    start : ndarray of shape (n, 2)
        Scaled as umap-learn does it: to [0, 10] on both axes.
    membership : csr_array of shape (n, n)
        Symmetric, non-negative.
    a, b : float
        Of the curve ``1 / (1 + a d^(2b))``.
    seed : int
        Of the negative samples.
    first_rate : float
        Learning rate of the first epoch.
    n_threads : int
        The result does not depend on it.
    """
    kernel = _compiled()
    sampled = membership.copy()
    sampled.data[sampled.data < sampled.data.max() / n_epochs] = 0.0  # too weak to be sampled once
    sampled.eliminate_zeros()
    edges = _edges_by_blocks(sampled, len(start))
    positions = np.array(start, dtype=np.float32)[edges.order]
    pulls = _coefficients(lambda squared: -2 * a * b * squared ** (b - 1) / (1 + a * squared**b))
    pushes = _coefficients(lambda squared: 2 * b / ((_NEAR + squared) * (1 + a * squared**b)))
    with over_ranges(_shares(edges, n_threads), n_threads) as run:
        for epoch in range(n_epochs):
            rate = np.float32(first_rate * (1.0 - epoch / n_epochs))
            key = np.uint64((seed * 0x9E3779B97F4A7C15 + epoch * 0xD1B54A32D192ED03) % 2**64)
            stood = positions.copy()
            moved = positions, stood, edges.heads, edges.tails, edges.rates
            run(functools.partial(kernel, *moved, pulls, pushes, rate, epoch, n_negatives, key))
    unsorted = np.empty_like(positions)
    unsorted[edges.order] = positions
    return unsorted


class _Edges(NamedTuple):
    """Edges sorted by the pair of blocks that they join, in rounds of pairs without a common block."""

    order: IntArray  # (n,) point at each place: the points of a block stand together, so threads share no cache line
    heads: IntArray  # (E,) places
    tails: IntArray
    rates: Float32Array  # (E,) samples an epoch, in (0, 1]
    rounds: list[list[Range]]  # of edges


def _edges_by_blocks(membership: sparse.csr_array, n: int) -> _Edges:
    coordinates = membership.tocoo()
    block = np.arange(n) % _N_BLOCKS
    order = np.argsort(block, kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    low = np.minimum(block[coordinates.row], block[coordinates.col])
    high = np.maximum(block[coordinates.row], block[coordinates.col])
    pairs = [pair for one_round in _tournament(_N_BLOCKS) for pair in one_round]
    turn_of = np.zeros((_N_BLOCKS, _N_BLOCKS), dtype=np.int64)
    turn_of[tuple(np.transpose(pairs))] = np.arange(len(pairs))
    turn = turn_of[low, high]
    heads, tails = place[coordinates.row], place[coordinates.col]
    by_turn = np.lexsort((tails, heads, turn))
    ends = np.searchsorted(turn[by_turn], np.arange(len(pairs) + 1)).tolist()
    ranges = list(itertools.pairwise(ends))
    rounds = [[ranges[turn_of[pair]] for pair in one_round] for one_round in _tournament(_N_BLOCKS)]
    rates = (coordinates.data / coordinates.data.max()).astype(np.float32)
    return _Edges(order, heads[by_turn], tails[by_turn], rates[by_turn], rounds)


def _tournament(n: int) -> list[list[tuple[int, int]]]:
    """Every pair (i, j) with i <= j < n, in rounds in which no number comes twice (the circle method; n is even)."""
    rounds = [[(i, i) for i in range(n)]]
    for turn in range(n - 1):
        seats = [n - 1, *((turn + place) % (n - 1) for place in range(n - 1))]
        met = zip(seats[: n // 2], reversed(seats[n // 2 :]), strict=True)
        rounds.append([(min(pair), max(pair)) for pair in met])
    return rounds


def _shares(edges: _Edges, n_threads: int) -> list[list[Range]]:
    """Ranges of edges for ``n_threads``, in rounds: adjoining ranges of a round are joined until there are as many."""
    if n_threads <= 1:
        return [[(0, len(edges.heads))]]
    groups = [np.array_split(np.array(ranges), n_threads) for ranges in edges.rounds]
    return [[(int(g[0, 0]), int(g[-1, 1])) for g in one_round if len(g)] for one_round in groups]


def _coefficients(of_squared_distance: Callable[[Float64Array], Float64Array]) -> Float32Array:
    """A function of squared distances as a table: an entry for every 2^-8 of each power of two from 2^-24 to 2^24.

    Straight lines between the entries are within 3e-5 of these functions, and far quicker than the powers in them.
    """
    bits = _LOWEST_BITS + (np.arange((48 << (23 - _SHIFT)) + 1) << _SHIFT)
    return of_squared_distance(bits.astype(np.int32).view(np.float32).astype(np.float64)).astype(np.float32)


def _step_edges(positions, stood, heads, tails, rates, pulls, pushes, rate, epoch, n_negatives, key, start, stop):  # type: ignore[no-untyped-def]
    n = np.uint64(len(positions))
    zero, clip, low, high = np.float32(0), np.float32(_CLIP), np.float32(_LOWEST), np.float32(_HIGHEST)
    lowest, below, share = np.int32(_LOWEST_BITS), np.int32((1 << _SHIFT) - 1), np.float32(1 / (1 << _SHIFT))
    for edge in range(start, stop):
        if int(rates[edge] * epoch) == int(rates[edge] * (epoch - 1)):
            continue
        i, j = heads[edge], tails[edge]
        dx, dy = positions[i, 0] - positions[j, 0], positions[i, 1] - positions[j, 1]
        place = np.float32(min(max(dx * dx + dy * dy, low), high)).view(np.int32) - lowest
        entry = place >> _SHIFT
        pull = pulls[entry] + np.float32(place & below) * share * (pulls[entry + 1] - pulls[entry])
        step_x = rate * min(max(pull * dx, -clip), clip)
        step_y = rate * min(max(pull * dy, -clip), clip)
        positions[i, 0] += step_x
        positions[i, 1] += step_y
        positions[j, 0] -= step_x
        positions[j, 1] -= step_y
        x, y = positions[i, 0], positions[i, 1]
        push_x = push_y = zero
        state = (key ^ np.uint64(edge)) * np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(31)
        for _ in range(n_negatives):  # from one place, so that the processor can work on all of them at once
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            k = np.int64(((state >> np.uint64(32)) * n) >> np.uint64(32))
            dx, dy = x - stood[k, 0], y - stood[k, 1]
            if k == i:  # it stood elsewhere, but does not push itself
                continue
            place = np.float32(min(max(dx * dx + dy * dy, low), high)).view(np.int32) - lowest
            entry = place >> _SHIFT
            push = pushes[entry] + np.float32(place & below) * share * (pushes[entry + 1] - pushes[entry])
            push_x += min(max(push * dx, -clip), clip)
            push_y += min(max(push * dy, -clip), clip)
        positions[i, 0] += rate * push_x
        positions[i, 1] += rate * push_y


@functools.cache
def _compiled() -> Callable[..., Any]:
    return compiled(_step_edges)
