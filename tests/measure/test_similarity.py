"""Similarity figures: those of the dense matrix in float64, with intervals as wide as they vary between test sets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.planted import unit

from embedscope.errors import TooFewPointsError
from embedscope.measure import document_sums, similarity
from embedscope.measure.distributions import distribution_of, overlap_bin
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.scoring import N_BINS, gaps, score
from embedscope.measure.similarity import measure_similarity
from embedscope.metrics.histograms import histogram_of_values
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.vectors import score_pairs
from embedscope.result import Similarity
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.resampler import Resampler

BIN = 2 / N_BINS


@dataclass(frozen=True)
class Case:
    """Vectors and judgments, and the whole matrix in float64."""

    queries: np.ndarray
    documents: np.ndarray
    judgments: Judgments

    @property
    def matrix(self) -> np.ndarray:
        return self.queries.astype(np.float64) @ self.documents.astype(np.float64).T

    @property
    def is_relevant(self) -> np.ndarray:
        mask = np.zeros((len(self.queries), len(self.documents)), dtype=bool)
        mask[self.judgments.query_of_pair, self.judgments.documents] = True
        return mask

    @property
    def is_excluded(self) -> np.ndarray:
        mask = np.zeros((len(self.queries), len(self.documents)), dtype=bool)
        if self.judgments.excluded is not None:
            mask[self.judgments.excluded.query_of_pair, self.judgments.excluded.documents] = True
        return mask

    @property
    def is_negative(self) -> np.ndarray:
        return ~(self.is_relevant | self.is_excluded)

    def measured(self, *, n_draws: int = 100, negatives: NegativePairs | None = None) -> Similarity:
        judged = self.judgments
        clusters = clusters_from_judgments(judged.indptr, judged.documents, judged.n_documents)
        scores = score(self.queries, self.documents, judged, k=10, tolerance=1e-6)
        resampler = Resampler(clusters, n_draws, 0)
        return measure_similarity(self.queries, self.documents, scores, negatives, resampler)


def case_of(seed: int, *, n_queries: int = 0, n_documents: int = 0, noise: float = 0.5) -> Case:
    generator = np.random.default_rng(seed)
    n_queries, n_documents = n_queries or int(generator.integers(2, 40)), n_documents or int(generator.integers(6, 90))
    dim = int(generator.integers(2, 12))
    documents = generator.standard_normal((n_documents, dim)) + generator.uniform(0, 2)
    relevant = [
        generator.choice(n_documents, size=generator.integers(1, min(4, n_documents)), replace=False)
        for _ in range(n_queries)
    ]
    queries = np.array([documents[rows].mean(axis=0) for rows in relevant])
    queries += noise * generator.standard_normal(queries.shape)
    return Case(unit(queries), unit(documents), Judgments.from_lists(relevant, n_documents=n_documents))


def excluding(case: Case, generator: np.random.Generator) -> Case:
    """The case with a document or two excluded from every other ranking, among them positives of other queries."""
    cells = []
    for query in range(0, len(case.queries), 2):
        free = np.flatnonzero(~case.is_relevant[query])[1:]
        cells += [(query, document) for document in generator.permutation(free)[: generator.integers(1, 3)]]
    pairs = np.array(cells, dtype=np.int64).reshape(-1, 2)
    excluded = Cells.of_pairs(pairs[:, 0], pairs[:, 1], len(case.queries))
    return replace(case, judgments=replace(case.judgments, excluded=excluded))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_every_figure_is_that_of_the_dense_matrix(seed: int, has_excluded: bool) -> None:
    case = case_of(seed)
    case = excluding(case, np.random.default_rng(seed)) if has_excluded else case
    matrix, is_relevant = case.matrix, case.is_relevant
    positive, negative = matrix[is_relevant], matrix[case.is_negative]
    found = case.measured()
    margin = positive.mean() - negative.mean()
    assert found.margin.value == pytest.approx(margin, abs=1e-9)
    assert found.separation.value == pytest.approx(margin / (positive.std() + negative.std()), rel=1e-6)
    spread = np.sqrt((positive.var() + negative.var()) / 2)
    assert found.d_prime.value == pytest.approx(margin / spread, rel=1e-6)
    assert (found.negative.n, found.positive.n) == (negative.size, positive.size)
    assert found.negative.mean == pytest.approx(negative.mean(), abs=1e-9)
    assert found.negative.std == pytest.approx(negative.std(), abs=1e-7)
    assert found.positive.mean == pytest.approx(positive.mean(), abs=1e-12)
    assert found.positive.std == pytest.approx(positive.std(), abs=1e-12)

    won = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    same_bin = np.abs(positive[:, None] - negative) <= BIN + 1e-6
    assert abs((found.auc.value or 0) - won.mean()) <= same_bin.mean() + 1e-12

    bins = [histogram_of_values(values, N_BINS) for values in (positive, negative)]
    edges = np.linspace(-1, 1, N_BINS + 1)[:: overlap_bin(*bins)]
    near_edge = [np.mean(np.abs(v[:, None] - edges).min(axis=1) < 1e-6) for v in (positive, negative)]
    shares = [np.histogram(v.clip(-1, 1), edges)[0] / v.size for v in (positive, negative)]
    assert found.overlap.value == pytest.approx(np.minimum(*shares).sum(), abs=max(near_edge) + 1e-12)

    per_query = [row[mask].mean() for row, mask in zip(matrix, is_relevant, strict=True)]
    assert found.diagonal.value == pytest.approx(np.mean(per_query), abs=1e-9)
    columns = is_relevant.any(axis=0)
    off = matrix[:, columns][case.is_negative[:, columns]]
    if off.size:
        assert found.off_diagonal.value == pytest.approx(off.mean(), abs=1e-9)
    else:
        assert found.off_diagonal.value is None
    ordered = -np.sort(-np.where(case.is_excluded, -np.inf, matrix), axis=1)
    assert found.gap.value == pytest.approx((ordered[:, 0] - ordered[:, 1]).mean(), abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_sums_by_document_are_those_of_the_negatives_of_the_dense_matrix(seed: int) -> None:
    case = excluding(case_of(seed), np.random.default_rng(seed))
    judged, excluded, ids = case.judgments, case.judgments.excluded, np.arange(0, len(case.documents), 2)
    assert excluded is not None
    cells = judged.not_negative
    scores = score_pairs(case.queries, case.documents, cells.query_of_pair, cells.documents)
    found = document_sums.moments_by_document(case.documents[ids], ids, case.queries, cells.documents, scores)
    dense = np.where(case.is_negative, case.matrix, 0.0)[:, ids]
    expected = [case.is_negative[:, ids].sum(axis=0), dense.sum(axis=0), (dense**2).sum(axis=0)]
    np.testing.assert_allclose(found, np.column_stack(expected), atol=1e-6)
    tables = np.random.default_rng(seed).random((2, N_BINS))
    sums = document_sums.TableSums.of(case.queries, case.documents[ids], ids, tables, cells, 1.0)
    np.testing.assert_allclose(sums.by_document[:, 2], case.is_negative[:, ids].sum(axis=0))
    np.testing.assert_allclose(sums.by_query[:, 2], case.is_negative[:, ids].sum(axis=1))
    np.testing.assert_allclose(sums.by_query.sum(axis=0), sums.by_document.sum(axis=0))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_quantiles_and_densities_describe_the_populations(seed: int) -> None:
    case = case_of(seed)
    found = case.measured()
    negative = case.matrix[~case.is_relevant]
    for q, value in found.negative.quantiles.items():
        nearest = [np.quantile(negative, float(q), method=m) for m in ("lower", "higher", "inverted_cdf")]
        assert min(nearest) - 2 * BIN <= value <= max(nearest) + 2 * BIN
    width = np.diff(found.edges)
    assert 1 <= len(width) <= 101
    np.testing.assert_allclose(width, width[0])
    for population in (found.positive, found.negative):
        assert float(population.density @ width) == pytest.approx(1.0)
    assert found.edges[0] <= case.matrix.min() + 2 * BIN
    assert found.edges[-1] >= case.matrix.max() - 2 * BIN


def test_hard_negatives_have_the_distribution_of_their_values() -> None:
    case = case_of(3, n_queries=12, n_documents=60)
    rows = np.arange(12)
    documents = np.array([int(np.flatnonzero(~mask)[0]) for mask in case.is_relevant])
    scores = score_pairs(case.queries, case.documents, rows, documents)
    pairs = NegativePairs(rows, documents, scores, -scores, np.ones(12), ((),) * 12)
    found = case.measured(negatives=pairs).hard_negative
    expected = case.matrix[rows, documents]
    assert found is not None
    assert found.n == 12
    assert found.mean == pytest.approx(expected.mean(), abs=1e-12)
    assert found.std == pytest.approx(expected.std(), abs=1e-12)
    assert found.quantiles["0.5"] == pytest.approx(np.median(expected), abs=1e-12)
    by_type = distribution_of(scores, case.measured().edges, N_BINS)
    assert (found.mean, found.std, found.quantiles) == (by_type.mean, by_type.std, by_type.quantiles)
    np.testing.assert_array_equal(found.density, by_type.density)
    assert case.measured().hard_negative is None


def fresh_case(seed: int) -> Case:
    """A new test set: 200 documents and 600 queries, each near to one of them."""
    generator = np.random.default_rng(seed)
    documents = generator.standard_normal((200, 12))
    relevant = generator.integers(0, len(documents), (600, 1))
    noise = generator.standard_normal((600, documents.shape[1])) * generator.gamma(2, 0.6, (600, 1))
    queries = documents[relevant[:, 0]] + noise
    return Case(unit(queries), unit(documents), Judgments.from_lists(list(relevant), n_documents=len(documents)))


def test_intervals_are_as_wide_as_the_figures_vary_between_test_sets() -> None:
    found = [fresh_case(seed).measured() for seed in range(60)]
    one = found[0]
    for name in ("margin", "separation", "d_prime", "auc", "overlap", "diagonal", "gap"):
        figure = getattr(one, name)
        spread = float(np.std([getattr(one, name).value for one in found]))
        assert figure.low < figure.value < figure.high
        # The overlap of 600 positives lies a little too low, for which its interval is somewhat wider.
        assert 0.7 < (figure.high - figure.low) / (2 * 1.96 * spread) < (1.6 if name == "overlap" else 1.3), name


def test_the_interval_rests_on_a_part_of_a_large_corpus_and_the_value_on_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = case_of(8, n_queries=300, n_documents=400, noise=1.5)
    whole = case.measured(n_draws=1000)
    monkeypatch.setattr(similarity, "N_SUBSAMPLED", 100)
    monkeypatch.setattr(document_sums, "_CELLS", 7_700)
    part = case.measured(n_draws=1000)
    for name in ("auc", "overlap"):
        one, other = getattr(whole, name), getattr(part, name)
        assert one.value == pytest.approx(other.value, abs=1e-12)
        assert other.low < other.value < other.high
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.2)


def test_the_overlap_of_few_positives_has_no_interval() -> None:
    few = case_of(1, n_queries=30, n_documents=90, noise=1.0).measured()
    assert few.overlap.value is not None
    assert few.overlap.low is None
    assert few.auc.low is not None


def test_populations_that_do_not_touch_have_an_auc_of_one_and_no_overlap_with_an_open_end() -> None:
    rows = unit(np.eye(40))
    case = Case(rows, rows, Judgments.from_lists([[i] for i in range(40)], n_documents=40))
    found = case.measured()
    assert (found.auc.value, found.auc.high, found.overlap.value) == (1.0, 1.0, 0.0)
    assert found.auc.low is not None
    assert 0.9 < found.auc.low < 1.0
    assert found.separation.value is None  # all positives are 1 and all negatives 0
    assert "no spread" in (found.d_prime.reason or "")
    assert found.margin.value == pytest.approx(1.0)


def test_a_narrow_space_keeps_its_auc() -> None:
    """Cosines within 0.01 of one another, as of a model that was never trained, still fill 200 bins."""
    generator = np.random.default_rng(0)
    documents = 1.0 + 0.05 * generator.standard_normal((200, 64))
    queries = documents[:100] + 0.03 * generator.standard_normal((100, 64))
    case = Case(unit(queries), unit(documents), Judgments.from_lists([[i] for i in range(100)], n_documents=200))
    matrix, is_relevant = case.matrix, case.is_relevant
    assert np.ptp(matrix) < 0.01
    exact = np.mean(matrix[is_relevant][:, None] > matrix[~is_relevant])
    assert case.measured().auc.value == pytest.approx(exact, abs=1e-3)


def test_queries_that_share_all_positives_have_no_off_diagonal() -> None:
    rows = unit(np.eye(3))
    case = Case(rows[[0, 1]], rows, Judgments.from_lists([[0, 1], [0, 1]], n_documents=3))
    found = case.measured()
    assert found.off_diagonal.value is None
    assert "no off-diagonal" in (found.off_diagonal.reason or "")


def test_documents_that_are_all_relevant_to_all_queries_are_refused() -> None:
    rows = unit(np.eye(2))
    case = Case(rows, rows, Judgments.from_lists([[0, 1], [0, 1]], n_documents=2))
    with pytest.raises(TooFewPointsError, match="each of the 2 documents is relevant to every query"):
        case.measured()


def test_the_gap_of_a_single_document_is_not_a_number() -> None:
    rows = unit(np.eye(2))
    judged = Judgments.from_lists([[0], []], n_documents=1)
    assert np.isnan(gaps(score(rows, rows[:1], judged, k=10, tolerance=1e-6))).all()
