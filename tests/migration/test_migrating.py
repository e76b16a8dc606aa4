"""Migration on planted swaps: what is claimed of a rotation, an unrelated space, noise, a better and an equal model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata
from tests.support.scene import write_rows

from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.migration import migrate, serving_paths
from embedscope.migration.adapter_fits import fit_adapters
from embedscope.migration.model_swap import ModelSwap
from embedscope.migration.serving_paths import METRICS
from embedscope.models.embed import Embeddings
from embedscope.models.precomputed import load_precomputed
from embedscope.result import Migration, MigrationPath, ModelFacts, PathKind
from embedscope.settings import MigrateSettings, Settings, SimilarityFunction

DIM = 12
N = 160


@dataclass(frozen=True)
class World:
    """A data set, and vectors for its queries and documents in which the answers can be found."""

    folder: Path
    data: Path
    collection: Collection
    queries: np.ndarray
    documents: np.ndarray

    def file(self, name: str, queries: np.ndarray, documents: np.ndarray) -> str:
        """An embedding file of these vectors."""
        texts = [*self.collection.queries, *self.collection.documents]
        np.savez(self.folder / name, texts=np.array(texts), vectors=np.vstack([queries, documents]).astype(np.float32))
        return str(self.folder / f"{name}.npz")

    def migrated(self, queries: np.ndarray, documents: np.ndarray, **options: Any) -> Migration:
        """OLD, which is the world's own vectors, swapped for NEW."""
        old, new = self.file("old", self.queries, self.documents), self.file("new", queries, documents)
        settings = Settings.of(data=str(self.data), draws=200, max_samples=0)
        return migrate(settings, MigrateSettings(old=old, new=new, **options))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("migration")
    data = write_rows(folder / "data.json", N)
    collection = read_collection(str(data))
    return World(folder, data, collection, *vectors(collection, seed=0))


def vectors(collection: Collection, *, seed: int, dim: int = DIM, noise: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    documents = unit(generator.standard_normal((len(collection.documents), dim)))
    first = documents[collection.relevant[collection.indptr[:-1]]]
    return unit(first + noise * generator.standard_normal(first.shape)), documents


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rotation(seed: int = 5) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((DIM, DIM)))[0]


def mrr(path: MigrationPath) -> float:
    value = path.metrics["MRR"].value
    assert value is not None
    return value


def from_old(path: MigrationPath) -> float:
    return path.from_old[0].difference


@pytest.fixture(scope="module")
def rotated(world: World) -> Migration:
    return world.migrated(world.queries @ rotation(), world.documents @ rotation())


# --- what is claimed ----------------------------------------------------------------------------------------------


def test_a_rotation_costs_an_adapter_nothing(rotated: Migration) -> None:
    for kind in (PathKind.ORTHOGONAL, PathKind.AFFINE):
        path = rotated.path(kind)
        assert path.from_old[0].difference == pytest.approx(0, abs=1e-4)
        assert path.from_new[0].difference == pytest.approx(0, abs=1e-4)
    assert [fit.identified.value for fit in rotated.adapters] == [1.0, 1.0]
    assert [fit.cosine.value for fit in rotated.adapters] == pytest.approx([1.0, 1.0], abs=1e-5)


def test_a_rotation_ruins_new_queries_on_an_old_or_mixed_index(rotated: Migration) -> None:
    assert mrr(rotated.path(PathKind.UNADAPTED)) < 0.05
    for share in (0.25, 0.5, 0.75):
        mixed = rotated.path(PathKind.MIXED_UNADAPTED, share)
        assert mixed.from_old[0].is_surely(-1)
        for kind in (PathKind.MIXED_ADAPTED, PathKind.MIXED_BOTH, PathKind.MIXED_SCALED):
            assert from_old(rotated.path(kind, share)) == pytest.approx(0, abs=2e-3)
    advice = " ".join(rotated.advice)
    assert "No gain is shown" in rotated.advice[0]
    assert "Do not serve NEW queries on the OLD index as they are" in advice


