"""Heads in NumPy: worked by hand, and equal to torch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import CheckpointError, InvalidEmbeddingsError
from embedscope.models.projectors import (
    ACTIVATIONS,
    Identity,
    LayerNorm,
    Linear,
    LinearHead,
    Normalize,
    Projection,
    Truncate,
)


def f32(rows: list[list[float]] | list[float]) -> np.ndarray:
    return np.asarray(rows, dtype=np.float32)


def test_a_linear_head_by_hand() -> None:
    head = LinearHead(f32([[1, 0, 0], [0, 2, 0]]))
    np.testing.assert_allclose(head.project(f32([[3, 2, 9], [0, -1, 5]])), [[0.6, 0.8], [0, -1]], atol=1e-7)
    assert (head.dim_in, head.dim_out) == (3, 2)


def test_a_head_with_bias_and_layer_norm_by_hand() -> None:
    # x W' + b = (1, 3); mean 2, variance 1: (-1, 1) up to eps; times (1, 2) plus (0, 1): (-1, 3)
    head = LinearHead(f32([[1, 0], [0, 1]]), f32([0, 1]), ln_weight=f32([1, 2]), ln_bias=f32([0, 1]))
    np.testing.assert_allclose(head.project(f32([[1, 2]])), f32([[-1, 3]]) / np.sqrt(10), atol=1e-5)


def test_the_identity_gives_unit_rows() -> None:
    np.testing.assert_allclose(Identity(2).project(f32([[3, 4]])), [[0.6, 0.8]], atol=1e-7)


def test_truncation_keeps_the_first_numbers() -> None:
    projection = Projection([Truncate(2)], dim_in=3)
    np.testing.assert_allclose(projection.project(f32([[3, 4, 100]])), [[0.6, 0.8]], atol=1e-7)


def test_normalising_the_input_changes_what_a_bias_does() -> None:
    weight, bias = f32([[1, 0], [0, 1]]), f32([1, 0])
    plain = LinearHead(weight, bias).project(f32([[0, 10]]))
    first = LinearHead(weight, bias, normalizes_input=True).project(f32([[0, 10]]))
    np.testing.assert_allclose(first, f32([[1, 1]]) / np.sqrt(2), atol=1e-7)
    np.testing.assert_allclose(plain, f32([[1, 10]]) / np.sqrt(101), atol=1e-7)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.booleans(),
    st.booleans(),
)
def test_a_head_equals_its_torch_model(seed: int, activation: str, has_bias: bool, has_layer_norm: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((6, 12), dtype=np.float32)
    bias = rng.standard_normal(6, dtype=np.float32) if has_bias else None
    ln = (rng.random(6, dtype=np.float32) + 0.5, rng.standard_normal(6, dtype=np.float32)) if has_layer_norm else None
    vectors = rng.standard_normal((9, 12), dtype=np.float32)
    # A rectified row may vanish; such a row is refused and is no matter of equality.
    vectors = vectors[(vectors @ weight.T + (0 if bias is None else bias) > 1e-3).any(axis=1)]
    head = LinearHead(
        weight,
        bias,
        ln_weight=ln[0] if ln else None,
        ln_bias=ln[1] if ln else None,
        activation=activation,
    )
    # In float64: torch's float32 GELU loses most digits of a small negative number to cancellation.
    x = torch.nn.functional.linear(
        torch.tensor(vectors).double(),
        torch.tensor(weight).double(),
        None if bias is None else torch.tensor(bias).double(),
    )
    x = getattr(torch.nn, activation)()(x)
    if ln:
        x = torch.nn.functional.layer_norm(x, (6,), torch.tensor(ln[0]).double(), torch.tensor(ln[1]).double())
    expected = torch.nn.functional.normalize(x, dim=-1).numpy()
    np.testing.assert_allclose(head.project(vectors), expected, atol=2e-6)
    assert head.project(vectors).dtype == np.float32


def test_a_residual_linear_step_adds_its_input() -> None:
    step = Linear(f32([[0, 1], [1, 0]]), is_residual=True)
    np.testing.assert_allclose(step.apply(f32([[1, 2]])), [[3, 3]])
    with pytest.raises(CheckpointError, match="residual"):
        Linear(f32([[1, 0]]), is_residual=True)


def test_a_row_that_the_head_maps_to_zero_is_refused_by_its_id() -> None:
    head = LinearHead(f32([[1, 0]]))
    with pytest.raises(InvalidEmbeddingsError, match="q2"):
        head.project(f32([[1, 1], [0, 1]]), what="query", ids=["q1", "q2"])


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 1)])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidEmbeddingsError, match=r"shape \(n, 3\)"):
        Identity(3).project(np.ones(shape, dtype=np.float32))


def test_steps_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(CheckpointError, match="takes vectors of 3 numbers"):
        Projection([Linear(f32([[1, 2, 3]]))], dim_in=4)
    with pytest.raises(CheckpointError, match="layer norm"):
        Projection([LayerNorm(f32([1, 1]))], dim_in=3)
    with pytest.raises(CheckpointError, match="activation 'Softmax' is not known"):
        Linear(f32([[1]]), activation="Softmax")


def test_every_parameter_changes_the_fingerprint() -> None:
    one = f32([[1, 0], [0, 1]])
    heads = [
        Identity(2),
        LinearHead(one),
        LinearHead(one * 2),
        LinearHead(one, f32([0, 0])),
        LinearHead(one, activation="Tanh"),
        LinearHead(one, normalizes_input=True),
        LinearHead(one, ln_weight=f32([1, 1])),
        LinearHead(one, ln_weight=f32([1, 2])),
        Projection([Truncate(1)], dim_in=2),
        Projection([Normalize()], dim_in=2),
    ]
    assert len({head.fingerprint for head in heads}) == len(heads)
    assert LinearHead(one.copy()).fingerprint == LinearHead(one).fingerprint
