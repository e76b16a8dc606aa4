"""Adapters between spaces: the fits of SciPy, NumPy and scikit-learn, and what a rotation leaves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import Ridge, RidgeCV

from embedscope.errors import InvalidEmbeddingsError
from embedscope.migration.space_adapters import RIDGES, affine_adapter, orthogonal_adapter

ROUNDING = 1e-9


def rows(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


def rotation(dim: int, seed: int = 1) -> np.ndarray:
    return np.linalg.qr(rows(dim, dim, seed))[0]


def test_the_orthogonal_map_is_that_of_scipy() -> None:
    x, y = rows(50, 6), rows(50, 6, 2)
    found = orthogonal_adapter(x, y)
    expected, _ = orthogonal_procrustes(x, y)
    np.testing.assert_allclose(found.weight, expected, atol=ROUNDING)
    np.testing.assert_allclose(found.weight.T @ found.weight, np.eye(6), atol=ROUNDING)
    assert not found.bias.any()
    assert found.ridge is None


@pytest.mark.parametrize(("wide", "narrow"), [(6, 4), (4, 6)])
def test_of_unequal_widths_the_map_is_that_of_the_padded_rows(wide: int, narrow: int) -> None:
    x, y = rows(50, wide), rows(50, narrow, 2)
    dim = max(wide, narrow)
    padded, _ = orthogonal_procrustes(np.pad(x, ((0, 0), (0, dim - wide))), np.pad(y, ((0, 0), (0, dim - narrow))))
    np.testing.assert_allclose(orthogonal_adapter(x, y).weight, padded[:wide, :narrow], atol=ROUNDING)


def test_a_rotation_is_found_to_rounding() -> None:
    x, turned = rows(40, 5).astype(np.float32), rotation(5)
    for fit in (orthogonal_adapter, affine_adapter):
        found = fit(x, (x @ turned).astype(np.float32))
        carried = found.carried(x, is_unit=True).astype(np.float64)
        expected = x @ turned / np.linalg.norm(x, axis=1, keepdims=True)
        np.testing.assert_allclose(carried, expected, atol=1e-6)


def test_the_affine_map_is_the_ridge_of_scikit_learn() -> None:
    x = rows(30, 8)
    y = x @ rows(8, 4, 3) + 0.7 + rows(30, 4, 4)
    found = affine_adapter(x, y)
    ridge = Ridge(alpha=found.ridge, solver="svd").fit(x, y)
    np.testing.assert_allclose(found.weight, ridge.coef_.T, atol=ROUNDING)
    np.testing.assert_allclose(found.bias, ridge.intercept_, atol=ROUNDING)


def test_the_affine_map_is_the_least_squares_solution_of_the_augmented_rows() -> None:
    x, y = rows(30, 5), rows(30, 3, 2)
    found = affine_adapter(x, y)
    assert found.ridge is not None
    tall = np.vstack([x - x.mean(axis=0), np.sqrt(found.ridge) * np.eye(5)])
    expected, *_ = np.linalg.lstsq(tall, np.vstack([y - y.mean(axis=0), np.zeros((5, 3))]), rcond=None)
    np.testing.assert_allclose(found.weight, expected, atol=ROUNDING)


@pytest.mark.parametrize(("n", "dim"), [(30, 8), (12, 20)])
def test_the_penalty_is_chosen_by_generalised_cross_validation(n: int, dim: int) -> None:
    x = rows(n, dim)
    y = x @ rows(dim, 2, 3) + rows(n, 2, 2)
    centred, centre = x - x.mean(axis=0), np.eye(n) - 1 / n
    scores = []
    for ridge in np.array(RIDGES) * np.linalg.svd(centred, compute_uv=False)[0] ** 2:
        hat = centred @ np.linalg.solve(centred.T @ centred + ridge * np.eye(dim), centred.T)
        scores.append((ridge, np.square((centre - hat) @ y).sum() / (n - 1 - np.trace(hat)) ** 2))
    assert affine_adapter(x, y).ridge == pytest.approx(min(scores, key=lambda each: each[1])[0])


def test_the_penalty_is_about_that_of_leaving_each_row_out() -> None:
    x = rows(60, 8)
    y = x @ rows(8, 4, 3) + 2 * rows(60, 4, 4)
    largest = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[0] ** 2
    chosen = RidgeCV(alphas=np.array(RIDGES) * largest).fit(x, y)
    assert affine_adapter(x, y).ridge == pytest.approx(chosen.alpha_)


def test_rows_that_do_not_pair_are_refused() -> None:
    with pytest.raises(InvalidEmbeddingsError, match="3 and 4 vectors"):
        orthogonal_adapter(rows(3, 2), rows(4, 2))
    with pytest.raises(InvalidEmbeddingsError, match="0 and 0 vectors"):
        affine_adapter(rows(0, 2), rows(0, 2))


def test_rows_that_are_all_alike_give_their_mean() -> None:
    found = affine_adapter(np.ones((4, 3)), np.full((4, 2), 0.5))
    np.testing.assert_allclose(np.ones((1, 3)) @ found.weight + found.bias, [[0.5, 0.5]], atol=ROUNDING)
