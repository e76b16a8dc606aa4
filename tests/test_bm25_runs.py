"""BM25 as a system: judged, compared and named as a reference by its name alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.planted import collection_of, model

from embedscope.cli.main import main
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.measure.bm25 import bm25_lists, is_bm25, is_of_bm25
from embedscope.metrics.fusion import fused
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.pipeline import result_of, run
from embedscope.result import Result
from embedscope.settings import Fusion, Settings
from embedscope.systems import Embedded

DATA = str(sample_path("test"))
OPTIONS = {"data": DATA, "draws": 200, "skip_tsne": True, "skip_umap": True}
SETTINGS = Settings.of(draws=200, skip_tsne=True, skip_umap=True)


@pytest.fixture(scope="module")
def words() -> Collection:
    return collection_of(40, shared_words=1.0)


@pytest.fixture(scope="module")
def itself() -> Result:
    return run(run="bm25", **OPTIONS)


@pytest.fixture(scope="module")
def sample() -> Result:
    """The lists of BM25 as a run of unknown origin."""
    collection = read_collection(DATA)
    return result_of(collection, Embedded(of_unknown_origin(bm25_lists(collection))), SETTINGS)


def of_unknown_origin(lists: RankedLists) -> RankedLists:
    return replace(lists, facts=replace(lists.facts, checkpoint="a.trec", layout="TREC run"))


def test_where_every_relevant_document_shares_a_word_the_system_has_the_metrics_of_the_baseline(
    words: Collection,
) -> None:
    found = result_of(words, Embedded(of_unknown_origin(bm25_lists(words))), SETTINGS)
    for name, metric in found.metrics.items():
        assert metric.value == pytest.approx(found.lexical_baselines["BM25"][name], abs=1e-9)


def test_a_relevant_document_without_a_common_word_is_not_found_and_in_the_baseline_ties(sample: Result) -> None:
    for name, metric in sample.metrics.items():
        assert metric.value <= sample.lexical_baselines["BM25"][name]
        assert metric.value == pytest.approx(sample.lexical_baselines["BM25"][name], abs=0.01)


def test_the_stronger_baseline_is_the_one_that_every_metric_and_comparison_names(sample: Result) -> None:
    baselines = sample.lexical_baselines
    assert sample.lexical_baseline == max(baselines, key=lambda name: baselines[name]["MRR"])
    for name, metric in sample.metrics.items():
        assert metric.lexical == baselines[sample.lexical_baseline][name]
    assert {c.b for c in sample.comparisons} == {"lexical"}


def test_bm25_is_compared_with_n_grams_and_never_with_itself(itself: Result, sample: Result) -> None:
    assert set(itself.lexical_baselines) == {"n-grams"}
    assert itself.lexical_baselines["n-grams"] == sample.lexical_baselines["n-grams"]
    assert {name: metric.value for name, metric in itself.metrics.items()} == {
        name: metric.value for name, metric in sample.metrics.items()
    }
    assert not any("BM25" in reason for reason in itself.verdict.reasons)


def test_bm25_that_is_fused_or_reranked_is_compared_with_bm25(words: Collection) -> None:
    lists = bm25_lists(words)
    assert is_of_bm25(lists.facts)
    for other in (fused([lists, lists], Fusion.RRF, ()), of_unknown_origin(lists)):
        assert not is_of_bm25(other.facts)


def test_a_model_is_compared_with_bm25_by_its_name(words: Collection) -> None:
    systems = Embedded(model(words, share_random=0.5), baselines={"bm25": bm25_lists(words)})
    found = result_of(words, systems, SETTINGS)
    assert found.references["bm25"]["MRR"] == pytest.approx(1.0)
    assert set(found.lexical_baselines) == {"n-grams"}  # BM25 stands beside the model once
    (against,) = [c for c in found.comparisons if c.b == "bm25" and c.metric == "MRR"]
    assert against.is_surely(-1)
    assert found.verdict.outcome == "retrain"


def test_a_file_or_folder_of_that_name_is_not_bm25(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_bm25("bm25")
    assert not is_bm25("bm25.trec")
    (tmp_path / "bm25").mkdir()
    assert not is_bm25("bm25")


def test_the_command_line_judges_bm25_and_says_how_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--run", "bm25", "--data", DATA, "--draws", "200"]) == 0
    said = capsys.readouterr()
    assert "BM25 with k1 = 1.2, b = 0.75" in " ".join(said.err.split())
    assert "chance  n-grams\n" in said.out


def test_a_reference_and_a_comparison_may_be_bm25(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--run", "bm25", "--baseline", "bm25", "--data", DATA, "--draws", "200"]) == 0
    assert "VERDICT: MARGINAL" in capsys.readouterr().out
