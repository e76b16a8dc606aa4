"""Arrays or a search function in, figures out: for embeddings that somebody already has, and for any system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from embedscope import pipeline
from embedscope.data.runs import Search
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.machine import require_device_name
from embedscope.measure.rank_metrics import measure_metrics
from embedscope.measure.scoring import bound_of, score, values_of
from embedscope.measure.similarity import measure_similarity
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.norms import Norms
from embedscope.metrics.vectors import compared_rows, require_same_dim
from embedscope.models.score_function import note_of_uneven_norms
from embedscope.protocols import Float32Array, Float64Array, FloatArray, IntArray
from embedscope.result import Metric, Result, Similarity
from embedscope.result.formatting import number, with_interval
from embedscope.settings import DEFAULTS, Device, SimilarityFunction
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.dependence import Dependence
from embedscope.stats.resampler import Resampler

Qrel = npt.ArrayLike | Mapping[int, float] | tuple[npt.ArrayLike, npt.ArrayLike]
"""The relevant documents of one query: their rows, or their rows and gains."""


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """What :func:`evaluate` measured.

    ``values`` holds each metric for each query, shape (Q,); ``clusters`` the group of queries that each belongs to;
    ``top_documents`` and ``top_scores`` the best documents, shape (Q, largest cutoff between 10 and 100). A query
    without relevant documents has NaN, -1, -1 and NaN there, and is not among ``n_queries``. ``notes`` say what to know
    of the vectors.
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
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """What was found first of all, of what."""
        first = next(iter(self.metrics.values()))
        return f"<Evaluation of {self._what}: {first.name} {with_interval(number(first.value), first)}>"

    def _repr_html_(self) -> str:
        """The metrics with their intervals, and the notes."""
        from embedscope.output.notebook.summary_html import figures_summary

        return f"<div>{figures_summary(self._what, self.metrics.values(), self.notes)}</div>"

    @property
    def _what(self) -> str:
        return f"{self.n_queries:,} queries x {self.n_documents:,} documents"


