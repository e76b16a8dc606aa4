"""What an approximate index loses against exact search, and how quick it is: indexes of FAISS over the same documents.

Sources
-------
Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs", TPAMI 42 (2020): HNSW.
Jegou, Douze & Schmid, "Product quantization for nearest neighbor search", TPAMI 33 (2011): IVF-PQ.
Douze et al., "The Faiss library", arXiv:2401.08281 (2024).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from embedscope.measure.scoring import values_of_lists
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.listing import SCORE
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.metrics.threads import one_thread_loops, one_thread_products
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import Estimate, IndexSetting, ModelFacts
from embedscope.stats.resampler import Resampler, holm_over_changes

MOST_INDEXED = 200_000
"""Documents beyond which no index is built unasked: on one thread that takes minutes."""

LEAST_CLUSTERED = 1_000
"""Documents that IVF-PQ needs: with fewer, its 256 centroids of each part would nearly store them as they are."""

M = 32
"""Neighbours of a document in the graph of HNSW, twice as many on its lowest level; 40 candidates while it is built."""

EF_SEARCH = (16, 64, 256)
N_PROBE = (4, 16, 64)
_TIMED_S, _TIMED_QUERIES = 0.3, 500
_FLOAT32_BYTES = _ID_BYTES = 4
_LIST_ID_BYTES = 8

Search = Callable[[Float32Array, int], tuple[Float32Array, IntArray]]
"""Scores, falling, and places of the k best documents of each query, (Q, k) each; -1 where there are fewer."""


@dataclass(frozen=True, slots=True)
class _Built:
    """An index with one setting of its search."""

    name: str
    kind: str
    bytes_in_index: int
    search: Search


def measure_indexes(
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    resampler: Resampler,
    *,
    k: int,
    measures: tuple[str, ...],
    tolerance: float,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[IndexSetting, ...]:
    """Metrics of the ``k`` documents that each index returns, against those that exact search returns, its first entry.

    A document that is not returned counts as not found. Each index is built and searched on one thread, by inner
    product, and gives the same lists on every run; ``queries_per_second`` is of this machine, one query at a time.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32, as they are compared
    documents : ndarray of shape (N, dim), float32, in the order in which an index takes them
    judgments, resampler
        Of these queries over these documents, and of their clusters.
    k : int
        Documents returned for a query; those that `Judgments.excluded` names are asked for on top and left out.
    measures : tuple of str
        Compared with exact search under Holm's correction over all settings and measures.
    tolerance : float
        Scores closer than this are tied.
    """
    n, settings = len(documents), []
    if n > MOST_INDEXED:
        reason = (
            f"not built over more than {MOST_INDEXED:,} documents (here {n:,}): search the index that will serve, and "
            f"judge its lists by --run"
        )
        return (_absent("all indexes", "", reason, measures),)
    exact: _Outcome | None = None
    with one_thread_loops(), one_thread_products():
        for built in _indexes(np.ascontiguousarray(documents)):
            say(f"Deployment cost: {built.name}")
            found = _outcome(built, queries, judgments, k, measures, tolerance)
            exact = exact or found
            settings.append(_setting(built, found, exact, queries, k, measures, resampler))
    if n < LEAST_CLUSTERED:
        reason = (
            f"fewer than {LEAST_CLUSTERED:,} documents (here {n:,}), which its centroids would nearly store as they are"
        )
        settings.append(_absent("IVF-PQ", "IVF-PQ", reason, measures))
    return holm_over_changes(settings, measures)


# --- indexes ------------------------------------------------------------------------------------------------------


def _indexes(documents: Float32Array) -> Iterator[_Built]:
    """Exact search first. An index has the setting of the last one that was given: it is searched before the next."""
    yield _flat(documents)
    yield _int8(documents)
    yield _binary(documents)
    yield from _hnsw(documents)
    if len(documents) >= LEAST_CLUSTERED:
        yield from _ivf_pq(documents)


def _flat(documents: Float32Array) -> _Built:
    import faiss

    index = faiss.IndexFlatIP(documents.shape[1])
    index.add(documents)
    return _Built("exact", "exact", _FLOAT32_BYTES * documents.shape[1], index.search)


def _int8(documents: Float32Array) -> _Built:
    import faiss

    index = faiss.IndexScalarQuantizer(documents.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index.train(documents)
    index.add(documents)
    return _Built("int8, all compared", "int8", int(index.code_size), index.search)


def _binary(documents: Float32Array) -> _Built:
    """One bit a dimension, filled up to whole bytes; the fewer bits differ, the higher the score."""
    import faiss

    index = faiss.IndexBinaryFlat(8 * ceil(documents.shape[1] / 8))
    index.add(np.packbits(documents > 0, axis=1))

    def search(queries: Float32Array, k: int) -> tuple[Float32Array, IntArray]:
        distances, places = index.search(np.packbits(queries > 0, axis=1), k)
        return -distances.astype(np.float32), places

    return _Built("binary, all compared", "binary", int(index.code_size), search)


def _hnsw(documents: Float32Array) -> Iterator[_Built]:
    """A graph of the documents; its links are counted as FAISS stores them, upper levels by their expected number."""
    import faiss

    index = faiss.IndexHNSWFlat(documents.shape[1], M, faiss.METRIC_INNER_PRODUCT)
    index.add(documents)
    links = _ID_BYTES * (2 * M + M / (M - 1))
    size = _FLOAT32_BYTES * documents.shape[1] + round(links)
    for ef in EF_SEARCH:
        index.hnsw.efSearch = ef
        yield _Built(f"HNSW M={M}, efSearch={ef}", "HNSW", size, index.search)


def _ivf_pq(documents: Float32Array) -> Iterator[_Built]:
    """Documents in lists, each cut into parts of about 8 dimensions with one byte a part."""
    import faiss

    n, dim = documents.shape
    n_lists, n_parts = round(4 * sqrt(n)), n_bytes_of(dim)
    index = faiss.IndexIVFPQ(faiss.IndexFlatIP(dim), dim, n_lists, n_parts, 8, faiss.METRIC_INNER_PRODUCT)
    for clustering in (index.cp, index.pq.cp):
        clustering.min_points_per_centroid = 1  # else FAISS prints that there are few
    index.train(documents)
    index.add(documents)
    for n_probe in N_PROBE:
        index.nprobe = n_probe
        name = f"IVF{n_lists}-PQ{n_parts}, nprobe={n_probe}"
        yield _Built(name, "IVF-PQ", n_parts + _LIST_ID_BYTES, index.search)


def n_bytes_of(dim: int) -> int:
    """Parts, of one byte each, into which IVF-PQ cuts a vector: the largest divisor of ``dim`` up to ``dim / 8``.

    >>> n_bytes_of(384), n_bytes_of(100), n_bytes_of(7)
    (48, 10, 1)
    """
    return next(m for m in range(max(1, dim // 8), 0, -1) if dim % m == 0)


# --- what they return ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    values: dict[str, Float64Array]
    places: IntArray  # (Q, k), -1 behind the end of a list


def _outcome(
    built: _Built, queries: Float32Array, judgments: Judgments, k: int, measures: Sequence[str], tolerance: float
) -> _Outcome:
    excluded, n = judgments.excluded, judgments.n_documents
    n_more = 0 if excluded is None else int(np.diff(excluded.indptr).max(initial=0))
    scores, places = built.search(np.ascontiguousarray(queries), min(k + n_more, n))
    kept = places >= 0
    if excluded is not None:
        own = np.arange(len(queries))[:, np.newaxis] * n + places
        kept &= ~np.isin(own, excluded.query_of_pair * n + excluded.documents)
    kept &= np.cumsum(kept, axis=1) <= k
    indptr = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
    facts = ModelFacts(checkpoint=built.name, layout="FAISS", dim=queries.shape[1], similarity=SCORE)
    lists = RankedLists(indptr, places[kept], scores[kept].astype(np.float64), facts, tolerance)
    return _Outcome(values_of_lists(lists, judgments, measures), lists.top(k)[0])


def _setting(
    built: _Built,
    found: _Outcome,
    exact: _Outcome,
    queries: Float32Array,
    k: int,
    measures: tuple[str, ...],
    resampler: Resampler,
) -> IndexSetting:
    is_reference = found is exact
    kept = (exact.places[:, :, np.newaxis] == found.places[:, np.newaxis, :]).any(axis=2).mean(axis=1)  # (Q,)
    figures = resampler.means({**found.values, "overlap": kept})
    return IndexSetting(
        name=built.name,
        kind=built.kind,
        bytes_in_index=built.bytes_in_index,
        metrics={name: figures[name] for name in measures},
        changes=resampler.compare(built.name, found.values, {} if is_reference else {"exact": exact.values}, measures),
        overlap=Estimate(1.0) if is_reference else figures["overlap"],
        queries_per_second=_queries_per_second(built.search, queries, k),
    )


def _queries_per_second(search: Search, queries: Float32Array, k: int) -> float:
    """One over the median time of a query, searched alone; of at most 500 queries and for at most 0.3 s."""
    search(queries[:1], k)  # the first one warms up
    seconds: list[float] = []
    for row in range(min(len(queries), _TIMED_QUERIES)):
        began = time.perf_counter()
        search(queries[row : row + 1], k)
        seconds.append(time.perf_counter() - began)
        if sum(seconds) > _TIMED_S:
            break
    return 1 / float(np.median(seconds))


def _absent(name: str, kind: str, reason: str, measures: Sequence[str]) -> IndexSetting:
    absent = Estimate.absent(reason)
    return IndexSetting(name, kind, 0, dict.fromkeys(measures, absent), (), absent, None, reason)
