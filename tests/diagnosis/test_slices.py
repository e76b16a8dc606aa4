"""Slices: found where planted, silent where there are none, and tested with the right variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from embedscope.diagnosis.query_features import Feature, QueryFacts, query_features
from embedscope.diagnosis.slices import _Half, find_slices
from embedscope.diagnosis.topics import cluster_rows, name_clusters


def planted(seed: int, *, cost: float, n_clusters: int = 120) -> tuple[np.ndarray, np.ndarray, list[Feature]]:
    """Values of clustered queries; those of "bad" lose theirs with probability ``cost``."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(n_clusters), generator.integers(2, 6, n_clusters))
    n = len(clusters)
    values = (generator.normal(size=n_clusters)[clusters] + generator.normal(size=n) > -0.5).astype(float)
    features = [Feature(f"f{i}", f"f{i}", generator.random(n) < 0.4) for i in range(8)]
    bad = Feature("bad", "bad", generator.random(n_clusters)[clusters] < 0.4)
    values = np.where(bad.rows & (generator.random(n) < cost), 0.0, values)
    return values, clusters, [*features, bad]


def test_without_an_effect_few_runs_report_a_slice() -> None:
    reports = 0
    for seed in range(60):
        values, clusters, features = planted(seed, cost=0.0)
        reports += bool(find_slices(values, clusters, features, generator=np.random.default_rng(seed)).slices)
    assert reports <= 6  # 3 expected at 5 %; 7 or more has a probability of 3 %


def test_a_planted_slice_is_found_with_its_size_and_its_worst_queries_first() -> None:
    values, clusters, features = planted(1, cost=0.6)
    found = find_slices(values, clusters, features, generator=np.random.default_rng(0))
    first = found.slices[0]
    rows = features[-1].rows
    assert first.terms == ("bad",)
    assert first.mean == pytest.approx(values[rows].mean())
    assert first.rest == pytest.approx(values[~rows].mean())
    assert first.low is not None
    assert first.high is not None
    assert first.low < first.effect < first.high < 0
    assert (np.diff(values[first.rows]) >= 0).all()
    assert set(first.rows.tolist()) == set(np.flatnonzero(rows).tolist())


def test_a_conjunction_is_found_where_neither_term_alone_is_as_bad() -> None:
    generator = np.random.default_rng(0)
    clusters = np.arange(1200)
    first, second = (generator.random(1200) < 0.5 for _ in range(2))
    values = np.where(first & second, generator.random(1200) < 0.2, generator.random(1200) < 0.9).astype(float)
    features = [Feature("a", "a", first), Feature("b", "b", second), Feature("c", "c", generator.random(1200) < 0.5)]
    found = find_slices(values, clusters, features, generator=np.random.default_rng(1))
    assert {"a", "b"} == set(found.slices[0].terms)


def test_the_p_value_is_that_of_a_permutation_of_whole_clusters() -> None:
    generator = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), 4)
    inside = np.repeat(generator.random(60) < 0.5, 4)
    values = generator.normal(size=60)[clusters] + generator.normal(size=240)
    half = _Half.of(values, clusters, np.ones(240, dtype=bool))
    (p,) = half.p_values(inside[None, :])

    means = values.reshape(60, 4).mean(axis=1)
    labels = inside.reshape(60, 4)[:, 0]
    observed = means[labels].mean() - means[~labels].mean()
    shuffled = [generator.permutation(labels) for _ in range(4000)]
    reference = np.mean([means[s].mean() - means[~s].mean() <= observed for s in shuffled])
    assert p == pytest.approx(reference, abs=0.02)


def test_queries_without_a_value_and_slices_too_small_take_no_part() -> None:
    values, clusters, features = planted(2, cost=0.6)
    values[features[-1].rows] = np.nan
    tiny = Feature("tiny", "tiny", np.arange(len(values)) < 10)
    found = find_slices(values, clusters, [features[-1], tiny], generator=np.random.default_rng(0))
    assert found.slices == ()
    assert found.n_tried == 0


def test_no_queries_and_no_features_find_nothing() -> None:
    nothing: Sequence[Feature] = []
    assert find_slices(np.ones(50), np.arange(50), nothing, generator=np.random.default_rng(0)).n_tried == 0


def test_clusters_are_named_by_the_words_that_only_they_have() -> None:
    texts = ["room near the market", "room by the market hall", "phòng gần chợ", "phòng cạnh chợ lớn"]
    names = name_clusters(texts, np.array([0, 0, 1, 1]))
    assert "market" in names[0].split()
    assert "chợ" in names[1].split()


def test_the_weight_of_a_word_is_that_of_the_paper() -> None:
    # Words: a in both clusters, b and c in one each; A = 4 / 2; tf = 1/2: w(b) = 0.5 log(1 + 2 / 1) > w(a) = 0.5 log 2
    assert name_clusters(["a b", "a c"], np.array([0, 1])) == {0: "b a", 1: "c a"}


def test_clustering_separates_separate_directions_and_repeats_itself() -> None:
    generator = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3), 20, axis=0) + 0.01 * generator.standard_normal((60, 3))
    labels = cluster_rows(vectors.astype(np.float32), 3, seed=0)
    assert len(set(labels[:20])) == len(set(labels[20:40])) == 1
    assert len(set(labels.tolist())) == 3
    assert (labels == cluster_rows(vectors.astype(np.float32), 3, seed=0)).all()


def test_features_that_all_or_no_queries_have_are_left_out() -> None:
    facts = QueryFacts(
        texts=["phòng trọ quận 10", "phong tro quan 10", "phòng có ban công rộng rãi", "trọ"],
        documents=["Phòng trọ Quận 10"],
        positive_frequency=np.array([1, 1, 6, 6]),
        negative_types=[frozenset({"price"}), frozenset(), frozenset({"price"}), frozenset({"price"})],
        metadata={"city": ["hcm", "hcm", None, "hn"], "id": ["a", "b", "c", "d"]},
    )
    found = {feature.name: feature.rows.tolist() for feature in query_features(facts)}
    assert found["typed without diacritics"] == [False, True, False, False]
    assert found["with a 'price' negative"] == [True, False, True, True]
    assert found["with city = hcm"] == [True, True, False, False]
    assert found["whose positive is shared by five or more"] == [False, False, True, True]
    assert all(0 < sum(rows) < 4 for rows in found.values())
    assert not any("Latin" in name for name in found)
