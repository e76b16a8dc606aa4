"""The loss against a plain per-row implementation in float64, its masks, its weights, its range."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.train.loss import info_nce, prefix_losses

torch = pytest.importorskip("torch")

DIM = 5


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def plain(
    q: np.ndarray,
    p: np.ndarray,
    n: np.ndarray,
    w: np.ndarray,
    is_false: np.ndarray,
    temperature: float,
    against_positives: bool = True,
) -> list[float]:
    """Loss of each pair, row by row and term by term, as the formula is written."""
    losses = []
    for i in range(len(q)):
        own = math.exp(q[i] @ p[i] / temperature)
        forward = backward = 0.0
        for j in range(len(q)):
            if not is_false[i, j]:
                forward += math.exp(q[i] @ p[j] / temperature)
            if not is_false[j, i]:
                backward += math.exp(q[j] @ p[i] / temperature)
        for k in range(n.shape[1]):
            forward += w[i, k] * math.exp(q[i] @ n[i, k] / temperature)
            if against_positives:
                backward += w[i, k] * math.exp(p[i] @ n[i, k] / temperature)
        losses.append((-math.log(own / forward) - math.log(own / backward)) / 2)
    return losses


def problem(seed: int, n: int = 7, m: int = 3) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    q, p = unit(generator.standard_normal((n, DIM))), unit(generator.standard_normal((n, DIM)))
    hard = unit(generator.standard_normal((n, m, DIM)))
    weights = generator.choice([0.0, 0.3, 1.0, 2.5], (n, m))
    is_false = (generator.random((n, n)) < 0.2) & ~np.eye(n, dtype=bool)
    return q, p, hard, weights, is_false


def vectorised(
    q: object, p: object, hard: object, weights: object, is_false: object, temperature: float, **options: bool
) -> object:
    return info_nce(
        q,
        p,
        is_false_negative=is_false,
        temperature=temperature,
        negatives=hard,
        weights=weights,  # type: ignore[arg-type]
        **options,
    )


@given(st.integers(0, 10_000), st.sampled_from([0.03, 0.07, 0.5, 2.0]), st.booleans())
@settings(max_examples=30)
def test_value_equals_the_plain_loop_in_float64(seed: int, temperature: float, against_positives: bool) -> None:
    arrays = problem(seed)
    found = vectorised(*map(torch.from_numpy, arrays), temperature, against_positives=against_positives).numpy()
    np.testing.assert_allclose(found, plain(*arrays, temperature, against_positives), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_value_in_float32_equals_the_plain_loop_to_1e_6(seed: int) -> None:
    arrays = problem(seed)
    single = [torch.from_numpy(a.astype(np.float32) if a.dtype == np.float64 else a) for a in arrays]
    np.testing.assert_allclose(vectorised(*single, 0.5).numpy(), plain(*arrays, 0.5), atol=1e-6)


def test_gradient_equals_central_differences_of_the_plain_loop_to_1e_6() -> None:
    q, p, hard, weights, is_false = problem(3, n=4, m=2)
    tensors = [torch.from_numpy(a).clone().requires_grad_() for a in (q, p, hard)]
    vectorised(*tensors, torch.from_numpy(weights), torch.from_numpy(is_false), 0.2).mean().backward()
    step = 1e-5
    for array, tensor in zip((q, p, hard), tensors, strict=True):
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                array[place] += sign * step
                ends.append(np.mean(plain(q, p, hard, weights, is_false, 0.2)))
                array[place] -= sign * step
            assert tensor.grad[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)


def test_hand_worked_pair() -> None:
    """Two orthogonal pairs at temperature 1: each direction is log(1 + e^-1); a negative at 0 of weight 2 adds 2."""
    eye = torch.eye(2, dtype=torch.float64)
    hard = torch.zeros((2, 1, 2), dtype=torch.float64)
    weights = torch.tensor([[2.0], [0.0]], dtype=torch.float64)
    nothing = torch.zeros((2, 2), dtype=torch.bool)
    found = info_nce(eye, eye, is_false_negative=nothing, temperature=1.0, negatives=hard, weights=weights)
    plain_direction = math.log(1 + math.exp(-1))
    with_negative = math.log((math.e + 1 + 2) / math.e)
    assert found.tolist() == pytest.approx([with_negative, plain_direction])
    one_way = info_nce(
        eye, eye, is_false_negative=nothing, temperature=1.0, negatives=hard, weights=weights, against_positives=False
    )
    assert one_way.tolist() == pytest.approx([(with_negative + plain_direction) / 2, plain_direction])


def test_in_the_other_direction_hard_negatives_stand_against_the_positive() -> None:
    """A negative that is the positive itself, at cosine 0 to the query, costs log(2) there and log(1 + e) here."""
    q = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    p = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    nothing = torch.zeros((1, 1), dtype=torch.bool)
    weights = torch.ones((1, 1), dtype=torch.float64)
    found = info_nce(q, p, is_false_negative=nothing, temperature=1.0, negatives=p[:, None], weights=weights)
    assert found.item() == pytest.approx((math.log(2) + math.log(1 + math.e)) / 2)


def test_a_masked_duplicate_of_a_positive_changes_nothing_for_its_twin() -> None:
    """Rows 0 and 1 have the same positive: masked, the loss of row 0 is that without row 1 in the denominator."""
    q, p, *_ = problem(11, n=4)
    p[1] = p[0]
    is_false = np.zeros((4, 4), dtype=bool)
    is_false[0, 1] = is_false[1, 0] = True
    masked = info_nce(*map(torch.from_numpy, (q, p)), is_false_negative=torch.from_numpy(is_false), temperature=0.1)
    kept = [0, 2, 3]
    without = info_nce(
        *map(torch.from_numpy, (q[kept], p[kept])),
        is_false_negative=torch.zeros((3, 3), dtype=torch.bool),
        temperature=0.1,
    )
    assert masked[0].item() == pytest.approx(without[0].item(), abs=1e-12)
    unmasked = info_nce(
        *map(torch.from_numpy, (q, p)), is_false_negative=torch.zeros((4, 4), dtype=torch.bool), temperature=0.1
    )
    assert unmasked[0] > masked[0]


def test_a_masked_document_gets_no_gradient_from_the_query_it_is_relevant_to() -> None:
    q = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    p = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64, requires_grad=True)
    is_false = torch.tensor([[False, True], [False, False]])
    info_nce(q, p, is_false_negative=is_false, temperature=0.1)[0].backward()
    assert p.grad is not None
    assert p.grad[1].abs().max() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_similarities_at_temperature_0_01_give_finite_losses_and_gradients(dtype: str) -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]], dtype=getattr(torch, dtype))
    q = rows.clone().requires_grad_()
    hard = torch.stack([-rows, rows], dim=1)
    weights = torch.tensor([[0.0, 5.0], [1e-30, 1.0], [0.0, 0.0]], dtype=getattr(torch, dtype))
    losses = info_nce(
        q, -rows, is_false_negative=torch.zeros((3, 3), dtype=torch.bool), temperature=0.01,
        negatives=hard, weights=weights,
    )  # fmt: skip
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert losses.max() > 150  # cosines of -1 and 1 at temperature 0.01 are 200 apart
    assert q.grad is not None
    assert torch.isfinite(q.grad).all()


def test_a_weight_of_zero_drops_its_term_exactly() -> None:
    q, p, hard, weights, is_false = (torch.from_numpy(a) for a in problem(5))
    weights[:, 1] = 0
    kept = [0, 2]
    found = vectorised(q, p, hard, weights, is_false, 0.07)
    np.testing.assert_array_equal(found, vectorised(q, p, hard[:, kept], weights[:, kept], is_false, 0.07))


def test_a_weight_of_two_counts_like_the_same_negative_twice() -> None:
    q, p, hard, _, is_false = (torch.from_numpy(a) for a in problem(6, m=1))
    twice = vectorised(q, p, hard, torch.full((7, 1), 2.0, dtype=torch.float64), is_false, 0.07)
    two = vectorised(q, p, hard.repeat(1, 2, 1), torch.ones((7, 2), dtype=torch.float64), is_false, 0.07)
    np.testing.assert_allclose(twice, two, rtol=1e-12)


def test_permuting_the_pairs_permutes_the_losses() -> None:
    arrays = problem(8)
    order = np.random.default_rng(0).permutation(7)
    moved = [a[order] for a in arrays[:4]] + [arrays[4][np.ix_(order, order)]]
    found = vectorised(*map(torch.from_numpy, arrays), 0.07).numpy()
    np.testing.assert_allclose(vectorised(*map(torch.from_numpy, moved), 0.07).numpy(), found[order], rtol=1e-12)


def test_prefix_losses_are_the_mean_of_the_losses_of_renormalised_prefixes() -> None:
    q, p, hard, weights, is_false = problem(9)
    expected = np.mean(
        [plain(unit(q[:, :s]), unit(p[:, :s]), unit(hard[..., :s]), weights, is_false, 0.1) for s in (5, 3, 2)], axis=0
    )
    found = prefix_losses(
        *map(torch.from_numpy, (3.0 * q, 0.2 * p)),
        (5, 3, 2),
        is_false_negative=torch.from_numpy(is_false),
        temperature=0.1,
        negatives=torch.from_numpy(7.0 * hard),
        weights=torch.from_numpy(weights),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10)
