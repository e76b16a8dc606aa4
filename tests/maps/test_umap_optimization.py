"""The steps of UMAP: by hand, and on any number of threads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tests.support.affinity_graphs import affinities

from embedscope.maps import umap_optimization
from embedscope.maps.umap_optimization import umap_positions


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

    def test_an_edge_pulls_its_ends_towards_each_other(self) -> None:
        pair = sparse.csr_array(([1.0, 1.0], ([0, 19], [19, 0])), shape=(20, 20))
        start = np.zeros((20, 2))
        start[19] = [9, 0]
        moved = umap_positions(start, pair, n_epochs=200, a=1.577, b=0.895, seed=0, n_negatives=0)
        assert np.linalg.norm(moved[19] - moved[0]) < 0.5
        np.testing.assert_allclose((moved[0] + moved[19]) / 2, [4.5, 0], atol=1e-3)  # both ends move alike

    def test_a_weak_edge_is_sampled_in_its_share_of_the_epochs(self) -> None:
        edges = sparse.csr_array(([1.0, 0.25, 1.0, 0.25], ([0, 2, 1, 3], [1, 3, 0, 2])), shape=(16, 16))
        sorted_edges = umap_optimization._edges_by_blocks(edges, 16)
        assert sorted(sorted_edges.rates.tolist()) == [0.25, 0.25, 1.0, 1.0]


class TestCoefficients:
    @given(exponent=st.floats(-23.9, 23.9), b=st.floats(0.4, 1.6))
    @settings(max_examples=50)
    def test_lines_between_the_entries_are_within_three_in_a_hundred_thousand_of_the_function(
        self, exponent: float, b: float
    ) -> None:
        def function(squared: np.ndarray) -> np.ndarray:
            return 2 * b / ((0.001 + squared) * (1 + 1.577 * squared**b))

        table = umap_optimization._coefficients(function).astype(np.float64)
        squared = np.float32(2.0**exponent)
        place = int(squared.view(np.int32)) - umap_optimization._LOWEST_BITS
        entry, rest = place >> umap_optimization._SHIFT, place & ((1 << umap_optimization._SHIFT) - 1)
        line = table[entry] + rest / (1 << umap_optimization._SHIFT) * (table[entry + 1] - table[entry])
        np.testing.assert_allclose(line, function(np.float64(squared)), rtol=3e-5)


class TestTournament:
    @pytest.mark.parametrize("n", [2, 4, 16])
    def test_every_pair_meets_once_and_no_round_has_a_number_twice(self, n: int) -> None:
        rounds = umap_optimization._tournament(n)
        assert sorted(pair for one in rounds for pair in one) == [(i, j) for i in range(n) for j in range(i, n)]
        for one in rounds[1:]:
            assert len({number for pair in one for number in pair}) == n

    def test_every_edge_is_in_one_range_of_its_round(self) -> None:
        edges = umap_optimization._edges_by_blocks(affinities(50, 3), 50)
        ranges = sorted(each for one in edges.rounds for each in one)
        assert ranges[0][0] == 0
        assert ranges[-1][1] == len(edges.heads)
        assert all(before[1] == after[0] for before, after in pairwise(ranges))
