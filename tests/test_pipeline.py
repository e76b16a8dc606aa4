"""`analyse`: what is known of planted models is found, and the same data gives the same findings."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.modes import failure_modes
from tests.support.planted import (
    SETTINGS,
    Heard,
    analyse,
    collapsed,
    collection_of,
    documents_of,
    embedded,
    findings_of,
    first_positive,
    model,
    unit,
)

from embedscope import pipeline, systems
from embedscope.comparison.comparing import compare
from embedscope.data.collection import Collection, Row, build_collection
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge
from embedscope.diagnose.modes import FailureMode
from embedscope.errors import CheckpointError, InvalidEmbeddingsError, InvalidOptionError, TooFewPointsError
from embedscope.migration import migrate
from embedscope.models.embed import Embeddings
from embedscope.pipeline import generator, require_column, result_of
from embedscope.protocols import Role
from embedscope.result import Result
from embedscope.settings import MigrateSettings, Settings
from embedscope.systems import Embedded


def same(one: Any, other: Any) -> bool:
    """Whether two findings agree in every number, NaN equal to NaN."""
    if is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(40, n_queries_each=2, types=(("price",), ("price", "place"), ()), weights=(1.0, 2.0))


@pytest.fixture(scope="module")
def result(collection: Collection) -> Result:
    return findings_of(collection, model(collection, similarity=0.6, share_wrong=0.25, share_random=0.25))


def test_a_perfect_model_has_every_query_right_on_the_real_data(real_data: Path) -> None:
    collection = read_collection(real_data / "test.json")
    generator = np.random.default_rng(0)
    documents = unit(generator.standard_normal((len(collection.documents), 128)))
    queries = documents[first_positive(collection)]
    settings = Settings.of(draws=200, skip_tsne=True, skip_umap=True, lexical=False)
    found = analyse(collection, embedded(queries, documents), settings=settings)
    assert found.metrics["Success@1"].value == 1.0
    assert found.metrics["Success@1"].pessimistic == 1.0
    assert found.metrics["MRR"].value == 1.0
    assert found.queries.is_correct.all()
    assert found.data.n_clusters < found.data.n_queries


def test_a_collapsed_model_is_at_chance_on_every_metric_and_is_to_be_retrained(collection: Collection) -> None:
    found = findings_of(collection, collapsed(collection))
    for metric in found.metrics.values():
        assert metric.value == pytest.approx(metric.chance, abs=1e-12)
    assert not found.queries.is_correct.any()
    _, verdict = judge(found, load_criteria("checklist"))
    assert verdict.outcome == "retrain"
    assert "collapsed" in verdict.headline


def test_the_same_seed_gives_the_same_findings(collection: Collection, result: Result) -> None:
    again = findings_of(collection, model(collection, similarity=0.6, share_wrong=0.25, share_random=0.25))
    assert same(result, again)


def test_leaving_the_maps_out_changes_no_number() -> None:
    collection = collection_of(30, n_negatives=2)
    embeddings = model(collection, similarity=0.5)
    without = findings_of(collection, embeddings)
    drawn = analyse(collection, embeddings, settings=SETTINGS.with_options(skip_tsne=False))
    assert list(drawn.maps) == ["tsne"]
    assert drawn.points is not None
    assert len(drawn.points.rows) == len(collection.queries) + len(collection.documents)
    assert same(without, replace(drawn, maps={}, points=None, not_measured={"maps": "not asked for"}))


def test_the_query_table_tells_of_each_query_what_its_scores_say(collection: Collection, result: Result) -> None:
    embeddings = model(collection, similarity=0.6, share_wrong=0.25, share_random=0.25)
    cosines = embeddings.queries.astype(np.float64) @ embeddings.documents.astype(np.float64).T
    table, negatives = result.queries, collection.negatives
    for q, row in enumerate(cosines):
        relevant = collection.relevant[collection.indptr[q] : collection.indptr[q + 1]]
        own = negatives.documents[negatives.queries == q]
        order = np.argsort(-row)
        wrong = next(d for d in order if d not in relevant)
        rank = 1 + int((row > row[relevant].max()).sum())
        assert table.rank[q] == rank
        assert table.is_correct[q] == (rank == 1)
        assert table.wrong_document[q] == wrong
        types = [
            " + ".join(t) or "untyped" for t in (negatives.types[e] for e in np.flatnonzero(negatives.queries == q))
        ]
        assert table.wrong_type[q] == (types[own.tolist().index(wrong)] if wrong in own else "")
        np.testing.assert_array_equal(table.top_documents[q], order[:10])
        expected = [row[relevant].max(), row[own].max(), row[wrong], row[order[0]] - row[order[1]]]
        found = [table.positive_similarity[q], table.negative_similarity[q], table.wrong_similarity[q], table.gap[q]]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert table.margin[q] == pytest.approx(expected[0] - expected[1], abs=1e-6)
        entries = slice(*table.negative_indptr[[q, q + 1]])
        np.testing.assert_array_equal(table.negative_documents[entries], own)
        np.testing.assert_allclose(table.negative_scores[entries], row[own], atol=1e-6)
    assert table.values["MRR"] == pytest.approx(1 / table.rank)


def test_a_query_is_right_only_where_no_order_of_its_ties_puts_another_document_first() -> None:
    texts = [f"document number {i} of the pool" for i in range(8)]
    rows = [
        Row("two of four", (texts[0], texts[1])),
        Row("one of three", (texts[4],)),
        Row("all four, tied", tuple(texts[:4])),
    ]
    collection = build_collection(rows, format="planted", extra_documents={str(i): t for i, t in enumerate(texts)})
    place = [collection.documents.index(text) for text in texts]
    documents = np.zeros((8, 2), dtype=np.float32)
    documents[place[:4]], documents[place[4:7]], documents[place[7]] = (1, 0), (0, 1), (-1, 0)
    queries = np.eye(2, dtype=np.float32)[[0, 1, 0]]
    found = findings_of(collection, embedded(queries, documents))
    assert found.queries.values["Success@1"].tolist() == [0.5, pytest.approx(1 / 3), 1.0]
    assert found.queries.is_correct.tolist() == [False, False, True]
    modes = failure_modes(found, collection).modes
    assert modes == (FailureMode.TIE, FailureMode.TIE, None)
    assert found.metrics["Success@1"].value == pytest.approx((0.5 + 1 / 3 + 1) / 3)


def test_a_query_without_relevant_documents_takes_no_part_and_is_counted() -> None:
    collection = collection_of(40)
    rows = [
        Row(q, (collection.documents[d],)) for q, d in zip(collection.queries, first_positive(collection), strict=True)
    ]
    bare = build_collection([Row("a query that nothing answers", ()), *rows], format="planted")
    embeddings = model(build_collection(rows, format="planted"), similarity=0.5)
    queries = np.concatenate([embeddings.queries[:1], embeddings.queries])
    found = findings_of(bare, embedded(queries, embeddings.documents))
    assert found.data.n_queries == 40
    assert found.data.n_queries_without_relevant == 1
    assert "a query that nothing answers" not in found.queries.texts
    alone = findings_of(build_collection(rows, format="planted"), embeddings)
    assert found.metrics == alone.metrics


def test_baselines_stand_beside_the_model_and_are_compared_with_it(collection: Collection) -> None:
    good, base = model(collection), model(collection, similarity=0.3, seed=2, name="base")
    found = findings_of(collection, good, base=base, baselines={"runs/old.npz": good})
    alone = findings_of(collection, base)
    for name, metric in found.metrics.items():
        assert metric.base == pytest.approx(alone.metrics[name].value, abs=1e-12)
        assert metric.lexical == pytest.approx(alone.metrics[name].lexical, abs=1e-12)
        assert found.references["runs/old.npz"][name] == metric.value
    pairs = {(c.b, c.metric): c for c in found.comparisons}
    assert set(pairs) == {(b, m) for b in ("lexical", "base", "runs/old.npz") for m in ("MRR", "Success@1")}
    expected = found.metrics["MRR"].value - alone.metrics["MRR"].value
    assert pairs["base", "MRR"].difference == pytest.approx(expected)
    assert pairs["runs/old.npz", "MRR"].difference == 0
    assert pairs["runs/old.npz", "MRR"].p == 1.0
    assert all(c.p_adjusted >= c.p for c in found.comparisons)


def test_a_head_is_held_against_projections_of_the_same_width(collection: Collection) -> None:
    base = model(collection, similarity=0.7)
    head = Embeddings(unit(base.queries[:, :16]), unit(base.documents[:, :16]), base.facts)
    found = findings_of(collection, head, base=base)
    assert set(found.references) == {"PCA", "random"}
    covariance = np.cov(base.documents.astype(np.float64), rowvar=False)
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :16]
    projected = Embeddings(unit(base.queries @ directions), unit(base.documents @ directions), base.facts)
    expected = findings_of(collection, projected).metrics["MRR"].value
    assert found.references["PCA"]["MRR"] == pytest.approx(expected, abs=1e-6)
    assert 0 < found.references["random"]["MRR"] < 1
    assert not findings_of(collection, base, base=base).references


def test_the_share_of_clustered_queries_is_success_at_ten(result: Result, collection: Collection) -> None:
    assert result.clustering.value == result.metrics["Success@10"].value
    settings = SETTINGS.with_options(metrics=("MRR", "Success@1"))
    found = analyse(collection, model(collection), settings=settings)
    assert found.clustering.value is None
    assert "not computed" in (found.clustering.reason or "")


def test_the_data_is_counted_as_it_is(collection: Collection, result: Result) -> None:
    data = result.data
    assert (data.n_queries, data.n_queries_available, data.n_clusters) == (80, 80, 40)
    assert (data.n_documents, data.n_relevant_documents) == (160, 40)
    assert data.n_hard_negatives == 240  # three for each query, shared by the two queries of a positive
    assert result.documents.n_relevant_to.sum() == 80
    assert result.documents.n_negative_of.sum() == 240
    assert result.power is not None
    assert result.power.n_clusters == 40


def test_without_hard_negatives_there_are_no_types_and_margins_are_unknown() -> None:
    collection = collection_of(40, n_negatives=0)
    found = findings_of(collection, model(collection))
    assert not found.negative_types
    assert not found.weights
    assert found.similarity.hard_negative is None
    assert np.isnan(found.queries.margin).all()


def test_groups_of_the_user_are_the_clusters_and_stand_in_the_query_table_with_the_other_columns() -> None:
    rows = [
        Row(f"query number {i}", (f"document number {i}",), group=f"g{i % 5}", metadata=(("source", f"s{i}"),))
        for i in range(30)
    ]
    collection = build_collection(rows, format="planted")
    found = findings_of(collection, model(collection))
    assert found.data.n_clusters == 5
    assert found.queries.groups == tuple(f"g{i % 5}" for i in range(30))
    assert found.queries.metadata == {"source": tuple(f"s{i}" for i in range(30))}


def test_vectors_that_do_not_fit_the_collection_are_refused(collection: Collection) -> None:
    good = model(collection)
    with pytest.raises(InvalidEmbeddingsError, match="one query vector for each of the 80"):
        findings_of(collection, embedded(good.queries[:-1], good.documents))
    with pytest.raises(InvalidEmbeddingsError, match="one document vector for each of the 160"):
        findings_of(collection, replace(good, documents=good.documents[:, 0]))
    with pytest.raises(InvalidEmbeddingsError, match="63 dimensions"):
        findings_of(collection, embedded(good.queries[:, 1:], good.documents))


def test_a_sample_with_a_single_answered_query_is_refused(collection: Collection) -> None:
    indptr = np.where(np.arange(81) > 0, 1, 0)
    single = replace(collection, indptr=indptr, relevant=collection.relevant[:1], gains=collection.gains[:1])
    with pytest.raises(TooFewPointsError, match="1 of 80 distinct queries"):
        findings_of(single, model(collection))


def test_a_query_that_was_asked_for_and_is_not_there_is_refused(collection: Collection) -> None:
    with pytest.raises(InvalidOptionError, match="contained in none of the 80"):
        analyse(collection, model(collection), settings=SETTINGS.with_options(query=("zzzzzz 9",)))


def test_each_purpose_has_its_own_random_numbers() -> None:
    one, again, other = (generator(SETTINGS, purpose).random() for purpose in ("maps", "maps", "heatmap"))
    assert one == again != other


def test_steps_are_said(collection: Collection) -> None:
    heard = Heard()
    vectors = embedded(model(collection).queries, documents_of(collection))
    result_of(collection, Embedded(vectors), SETTINGS, log=heard)
    assert heard.steps == [
        "Scoring 80 queries against 160 documents",
        "Intervals of 80 queries, 40 of them effectively independent",
        "Looking for what fails, and why",
    ]


def test_the_device_of_the_run_is_asked_for_baselines(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    from embedscope.metrics import torch_pass as torch_device

    ranked: list[str] = []

    def large_matrix(name: str, n_cells: int) -> None:
        ranked.append(name)

    monkeypatch.setattr(torch_device, "device_for", large_matrix)
    embeddings = model(collection, similarity=0.5)
    settings = SETTINGS.with_options(device="cuda")
    twice = (np.hstack([rows, rows]) / np.float32(np.sqrt(2)) for rows in (embeddings.queries, embeddings.documents))
    base = replace(embeddings, **dict(zip(("queries", "documents"), twice, strict=True)))
    analyse(collection, embeddings, settings=settings, base=base, baselines={"before": embeddings})
    assert set(ranked) == {"cuda"}
    assert len(ranked) >= 5  # the model, its base, the baseline, the PCA and random spaces


def test_themes_are_one_clustering_of_queries_and_documents_for_report_points_and_labels() -> None:
    topics = ["kayak paddle", "sourdough oven", "violin string", "tulip bulb"]
    rows = [Row(f"ask {t} {i}", (f"reply {t} {i}",), ()) for t in topics for i in range(15)]
    collection = build_collection(rows, format="planted")
    generator = np.random.default_rng(0)
    queries, documents = (
        unit(np.eye(32)[[next(i for i, t in enumerate(topics) if t in text) for text in texts]]
             + 0.1 * generator.standard_normal((len(texts), 32)))
        for texts in (collection.queries, collection.documents)
    )  # fmt: skip
    settings = SETTINGS.with_options(skip_umap=False)
    result = result_of(collection, Embedded(embedded(queries, documents)), settings)
    assert sorted(theme.name for theme in result.themes) == sorted(topics)
    assert all((theme.n_queries, theme.n_documents) == (15, 15) for theme in result.themes)
    assert result.points is not None
    for place, theme in enumerate(result.themes):
        own = np.flatnonzero(result.points.themes == place)
        texts = [
            (result.queries if result.points.roles[p] is Role.QUERY else result.documents).texts[result.points.rows[p]]
            for p in own
        ]
        assert len(texts) == 30
        assert all(theme.name in text for text in texts)
        assert theme.label_points["umap"] in own
    without = result_of(collection, Embedded(embedded(queries, documents)), SETTINGS)
    assert without.themes == tuple(replace(theme, label_points={}) for theme in result.themes)


def test_a_column_to_colour_by_that_the_data_lacks_is_refused_with_those_that_it_has() -> None:
    collection = replace(collection_of(4), metadata={"city": ("a", "b", "a", "b")})
    require_column("city", collection)
    require_column(None, collection)
    with pytest.raises(InvalidOptionError, match=r"--color-by: there is no column 'town'.*Known are city\."):
        require_column("town", collection)
    with pytest.raises(InvalidOptionError, match="It states none"):
        require_column("group", collection_of(4))


@pytest.mark.parametrize("name", ["nowhere.npz", "nowhere.trec", "nowhere/", "a/b/c.pt"])
def test_what_is_not_there_is_refused_before_another_model_is_encoded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(systems, "load", never)
    data, there = str(sample_path("test")), str(Path(__file__).parent)
    refused = pytest.raises(CheckpointError, match=f"There is no checkpoint '{re.escape(name)}'")
    with refused:
        pipeline.run(checkpoint=there, baseline=name, data=data)
    with refused:
        pipeline.run(checkpoint=there, fuse=[name], data=data)
    with refused:
        compare(there, name, data=data)
    with refused:
        migrate(Settings.of(data=data), MigrateSettings(old=there, new=name))
