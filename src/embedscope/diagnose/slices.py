"""Slices: groups of queries on which the model is worse than on the rest, found on one half and confirmed on the other.

A search over hundreds of groups always finds a bad one. So the clusters of queries are divided at random: on one half
every slice is tried and the most suspicious few are noted; on the other half Benjamini-Hochberg is run over all slices
tried, weighted by the first half: a noted slice weighs ``tried / noted`` and the others nothing. The halves are
independent, so where no slice differs one is reported in at most 5 % of runs. The effect is that of the second half,
and so not flattered by the choice.

Sources
-------
Chung et al., "Slice Finder", ICDE 2019: conjunctions of literals, effect against the rest, control of discoveries.
Benjamini & Hochberg, JRSS B 57 (1995); Genovese, Roeder & Wasserman, Biometrika 93 (2006): with weights.
Liang & Zeger, Biometrika 73 (1986): the variance of a difference of means over clusters.
Searle, Casella & McCulloch, "Variance Components" (1992), section 3.6: the two components, from unequal clusters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtr

from embedscope.diagnose.query_features import Feature
from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.stats.paired_tests import benjamini_hochberg
from embedscope.stats.resampler import Resampler, Stream

MAX_TERMS = 3
LEAST_QUERIES = 20
LEAST_CLUSTERS = 8
"""In each half: the test compares means over clusters, and fewer have no reliable variance."""

FALSE_DISCOVERIES = 0.05
SUSPICION = 0.05
N_SUSPECTS = 8
"""Level of the first half, and how many slices it passes on at most. Either costs power only, never validity."""

LEAST_EFFECT = 0.05
"""A difference of the metric that a person would act on."""

SAME_SLICE = 0.7
"""Jaccard similarity of the queries of two slices from which they tell the same story."""

MAX_REPORTED = 5
_NO_SPREAD = 1e-18  # of a variance: below it is rounding
_BLOCK_CELLS = 1 << 20
"""Queries times slices tested at once: masks of one byte, and sums of eight."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A confirmed slice: its terms, its queries, and the difference of the metric, slice minus rest.

    ``effect``, ``low``, ``high`` and ``p`` (adjusted) are of the confirming half; ``mean`` and ``rest`` of all queries.
    """

    terms: tuple[str, ...]
    rows: IntArray
    effect: float
    low: float | None
    high: float | None
    p: float
    mean: float
    rest: float

    @property
    def name(self) -> str:
        """The terms in words: "queries typed without diacritics and with digits"."""
        return "queries " + " and ".join(self.terms)


@dataclass(frozen=True, slots=True)
class SliceSearch:
    """What was found, and how many slices were tried for it."""

    slices: tuple[Slice, ...]
    n_tried: int


def find_slices(values: Float64Array, features: Sequence[Feature], resampler: Resampler) -> SliceSearch:
    """Slices on which ``values`` are lower than on the rest, by :data:`LEAST_EFFECT` at least.

    Parameters
    ----------
    values : ndarray of shape (Q,), float64
        A metric of each query, higher is better; NaN leaves a query out.
    features : sequence of Feature
        A conjunction holds at most :data:`MAX_TERMS` of them, and one of a family.
    resampler : Resampler
        Of the clusters of these queries, which it divides into halves.

    Returns
    -------
    SliceSearch
        The slice with the strongest evidence first; slices that say the same once.
    """
    n_queries = len(values)
    known = np.flatnonzero(~np.isnan(values))
    values, resampler = values[known], resampler.among(known)
    features = [Feature(f.family, f.name, f.rows[known]) for f in features]
    first = resampler.on(Stream.SLICES).half()
    halves = (_Half.of(values, resampler.clusters, first), _Half.of(values, resampler.clusters, ~first))
    tried = _conjunctions(features, halves)
    if not len(tried):
        return SliceSearch((), 0)
    suspicious = _suspects(np.concatenate([halves[0].p_values(masks) for masks in tried.blocks()]), tried)
    if not suspicious:
        return SliceSearch((), len(tried))
    masks = np.array([tried.mask(i) for i in suspicious])
    p_second = benjamini_hochberg(halves[1].p_values(masks))
    found = [
        _measured(values, resampler, ~first, mask, tried.names(i), known, float(p))
        for i, mask, p in zip(suspicious, masks, p_second, strict=True)
        if p <= FALSE_DISCOVERIES
    ]
    # Evidence first: effect times the root of the size; of two alike the one with fewer terms.
    found = sorted(found, key=lambda one: (one.effect * math.sqrt(len(one.rows)), len(one.terms)))
    by_query = np.full(n_queries, np.nan)
    by_query[known] = values
    return SliceSearch(tuple(_distinct([one for one in found if one.effect <= -LEAST_EFFECT], by_query)), len(tried))


@dataclass(frozen=True, slots=True)
class _Conjunctions:
    """Conjunctions by the places of their features; a mask is made where it is used, for there are many thousands."""

    features: Sequence[Feature]
    terms: Sequence[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.terms)

    def mask(self, place: int) -> BoolArray:
        """Which queries a conjunction holds, shape (Q,)."""
        first, *more = self.terms[place]
        mask = self.features[first].rows
        for term in more:
            mask = mask & self.features[term].rows
        return mask

    def blocks(self) -> Iterator[BoolArray]:
        """Masks of all conjunctions in their order, in blocks of shape (b, Q)."""
        n_queries = len(self.features[0].rows) if self.features else 1
        size = max(1, _BLOCK_CELLS // max(n_queries, 1))
        for start in range(0, len(self), size):
            yield np.array([self.mask(i) for i in range(start, min(start + size, len(self)))])

    def where(self, holds: Callable[[BoolArray], BoolArray]) -> _Conjunctions:
        """Those whose masks pass."""
        passed = np.concatenate([np.zeros(0, dtype=bool), *map(holds, self.blocks())])
        return _Conjunctions(self.features, [self.terms[i] for i in np.flatnonzero(passed).tolist()])

    def names(self, place: int) -> tuple[str, ...]:
        """The names of the features of a conjunction."""
        return tuple(self.features[term].name for term in self.terms[place])


def _suspects(p: Float64Array, tried: _Conjunctions) -> list[int]:
    """The slices with the smallest p on the first half; of nearly the same queries only the first."""
    chosen: list[int] = []
    kept: list[BoolArray] = []
    for i in np.argsort(p, kind="stable").tolist():
        if p[i] > SUSPICION or len(chosen) == N_SUSPECTS:
            break
        mask = tried.mask(i)
        if not any((mask & other).sum() >= SAME_SLICE * (mask | other).sum() for other in kept):
            chosen.append(i)
            kept.append(mask)
    return chosen


@dataclass(frozen=True, slots=True)
class _Half:
    """One half of the queries, ready to test many slices at once; those of a cluster stand together."""

    rows: IntArray
    values: Float64Array
    starts: IntArray  # (C,) where each cluster begins
    sizes: Float64Array  # (C,)
    sums: Float64Array  # (C,) of the values
    components: tuple[float, float]  # variance between clusters, and within them

    @classmethod
    def of(cls, values: Float64Array, clusters: IntArray, chosen: BoolArray) -> _Half:
        rows = np.flatnonzero(chosen)
        rows = rows[np.argsort(clusters[rows], kind="stable")]
        starts, sizes = np.unique(clusters[rows], return_index=True, return_counts=True)[1:]
        sums = np.add.reduceat(values[rows], starts) if rows.size else np.zeros(0)
        components = _variance_components(values[rows], sums, sizes.astype(np.float64))
        return cls(rows, values[rows], starts, sizes.astype(np.float64), sums, components)

    def _over_clusters(self, columns: BoolArray | Float64Array) -> Float64Array:
        """Sums of columns of shape (m, n_queries of the half) over clusters, shape (m, C)."""
        return np.asarray(np.add.reduceat(columns, self.starts, axis=1, dtype=np.float64))

    def supports(self, masks: BoolArray) -> BoolArray:
        """Whether slices and their rests are large enough here, shape (m,)."""
        if not self.rows.size:
            return np.zeros(len(masks), dtype=bool)
        counts = self._over_clusters(masks[:, self.rows])
        n = counts.sum(axis=1)
        in_clusters, out_clusters = (counts > 0).sum(axis=1), (counts < self.sizes).sum(axis=1)
        enough = (n >= LEAST_QUERIES) & (len(self.rows) - n >= LEAST_QUERIES)
        return np.asarray(enough & (in_clusters >= LEAST_CLUSTERS) & (out_clusters >= LEAST_CLUSTERS), dtype=bool)

    def p_values(self, masks: BoolArray) -> Float64Array:
        """One-sided p of "the slice is worse than the rest", shape (m,), with the larger of two variances.

        The cluster-robust one: ``u_c = (S_c - m n_c) / n - (S'_c - m' n'_c) / n'`` over clusters c, slice and rest
        (primed), ``C / (C - 1) sum_c u_c^2``. It sees no spread in a slice that fails without exception, and would
        then be none, or that of the rest. So it is at least what it would be if slice and rest were alike:
        ``b sum_c (n_c / n - n'_c / n')^2 + w (1 / n + 1 / n')`` with the variances b between clusters and w within
        them of all queries. Student's t with as many degrees of freedom as the smaller side has effective clusters,
        less one. Where all values are equal there is no difference: 1.
        """
        inside = masks[:, self.rows]
        n_in, s_in = self._over_clusters(inside), self._over_clusters(np.where(inside, self.values, 0.0))
        n_out, s_out = self.sizes - n_in, self.sums - s_in
        total_in, total_out = n_in.sum(axis=1, keepdims=True), n_out.sum(axis=1, keepdims=True)
        mean_in, mean_out = s_in.sum(axis=1, keepdims=True) / total_in, s_out.sum(axis=1, keepdims=True) / total_out
        influence = (s_in - mean_in * n_in) / total_in - (s_out - mean_out * n_out) / total_out
        robust = len(self.sizes) / (len(self.sizes) - 1) * (influence**2).sum(axis=1)
        between, within = self.components
        alike = between * ((n_in / total_in - n_out / total_out) ** 2).sum(axis=1)
        alike += within * (1 / total_in + 1 / total_out).ravel()
        variance = np.maximum(robust, alike)
        freedom = np.maximum(np.minimum(_effective(n_in), _effective(n_out)) - 1, 1.0)
        has_spread = variance > _NO_SPREAD
        t = (mean_in - mean_out).ravel() / np.sqrt(np.where(has_spread, variance, 1.0))
        return np.where(has_spread, stdtr(freedom, t), 1.0)


def _variance_components(values: Float64Array, sums: Float64Array, sizes: Float64Array) -> tuple[float, float]:
    """Variance between clusters and within them, by the analysis of variance of unequal clusters.

    ``w = SSW / (n - C)``, ``b = max(0, (SSB / (C - 1) - w) / n0)``, ``n0 = (n - sum n_c^2 / n) / (C - 1)`` (Searle,
    Casella & McCulloch 1992). Where every query stands alone all variance counts as within.
    """
    n, n_clusters = len(values), len(sizes)
    if n_clusters < 2:
        return 0.0, 0.0
    total = float(((values - values.mean()) ** 2).sum())
    among = float((sizes * (sums / sizes - values.mean()) ** 2).sum())
    if n == n_clusters:
        return 0.0, total / (n - 1)
    within = max(total - among, 0.0) / (n - n_clusters)
    typical = (n - float((sizes**2).sum()) / n) / (n_clusters - 1)
    return max(0.0, (among / (n_clusters - 1) - within) / typical), within


def _effective(counts: Float64Array) -> Float64Array:
    """Effective number of clusters, ``(sum n)^2 / sum n^2`` (Kish 1965), of each row."""
    return np.asarray(counts.sum(axis=1) ** 2 / np.maximum((counts**2).sum(axis=1), 1e-12))


def _conjunctions(features: Sequence[Feature], halves: tuple[_Half, _Half]) -> _Conjunctions:
    """Every conjunction that is large enough in both halves.

    A conjunction too small stays too small with one more term, so it is not extended.
    """

    def is_large(masks: BoolArray) -> BoolArray:
        return halves[0].supports(masks) & halves[1].supports(masks)

    level = _Conjunctions(features, [(i,) for i in range(len(features))]).where(is_large)
    kept = [*level.terms]
    for _ in range(MAX_TERMS - 1):
        level = _extended(level).where(is_large)
        kept += level.terms
    return _Conjunctions(features, kept)


def _extended(level: _Conjunctions) -> _Conjunctions:
    """The conjunctions of ``level`` with one term more, of another family, that removes queries."""
    grown: list[tuple[int, ...]] = []
    single, known = sorted({term for terms in level.terms for term in terms}), set(level.terms)
    for place, terms in enumerate(level.terms):
        families = {level.features[t].family for t in terms}
        more = [t for t in single if t > terms[-1] and level.features[t].family not in families]
        if len(terms) > 1:
            more = [t for t in more if all(part in known for part in combinations((*terms, t), len(terms)))]
        mask = level.mask(place)
        # A term that removes no query says nothing new.
        grown += [(*terms, t) for t in more if (mask & ~level.features[t].rows).any()]
    return _Conjunctions(level.features, grown)


def _measured(
    values: Float64Array,
    resampler: Resampler,
    half: BoolArray,
    mask: BoolArray,
    terms: tuple[str, ...],
    known: IntArray,
    p: float,
) -> Slice:
    rows = np.flatnonzero(half)
    found = resampler.among(rows).contrast(values[rows], mask[rows])
    worst_first = np.flatnonzero(mask)[np.argsort(values[mask], kind="stable")]
    return Slice(
        terms=terms,
        rows=known[worst_first],
        effect=found.value or 0.0,
        low=found.low,
        high=found.high,
        p=p,
        mean=float(values[mask].mean()),
        rest=float(values[~mask].mean()),
    )


def _distinct(slices: Sequence[Slice], values: Float64Array) -> list[Slice]:
    """At most :data:`MAX_REPORTED` slices, each of which says something that those before it do not.

    A slice of nearly the same queries says nothing new; nor does one whose other queries are hardly worse than the
    rest, as where "a and b" is bad and "a" is so for that reason alone; nor a part of one, unless it is half as bad
    again.
    """
    kept: list[Slice] = []
    for one in slices:
        if len(kept) < MAX_REPORTED and not any(_is_covered_by(other, one, values) for other in kept):
            kept.append(one)
    return kept


def _is_covered_by(other: Slice, one: Slice, values: Float64Array) -> bool:
    own, theirs = set(one.rows.tolist()), set(other.rows.tolist())
    left = np.array(sorted(own - theirs), dtype=np.int64)
    if len(own & theirs) >= SAME_SLICE * len(own | theirs):
        return True
    if len(own & theirs) < (1 - SAME_SLICE) * len(own):
        return False
    if len(left) < LEAST_QUERIES:
        return one.effect > 1.5 * other.effect
    return float(values[left].mean()) - one.rest > (one.mean - one.rest) / 2
