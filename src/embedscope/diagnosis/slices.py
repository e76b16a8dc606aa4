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
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtr

from embedscope.diagnosis.query_features import Feature
from embedscope.numerics.clusters import ClusterSums
from embedscope.numerics.paired_tests import benjamini_hochberg
from embedscope.numerics.resampling import bootstrap_statistic
from embedscope.protocols import BoolArray, Float64Array, IntArray

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
_N_DRAWS = 2_000


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


def find_slices(
    values: Float64Array,
    clusters: IntArray,
    features: Sequence[Feature],
    *,
    generator: np.random.Generator,
    max_terms: int = MAX_TERMS,
    least_effect: float = LEAST_EFFECT,
) -> SliceSearch:
    """Slices on which ``values`` are lower than on the rest.

    Parameters
    ----------
    values : ndarray of shape (Q,), float64
        A metric of each query, higher is better; NaN leaves a query out.
    clusters : ndarray of shape (Q,), int64
        Queries of one cluster stay in one half.
    features : sequence of Feature
        A conjunction holds at most one feature of a family.
    generator : numpy.random.Generator
        Divides the clusters.
    max_terms : int
        Features of a conjunction at most.
    least_effect : float
        Smaller confirmed differences are not reported.

    Returns
    -------
    SliceSearch
        The slice with the strongest evidence first; slices that say the same once.
    """
    n_queries = len(values)
    known = np.flatnonzero(~np.isnan(values))
    values, clusters = values[known], clusters[known]
    features = [Feature(f.family, f.name, f.rows[known]) for f in features]
    first = _half(clusters, generator)
    halves = (_Half.of(values, clusters, first), _Half.of(values, clusters, ~first))
    masks, terms = _conjunctions(features, halves, max_terms)
    if not len(masks):
        return SliceSearch((), 0)
    p_first = halves[0].p_values(masks)
    suspicious = _suspects(p_first, masks)
    if not suspicious.size:
        return SliceSearch((), len(masks))
    p_second = benjamini_hochberg(halves[1].p_values(masks[suspicious]))
    confirmed = suspicious[p_second <= FALSE_DISCOVERIES]
    adjusted = dict(zip(suspicious.tolist(), p_second.tolist(), strict=True))
    found = [
        _measured(
            values, clusters, ~first, masks[i], tuple(features[t].name for t in terms[i]), known, adjusted[int(i)]
        )
        for i in confirmed
    ]
    worth = sorted((s for s in found if s.effect <= -least_effect), key=_priority)
    by_query = np.full(n_queries, np.nan)
    by_query[known] = values
    return SliceSearch(tuple(_distinct(worth, by_query)), len(masks))


def _suspects(p: Float64Array, masks: BoolArray) -> IntArray:
    """The slices with the smallest p on the first half; of nearly the same queries only the first."""
    chosen: list[int] = []
    for i in np.argsort(p, kind="stable"):
        if p[i] > SUSPICION or len(chosen) == N_SUSPECTS:
            break
        shared = (masks[chosen] & masks[i]).sum(axis=1) / np.maximum((masks[chosen] | masks[i]).sum(axis=1), 1)
        if not (shared >= SAME_SLICE).any():
            chosen.append(int(i))
    return np.array(chosen, dtype=np.int64)


