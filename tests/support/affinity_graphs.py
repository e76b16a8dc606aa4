"""Random symmetric graphs, as both optimisers of maps take them."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def affinities(n: int, seed: int) -> sparse.csr_array:
    """Affinities of shape (n, n) that sum to 1, most pairs without any."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, n)) < 0.3, rng.random((n, n)), 0.0)
    np.fill_diagonal(dense, 0)
    dense = dense + dense.T
    return sparse.csr_array(dense / max(dense.sum(), 1e-9))
