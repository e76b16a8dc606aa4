"""Queries that are documents too: nothing that a run says counts the document that is the query itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.planted import diagnosed, embedded, unit
from tests.support.scene import run

import embedscope
from embedscope.comparison.comparing import compare
from embedscope.data.collection import Collection, Negative, Row, build_collection, ranking_own
from embedscope.data.readers import read_collection
from embedscope.diagnose.failing_rows import failing_rows
from embedscope.log import SILENT
from embedscope.measure.bm25 import BM25Index
from embedscope.measure.lexical import GramScores
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.ngrams import SplitTexts
from embedscope.measure.query_set import QuerySet
from embedscope.models.embed import Embeddings
from embedscope.models.projectors import Identity
from embedscope.parity.agreement import ranks_of
from embedscope.parity.encodings import Vectors
from embedscope.parity.text_sample import sample_texts
from embedscope.result import Diagnosed, Estimate
from embedscope.scale.corpus import result_of_shards
from embedscope.scale.shard_folder import ShardFolder
from embedscope.settings import Settings, TrainSettings
from embedscope.train.pairs import Batches, training_data
from embedscope.train.sides import read_collections
from embedscope.train.validation import Validator

N, DIM = 24, 8
SETTINGS = Settings.of(
    draws=100,
    skip_tsne=True,
    skip_umap=True,
    deployment_cost=True,
    metrics=("MRR", "Success@1", "nDCG@10", "Success@10"),
)
FIGURES = ("margin", "separation", "auc", "overlap", "d_prime", "diagonal", "off_diagonal", "gap")


def texts() -> list[str]:
    generator = np.random.default_rng(1)
    return [" ".join("".join(generator.choice(list("abcdefgh"), 3)) for _ in range(4)) for _ in range(N)]


def rows() -> list[dict[str, object]]:
    """Every text is a query, its duplicate is the next text; some state themselves as hard negatives."""
    asked = texts()
    return [
        {"query": text, "pos": [asked[i ^ 1]], "hard_neg": [asked[(i + 5) % N], *([text] if i % 3 == 0 else [])]}
        for i, text in enumerate(asked)
    ]


def collection() -> Collection:
    stated = (Row(r["query"], tuple(r["pos"]), tuple(map(Negative, r["hard_neg"]))) for r in rows())  # type: ignore
    return build_collection(stated, format="pairs")


def vectors(own: Collection, *, noise: float = 0.7, seed: int = 2) -> Embeddings:
    """One vector a text, whatever its role: a query has the cosine 1 to its own document."""
    generator = np.random.default_rng(seed)
    centres = np.repeat(generator.standard_normal((N // 2, DIM)), 2, axis=0)
    of_text = dict(zip(texts(), unit(centres + noise * generator.standard_normal((N, DIM))), strict=True))
    sides = (np.array([of_text[text] for text in side]) for side in (own.queries, own.documents))
    return embedded(*sides)


@pytest.fixture(scope="module")
def found() -> Diagnosed:
    data = collection()
    return diagnosed(data, vectors(data), base=vectors(data, noise=2.0, seed=5), settings=SETTINGS)


def kept(own: Collection) -> np.ndarray:
    """Cells of a query and a document that is another text, shape (Q, N)."""
    return np.array([[query != document for document in own.documents] for query in own.queries])


def reciprocal_ranks(scores: np.ndarray, own: Collection) -> np.ndarray:
    """1 / rank of the only relevant document among the kept ones, ties in expectation."""
    out = []
    for query, row in enumerate(np.where(kept(own), scores, -np.inf)):
        right = own.relevant[own.indptr[query]]
        above = int((row > row[right] + 1e-6).sum())
        beside = int((np.abs(row - row[right]) <= 1e-6).sum()) - 1
        out.append(np.mean([1 / (above + 1 + j) for j in range(beside + 1)]))
    return np.array(out)


def test_every_text_of_this_data_is_its_own_document_and_would_be_found_first() -> None:
    data = collection()
    assert data.own is not None
    assert len(data.own.documents) == N
    ranked = diagnosed(ranking_own(data), vectors(data), settings=SETTINGS)
    assert ranked.metrics["Success@1"].value == 0.0
    assert ranked.data.n_own_documents == 0
    assert ranked.data.n_hard_negatives == N + N // 3


def test_ranks_and_baselines_are_those_without_the_own_document(found: Diagnosed) -> None:
    data = collection()
    for metric, model in (("value", vectors(data)), ("base", vectors(data, noise=2.0, seed=5))):
        expected = reciprocal_ranks(model.queries @ model.documents.T, data).mean()
        assert getattr(found.metrics["MRR"], metric) == pytest.approx(expected, abs=1e-6)
    texts = SplitTexts.of(data.queries), SplitTexts.of(data.documents)
    ((_, _, letters),) = GramScores(*texts).blocks()
    words = np.concatenate([block for _, block in BM25Index(texts[1]).score_blocks(texts[0])])
    lexical = {"n-grams": reciprocal_ranks(letters, data).mean(), "BM25": reciprocal_ranks(words, data).mean()}
    for name, expected in lexical.items():
        assert found.lexical_baselines[name]["MRR"] == pytest.approx(expected, abs=1e-6)
    assert found.metrics["MRR"].lexical == found.lexical_baselines[max(lexical, key=lambda name: lexical[name])]["MRR"]
    assert found.metrics["MRR"].chance == pytest.approx(np.mean(1 / np.arange(1, N)))
    assert found.data.n_own_documents == N


def test_no_list_names_the_own_document(found: Diagnosed) -> None:
    names = found.documents.texts
    for query, text in enumerate(found.queries.texts):
        assert text not in {names[d] for d in found.queries.top_documents[query]}
        wrong = found.queries.wrong_document[query]
        assert wrong >= 0
        assert names[wrong] != text
    assert found.queries.top_scores.max() < 0.9999
    for row in failing_rows(found.queries, found.documents):
        assert row.query not in {negative.text for negative in row.negatives}


def test_figures_over_pairs_are_those_of_the_kept_cells(found: Diagnosed) -> None:
    data, model = collection(), vectors(collection())
    scores = (model.queries @ model.documents.T).astype(np.float64)
    is_relevant = np.zeros_like(scores, dtype=bool)
    is_relevant[np.arange(N), data.relevant] = True
    positive, negative = scores[is_relevant], scores[kept(data) & ~is_relevant]
    measured = found.similarity
    assert measured.negative.n == N * (N - 2)
    assert measured.margin.value == pytest.approx(positive.mean() - negative.mean(), abs=1e-6)
    assert measured.off_diagonal.value == pytest.approx(negative.mean(), abs=1e-6)  # every document is a positive
    assert measured.auc.value == pytest.approx((positive[:, None] > negative).mean(), abs=1e-3)
    assert found.thresholds is not None
    assert found.thresholds.n_retrieved[0] == N * (N - 1)


def test_hard_negatives_that_are_the_query_are_no_hard_negatives(found: Diagnosed) -> None:
    assert found.data.n_hard_negatives == N
    assert found.negative_types["untyped"].n == N
    assert found.queries.negative_scores.max() < 0.9999


def test_own_cells_of_the_heat_map_are_empty(found: Diagnosed) -> None:
    heatmap = found.heatmap
    assert heatmap is not None
    is_own = [[found.queries.texts[q] == found.documents.texts[d] for d in heatmap.documents] for q in heatmap.queries]
    assert np.isnan(heatmap.similarity).tolist() == is_own
    assert np.any(is_own)


def test_neighbours_and_storage_formats_leave_the_own_document_out(found: Diagnosed) -> None:
    assert found.geometry is not None
    assert found.geometry.spaces["model"].hubness.k == 10
    assert found.deployment is not None
    assert found.deployment.formats[0].metrics["MRR"].value == pytest.approx(found.metrics["MRR"].value)


def test_a_query_with_its_own_document_in_a_pool_of_three_has_two_in_its_list_and_no_third() -> None:
    data = build_collection([Row("a", ("b",)), Row("c", ("b",)), Row("b", ("a",), (Negative("d"),))], format="pairs")
    generator = np.random.default_rng(0)
    model = embedded(*(unit(generator.standard_normal((n, DIM))) for n in (3, len(data.documents))))
    table = diagnosed(data, model, settings=Settings.of(draws=100, skip_tsne=True, skip_umap=True)).queries
    assert (table.top_documents >= 0).sum(axis=1).tolist() == [2, 3, 2]
    np.testing.assert_array_equal(np.isnan(table.top_scores), table.top_documents < 0)
    assert np.isfinite(table.gap).all()


def test_arrays_give_the_figures_of_the_run(found: Diagnosed) -> None:
    data = collection()
    model = vectors(data)
    own = [data.documents.index(text) for text in data.queries]
    qrels = [[int(d)] for d in data.relevant]
    evaluation = embedscope.evaluate(model.queries, model.documents, qrels, own=own, n_draws=100)
    assert evaluation.metrics["MRR"].value == pytest.approx(found.metrics["MRR"].value)
    assert evaluation.metrics["MRR"].chance == pytest.approx(found.metrics["MRR"].chance)
    for name in FIGURES:
        assert getattr(evaluation.similarity, name).value == pytest.approx(getattr(found.similarity, name).value)
    assert not (evaluation.top_documents == np.array(own)[:, np.newaxis]).any()
    nothing = embedscope.evaluate(model.queries, model.documents, qrels, own=[-1] * N, n_draws=100)
    assert nothing.metrics == embedscope.evaluate(model.queries, model.documents, qrels, n_draws=100).metrics


def test_an_own_document_that_is_relevant_stays() -> None:
    data = collection()
    model = vectors(data)
    qrels = [[data.documents.index(text)] for text in data.queries]
    found = embedscope.evaluate(model.queries, model.documents, qrels, own=[q[0] for q in qrels], n_draws=100)
    assert found.metrics["Success@1"].value == 1.0


@pytest.mark.parametrize("own", [[0], [N] * N, [-2] * N, [0.5] * N, [[0]] * N])
def test_own_documents_that_are_no_row_numbers_are_refused(own: list) -> None:
    data = collection()
    model = vectors(data)
    with pytest.raises(embedscope.errors.InvalidOptionError, match="own must be one row number"):
        embedscope.evaluate(model.queries, model.documents, [[0]] * N, own=own)


def test_a_training_measures_what_an_evaluation_does(found: Diagnosed) -> None:
    data = collection()
    model = vectors(data)
    validator = Validator(data, model.queries, model.documents, measures=("MRR",), seed=0, n_draws=100)
    validation = validator.measure(Identity(DIM))
    assert validation.metrics["MRR"].value == pytest.approx(found.metrics["MRR"].value)
    rate = found.weights["violation_rate"]
    assert isinstance(rate, Estimate)
    assert validation.violation_rate == pytest.approx(rate.value)


def test_two_ways_to_encode_are_compared_on_ranks_without_the_own_document(found: Diagnosed) -> None:
    data = collection()
    sample = sample_texts(data, 2 * N, np.random.default_rng(0))
    model = vectors(sample)
    sides = Vectors(model.queries, model.documents)
    ranks = ranks_of(sample, sides, sides, "cosine")
    assert ranks.mrr["model"] == pytest.approx(found.metrics["MRR"].value)
    assert (ranks.top_1, ranks.top_k, ranks.kendall) == (1.0, 1.0, pytest.approx(1.0))
    part = sample_texts(data, N, np.random.default_rng(1))
    assert part.own is not None
    for query, document in zip(part.own.query_of_pair, part.own.documents, strict=True):
        assert part.queries[query] == part.documents[document]


def test_a_training_pushes_no_query_away_from_its_own_text() -> None:
    data = collection()
    model = vectors(data)
    pairs, _ = training_data(data, model.queries, model.documents)
    assert len(pairs.negatives) == N
    (batch,) = Batches(pairs, N).of(np.arange(N))
    is_own = [[data.queries[q] == data.documents[d] for d in batch.positives] for q in batch.queries]
    assert batch.is_false_negative.tolist() == is_own
    ranked, _ = training_data(ranking_own(data), model.queries, model.documents)
    assert not Batches(ranked, N).of(np.arange(N))[0].is_false_negative.any()


def test_a_training_reads_both_sides_as_asked_and_parts_no_pair_from_itself_turned_round(tmp_path: Path) -> None:
    data, _ = written(tmp_path)
    for keep_self in (False, True):
        read = read_collections(TrainSettings(data=str(data), split=0.3, keep_self=keep_self), SILENT)
        for side in read:
            assert side is not None
            assert (side.own is None) == keep_self
            assert {side.documents[d] for d in side.relevant} == set(side.queries)


def written(place: Path) -> tuple[Path, Path]:
    """The rows and their vectors as files."""
    data, model = place / "pairs.jsonl", vectors(collection())
    data.write_text("\n".join(map(json.dumps, rows())), encoding="utf-8")
    np.savez(place / "v.npz", texts=np.array(collection().queries), vectors=model.queries)
    return data, place / "v.npz"


def test_the_command_leaves_them_out_and_says_so_and_ranks_them_if_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], found: Diagnosed
) -> None:
    data, model = written(tmp_path)
    words = ("evaluate", "--data", data, "--embeddings", model, "--draws", "100")
    said = run(capsys, *words)
    assert "24 queries are documents too; their own text is left out of their ranking" in " ".join(said.err.split())
    report = json.loads(run(capsys, *words, "--json").out)
    assert report["metrics"]["MRR"]["value"] == pytest.approx(found.metrics["MRR"].value)
    assert report["data"]["n_own_documents"] == N
    ranked = json.loads(run(capsys, *words, "--keep-self", "--json").out)
    assert ranked["metrics"]["Success@1"]["value"] == 0.0
    assert ranked["data"]["n_own_documents"] == 0


def test_runs_with_and_without_own_documents_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = written(tmp_path)
    settings = Settings.of(data=str(data), max_samples=0, draws=100, skip_tsne=True, skip_umap=True)
    run(capsys, "evaluate", "--data", data, "--embeddings", model, "--keep-self", "--output", tmp_path / "old")
    with pytest.raises(embedscope.errors.IncomparableRunsError):
        compare(str(tmp_path / "old"), str(model), settings=settings, skip_maps=True)


def test_a_shard_folder_gives_the_figures_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], found: Diagnosed
) -> None:
    data, model = written(tmp_path)
    for options, n_own in (((), N), (("--keep-self",), 0)):
        folder = tmp_path / f"shards{n_own}"
        words = ("shard", "--data", data, "--embeddings", model, "--shard-rows", "5", "--output", folder)
        assert run(capsys, *words, *options).status == 0
        result = result_of_shards(ShardFolder(folder), SETTINGS.with_options(lexical=False, deployment_cost=False))
        assert result.data.n_own_documents == n_own
        if not n_own:
            assert result.metrics["Success@1"].value == 0.0
            continue
        for name in ("MRR", "nDCG@10"):
            ours, theirs = result.metrics[name], found.metrics[name]
            assert (ours.value, ours.chance) == (pytest.approx(theirs.value), pytest.approx(theirs.chance))
        for name in FIGURES:
            ours, theirs = getattr(result.similarity, name), getattr(found.similarity, name)
            assert (ours.value, ours.low) == (pytest.approx(theirs.value), pytest.approx(theirs.low))
        lists = [
            [side.documents.texts[d] for d in row] for side in (result, found) for row in side.queries.top_documents
        ]
        assert lists[:N] == lists[N:]
        refused = run(capsys, "evaluate", "--embeddings", folder, "--keep-self")
        assert refused.status == 2
        assert "embedscope shard --keep-self" in refused.err


def test_parquet_datasets_are_compared_by_text_and_by_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    data, model = collection(), vectors(collection())

    def write(name: str, ids: list[str], side: tuple[str, ...] | None, rows: np.ndarray) -> None:
        columns = {"id": ids, "vector": pa.array(list(rows), type=pa.list_(pa.float32()))}
        pq.write_table(pa.table(columns | ({} if side is None else {"text": side})), tmp_path / f"{name}.parquet")

    ids = [f"t{data.queries.index(text)}" for text in data.documents]
    titled = tuple(f"A title. {text}" if i % 2 else text for i, text in enumerate(data.documents))
    qrels = {"query-id": [f"t{q}" for q in range(N)], "corpus-id": [ids[d] for d in data.relevant], "score": [1.0] * N}
    pq.write_table(pa.table(qrels), tmp_path / "qrels.parquet")
    write("queries", [f"t{q}" for q in range(N)], data.queries, model.queries)
    for name, side, n_own in (("documents", titled, N), ("bare", None, 0)):
        write(name, ids, side, model.documents)
        words = ["shard", "--queries", tmp_path / "queries.parquet", "--documents", tmp_path / f"{name}.parquet"]
        done = run(capsys, *words, "--judgments", tmp_path / "qrels.parquet", "--output", tmp_path / f"of_{name}")
        assert done.status == 0
        excluded = ShardFolder(tmp_path / f"of_{name}").judgments().excluded
        assert (0 if excluded is None else len(excluded.documents)) == n_own
        said = " ".join((done.out + done.err).split())
        assert ("24 queries are documents too" if n_own else "24 documents have the id of a query") in said


def test_data_without_own_documents_is_measured_as_if_there_were_no_such_rule() -> None:
    plain = build_collection([Row(f"q{i}", (f"d{i}",), (Negative(f"n{i}"),)) for i in range(12)], format="rows")
    assert plain.own is None
    assert QuerySet.of(plain, seed=0, draws=100).judgments.excluded is None
    generator = np.random.default_rng(0)
    model = embedded(unit(generator.standard_normal((12, DIM))), unit(generator.standard_normal((24, DIM))))
    every = QuerySet.of(plain, seed=0, draws=100)
    pairs = NegativePairs.of(plain, every.rows, model.queries, model.documents, every.judgments, np.ones(12))
    assert pairs is not None
    assert len(pairs.queries) == 12
    assert replace(plain, own=None) == plain


def test_a_written_file_is_read_with_its_own_documents(tmp_path: Path) -> None:
    data, _ = written(tmp_path)
    own = read_collection(data).own
    assert own is not None
    assert len(own.documents) == N


def test_queries_that_are_each_others_positive_are_one_observation(tmp_path: Path) -> None:
    data, _ = written(tmp_path)
    query_set = QuerySet.of(read_collection(data), seed=0, draws=100)
    assert query_set.n_clusters == N // 2
    assert query_set.resampler.dependence.n_shared == pytest.approx(N / 2)
    one_way = [Row(f"q{i}", (f"d{i}",)) for i in range(6)] + [Row(f"d{i}", (f"e{i}",)) for i in range(6)]
    assert QuerySet.of(build_collection(one_way, format="rows"), seed=0, draws=100).n_clusters == 6
