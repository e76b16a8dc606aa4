"""How well a hyperplane tells queries from documents: a modality gap that a linear map sees.

Source: Friedman, "Regularized discriminant analysis", JASA 84 (1989): the shrunk linear discriminant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.measure.space_statistics import NO_VARIANCE, float64_chunks, order_by_content
from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.metrics.vectors import require_same_dim
from embedscope.protocols import Float64Array, FloatArray

N_FOLDS = 5
SHRINKAGE = 0.1
"""Part of the pooled covariance that is replaced by a multiple of the identity before it is inverted."""


@dataclass(frozen=True, slots=True)
class LinearSplit:
    """How well a hyperplane tells queries from documents that it was not fitted to.

    ``auc`` is the probability that a query lies further on the side of the queries than a document does; ``accuracy``
    is balanced, the mean of the shares of both sides on the right side. 0.5 is what a guess reaches in both.
    """

    auc: float
    accuracy: float
    n_folds: int


def linear_split(queries: FloatArray, documents: FloatArray, *, generator: np.random.Generator) -> LinearSplit | None:
    """How well a hyperplane tells queries from documents, cross-validated.

    A linear discriminant with equal weight on both sides: ``w = S^-1 (m_q - m_d)`` and its threshold half-way between
    the means; S is the mean of both covariances, of which ``SHRINKAGE`` is replaced by ``tr(S) / dim`` times the
    identity (Friedman 1989). Fitted on four of five random parts, applied to the fifth, averaged over the five.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), float32 or float64
    generator : numpy.random.Generator
        Deals the rows of each side into the parts.

    Returns
    -------
    LinearSplit or None
        None where a side has fewer than four rows, or nothing varies: no part could then be held out.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.

    Notes
    -----
    Memory: a few matrices of shape (dim, dim).
    """
    require_same_dim(queries, documents)
    n_folds = min(N_FOLDS, min(len(queries), len(documents)) // 2)
    if n_folds < 2:
        return None
    sides = queries, documents
    folds = [np.empty(len(side), dtype=np.int64) for side in sides]
    for side, of_row in zip(sides, folds, strict=True):
        of_row[order_by_content(side)] = generator.permutation(len(side)) % n_folds
    totals = [sum_and_gram(side) for side in sides]
    aucs, accuracies = [], []
    for fold in range(n_folds):
        held_out = [side[of_row == fold] for side, of_row in zip(sides, folds, strict=True)]
        left_out = [sum_and_gram(rows) for rows in held_out]
        kept = [(whole[0] - part[0], whole[1] - part[1]) for whole, part in zip(totals, left_out, strict=True)]
        sizes = [len(side) - len(rows) for side, rows in zip(sides, held_out, strict=True)]
        plane = _discriminant(kept, sizes)
        if plane is None:
            return None
        normal, threshold = plane
        q, d = (_products(rows, normal) - threshold for rows in held_out)
        aucs.append(_auc(q, d))
        accuracies.append((_share_above(q) + _share_above(-d)) / 2)
    return LinearSplit(float(np.mean(aucs)), float(np.mean(accuracies)), n_folds)


def _discriminant(kept: list[tuple[Float64Array, Float64Array]], sizes: list[int]) -> tuple[Float64Array, float] | None:
    """Normal and threshold of the hyperplane, from sum and Gram matrix of each side; None where nothing varies."""
    means = [total / n for (total, _), n in zip(kept, sizes, strict=True)]
    squares = np.mean([gram / n for (_, gram), n in zip(kept, sizes, strict=True)], axis=0)
    within = squares - np.mean([np.outer(mean, mean) for mean in means], axis=0)
    level = float(np.trace(within)) / len(within)
    if level <= NO_VARIANCE * float(np.trace(squares)) / len(within):
        return None
    shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * level * np.eye(len(within))
    normal = np.linalg.solve(shrunk, means[0] - means[1])
    return normal, float(normal @ (means[0] + means[1])) / 2


def _products(rows: FloatArray, normal: Float64Array) -> Float64Array:
    return np.concatenate([chunk @ normal for chunk in float64_chunks(rows)])


def _auc(higher: Float64Array, lower: Float64Array) -> float:
    """Share of pairs in which the first is above the second, ties half (Mann & Whitney 1947)."""
    lower = np.sort(lower)
    below = np.searchsorted(lower, higher, side="left") + np.searchsorted(lower, higher, side="right")
    return float(below.mean()) / (2 * len(lower))


def _share_above(values: Float64Array) -> float:
    return float(np.mean((values > 0) + 0.5 * (values == 0)))
