"""Positive, negative and hard-negative similarities (conventions, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.errors import TooFewPointsError
from embedscope.measure.distributions import (
    N_OVERLAP_BINS,
    SMALLEST_STD,
    auc_from_histograms,
    density_edges,
    distribution_of,
    distribution_of_sums,
    overlap_coefficient,
)
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.scoring import Scores, gaps
from embedscope.metrics.histograms import bin_numbers, histogram_of_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import Distribution, Estimate, Similarity
from embedscope.stats.bootstrap import margin_and_separation, ratio_of_sums
from embedscope.stats.resampler import UNIT, Resampler

N_SUBSAMPLED = 512
"""Documents that the intervals of AUC and overlap rest on; their values rest on all."""

N_POSITIVES_FOR_OVERLAP = 500
"""Fewer leave many of the 0.01 bins empty, so that the overlap lies too low by more than its interval is wide: in 300
simulated test sets of 40 positives the interval never held the true overlap, in 80 of 600 positives 75 times."""

QUERY_CHUNK = 1024
"""Queries scored against these documents at once."""


@dataclass(frozen=True, slots=True)
class PairSums:
    """Per query: number, sum and sum of squares of positive and of all other similarities; columns of shape (Q,)."""

    positive: tuple[Float64Array, Float64Array, Float64Array]
    negative: tuple[Float64Array, Float64Array, Float64Array]


@dataclass(frozen=True, slots=True, eq=False)
class DocumentSummary:
    """What the similarity figures need of the documents, whatever their number.

    ``total`` and ``gram`` are the sum of all rows and D'D; ``relevant`` the distinct relevant rows; ``sample`` the rows
    ``drawn`` (ascending) that the intervals of AUC and overlap rest on.
    """

    n: int
    total: Float64Array  # (dim,)
    gram: Float64Array  # (dim, dim)
    relevant: Float32Array  # (R, dim)
    drawn: IntArray  # (S,)
    sample: Float32Array  # (S, dim)

    @classmethod
    def of(cls, documents: Float32Array, judgments: Judgments, resampler: Resampler) -> DocumentSummary:
        """The summary of documents in memory."""
        total, gram = sum_and_gram(documents)
        drawn = resampler.sample(len(documents), N_SUBSAMPLED)
        return cls(len(documents), total, gram, documents[np.unique(judgments.documents)], drawn, documents[drawn])


def pair_sums(queries: Float32Array, documents: DocumentSummary, scores: Scores) -> PairSums:
    """Sums over positive pairs, and over all other pairs in closed form (no pair is formed)."""
    judgments = scores.judgments
    n, values = len(queries), scores.pair_scores
    rows = judgments.query_of_pair
    n_positive = judgments.n_relevant.astype(np.float64)
    total: Float64Array = np.bincount(rows, weights=values, minlength=n).astype(np.float64)
    squares: Float64Array = np.bincount(rows, weights=values**2, minlength=n).astype(np.float64)
    all_total, all_squares = sums_from_moments(queries, documents.total, documents.gram)
    negative = (documents.n - n_positive, all_total - total, all_squares - squares)
    return PairSums((n_positive, total, squares), negative)


def measure_similarity(
    queries: Float32Array,
    documents: Float32Array | DocumentSummary,
    scores: Scores,
    negatives: NegativePairs | None,
    resampler: Resampler,
) -> Similarity:
    """All similarity figures of a collection, with intervals.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32
    documents : ndarray of shape (N, dim), float32; or DocumentSummary
        The summary of documents that are too many to be held.
    scores : Scores
        Of these queries over these documents.
    negatives : NegativePairs or None
        Hard negatives, where the data has any.

    Raises
    ------
    TooFewPointsError
        If no document is a negative of any query.
    """
    if not isinstance(documents, DocumentSummary):
        documents = DocumentSummary.of(documents, scores.judgments, resampler)
    sums = pair_sums(queries, documents, scores)
    if not sums.negative[0].any():
        raise TooFewPointsError(
            f"each of the {documents.n:,} documents is relevant to every query, so that there is nothing to tell "
            f"apart. Add documents that are not relevant: hard negatives, or the rest of the corpus."
        )
    bound, negative_bins = scores.bound, scores.histogram
    n_bins = len(negative_bins)
    positive_bins = histogram_of_values(scores.pair_scores, n_bins, bound)
    edges = density_edges(positive_bins + negative_bins, bound)
    positive = distribution_of(scores.pair_scores, edges, n_bins, bound)
    n, total, squares = (float(column.sum()) for column in sums.negative)
    negative = distribution_of_sums(int(n), total, squares, negative_bins, edges, bound)
    margin, separation, d_prime = _margin_and_separation(sums, positive, negative, bound, resampler)
    auc, overlap = _auc_and_overlap(queries, documents, scores, positive_bins, negative_bins, resampler)
    return Similarity(
        edges=edges,
        positive=positive,
        negative=negative,
        hard_negative=None if negatives is None else distribution_of(negatives.scores, edges, n_bins, bound),
        margin=margin,
        separation=separation,
        auc=auc,
        overlap=overlap,
        d_prime=d_prime,
        diagonal=resampler.means({"diagonal": sums.positive[1] / sums.positive[0]}, bounds=None)["diagonal"],
        off_diagonal=_off_diagonal(queries, documents, sums, resampler),
        gap=_gap(scores, resampler),
        bound=bound,
    )


def _margin_and_separation(
    sums: PairSums, positive: Distribution, negative: Distribution, bound: float, resampler: Resampler
) -> tuple[Estimate, Estimate, Estimate]:
    """Margin, separation and d'; the last two are absent where the similarities have no spread but rounding."""
    columns = np.column_stack([*sums.positive, *sums.negative])
    margin, separation, d_prime = resampler.statistic(columns, margin_and_separation)
    if max(positive.std, negative.std) < SMALLEST_STD * bound:
        absent = Estimate.absent("all positives are equal and all negatives are equal, so that there is no spread")
        return margin, absent, absent
    return margin, separation, d_prime


