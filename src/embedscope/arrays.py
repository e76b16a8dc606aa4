"""Arrays in, figures out: the numbers of embedscope for embeddings that somebody already has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.machine import require_device_name
from embedscope.measure.rank_metrics import measure_metrics
from embedscope.measure.scoring import score, values_of
from embedscope.measure.similarity import measure_similarity
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import require_same_dim, unit_rows
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray
from embedscope.result import Metric, Similarity
from embedscope.settings import DEFAULTS, Device
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.dependence import Dependence
from embedscope.stats.resampler import Resampler


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What :func:`evaluate` measured.

    ``values`` holds each metric for each query, shape (Q,); ``clusters`` the group of queries that each belongs to;
    ``top_documents`` and ``top_scores`` the best documents, shape (Q, largest cutoff between 10 and 100). A query
    without relevant documents has NaN, -1, -1 and NaN there, and is not among ``n_queries``.
    """

    metrics: Mapping[str, Metric]
    similarity: Similarity
    values: Mapping[str, Float64Array]
    clusters: IntArray
    top_documents: IntArray
    top_scores: Float32Array
    n_queries: int
    n_documents: int
    n_queries_without_relevant: int


def evaluate(
    queries: FloatArray,
    documents: FloatArray,
    qrels: Sequence[npt.ArrayLike],
    *,
    k: Sequence[int] = (1, 5, 10, 100),
    seed: int = 42,
    n_draws: int = 10_000,
    device: str = Device.AUTO,
) -> Evaluation:
    """Rank metrics and similarity figures of query and document embeddings, with 95 % intervals.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32 or float64
    documents : ndarray of shape (N, dim), float32 or float64
        Rows need not be normalised; the similarity is the cosine. Equal texts should be one row.
    qrels : sequence of Q lists of document indices
        The relevant documents of each query. A query with an empty list is left out of the metrics and counted.
    k : sequence of int
        Cutoffs of Success@k, Recall@k, nDCG@k and MAP@k.
    seed, n_draws : int
        Of the documents and queries that the interval of AUC rests on, and of permutation tests.
    device : {"auto", "cpu", "cuda", "mps"} or a torch name such as "cuda:1"
        Where a matrix of a billion similarities or more is ranked; smaller ones are ranked by the processor. The
        numbers are the same up to the rounding of the products.

    Returns
    -------
    Evaluation
        ``result.metrics["MRR"].value``, ``.low``, ``.high``, ``result.similarity.margin.value`` and so on.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ, or a row is zero or not finite.
    InvalidOptionError
        If ``qrels`` does not name the relevant documents of every query by indices in range, or ``k`` does not list
        cutoffs of 1 or more, or ``device`` is none of these, or is not there.
    MissingExtraError
        If a device other than "cpu" is asked for by name and torch is not installed.
    TooFewPointsError
        If fewer than two queries have a relevant document, or no document is irrelevant.
    """
    cutoffs = _cutoffs(k)
    require_device_name(str(device))
    unit_queries, unit_documents = _unit(queries, "query"), _unit(documents, "document")
    require_same_dim(unit_queries, unit_documents)
    every = _judgments(qrels, n_queries=len(queries), n_documents=len(documents))
    kept = np.flatnonzero(every.n_relevant > 0)
    if kept.size < 2:
        raise TooFewPointsError(
            f"{kept.size} of {len(queries)} queries have a relevant document; at least 2 are needed, because one "
            f"query has neither a spread nor an interval. Give qrels for more queries."
        )
    judgments, kept_queries = every.select(kept), unit_queries[kept]
    names = ("Success", "Recall", "nDCG", "MAP", "MRR")
    metrics = ("MRR", *(f"{name}@{cutoff}" for name in names for cutoff in cutoffs))
    n_listed = max(10, min(cutoffs[-1], 100))
    clusters = clusters_from_judgments(judgments.indptr, judgments.documents, len(documents))
    dependence = Dependence.of_judgments(judgments.indptr, judgments.documents)
    resampler = Resampler(clusters, n_draws, seed, dependence=dependence)
    tolerance = DEFAULTS.measure.tie_tolerance
    scores = score(kept_queries, unit_documents, judgments, k=n_listed, tolerance=tolerance, device=device)
    values = values_of(metrics, judgments, scores.pair_scores, scores.counts)
    n_queries = len(queries)
    return Evaluation(
        metrics=measure_metrics(metrics, scores, values, resampler),
        similarity=measure_similarity(kept_queries, unit_documents, scores, None, resampler),
        values={name: _spread(column, kept, n_queries, np.nan) for name, column in values.items()},
        clusters=_spread(clusters, kept, n_queries, -1),
        top_documents=_spread(scores.top_documents, kept, n_queries, -1),
        top_scores=_spread(scores.top_scores, kept, n_queries, np.nan),
        n_queries=len(kept),
        n_documents=len(documents),
        n_queries_without_relevant=n_queries - len(kept),
    )


def _spread(rows: npt.NDArray[Any], kept: IntArray, n: int, absent: float) -> npt.NDArray[Any]:
    """Rows of the queries ``kept`` among all ``n`` queries, ``absent`` elsewhere."""
    out = np.full((n, *rows.shape[1:]), absent, dtype=rows.dtype)
    out[kept] = rows
    return out


def _unit(vectors: FloatArray, what: str) -> Float32Array:
    return unit_rows(np.asarray(vectors), what=what).astype(np.float32)


def _cutoffs(k: Sequence[int]) -> list[int]:
    try:
        cutoffs = sorted({index(cutoff) for cutoff in k})
    except TypeError:
        cutoffs = []
    if not cutoffs or cutoffs[0] < 1:
        raise InvalidOptionError(f"k must list whole ranks of 1 or more, such as (1, 5, 10, 100); got {k!r}.")
    return cutoffs


def _judgments(qrels: Sequence[npt.ArrayLike], *, n_queries: int, n_documents: int) -> Judgments:
    if len(qrels) != n_queries:
        raise InvalidOptionError(
            f"qrels must list the relevant documents of each of the {n_queries} queries; it has {len(qrels)} entries."
        )
    lists = [_document_rows(entry, query, n_documents) for query, entry in enumerate(qrels)]
    return Judgments.from_lists(lists, n_documents=n_documents)


def _document_rows(entry: npt.ArrayLike, query: int, n_documents: int) -> IntArray:
    """Distinct document rows of one entry of qrels, ascending; a single row may stand for a list of one."""
    listed = np.asarray(entry)
    if listed.size and listed.dtype.kind not in "iu":
        raise InvalidOptionError(
            f"qrels of query {query} must be row numbers of documents, such as [3, 17]; got values of type "
            f"{listed.dtype}. Map ids or masks to row numbers first."
        )
    rows = np.unique(listed)
    if rows.size and not (rows[0] >= 0 and rows[-1] < n_documents):
        raise InvalidOptionError(
            f"qrels of query {query} name document {rows[0] if rows[0] < 0 else rows[-1]}; row numbers must lie in "
            f"[0, {n_documents})."
        )
    return rows.astype(np.int64)
