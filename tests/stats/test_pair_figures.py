"""Figures over pairs: the variance against sums over all pairs, and against how the figures vary between test sets."""

from __future__ import annotations

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


@pytest.mark.parametrize("seed", range(3))
def test_the_variance_is_the_sum_over_all_pairs_that_depend_on_one_another(seed: int) -> None:
    similarity, relevant = drawn(seed)
    columns = columns_of(similarity, relevant)
    (found,) = pair_estimates(columns, margin, dependence_of(relevant))
    positive, negative = similarity[relevant], similarity[~relevant]
    influence = np.where(
        relevant, (similarity - positive.mean()) / positive.size, -(similarity - negative.mean()) / negative.size
    )
    of_queries, of_documents = influence.sum(axis=1), influence.sum(axis=0)
    of_pairs = np.where(relevant, influence, 0.0)
    u, v = of_queries - of_pairs.sum(axis=1), of_documents - of_pairs.sum(axis=0)
    others = of_documents[~relevant.any(axis=0)]
    by_queries = (of_queries**2).sum() * 60 / 59
    variance = (
        by_queries
        + (of_documents[relevant.any(axis=0)] ** 2).sum()
        - (of_pairs**2).sum()
        + 2 * (u[:, np.newaxis] * v)[relevant].sum()
    )
    variance = max(variance, by_queries) + len(others) * others.var(ddof=1)
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
    assert 0.85 < widths / (2 * 2.0 * spread) < 1.25


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


def test_a_single_query_has_a_figure_and_no_interval() -> None:
    similarity, relevant = drawn(0, n_queries=1)
    (found,) = pair_estimates(columns_of(similarity, relevant), margin, dependence_of(relevant))
    assert found.value is not None
    assert found.low is None
