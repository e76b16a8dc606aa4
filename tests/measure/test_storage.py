"""Deployment cost: formats agree with whole rankings made by hand; ties are honest; what cannot be measured says so."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import label_ranking_average_precision_score

from embedscope.errors import InvalidEmbeddingsError
from embedscope.measure.quantization import Precision
from embedscope.measure.scoring import rank_values
from embedscope.measure.storage import N_RESCORED, Plan, measure_deployment_cost, standard_plans
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.result import DeploymentCost, StorageFormat
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.paired_tests import holm
from embedscope.stats.resampler import Resampler

Q, N, DIM = 50, 300, 64
JUDGED = Judgments.from_lists([[q] for q in range(Q)], n_documents=N)


def vectors(noise: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    documents = rng.standard_normal((N, DIM)) * np.linspace(3, 0.3, DIM)
    queries = documents[:Q] + noise * rng.standard_normal((Q, DIM))
    return unit_rows(queries.astype(np.float32)), unit_rows(documents.astype(np.float32))


def measure(
    queries: np.ndarray, documents: np.ndarray, judged: Judgments = JUDGED, **options: object
) -> DeploymentCost:
    clusters = clusters_from_judgments(judged.indptr, judged.documents, judged.n_documents)
    resampler = Resampler(clusters, 300, 1)
    generator = np.random.default_rng(int(options.pop("seed", 0)))  # type: ignore[call-overload]
    return measure_deployment_cost(queries, documents, judged, resampler, generator=generator, **options)  # type: ignore[arg-type]


def find(cost: DeploymentCost, name: str) -> StorageFormat:
    return next(each for each in cost.formats if each.name == name)


def test_the_reference_is_the_ranking_of_the_run_itself() -> None:
    queries, documents = vectors()
    reference = measure(queries, documents).formats[0]
    expected = rank_values(queries, documents, JUDGED, ("MRR",), tolerance=1e-6)["MRR"]
    assert reference.name == "float32 x 64"
    assert reference.metrics["MRR"].value == pytest.approx(expected.mean())
    assert reference.changes == ()
    assert reference.overlap.value == 1.0


def test_bytes_are_those_of_the_format_and_rescoring_keeps_the_floats_beside() -> None:
    cost = measure(*vectors())
    sizes = {each.name: (each.bytes_in_index, each.bytes_in_all) for each in cost.formats}
    assert sizes["float32 x 64"] == (256, 256)
    assert sizes["float16 x 64"] == (128, 128)
    assert sizes["int8 x 32"] == (32, 32)
    assert sizes["binary x 64"] == (8, 8)
    assert sizes["binary x 64, top 100 rescored"] == (8, 8 + 256)


@pytest.mark.parametrize(
    ("dim", "widths"),
    [(1024, {512, 256, 128, 64}), (384, {256, 128, 64, 32}), (128, {64, 32, 16}), (24, {16}), (16, set()), (3, set())],
)
def test_widths_are_powers_of_two_below_the_full_one(dim: int, widths: set[int]) -> None:
    plans = standard_plans(dim)
    assert {plan.width for plan in plans} - {dim} == widths
    assert plans[0] == Plan(Precision.FLOAT32, dim)
    assert len({plan.name for plan in plans}) == len(plans)


def test_binary_metrics_are_those_of_hamming_distances_with_ties_counted_as_expected() -> None:
    queries, documents = vectors()
    found = find(measure(queries, documents), "binary x 64")
    hamming = np.array([[np.count_nonzero((q > 0) != (d > 0)) for d in documents] for q in queries])
    ranks, tied = [], []
    for q in range(Q):
        others = np.delete(hamming[q], q)
        g, e = np.count_nonzero(others < hamming[q, q]), np.count_nonzero(others == hamming[q, q])
        ranks.append(np.mean([1 / (g + 1 + j) for j in range(e + 1)]))
        tied.append(e > 0)
    assert found.metrics["MRR"].value == pytest.approx(np.mean(ranks))
    assert found.tie_share.value == pytest.approx(np.mean(tied))


def test_truncated_metrics_are_those_of_the_shorter_unit_vectors() -> None:
    queries, documents = vectors()
    found = find(measure(queries, documents), "float32 x 16")
    similarity = unit_rows(queries[:, :16].copy()) @ unit_rows(documents[:, :16].copy()).T
    expected = label_ranking_average_precision_score(np.eye(Q, N), similarity)  # MRR, for one relevant document
    assert found.metrics["MRR"].value == pytest.approx(expected)


def test_pca_metrics_are_those_of_scikit_learns_directions_and_of_an_eigendecomposition() -> None:
    queries, documents = vectors()
    found = find(measure(queries, documents), "float32 x 16, PCA")
    covariance = np.cov(documents.astype(np.float64), rowvar=False)
    for directions in (PCA(16).fit(documents).components_.T, np.linalg.eigh(covariance)[1][:, ::-1][:, :16]):
        similarity = unit_rows(queries @ directions) @ unit_rows(documents @ directions).T
        expected = label_ranking_average_precision_score(np.eye(Q, N), similarity)
        assert found.metrics["MRR"].value == pytest.approx(expected, abs=1e-6)
    assert (found.reduction, found.bytes_in_index) == ("PCA", 64)


def test_random_dimensions_are_drawn_by_the_seed_and_a_shorter_choice_is_part_of_a_longer_one() -> None:
    queries, documents = vectors()
    generator = np.random.default_rng(0)
    generator.permutation(N)  # of the documents
    chosen = generator.permutation(DIM)
    cost = measure(queries, documents)
    for width in (32, 16):
        own = chosen[:width]
        similarity = unit_rows(queries[:, own].copy()) @ unit_rows(documents[:, own].copy()).T
        expected = label_ranking_average_precision_score(np.eye(Q, N), similarity)
        found = find(cost, f"float32 x {width}, random dimensions")
        assert found.metrics["MRR"].value == pytest.approx(expected)
        assert found.bytes_in_index == find(cost, f"float32 x {width}").bytes_in_index
    assert measure(queries, documents, seed=1).formats[-3].metrics != cost.formats[-3].metrics


def test_overlap_is_that_of_the_ten_nearest() -> None:
    queries, documents = vectors()
    found = find(measure(queries, documents), "float32 x 32")

    def nearest(width: int) -> list[set[int]]:
        similarity = unit_rows(queries[:, :width].copy()) @ unit_rows(documents[:, :width].copy()).T
        return [set(row) for row in np.argsort(-similarity, axis=1)[:, :10]]

    shared = [len(a & b) / 10 for a, b in zip(nearest(64), nearest(32), strict=True)]
    assert found.overlap.value == pytest.approx(np.mean(shared))


def test_rescoring_all_documents_is_the_reference_again() -> None:
    queries, documents = vectors(noise=2.5)
    plans = (Plan(Precision.FLOAT32, DIM), Plan(Precision.BINARY, DIM, N), Plan(Precision.BINARY, DIM, 20))
    reference, everything, few = measure(queries, documents, plans=plans).formats
    assert everything.metrics["MRR"].value == reference.metrics["MRR"].value
    assert everything.changes[0].difference == 0
    assert everything.overlap.value == 1.0
    assert few.overlap.value < 1.0


def test_rescoring_helps_and_coarser_numbers_lose() -> None:
    cost = measure(*vectors(noise=2.5))
    mrr = {each.name: each.metrics["MRR"].value for each in cost.formats}
    assert mrr["binary x 64"] < mrr[f"binary x 64, top {N_RESCORED} rescored"] <= mrr["float32 x 64"] + 0.02
    assert mrr["float32 x 64"] > mrr["float32 x 32"] > mrr["float32 x 16"]
    assert mrr["int8 x 64"] == pytest.approx(mrr["float32 x 64"], abs=0.02)
    assert find(cost, "binary x 16").changes[0].high < 0


def test_the_order_of_documents_and_the_seed_move_nothing_but_what_is_cut_inside_a_tie() -> None:
    queries, documents = vectors(noise=2.0)
    order = np.random.default_rng(7).permutation(N)
    place = np.argsort(order)
    moved = Judgments.from_lists([[place[q]] for q in range(Q)], n_documents=N)
    first, second = measure(queries, documents), measure(queries, documents[order], moved, seed=5)
    for one, two in zip(first.formats, second.formats, strict=True):
        if one.reduction == "random":
            continue
        tolerance = 0.02 if one.n_rescored else 1e-12
        assert one.metrics["MRR"].value == pytest.approx(two.metrics["MRR"].value, abs=tolerance)
        assert one.tie_share.value == pytest.approx(two.tie_share.value, abs=tolerance)


def test_a_collapsed_model_is_at_chance_in_every_format() -> None:
    row = vectors()[1][:1]
    cost = measure(np.repeat(row, Q, axis=0), np.repeat(row, N, axis=0))
    chance = np.mean(1 / np.arange(1, N + 1))
    for each in cost.formats:
        if each.n_rescored:
            assert each.metrics["MRR"].value < 5 * chance  # at chance among its candidates, which a draw has chosen
        else:
            assert each.metrics["MRR"].value == pytest.approx(chance)
        assert each.tie_share.value == 1.0


def test_holm_goes_over_all_formats_and_measures() -> None:
    changes = [change for each in measure(*vectors()).formats for change in each.changes]
    assert len(changes) == 2 * (len(standard_plans(DIM)) - 1)
    assert [c.p_adjusted for c in changes] == pytest.approx(list(holm(np.array([c.p for c in changes]))))


def test_a_width_that_leaves_a_vector_without_direction_is_not_measured_and_says_why() -> None:
    queries, documents = vectors()
    documents = documents.copy()
    documents[7, :32] = 0
    cost = measure(queries, unit_rows(documents))
    for width in (32, 16):
        found = find(cost, f"int8 x {width}")
        assert found.reason is not None
        assert "1 of 300 document rows" in found.reason
        assert found.metrics["MRR"].value is None
        assert found.changes == ()
    assert find(cost, "int8 x 64").reason is None


def test_a_reference_that_cannot_be_measured_is_an_error() -> None:
    queries, documents = vectors()
    documents = documents.copy()
    documents[7, :32] = 0
    with pytest.raises(InvalidEmbeddingsError, match="document rows"):
        measure(queries, documents, plans=(Plan(Precision.FLOAT32, 16),))


def test_shards_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, documents = vectors()
    expected = measure(queries, documents)
    monkeypatch.setattr("embedscope.measure.quantization.SHARD_ROWS", 37)
    monkeypatch.setattr("embedscope.measure.quantization.Codec.shards.__kwdefaults__", {"rows": 37})
    monkeypatch.setattr("embedscope.measure.storage._PAIR_CHUNK", 11)
    for one, two in zip(expected.formats, measure(queries, documents).formats, strict=True):
        assert one.metrics["MRR"].value == pytest.approx(two.metrics["MRR"].value)
        assert one.overlap.value == pytest.approx(two.overlap.value, abs=0.002)


def test_graded_and_several_relevant_documents_are_carried_through_the_shuffle() -> None:
    queries, documents = vectors()
    judged = Judgments.from_lists([[q + 60, q] for q in range(Q)], n_documents=N, gains=[[1.0, 2.0]] * Q)
    cost = measure(queries, documents, judged, measures=("nDCG@10", "Recall@10"))
    expected = rank_values(queries, documents, judged, ("nDCG@10", "Recall@10"), tolerance=1e-6)
    for name, values in expected.items():
        assert cost.formats[0].metrics[name].value == pytest.approx(values.mean())
