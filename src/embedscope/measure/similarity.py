"""Positive, negative and hard-negative similarities (conventions, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from embedscope.errors import TooFewPointsError
from embedscope.measure.distributions import (
    SMALLEST_STD,
    auc_from_histograms,
    density_edges,
    distribution_of,
    distribution_of_sums,
    overlap_bin,
    overlap_coefficient,
)
from embedscope.measure.document_sums import TableSums, moments_by_document
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.scoring import Scores, gaps
from embedscope.measure.space_statistics import order_by_content
from embedscope.metrics.histograms import bin_numbers, histogram_of_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments
from embedscope.metrics.threads import one_thread_products
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import Distribution, Estimate, Similarity
from embedscope.stats.figures import margin_and_separation, ratio_of_sums
from embedscope.stats.intervals import auc_bounds
from embedscope.stats.pair_figures import PairColumns
from embedscope.stats.resampler import UNIT, Resampler

N_SUBSAMPLED = 512
"""Documents, and queries, that the intervals of AUC and overlap rest on; their values rest on all."""

N_POSITIVES_FOR_OVERLAP = 500
"""Fewer leave many of the 0.01 bins empty, so that the overlap lies too low by more than its interval is wide: in 300
simulated test sets of 40 positives the interval never held the true overlap, in 80 of 600 positives 75 times."""


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
        drawn = drawn_rows(documents, resampler)
        return cls(len(documents), total, gram, documents[np.unique(judgments.documents)], drawn, documents[drawn])


def drawn_rows(vectors: Float32Array, resampler: Resampler) -> IntArray:
    """`N_SUBSAMPLED` of the rows of ``vectors``, or all, drawn along their content; ascending."""
    drawn = resampler.sample(len(vectors), N_SUBSAMPLED)
    return drawn if len(drawn) == len(vectors) else np.sort(order_by_content(vectors)[drawn])


def pair_sums(queries: Float32Array, documents: DocumentSummary, scores: Scores) -> PairSums:
    """Sums over positive pairs, and over all other pairs in closed form (no pair is formed)."""
    judgments = scores.judgments
    n, values = len(queries), scores.pair_scores
    rows = judgments.query_of_pair
    n_positive = judgments.n_relevant.astype(np.float64)
    total: Float64Array = np.bincount(rows, weights=values, minlength=n).astype(np.float64)
    squares: Float64Array = np.bincount(rows, weights=values**2, minlength=n).astype(np.float64)
    rest_total, rest_squares = sums_from_moments(queries, documents.total, documents.gram)
    if judgments.excluded is not None:
        rows, values = judgments.excluded.query_of_pair, scores.excluded_scores
        rest_total -= np.bincount(rows, weights=values, minlength=n)
        rest_squares -= np.bincount(rows, weights=values**2, minlength=n)
    negative = (judgments.n_ranked - n_positive, rest_total - total, rest_squares - squares)
    return PairSums((n_positive, total, squares), negative)


@one_thread_products()
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
    moments = _moment_columns(queries, documents, scores, sums)
    margin, separation, d_prime = _margin_and_separation(moments, positive, negative, bound, resampler)
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
        off_diagonal=_off_diagonal(queries, documents, scores, moments, resampler),
        gap=_gap(scores, resampler),
        bound=bound,
    )


def _moment_columns(queries: Float32Array, documents: DocumentSummary, scores: Scores, sums: PairSums) -> PairColumns:
    """Number, sum and sum of squares of positive, then of negative similarities."""
    relevant, places = np.unique(scores.judgments.documents, return_inverse=True)
    excluded = scores.judgments.excluded
    negatives = partial(
        moments_by_document,
        queries=queries,
        others=np.concatenate([scores.judgments.documents, *([] if excluded is None else [excluded.documents])]),
        scores=np.concatenate([scores.pair_scores, scores.excluded_scores]),
    )
    is_other = ~np.isin(documents.drawn, relevant)
    found = scores.pair_scores
    return PairColumns(
        by_query=np.column_stack([*sums.positive, *sums.negative]),
        queries=scores.judgments.query_of_pair,
        documents=places,
        by_pair=_before(np.column_stack([np.ones(len(found)), found, found**2])),
        by_document=_after(negatives(documents.relevant, relevant)),
        by_other=_after(negatives(documents.sample[is_other], documents.drawn[is_other])),
        n_others=documents.n - len(relevant),
    )


def _before(columns: Float64Array) -> Float64Array:
    """Columns of positives, and zeros for those of negatives."""
    return np.pad(columns, ((0, 0), (0, columns.shape[1])))


def _after(columns: Float64Array) -> Float64Array:
    """Columns of negatives, after zeros for those of positives."""
    return np.pad(columns, ((0, 0), (columns.shape[1], 0)))


def _margin_and_separation(
    columns: PairColumns, positive: Distribution, negative: Distribution, bound: float, resampler: Resampler
) -> tuple[Estimate, Estimate, Estimate]:
    """Margin, separation and d'; the last two are absent where the similarities have no spread but rounding."""
    margin, separation, d_prime = resampler.over_pairs(columns, margin_and_separation)
    if max(positive.std, negative.std) < SMALLEST_STD * bound:
        absent = Estimate.absent("all positives are equal and all negatives are equal, so that there is no spread")
        return margin, absent, absent
    return margin, separation, d_prime


