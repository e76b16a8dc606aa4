"""Slices: found where planted, silent where there are none, and tested with the right variance."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from embedscope.diagnose.query_features import Feature, QueryFacts, query_features
from embedscope.diagnose.slices import _Half, find_slices
from embedscope.diagnose.themes import ThemeLevel
from embedscope.packs.rental_vi import PACK
from embedscope.stats.resampler import Resampler


def resampler(clusters: np.ndarray, seed: int = 0) -> Resampler:
    return Resampler(clusters, 2_000, seed)


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


def test_without_an_effect_at_most_one_run_in_twenty_reports_a_slice() -> None:
    reports = 0
    for seed in range(200):
        values, clusters, features = planted(seed, cost=0.0)
        found = find_slices(values, features, resampler(clusters, seed))
        reports += bool(found.slices)
    assert reports <= 10


def test_where_whole_clusters_fail_together_without_an_effect_at_most_one_run_in_twenty_reports_a_slice() -> None:
    """Every value of a cluster is the same, and half of them fail: small slices without any spread are common."""
    reports = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(60), 5)
        values = (generator.random(60) < 0.5).astype(float)[clusters]
        names = [f"c{i}" for i in range(12)]
        features = [Feature(name, name, (generator.random(60) < 0.3)[clusters]) for name in names]
        reports += bool(find_slices(values, features, resampler(clusters, seed)).slices)
    assert reports <= 10


@pytest.mark.parametrize(("n_bad", "others"), [(60, 1.0), (20, 1.0), (60, 0.999)])
def test_a_slice_that_fails_without_exception_is_the_clearest_of_all(n_bad: int, others: float) -> None:
    """Neither side has any spread (or nearly none), so that the difference is beyond doubt."""
    generator = np.random.default_rng(0)
    clusters = np.repeat(np.arange(150), 4)
    is_bad = np.isin(clusters, generator.permutation(150)[:n_bad])
    values = np.where(is_bad, 0.0, 1.0)
    values[np.flatnonzero(~is_bad)[0]] = others
    features = [Feature(f"f{i}", f"f{i}", generator.random(600) < 0.4) for i in range(4)]
    found = find_slices(values, [*features, Feature("bad", "bad", is_bad)], resampler(clusters))
    assert found.slices[0].terms == ("bad",)
    assert found.slices[0].effect == pytest.approx(-1, abs=0.01)
    assert found.slices[0].p < 0.01


def test_equal_values_are_no_evidence() -> None:
    half = _Half.of(np.ones(40), np.arange(40), np.ones(40, dtype=bool))
    assert half.p_values(np.arange(40)[None, :] < 20).tolist() == [1.0]


def test_the_components_of_the_variance_are_those_of_the_analysis_of_variance() -> None:
    # Clusters (0, 1), (2, 5), (4,): mean 2.4; SSW = 0.5 + 4.5, SSB = 17.2 - 5; n0 = (5 - 9 / 5) / 2.
    values, clusters = np.array([0.0, 1.0, 2.0, 5.0, 4.0]), np.array([7, 7, 2, 2, 9])
    half = _Half.of(values, clusters, np.ones(5, dtype=bool))
    within = 5.0 / 2
    assert half.components == pytest.approx(((12.2 / 2 - within) / 1.6, within))


def test_the_masks_of_all_conjunctions_are_never_held_at_once() -> None:
    generator = np.random.default_rng(0)
    n = 4000
    features = [Feature(f"f{i}", f"f{i}", generator.random(n) < 0.4) for i in range(24)]
    values = (generator.random(n) < 0.8).astype(float)
    tracemalloc.start()
    try:
        found = find_slices(values, features, resampler(np.arange(n)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.n_tried > 2000
    assert peak < found.n_tried * n * 4  # half of the float64 rows of one half of the queries alone


def test_a_planted_slice_is_found_with_its_size_and_its_worst_queries_first() -> None:
    values, clusters, features = planted(1, cost=0.6)
    found = find_slices(values, features, resampler(clusters))
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
    found = find_slices(values, features, resampler(clusters, 1))
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
    found = find_slices(values, [features[-1], tiny], resampler(clusters))
    assert found.slices == ()
    assert found.n_tried == 0


def test_no_queries_and_no_features_find_nothing() -> None:
    nothing: Sequence[Feature] = []
    assert find_slices(np.ones(50), nothing, resampler(np.arange(50))).n_tried == 0


def test_each_broad_theme_is_a_slice_of_its_queries() -> None:
    themes = ThemeLevel(("noisy fan", "late parcel"), np.array([0, 1, -1, 0]), np.zeros(0, dtype=np.int64))
    facts = QueryFacts(["a", "b", "c", "d"], (), np.ones(4, dtype=np.int64), [frozenset()] * 4, {}, themes)
    found = {feature.name: feature.rows.tolist() for feature in query_features(facts) if feature.family == "theme"}
    assert found == {
        "about 'noisy fan'": [True, False, False, True],
        "about 'late parcel'": [False, True, False, False],
    }


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


def test_two_languages_in_one_script_are_two_slices_in_an_order_that_is_always_the_same() -> None:
    texts = ["phòng trọ quận 10", "room in district 5", "комната в центре", "nhà nguyên căn", "房间"]
    facts = QueryFacts(texts, (), np.ones(5, dtype=np.int64), [frozenset()] * 5, {})
    names = [feature.name for feature in query_features(facts, attributes=PACK) if feature.family == "language"]
    assert names == ["in Cyrillic script", "in Han script", "in Latin script", "in English", "in Vietnamese"]


def test_without_a_pack_texts_are_differing_parts_by_script_and_not_by_language() -> None:
    facts = QueryFacts(["quiet room", "комната", "房间"], (), np.ones(3, dtype=np.int64), [frozenset()] * 3, {})
    names = [feature.name for feature in query_features(facts) if feature.family == "language"]
    assert names == ["in Cyrillic script", "in Han script", "in Latin script"]
