"""Two runs of unequal depth: said where the shorter loses by its length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.planted import SETTINGS, collection_of, model
from tests.support.scene import run, write_rows, write_vectors

from embedscope.data.collection import Collection
from embedscope.measure.same_data import unequal_depths
from embedscope.metrics.listing import lists_of_vectors
from embedscope.metrics.ranked_lists import LISTED, RankedLists
from embedscope.models.embed import Embeddings
from embedscope.pipeline import Embedded, result_of


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(60)


@pytest.fixture(scope="module")
def vectors(collection: Collection) -> Embeddings:
    return model(collection, share_wrong=0.2)


def lists(vectors: Embeddings, depth: int) -> RankedLists:
    whole = lists_of_vectors(vectors.queries, vectors.documents, vectors.facts, tolerance=1e-6)
    documents, scores = whole.top(depth)
    queries = np.repeat(np.arange(len(documents)), documents.shape[1])
    return RankedLists.of_scores(queries, documents.ravel(), scores.ravel(), len(documents), whole.facts)


def test_a_run_that_ends_before_the_other_is_named_with_its_depth(collection: Collection, vectors: Embeddings) -> None:
    old = result_of(collection, Embedded(vectors), SETTINGS)
    assert old.queries.rank.max() > 1
    said = unequal_depths({"deep": vectors, "a.trec": lists(vectors, 10)})
    assert said is not None
    assert said.startswith("a.trec lists up to 10 documents a query and deep ranks more")
    assert unequal_depths({"a.trec": lists(vectors, 1), "old": old}) is not None


def test_runs_of_one_depth_and_lists_as_long_as_the_last_rank_are_compared_without_a_word(
    collection: Collection, vectors: Embeddings
) -> None:
    old = result_of(collection, Embedded(vectors), SETTINGS)
    last = int(old.queries.rank.max())
    assert unequal_depths({"a": lists(vectors, 10), "b": lists(vectors, 10)}) is None
    assert unequal_depths({"a": lists(vectors, last), "old": old}) is None
    assert unequal_depths({"a": vectors, "b": lists(vectors, len(vectors.documents))}) is None
    assert len(vectors.documents) < LISTED


@pytest.mark.parametrize("reference", ["vectors.npz", "out"])
def test_evaluate_and_compare_say_that_a_run_is_shorter_than_its_reference(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", write_rows(tmp_path / "data.json", 60), "--draws", "200"]
    vectors = write_vectors(tmp_path / "vectors.npz", tmp_path / "data.json", 0.3)
    run(capsys, "evaluate", "--embeddings", vectors, *data, "--output", tmp_path / "out")
    lines = (tmp_path / "out" / "run.trec").read_text(encoding="utf-8").splitlines(keepends=True)
    short = tmp_path / "short.trec"
    short.write_text("".join(line for line in lines if int(line.split()[3]) <= 3), encoding="utf-8")
    evaluated = run(capsys, "evaluate", "--run", short, "--baseline", tmp_path / reference, *data)
    compared = run(capsys, "compare", tmp_path / reference, short, *data)
    for done in (evaluated, compared):
        assert done.status == 0
        assert "short.trec lists up to 3 documents" in " ".join(done.out.split())