def test_a_rotation_changes_no_list(rotated: Migration) -> None:
    assert rotated.turnover.changed.value == pytest.approx(0, abs=1e-3)
    assert rotated.turnover.rank_biased_overlap.value == pytest.approx(1, abs=1e-3)
    assert (rotated.n_lost, rotated.n_gained, rotated.is_same) == (0, 0, False)


def test_no_map_is_found_between_spaces_that_have_nothing_in_common(world: World) -> None:
    found = world.migrated(*vectors(world.collection, seed=9))
    for kind in (PathKind.ORTHOGONAL, PathKind.AFFINE):
        assert mrr(found.path(kind)) < 0.05
    assert "no better than chance" in " ".join(found.advice)
    assert found.turnover.changed.at_least > 0.7
    assert all(fit.identified.value is not None and fit.identified.value < 0.05 for fit in found.adapters)


def test_a_little_noise_loses_a_little_on_every_path_and_less_than_an_unadapted_rotation(world: World) -> None:
    generator = np.random.default_rng(2)
    noisy = [unit(rows + 0.01 * generator.standard_normal(rows.shape)) for rows in (world.queries, world.documents)]
    found = world.migrated(*noisy)
    for path in found.paths:
        assert path.kind is PathKind.OLD or abs(from_old(path)) < 0.03
    assert "No loss is shown for NEW queries on the OLD index as they are" in " ".join(found.advice)


def test_equal_models_change_nothing(world: World) -> None:
    found = world.migrated(3 * world.queries, 3 * world.documents)  # no cosine knows a norm
    assert found.is_same
    assert found.advice == (
        "Nothing changes: OLD and NEW give the same vectors, and no document has to be encoded again.",
    )
    assert {round(from_old(path), 9) for path in found.paths if path.from_old} == {0.0}


def test_a_better_model_is_worth_encoding_all_again(world: World) -> None:
    worse = unit(world.queries + 0.6 * np.random.default_rng(3).standard_normal(world.queries.shape))
    old, new = world.file("old", worse, world.documents), world.file("new", world.queries, world.documents)
    settings = Settings.of(data=str(world.data), draws=200, max_samples=0)
    found = migrate(settings, MigrateSettings(old=old, new=new, corpus=2_000_000, encode_rate=100.0))
    assert found.advice[0].startswith("Encode all again: +0.")
    assert "2M documents, about 5.6 h of encoding" in found.advice[0]
    assert "shows no loss" in found.advice[1]  # the documents are the same, so the OLD index will do
    kept = found.path(PathKind.AFFINE).kept
    assert kept.value == pytest.approx(1, abs=0.05)
    assert kept.at_least > 0.5
    back = migrate(settings, MigrateSettings(old=new, new=old))
    assert back.advice[0].startswith("Stay with OLD: NEW changes MRR by -0.")
    assert len(back.advice) == 1


# --- against references -------------------------------------------------------------------------------------------


def reciprocal_ranks(world: World, scores: np.ndarray) -> np.ndarray:
    first = world.collection.relevant[world.collection.indptr[:-1]]
    return 1 / (1 + (scores > scores[np.arange(len(scores)), first][:, np.newaxis]).sum(axis=1))


def test_values_are_those_of_plain_numpy(world: World) -> None:
    queries, documents = vectors(world.collection, seed=4)
    found = world.migrated(queries, documents)
    ours, theirs = world.queries @ world.documents.T, queries @ documents.T
    assert mrr(found.path(PathKind.OLD)) == pytest.approx(reciprocal_ranks(world, ours).mean(), abs=1e-6)
    assert mrr(found.path(PathKind.NEW)) == pytest.approx(reciprocal_ranks(world, theirs).mean(), abs=1e-6)
    crossed = reciprocal_ranks(world, queries @ world.documents.T).mean()
    assert mrr(found.path(PathKind.UNADAPTED)) == pytest.approx(crossed, abs=1e-6)
    fused = 1 / (60 + rankdata(-ours, axis=1)) + 1 / (60 + rankdata(-theirs, axis=1))
    above = fused > fused[np.arange(N), world.collection.relevant][:, np.newaxis] + 1e-12
    tied = np.isclose(fused, fused[np.arange(N), world.collection.relevant][:, np.newaxis], rtol=0, atol=1e-12)
    expected = [
        np.mean(1 / (g + np.arange(1, e + 1))) for g, e in zip(above.sum(axis=1), tied.sum(axis=1), strict=True)
    ]
    assert mrr(found.path(PathKind.FUSED)) == pytest.approx(np.mean(expected), abs=1e-6)


