"""The result that a notebook holds: what it writes, what it reads again, what it prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.output.notebook.test_shown_tables import shown
from tests.support import tiny_run as tiny
from tests.support.drawn_runs import make_findings
from tests.support.scene import write_rows, write_vectors

import embedscope
from embedscope.errors import InvalidOptionError, OutputError
from embedscope.output.notebook.shown_result import ShownResult
from embedscope.output.run_files import TABLES
from embedscope.pipeline import read_run

LONGEST = 300


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ShownResult:
    folder = tmp_path_factory.mktemp("data")
    data = write_rows(folder / "test.json", 12)
    vectors = write_vectors(folder / "vectors.npz", data, 0.8)
    return embedscope.run(embeddings=str(vectors), data=str(data), draws=200, skip_umap=True, dpi=40)


def test_a_run_gives_a_result_that_saves_what_visualize_writes(result: ShownResult, tmp_path: Path) -> None:
    names = result.save(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(names)
    assert set(TABLES) - {"explanations.parquet"} <= set(names)
    assert {"tsne_projection.png", "similarity_heatmap.png", "top_k_predictions.png"} <= set(names)
    assert "umap_projection.png" not in names
    assert {"heatmap.svg"} <= {name[11:] for name in result.save(tmp_path / "svg", format="svg")}


def test_a_saved_run_is_read_again_with_its_verdict_queries_and_page(result: ShownResult, tmp_path: Path) -> None:
    result.save(tmp_path)
    old = read_run(tmp_path)
    assert (old.verdict, old.findings, repr(old)) == (result.verdict, result.findings, repr(result))
    assert old.queries.to_arrow().equals(result.queries.to_arrow())
    assert old.page() == (tmp_path / "report.html").read_text(encoding="utf-8") == result.page()
    with pytest.raises(InvalidOptionError, match="copy that folder"):
        old.save(tmp_path / "again")
    (tmp_path / "page.json").write_text('{"kind": "embedscope-page", "page_version": 99}')
    assert "this program draws version 1" in old._repr_html_()
    (tmp_path / "page.json").unlink()
    assert "There is no page.json" in old._repr_html_()
    with pytest.raises(InvalidOptionError, match=r"no page\.json"):
        old.widget()


def test_an_unusable_format_or_folder_is_refused_and_nothing_is_written(result: ShownResult, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=r"one of png, svg, pdf, not 'jpeg'"):
        result.save(tmp_path / "run", format="jpeg")
    for dpi in (0, -1, 1e9, float("nan"), "x"):
        with pytest.raises(InvalidOptionError, match="--dpi: expected"):
            result.save(tmp_path / "run", dpi=dpi)  # type: ignore[arg-type]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        result.save(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_other_criteria_judge_the_same_numbers(result: ShownResult) -> None:
    again = embedscope.pipeline.decide(result, embedscope.Settings(), embedscope.pipeline.load_criteria("evidence"))
    assert isinstance(again, ShownResult)
    assert again.queries.to_arrow().equals(result.queries.to_arrow())


def test_what_is_public_prints_in_few_letters(result: ShownResult, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 8))
    large = shown(make_findings(200))
    objects = [
        result,
        large,
        large.queries,
        large.documents,
        large.points,
        large.maps,
        large.heatmap,
        embedscope.evaluate(vectors, vectors, [[i] for i in range(30)], n_draws=100),
        embedscope.read_collection(write_rows(tmp_path / "test.json", 12)),
    ]
    assert {type(each).__name__: len(repr(each)) for each in objects if len(repr(each)) > LONGEST} == {}
    assert len(repr(result.plot)) < 2 * LONGEST


def test_the_line_of_a_result_is_that_of_the_record() -> None:
    record = tiny.result()
    assert repr(shown(record)) == repr(record)
    assert replace(shown(record), folder="old").folder == "old"
