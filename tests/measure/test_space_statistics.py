"""Geometry of vectors: hand-worked numbers, scipy and scikit-learn as oracles, invariances, degenerate clouds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import binom, entropy, ortho_group, skew
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.measure import space_statistics as geometry
from embedscope.measure.space_statistics import (
    alignment_by_pair,
    centroid_distance,
    chance_hubness,
    hubness,
    k_occurrences,
    linear_split,
    mean_cosine_of_pairs,
    overlap_at_k,
    spectrum,
    uniformity,
    wrong_occurrences,
)
from embedscope.metrics.vectors import unit_rows


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def cloud(seed: int, n: int, dim: int) -> np.ndarray:
    return unit_rows(generator(seed).standard_normal((n, dim)) + 0.3)


clouds = st.builds(cloud, st.integers(0, 10_000), st.integers(3, 40), st.integers(2, 8))


# --- spectrum -------------------------------------------------------------------------------------------------------


def test_orthogonal_directions_of_equal_strength_count_as_many_as_they_are() -> None:
    found = spectrum(np.vstack([np.eye(4), -np.eye(4)]))
    assert found.effective_rank == pytest.approx(4)
    assert found.participation_ratio == pytest.approx(4)
    assert found.n_directions == 4
    assert found.shares == pytest.approx([0.25] * 4)


def test_spectrum_of_two_unequal_directions_is_that_worked_by_hand() -> None:
    # Rows +-3 e1 and +-1 e2: singular values 3 sqrt 2 and sqrt 2, variances 4.5 and 0.5.
    found = spectrum(np.array([[3.0, 0], [-3.0, 0], [0, 1.0], [0, -1.0]]))
    assert found.shares == pytest.approx([0.9, 0.1])
    assert found.participation_ratio == pytest.approx(1 / (0.81 + 0.01))
    assert found.effective_rank == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    assert found.n_directions == 1
    assert spectrum(np.eye(3), share=1.0).n_directions == 2  # three points span a plane


@settings(max_examples=25)
@given(clouds)
def test_spectrum_agrees_with_singular_value_decompositions(vectors: np.ndarray) -> None:
    singular = np.linalg.svd(vectors, compute_uv=False)
    variances = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    found = spectrum(vectors)
    assert found.effective_rank == pytest.approx(np.exp(entropy(singular / singular.sum())), rel=1e-5)
    assert found.shares[: len(variances)] == pytest.approx(variances / variances.sum(), abs=1e-12)
    assert found.participation_ratio == pytest.approx(variances.sum() ** 2 / (variances**2).sum())
    assert found.n_directions == int(np.argmax(np.cumsum(found.shares) >= 0.9 - 1e-12)) + 1


@settings(max_examples=25)
@given(clouds, st.integers(0, 100), st.floats(0.01, 100))
def test_rotation_order_and_scale_leave_the_spectrum_unchanged(vectors: np.ndarray, seed: int, factor: float) -> None:
    rotation = ortho_group.rvs(vectors.shape[1], random_state=seed)
    moved = factor * vectors[generator(seed).permutation(len(vectors))] @ rotation
    before, after = spectrum(vectors), spectrum(moved)
    assert after.shares == pytest.approx(before.shares, abs=1e-9)
    assert after.effective_rank == pytest.approx(before.effective_rank, rel=1e-5)


def test_a_collapsed_subspace_shows_in_every_count_and_float32_rounding_adds_no_direction() -> None:
    low = generator().standard_normal((500, 9)) @ generator(1).standard_normal((9, 128))
    found = spectrum(unit_rows(low).astype(np.float32))
    assert found.effective_rank < 9.2
    assert found.participation_ratio is not None
    assert found.participation_ratio < 9.1
    assert found.n_directions is not None
    assert found.n_directions <= 9


def test_equal_rows_have_one_direction_and_no_variance() -> None:
    found = spectrum(np.tile(cloud(0, 1, 6), (7, 1)).astype(np.float32))
    assert found.effective_rank == pytest.approx(1, abs=1e-5)
    assert found.participation_ratio is None
    assert found.n_directions is None
    assert not found.shares.any()


def test_a_spectrum_without_rows_or_of_an_impossible_share_is_refused() -> None:
    with pytest.raises(TooFewPointsError, match="at least 1, got 0"):
        spectrum(np.empty((0, 3)))
    with pytest.raises(InvalidOptionError, match=r"got 1\.5"):
        spectrum(np.eye(3), share=1.5)


# --- alignment, uniformity, mean cosine -----------------------------------------------------------------------------


def test_alignment_is_zero_for_equal_two_for_orthogonal_and_four_for_opposite_vectors() -> None:
    queries, documents = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    found = alignment_by_pair(queries, documents, np.array([0, 0, 0]), np.array([0, 1, 2]))
    assert found == pytest.approx([0, 2, 4])


def test_uniformity_of_orthogonal_and_of_opposite_rows_is_that_worked_by_hand() -> None:
    assert uniformity(np.eye(5), generator=generator()).value == pytest.approx(-4)  # all distances sqrt 2
    opposite = np.array([[1.0, 0], [-1.0, 0], [1.0, 0]])  # squared distances 4, 0, 4
    assert uniformity(opposite, generator=generator()).value == pytest.approx(np.log((2 * np.exp(-8) + 1) / 3))


@settings(max_examples=25)
@given(clouds, st.floats(0.5, 4))
def test_uniformity_agrees_with_all_distances_made_by_scipy(vectors: np.ndarray, t: float) -> None:
    expected = np.log(np.exp(-t * pdist(vectors, "sqeuclidean")).mean())
    assert uniformity(vectors, generator=generator(), t=t).value == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_uniformity_does_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = cloud(0, 50, 6)
    expected = uniformity(vectors, generator=generator())
    monkeypatch.setattr(geometry, "_BLOCK_ROWS", 7)
    assert uniformity(vectors, generator=generator()).value == pytest.approx(expected.value, rel=1e-12)


def test_uniformity_of_many_rows_is_that_of_a_seeded_part_and_says_so() -> None:
    vectors = cloud(0, 3000, 8)
    exact = uniformity(vectors, generator=generator())
    part = uniformity(vectors, generator=generator(3), max_rows=1000)
    assert (exact.is_exact, exact.n_rows) == (True, 3000)
    assert (part.is_exact, part.n_rows) == (False, 1000)
    assert part.value == pytest.approx(exact.value, abs=0.03)
    assert part == uniformity(vectors, generator=generator(3), max_rows=1000)


@settings(max_examples=25)
@given(clouds)
def test_mean_cosine_agrees_with_the_mean_over_all_pairs(vectors: np.ndarray) -> None:
    expected = (1 - pdist(vectors, "cosine")).mean()
    assert mean_cosine_of_pairs(vectors) == pytest.approx(expected, abs=1e-12)


def test_figures_over_pairs_refuse_a_single_row() -> None:
    for measure in (mean_cosine_of_pairs, lambda rows: uniformity(rows, generator=generator())):
        with pytest.raises(TooFewPointsError, match="at least 2, got 1"):
            measure(np.eye(1, 3))


# --- queries against documents --------------------------------------------------------------------------------------


def test_centroid_distance_is_that_worked_by_hand() -> None:
    queries, documents = np.array([[1.0, 0], [0, 1.0]]), np.array([[-1.0, 0], [0, 1.0]])
    assert centroid_distance(queries, documents) == pytest.approx(1.0)  # (0.5, 0.5) and (-0.5, 0.5)


def test_linear_split_finds_a_gap_and_finds_none_where_roles_are_alike() -> None:
    vectors = generator().standard_normal((600, 10))
    shift = np.zeros(10)
    shift[0] = 6.0
    apart = linear_split(vectors[:300], vectors[300:] + shift, generator=generator())
    alike = linear_split(vectors[:300], vectors[300:], generator=generator())
    assert apart is not None
    assert apart.auc > 0.999
    assert apart.accuracy > 0.98
    assert alike is not None
    assert alike.auc == pytest.approx(0.5, abs=0.08)
    assert alike.accuracy == pytest.approx(0.5, abs=0.08)


def test_linear_split_agrees_with_the_shrunk_discriminant_of_scikit_learn() -> None:
    rng = generator(5)
    queries, documents = rng.standard_normal((60, 6)), rng.standard_normal((90, 6)) * 1.5 + 0.4
    found = linear_split(queries, documents, generator=generator(9))
    deal = generator(9)
    folds = [deal.permutation(60) % 5, deal.permutation(90) % 5]
    aucs, accuracies = [], []
    for fold in range(5):
        train = np.vstack([queries[folds[0] != fold], documents[folds[1] != fold]])
        labels = np.repeat([1, 0], [(folds[0] != fold).sum(), (folds[1] != fold).sum()])
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=geometry.SHRINKAGE, priors=[0.5, 0.5])
        model.fit(train, labels)
        held_out = [queries[folds[0] == fold], documents[folds[1] == fold]]
        q, d = (model.decision_function(rows) for rows in held_out)
        aucs.append(roc_auc_score(np.repeat([1, 0], [len(q), len(d)]), np.concatenate([q, d])))
        accuracies.append(((q > 0).mean() + (d < 0).mean()) / 2)
    assert found is not None
    assert found.auc == pytest.approx(np.mean(aucs), abs=1e-12)
    assert found.accuracy == pytest.approx(np.mean(accuracies), abs=1e-12)


def test_rotation_and_scale_leave_the_gap_unchanged() -> None:
    queries, documents = cloud(1, 40, 5), cloud(2, 30, 5) + 0.1
    rotation = ortho_group.rvs(5, random_state=0)
    before = linear_split(queries, documents, generator=generator())
    after = linear_split(3 * queries @ rotation, 3 * documents @ rotation, generator=generator())
    assert before is not None
    assert after is not None
    assert after.auc == pytest.approx(before.auc, abs=1e-9)
    assert centroid_distance(3 * queries @ rotation, 3 * documents @ rotation) == pytest.approx(
        3 * centroid_distance(queries, documents)
    )


def test_a_split_of_too_few_or_of_equal_rows_does_not_exist() -> None:
    assert linear_split(np.eye(3), np.eye(3), generator=generator()) is None
    same = np.tile(cloud(0, 1, 4), (10, 1))
    assert linear_split(same, same, generator=generator()) is None


# --- hubs -----------------------------------------------------------------------------------------------------------


def test_occurrences_and_their_inequality_are_those_worked_by_hand() -> None:
    counts = k_occurrences(np.array([[0, 1], [0, 2], [0, 1]]), 4)
    assert counts.tolist() == [3, 2, 1, 0]
    found = hubness(counts)
    assert found.anti_hub_share == 0.25
    assert found.skewness == pytest.approx(0)
    assert found.gini == pytest.approx((1 + 2 + 3 + 1 + 2 + 1) * 2 / (2 * 16 * 1.5))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=30).filter(any), st.integers(0, 100))
def test_hubness_agrees_with_scipy_and_pairs_in_any_order(counts: list[int], seed: int) -> None:
    values = generator(seed).permutation(np.array(counts))
    found = hubness(values)
    pairs = np.abs(values[:, None] - values[None, :]).sum()
    assert found.gini == pytest.approx(pairs / (2 * len(values) ** 2 * values.mean()))
    if np.ptp(values) > 0:
        assert found.skewness == pytest.approx(skew(values.astype(float)), abs=1e-9)
    else:
        assert found.skewness is None


def test_one_hub_for_all_queries_has_the_largest_gini_and_skewness() -> None:
    counts = np.array([50, *[0] * 99])
    found = hubness(counts)
    assert found.gini == pytest.approx(0.99)
    assert found.anti_hub_share == 0.99
    assert found.skewness == pytest.approx(skew(counts))


def test_chance_hubness_is_that_of_binomial_counts() -> None:
    found = chance_hubness(200, 10, 500)
    x, p = np.arange(201), binom.pmf(np.arange(201), 200, 0.02)
    assert found.anti_hub_share == pytest.approx(p[0])
    assert found.skewness == pytest.approx(float(binom.stats(200, 0.02, moments="s")))
    assert found.gini == pytest.approx((p[:, None] * p * np.abs(x[:, None] - x)).sum() / (2 * 4.0))


def test_lists_drawn_at_random_show_the_hubness_of_chance() -> None:
    lists = np.array([generator(q).choice(400, 10, replace=False) for q in range(800)])
    found, chance = hubness(k_occurrences(lists, 400)), chance_hubness(800, 10, 400)
    assert found.gini == pytest.approx(chance.gini, rel=0.1)
    assert abs((found.skewness or 0) - (chance.skewness or 0)) < 0.4


def test_chance_hubness_of_whole_lists_and_of_many_queries_is_finite() -> None:
    assert chance_hubness(10, 5, 5) == geometry.Occurrences(None, 0.0, 0.0)
    many = chance_hubness(1_000_000, 10, 1_000)
    assert 0 < many.gini < 0.01
    with pytest.raises(InvalidOptionError, match="k = 6"):
        chance_hubness(10, 6, 5)


def test_wrong_occurrences_leave_relevant_places_out() -> None:
    neighbors, is_relevant = np.array([[0, 1], [0, 2]]), np.array([[True, False], [False, False]])
    assert wrong_occurrences(neighbors, is_relevant, 3).tolist() == [1, 1, 1]


def test_hubness_of_empty_lists_is_refused() -> None:
    with pytest.raises(TooFewPointsError, match="at least 1, got 0"):
        hubness(np.zeros(3, dtype=np.int64))


# --- neighbours -----------------------------------------------------------------------------------------------------


def test_overlap_counts_common_neighbours_whatever_their_order() -> None:
    first, second = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[3, 9, 1], [7, 8, 9]])
    assert overlap_at_k(first, second).tolist() == [2 / 3, 0.0]
    assert overlap_at_k(first, first[:, ::-1]).tolist() == [1.0, 1.0]


def test_overlap_agrees_with_sets_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (np.array([generator(s + q).choice(30, 10, replace=False) for q in range(25)]) for s in (0, 99))
    monkeypatch.setattr(geometry, "_CHUNK_ELEMENTS", 300)
    expected = [len({*a} & {*b}) / 10 for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert overlap_at_k(first, second).tolist() == expected


def test_overlap_of_lists_of_different_lengths_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="same k"):
        overlap_at_k(np.zeros((2, 3), dtype=np.int64), np.zeros((2, 4), dtype=np.int64))