def evaluate(
    queries: FloatArray,
    documents: FloatArray,
    qrels: Sequence[Qrel],
    *,
    k: Sequence[int] = (1, 5, 10, 100),
    seed: int = 42,
    n_draws: int = 10_000,
    device: str = Device.AUTO,
    similarity: str = SimilarityFunction.COSINE,
    own: npt.ArrayLike | None = None,
) -> Evaluation:
    """Rank metrics and similarity figures of query and document embeddings, with 95 % intervals.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32 or float64
    documents : ndarray of shape (N, dim), float32 or float64
        Rows need not be normalised. Equal texts should be one row.
    qrels : sequence of Q entries, one for each query
        The relevant documents: a list of document indices, such as ``[3, 17]``; or with graded relevance a mapping of
        index to gain, ``{3: 2.0, 17: 1.0}``, or a pair of indices and gains, ``([3, 17], [2.0, 1.0])``. Gains count in
        nDCG@k (linear, as trec_eval); a document with a gain of 0 or less was judged not relevant. A query without
        relevant documents is left out of the metrics and counted.
    k : sequence of int
        Cutoffs of Success@k, Recall@k, P@k, nDCG@k, MAP@k and MRR@k.
    seed, n_draws : int
        Of the documents and queries that the interval of AUC rests on, and of permutation tests.
    device : {"auto", "cpu", "cuda", "mps"} or a torch name such as "cuda:1"
        Where a matrix of a billion similarities or more is ranked; smaller ones are ranked by the processor. The
        numbers are the same up to the rounding of the products.
    similarity : {"cosine", "dot"}
        What a query and a document are scored by; under "dot" the norms of the rows count. Under "cosine" ``notes``
        say so where they differ.
    own : sequence of Q document indices, optional
        For each query the document that is the query itself, -1 where there is none: it would find itself, so it is
        left out of the query's ranking and of the negatives, unless ``qrels`` call it relevant.

    Returns
    -------
    Evaluation
        ``result.metrics["MRR"].value``, ``.low``, ``.high``, ``result.similarity.margin.value`` and so on.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ, or a row is zero or not finite.
    InvalidOptionError
        If ``qrels`` does not name the relevant documents of every query by indices in range, with finite gains where
        it has any, or ``k`` does not list cutoffs of 1 or more, or ``device`` or ``similarity`` is none of these, or
        ``own`` is not one document index or -1 for each query, or the device is not there.
    MissingExtraError
        If a device other than "cpu" is asked for by name and torch is not installed.
    TooFewPointsError
        If fewer than two queries have a relevant document, or no document is irrelevant.
    """
    cutoffs = _cutoffs(k)
    require_device_name(str(device))
    is_unit = _is_cosine(similarity)
    all_queries = compared_rows(np.asarray(queries), is_unit=is_unit, what="query")
    compared = compared_rows(np.asarray(documents), is_unit=is_unit)
    require_same_dim(all_queries, compared)
    every = _judgments(qrels, n_queries=len(queries), n_documents=len(documents))
    if own is not None:
        every = replace(every, excluded=_excluded(np.asarray(own), every))
    kept = np.flatnonzero(every.n_relevant > 0)
    if kept.size < 2:
        raise TooFewPointsError(
            f"{kept.size} of {len(queries)} queries have a relevant document; at least 2 are needed, because one "
            f"query has neither a spread nor an interval. Give qrels for more queries."
        )
    judgments, kept_queries = every.select(kept), all_queries[kept]
    names = ("Success", "Recall", "P", "nDCG", "MAP", "MRR")
    metrics = ("MRR", *(f"{name}@{cutoff}" for name in names for cutoff in cutoffs))
    n_listed = max(10, min(cutoffs[-1], 100))
    common = judgments.common
    clusters = clusters_from_judgments(common.indptr, common.documents, len(documents))
    dependence = Dependence.of_judgments(common.indptr, common.documents)
    resampler = Resampler(clusters, n_draws, seed, dependence=dependence)
    bound = bound_of(kept_queries, compared, similarity)
    tolerance = DEFAULTS.measure.tie_tolerance * bound
    scores = score(kept_queries, compared, judgments, k=n_listed, tolerance=tolerance, bound=bound, device=device)
    values = values_of(metrics, judgments, scores.pair_scores, scores.counts)
    n_queries = len(queries)
    return Evaluation(
        metrics=measure_metrics(metrics, scores, values, resampler),
        similarity=measure_similarity(kept_queries, compared, scores, None, resampler),
        values={name: _spread(column, kept, n_queries, np.nan) for name, column in values.items()},
        clusters=_spread(clusters, kept, n_queries, -1),
        top_documents=_spread(scores.top_documents, kept, n_queries, -1),
        top_scores=_spread(scores.top_scores, kept, n_queries, np.nan),
        n_queries=len(kept),
        n_documents=len(documents),
        n_queries_without_relevant=n_queries - len(kept),
        notes=_notes(queries, documents) if is_unit else (),
    )


def judge(search: Search, data: object, **options: Any) -> Result:
    """What `run` finds for a system that answers queries, whatever is in it.

    Parameters
    ----------
    search : callable
        From the text of a query to its documents, by id or by text: ``{document: score}``, or (document, score) pairs.
        It is called once for each query, in their order.
    data : str, Path or object
        As `read_collection` takes it.
    **options
        Settings of `run` by name: ``judge(search, "test.json", max_samples=0)``.

    Raises
    ------
    InputError
        If the function fails or returns something else, or the data or an option cannot be used.
    """
    return pipeline.run(run=search, data=data, **options)


def _notes(queries: FloatArray, documents: FloatArray) -> tuple[str, ...]:
    norms = (Norms.of(np.asarray(rows)) for rows in (queries, documents))
    return note_of_uneven_norms(*norms, option='similarity="dot"')


def _spread(rows: npt.NDArray[Any], kept: IntArray, n: int, absent: float) -> npt.NDArray[Any]:
    """Rows of the queries ``kept`` among all ``n`` queries, ``absent`` elsewhere."""
    out = np.full((n, *rows.shape[1:]), absent, dtype=rows.dtype)
    out[kept] = rows
    return out


def _is_cosine(similarity: str) -> bool:
    if similarity not in (SimilarityFunction.COSINE, SimilarityFunction.DOT):
        raise InvalidOptionError(f"similarity must be 'cosine' or 'dot'; got {similarity!r}.")
    return similarity == SimilarityFunction.COSINE


def _cutoffs(k: Sequence[int]) -> list[int]:
    try:
        cutoffs = sorted({index(cutoff) for cutoff in k})
    except TypeError:
        cutoffs = []
    if not cutoffs or cutoffs[0] < 1:
        raise InvalidOptionError(f"k must list whole ranks of 1 or more, such as (1, 5, 10, 100); got {k!r}.")
    return cutoffs