def _off_diagonal(
    queries: Float32Array, documents: DocumentSummary, scores: Scores, columns: PairColumns, resampler: Resampler
) -> Estimate:
    """Mean similarity of a query to the positives of other queries: the off-diagonal of the original heatmap."""
    total, _ = sums_from_moments(queries, *sum_and_gram(documents.relevant))
    n_others, total = len(documents.relevant) - columns.by_query[:, 0], total - columns.by_query[:, 1]
    excluded = scores.judgments.excluded
    if excluded is not None:
        is_here = np.isin(excluded.documents, scores.judgments.documents)
        rows = excluded.query_of_pair[is_here]
        n_others = n_others - np.bincount(rows, minlength=len(total))
        total = total - np.bincount(rows, weights=scores.excluded_scores[is_here], minlength=len(total))
    if not n_others.any():
        return Estimate.absent("every query shares all positives, so there is no off-diagonal")
    own = replace(
        columns,
        by_query=np.column_stack([total, n_others]),
        by_pair=None,
        by_document=columns.by_document[:, [4, 3]],
        by_other=np.zeros((0, 2)),
    )
    (figure,) = resampler.over_pairs(own, ratio_of_sums)
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
    counts 1 where the density of its own population is the lower one. So a few sums by query and by document stand for
    all similarities.
    """
    exact = auc_from_histograms(positive_bins, negative_bins), overlap_coefficient(positive_bins, negative_bins)
    tables = _placements(positive_bins, negative_bins), _lower_sides(positive_bins, negative_bins)
    positive = np.array([of_positive for of_positive, _ in tables])  # (2, bins)
    negative = np.array([of_negative for _, of_negative in tables])
    columns = _table_columns(queries, documents, scores, positive, negative, resampler)
    values = np.array([figure.value for figure in exact], dtype=np.float64)
    # The negatives are a sample, so their mean is a little off; the constant puts the statistic on the exact value.
    constant = values - _sum_of_means(columns.by_query.sum(axis=0)[np.newaxis])[0]

    def figures(sums: Float64Array) -> Float64Array:
        return np.asarray(_sum_of_means(sums) + constant)

    auc = resampler.over_pairs(columns, figures, bounds=UNIT, ends=auc_bounds)[0]
    overlap = resampler.over_pairs(columns, figures, bounds=UNIT)[1]
    if len(scores.pair_scores) < N_POSITIVES_FOR_OVERLAP:
        overlap = Estimate(overlap.value)
    return auc, overlap


def _table_columns(
    queries: Float32Array,
    documents: DocumentSummary,
    scores: Scores,
    positive: Float64Array,
    negative: Float64Array,
    resampler: Resampler,
) -> PairColumns:
    """Entries of tables, (2, bins), and number of positives, then of the negatives among the documents drawn.

    Relevant documents are looked up at some queries, drawn at random, and stand for all. A document is 1 / n of all
    documents, and is made as much of those drawn.
    """
    judgments = scores.judgments
    relevant, places = np.unique(judgments.documents, return_inverse=True)
    rows = drawn_rows(queries, resampler)
    left_out = judgments.not_negative
    of_sample = TableSums.of(queries, documents.sample, documents.drawn, negative, left_out, scores.bound)
    of_relevant = TableSums.of(
        queries[rows], documents.relevant, relevant, negative, left_out.select(rows), scores.bound
    )
    part = len(documents.drawn) / documents.n
    bins = bin_numbers(scores.pair_scores, positive.shape[1], scores.bound)
    by_pair = np.column_stack([*positive[:, bins], np.ones(len(places))])
    by_query = np.add.reduceat(by_pair, judgments.indptr[:-1])
    return PairColumns(
        by_query=np.column_stack([by_query, of_sample.by_query]),
        queries=judgments.query_of_pair,
        documents=places,
        by_pair=_before(by_pair),
        by_document=_after(of_relevant.by_document * (part * len(queries) / len(rows))),
        by_other=_after(of_sample.by_document[~np.isin(documents.drawn, relevant)] * part),
        n_others=documents.n - len(relevant),
    )


def _placements(positive: IntArray, negative: IntArray) -> tuple[Float64Array, Float64Array]:
    """For each bin the share of negatives below it, and the share of positives above it; its own count half."""
    below = (np.cumsum(negative) - negative / 2) / negative.sum()
    above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    return below, above


def _lower_sides(positive: IntArray, negative: IntArray) -> tuple[Float64Array, Float64Array]:
    """For each fine bin 1 where the positives' share of its overlap bin is the lower one, and the opposite."""
    coarse = np.arange(len(positive)) // overlap_bin(positive, negative)
    shares = [np.bincount(coarse, weights=counts) / counts.sum() for counts in (positive, negative)]
    is_positive_lower = (shares[0] < shares[1])[coarse].astype(np.float64)
    return is_positive_lower, 1 - is_positive_lower


def _sum_of_means(sums: Float64Array) -> Float64Array:
    """``a / n+ + b / n-`` for the columns (a, a', n+, b, b', n-); shape (n_samples, 2), NaN where a side is empty."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means: Float64Array = sums[:, 0:2] / sums[:, 2:3] + sums[:, 3:5] / sums[:, 5:6]
    return np.where(np.isfinite(means), means, np.nan)
