"""Norms of vectors that are scored by their dot product, and the range that they leave to a score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics.vectors import compared_rows
from embedscope.protocols import Float32Array, FloatArray

MOST_OVER_MEAN = 16.0
"""A score of more than this many times the product of the mean norms is an outlier: were the range of all scores
stretched for it, the bins and the tie tolerance would be too coarse for the others."""

UNEVEN = 0.01
"""Norms that differ by more than this share of their mean are no rounding of equal ones."""

_UNIT_ROUNDING = 1e-3  # of a norm of 1 in float16
_FLOAT32_ROUNDING = 1e-6
_LIMITS = (1e-30, 1e30)  # of scores in float32, with some room for sums
_ROUNDING = 1e-4  # of three digits as a whole number: norms of 1 up to rounding bound scores by exactly 1
_CHUNK_ELEMENTS = 1 << 20


@dataclass(frozen=True, slots=True)
class Norms:
    """Euclidean norms of ``n`` rows: their sum, the smallest and the largest."""

    n: int = 0
    total: float = 0.0
    smallest: float = math.inf
    largest: float = 0.0

    @classmethod
    def of(cls, vectors: FloatArray) -> Self:
        """The norms of rows, taken in float64."""
        found = np.empty(len(vectors))
        step = max(1, _CHUNK_ELEMENTS // max(1, vectors.shape[1]))
        for start in range(0, len(vectors), step):
            rows = vectors[start : start + step].astype(np.float64)
            with np.errstate(over="ignore"):  # of float64 rows near 1e200: a norm without bound
                found[start : start + step] = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        return cls(len(found), float(found.sum()), float(found.min(initial=math.inf)), float(found.max(initial=0.0)))

    @property
    def mean(self) -> float:
        """Mean norm."""
        return self.total / self.n

    @property
    def are_exactly_one(self) -> bool:
        """Whether every norm is 1 up to the rounding of float32."""
        return max(self.largest - 1.0, 1.0 - self.smallest) < _FLOAT32_ROUNDING

    @property
    def are_one(self) -> bool:
        """Whether every norm is 1 up to the rounding of float16: the dot product is then the cosine."""
        return max(self.largest - 1.0, 1.0 - self.smallest) < _UNIT_ROUNDING

    @property
    def are_uneven(self) -> bool:
        """Whether the norms differ by more than rounding, so that cosine and dot product rank differently."""
        return self.largest - self.smallest > UNEVEN * self.mean

    def merge(self, other: Norms) -> Norms:
        """The norms of the rows of both."""
        return Norms(
            self.n + other.n,
            self.total + other.total,
            min(self.smallest, other.smallest),
            max(self.largest, other.largest),
        )


def directions_of(vectors: Float32Array) -> Float32Array:
    """Unit rows of ``vectors``; the rows themselves where they are that already."""
    return vectors if Norms.of(vectors).are_exactly_one else compared_rows(vectors, is_unit=True)


def score_bound(queries: Norms, documents: Norms) -> float:
    """``B``, a number of three digits such that dot products lie in [-B, B], but for outliers.

    The largest norm of a query times that of a document, which no score exceeds (Cauchy-Schwarz), but at most
    ``MOST_OVER_MEAN`` times the product of the mean norms. 1 for unit rows. What lies beyond counts in the outermost
    bins of a histogram, and everywhere else as what it is.

    Raises
    ------
    InvalidEmbeddingsError
        If the products leave the range of float32.
    """
    reach = min(queries.largest * documents.largest, MOST_OVER_MEAN * queries.mean * documents.mean)
    if not _LIMITS[0] < queries.largest * documents.largest < _LIMITS[1]:
        raise InvalidEmbeddingsError(
            f"The largest norms are {queries.largest:.3g} (queries) and {documents.largest:.3g} (documents): their dot "
            f"products leave the range of float32. Divide all vectors by one number, which changes no rank, or score "
            f"by the cosine: --similarity cosine."
        )
    exponent = math.floor(math.log10(reach)) - 2
    return float(f"{math.ceil(reach / 10.0**exponent - _ROUNDING)}e{exponent}")
