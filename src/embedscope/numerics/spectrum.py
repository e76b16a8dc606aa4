"""How many directions a cloud of vectors really uses."""

from __future__ import annotations

import numpy as np

from embedscope.numerics.vectors import require_matrix
from embedscope.protocols import FloatArray


def effective_rank(vectors: FloatArray) -> float | None:
    """Effective rank of the centred rows: ``exp(-sum_i p_i log p_i)``, ``p_i = s_i / sum_j s_j``, s singular values.

    Between 1 (all rows on one line) and ``min(n - 1, dim)`` (every direction equally used). A head whose effective
    rank falls while it trains is collapsing into few directions.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32 or float64

    Returns
    -------
    float or None
        None where all rows are equal up to rounding: there is no spread, so no direction is used.

    Raises
    ------
    InvalidEmbeddingsError
        If ``vectors`` is not a float matrix.

    References
    ----------
    Roy & Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007.
    """
    rows = require_matrix(vectors).astype(np.float64)
    if len(rows) < 2:
        return None
    rows -= rows.mean(axis=0)
    # The eigenvalues of the smaller of the two Gram matrices are the squared singular values.
    gram = rows.T @ rows if rows.shape[0] >= rows.shape[1] else rows @ rows.T
    squares = np.clip(np.linalg.eigvalsh(gram), 0.0, None)
    # Squaring leaves rounding of about 1e-16 of the largest eigenvalue, whose root would count as a direction.
    squares[squares < squares.max() * len(squares) * np.finfo(np.float64).eps] = 0.0
    singular = np.sqrt(squares[squares > 0])
    if not singular.size or singular.max() < 1e-6:
        return None
    shares = singular / singular.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
