"""A second run: the files of the first to the last byte, and only what an option decides computed again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.clustered_points import clusters
from tests.support.drawn_runs import make_findings
from tests.support.planted import SETTINGS, collection_of, model
from tests.support.scene import write_rows, write_vectors

from embedscope import maps, pipeline
from embedscope.audit import Subject, audit
from embedscope.audit import subject as subject_module
from embedscope.audit.raw_rows import read_rows
from embedscope.cli.main import main
from embedscope.data.sample import sample_path
from embedscope.kept import KeptResults
from embedscope.maps.kept_maps import _first_neighbors
from embedscope.output import picture_process
from embedscope.output.picture_process import Drawing, pictures_of
from embedscope.result import Result
from embedscope.systems import Embedded

TIMED = ("manifest.json",)


@pytest.fixture(autouse=True)
def _results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBEDSCOPE_RESULTS_LIMIT")
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def visualize(tmp_path: Path) -> Any:
    """A run of the command on small data by its options; the content of its files by name."""
    data = write_rows(tmp_path / "rows.json", 40)
    vectors = write_vectors(tmp_path / "vectors.npz", data)

    def run(*options: str) -> dict[str, bytes]:
        words = ["visualize", "--embeddings", str(vectors), "--data", str(data), "--output", str(tmp_path / "out")]
        assert main([*words, "--draws", "200", "--dpi", "40", *options]) == 0
        return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    return run


def taken(text: str) -> str:
    return " ".join(line for line in text.splitlines() if "cache" in line)


def test_a_second_run_writes_the_same_files_but_for_times(
    visualize: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = visualize()
    assert "cache" not in taken(capsys.readouterr().err)
    for module, name in ((pipeline, "find_themes"), (pipeline, "find_faults"), (pipeline, "classify_failures")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("computed"))
    monkeypatch.setattr(maps.kept_maps, "begin_maps", lambda *_, **__: pytest.fail("laid out"))
    monkeypatch.setattr(picture_process, "_started", lambda: pytest.fail("drawn"))
    second = visualize()
    assert first.keys() == second.keys()
    for name in first.keys() - TIMED:
        assert first[name] == second[name], name
    manifests = [{**json.loads(files["manifest.json"]), "created_at": 0, "elapsed_s": 0} for files in (first, second)]
    assert manifests[0] == manifests[1]
    said = taken(capsys.readouterr().err)
    for part in ("t-SNE", "UMAP", "themes", "failure modes", "findings", "geometry", "thresholds", "pictures"):
        assert part in said


def test_a_run_that_keeps_nothing_writes_the_same_files(visualize: Any, tmp_path: Path) -> None:
    first = visualize()
    alone = visualize("--no-cache")
    for name in first.keys() - {*TIMED, "report.json", "report.html", "page.json"}:
        assert first[name] == alone[name], name


@pytest.mark.parametrize(
    ("options", "new"),
    [
        (("--perplexity", "5"), {"neighbour graph", "t-SNE"}),
        (("--skip-tsne",), {"t-SNE"}),
        (("--examples", "2"), set()),
    ],
)
def test_an_option_has_only_what_depends_on_it_computed(
    options: tuple[str, ...], new: set[str], visualize: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    visualize()
    capsys.readouterr()
    visualize(*options)
    parts = {"neighbour graph", "t-SNE", "UMAP", "themes", "failure modes", "findings", "geometry", "thresholds"}
    said = taken(capsys.readouterr().err)
    assert {part for part in parts if part not in said} == new


def test_a_map_that_is_left_out_has_no_picture_drawn_again(visualize: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = visualize()
    monkeypatch.setattr(picture_process, "_started", lambda: pytest.fail("drawn"))
    second = visualize("--skip-tsne")
    assert second["umap_projection.png"] == first["umap_projection.png"]


def test_a_result_on_vectors_that_are_given_is_kept_nowhere(tmp_path: Path) -> None:
    collection = collection_of(20)
    pipeline.result_of(collection, Embedded(model(collection)), SETTINGS)
    assert not (tmp_path / "cache").exists()


def test_umap_reads_of_the_graph_what_its_key_holds() -> None:
    vectors = clusters(120)
    graph = maps.neighbor_graph(vectors, 40)
    one = maps.umap(vectors, graph, seed=1, n_epochs=20)
    other = maps.umap(vectors, _first_neighbors(graph, 15), seed=1, n_epochs=20)
    assert one.xy.tobytes() == other.xy.tobytes()
    assert one.kept.tobytes() == other.kept.tobytes()


def test_the_audit_looks_for_near_duplicates_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = read_rows(sample_path("test"))
    first = audit(Subject(rows, kept=KeptResults(tmp_path)))
    monkeypatch.setattr(subject_module, "near_duplicates", lambda *_: pytest.fail("searched"))
    assert audit(Subject(rows, kept=KeptResults(tmp_path))) == first


# --- pictures -----------------------------------------------------------------------------------------------------


class Reading:
    """Stands for a record, and notes the path of every field that is read of it."""

    def __init__(self, of: Any, path: str, read: set[str]) -> None:
        self.__dict__.update(_of=of, _path=path, _read=read)

    def __getattr__(self, name: str) -> Any:
        value, path = getattr(self._of, name), f"{self._path}{name}"
        if path in ("queries", "documents", "model"):
            return Reading(value, f"{path}.", self._read)
        if callable(value):  # a method: what it reads of the record is noted
            return value.__func__.__get__(self)
        if isinstance(getattr(type(self._of), name, None), property):
            return getattr(type(self._of), name).fget(self)
        self._read.add(path)
        return value


TABLE = {
    f"queries.{name}"
    for name in make_findings(12).queries.__dataclass_fields__
    if name not in ("values", "failure_modes", "failure_evidence", "groups", "metadata")
}
READ = {
    "top_k_predictions": {"examples", "documents.texts", "documents.ids", "similarity", *TABLE},
    "similarity_heatmap": {"heatmap", "queries.texts", "documents.texts", "model.similarity"},
    "similarity_distribution": {"similarity", "model.similarity"},
    "negative_types": {"negative_types", "model.similarity"},
    "tsne_projection": {"maps", "points", "themes", "model.similarity"},
    "umap_projection": {"maps", "points", "themes", "model.similarity"},
}
"""What decides each picture of a whole stage, as the key of the kept picture holds it; of ids their number, which is
that of the texts."""


@pytest.mark.parametrize("name", READ)
def test_a_picture_reads_nothing_that_its_key_does_not_hold(name: str) -> None:
    result, read = make_findings(12), set()
    draw = pictures_of(result)[name].func
    (_, *more) = pictures_of(result)[name].args
    draw(Reading(result, "", read), *more)
    assert read
    assert read <= READ[name]


def test_a_coloured_map_reads_the_columns_that_the_data_states() -> None:
    result, read = make_findings(12), set()
    groups = tuple("ab"[row % 2] for row in range(len(result.queries.texts)))
    result = replace(result, queries=replace(result.queries, groups=groups))
    pictures_of(result)["umap_projection"].func(Reading(result, "", read), "umap", color_by="group")
    assert read <= READ["umap_projection"] | {"queries.groups", "queries.metadata"}


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draws the pictures of a result, with those that are kept; and how many processes were started, and when."""
    started: list[str] = []
    monkeypatch.setattr(picture_process, "_started", lambda: started.append("started"))

    def drawn(result: Result, **more: Any) -> tuple[dict[str, bytes], str]:
        started.clear()
        with Drawing(**{"dpi": 40.0, "format": "png", "kept": KeptResults(tmp_path), "of": "run", **more}) as pictures:
            when = "at once" if started else "never"
            pictures.begin(result)
            when = "at the first new picture" if started and when == "never" else when
            return pictures.files(), when

    return drawn


