"""The compiled inner loops of the maps, against NumPy, openTSNE and each other's number of threads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from embedscope.numerics import map_forces
from embedscope.numerics.map_forces import tsne_gradient, umap_positions

pytest.importorskip("numba")


def affinities(n: int, seed: int) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, n)) < 0.3, rng.random((n, n)), 0.0)
    np.fill_diagonal(dense, 0)
    dense = dense + dense.T
    return sparse.csr_array(dense / max(dense.sum(), 1e-9))


def gradient(xy: np.ndarray, p: sparse.csr_array, n_threads: int = 1) -> np.ndarray:
    with tsne_gradient(len(xy), n_threads) as gradient_at:
        return gradient_at(xy, p.indptr, p.indices, p.data)


def gradient_by_definition(xy: np.ndarray, p: np.ndarray) -> np.ndarray:
    difference = xy[:, None] - xy[None]
    weight = 1 / (1 + (difference**2).sum(axis=2))
    np.fill_diagonal(weight, 0)
    return (((p - weight / weight.sum()) * weight)[..., None] * difference).sum(axis=1)


class TestTsneGradient:
    @given(n=st.integers(2, 40), seed=st.integers(0, 999), scale=st.sampled_from([1e-3, 1.0, 8.0]))
    @settings(max_examples=30)
    def test_is_the_one_of_the_definition(self, n: int, seed: int, scale: float) -> None:
        xy = np.random.default_rng(seed).normal(size=(n, 2)) * scale
        p = affinities(n, seed)
        expected = gradient_by_definition(xy, p.toarray())
        alone = gradient_by_definition(xy, np.zeros((n, n)))  # attraction and repulsion can cancel
        np.testing.assert_allclose(gradient(xy, p), expected, rtol=1e-4, atol=1e-4 * np.abs(alone).max())

    def test_two_points_are_pushed_apart_by_hand(self) -> None:
        xy = np.array([[0.0, 0.0], [1.0, 0.0]])  # w = 1/2, Z = 1: each is pushed by w^2 = 1/4 without affinity
        np.testing.assert_allclose(gradient(xy, sparse.csr_array((2, 2))), [[0.25, 0], [-0.25, 0]], rtol=1e-6)
        joined = sparse.csr_array(np.array([[0, 0.5], [0.5, 0]]))  # and pulled by p w = 1/4 with it: at rest
        np.testing.assert_allclose(gradient(xy, joined), np.zeros((2, 2)), atol=1e-7)

    def test_is_that_of_opentsne_up_to_what_its_tree_leaves_out(self) -> None:
        from openTSNE.tsne import kl_divergence_bh

        xy = np.random.default_rng(0).normal(size=(200, 2)) * 5
        p = affinities(200, 0)
        _, theirs = kl_divergence_bh(xy, p, 1.0, {"theta": 0.05})
        np.testing.assert_allclose(gradient(xy, p), theirs, atol=0.01 * np.abs(theirs).max())

    def test_coinciding_points_do_not_push_one_another(self) -> None:
        np.testing.assert_array_equal(gradient(np.zeros((5, 2)), sparse.csr_array((5, 5))), np.zeros((5, 2)))

    @pytest.mark.parametrize("n_threads", [2, 3, 7])
    def test_the_number_of_threads_changes_no_bit(self, n_threads: int) -> None:
        xy, p = np.random.default_rng(1).normal(size=(101, 2)), affinities(101, 1)
        np.testing.assert_array_equal(gradient(xy, p, n_threads), gradient(xy, p))


def positions(n: int, *, seed: int = 0, n_threads: int = 1, n_epochs: int = 30, membership=None) -> np.ndarray:
    start = np.random.default_rng(5).random((n, 2)) * 10
    edges = affinities(n, 2) if membership is None else membership
    return umap_positions(start, edges, n_epochs=n_epochs, a=1.577, b=0.895, seed=seed, n_threads=n_threads)


class TestUmapPositions:
    @pytest.mark.parametrize("n_threads", [2, 3, 8, 40])
    @pytest.mark.parametrize("n", [3, 16, 90])
    def test_the_number_of_threads_changes_no_bit(self, n: int, n_threads: int) -> None:
        np.testing.assert_array_equal(positions(n, n_threads=n_threads), positions(n))

    def test_another_seed_gives_other_positions_and_the_same_one_the_same(self) -> None:
        np.testing.assert_array_equal(positions(40), positions(40))
        assert not np.array_equal(positions(40, seed=1), positions(40))

    def test_points_without_edges_stay_where_they_are(self) -> None:
        alone = sparse.csr_array(([1.0, 1.0], ([0, 1], [1, 0])), shape=(20, 20))
        start = np.random.default_rng(5).random((20, 2)).astype(np.float32) * 10
        moved = positions(20, membership=alone)
        np.testing.assert_allclose(moved[2:], start[2:].astype(np.float64), atol=1e-6)
        assert np.abs(moved[:2] - start[:2]).max() > 0.1

    def test_an_edge_pulls_its_ends_together(self) -> None:
        pair = sparse.csr_array(([1.0, 1.0], ([0, 19], [19, 0])), shape=(20, 20))
        start = np.zeros((20, 2))
        start[19] = [9, 0]
        moved = umap_positions(start, pair, n_epochs=200, a=1.577, b=0.895, seed=0, n_negatives=0)
        assert np.linalg.norm(moved[19] - moved[0]) < 0.5
        np.testing.assert_allclose((moved[0] + moved[19]) / 2, [4.5, 0], atol=1e-3)  # both ends move alike

    def test_a_weak_edge_is_sampled_in_its_share_of_the_epochs(self) -> None:
        edges = sparse.csr_array(([1.0, 0.25, 1.0, 0.25], ([0, 2, 1, 3], [1, 3, 0, 2])), shape=(16, 16))
        sorted_edges = map_forces._edges_by_blocks(edges, 16)
        assert sorted(sorted_edges.rates.tolist()) == [0.25, 0.25, 1.0, 1.0]


class TestCoefficients:
    @given(exponent=st.floats(-23.9, 23.9), b=st.floats(0.4, 1.6))
    @settings(max_examples=50)
    def test_lines_between_the_entries_are_within_three_in_a_hundred_thousand_of_the_function(
        self, exponent: float, b: float
    ) -> None:
        def function(squared: np.ndarray) -> np.ndarray:
            return 2 * b / ((0.001 + squared) * (1 + 1.577 * squared**b))

        table = map_forces._coefficients(function).astype(np.float64)
        squared = np.float32(2.0**exponent)
        place = int(squared.view(np.int32)) - map_forces._LOWEST_BITS
        entry, rest = place >> map_forces._SHIFT, place & ((1 << map_forces._SHIFT) - 1)
        line = table[entry] + rest / (1 << map_forces._SHIFT) * (table[entry + 1] - table[entry])
        np.testing.assert_allclose(line, function(np.float64(squared)), rtol=3e-5)


class TestTournament:
    @pytest.mark.parametrize("n", [2, 4, 16])
    def test_every_pair_meets_once_and_no_round_has_a_number_twice(self, n: int) -> None:
        rounds = map_forces._tournament(n)
        assert sorted(pair for one in rounds for pair in one) == [(i, j) for i in range(n) for j in range(i, n)]
        for one in rounds[1:]:
            assert len({number for pair in one for number in pair}) == n

    def test_every_edge_is_in_one_range_of_its_round(self) -> None:
        edges = map_forces._edges_by_blocks(affinities(50, 3), 50)
        ranges = sorted(each for one in edges.rounds for each in one)
        assert ranges[0][0] == 0
        assert ranges[-1][1] == len(edges.heads)
        assert all(before[1] == after[0] for before, after in pairwise(ranges))