def _half(clusters: IntArray, generator: np.random.Generator) -> BoolArray:
    """Which queries belong to the first half: half of the clusters, drawn at random."""
    labels, places = np.unique(clusters, return_inverse=True)
    is_first = np.zeros(len(labels), dtype=bool)
    is_first[generator.permutation(len(labels))[: len(labels) // 2]] = True
    return np.asarray(is_first[places], dtype=bool)


@dataclass(frozen=True, slots=True)
class _Half:
    """One half of the queries, ready to test many slices at once."""

    rows: IntArray
    values: Float64Array
    clusters: IntArray  # 0 .. C - 1
    n_clusters: int

    @classmethod
    def of(cls, values: Float64Array, clusters: IntArray, chosen: BoolArray) -> _Half:
        rows = np.flatnonzero(chosen)
        labels, places = np.unique(clusters[rows], return_inverse=True)
        return cls(rows, values[rows], places.astype(np.int64), len(labels))

    def sums(self, columns: Float64Array) -> Float64Array:
        """Sums of columns of shape (m, n_queries of the half) over clusters, shape (m, C)."""
        order = np.argsort(self.clusters, kind="stable")
        starts = np.searchsorted(self.clusters[order], np.arange(self.n_clusters))
        return np.asarray(np.add.reduceat(columns[:, order], starts, axis=1))

    def supports(self, masks: BoolArray) -> BoolArray:
        """Whether slices and their rests are large enough here, shape (m,)."""
        inside = masks[:, self.rows]
        n = inside.sum(axis=1)
        counts = self.sums(inside.astype(np.float64))
        in_clusters = (counts > 0).sum(axis=1)
        sizes = self.sums(np.ones((1, len(self.rows))))
        out_clusters = (sizes - counts > 0).sum(axis=1)
        enough = (n >= LEAST_QUERIES) & (len(self.rows) - n >= LEAST_QUERIES)
        return np.asarray(enough & (in_clusters >= LEAST_CLUSTERS) & (out_clusters >= LEAST_CLUSTERS), dtype=bool)

    def p_values(self, masks: BoolArray) -> Float64Array:
        """One-sided p of "the slice is worse than the rest", shape (m,), with the cluster-robust variance.

        ``u_c = (S_c - m n_c) / n - (S'_c - m' n'_c) / n'`` over clusters c, slice and rest (primed);
        ``var = C / (C - 1) sum_c u_c^2``; t with as many degrees of freedom as the smaller side has effective
        clusters, less one.
        """
        inside = masks[:, self.rows].astype(np.float64)
        n_in = self.sums(inside)
        s_in = self.sums(inside * self.values)
        n_out = self.sums(np.ones((1, len(self.rows)))) - n_in
        s_out = self.sums(self.values[None, :]) - s_in
        total_in, total_out = n_in.sum(axis=1, keepdims=True), n_out.sum(axis=1, keepdims=True)
        mean_in, mean_out = s_in.sum(axis=1, keepdims=True) / total_in, s_out.sum(axis=1, keepdims=True) / total_out
        influence = (s_in - mean_in * n_in) / total_in - (s_out - mean_out * n_out) / total_out
        variance = self.n_clusters / (self.n_clusters - 1) * (influence**2).sum(axis=1)
        difference = (mean_in - mean_out).ravel()
        freedom = np.maximum(np.minimum(_effective(n_in), _effective(n_out)) - 1, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = difference / np.sqrt(variance)
        return np.where(variance > 1e-18, stdtr(freedom, t), 1.0)


def _effective(counts: Float64Array) -> Float64Array:
    """Effective number of clusters, ``(sum n)^2 / sum n^2`` (Kish 1965), of each row."""
    return np.asarray(counts.sum(axis=1) ** 2 / np.maximum((counts**2).sum(axis=1), 1e-12))


def _conjunctions(
    features: Sequence[Feature], halves: tuple[_Half, _Half], max_terms: int
) -> tuple[BoolArray, list[tuple[int, ...]]]:
    """Masks (m, Q) of every conjunction that is large enough in both halves, and the features of each.

    A conjunction too small stays too small with one more term, so it is not extended.
    """
    kept_masks: list[BoolArray] = []
    kept_terms: list[tuple[int, ...]] = []
    level: list[tuple[tuple[int, ...], BoolArray]] = [((i,), feature.rows) for i, feature in enumerate(features)]
    for n_terms in range(1, max_terms + 1):
        if not level:
            break
        masks = np.array([mask for _, mask in level])
        large = np.flatnonzero(halves[0].supports(masks) & halves[1].supports(masks))
        kept_masks += [masks[i] for i in large]
        kept_terms += [level[i][0] for i in large]
        if n_terms < max_terms:
            level = list(_extended([level[i] for i in large], features))
    return np.array(kept_masks, dtype=bool), kept_terms


def _extended(
    level: Sequence[tuple[tuple[int, ...], BoolArray]], features: Sequence[Feature]
) -> Iterator[tuple[tuple[int, ...], BoolArray]]:
    single = sorted({term for terms, _ in level for term in terms})
    known = {terms for terms, _ in level}
    for terms, mask in level:
        families = {features[t].family for t in terms}
        for more in single:
            if more <= terms[-1] or features[more].family in families:
                continue
            grown = (*terms, more)
            if len(terms) > 1 and not all(part in known for part in combinations(grown, len(terms))):
                continue
            extended = mask & features[more].rows
            if extended.sum() < mask.sum():  # a term that removes no query says nothing new
                yield grown, extended


def _measured(
    values: Float64Array,
    clusters: IntArray,
    half: BoolArray,
    mask: BoolArray,
    terms: tuple[str, ...],
    known: IntArray,
    p: float,
) -> Slice:
    rows = np.flatnonzero(half)
    inside = mask[rows].astype(np.float64)
    columns = np.column_stack([inside * values[rows], inside, (1 - inside) * values[rows], 1 - inside])
    sums = ClusterSums.of(columns, clusters[rows])
    (found,) = bootstrap_statistic(sums, _difference_of_means, generator=np.random.default_rng(0), n_draws=_N_DRAWS)
    worst_first = np.flatnonzero(mask)[np.argsort(values[mask], kind="stable")]
    return Slice(
        terms=terms,
        rows=known[worst_first],
        effect=float(found.value or 0.0),
        low=found.low,
        high=found.high,
        p=p,
        mean=float(values[mask].mean()),
        rest=float(values[~mask].mean()),
    )


def _difference_of_means(sums: Float64Array) -> Float64Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
    return np.where(np.isfinite(difference), difference, np.nan)[:, None]


def _priority(found: Slice) -> tuple[float, int]:
    """Evidence first: effect times the root of the size; of two alike the one with fewer terms."""
    return (found.effect * math.sqrt(len(found.rows)), len(found.terms))


def _distinct(slices: Sequence[Slice], values: Float64Array) -> Iterator[Slice]:
    """At most :data:`MAX_REPORTED` slices, each of which says something that those before it do not.

    A slice of nearly the same queries says nothing new; nor does one whose other queries are hardly worse than the
    rest, as where "a and b" is bad and "a" is so for that reason alone; nor a part of one, unless it is half as bad
    again.
    """
    kept: list[Slice] = []
    for one in slices:
        if len(kept) == MAX_REPORTED:
            return
        if not any(_is_told_by(other, one, values) for other in kept):
            kept.append(one)
            yield one


def _is_told_by(other: Slice, one: Slice, values: Float64Array) -> bool:
    own, theirs = set(one.rows.tolist()), set(other.rows.tolist())
    left = np.array(sorted(own - theirs), dtype=np.int64)
    if len(own & theirs) >= SAME_SLICE * len(own | theirs):
        return True
    if len(own & theirs) < (1 - SAME_SLICE) * len(own):
        return False
    if len(left) < LEAST_QUERIES:
        return one.effect > 1.5 * other.effect
    return float(values[left].mean()) - one.rest > (one.mean - one.rest) / 2
