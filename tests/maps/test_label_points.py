"""Where a name may stand: amid the densest half of its points, where most points are its own."""

from __future__ import annotations

import numpy as np

from embedscope.maps.label_points import label_point


def blob(generator: np.random.Generator, n: int, x: float, y: float, spread: float = 1.0) -> np.ndarray:
    return (generator.normal(scale=spread, size=(n, 2)) + np.array([x, y])).astype(np.float32)


def test_the_label_stands_amid_the_denser_of_two_parts() -> None:
    generator = np.random.default_rng(0)
    xy = np.concatenate([blob(generator, 60, 0, 0), blob(generator, 40, 50, 0), blob(generator, 60, 0, 50)])
    is_member = np.arange(160) < 100
    found = label_point(xy, is_member)
    assert found is not None
    assert found < 60
    assert np.linalg.norm(xy[found]) < 1.5


def test_it_is_the_member_with_the_smallest_distance_to_half_of_the_members() -> None:
    generator = np.random.default_rng(1)
    xy = blob(generator, 41, 0, 0)
    distances = np.sort(np.linalg.norm(xy[:, None] - xy, axis=2), axis=1)
    assert label_point(xy, np.ones(41, dtype=bool)) == int(np.argmin(distances[:, 20]))


def test_a_group_that_is_scattered_among_others_has_no_place() -> None:
    generator = np.random.default_rng(2)
    xy = blob(generator, 400, 0, 0, 10)
    assert label_point(xy, generator.random(400) < 0.2) is None


def test_a_handful_of_points_has_no_place() -> None:
    assert label_point(np.zeros((10, 2), np.float32), np.arange(10) < 3) is None
    assert label_point(np.zeros((10, 2), np.float32), np.zeros(10, dtype=bool)) is None


def test_of_a_large_group_a_part_is_tried_and_the_label_stands_within_it() -> None:
    generator = np.random.default_rng(3)
    xy = np.concatenate([blob(generator, 5_000, 0, 0), blob(generator, 500, 30, 0)])
    found = label_point(xy, np.arange(5_500) < 5_000)
    assert found is not None
    assert np.linalg.norm(xy[found]) < 0.5
