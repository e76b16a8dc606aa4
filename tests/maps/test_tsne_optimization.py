"""The gradient and the steps of t-SNE: by definition, by hand, beside openTSNE, and on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tests.support.affinity_graphs import affinities

from embedscope.maps.tsne_optimization import tsne_gradient, tsne_positions


def gradient(xy: np.ndarray, p: sparse.csr_array, n_threads: int = 1) -> np.ndarray:
    with tsne_gradient(len(xy), n_threads) as gradient_at:
        return gradient_at(xy, p)


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


class TestTsnePositions:
    def test_are_those_of_opentsne_under_the_same_gradient(self) -> None:
        from openTSNE.tsne import gradient_descent

        p = affinities(60, 4)
        start = np.random.default_rng(0).normal(size=(60, 2)) * 1e-4
        expected = np.array(start)
        descent = gradient_descent()
        with tsne_gradient(60, 1) as gradient_at:

            def objective(embedding, P, **_):
                return 0.0, gradient_at(np.asarray(embedding), P)

            for exaggeration, n_steps in ((12.0, 30), (1.0, 40)):
                descent(
                    expected, p.copy(), n_steps, objective, learning_rate=60 / exaggeration, exaggeration=exaggeration
                )
        found = tsne_positions(start, p, n_iter=40, n_early=30)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("n_threads", [2, 3])
    def test_the_number_of_threads_changes_no_bit(self, n_threads: int) -> None:
        p, start = affinities(90, 1), np.random.default_rng(1).normal(size=(90, 2))
        found = [tsne_positions(start, p, n_iter=30, n_threads=n) for n in (1, n_threads)]
        np.testing.assert_array_equal(*found)

    def test_a_step_is_at_most_five_long(self) -> None:
        start = np.zeros((30, 2))
        start[0] = [1e-3, 0]
        found = tsne_positions(start, affinities(30, 2), n_iter=1, n_early=0)
        assert np.linalg.norm(found - start, axis=1).max() <= 2 * 5
        np.testing.assert_allclose(found.mean(axis=0), [0, 0], atol=1e-12)

    def test_neither_start_nor_affinities_are_written_to(self) -> None:
        p, start = affinities(20, 0), np.random.default_rng(0).normal(size=(20, 2))
        before = start.copy(), p.data.copy()
        tsne_positions(start, p, n_iter=5)
        np.testing.assert_array_equal(start, before[0])
        np.testing.assert_array_equal(p.data, before[1])
