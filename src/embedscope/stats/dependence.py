"""How much queries depend on one another: by degree, as far as their relevant sets overlap.

``K[q, r] = |R_q ∩ R_r| / sqrt(|R_q| |R_r|)`` for relevant sets R: 1 where two queries have the same relevant documents,
0 where they share none. It is B B' for the incidence B of queries and documents with rows of length 1, so that it is
positive semidefinite and never has to be formed. How much of the spread of a figure follows K is not assumed but
measured: ``Cov = a I + b K`` with a and b by the method of moments.

Sources
-------
Henderson, "Estimation of variance and covariance components", Biometrics 9 (1953): the method of moments.
Kish, "Survey Sampling" (1965): effective sample size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import block_array, csr_array
from scipy.sparse.csgraph import connected_components

from embedscope.errors import InvalidOptionError
from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.stats.figures import quotient

_CHUNK = 1 << 22  # products of a sparse matrix made at once
_SINGULAR = 1e-9  # a determinant below this share of its terms is rounding


@dataclass(frozen=True, eq=False)
class Dependence:
    """Which observations depend on which: K = B B'.

    Attributes
    ----------
    incidence : csr_array of shape (n, m), float64
        B: rows have length 1, or none where an observation depends on nothing but itself.
    """

    incidence: csr_array

    @classmethod
    def of_groups(cls, labels: IntArray) -> Dependence:
        """K = 1 within a group and 0 between groups; one label an observation."""
        places = np.unique(labels, return_inverse=True)[1]
        return cls._of_pairs(np.arange(len(places)), places, len(places))

    @classmethod
    def of_judgments(
        cls, indptr: IntArray, documents: IntArray, groups: Sequence[str | None] | None = None
    ) -> Dependence:
        """Queries depend as much as their relevant sets overlap; queries of one group depend fully, on no other.

        Parameters
        ----------
        indptr : ndarray of shape (n_queries + 1,), int64
        documents : ndarray of shape (indptr[-1],), int64
            Relevant documents of query q are ``documents[indptr[q]:indptr[q + 1]]``.
        groups : sequence of str or None, of length n_queries, optional
            A query whose group is None depends by its documents. An empty sequence is no groups.

        Raises
        ------
        InvalidOptionError
            If ``groups`` has another length than there are queries.
        """
        n = len(indptr) - 1
        queries = np.repeat(np.arange(n), np.diff(indptr))
        if not groups:
            return cls._of_pairs(queries, documents, n)
        if len(groups) != n:
            raise InvalidOptionError(
                f"Expected one group a query, that is {n}; got {len(groups)}. Groups say which queries count as one "
                "observation. Pass one group (or None) a query, in the order of the queries."
            )
        grouped = np.array([group is not None for group in groups])
        names = {name: place for place, name in enumerate(dict.fromkeys(groups))}
        places = np.array([names[group] for group in groups]) + int(documents.max(initial=-1)) + 1
        by_documents = ~grouped[queries]
        return cls._of_pairs(
            np.concatenate([queries[by_documents], np.flatnonzero(grouped)]),
            np.concatenate([documents[by_documents], places[grouped]]),
            n,
        )

    @classmethod
    def _of_pairs(cls, rows: IntArray, columns: IntArray, n: int) -> Dependence:
        """One row an observation; an observation without an entry shares with none and has a column of its own."""
        alone = np.flatnonzero(np.bincount(rows, minlength=n) == 0)
        first_free = int(columns.max(initial=-1)) + 1
        rows = np.concatenate([rows, alone])
        columns = np.concatenate([columns, first_free + np.arange(len(alone))])
        used, places = np.unique(columns, return_inverse=True)
        weights = 1 / np.sqrt(np.bincount(rows, minlength=n)[rows])
        return cls(csr_array((weights, (rows, places)), shape=(n, len(used))))

    def __len__(self) -> int:
        return int(self.incidence.shape[0])

    def among(self, chosen: BoolArray | IntArray) -> Dependence:
        """The same for some of the observations, by mask or by rows; one that stands twice depends fully on itself."""
        return Dependence(self.incidence[np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen])

    @cached_property
    def _sums(self) -> Float64Array:
        """Column sums of the incidence, B'1."""
        return np.asarray(self.incidence.sum(axis=0))

    @cached_property
    def total(self) -> float:
        """Sum of all entries of K, ``1'K1``: n where observations are independent, n^2 where they are one."""
        return float(self._sums @ self._sums)

    @property
    def n_shared(self) -> float:
        """``n_K = n^2 / 1'K1``: the effective number of observations, were all spread shared as K says."""
        return len(self) ** 2 / self.total if len(self) else 0.0

    def n_shared_by(self, weights: Float64Array) -> Float64Array:
        """The same for observations that count by each column of ``weights``, (n, m): ``(sum w)^2 / w'Kw``, (m,)."""
        return quotient(weights.sum(axis=0) ** 2, ((self.incidence.T @ weights) ** 2).sum(axis=0))

    @cached_property
    def is_independent(self) -> bool:
        """Whether no observation depends on another: K = I."""
        return bool((np.bincount(self.incidence.indices) <= 1).all())

    @cached_property
    def blocks(self) -> IntArray | None:
        """Labels of the blocks, (n,), where all entries of K are 0 or 1; else None."""
        n = len(self)
        whole = block_array([[None, self.incidence], [self.incidence.T, None]])
        labels = connected_components(whole, directed=False)[1][:n].astype(np.int64)
        sizes = np.bincount(labels)
        return labels if math.isclose(self.total, float((sizes**2).sum()), rel_tol=1e-9) else None

    @cached_property
    def _trend(self) -> Float64Array:
        """Orthonormal columns of what is taken out before shared spread is measured, (n, p).

        The mean, and a parabola in the logarithm of the number of relevant documents. Large sets overlap the most, and
        with them a recall is low: without the parabola that would pass for spread that queries share.
        """
        sizes = np.log(np.diff(self.incidence.indptr))
        powers = np.vander(sizes - sizes.mean(), 3, increasing=True)
        basis, scale, _ = np.linalg.svd(powers, full_matrices=False)
        return np.asarray(basis[:, scale > _SINGULAR * scale[0]])

    @cached_property
    def _traces(self) -> tuple[float, float]:
        """``tr(P K)`` and ``tr(P K P K)``, P the projection that takes the trend X out: ``P = I - XX'``."""
        image = self.incidence @ (self.incidence.T @ self._trend)  # KX
        inner = self._trend.T @ image  # X'KX
        first = len(self) - float(np.trace(inner))
        return first, _squared_norm(self.incidence) - 2 * float((image**2).sum()) + float((inner**2).sum())

    def spread(self, values: Float64Array) -> Spread:
        """How much of the spread of each column is shared, for ``values`` of shape (n, m).

        With e what is left of the values without the trend, b solves ``E[e'e] = a tr(P) + b tr(PK)`` and ``E[e'Ke] =
        a tr(PK) + b tr(PKPK)``; it is 0 where it were negative, and at most what leaves a at 0. a follows from the
        deviations from the mean, ``E[e'e] = a (n - 1) + b (n - 1'K1 / n)``, so that queries with few and with many
        relevant documents may differ. K = I leaves a alone; where K is 11' nothing is known, and both are NaN.
        """
        n, columns = len(self), values - values.mean(axis=0)
        total = (columns**2).sum(axis=0)  # (m,)
        if self.is_independent:
            return Spread(self, total / max(n - 1, 1), np.zeros_like(total))
        apart = n - self.total / n  # tr(CK)
        if apart <= _SINGULAR * n:
            return Spread(self, np.full_like(total, np.nan), np.full_like(total, np.nan))
        first, second = self._traces
        rest = n - self._trend.shape[1]  # tr(P)
        columns = columns - self._trend @ (self._trend.T @ columns)
        own, shared = (columns**2).sum(axis=0), ((self.incidence.T @ columns) ** 2).sum(axis=0)  # e'e, e'Ke
        determinant = rest * second - first**2
        if determinant <= _SINGULAR * rest * second:  # what is left cannot tell shared spread from own: all is shared
            b = total / apart
        else:
            b = np.clip((rest * shared - first * own) / determinant, 0.0, total / apart)
        return Spread(self, (total - b * apart) / (n - 1), b)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """``Cov = a I + b K`` of m columns: the spread that is an observation's own, and the one that follows K."""

    dependence: Dependence
    own: Float64Array  # a, (m,)
    shared: Float64Array  # b, (m,)

    @property
    def variance_of_mean(self) -> Float64Array:
        """``(a n + b 1'K1) / n^2``, shape (m,)."""
        n = len(self.dependence)
        return (self.own * n + self.shared * self.dependence.total) / n**2

    @property
    def n_effective(self) -> Float64Array:
        """Effective number of independent observations, ``n / (1 + r (n / n_K - 1))`` with ``r = b / (a + b)``, (m,).

        Columns without spread do not say how much of it is shared; for them it is n_K.
        """
        n, n_shared = len(self.dependence), self.dependence.n_shared
        both = self.own + self.shared
        with np.errstate(invalid="ignore"):
            ratio = np.where(both > 0, self.shared / both, 1.0)
        return np.asarray(n / (1 + ratio * (n / n_shared - 1)))


def _squared_norm(incidence: csr_array) -> float:
    """``||B B'||^2`` (Frobenius), by B B' or B'B, whichever is less to multiply, a part of its rows at a time."""
    of_rows, of_columns = np.diff(incidence.indptr), np.bincount(incidence.indices, minlength=incidence.shape[1])
    matrix = incidence if (of_columns**2).sum() <= (of_rows**2).sum() else incidence.T.tocsr()
    other = matrix.T.tocsr()
    work = np.concatenate([[0], np.cumsum(abs(matrix.sign()) @ np.diff(other.indptr))])  # products of each row
    ends = np.searchsorted(work, np.arange(_CHUNK, work[-1] + _CHUNK, _CHUNK), side="right") - 1
    total, start = 0.0, 0
    for end in np.unique(np.append(ends, matrix.shape[0])):
        if end > start:
            total += float(((matrix[start:end] @ other).data ** 2).sum())
            start = int(end)
    return total
