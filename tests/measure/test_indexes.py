"""Indexes: lists are those of FAISS's own search, figures those of NumPy; what is not returned is not found."""

from __future__ import annotations

from dataclasses import replace

import faiss
import numpy as np
import pytest

from embedscope.measure import indexes
from embedscope.measure.indexes import EF_SEARCH, MOST_INDEXED, N_PROBE, M, measure_indexes, n_bytes_of
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.threads import one_thread_loops, one_thread_products
from embedscope.metrics.vectors import unit_rows
from embedscope.result import IndexSetting
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.resampler import Resampler

Q, N, DIM, K = 40, 1_200, 32, 10
JUDGED = Judgments.from_lists([[q] for q in range(Q)], n_documents=N)


def vectors(n: int = N, noise: float = 0.25, dim: int = DIM) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    documents = unit_rows(rng.standard_normal((n, dim)).astype(np.float32))
    queries = documents[:Q] + noise * rng.standard_normal((Q, dim)).astype(np.float32)
    return unit_rows(queries), documents


def measure(
    queries: np.ndarray, documents: np.ndarray, judged: Judgments = JUDGED, *, k: int = K
) -> dict[str, IndexSetting]:
    clusters = clusters_from_judgments(judged.indptr, judged.documents, judged.n_documents)
    found = measure_indexes(
        queries, documents, judged, Resampler(clusters, 200, 1), k=k, measures=("MRR", "Success@1"), tolerance=1e-6
    )
    return {each.name: each for each in found}


def mrr(places: np.ndarray) -> float:
    """Mean reciprocal rank of document q in the list of query q, 0 where it is not in it."""
    return float(np.mean([1 / (1 + row.index(q)) if q in row else 0 for q, row in enumerate(places.tolist())]))


@pytest.fixture(scope="module")
def found() -> dict[str, IndexSetting]:
    return measure(*vectors())


def test_exact_search_has_the_metrics_of_the_k_best_by_numpy(found: dict[str, IndexSetting]) -> None:
    queries, documents = vectors()
    best = np.argsort(-(queries @ documents.T), axis=1)[:, :K]
    assert found["exact"].metrics["MRR"].value == pytest.approx(mrr(best), abs=1e-9)
    assert found["exact"].metrics["Success@1"].value == pytest.approx(np.mean(best[:, 0] == np.arange(Q)))
    assert (found["exact"].changes, found["exact"].overlap.value) == ((), 1.0)


@pytest.mark.parametrize("ef", EF_SEARCH)
def test_hnsw_has_the_metrics_and_the_recall_of_the_lists_that_faiss_returns(
    found: dict[str, IndexSetting], ef: int
) -> None:
    queries, documents = vectors()
    index = faiss.IndexHNSWFlat(DIM, M, faiss.METRIC_INNER_PRODUCT)
    with one_thread_loops(), one_thread_products():
        index.add(documents)
        index.hnsw.efSearch = ef
        places = index.search(queries, K)[1]
    _check(found[f"HNSW M=32, efSearch={ef}"], places, queries, documents)


@pytest.mark.parametrize("n_probe", N_PROBE)
def test_ivf_pq_has_the_metrics_and_the_recall_of_the_lists_that_faiss_returns(
    found: dict[str, IndexSetting], n_probe: int
) -> None:
    queries, documents = vectors()
    index = faiss.index_factory(DIM, "IVF139,PQ4np", faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
    with one_thread_loops(), one_thread_products():
        index.train(documents)
        index.add(documents)
        index.nprobe = n_probe
        places = index.search(queries, K)[1]
    _check(found[f"IVF139-PQ4, nprobe={n_probe}"], places, queries, documents)


def test_binary_has_the_metrics_of_the_lists_that_faiss_returns_with_ties_as_expected(
    found: dict[str, IndexSetting],
) -> None:
    queries, documents = vectors()
    index = faiss.IndexBinaryFlat(DIM)
    index.add(np.packbits(documents > 0, axis=1))
    ranks = []
    for q, row in enumerate(index.search(np.packbits(queries > 0, axis=1), K)[1].tolist()):
        hamming = np.array([np.count_nonzero((queries[q] > 0) != (documents[d] > 0)) for d in row])
        own = hamming[row.index(q)] if q in row else -1
        above, beside = np.count_nonzero(hamming < own), np.count_nonzero(hamming == own)
        ranks.append(np.mean([1 / (above + 1 + j) for j in range(beside)]) if q in row else 0)
    assert found["binary, all compared"].metrics["MRR"].value == pytest.approx(np.mean(ranks))


def _check(each: IndexSetting, places: np.ndarray, queries: np.ndarray, documents: np.ndarray) -> None:
    best = np.argsort(-(queries @ documents.T), axis=1)[:, :K]
    recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(best.tolist(), places.tolist(), strict=True)])
    assert each.metrics["MRR"].value == pytest.approx(mrr(places), abs=0.01)  # codes of equal score may change places
    assert each.overlap.value == pytest.approx(recall, abs=0.01)
    assert each.changes[0].difference == pytest.approx(each.metrics["MRR"].value - mrr(best), abs=1e-6)