def _off_diagonal(queries: Float32Array, documents: DocumentSummary, sums: PairSums, resampler: Resampler) -> Estimate:
    """Mean similarity of a query to the positives of other queries: the off-diagonal of the original heatmap."""
    total, _ = sums_from_moments(queries, *sum_and_gram(documents.relevant))
    n_others = len(documents.relevant) - sums.positive[0]
    if not n_others.any():
        return Estimate.absent("every query shares all positives, so there is no off-diagonal")
    (figure,) = resampler.statistic(np.column_stack([total - sums.positive[1], n_others]), ratio_of_sums)
    return figure


def _gap(scores: Scores, resampler: Resampler) -> Estimate:
    gap = gaps(scores)
    if np.isnan(gap).all():
        return Estimate.absent("there is only one document")
    return resampler.means({"gap": gap}, bounds=None)["gap"]


def _auc_and_overlap(
    queries: Float32Array,
    documents: DocumentSummary,
    scores: Scores,
    positive_bins: IntArray,
    negative_bins: IntArray,
    resampler: Resampler,
) -> tuple[Estimate, Estimate]:
    """AUC and overlap from all pairs, with intervals by their influence functions.

    To first order both are a mean over positives plus a mean over negatives, up to a constant. For the AUC each
    positive counts the share of negatives below it and each negative the share of positives above it, half for the
    same bin (the placement values of DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988); for the overlap each pair
    counts 1 where the density of its own population is the lower one. So four sums a query stand for its whole
    histogram, and resampling them costs as little as resampling a mean.
    """
    exact = (
        auc_from_histograms(positive_bins, negative_bins),
        overlap_coefficient(positive_bins, negative_bins),
    )
    tables = _placements(positive_bins, negative_bins), _lower_sides(positive_bins, negative_bins)
    positive = np.array([of_positive for of_positive, _ in tables])  # (2, bins)
    negative = np.array([of_negative for _, of_negative in tables])
    columns = np.column_stack(
        [
            _positive_sums(positive, scores),
            scores.judgments.n_relevant,
            *_negative_sums(queries, documents, negative, scores),
        ]
    )  # (Q, 6)
    values = np.array([figure.value for figure in exact], dtype=np.float64)
    # The negatives are a sample, so their mean is a little off; the constant puts the statistic on the exact value.
    constant = values - _sum_of_means(columns.sum(axis=0)[np.newaxis])[0]
    auc, overlap = resampler.statistic(columns, lambda sums: _sum_of_means(sums) + constant, bounds=UNIT)
    if len(scores.pair_scores) < N_POSITIVES_FOR_OVERLAP:
        overlap = Estimate(overlap.value)
    return _within_unit(auc), _within_unit(overlap)


