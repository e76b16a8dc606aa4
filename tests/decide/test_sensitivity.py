"""What a reason says of a test set: the smallest difference it finds, and how many more queries decide a check."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.support.planted import collection_of, findings_of, model

from embedscope.decide.sensitivity import more_queries, n_independent, smallest_difference
from embedscope.result import Check, Comparison, DataFacts, Outcome
from embedscope.stats.power import detectable
from embedscope.stats.resampler import Resampler, holm_over

N = 60
_SMALL = collection_of(40)
DATA = replace(findings_of(_SMALL, model(_SMALL)).data, n_clusters=3, n_effective=float(N))


def facts(n: float | None) -> DataFacts:
    return replace(DATA, n_effective=n)


def check(value: float, low: float, high: float) -> Check:
    return Check("rank1", "Rank 1", value, low, high, 0.85, ">", Outcome.UNDECIDED, "")


def test_the_effective_number_of_queries_counts_and_groups_only_where_there_is_no_other() -> None:
    assert n_independent(DATA) == N
    assert n_independent(facts(None)) == 3.0


def test_the_stated_power_is_that_of_the_test_that_decides() -> None:
    """Two primary metrics under Holm's correction: a true difference of the stated size is found 4 times in 5."""
    generator, spread = np.random.default_rng(0), 0.3
    truth = detectable(spread / np.sqrt(N), N - 1, n_tests=2)
    none = {"b": {"MRR": np.zeros(N), "Success@1": np.zeros(N)}}
    found = 0
    for seed in range(400):
        ours = {"MRR": generator.normal(truth, spread, N), "Success@1": generator.normal(0, spread, N)}
        compared = Resampler(np.arange(N), 400, seed).compare("a", ours, none, tuple(ours))
        found += holm_over(compared, tuple(ours))[0].is_surely(1)
    assert found / 400 == pytest.approx(0.8, abs=0.06)


def test_the_smallest_difference_follows_from_the_interval_and_the_number_of_tests() -> None:
    row = Comparison("m", "old", "MRR", 0.02, -0.01, 0.05, 0.2, 0.2, None, 5, 3, 72)
    one, two = (smallest_difference(row, DATA, n_tests=n) for n in (1, 2))
    assert one == pytest.approx(0.03 * (2.0010 + 0.8478) / 2.0010, abs=1e-4)
    assert two is not None
    assert two > one
    assert smallest_difference(replace(row, low=0.02, high=0.02), DATA, n_tests=2) is None


def test_no_number_of_queries_is_promised_where_none_is_sound() -> None:
    assert re.fullmatch(
        r"; about \d+ more independent queries would .*", more_queries(check(0.9, 0.8, 0.95), DATA, least=30)
    )
    assert more_queries(check(0.9, 0.8, 0.95), facts(12.0), least=30) == ""
    assert "too close" in more_queries(check(0.851, 0.75, 0.95), DATA, least=30)
    assert more_queries(replace(check(0.9, 0.8, 0.95), outcome=Outcome.FAIL), DATA, least=30) == ""


def test_an_interval_that_just_straddles_takes_more_than_a_few_queries() -> None:
    """The value of more queries moves too: to shrink the interval by a hair decides only half of the time."""
    said = more_queries(check(0.75, 0.648, 0.852), DATA, least=30)
    number = int(re.findall(r"about (\d+) more", said)[0])
    assert number == pytest.approx(N * ((2.0010 + 0.8478) / 2.0010 * 1.02) ** 2 - N, abs=2)
    assert number > N