def test_a_wider_search_keeps_no_fewer_of_the_nearest(found: dict[str, IndexSetting]) -> None:
    for kind in ("HNSW", "IVF-PQ"):
        kept = [each.overlap.value for each in found.values() if each.kind == kind]
        assert kept == sorted(kept)
    assert found["HNSW M=32, efSearch=256"].overlap.value > 0.99


def test_bytes_of_a_graph_are_those_that_faiss_writes(found: dict[str, IndexSetting]) -> None:
    _, documents = vectors(4_000)
    index = faiss.IndexHNSWFlat(DIM, M, faiss.METRIC_INNER_PRODUCT)
    with one_thread_loops(), one_thread_products():
        index.add(documents)
    written = len(faiss.serialize_index(index)) / len(documents)
    assert found["HNSW M=32, efSearch=16"].bytes_in_index == pytest.approx(written, rel=0.05)


def test_bytes_of_codes_are_those_of_the_format(found: dict[str, IndexSetting]) -> None:
    sizes = {each.kind: each.bytes_in_index for each in found.values()}
    assert (sizes["exact"], sizes["int8"], sizes["binary"], sizes["IVF-PQ"]) == (4 * DIM, DIM, DIM // 8, 4 + 8)


def test_the_same_lists_come_on_every_run(found: dict[str, IndexSetting]) -> None:
    again = measure(*vectors())
    for name, each in found.items():
        assert replace(each, queries_per_second=None) == replace(again[name], queries_per_second=None)


def test_the_excluded_document_of_a_query_is_in_no_list_and_takes_no_place() -> None:
    queries, documents = vectors(noise=0.0)
    excluded = Cells.of_pairs(np.arange(Q), np.arange(Q), Q)
    second = np.argsort(-(queries @ documents.T), axis=1)[:, 1]
    judged = Judgments.from_lists([[d] for d in second], n_documents=N, excluded=excluded)
    found = measure(queries, documents, judged, k=1)
    assert found["exact"].metrics["Success@1"].value == 1.0
    assert found["HNSW M=32, efSearch=256"].metrics["Success@1"].value == 1.0


def test_few_documents_have_no_ivf_pq_and_the_reason_is_said() -> None:
    judged = Judgments.from_lists([[q] for q in range(Q)], n_documents=100)
    found = measure(*vectors(100), judged)
    assert list(found)[-1] == "IVF-PQ"
    reason = found["IVF-PQ"].reason
    assert reason is not None
    assert reason.startswith("fewer than 1,000 documents (here 100)")
    assert found["IVF-PQ"].metrics["MRR"].value is None
    assert found["HNSW M=32, efSearch=16"].reason is None


def test_a_pool_of_three_is_searched_whole() -> None:
    queries, documents = vectors()
    judged = Judgments.from_lists([[q] for q in range(2)], n_documents=3)
    found = measure(queries[:2], documents[:3], judged, k=3)
    assert found["HNSW M=32, efSearch=16"].overlap.value == 1.0


def test_too_many_documents_are_not_indexed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "MOST_INDEXED", 1_000)
    (only,) = measure(*vectors()).values()
    assert only.reason is not None
    assert "more than 1,000 documents (here 1,200)" in only.reason
    assert MOST_INDEXED == 200_000


@pytest.mark.parametrize(("dim", "parts"), [(1024, 128), (384, 48), (100, 10), (24, 3), (7, 1), (3, 1)])
def test_a_vector_is_cut_into_parts_of_at_least_eight_dimensions_where_it_divides(dim: int, parts: int) -> None:
    assert n_bytes_of(dim) == parts
    assert dim % parts == 0


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    measure(*vectors())
    assert capfd.readouterr() == ("", "")


def test_dimensions_that_fill_no_whole_byte_are_searched_too() -> None:
    queries, documents = vectors(dim=13)
    assert measure(queries, documents)["binary, all compared"].bytes_in_index == 2