def _placements(positive: IntArray, negative: IntArray) -> tuple[Float64Array, Float64Array]:
    """For each bin the share of negatives below it, and the share of positives above it; its own count half."""
    below = (np.cumsum(negative) - negative / 2) / negative.sum()
    above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    return below, above


def _lower_sides(positive: IntArray, negative: IntArray) -> tuple[Float64Array, Float64Array]:
    """For each fine bin 1 where the positives' share of its overlap bin is the lower one, and the opposite."""
    coarse = np.arange(len(positive)) // (len(positive) // N_OVERLAP_BINS)
    shares = [np.bincount(coarse, weights=counts) / counts.sum() for counts in (positive, negative)]
    is_positive_lower = (shares[0] < shares[1])[coarse].astype(np.float64)
    return is_positive_lower, 1 - is_positive_lower


def _sum_of_means(sums: Float64Array) -> Float64Array:
    """``a / n+ + b / n-`` for the columns (a, a', n+, b, b', n-); shape (n_samples, 2), NaN where a side is empty."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means: Float64Array = sums[:, 0:2] / sums[:, 2:3] + sums[:, 3:5] / sums[:, 5:6]
    return np.where(np.isfinite(means), means, np.nan)


def _positive_sums(tables: Float64Array, scores: Scores) -> Float64Array:
    """Entries of each table at the similarities of the relevant pairs, summed by query; shape (Q, tables)."""
    judgments = scores.judgments
    bins = bin_numbers(scores.pair_scores, tables.shape[1], scores.bound)
    rows = judgments.query_of_pair
    return np.column_stack([np.bincount(rows, weights=table[bins], minlength=judgments.n_queries) for table in tables])


def _negative_sums(
    queries: Float32Array, documents: DocumentSummary, tables: Float64Array, scores: Scores
) -> tuple[Float64Array, Float64Array]:
    """Entries of each table at the similarities of negatives, summed by query, and the number of these negatives.

    Of a large corpus ``N_SUBSAMPLED`` documents are drawn, the same for every query.
    """
    judgments, n_bins, drawn = scores.judgments, tables.shape[1], documents.drawn
    sums = np.empty((len(queries), len(tables)))
    counts = np.full(len(queries), float(len(drawn)))
    for start in range(0, len(queries), QUERY_CHUNK):
        block = queries[start : start + QUERY_CHUNK] @ documents.sample.T  # (q, n)
        rows, columns = _relevant_cells(drawn, judgments, start, len(block))
        bins = bin_numbers(block, n_bins, scores.bound).reshape(block.shape)
        for j, table in enumerate(tables):
            entries = table[bins]
            entries[rows, columns] = 0.0
            sums[start : start + len(block), j] = entries.sum(axis=1)
        counts[start : start + len(block)] -= np.bincount(rows, minlength=len(block))
    return sums, counts


def _relevant_cells(drawn: IntArray, judgments: Judgments, start: int, size: int) -> tuple[IntArray, IntArray]:
    """Cells (row, column) of a block of queries that hold relevant documents; column j is document ``drawn[j]``."""
    own = slice(judgments.indptr[start], judgments.indptr[start + size])
    columns = np.searchsorted(drawn, judgments.documents[own])
    is_drawn = drawn[np.minimum(columns, len(drawn) - 1)] == judgments.documents[own]
    rows = judgments.query_of_pair[own] - start
    return rows[is_drawn], columns[is_drawn]


def _within_unit(figure: Estimate) -> Estimate:
    if figure.low is None or figure.high is None:
        return figure
    return Estimate(figure.value, max(figure.low, 0.0), min(figure.high, 1.0))
