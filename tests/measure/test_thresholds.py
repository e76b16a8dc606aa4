"""Thresholds: counts by hand and by scikit-learn, honest intervals, and what cannot be reached says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from embedscope.errors import InvalidOptionError
from embedscope.measure.thresholds import ReachCounts, measure_thresholds
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.result import ThresholdTable
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.resampler import Resampler

Q, N, DIM = 80, 120, 16
JUDGED = Judgments.from_lists([[q] for q in range(Q)], n_documents=N)


def vectors(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    documents = unit_rows(rng.standard_normal((N, DIM)))
    queries = documents[:Q] + noise * unit_rows(rng.standard_normal((Q, DIM)))
    return unit_rows(queries).astype(np.float32), documents.astype(np.float32)


def measure(
    queries: np.ndarray, documents: np.ndarray, judged: Judgments = JUDGED, **options: object
) -> ThresholdTable:
    clusters = clusters_from_judgments(judged.indptr, judged.documents, judged.n_documents)
    resampler = Resampler(clusters, 300, 1)
    return measure_thresholds(queries, documents, judged, resampler, **options)  # type: ignore[arg-type]


def test_counts_reach_each_threshold_as_worked_by_hand_in_any_blocks() -> None:
    scores = np.array([[0.1, 0.5, 0.5, 0.9], [-0.2, 0.0, 0.3, 0.5]])
    grid = np.array([0.0, 0.5, 0.9])
    whole, left, right = (ReachCounts(2, grid) for _ in range(3))
    whole.update(scores, 0, 0)
    left.update(scores[:, :3], 0, 0)
    right.update(scores[:1, 3:], 0, 3)
    right.update(scores[1:, 3:], 1, 3)
    assert whole.result().tolist() == [[4, 3, 1], [3, 1, 0]]
    assert left.merge(right).result().tolist() == whole.result().tolist()
    with pytest.raises(InvalidOptionError, match="Cannot merge"):
        whole.merge(ReachCounts(2, grid[:2]))


def test_precision_and_recall_are_those_of_scikit_learn_at_every_threshold() -> None:
    queries, documents = vectors(noise=1.2)
    table = measure(queries, documents)
    scores, truth = (queries @ documents.T).ravel(), np.eye(Q, N).ravel()
    assert len(table.thresholds) > 50
    for i, threshold in enumerate(table.thresholds):
        taken = scores >= np.float32(threshold - 1e-6)
        assert table.n_retrieved[i] == taken.sum()
        assert table.precision[i] == pytest.approx(precision_score(truth, taken))
        assert table.recall[i] == pytest.approx(recall_score(truth, taken))


def test_excluded_documents_are_retrieved_at_no_threshold() -> None:
    queries, documents = vectors(0.6)
    own = np.arange(Q), (np.arange(Q) + 1) % Q
    found = measure(queries, documents, replace(JUDGED, excluded=Cells.of_pairs(*own, Q)))
    kept = np.ones((Q, N), dtype=bool)
    kept[own] = False
    scores = queries @ documents.T
    for threshold, n_retrieved, precision in zip(found.thresholds, found.n_retrieved, found.precision, strict=True):
        reached = kept & (scores >= np.float32(threshold - 1e-6))
        assert abs(int(reached.sum()) - int(n_retrieved)) <= 1  # a score within a rounding of the threshold
        assert precision == pytest.approx(np.diag(reached).sum() / reached.sum(), abs=2e-3)


def test_intervals_hold_their_figures_and_stay_in_the_unit_interval() -> None:
    table = measure(*vectors(noise=1.2))
    for name in ("precision", "recall"):
        value, low, high = (getattr(table, name + end) for end in ("", "_low", "_high"))
        known = ~np.isnan(low)
        assert (low[known] <= value[known]).all()
        assert (value[known] <= high[known]).all()
        assert low[known].min() >= 0
        assert high[known].max() <= 1


def test_thresholds_rise_from_where_all_pairs_are_taken_and_recall_falls() -> None:
    table = measure(*vectors(noise=1.2))
    assert table.n_retrieved[0] == Q * N
    assert table.n_retrieved[-1] > 0
    assert (np.diff(table.thresholds) > 0).all()
    assert (np.diff(table.recall) <= 0).all()
    assert table.recall[0] == 1


def test_the_suggested_threshold_is_the_lowest_down_to_which_the_precision_stays_above_the_wanted_one() -> None:
    """On the half of the clusters that did not say where to begin; its figures are those of that half."""
    queries, documents = vectors(noise=0.6)
    resampler = Resampler(np.arange(Q), 300, 1)
    (choice,) = measure(queries, documents, wanted=(0.8,)).choices
    rest = np.flatnonzero(~resampler.half())
    half = measure_thresholds(
        queries[rest],
        documents,
        Judgments.from_lists([[int(q)] for q in rest], n_documents=N),
        resampler.among(np.isin(np.arange(Q), rest)),
    )
    place = int(np.flatnonzero(half.thresholds == choice.threshold)[0])
    assert choice.precision.value == pytest.approx(half.precision[place])
    assert choice.precision.low == pytest.approx(half.precision_low[place])
    assert choice.recall.value == pytest.approx(half.recall[place])
    assert half.precision_low[place] >= 0.8 > half.precision_low[place - 1]
    assert half.precision_low[place : place + 5].min() >= 0.8
    assert choice.reason is None


def test_where_no_threshold_keeps_the_wanted_precision_at_most_one_run_in_twenty_suggests_one() -> None:
    """The true precision is 0.78 at every threshold up to 0.95, so that there are 75 chances to be taken in."""
    n_suggested = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        named, scores = generator.integers(N, size=100), generator.uniform(0.2, 0.95, 100)
        queries = np.zeros((100, N + 1), dtype=np.float32)
        queries[np.arange(100), named], queries[:, N] = scores, np.sqrt(1 - scores**2)
        relevant = np.where(generator.random(100) < 0.78, named, (named + 1 + generator.integers(N - 1, size=100)) % N)
        judged = Judgments.from_lists([[document] for document in relevant.tolist()], n_documents=N)
        resampler = Resampler(np.arange(100), 200, seed)
        documents = np.eye(N, N + 1, dtype=np.float32)
        (choice,) = measure_thresholds(queries, documents, judged, resampler, wanted=(0.8,)).choices
        n_suggested += choice.threshold is not None
    assert n_suggested <= 3


def test_a_few_right_answers_do_not_make_a_certain_threshold() -> None:
    # Six queries stand on their documents, the others are orthogonal to all but random ones.
    rng = np.random.default_rng(0)
    documents = unit_rows(rng.standard_normal((N, DIM))).astype(np.float32)
    queries = unit_rows(rng.standard_normal((Q, DIM))).astype(np.float32)
    queries[:6] = documents[:6]
    table = measure(queries, documents, wanted=(0.9,))
    top = table.thresholds >= 0.97
    assert table.precision[top] == pytest.approx(1.0)
    assert np.nanmax(np.where(top, table.precision_low, 0)) < 0.7  # Wilson for six of six
    (choice,) = table.choices
    assert choice.threshold is None
    assert "not reachable with 95 % confidence" in str(choice.reason)


def test_an_unreachable_precision_says_how_far_it_goes() -> None:
    rng = np.random.default_rng(0)
    queries, documents = (unit_rows(rng.standard_normal((n, DIM))).astype(np.float32) for n in (Q, N))
    (choice,) = measure(queries, documents, wanted=(0.99,)).choices
    assert choice.threshold is None
    assert choice.precision.value is None
    assert "not reachable: the highest precision is" in str(choice.reason)


def test_a_collapsed_model_has_the_precision_of_the_pool_up_to_a_threshold_of_one() -> None:
    row = vectors(noise=0.5)[1][:1]
    table = measure(np.repeat(row, Q, axis=0), np.repeat(row, N, axis=0))
    assert table.thresholds[-1] == 1.0
    assert table.precision == pytest.approx(np.full(len(table.thresholds), 1 / N))
    assert all(choice.threshold is None for choice in table.choices)


def test_clusters_widen_the_interval() -> None:
    queries, documents = vectors(noise=1.2)
    alone = measure(queries, documents)
    judged = Judgments.from_lists([[q // 8] for q in range(Q)], n_documents=N)
    shared = documents[np.repeat(np.arange(10), 8)] + 1.2 * unit_rows(
        np.repeat(np.random.default_rng(1).standard_normal((10, DIM)), 8, axis=0)
    )
    together = measure(unit_rows(shared).astype(np.float32), documents, judged)

    def width(table: ThresholdTable) -> float:
        place = int(np.argmin(np.abs(table.recall - 0.5)))
        return float(table.recall_high[place] - table.recall_low[place])

    assert width(together) > 1.5 * width(alone)


@pytest.mark.parametrize("wanted", [0.0, 1.2])
def test_a_wanted_precision_that_makes_no_sense_is_refused(wanted: float) -> None:
    with pytest.raises(InvalidOptionError, match=f"got {wanted}"):
        measure(*vectors(noise=0.5), wanted=(wanted,))


def test_queries_of_a_single_cluster_have_thresholds_without_intervals_and_none_is_suggested() -> None:
    queries, documents = vectors(noise=0.3)
    resampler = Resampler(np.zeros(Q, dtype=np.int64), 300, 1)
    table = measure_thresholds(queries, documents, JUDGED, resampler, wanted=(0.8,))
    assert np.isnan(table.precision_low).all()
    assert np.nanmax(table.precision) == 1
    (choice,) = table.choices
    assert choice.threshold is None
    assert "too few groups for an interval" in str(choice.reason)
