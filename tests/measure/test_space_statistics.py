"""The shape of a cloud: hand-worked numbers, scipy as an oracle, invariances, degenerate clouds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import entropy, ortho_group

from embedscope.errors import TooFewPointsError
from embedscope.measure import space_statistics
from embedscope.measure.space_statistics import (
    alignment_by_pair,
    centroid_distance,
    mean_cosine_of_pairs,
    spectrum,
    uniformity,
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
    assert spectrum(np.eye(3)).n_directions == 2  # three points span a plane


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


def test_a_spectrum_without_rows_is_refused() -> None:
    with pytest.raises(TooFewPointsError, match="at least 1, got 0"):
        spectrum(np.empty((0, 3)))


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
@given(clouds)
def test_uniformity_agrees_with_all_distances_made_by_scipy(vectors: np.ndarray) -> None:
    expected = np.log(np.exp(-2 * pdist(vectors, "sqeuclidean")).mean())
    assert uniformity(vectors, generator=generator()).value == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_uniformity_does_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = cloud(0, 50, 6)
    expected = uniformity(vectors, generator=generator())
    monkeypatch.setattr(space_statistics, "_BLOCK_ROWS", 7)
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


def test_centroid_distance_is_that_worked_by_hand() -> None:
    queries, documents = np.array([[1.0, 0], [0, 1.0]]), np.array([[-1.0, 0], [0, 1.0]])
    assert centroid_distance(queries, documents) == pytest.approx(1.0)  # (0.5, 0.5) and (-0.5, 0.5)
