"""The resampler: one seed and one number of draws for every interval and test."""

from __future__ import annotations

import numpy as np
import pytest

from embedscope.errors import InvalidOptionError
from embedscope.stats.dependence import Dependence
from embedscope.stats.figures import ratio_of_sums
from embedscope.stats.intervals import wilson
from embedscope.stats.resampler import Resampler, Stream, holm_over

CLUSTERS = np.arange(90) // 2


def values(seed: int = 0) -> np.ndarray:
    return 1 / np.random.default_rng(seed).geometric(0.5, len(CLUSTERS))


def resampler(clusters: np.ndarray = CLUSTERS, n_draws: int = 400, seed: int = 3) -> Resampler:
    return Resampler(clusters, n_draws, seed)


def test_the_seed_and_the_number_of_draws_move_tests_and_no_interval() -> None:
    inside = np.arange(90) % 3 == 0

    def estimates(r: Resampler) -> list[object]:
        return [
            r.means({"m": values()})["m"],
            r.ratio(np.column_stack([values(), values(1)]))[0],
            r.rate(values(), np.ones(90)),
            r.contrast(values(), inside),
        ]

    def p(r: Resampler) -> float:
        return r.compare("a", {"m": values()}, {"b": {"m": values(1)}}, ("m",))[0].p

    for other in (resampler(seed=5), resampler(n_draws=1_000)):
        assert estimates(other) == estimates(resampler())
        assert p(other) != p(resampler()) == p(resampler())


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="at least 100; got 10"):
        resampler(n_draws=10)


def test_what_queries_share_counts_where_it_is_known_and_else_their_clusters() -> None:
    documents = np.arange(90) // 2
    known = Dependence.of_judgments(np.arange(91), documents)
    chained = Resampler(np.zeros(90, dtype=np.int64), 400, 3, dependence=known)
    assert chained.means({"m": values()}) == resampler().means({"m": values()})
    assert chained.n_effective(values()) == resampler().n_effective(values()) <= 90
    assert np.isnan(values()).sum() == 0
    partly = np.where(np.arange(90) < 20, np.nan, values())
    assert resampler().n_effective(partly) <= 70


def test_a_share_of_entries_that_stand_alone_has_the_wilson_interval() -> None:
    hits = values() > 0.4
    found = resampler(np.arange(90)).share(hits)
    assert found == wilson(int(hits.sum()), 90)


def test_a_share_of_clusters_is_a_rate_over_all_entries() -> None:
    hits = values() > 0.4
    found = resampler().share(hits)
    assert found.value == hits.mean()
    assert found == resampler().rate(hits, np.ones(90))
    mean = resampler().means({"share": hits.astype(float)})["share"]
    assert (found.low, found.high) == pytest.approx((mean.low, mean.high), abs=0.03)


def test_a_rate_leaves_out_entries_without_a_denominator_and_stays_within_0_and_1() -> None:
    denominators = np.where(np.arange(90) % 3 == 0, 0.0, values())
    numerators = denominators * (np.arange(90) % 4 != 0)
    found = resampler().rate(numerators, denominators)
    used = denominators > 0
    assert found == resampler(CLUSTERS[used]).rate(numerators[used], denominators[used])
    assert found.value == pytest.approx(numerators.sum() / denominators.sum())
    assert found.n == used.sum()
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_contrast_is_the_difference_of_two_means() -> None:
    inside = np.arange(90) % 3 == 0
    found = resampler().contrast(values(), inside)
    assert found.value == pytest.approx(values()[inside].mean() - values()[~inside].mean())
    assert found.low < found.value < found.high
    turned = resampler().contrast(values(), ~inside)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_what_cannot_be_measured_says_why() -> None:
    nothing = resampler(CLUSTERS[:0])
    for found in (
        nothing.share(np.zeros(0, dtype=bool)),
        resampler().rate(np.ones(90), np.zeros(90)),
        resampler().contrast(values(), np.zeros(90, dtype=bool)),
        resampler().contrast(values(), np.ones(90, dtype=bool)),
    ):
        assert (found.value, found.low, found.high) == (None, None, None)
        assert found.reason
        assert found.at_least == 0.0


