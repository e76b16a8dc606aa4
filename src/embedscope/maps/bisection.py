"""The root of an increasing function for each of many rows, by halving: what both maps scale their neighbours with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embedscope.protocols import Float64Array, IntArray

Excess = Callable[[IntArray, Float64Array], Float64Array]
"""Of some rows, each at a value of its own: how far its function lies above 0."""


def roots_by_halving(excess_at: Excess, n_rows: int, *, tolerance: float, n_halvings: int) -> Float64Array:
    """The positive value of each row at which its excess is 0 within ``tolerance``, shape (n_rows,).

    From 1 a value doubles until its row's excess is above 0, then the interval is halved. Rows that have come near
    enough are not looked at again; those that never do end where ``n_halvings`` steps have led.

    Parameters
    ----------
    excess_at : callable
        (rows of shape (r,), their values of shape (r,)) to their excess, shape (r,); increasing in the value.
    n_rows : int
    tolerance : float
    n_halvings : int
    """
    low, high, middle = np.zeros(n_rows), np.full(n_rows, np.inf), np.ones(n_rows)
    active = np.arange(n_rows)
    for _ in range(n_halvings):
        excess = excess_at(active, middle[active])
        is_open = np.abs(excess) >= tolerance
        active, excess = active[is_open], excess[is_open]
        if not len(active):
            break
        is_high = excess > 0
        high[active[is_high]] = middle[active[is_high]]
        low[active[~is_high]] = middle[active[~is_high]]
        bounded = np.isfinite(high[active])
        middle[active] = np.where(bounded, (low[active] + np.where(bounded, high[active], 0.0)) / 2, 2 * middle[active])
    return middle
