"""Sign-flip tests and corrections for many tests: by enumeration, against SciPy, and by properties."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.stats.dependence import Dependence
from embedscope.stats.paired_tests import benjamini_hochberg, holm, max_t, paired_test

SEEDS = st.integers(0, 2**32 - 1)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sign_flip_test(differences, clusters, **options):
    return paired_test(differences, Dependence.of_groups(clusters), **options)


def max_t_of(differences, clusters, **options):
    return max_t(differences, Dependence.of_groups(clusters), **options)


def differences_of(seed: int, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Differences of Success@1, with many ties, in clusters of 1 to 3 queries."""
    generator = rng(seed)
    clusters = np.repeat(np.arange(n_clusters), generator.integers(1, 4, n_clusters))
    return generator.choice([-1.0, 0.0, 0.0, 1.0, 1.0], len(clusters)), clusters


def exact_p(sums: np.ndarray) -> float:
    """Share of all sign patterns that reach the observed sum."""
    flipped = np.array([np.dot(signs, sums) for signs in product([-1, 1], repeat=len(sums))])
    return float(np.mean(np.abs(flipped) >= abs(sums.sum()) - 1e-9))


# One comparison


def test_three_wins_in_three_clusters_have_p_one_quarter():
    found = sign_flip_test(np.array([0.5, 0.2, 0.1]), np.arange(3), generator=rng())
    assert (found.p, found.is_exact) == (0.25, True)
    assert found.difference == pytest.approx(0.8 / 3)
    assert (found.wins, found.losses, found.ties, found.n) == (3, 0, 0, 3)


@given(SEEDS, st.integers(1, 9))
@settings(max_examples=40)
def test_p_is_the_share_of_all_sign_patterns_over_clusters(seed, n_clusters):
    differences, clusters = differences_of(seed, n_clusters)
    found = sign_flip_test(differences, clusters, generator=rng())
    assert found.is_exact
    assert found.p == pytest.approx(exact_p(np.bincount(clusters, differences)))


@pytest.mark.parametrize("seed", range(4))
def test_p_of_single_queries_equals_scipy(seed):
    differences = rng(seed).normal(0.4, 1, 11)
    expected = stats.permutation_test(
        (differences, np.zeros(11)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(differences, np.arange(11), generator=rng()).p == pytest.approx(expected.pvalue)


def test_drawn_p_agrees_with_enumerated_p(monkeypatch):
    differences, clusters = rng(1).normal(0.3, 1, 18), np.arange(18)
    exact = sign_flip_test(differences, clusters, generator=rng())
    monkeypatch.setattr("embedscope.stats.paired_tests._MAX_EXACT", 5)
    drawn = sign_flip_test(differences, clusters, generator=rng(), n_draws=40_000)
    assert (exact.is_exact, drawn.is_exact) == (True, False)
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 40_000))


def test_drawn_p_is_never_zero():
    found = sign_flip_test(np.ones(60), np.arange(60), generator=rng(), n_draws=999)
    assert (found.p, found.is_exact) == (1 / 1000, False)


def test_clusters_that_do_not_differ_do_not_count_towards_enumeration():
    differences = np.concatenate([[0.5] * 20, np.zeros(500)])
    found = sign_flip_test(differences, np.arange(520), generator=rng())
    assert (found.is_exact, found.p, found.ties) == (True, 2 / 2**20, 500)


