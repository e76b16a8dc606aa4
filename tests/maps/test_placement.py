"""Points that a map was not fitted on."""

from __future__ import annotations

import numpy as np

from embedscope.maps.placement import around_medoid


def test_a_point_between_two_parts_of_a_torn_neighbourhood_is_placed_in_the_larger() -> None:
    larger, smaller = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5], [0.4, 0.6]]), np.full((4, 2), 90.0)
    placed = around_medoid(np.concatenate([smaller, larger])[None])
    np.testing.assert_allclose(placed, [[0.5, 0.5]], atol=0.3)
