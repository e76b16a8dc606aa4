"""Figures over pairs: the variance against sums over all pairs, and against how the figures vary between test sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embedscope.stats.dependence import Dependence
from embedscope.stats.figures import ratio_of_sums
from embedscope.stats.pair_figures import PairColumns, pair_estimates


def margin(sums: np.ndarray) -> np.ndarray:
    """Mean of positives minus mean of negatives for sums (n+, s+, n-, s-)."""
    return (sums[:, 1] / sums[:, 0] - sums[:, 3] / sums[:, 2])[:, np.newaxis]


def columns_of(similarity: np.ndarray, relevant: np.ndarray) -> PairColumns:
    """All sums of a whole matrix."""
    negative, queries, documents = ~relevant, *np.nonzero(relevant)
    is_relevant = relevant.any(axis=0)

    def sums(mask: np.ndarray, axis: int) -> np.ndarray:
        return np.stack([mask.sum(axis=axis), (similarity * mask).sum(axis=axis)], axis=1)

    def after(columns: np.ndarray) -> np.ndarray:
        return np.pad(columns, ((0, 0), (2, 0)))

    of_documents = after(sums(negative, 0))
    pairs = np.column_stack([np.ones(len(queries)), similarity[relevant]])
    return PairColumns(
        by_query=np.hstack([sums(relevant, 1), sums(negative, 1)]),
        queries=queries,
        documents=np.searchsorted(np.flatnonzero(is_relevant), documents),
        by_pair=np.pad(pairs, ((0, 0), (0, 2))),
        by_document=of_documents[is_relevant],
        by_other=of_documents[~is_relevant],
        n_others=int((~is_relevant).sum()),
    )


def dependence_of(relevant: np.ndarray) -> Dependence:
    return Dependence.of_judgments(np.concatenate([[0], np.cumsum(relevant.sum(axis=1))]), np.nonzero(relevant)[1])


def drawn(seed: int, n_queries: int = 60, n_documents: int = 80, most: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Similarities with effects of queries, of documents and of pairs, and what is relevant to what."""
    generator = np.random.default_rng(seed)
    relevant = np.zeros((n_queries, n_documents), dtype=bool)
    for row in relevant:
        row[generator.choice(n_documents // 2, generator.integers(1, most + 1), replace=False)] = True
    effects = generator.normal(0, 0.1, (n_queries, 1)) + generator.normal(0, 0.1, n_documents)
    return 0.2 + 0.3 * relevant + effects + generator.normal(0, 0.1, relevant.shape), relevant


def variance_of_sum(influences: np.ndarray, shares: np.ndarray) -> float:
    """``a n + b 1'K1`` with Cov = a I + b K by the method of moments, all matrices formed."""
    n, incidence = len(influences), shares / np.sqrt(shares.sum(axis=1, keepdims=True))
    kernel, centring = incidence @ incidence.T, np.eye(n) - 1 / n
    sizes = np.log(shares.sum(axis=1))
    trend = np.column_stack([np.ones(n), sizes, sizes**2])
    rest = np.eye(n) - trend @ np.linalg.pinv(trend)
    e = rest @ influences
    first, second = np.trace(rest @ kernel), np.trace(rest @ kernel @ rest @ kernel)
    _, b = np.linalg.solve([[np.trace(rest), first], [first, second]], [e @ e, e @ kernel @ e])
    total, apart = ((centring @ influences) ** 2).sum(), np.trace(centring @ kernel)
    b = np.clip(b, 0, total / apart)
    return (total - b * apart) / (n - 1) * n + b * kernel.sum()


@pytest.mark.parametrize("seed", range(3))
def test_the_variance_is_the_sum_over_all_pairs_that_depend_on_one_another(seed: int) -> None:
    similarity, relevant = drawn(seed)
    columns = columns_of(similarity, relevant)
    (found,) = pair_estimates(columns, margin, dependence_of(relevant))
    positive, negative = similarity[relevant], similarity[~relevant]
    influence = np.where(
        relevant, (similarity - positive.mean()) / positive.size, -(similarity - negative.mean()) / negative.size
    )
    u, v = influence.sum(axis=1), np.where(relevant, 0.0, influence).sum(axis=0)
    is_relevant, others = relevant.any(axis=0), v[~relevant.any(axis=0)]
    of_pairs = np.where(relevant, influence, 0.0)
    common = (of_pairs.sum(axis=0) ** 2).sum() - (of_pairs**2).sum()
    by_queries = max(variance_of_sum(u, relevant), (u**2).sum() * 60 / 59 + common)
    by_documents = variance_of_sum(v[is_relevant], relevant[:, is_relevant].T)
    across = 2 * (u[:, np.newaxis] * v)[relevant].sum()
    variance = by_queries + max(by_documents + across, 0.0) + len(others) * others.var(ddof=1)
    assert found.value == pytest.approx(positive.mean() - negative.mean())
    half_width = (found.high - found.low) / 2
    assert half_width / np.sqrt(variance) == pytest.approx(2.02, abs=0.08)  # about Student's quantile


@pytest.mark.parametrize("most", [1, 4])
def test_the_interval_is_as_wide_as_the_figure_varies_between_test_sets(most: int) -> None:
    found = [
        pair_estimates(columns_of(s, r), margin, dependence_of(r))[0]
        for s, r in (drawn(seed, most=most) for seed in range(150))
    ]
    spread = np.std([one.value for one in found])
    widths = np.mean([one.high - one.low for one in found])
    assert 0.85 < widths / (2 * 2.0 * spread) < 1.4


def test_without_relevant_pairs_each_document_counts_for_the_queries_that_it_answers() -> None:
    """The mean over all pairs of a query and the document of another varies by both sides."""
    found = []
    for seed in range(150):
        generator = np.random.default_rng(seed)
        effects = generator.normal(0, 0.1, (40, 1)) + generator.normal(0, 0.1, 40)
        relevant = np.eye(40, dtype=bool)
        whole = columns_of(effects, relevant)
        columns = PairColumns(
            by_query=whole.by_query[:, [3, 2]],
            queries=whole.queries,
            documents=whole.documents,
            by_pair=None,
            by_document=whole.by_document[:, [3, 2]],
            by_other=np.zeros((0, 2)),
            n_others=0,
        )
        found += pair_estimates(columns, ratio_of_sums, dependence_of(relevant))
    widths = np.mean([one.high - one.low for one in found])
    assert 0.85 < widths / (2 * 2.02 * np.std([one.value for one in found])) < 1.2


def test_documents_of_one_query_that_resemble_one_another_are_fewer_observations() -> None:
    """Ten queries with four documents each, whose levels of similarity are one per query and its documents."""
    relevant = np.repeat(np.eye(10, dtype=bool), 4, axis=1)
    relevant[np.arange(10), (4 * np.arange(10) + 4) % 40] = True  # no independent groups
    found = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        effects = np.repeat(generator.normal(0, 0.1, 10), 4) + generator.normal(0, 0.02, (10, 40))
        whole = columns_of(effects, relevant)
        columns = replace(
            whole,
            by_query=whole.by_query[:, [3, 2]],
            by_pair=None,
            by_document=whole.by_document[:, [3, 2]],
            by_other=np.zeros((0, 2)),
            n_others=0,
        )
        found += pair_estimates(columns, ratio_of_sums, dependence_of(relevant))
    truth = np.mean([one.value for one in found])
    assert 0.9 < np.mean([one.low <= truth <= one.high for one in found]) < 0.99


def test_a_single_query_has_a_figure_and_no_interval() -> None:
    similarity, relevant = drawn(0, n_queries=1)
    (found,) = pair_estimates(columns_of(similarity, relevant), margin, dependence_of(relevant))
    assert found.value is not None
    assert found.low is None