@given(SEEDS)
@settings(max_examples=20)
def test_identical_models_differ_by_exactly_zero_with_p_one(seed):
    values = rng(seed).random(30)
    found = sign_flip_test(values - values, np.arange(30) // 2, generator=rng())
    assert (found.difference, found.p, found.effect_size) == (0.0, 1.0, 0.0)
    assert (found.wins, found.losses, found.ties) == (0, 0, 30)


def test_differences_that_cancel_within_every_cluster_up_to_rounding_have_p_one():
    found = sign_flip_test(np.array([0.1, 0.2, -0.3] * 12), np.arange(36) // 3, generator=rng())
    assert (found.p, found.is_exact, found.effect_size) == (1.0, True, 0.0)


def test_sums_equal_up_to_rounding_count_as_equal():
    differences = np.array([0.1, 0.2, -0.3, 0.1 + 0.2])  # 0.1 + 0.2 is not 0.3 in binary
    found = sign_flip_test(differences, np.arange(4), generator=rng())
    assert found.p == pytest.approx(exact_p(np.array([1.0, 2.0, -3.0, 3.0])))


@given(SEEDS)
@settings(max_examples=25)
def test_order_of_queries_and_scale_change_nothing_and_the_sign_turns_the_difference(seed):
    differences, clusters = differences_of(seed, 30)
    order = rng(seed).permutation(len(differences))
    plain = sign_flip_test(differences, clusters, generator=rng(), n_draws=500)
    moved = sign_flip_test(differences[order], clusters[order], generator=rng(), n_draws=500)
    assert (moved.wins, moved.losses) == (plain.wins, plain.losses)
    assert moved.p == pytest.approx(plain.p, abs=1e-12)
    assert moved.difference == pytest.approx(plain.difference, abs=1e-12)
    assert sign_flip_test(3 * differences, clusters, generator=rng(), n_draws=500).p == plain.p
    turned = sign_flip_test(-differences, clusters, generator=rng(), n_draws=500)
    assert (turned.p, turned.difference, turned.wins) == (plain.p, -plain.difference, plain.losses)


def test_the_unit_is_the_cluster():
    differences = np.repeat(rng(3).choice([-0.4, 0.6], 12), 5)
    as_clusters = sign_flip_test(differences, np.arange(60) // 5, generator=rng())
    as_queries = sign_flip_test(differences, np.arange(60), generator=rng())
    assert as_clusters.p == pytest.approx(sign_flip_test(differences[::5], np.arange(12), generator=rng()).p)
    assert as_queries.p < as_clusters.p


def test_the_effect_size_is_the_standardised_mean_of_cluster_sums():
    differences, clusters = np.array([0.1, 0.2, 0.5, -0.1]), np.array([0, 0, 1, 2])
    sums = np.array([0.3, 0.5, -0.1])
    found = sign_flip_test(differences, clusters, generator=rng())
    assert found.effect_size == pytest.approx(sums.mean() / sums.std(ddof=1))
    assert sign_flip_test(np.full(4, 0.2), np.arange(4), generator=rng()).effect_size is None


def test_queries_without_a_value_are_left_out():
    found = sign_flip_test(np.array([0.5, np.nan, 0.1]), np.array([0, 1, 2]), generator=rng())
    assert found == sign_flip_test(np.array([0.5, 0.1]), np.array([0, 2]), generator=rng())


def test_one_cluster_cannot_show_a_difference():
    assert sign_flip_test(np.array([1.0, 1.0]), np.array([0, 0]), generator=rng()).p == 1.0


def test_unusable_input_is_refused():
    with pytest.raises(TooFewPointsError, match="at least one query"):
        sign_flip_test(np.array([np.nan]), np.array([0]), generator=rng())
    with pytest.raises(InvalidOptionError, match="one value a query, that is 3"):
        sign_flip_test(np.zeros(2), np.zeros(3), generator=rng())
    with pytest.raises(InvalidOptionError, match="n_draws must be positive"):
        sign_flip_test(np.ones(2), np.arange(2), generator=rng(), n_draws=0)


# The best of several


@pytest.mark.parametrize("n_clusters", [8, 40])
def test_max_t_of_one_candidate_is_the_single_test(n_clusters):
    differences, clusters = differences_of(2, n_clusters)
    single = sign_flip_test(differences, clusters, generator=rng(), n_draws=2_000)
    several = max_t_of(differences[:, np.newaxis], clusters, generator=rng(), n_draws=2_000)
    assert several.p[0] == several.p_adjusted[0] == single.p
    assert several.difference[0] == pytest.approx(single.difference)
    assert several.is_exact == single.is_exact


@given(SEEDS)
@settings(max_examples=25)
def test_the_order_of_queries_changes_no_p_value_of_several_candidates_either(seed):
    differences, clusters = np.round(rng(seed).normal(0.05, 1, (90, 3)), 1), np.arange(90) // 2
    order = rng(seed).permutation(90)
    plain = max_t_of(differences, clusters, generator=rng(), n_draws=500)
    moved = max_t_of(differences[order], clusters[order], generator=rng(), n_draws=500)
    assert not plain.is_exact
    np.testing.assert_allclose((moved.p, moved.p_adjusted), (plain.p, plain.p_adjusted), atol=1e-12)


def test_max_t_equals_enumeration():
    sums = rng(4).normal(0.3, 1, (7, 3))
    signs = np.array(list(product([-1, 1], repeat=7)))
    norms = np.sqrt((sums**2).sum(axis=0))
    statistics, observed = np.abs(signs @ sums) / norms, np.abs(sums.sum(axis=0)) / norms
    expected = (statistics.max(axis=1, keepdims=True) >= observed - 1e-9).mean(axis=0)
    assert max_t_of(sums, np.arange(7), generator=rng()).p_adjusted == pytest.approx(expected)


@given(SEEDS)
@settings(max_examples=20)
def test_every_candidate_looked_at_raises_the_adjusted_p_of_the_others_or_leaves_it(seed):
    differences = rng(seed).normal(0.2, 1, (10, 4))
    found = max_t_of(differences, np.arange(10), generator=rng())
    fewer = max_t_of(differences[:, [2, 0]], np.arange(10), generator=rng())
    assert (found.p_adjusted >= found.p).all()
    assert (found.p[[2, 0]] == fewer.p).all()
    assert (found.p_adjusted[[2, 0]] >= fewer.p_adjusted).all()


def test_a_copy_of_a_candidate_costs_nothing():
    column = rng(0).normal(0.4, 1, (15, 1))
    found = max_t_of(np.hstack([column, column, -2 * column]), np.arange(15), generator=rng())
    assert found.p_adjusted == pytest.approx(found.p)


def test_a_candidate_equal_to_the_reference_has_p_one_and_disturbs_nobody():
    column = rng(0).normal(0.4, 1, (12, 1))
    found = max_t_of(np.hstack([column, np.zeros((12, 1))]), np.arange(12), generator=rng())
    assert (found.p[1], found.p_adjusted[1], found.difference[1]) == (1.0, 1.0, 0.0)
    assert found.p_adjusted[0] == found.p[0]


def test_max_t_refuses_a_vector_and_a_candidate_without_values():
    with pytest.raises(InvalidOptionError, match=r"shape \(n_queries, n_candidates\)"):
        max_t_of(np.zeros(3), np.arange(3), generator=rng())
    with pytest.raises(TooFewPointsError):
        max_t_of(np.full((3, 1), np.nan), np.arange(3), generator=rng())


# Many tests


def test_holm_by_hand():
    assert holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([0.6, 0.7])) == pytest.approx([1.0, 1.0])


@given(P_VALUES)
@settings(max_examples=50)
def test_benjamini_hochberg_equals_scipy(p_values):
    assert benjamini_hochberg(np.array(p_values)) == pytest.approx(stats.false_discovery_control(p_values))


@given(P_VALUES, SEEDS)
@settings(max_examples=50)
def test_adjusted_p_values_keep_their_order_and_holm_is_the_stricter(p_values, seed):
    p = np.array(p_values)
    order = rng(seed).permutation(len(p))
    for adjust in (holm, benjamini_hochberg):
        assert (np.diff(adjust(p)[np.argsort(p)]) >= 0).all()
        assert adjust(p)[order] == pytest.approx(adjust(p[order]))
    assert (p <= benjamini_hochberg(p) + 1e-12).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


def test_no_tests_need_no_adjustment():
    assert holm(np.array([])).tolist() == benjamini_hochberg(np.array([])).tolist() == []


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p_values", [[0.5, np.nan], [1.5], [-0.1], [[0.5]]])
def test_what_is_not_a_vector_of_p_values_is_refused(adjust, p_values):
    with pytest.raises(InvalidOptionError, match="vector of p-values"):
        adjust(np.array(p_values))


# Queries that depend in part


def overlapping(n: int = 60, n_documents: int = 40) -> Dependence:
    """Queries with two documents each, of which most share one with others."""
    documents = np.concatenate([np.sort(rng(q).choice(n_documents, 2, replace=False)) for q in range(n)])
    return Dependence.of_judgments(np.arange(0, 2 * n + 1, 2), documents)


def test_where_queries_share_a_part_of_their_documents_the_difference_is_held_against_its_standard_error():
    dependence, differences = overlapping(), rng(1).normal(0.2, 1, 60)
    assert dependence.blocks is None
    spread = dependence.spread(differences[:, np.newaxis])
    error, n = np.sqrt(spread.variance_of_mean[0]), spread.n_effective[0]
    found = paired_test(differences, dependence, generator=rng())
    assert found.p == pytest.approx(2 * stats.t.sf(abs(differences.mean()) / error, n - 1))
    assert found.effect_size == pytest.approx(differences.mean() / (error * np.sqrt(n)))
    assert (found.wins + found.losses, found.n, found.is_exact) == (60, 60, False)
    assert paired_test(differences, dependence, generator=rng(5)) == found


def test_equal_models_and_equal_differences_of_queries_that_depend_in_part():
    dependence = overlapping()
    none = paired_test(np.zeros(60), dependence, generator=rng())
    assert (none.p, none.difference, none.effect_size) == (1.0, 0.0, 0.0)
    every = paired_test(np.full(60, 0.1), dependence, generator=rng())
    assert every.p == pytest.approx(2.0 ** (1 - dependence.n_shared))
    assert every.effect_size is None


def test_a_doubtless_difference_stays_so_when_all_queries_are_chained():
    differences = np.where(np.arange(60) % 15 == 0, -0.2, 0.5)
    found = paired_test(differences, overlapping(), generator=rng())
    assert (found.wins, found.losses) == (56, 4)
    assert found.p < 1e-6


def test_the_best_of_several_pays_for_the_choice_where_queries_depend_in_part():
    dependence, columns = overlapping(), rng(2).normal(0.25, 1, (60, 5))
    found = max_t(columns, dependence, generator=rng(), n_draws=20_000)
    alone = [paired_test(column, dependence, generator=rng()).p for column in columns.T]
    assert found.p == pytest.approx(alone)
    assert (found.p_adjusted >= found.p).all()
    assert found.p_adjusted.min() == pytest.approx(1 - (1 - min(alone)) ** 5, rel=0.35)
    copies = max_t(columns[:, [0, 0, 0]], dependence, generator=rng(), n_draws=20_000)
    assert copies.p_adjusted == pytest.approx(np.full(3, alone[0]), abs=0.02)
