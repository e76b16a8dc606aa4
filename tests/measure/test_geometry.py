"""Geometry of a run: planted collapses, gaps and hubs are seen; spaces are compared on the same terms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from embedscope.measure.geometry import measure_geometry
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.resampler import Resampler

Q, N, DIM = 60, 150, 24
Space = tuple[np.ndarray, np.ndarray]


def judgments() -> Judgments:
    return Judgments.from_lists([[q] for q in range(Q)], n_documents=N)


def healthy(seed: int = 0) -> Space:
    rng = np.random.default_rng(seed)
    documents = rng.standard_normal((N, DIM))
    queries = documents[:Q] + 0.5 * rng.standard_normal((Q, DIM))
    return unit_rows(queries.astype(np.float32)), unit_rows(documents.astype(np.float32))


def measure(spaces: dict[str, Space]):  # type: ignore[no-untyped-def]
    judged = judgments()
    clusters = clusters_from_judgments(judged.indptr, judged.documents, N)
    resampler = Resampler(clusters, 200, 1)
    return measure_geometry(spaces, judged, resampler, generator=np.random.default_rng(0))


def test_a_healthy_space_uses_its_directions_and_shows_no_gap() -> None:
    space = measure({"model": healthy()}).spaces["model"]
    assert space.documents.effective_rank > 0.9 * DIM
    assert abs(space.documents.mean_cosine) < 0.02
    assert space.documents.uniformity < -3
    assert space.split_auc.value == pytest.approx(0.5, abs=0.15)
    assert space.overlap is None


def test_alignment_is_that_of_the_relevant_pairs_and_has_an_interval() -> None:
    queries, documents = healthy()
    alignment = measure({"model": (queries, documents)}).spaces["model"].alignment
    expected = np.mean(np.sum((queries - documents[:Q]).astype(float) ** 2, axis=1))
    assert alignment.value == pytest.approx(expected, rel=1e-5)
    assert alignment.low < alignment.value < alignment.high


def test_a_collapsed_subspace_shows_in_the_spectrum_and_in_the_neighbours_lost() -> None:
    queries, documents = healthy()
    flat = np.zeros(DIM, dtype=np.float32)
    flat[:4] = 1
    collapsed = unit_rows(queries * flat), unit_rows(documents * flat)
    spaces = measure({"model": collapsed, "base": (queries, documents)}).spaces
    assert spaces["model"].documents.effective_rank < 4.1
    assert spaces["model"].documents.n_directions <= 4
    assert spaces["model"].overlap.value < 0.5
    assert spaces["base"].overlap is None


def test_a_rotation_of_the_base_changes_nothing_at_all() -> None:
    queries, documents = healthy()
    rotation = ortho_group.rvs(DIM, random_state=0).astype(np.float32)
    turned = unit_rows(queries @ rotation), unit_rows(documents @ rotation)
    spaces = measure({"model": turned, "base": (queries, documents)}).spaces
    after, before = spaces["model"], spaces["base"]
    assert after.overlap.value == 1.0
    assert after.documents.effective_rank == pytest.approx(before.documents.effective_rank, rel=1e-4)
    assert after.queries.uniformity == pytest.approx(before.queries.uniformity, abs=1e-5)
    assert after.split_auc.value == pytest.approx(before.split_auc.value, abs=1e-3)
    assert np.array_equal(after.hubness.hubs, before.hubness.hubs)


def test_a_gap_between_queries_and_documents_is_seen_by_distance_and_split() -> None:
    queries, documents = healthy()
    shift = np.zeros(DIM, dtype=np.float32)
    shift[0] = 0.8
    space = measure({"model": (unit_rows(queries + shift), unit_rows(documents - shift))}).spaces["model"]
    assert space.centroid_distance > 1
    assert space.split_auc.value > 0.99
    assert space.split_accuracy.value > 0.95


def test_a_hub_stands_first_with_the_lists_in_which_it_is_wrong() -> None:
    queries, documents = healthy()
    centre = queries.mean(axis=0)
    documents = documents.copy()
    documents[3] = centre / np.linalg.norm(centre)
    pull = unit_rows(queries + 0.9 * documents[3])
    hubness = measure({"model": (pull, documents)}).spaces["model"].hubness
    assert hubness.hubs[0] == 3
    assert hubness.hub_occurrences[0] == hubness.hub_wrong_occurrences[0] + 1  # right for query 3
    assert hubness.hub_wrong_occurrences[0] > Q / 2
    assert hubness.skewness > 3 * hubness.chance_skewness


def test_relevant_documents_out_of_every_list_are_counted() -> None:
    queries, documents = healthy()
    away = documents.copy()
    away[:6] = -queries.mean(axis=0) / np.linalg.norm(queries.mean(axis=0))
    pull = unit_rows(queries + 0.9 * queries.mean(axis=0) / np.linalg.norm(queries.mean(axis=0)))
    hubness = measure({"model": (pull, away)}).spaces["model"].hubness
    assert hubness.relevant_anti_hub_share >= 6 / Q


def test_equal_vectors_give_reasons_instead_of_numbers() -> None:
    same = np.tile(healthy()[0][:1], (N, 1))
    space = measure({"model": (same[:Q], same)}).spaces["model"]
    assert space.documents.participation_ratio is None
    assert space.split_auc.value is None
    assert space.split_auc.reason is not None
    assert space.documents.uniformity == pytest.approx(0, abs=1e-5)
    assert space.documents.mean_cosine == pytest.approx(1)


def test_a_corpus_smaller_than_the_list_is_listed_whole() -> None:
    queries, documents = healthy()
    judged = Judgments.from_lists([[q % 4] for q in range(Q)], n_documents=4)
    resampler = Resampler(np.arange(Q), 200, 1)
    rng = np.random.default_rng(0)
    geometry = measure_geometry({"model": (queries, documents[:4])}, judged, resampler, generator=rng)
    assert geometry.k == 4
    assert geometry.spaces["model"].hubness.skewness is None
    assert geometry.spaces["model"].hubness.gini == 0
