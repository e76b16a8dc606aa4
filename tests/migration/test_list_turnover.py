"""Turnover of lists: worked by hand, and by the definition of rank-biased overlap."""

from __future__ import annotations

import numpy as np
import pytest

from embedscope.migration.list_turnover import rank_biased_overlap, turnover_of
from embedscope.stats.resampler import Resampler


def by_definition(first: list[int], second: list[int], p: float) -> float:
    """Webber et al. 2010, depth by depth."""
    k = len(first)
    agreement = [len(set(first[:depth]) & set(second[:depth])) / depth for depth in range(1, k + 1)]
    return agreement[-1] * p**k + (1 - p) / p * sum(a * p**d for d, a in enumerate(agreement, start=1))


def test_rank_biased_overlap_is_that_of_its_definition() -> None:
    generator = np.random.default_rng(0)
    first = np.stack([generator.permutation(15)[:10] for _ in range(40)])
    second = np.stack([generator.permutation(15)[:10] for _ in range(40)])
    expected = [by_definition(a.tolist(), b.tolist(), 0.9) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_biased_overlap(first, second), expected, atol=1e-12)


def test_equal_lists_overlap_by_1_and_lists_without_a_common_document_by_0() -> None:
    lists = np.arange(10)[np.newaxis]
    assert rank_biased_overlap(lists, lists) == pytest.approx([1.0])
    assert rank_biased_overlap(lists, lists + 10) == pytest.approx([0.0])


def test_two_documents_that_change_places_cost_their_ranks_alone() -> None:
    # p = 0.5, k = 2: agreement 0 at depth 1, 1 at depth 2: 0.25 + (0 * 0.5 + 1 * 0.25)
    assert rank_biased_overlap(np.array([[1, 2]]), np.array([[2, 1]]), persistence=0.5) == pytest.approx([0.5])


def test_turnover_worked_by_hand() -> None:
    old = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    new = np.array([[1, 2, 3, 9], [6, 5, 7, 8]])
    found = turnover_of(old, new, Resampler(np.arange(2), 100, 0))
    assert (found.k, found.changed.value, found.first_changed.value) == (4, 0.125, 0.5)
