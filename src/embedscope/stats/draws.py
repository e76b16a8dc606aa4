"""Random resamples of clusters, drawn once for all figures of the same clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from embedscope.errors import InvalidOptionError
from embedscope.protocols import Float64Array

_CHUNK = 1 << 17  # clusters drawn at once: 1 MiB, which stays in the cache
_MOST_KEPT = 3 << 23  # clusters drawn that are kept for the next figure: 96 MiB, which scale.memory reckons with
_FEW_COLUMNS = 4  # SciPy multiplies fewer columns sooner one by one, in the same order of additions
_FEWEST = 100

Kept = dict[tuple[int | tuple[int, ...], int, int], list[csr_array]]
"""Resamples by seed, number of draws and number of clusters, in chunks."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """``n`` resamples of clusters with replacement: for one seed and number of clusters always the same.

    Attributes
    ----------
    seed : int or tuple of int
        As `numpy.random.default_rng` takes it.
    n : int
    kept : dict
        Resamples that were drawn before, as far as they fit; draws of several seeds may share it.

    Raises
    ------
    InvalidOptionError
        If ``n`` is less than 100.
    """

    seed: int | tuple[int, ...]
    n: int = 10_000
    kept: Kept = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.n < _FEWEST:
            raise InvalidOptionError(
                f"n_draws must be at least {_FEWEST}; got {self.n}. The ends of an interval are quantiles of the draws "
                "and need draws beyond them. 10,000 is the default."
            )

    def resampled(self, sums: Float64Array) -> Iterator[Float64Array]:
        """Sums over resamples of what was summed over each cluster, (n_clusters, n_columns).

        In chunks of shape (n_rows, n_columns), ``n`` rows in all.
        """
        if sums.shape[1] < _FEW_COLUMNS:
            columns = [np.ascontiguousarray(column) for column in sums.T]
            return (np.stack([chunk @ column for column in columns], axis=1) for chunk in self._chunks(len(sums)))
        return (chunk @ sums for chunk in self._chunks(len(sums)))

    def _chunks(self, n_clusters: int) -> Iterable[csr_array]:
        """Matrices of shape (n_rows, n_clusters); each row draws as many clusters as there are.

        A cluster drawn twice stands twice in its row. Sparse products run on one thread and are faster here than
        counting the draws and a dense product, whose threads wait for one another on so small a matrix.
        """
        key = (self.seed, self.n, n_clusters)
        if key not in self.kept:
            n_kept = sum(n * size for _, n, size in self.kept)
            if n_kept + self.n * n_clusters > _MOST_KEPT:
                return self._drawn(n_clusters)
            self.kept[key] = list(self._drawn(n_clusters))
        return self.kept[key]

    def _drawn(self, n_clusters: int) -> Iterator[csr_array]:
        generator = np.random.default_rng(self.seed)
        rows = max(1, _CHUNK // n_clusters)
        dtype = np.uint16 if n_clusters <= 1 << 16 else np.int64  # 16 random bits a draw are four times as fast as 64
        ones = np.ones(rows * n_clusters)
        row_ends = np.arange(rows + 1, dtype=np.int32) * n_clusters
        for start in range(0, self.n, rows):
            n_rows = min(rows, self.n - start)
            drawn = generator.integers(0, n_clusters, size=n_rows * n_clusters, dtype=dtype).astype(np.int32)
            yield csr_array((ones[: len(drawn)], drawn, row_ends[: n_rows + 1]), shape=(n_rows, n_clusters))