def test_a_mixed_index_is_that_of_plain_numpy(world: World) -> None:
    queries, documents = vectors(world.collection, seed=4)
    found = world.migrated(queries, documents)
    ours, theirs = world.queries @ world.documents.T, queries @ documents.T
    generator = np.random.default_rng(42)
    n = len(documents)
    generator.permutation(n)  # the halves, and the sample of each
    generator.permutation(n // 2), generator.permutation(n - n // 2)
    draws = [generator.permutation(n)[: round(0.25 * n)] for _ in range(5)]
    raw, scaled = [], []
    scale = ours.std() / theirs.std()
    for rows in draws:
        is_new = np.isin(np.arange(n), rows)
        raw.append(reciprocal_ranks(world, np.where(is_new, theirs, ours)).mean())
        moved = scale * (theirs - theirs.mean()) + ours.mean()
        scaled.append(reciprocal_ranks(world, np.where(is_new, moved, ours)).mean())
    path = found.path(PathKind.MIXED_BOTH, 0.25)
    assert path.draws == pytest.approx(raw, abs=1e-6)
    assert mrr(path) == pytest.approx(np.mean(raw), abs=1e-6)
    assert found.path(PathKind.MIXED_SCALED, 0.25).draws == pytest.approx(scaled, abs=1e-4)


def test_a_difference_is_the_difference_of_the_means(rotated: Migration, world: World) -> None:
    found = world.migrated(*vectors(world.collection, seed=4, noise=0.4))
    for path in found.paths:
        for comparisons, other in ((path.from_old, PathKind.OLD), (path.from_new, PathKind.NEW)):
            for each in comparisons:
                ours, theirs = path.metrics[each.metric].value, found.path(other).metrics[each.metric].value
                assert ours is not None
                assert theirs is not None
                assert each.difference == pytest.approx(ours - theirs, abs=1e-9)


def test_old_and_new_alone_are_what_a_run_finds_of_queries_that_are_documents_by_dot_product(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(40)]
    rows = [{"query": texts[i], "pos": texts[(i + 7) % 40], "hard_neg": [texts[(i + 3) % 40]]} for i in range(40)]
    (tmp_path / "data.json").write_text(json.dumps(rows), encoding="utf-8")
    generator = np.random.default_rng(0)
    names = [str(tmp_path / f"{name}.npz") for name in ("old", "new")]
    for name in names:
        np.savez(name, texts=np.array(texts), vectors=generator.standard_normal((40, 5)).astype(np.float32) * 3)
    settings = Settings.of(data=str(tmp_path / "data.json"), draws=200, max_samples=0, similarity="dot")
    found = migrate(settings, MigrateSettings(old=names[0], new=names[1]))
    assert found.data.n_own_documents == 40
    assert [fit.n_queries for fit in found.adapters] == [40, 40]
    assert "40 of the documents that the adapters were fitted on are queries as well" in " ".join(found.notes)
    collection = read_collection(str(tmp_path / "data.json"))
    query_set = QuerySet.of(collection, seed=42, draws=200)
    for kind, name in ((PathKind.OLD, names[0]), (PathKind.NEW, names[1])):
        vectors_of_run = load_precomputed(name, collection, similarity=SimilarityFunction.DOT)
        ranked = rank(collection, vectors_of_run, query_set, settings.with_options(metrics=METRICS))
        for metric in METRICS:
            expected = float(ranked.values[metric].mean())
            assert found.path(kind).metrics[metric].value == pytest.approx(expected, abs=1e-9)
    assert mrr(found.path(PathKind.FUSED)) < 1


# --- honesty ------------------------------------------------------------------------------------------------------


def test_the_fused_path_is_the_same_however_many_queries_are_ranked_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = vectors(world.collection, seed=3)
    whole = world.migrated(*other).path(PathKind.FUSED)
    monkeypatch.setattr(serving_paths, "_FUSED_QUERIES", 7)
    assert world.migrated(*other).path(PathKind.FUSED).metrics == whole.metrics


def swap_of(collection: Collection, *sides: tuple[np.ndarray, np.ndarray]) -> ModelSwap:
    facts = ModelFacts(checkpoint="made up", layout="none", dim=DIM)
    old, new = (Embeddings(*(rows.astype(np.float32) for rows in side), facts) for side in sides)
    return ModelSwap.of(collection, QuerySet.of(collection, seed=0, draws=200), old, new)


def test_no_document_is_scored_by_a_map_that_was_fitted_on_it(world: World) -> None:
    # OLD vectors of the documents are random: a map can only know those that it has seen.
    generator = np.random.default_rng(6)
    old = tuple(unit(generator.standard_normal((n, 200))) for n in (N, len(world.documents)))
    swap = swap_of(world.collection, old, vectors(world.collection, seed=7, dim=200))
    for adapter in fit_adapters(swap, world.collection, Settings(), most=10_000, generator=generator):
        assert sorted([*adapter.scored[0], *adapter.scored[1]]) == list(range(swap.n_documents))
        for map_, unseen, seen in zip(adapter.adapters, adapter.scored, adapter.scored[::-1], strict=True):
            carried = map_.carried(swap.new_documents, is_unit=True)
            cosine = (carried * swap.old_documents).sum(axis=1)
            assert abs(cosine[unseen].mean()) < 0.02
            assert cosine[seen].mean() > 0.1
        assert adapter.fit.cosine.value == pytest.approx(0, abs=0.02)


def test_a_document_that_is_a_query_is_fitted_on_by_neither_half(tmp_path: Path) -> None:
    rows = [{"query": f"alpha {i}", "pos": f"beta {i}", "hard_neg": [f"alpha {(i + 1) % 20}"]} for i in range(20)]
    (tmp_path / "data.json").write_text(json.dumps(rows), encoding="utf-8")
    collection = read_collection(str(tmp_path / "data.json"))
    assert len(collection.documents) == 40
    swap = swap_of(collection, vectors(collection, seed=1), vectors(collection, seed=2))
    (first, _) = fit_adapters(swap, collection, Settings(), most=10_000, generator=np.random.default_rng(0))
    assert first.fit.n_fitted == 20


def test_spaces_of_unequal_width_are_bridged_by_adapters_alone(world: World) -> None:
    padded = [np.pad(rows, ((0, 0), (0, 4))) @ np.eye(DIM + 4)[::-1] for rows in (world.queries, world.documents)]
    found = world.migrated(*padded)
    unadapted = found.path(PathKind.UNADAPTED)
    assert (unadapted.metrics, unadapted.from_old) == ({}, ())
    assert "unequal width" in str(unadapted.reason)
    assert from_old(found.path(PathKind.ORTHOGONAL)) == pytest.approx(0, abs=1e-4)


def test_the_same_seed_gives_the_same_figures(rotated: Migration, world: World) -> None:
    assert world.migrated(world.queries @ rotation(), world.documents @ rotation()).paths == rotated.paths


def test_costs_follow_the_size_of_the_corpus(world: World) -> None:
    found = world.migrated(*vectors(world.collection, seed=4, dim=6), corpus=1_000_000)
    cost = found.cost
    assert (cost.old_bytes, cost.new_bytes) == (1_000_000 * DIM * 4, 1_000_000 * 6 * 4)
    assert (cost.hours, cost.head) == (None, None)
    assert "--encode-rate" in cost.rate_source
    texts = {(path.kind, path.share): path.n_texts for path in found.paths}
    assert texts[PathKind.NEW, 1.0] == 1_000_000
    assert texts[PathKind.MIXED_BOTH, 0.25] == 250_000
    assert texts[PathKind.AFFINE, 0.0] == found.adapters[1].n_fitted == len(world.documents)
    assert found.path(PathKind.FUSED).n_bytes == cost.old_bytes + cost.new_bytes