def _judgments(qrels: Sequence[Qrel], *, n_queries: int, n_documents: int) -> Judgments:
    if len(qrels) != n_queries:
        raise InvalidOptionError(
            f"qrels must list the relevant documents of each of the {n_queries} queries; it has {len(qrels)} entries."
        )
    entries = [_relevance_of(entry, query, n_documents) for query, entry in enumerate(qrels)]
    query = np.repeat(np.arange(n_queries), [rows.size for rows, _ in entries])
    rows = np.concatenate([np.zeros(0, np.int64), *(rows for rows, _ in entries)])
    gains = np.concatenate([np.zeros(0), *(gains for _, gains in entries)])
    order = np.lexsort((gains, rows, query))
    query, rows, gains = query[order], rows[order], gains[order]
    again = np.flatnonzero((np.diff(query) == 0) & (np.diff(rows) == 0)) + 1
    uneven = again[gains[again] != gains[again - 1]]
    if len(uneven):
        raise InvalidOptionError(
            f"qrels of query {query[uneven[0]]} give document {rows[uneven[0]]} two different gains; keep one of them."
        )
    kept = gains > 0
    kept[again] = False
    indptr = np.searchsorted(query[kept], np.arange(n_queries + 1))
    return Judgments(indptr, rows[kept], gains[kept], n_documents)


def _excluded(own: npt.NDArray[Any], judgments: Judgments) -> Cells:
    """The documents ``own`` that are not relevant to their query."""
    n, n_documents = judgments.n_queries, judgments.n_documents
    if own.shape != (n,) or own.dtype.kind not in "iu" or not ((own >= -1) & (own < n_documents)).all():
        raise InvalidOptionError(
            f"own must be one row number of a document for each of the {n} queries, in [0, {n_documents}), or -1 where "
            f"a query is no document; got {own.dtype} of shape {own.shape}."
        )
    own = own.astype(np.int64)
    rows = np.flatnonzero((own >= 0) & ~judgments.are_relevant(own[:, np.newaxis])[:, 0])
    return Cells.of_pairs(rows, own[rows], n)


def _relevance_of(entry: Qrel, query: int, n_documents: int) -> tuple[IntArray, Float64Array]:
    """Judged document rows of one entry of qrels and their gains; a single row may stand for a list of one."""
    if isinstance(entry, Mapping):
        listed, gains = np.asarray(list(entry)), _gains(list(entry.values()), query)
    elif _is_pair(entry):
        listed, gains = np.asarray(entry[0]), _gains(entry[1], query)
    else:
        listed = np.asarray(entry)
        gains = np.ones(listed.size)
    _require_rows(listed, query, n_documents)
    if gains.shape != (listed.size,):
        raise InvalidOptionError(
            f"qrels of query {query} hold {listed.size} documents and {gains.size} gains; give each document one gain."
        )
    return listed.reshape(-1).astype(np.int64), gains


def _is_pair(entry: Any) -> TypeGuard[tuple[npt.ArrayLike, npt.ArrayLike]]:
    return isinstance(entry, tuple) and len(entry) == 2 and np.ndim(entry[0]) == 1 == np.ndim(entry[1])


def _gains(values: npt.ArrayLike, query: int) -> Float64Array:
    try:
        gains = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        gains = np.array([np.nan])
    if not np.isfinite(gains).all():
        raise InvalidOptionError(
            f"qrels of query {query} must have finite numbers as gains, such as 2.0; got {values!r}."
        )
    return gains


def _require_rows(listed: npt.NDArray[Any], query: int, n_documents: int) -> None:
    if listed.size and listed.dtype.kind not in "iu":
        raise InvalidOptionError(
            f"qrels of query {query} must be row numbers of documents, such as [3, 17]; got values of type "
            f"{listed.dtype}. Map ids or masks to row numbers first."
        )
    if listed.ndim > 1:
        raise InvalidOptionError(
            f"qrels of query {query} must be a flat list of row numbers; got an array of shape {listed.shape}. Graded "
            f"relevance is a pair of two lists, ([3, 17], [2.0, 1.0]), or a mapping, {{3: 2.0, 17: 1.0}}."
        )
    if listed.size and not (listed.min() >= 0 and listed.max() < n_documents):
        raise InvalidOptionError(
            f"qrels of query {query} name document {listed.min() if listed.min() < 0 else listed.max()}; row numbers "
            f"must lie in [0, {n_documents})."
        )
