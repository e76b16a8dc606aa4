"""Which folders are served: those whose model and data are there and are what the run says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scene import run, write_rows, write_vectors
from tests.support.served import WORDS, write_tiny_run
from tests.support.tiny_model import write_tiny

from embedscope.errors import DataFormatError, InputError
from embedscope.log import SILENT, Silent
from embedscope.result.saved_run import read_run
from embedscope.serve.corpora import ShardCorpus
from embedscope.serve.loading import Served, load_served
from embedscope.settings import ServeSettings, Settings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run, its model and its data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        folder = tmp_path_factory.mktemp("made")
        write_tiny_run(folder)
        yield folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the run alone, which may be changed."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        self.lines.append(text)

    warn = step


def load(folder: Path, log: Silent = SILENT, *, allow_changed: bool = False, **stated: Any) -> Served:
    chosen = ServeSettings(run_folder=str(folder), allow_changed=allow_changed)
    return load_served(Settings.of(**stated), stated, chosen, log)


def with_options(folder: Path, **options: Any) -> Path:
    """The run with other options in its manifest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["options"] |= options
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_a_served_run_ranks_as_the_run_did_and_encodes_nothing_again(made: Path) -> None:
    heard = Heard()
    served = load(made / "run", heard)
    assert any(line.startswith("Encoded 0 texts") for line in heard.lines)
    report = read_run(made / "run").queries
    for row in range(0, len(report.texts), 7):
        found = served.answers.search(report.texts[row])
        best = max(found["relevant"], key=lambda each: each["document"]["score"])
        assert best["document"]["score"] == pytest.approx(float(report.positive_similarity[row]), abs=1e-5)
        assert best["document"]["rank"] <= report.rank[row]
    assert served.payload["live"]["n_documents"] == served.answers.corpus.n


def test_the_folder_is_as_it_was(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    load(made / "run").answers.search("phòng trọ")
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_another_model_is_refused_unless_it_is_allowed(made: Path, copy: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "other", 32, seed=1)
    other = with_options(copy, checkpoint=str(tmp_path / "other"))
    with pytest.raises(InputError, match="makes other vectors"):
        load(other)
    heard = Heard()
    assert load(other, heard, allow_changed=True).answers.search("phòng")["documents"]
    assert any("is not what is served" in line for line in heard.lines)


def test_a_data_set_that_has_changed_is_refused_unless_it_is_allowed(made: Path, copy: Path, tmp_path: Path) -> None:
    rows = json.loads((made / "data.json").read_text(encoding="utf-8"))
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(rows[1:]), encoding="utf-8")
    with pytest.raises(InputError, match=r"is not what .* was measured on"):
        load(copy, data=str(changed))
    assert load(copy, data=str(changed), allow_changed=True).answers.corpus.n


def test_model_and_data_may_lie_elsewhere_by_now(made: Path, copy: Path) -> None:
    moved = with_options(copy, checkpoint="/nowhere/model", data="/nowhere/data.json")
    with pytest.raises(InputError):
        load(moved)
    assert load(moved, checkpoint=str(made / "model"), data=str(made / "data.json")).answers.search("trọ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"embeddings": "vectors.npz", "checkpoint": None}, "vectors that were made before"),
        ({"run": "bm25", "checkpoint": None}, "a ranking that was made before"),
        ({"head": "sparse"}, "ranked lists"),
        ({"fuse": ["bm25"]}, "ranked lists"),
        ({"rerank": "cross"}, "ranked lists"),
        ({"checkpoint": "http://192.0.2.1/v1"}, "would be sent there"),
        ({"pooling": "upside-down"}, "holds an option that is none"),
    ],
)
def test_a_run_that_no_model_answers_for_is_refused(copy: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load(with_options(copy, **options))


def test_a_folder_that_is_none_of_a_run_is_refused(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(InputError, match=r"page\.json does not exist"):
        load(tmp_path)
    (copy / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataFormatError, match="does not say how the run was made"):
        load(copy)


def test_a_cache_that_only_a_manifest_names_is_neither_read_nor_written(copy: Path, tmp_path: Path) -> None:
    named = tmp_path / "named"
    (named / "embeddings").mkdir(parents=True)
    load(with_options(copy, cache_dir=str(named)))
    assert [*named.rglob("*")] == [named / "embeddings"]


def test_a_shard_folder_ranks_as_the_run_does_whether_it_is_held_or_read(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "shards"
    words = ("shard", "--data", made / "data.json", "--checkpoint", made / "model", "--pooling", "mean")
    assert run(capsys, *words, "--output", where, "--shard-rows", "16", "--quiet").status == 0
    in_memory, text = load(made / "run").answers, " ".join(WORDS[:5])
    expected = in_memory.search(text)["documents"]
    for memory in (None, 1):
        chosen = ServeSettings(run_folder=str(where), memory=memory)
        stated = {"pooling": "mean"}
        served = load_served(Settings.of(**stated), stated, chosen, SILENT)
        assert isinstance(served.answers.corpus, ShardCorpus)
        assert served.answers.corpus.is_held is (memory is None)
        found = served.answers.search(text)["documents"]
        assert [each["text"] for each in found] == [each["text"] for each in expected]
        assert [each["n_relevant_to"] for each in found] == [each["n_relevant_to"] for each in expected]
        np.testing.assert_allclose([d["score"] for d in found], [d["score"] for d in expected], atol=1e-5)
        rows = [each["row"] for each in found]
        assert served.answers.words(text, rows[0], rows[1])["deletions"]
        assert served.payload["kind"] == "embedscope-live"
    evaluated = tmp_path / "evaluated"
    words = ("evaluate", "--embeddings", where, "--output", evaluated, "--draws", "200", "--quiet")
    assert run(capsys, *words).status == 0
    page = load(evaluated, pooling="mean").payload
    assert (page["kind"], page["live"]["n_documents"]) == ("embedscope-page", in_memory.corpus.n)


def test_a_shard_folder_of_vectors_alone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_rows(tmp_path / "test.json")
    vectors, where = write_vectors(tmp_path / "vectors.npz", data, 0.6), tmp_path / "shards"
    assert run(capsys, "shard", "--data", data, "--embeddings", vectors, "--output", where, "--quiet").status == 0
    with pytest.raises(InputError, match="vectors that were made before"):
        load(where)