def test_pairs_depend_as_their_queries_do() -> None:
    query_of_pair = np.repeat(np.arange(90), 3)
    hits = np.random.default_rng(0).random(270) < 0.3
    found = resampler().among(query_of_pair).share(hits)
    assert found == resampler(CLUSTERS[query_of_pair]).share(hits)
    assert found.n == 270
    sums = np.column_stack([np.bincount(query_of_pair, weights=hits), np.full(90, 3.0)])
    (by_query,) = resampler().ratio(sums)
    width = by_query.high - by_query.low
    assert (found.low, found.high) == pytest.approx((by_query.low, by_query.high), abs=0.2 * width)


def test_streams_are_independent_and_the_run_is_the_first() -> None:
    draws = {stream: resampler().on(stream).sample(1000, 50).tobytes() for stream in Stream}
    assert len(set(draws.values())) == len(Stream)
    assert draws[Stream.RUN] == resampler().sample(1000, 50).tobytes()


def test_a_ratio_is_a_statistic_of_weighted_queries() -> None:
    columns = np.column_stack([values(), values(1)])
    expected = resampler().statistic(columns, ratio_of_sums, weights=columns[:, 1:])
    assert resampler().ratio(columns) == expected
    assert [stream.value for stream in list(Stream)[:4]] == [1, 2, 3, 4]


def test_samples_and_resamples_repeat_and_stay_in_range() -> None:
    rows = resampler().sample(100, 20)
    assert len(set(rows.tolist())) == 20
    assert (np.diff(rows) > 0).all()
    assert resampler().sample(5, 20).tolist() == [0, 1, 2, 3, 4]
    draws = list(resampler().resamples(10, 6, 4))
    assert [len(draw) for draw in draws] == [6] * 4
    assert all(0 <= row < 10 for draw in draws for row in draw)
    assert np.array_equal(np.stack(draws), np.stack(list(resampler().resamples(10, 6, 4))))


def test_of_very_many_rows_a_sample_is_drawn_without_a_permutation_of_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedscope.stats.resampler._MAX_PERMUTED", 100)
    rows = resampler().sample(1000, 20)
    assert len(set(rows.tolist())) == 20
    assert (np.diff(rows) > 0).all()


def test_the_best_of_one_candidate_has_the_p_value_of_the_pair() -> None:
    differences = values() - values(1)
    test = resampler(n_draws=5_000).best_of(differences[:, np.newaxis])
    (pair,) = resampler(n_draws=5_000).compare("a", {"m": values()}, {"b": {"m": values(1)}}, ("m",))
    assert test.p[0] == test.p_adjusted[0] == pytest.approx(pair.p, abs=0.03)


def test_holm_corrects_over_the_primary_metrics_and_leaves_the_others() -> None:
    ours, theirs = {"m": values(), "extra": values(2)}, {"b": {"m": values(1), "extra": values(3)}}
    found = resampler().compare("a", ours, theirs, ("m", "extra"))
    corrected = holm_over((*found, *found), ("m",))
    assert [c.p_adjusted for c in corrected] == pytest.approx(
        [min(1.0, 2 * found[0].p), found[1].p, min(1.0, 2 * found[0].p), found[1].p]
    )


@pytest.mark.parametrize("size", [1, 4])
def test_optimism_is_how_much_the_best_of_many_equal_candidates_is_above_its_true_mean(size: int) -> None:
    generator = np.random.default_rng(7)
    clusters = np.arange(80) // size
    excess, estimated = [], []
    for _ in range(60):
        columns = generator.standard_normal((80 // size, 8))[clusters]  # the queries of a cluster agree; true means 0
        excess.append(columns.mean(axis=0).max())
        estimated.append(resampler(clusters).optimism(columns, n_halves=40))
    assert np.mean(estimated) == pytest.approx(np.mean(excess), rel=0.15)


def test_there_is_no_optimism_in_a_candidate_alone_or_far_ahead_and_none_known_of_one_cluster() -> None:
    columns = np.random.default_rng(1).standard_normal((90, 5))
    assert resampler().optimism(columns[:, :1]) == pytest.approx(0, abs=1e-12)
    ahead = columns + np.array([9, 0, 0, 0, 0])
    assert np.mean([resampler(seed=seed).optimism(ahead) for seed in range(20)]) == pytest.approx(0, abs=0.03)
    assert np.isnan(resampler(np.zeros(90, dtype=int)).optimism(columns))
