"""Turning one map onto another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from embedscope.errors import InvalidOptionError
from embedscope.maps.procrustes import turned_onto


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=30)
def test_a_turned_mirrored_and_moved_map_comes_back(seed: int, mirrored: bool) -> None:
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((20, 2))
    angle = generator.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn[:, 0] *= -1
    np.testing.assert_allclose(turned_onto(points @ turn + [3.0, -7.0], points), points, atol=1e-9)


def test_it_is_the_best_orthogonal_map_of_scipy() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 30, 2))
    centred, target = x - x.mean(axis=0), y - y.mean(axis=0)
    best, _ = orthogonal_procrustes(centred, target)
    np.testing.assert_allclose(turned_onto(x, y), centred @ best + y.mean(axis=0), atol=1e-12)


def test_distances_between_points_are_unchanged() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((2, 15, 2))
    turned = turned_onto(x, 100 * y)
    np.testing.assert_allclose(
        np.linalg.norm(turned[:, None] - turned, axis=2), np.linalg.norm(x[:, None] - x, axis=2), atol=1e-9
    )


@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (3,)])
def test_maps_of_different_points_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidOptionError, match="same points"):
        turned_onto(np.zeros(shape), np.zeros((3, 2)))


def test_a_map_that_is_scaled_gets_the_spread_of_the_reference_and_keeps_its_shape() -> None:
    generator = np.random.default_rng(3)
    reference = generator.standard_normal((30, 2))
    points = 7.0 * reference @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 5.0
    np.testing.assert_allclose(turned_onto(points, reference, is_scaled=True), reference, atol=1e-12)
    other = generator.standard_normal((30, 2))
    scaled = turned_onto(other, reference, is_scaled=True)
    assert np.linalg.norm(scaled - scaled.mean(axis=0)) == pytest.approx(
        np.linalg.norm(reference - reference.mean(axis=0))
    )
    unscaled = turned_onto(other, reference)
    np.testing.assert_allclose(
        np.diff(scaled, axis=0) / np.diff(unscaled, axis=0),
        np.linalg.norm(scaled - scaled.mean(axis=0)) / np.linalg.norm(unscaled - unscaled.mean(axis=0)),
    )


def test_points_in_one_place_are_moved_and_not_scaled() -> None:
    reference = np.array([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(turned_onto(np.ones((2, 2)), reference, is_scaled=True), [[1.0, 2.0], [1.0, 2.0]])
