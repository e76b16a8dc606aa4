"""Resamples of clusters: the same whenever they are asked for, kept or drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from embedscope.errors import InvalidOptionError
from embedscope.stats.draws import Draws


def resampled(draws: Draws, sums: np.ndarray) -> np.ndarray:
    return np.concatenate(list(draws.resampled(sums)))


def test_draws_have_the_moments_of_a_multinomial_and_are_made_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedscope.stats.draws._CHUNK", 1000)
    chunks = list(Draws(0, 20_000).resampled(np.eye(5)))
    assert {len(chunk) for chunk in chunks} == {200}
    counts = np.concatenate(chunks)
    assert (counts.sum(axis=1) == 5).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.04)
    assert np.cov(counts.T) == pytest.approx(np.eye(5) - 0.2, abs=0.05)


@pytest.mark.parametrize("n_columns", [1, 2, 3, 4, 9])
def test_a_column_is_resampled_to_the_last_bit_as_it_is_beside_others(n_columns: int) -> None:
    sums = np.random.default_rng(0).standard_normal((70, n_columns))
    alone = [resampled(Draws(3, 500), sums[:, [j]])[:, 0] for j in range(n_columns)]
    assert np.array_equal(resampled(Draws(3, 500), sums), np.stack(alone, axis=1))


def test_kept_resamples_and_those_too_many_to_keep_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(0).standard_normal((70, 2))
    draws = Draws((7, 1), 500)
    first = resampled(draws, sums)
    assert np.array_equal(resampled(draws, sums), first)
    assert list(draws.kept) == [((7, 1), 500, 70)]
    monkeypatch.setattr("embedscope.stats.draws._MOST_KEPT", 500 * 70 - 1)
    too_many = Draws((7, 1), 500)
    assert np.array_equal(resampled(too_many, sums), first)
    assert not too_many.kept


def test_draws_of_another_seed_or_number_are_kept_beside_the_first() -> None:
    sums = np.random.default_rng(0).standard_normal((70, 2))
    first = Draws(1, 500)
    second, shorter = Draws(2, 500, first.kept), Draws(1, 400, first.kept)
    found = [resampled(draws, sums) for draws in (first, second, shorter)]
    assert len(first.kept) == 3
    assert [len(sums) for sums in found] == [500, 500, 400]
    assert not np.array_equal(found[0], found[1])


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="at least 100; got 10"):
        Draws(0, 10)