def test_no_process_is_started_where_every_picture_is_kept(draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_findings(12)
    first, when = draw(result)
    assert when == "at once"
    monkeypatch.setattr(picture_process, "picture_files", lambda *_, **__: pytest.fail("drawn"))
    assert draw(result) == (first, "never")


def test_a_picture_that_is_new_is_drawn_alone(draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_findings(12)
    first, _ = draw(result)
    drawn, own = [], picture_process.picture_files

    def count(stage: Result, **more: Any) -> dict[str, bytes]:
        files = own(stage, **more)
        drawn.extend(files)
        return files

    monkeypatch.setattr(picture_process, "picture_files", count)
    second, when = draw(replace(result, examples=result.examples[:1]))
    assert (drawn, when) == (["top_k_predictions.png"], "at the first new picture")
    assert {name for name in first if first[name] != second[name]} == {"top_k_predictions.png"}
    assert list(first) == list(second)


@pytest.mark.parametrize("more", [{"dpi": 41.0}, {"format": "svg"}])
def test_another_resolution_or_format_is_drawn_from_the_start(more: dict[str, Any], draw: Any) -> None:
    result = make_findings(12)
    first, _ = draw(result)
    second, when = draw(result, **more)
    assert when == "at once"
    assert not set(first.items()) & set(second.items())


def test_kept_pictures_are_those_that_are_drawn(draw: Any) -> None:
    result = make_findings(12)
    draw(result)
    assert draw(result)[0] == picture_process.picture_files(result, dpi=40.0, format="png") | {}
    assert all(np.frombuffer(each, np.uint8).size for each in draw(result)[0].values())


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "--checkpoint", "absent", "--data"),
        ("compare", "absent", "absent-too", "--data"),
        ("audit", "--checkpoint", "absent", "--data"),
    ],
)
def test_a_limit_that_is_no_number_is_refused_before_a_model_is_read(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_RESULTS_LIMIT", "much")
    monkeypatch.setattr("embedscope.pipeline.require_there", lambda *_: None)
    monkeypatch.setattr("embedscope.comparison.comparing.require_there", lambda *_: None)
    assert main([*words, str(sample_path("test")), "--output", str(tmp_path / "out")]) == 2
    assert "EMBEDSCOPE_RESULTS_LIMIT is 'much'; expected a number of bytes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
