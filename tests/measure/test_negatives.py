"""Hard negatives by type: names and rows, rates and margins by hand, weights against scipy, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from embedscope.measure.negatives import (
    UNTYPED,
    NegativePairs,
    measure_types,
    measure_weights,
    type_of_document,
)
from embedscope.metrics.histograms import bin_edges
from embedscope.stats.resampler import Resampler

EDGES = bin_edges(100)


def pairs_of(
    queries: Sequence[int],
    margins: Sequence[float],
    types: Sequence[tuple[str, ...]],
    weights: Sequence[float] | None = None,
) -> NegativePairs:
    found = np.asarray(margins, dtype=np.float64)
    rows = np.asarray(queries, dtype=np.int64)
    return NegativePairs(
        rows, np.arange(len(rows)), 0.5 - found, found, np.ones(len(rows)) if weights is None else np.array(weights),
        tuple(types),
    )  # fmt: skip


def resampler_of(n_queries: int) -> Resampler:
    return Resampler(np.arange(n_queries), 500, 0)


HAND = pairs_of(
    queries=[0, 0, 1, 1, 2],
    margins=[0.2, -0.1, 0.0, 0.3, 0.4],
    types=[("price",), ("price", "place"), ("place",), (), ("price",)],
    weights=[1.0, 3.0, 2.0, 1.0, 1.0],
)


PAIRS = NegativePairs(
    queries=np.array([0, 0, 2, 2]),
    documents=np.array([5, 6, 5, 7]),
    scores=np.array([0.1, 0.4, 0.3, 0.2]),
    margins=np.array([0.5, 0.0, -0.1, 1e-7]),
    weights=np.ones(4),
    types=(("b",), ("a", "b"), (), ("a",)),
)
NONE = NegativePairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros(0), ())


def test_names_are_the_types_that_occur_the_most_frequent_first_then_by_letter() -> None:
    assert PAIRS.names() == ("a", "b", UNTYPED)
    assert NONE.names() == ()


def test_a_pair_of_several_types_is_a_row_of_each_and_one_without_is_untyped() -> None:
    assert [PAIRS.rows_of(name).tolist() for name in ("a", "b", UNTYPED, "c")] == [[1, 3], [0, 1], [2], []]


def test_a_negative_that_reaches_the_positive_is_a_violation() -> None:
    assert PAIRS.violations(0.0).tolist() == [False, True, True, False]
    assert PAIRS.violations(1e-6).tolist() == [False, True, True, True]


def test_the_best_of_each_query_is_nan_where_it_has_none() -> None:
    np.testing.assert_array_equal(PAIRS.best_of_each_query(4), [0.4, np.nan, 0.3, np.nan])
    assert np.isnan(NONE.best_of_each_query(2)).all()


def test_a_wrong_document_has_a_type_only_as_a_negative_of_its_own_query() -> None:
    assert type_of_document(PAIRS, np.array([6, 5, 5, -1])) == ("a + b", "", UNTYPED, "")
    assert type_of_document(NONE, np.array([1])) == ("",)


def test_rates_and_margins_of_each_type_match_hand_work() -> None:
    found = measure_types(HAND, resampler_of(3), EDGES, 1e-6)
    assert list(found) == ["price", "place", UNTYPED]  # the most frequent first
    price, place, untyped = found.values()
    assert (price.n, price.n_queries, price.violation_rate.value) == (3, 2, pytest.approx(1 / 3))
    assert price.margin.value == pytest.approx((0.2 - 0.1 + 0.4) / 3)
    assert price.mean_weight == pytest.approx(5 / 3)
    np.testing.assert_allclose(price.margins, [0.2, -0.1, 0.4])
    assert price.similarity.mean == pytest.approx(np.mean([0.3, 0.6, 0.1]))
    assert (place.n, place.violation_rate.value) == (2, 1.0)  # a margin of 0 is a violation
    assert (untyped.n, untyped.n_queries, untyped.violation_rate.value) == (1, 1, 0.0)


def test_a_negative_of_several_types_counts_in_each() -> None:
    found = measure_types(HAND, resampler_of(3), EDGES, 1e-6)
    assert sum(kind.n for kind in found.values()) == len(HAND.margins) + 1


def test_margins_within_the_tolerance_are_violations() -> None:
    pairs = pairs_of([0, 1, 2], [1e-7, 2e-6, -1e-7], [("a",)] * 3)
    assert measure_types(pairs, resampler_of(3), EDGES, 1e-6)["a"].violation_rate.value == pytest.approx(2 / 3)


def test_the_weighted_violation_rate_weighs_violations() -> None:
    found = measure_weights(HAND, resampler_of(3), 1e-6)
    assert found["violation_rate"].value == pytest.approx(2 / 5)
    assert found["weighted_violation_rate"].value == pytest.approx((3 + 2) / 8)


def test_placeholder_weights_are_not_judged_by_the_one_row_that_was_filled_in() -> None:
    pairs = pairs_of(list(range(40)), [0.1] * 40, [("a",)] * 40, [1.0] + [0.0] * 39)
    assert set(measure_weights(pairs, resampler_of(40), 0.0)) == {"violation_rate"}


def test_equal_weights_give_no_weighted_figures() -> None:
    pairs = pairs_of([0, 1], [0.1, -0.1], [("a",), ("a",)])
    assert list(measure_weights(pairs, resampler_of(2), 0.0)) == ["violation_rate"]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_kendall_tau_is_the_mean_over_queries_of_that_of_scipy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    queries = generator.integers(0, 12, 60)
    weights = generator.integers(1, 4, 60).astype(float)
    margins = generator.standard_normal(60).round(1)
    pairs = pairs_of(queries.tolist(), margins.tolist(), [("a",)] * 60, weights.tolist())
    figure = measure_weights(pairs, resampler_of(12), 0.0)["kendall_tau"]
    groups = [queries == q for q in range(12)]
    defined = [g for g in groups if len(set(weights[g])) > 1 and len(set(margins[g])) > 1]
    taus = [kendalltau(weights[g], margins[g]).statistic for g in defined]
    assert figure.value == pytest.approx(np.mean(taus), abs=1e-12)


def test_without_two_comparable_negatives_the_agreement_is_absent_and_says_why() -> None:
    pairs = pairs_of([0, 1], [0.1, 0.2], [("a",), ("a",)], [1.0, 2.0])
    figure = measure_weights(pairs, resampler_of(2), 0.0)["kendall_tau"]
    assert figure.value is None
    assert "differ in weight and in margin" in (figure.reason or "")


def test_a_model_that_follows_the_weights_has_an_agreement_of_one() -> None:
    queries = np.repeat(np.arange(10), 3).tolist()
    pairs = pairs_of(queries, [0.1, 0.2, 0.3] * 10, [("a",)] * 30, [1.0, 1.5, 2.5] * 10)
    assert measure_weights(pairs, resampler_of(10), 0.0)["kendall_tau"].value == pytest.approx(1.0)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_every_interval_holds_its_value_and_rates_stay_within_the_unit_interval(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(20, 120))
    types = [tuple(generator.choice(["a", "b", "c"], size=generator.integers(0, 3), replace=False)) for _ in range(n)]
    pairs = pairs_of(
        generator.integers(0, 30, n).tolist(),
        (generator.standard_normal(n) + 1).tolist(),
        types,
        generator.uniform(0.5, 3, n).tolist(),
    )
    figures = list(measure_weights(pairs, resampler_of(30), 0.0).values())
    rates = figures[:2]
    for kind in measure_types(pairs, resampler_of(30), EDGES, 0.0).values():
        figures += [kind.violation_rate, kind.margin]
        rates.append(kind.violation_rate)
    for figure in figures:
        if figure.low is not None and figure.high is not None and figure.value is not None:
            assert figure.low <= figure.value <= figure.high
    for rate in rates:
        assert rate.low is None or (rate.low >= 0 and (rate.high or 0) <= 1)


def test_a_type_without_a_violation_has_an_interval_with_an_open_end() -> None:
    pairs = pairs_of(list(range(20)), [0.3] * 20, [("a",)] * 20)
    rate = measure_types(pairs, resampler_of(20), EDGES, 0.0)["a"].violation_rate
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high is not None
    assert 0.1 < rate.high < 0.2  # Wilson for 0 of 20: 0.161


def test_a_margin_varies_by_queries_and_by_the_documents_that_several_of_them_hold() -> None:
    """The variance is a sum over all two pairs of one query or of one document."""
    generator = np.random.default_rng(0)
    n, n_documents = 60, 4
    queries = np.repeat(np.arange(n), 2)
    documents = np.concatenate([generator.choice(n_documents, 2, replace=False) for _ in range(n)])
    margins = generator.normal(0, 0.1, n_documents)[documents] + generator.normal(0, 0.1, 2 * n)
    alone = pairs_of(queries, margins, [("a",)] * len(margins))
    shared = replace(alone, documents=documents)
    e = (margins - margins.mean()) / len(margins)
    same = {name: side[:, np.newaxis] == side for name, side in (("q", queries), ("d", documents))}
    by_queries = e @ same["q"] @ e * n / (n - 1)
    by_both = by_queries + e @ (same["d"] & ~same["q"]) @ e
    found = [measure_types(pairs, resampler_of(n), EDGES, 0.0)["a"].margin for pairs in (alone, shared)]
    widths = [one.high - one.low for one in found if one.high is not None and one.low is not None]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(by_both / by_queries))
    assert widths[1] > 2 * widths[0]
