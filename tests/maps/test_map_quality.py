"""Trustworthiness, continuity and neighbours kept."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.maps import map_quality as module
from embedscope.maps.map_quality import map_quality, neighbors_kept


def random_case(seed: int, n: int = 80, dim: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), rng.normal(size=(n, 2))


def on_a_line(*places: float) -> np.ndarray:
    return np.column_stack([places, np.zeros(len(places))])


class TestTrustworthinessAndContinuity:
    def test_equal_the_formula_worked_by_hand_on_four_points(self) -> None:
        # k = 1, so 2 / (n k (2n - 3k - 1)) = 1/8. Nearest on the map: 0>2, 1>3, 2>0, 3>1, each of rank 2 in the
        # original space but for 3>1 (rank 2) and 1>3 (rank 3): excess 1 + 2 + 1 + 1 = 5. Lost: 0>1, 1>0, 2>1, 3>2
        # with map ranks 2, 3, 2, 2: excess 5.
        quality = map_quality(on_a_line(0, 1, 3, 7), on_a_line(0, 10, 1, 10.5), k=1)
        original_ranks = {(0, 2): 2, (1, 3): 3, (2, 0): 2, (3, 1): 2}
        assert quality.trustworthiness == pytest.approx(1 - sum(r - 1 for r in original_ranks.values()) / 8)
        assert quality.continuity == pytest.approx(1 - (1 + 2 + 1 + 1) / 8)

    @pytest.mark.parametrize("k", [1, 5, 15])
    @pytest.mark.parametrize("seed", range(3))
    def test_trustworthiness_equals_that_of_scikit_learn(self, seed: int, k: int) -> None:
        manifold = pytest.importorskip("sklearn.manifold")
        vectors, xy = random_case(seed)
        quality = map_quality(vectors, xy, k=k)
        assert quality.trustworthiness == pytest.approx(manifold.trustworthiness(vectors, xy, n_neighbors=k), abs=1e-12)
        by_cosine = manifold.trustworthiness(vectors, xy, n_neighbors=k, metric="cosine")
        assert quality.trustworthiness == pytest.approx(by_cosine, abs=1e-12)

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=20)
    def test_continuity_is_trustworthiness_with_the_two_spaces_exchanged(self, seed: int) -> None:
        first, second = (np.random.default_rng(seed + i).normal(size=(40, 2)) for i in range(2))
        there, back = map_quality(first, second, k=7), map_quality(second, first, k=7)
        assert there.continuity == pytest.approx(back.trustworthiness, abs=1e-12)
        assert there.trustworthiness == pytest.approx(back.continuity, abs=1e-12)

    @given(seed=st.integers(0, 10_000), angle=st.floats(0, 6.28), scale=st.floats(0.01, 100))
    @settings(max_examples=20)
    def test_turning_stretching_and_reordering_change_nothing(self, seed: int, angle: float, scale: float) -> None:
        vectors, xy = random_case(seed, n=40)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        order = np.random.default_rng(seed).permutation(40)
        before, after = map_quality(vectors, xy), map_quality(vectors[order], (xy @ turn * scale + 3)[order])
        assert after.trustworthiness == pytest.approx(before.trustworthiness, abs=1e-12)
        assert after.continuity == pytest.approx(before.continuity, abs=1e-12)

    def test_a_faithful_map_has_both_at_one(self) -> None:
        xy = np.random.default_rng(0).normal(size=(60, 2))
        quality = map_quality(xy, 5 * xy)
        assert (quality.trustworthiness, quality.continuity) == (1.0, 1.0)

    def test_a_random_map_has_both_near_one_half(self) -> None:
        quality = map_quality(*random_case(0, n=600))
        assert quality.trustworthiness == pytest.approx(0.5, abs=0.03)
        assert quality.continuity == pytest.approx(0.5, abs=0.03)

    def test_a_collapsed_space_is_believed_no_more_than_a_random_map(self) -> None:
        xy = np.random.default_rng(0).normal(size=(200, 2))
        quality = map_quality(np.ones((200, 3)), xy)
        assert quality.trustworthiness < 0.6
        assert quality.continuity < 0.6

    def test_the_block_size_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        vectors, xy = random_case(1)
        whole = map_quality(vectors, xy)
        monkeypatch.setattr(module, "_BLOCK_ENTRIES", 3 * len(xy))
        assert map_quality(vectors, xy) == whole

    def test_memory_stays_far_below_one_square_matrix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_BLOCK_ENTRIES", 20_000)
        vectors, xy = random_case(0, n=2_000, dim=8)
        tracemalloc.start()
        map_quality(vectors, xy, k=2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000 * 2_000 * 8 / 8

    def test_float32_is_kept_and_gives_nearly_the_same(self) -> None:
        vectors, xy = random_case(2)
        single = map_quality(vectors.astype(np.float32), xy.astype(np.float32))
        assert single.trustworthiness == pytest.approx(map_quality(vectors, xy).trustworthiness, abs=1e-4)


class TestAnchors:
    def test_a_sample_is_near_the_exact_value_and_says_how_many_points_it_used(self) -> None:
        vectors, xy = random_case(0, n=1_200, dim=3)
        exact = map_quality(vectors, xy)
        sample = map_quality(vectors, xy, max_exact=100, n_anchors=600, rng=np.random.default_rng(0))
        assert (exact.n_anchors, exact.n_points) == (1_200, 1_200)
        assert (sample.n_anchors, sample.n_points) == (600, 1_200)
        assert sample.trustworthiness == pytest.approx(exact.trustworthiness, abs=0.02)
        assert sample.continuity == pytest.approx(exact.continuity, abs=0.02)

    def test_the_same_generator_draws_the_same_anchors(self) -> None:
        vectors, xy = random_case(0, n=200)
        draws = [map_quality(vectors, xy, max_exact=10, n_anchors=20, rng=np.random.default_rng(5)) for _ in range(2)]
        assert draws[0] == draws[1]

    def test_drawing_without_a_generator_is_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="pass rng"):
            map_quality(*random_case(0), max_exact=10, n_anchors=5)


class TestUnfitInput:
    def test_k_is_lowered_for_few_points_and_the_reason_is_given(self) -> None:
        quality = map_quality(*random_case(0, n=20))
        assert quality.k == 9
        assert quality.reason is not None
        assert "15 to 9" in quality.reason
        assert map_quality(*random_case(0, n=31)).reason is None

    def test_three_points_are_enough_and_two_are_not(self) -> None:
        assert map_quality(*random_case(0, n=3)).k == 1
        with pytest.raises(TooFewPointsError, match="at least 3"):
            map_quality(*random_case(0, n=2))

    def test_a_missing_row_or_a_value_that_is_not_finite_is_refused(self) -> None:
        vectors, xy = random_case(0)
        with pytest.raises(InvalidEmbeddingsError, match="shape"):
            map_quality(vectors, xy[:-1])
        xy[3, 1] = np.nan
        with pytest.raises(InvalidEmbeddingsError, match="not finite"):
            map_quality(vectors, xy)

    def test_k_below_one_is_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="at least 1"):
            map_quality(*random_case(0), k=0)


class TestNeighborsKept:
    def test_counts_shared_neighbours_by_hand(self) -> None:
        original = np.array([[1, 2], [0, 2], [3, 1], [2, 1]])
        # On the map 0 .. 1 .. 2 ........ 3: neighbours are {1, 2}, {0, 2}, {1, 0}, {2, 1}.
        assert neighbors_kept(original, on_a_line(0, 1, 2, 9)).tolist() == [1.0, 1.0, 0.5, 1.0]

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=20)
    def test_equals_a_set_intersection_for_each_point(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        xy = rng.normal(size=(30, 2))
        original = np.array([rng.choice(np.delete(np.arange(30), i), 6, replace=False) for i in range(30)])
        distances = np.linalg.norm(xy[:, None] - xy, axis=2) + np.diag(np.full(30, np.inf))
        on_map = np.argsort(distances, axis=1)[:, :6]
        expected = [len(set(a) & set(b)) / 6 for a, b in zip(original, on_map, strict=True)]
        np.testing.assert_allclose(neighbors_kept(original, xy), expected, atol=1e-7)

    def test_coincident_points_do_not_count_themselves(self) -> None:
        original = np.array([[j for j in range(12) if j != i] for i in range(12)])
        assert neighbors_kept(original, np.zeros((12, 2))).tolist() == [1.0] * 12
