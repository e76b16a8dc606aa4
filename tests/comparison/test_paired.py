"""Runs against a reference: what moved, by how much, and which runs must not be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.planted import SETTINGS, collection_of, embedded, findings_of, model, unit

from embedscope.comparison.paired import compare_runs
from embedscope.data.collection import Collection
from embedscope.errors import IncomparableRunsError
from embedscope.result import Result


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(60, types=(("price",), ("place",), ()))


@pytest.fixture(scope="module")
def runs(collection: Collection) -> dict[str, Result]:
    """``old`` has the last half at random, ``new`` the first tenth wrong, ``best`` nothing."""
    return {
        "old": findings_of(collection, model(collection, share_random=0.5)),
        "new": findings_of(collection, model(collection, share_wrong=0.1)),
        "best": findings_of(collection, model(collection)),
    }


def test_identical_runs_differ_by_nothing_with_a_p_value_of_one(runs: dict[str, Result]) -> None:
    found = compare_runs({"a": runs["old"], "b": runs["old"]}, reference="a", settings=SETTINGS)
    for row in found.comparisons:
        assert (row.difference, row.low, row.high, row.p, row.p_adjusted) == (0.0, 0.0, 0.0, 1.0, 1.0)
        assert (row.wins, row.losses, row.ties) == (0, 0, 60)
    assert not len(found.lost["b"])
    assert not len(found.gained["b"])
    assert all(change.change.value == 0 for change in found.type_changes)
    shift = found.level_shifts[0]
    assert (shift.positive, shift.negative, shift.separation, shift.auc) == (0, 0, 0, 0)


def test_differences_are_candidate_minus_reference(runs: dict[str, Result]) -> None:
    found = compare_runs({name: runs[name] for name in ("old", "new")}, reference="old", settings=SETTINGS)
    assert found.candidates == ("new",)
    assert [row.metric for row in found.comparisons] == list(runs["old"].metrics)
    for row in found.comparisons:
        assert (row.a, row.b) == ("new", "old")
        expected = runs["new"].metrics[row.metric].value - runs["old"].metrics[row.metric].value
        assert row.difference == pytest.approx(expected, abs=1e-12)
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.difference <= row.high
    assert found.best is None


def test_lost_and_gained_queries_are_those_that_left_and_reached_rank_one(runs: dict[str, Result]) -> None:
    found = compare_runs({name: runs[name] for name in ("old", "new")}, reference="old", settings=SETTINGS)
    before, after = runs["old"].queries, runs["new"].queries
    lost, gained = found.lost["new"], found.gained["new"]
    assert sorted(lost) == np.flatnonzero(before.is_correct & ~after.is_correct).tolist() == list(range(6))
    assert sorted(gained) == np.flatnonzero(~before.is_correct & after.is_correct).tolist()
    for rows in (lost, gained):
        moves = np.abs(after.rank[rows] - before.rank[rows])
        assert (np.diff(moves) <= 0).all()


def test_a_type_of_which_fewer_negatives_reach_the_positive_has_a_negative_change(runs: dict[str, Result]) -> None:
    found = compare_runs({name: runs[name] for name in ("new", "best")}, reference="new", settings=SETTINGS)
    by_type = {change.type: change for change in found.type_changes}
    assert set(by_type) == {"price", "place", "untyped"}
    for name, change in by_type.items():
        rates = [runs[run].negative_types[name].violation_rate.value or 0.0 for run in ("new", "best")]
        assert change.change.value == pytest.approx(rates[1] - rates[0], abs=1e-12)
        assert change.n == 60
    assert by_type["price"].change.value == pytest.approx(-0.1)  # the nearest negative was the first: of this type
    back = compare_runs({name: runs[name] for name in ("new", "best")}, reference="best", settings=SETTINGS)
    assert {c.type: c.change.value for c in back.type_changes}["price"] == pytest.approx(0.1)


def test_a_shift_of_the_level_with_an_unchanged_ranking_changes_no_metric(collection: Collection) -> None:
    """One more dimension, the same for all texts, scales and lifts every cosine: (s + c) / (1 + c)."""
    base = model(collection, similarity=0.5)

    def lifted(rows: np.ndarray) -> np.ndarray:
        return unit(np.column_stack([rows, np.full(len(rows), 2.0)]))

    raised = embedded(lifted(base.queries), lifted(base.documents))
    runs = {"low": findings_of(collection, base), "high": findings_of(collection, raised)}
    found = compare_runs(runs, reference="low", settings=SETTINGS)
    assert all(row.difference == 0 and row.p == 1 for row in found.comparisons)
    shift = found.level_shifts[0]
    assert shift.positive == pytest.approx((0.5 + 4) / 5 - 0.5, abs=1e-6)
    assert shift.negative > 0.7
    assert shift.separation == pytest.approx(0, abs=1e-3)
    assert shift.auc == pytest.approx(0, abs=1e-4)


def test_the_best_of_many_pays_for_the_choice(runs: dict[str, Result], collection: Collection) -> None:
    weak = {f"w{i}": findings_of(collection, model(collection, share_random=0.45, seed=1)) for i in range(2)}
    everything = {"old": runs["old"], **weak, "new": runs["new"], "best": runs["best"]}
    found = compare_runs(everything, reference="old", settings=SETTINGS)
    assert found.best is not None
    assert (found.best.best, found.best.metric, found.best.n_candidates) == ("best", "MRR", 4)
    raw = next(row for row in found.comparisons if row.a == "best" and row.metric == "MRR")
    assert found.best.difference == pytest.approx(raw.difference)
    assert found.best.p_adjusted >= raw.p


def test_the_p_value_of_the_best_of_many_equal_candidates_is_not_below_the_raw_one(collection: Collection) -> None:
    seeds = range(6)
    candidates = {f"c{s}": findings_of(collection, model(collection, similarity=0.3, seed=s + 5)) for s in seeds}
    found = compare_runs(candidates, reference="c0", settings=SETTINGS)
    assert found.best is not None
    raw = next(row for row in found.comparisons if row.a == found.best.best and row.metric == "MRR")
    assert found.best.p_adjusted > raw.p


def test_holm_corrects_over_the_primary_metrics_of_all_candidates(runs: dict[str, Result]) -> None:
    found = compare_runs(runs, reference="old", settings=SETTINGS)
    primary = [row for row in found.comparisons if row.metric in ("MRR", "Success@1")]
    assert len(primary) == 4
    smallest = min(primary, key=lambda row: row.p)
    assert smallest.p_adjusted == pytest.approx(min(4 * smallest.p, 1))
    assert all(row.p_adjusted == row.p for row in found.comparisons if row not in primary)


def test_runs_on_other_data_are_refused_with_what_differs(runs: dict[str, Result]) -> None:
    old = runs["old"]
    elsewhere = collection_of(60, seed=5)
    fewer = replace(old.data, n_documents=239, digest="other")
    cases = {
        r"different queries \(60 and 60, 0 in common\)": findings_of(elsewhere, model(elsewhere)),
        r"different pools \(239 and 240 documents\)": replace(old, data=fewer),
        "different documents, judgments or hard negatives": replace(old, data=replace(old.data, digest="other")),
    }
    for message, candidate in cases.items():
        with pytest.raises(IncomparableRunsError, match=message):
            compare_runs({"old": old, "candidate": candidate}, reference="old", settings=SETTINGS)


def test_the_same_seed_gives_the_same_comparison(runs: dict[str, Result]) -> None:
    one, other = (compare_runs(runs, reference="old", settings=SETTINGS) for _ in range(2))
    assert one.comparisons == other.comparisons
    assert one.best == other.best


def test_the_order_of_the_names_does_not_choose_the_reference(runs: dict[str, Result]) -> None:
    assert compare_runs(runs, reference="new", settings=SETTINGS).candidates == ("old", "best")
