"""Positive, negative and hard-negative similarities as findings (conventions, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.analysis.intervals import Resampler
from embedscope.analysis.scoring import Scores
from embedscope.diagnosis.typed_negatives import NegativePairs
from embedscope.findings import Distribution, Figure, Similarity
from embedscope.numerics.distributions import (
    auc_from_histograms,
    histogram_quantile,
    mean_and_std,
    overlap_coefficient,
)
from embedscope.numerics.judgments import Judgments
from embedscope.numerics.pair_sums import per_query_sums
from embedscope.numerics.resampling import margin_and_separation, ratio_of_sums
from embedscope.numerics.streaming import PowerSums, bin_edges, histogram_of_values
from embedscope.protocols import Float32Array, Float64Array, IntArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_DENSITY_BINS = 100
"""Bins of the densities that are drawn, over the range of the data."""

N_SUBSAMPLED = 512
"""Documents of each query that the intervals of AUC and overlap rest on; their values rest on all."""

N_COARSE_BINS = 40


@dataclass(frozen=True, slots=True)
class PairSums:
    """Per query: number, sum and sum of squares of positive and of all other similarities; columns of shape (Q,)."""

    positive: tuple[Float64Array, Float64Array, Float64Array]
    negative: tuple[Float64Array, Float64Array, Float64Array]


def pair_sums(queries: Float32Array, documents: Float32Array, scores: Scores) -> PairSums:
    """Sums over positive pairs, and over all other pairs in closed form (no pair is formed)."""
    judged = scores.judgments
    n, values = len(queries), scores.pair_scores
    rows = judged.query_of_pair
    n_positive = judged.n_relevant.astype(np.float64)
    total: Float64Array = np.bincount(rows, weights=values, minlength=n).astype(np.float64)
    squares: Float64Array = np.bincount(rows, weights=values**2, minlength=n).astype(np.float64)
    all_total, all_squares = per_query_sums(queries, documents)
    negative = (len(documents) - n_positive, all_total - total, all_squares - squares)
    return PairSums((n_positive, total, squares), negative)


def measure_similarity(
    queries: Float32Array,
    documents: Float32Array,
    scores: Scores,
    negatives: NegativePairs | None,
    resampler: Resampler,
) -> Similarity:
    """All similarity figures of a collection, with intervals."""
    sums = pair_sums(queries, documents, scores)
    positive_bins = histogram_of_values(scores.pair_scores, len(scores.histogram))
    negative_bins = scores.histogram
    hard_bins = histogram_of_values(negatives.scores, len(scores.histogram)) if negatives is not None else None
    edges, width = _shared_edges(positive_bins + negative_bins)
    margin, separation, d_prime = resampler.statistic(
        np.column_stack([*sums.positive, *sums.negative]), margin_and_separation
    )
    auc, overlap = _auc_and_overlap(queries, documents, scores, positive_bins, negative_bins, resampler)
    return Similarity(
        edges=edges,
        positive=_distribution(scores.pair_scores, positive_bins, edges, width),
        negative=_distribution_of_sums(sums.negative, negative_bins, edges, width),
        hard_negative=None
        if negatives is None or hard_bins is None or not len(negatives.scores)
        else _distribution(negatives.scores, hard_bins, edges, width),
        margin=margin,
        separation=_explained(separation, "the similarities have no spread"),
        auc=auc,
        overlap=overlap,
        d_prime=_explained(d_prime, "the similarities have no spread"),
        diagonal=_diagonal(sums, resampler),
        off_diagonal=_off_diagonal(queries, documents, scores, sums, resampler),
        gap=_gap(scores, resampler),
    )


def distribution_of(values: Float64Array, edges: Float64Array, n_bins: int) -> Distribution:
    """The distribution of some similarities on given density edges, from a histogram of ``n_bins`` over [-1, 1]."""
    width = round((edges[1] - edges[0]) * n_bins / 2)
    return _distribution(values, histogram_of_values(values, n_bins), edges, width)


def _explained(figure: Figure, reason: str) -> Figure:
    return figure if figure.value is not None else Figure.absent(reason)


def _diagonal(sums: PairSums, resampler: Resampler) -> Figure:
    n, total, _ = sums.positive
    return resampler.means({"diagonal": total / n}, bounds=None)["diagonal"]


def _off_diagonal(
    queries: Float32Array, documents: Float32Array, scores: Scores, sums: PairSums, resampler: Resampler
) -> Figure:
    """Mean similarity of a query to the positives of other queries: the off-diagonal of the original heatmap."""
    positives = np.unique(scores.judgments.documents)
    total, _ = per_query_sums(queries, documents[positives])
    n_others = len(positives) - sums.positive[0]
    if not n_others.any():
        return Figure.absent("every query shares all positives, so there is no off-diagonal")
    (figure,) = resampler.statistic(np.column_stack([total - sums.positive[1], n_others]), ratio_of_sums)
    return figure


def _gap(scores: Scores, resampler: Resampler) -> Figure:
    if scores.top_scores.shape[1] < 2:
        return Figure.absent("there is only one document")
    gap = (scores.top_scores[:, 0] - scores.top_scores[:, 1]).astype(np.float64)
    return resampler.means({"gap": gap}, bounds=None)["gap"]


def _shared_edges(histogram: IntArray) -> tuple[Float64Array, int]:
    """Edges of about 100 equal bins, each a whole number of fine bins, over the range that holds data; bin width."""
    occupied = np.flatnonzero(histogram)
    first, last = int(occupied[0]), int(occupied[-1]) + 1
    width = max(1, -(-(last - first) // N_DENSITY_BINS))
    start = first - first % width
    n_bins = -(-(last - start) // width)
    return -1.0 + 2.0 * (start + width * np.arange(n_bins + 1)) / len(histogram), width


def _density(histogram: IntArray, edges: Float64Array, width: int) -> Float64Array:
    start = round((edges[0] + 1.0) * len(histogram) / 2)
    n_bins = len(edges) - 1
    part = np.zeros(n_bins * width)
    own = histogram[start : start + n_bins * width]
    part[: len(own)] = own
    counts = part.reshape(n_bins, width).sum(axis=1)
    density: Float64Array = counts / max(counts.sum(), 1) / (edges[1] - edges[0])
    return density


def _distribution(values: Float64Array, histogram: IntArray, edges: Float64Array, width: int) -> Distribution:
    return Distribution(
        n=len(values),
        mean=float(values.mean()),
        std=float(values.std()),
        quantiles={f"{q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)},
        density=_density(histogram, edges, width),
    )


def _distribution_of_sums(
    sums: tuple[Float64Array, Float64Array, Float64Array], histogram: IntArray, edges: Float64Array, width: int
) -> Distribution:
    n, total, squares = (float(column.sum()) for column in sums)
    mean, std = mean_and_std(PowerSums(int(n), total, squares))
    fine = bin_edges(len(histogram))
    return Distribution(
        n=int(n),
        mean=mean,
        std=std,
        quantiles={f"{q:g}": histogram_quantile(histogram, fine, q) for q in QUANTILES},
        density=_density(histogram, edges, width),
    )


def _auc_and_overlap(
    queries: Float32Array,
    documents: Float32Array,
    scores: Scores,
    positive_bins: IntArray,
    negative_bins: IntArray,
    resampler: Resampler,
) -> tuple[Figure, Figure]:
    """AUC and overlap from all pairs; their intervals from coarse histograms of a random part of the documents.

    A histogram of all N documents for each query would be as large as the matrix, so that resampling rests on 512
    documents a query (all of them in a small corpus). Its interval is moved to the exact value.
    """
    if not negative_bins.sum():
        absent = Figure.absent("there is no negative pair")
        return absent, absent
    values = (
        auc_from_histograms(positive_bins, negative_bins),
        overlap_coefficient(positive_bins, negative_bins, bin_edges(len(positive_bins))),
    )
    columns = _coarse_histograms(queries, documents, scores, positive_bins + negative_bins, resampler)
    coarse = resampler.statistic(columns, auc_and_overlap, bounds=(0.0, 1.0))
    first, second = (_moved(f, v) for f, v in zip(coarse, values, strict=True))
    return first, second


def _moved(coarse: Figure, exact: Figure) -> Figure:
    if exact.value is None or coarse.value is None or coarse.low is None or coarse.high is None:
        return exact
    shift = exact.value - coarse.value
    return Figure(exact.value, max(coarse.low + shift, 0.0), min(coarse.high + shift, 1.0))


def auc_and_overlap(sums: Float64Array) -> Float64Array:
    """AUC and overlap coefficient of rows of counts: first half of the columns positive, second half negative bins.

    ``AUC = sum_b p_b (sum_{c<b} n_c + n_b / 2)``, ``overlap = sum_b min(p_b, n_b)`` for shares p and n.

    Returns
    -------
    ndarray of shape (n_samples, 2), float64; NaN where a side is empty
    """
    half = sums.shape[1] // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        p = sums[:, :half] / sums[:, :half].sum(axis=1, keepdims=True)
        n = sums[:, half:] / sums[:, half:].sum(axis=1, keepdims=True)
    auc = (p * (np.cumsum(n, axis=1) - n / 2)).sum(axis=1)
    return np.column_stack([auc, np.minimum(p, n).sum(axis=1)])


def _coarse_histograms(
    queries: Float32Array, documents: Float32Array, scores: Scores, histogram: IntArray, resampler: Resampler
) -> Float64Array:
    """Counts of positive and of negative similarities of each query in coarse bins, shape (Q, 2 * bins)."""
    edges, _ = _shared_edges(histogram)
    cuts = edges[1:-1][:: max(1, (len(edges) - 2) // N_COARSE_BINS)]
    n_bins, n, judged = len(cuts) + 1, len(queries), scores.judgments
    positive = np.zeros((n, n_bins))
    np.add.at(positive, (judged.query_of_pair, np.searchsorted(cuts, scores.pair_scores)), 1.0)
    drawn = np.sort(resampler.generator().permutation(len(documents))[:N_SUBSAMPLED])
    place = np.full(len(documents), -1, dtype=np.int64)
    place[drawn] = np.arange(len(drawn))
    negative = np.zeros((n, n_bins))
    for start in range(0, n, 1024):
        block = queries[start : start + 1024] @ documents[drawn].T  # (q, 512)
        block[_is_relevant(place, judged, start, len(block))] = np.nan  # sorts behind the last cut: counted apart
        bins = np.where(np.isnan(block), n_bins, np.searchsorted(cuts, block))
        flat = (np.arange(len(block))[:, None] * (n_bins + 1) + bins).ravel()
        counts = np.bincount(flat, minlength=len(block) * (n_bins + 1)).reshape(len(block), n_bins + 1)
        negative[start : start + len(block)] = counts[:, :n_bins]
    return np.hstack([positive, negative])


def _is_relevant(place: IntArray, judged: Judgments, start: int, size: int) -> tuple[IntArray, IntArray]:
    """Cells (row, column) of a block of queries that hold relevant documents; ``place`` maps documents to columns."""
    own = slice(judged.indptr[start], judged.indptr[start + size])
    columns = place[judged.documents[own]]
    rows = judged.query_of_pair[own] - start
    return rows[columns >= 0], columns[columns >= 0]
