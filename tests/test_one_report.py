"""One input gives one report.json, whoever asks: the Python function, the command line, the evaluator of a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scene import run, write_rows, write_vectors

import embedscope
from embedscope.result.report import report

OF_THE_MODEL = {"model", "inputs", "embedscope_version"}
"""What a model in training cannot know of itself, or says otherwise: its file, its layout, its fingerprint."""


def as_json(value: object) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def keys_of(value: Any, path: str = "") -> set[str]:
    """Paths of all keys of nested tables."""
    if isinstance(value, dict):
        return {path} | {key for name, item in value.items() for key in keys_of(item, f"{path}/{name}")}
    if isinstance(value, list):
        return {path} | {key for item in value for key in keys_of(item, f"{path}/*")}
    return {path}


def require_equal(ours: Any, theirs: Any, path: str = "") -> None:
    """Equal values, numbers up to the rounding of vectors that were encoded in other batches."""
    assert type(ours) is type(theirs), path
    if isinstance(ours, dict):
        assert set(ours) == set(theirs), path
        for key in ours:
            require_equal(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), path
        for place, pair in enumerate(zip(ours, theirs, strict=True)):
            require_equal(*pair, f"{path}[{place}]")
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, abs=2e-3), path
    elif not path.endswith(("/reason", "/a")):  # a run is called by its file, a model in training by its step
        assert ours == theirs, path


def test_the_function_and_the_command_give_the_same_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_rows(tmp_path / "test.json", 40)
    vectors = write_vectors(tmp_path / "v.npz", data, 0.6)
    options = {"draws": 300, "seed": 5, "max_samples": 0}
    result = embedscope.run(data=data, embeddings=vectors, skip_tsne=True, skip_umap=True, **options)
    words = ["--embeddings", vectors, "--data", data, "--draws", "300", "--seed", "5"]
    done = run(capsys, "evaluate", *words, "--output", tmp_path / "out", "--quiet")
    assert done.status == 0, done.err
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8")) == as_json(report(result))


def test_a_map_changes_nothing_but_the_maps(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "test.json", 40)
    vectors = write_vectors(tmp_path / "v.npz", data, 0.6)
    with_map, without = (
        as_json(report(embedscope.run(data=data, embeddings=vectors, draws=200, skip_umap=True, skip_tsne=skip)))
        for skip in (False, True)
    )
    assert set(with_map.pop("maps")) == {"tsne"}
    assert without.pop("maps") == {}
    assert without["not_measured"].pop("maps") == "not asked for"
    for found in (with_map, without):
        del found["checklist"][2]["reason"]  # warns of an untrustworthy map
        for theme in found["themes"]:
            del theme["label_points"]  # where its name stands on each map
    assert with_map == without


def test_the_evaluator_of_a_training_gives_the_report_of_the_command(
    minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from embedscope.data.sample import sample_path
    from embedscope.integrations import EmbedscopeEvaluator

    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:30]
    data = tmp_path / "valid.json"
    data.write_text(json.dumps(rows), encoding="utf-8")
    words = ["--checkpoint", minilm, "--data", data, "--draws", "300", "--device", "cpu"]
    words += ["--examples", "0", "--explain", "0"]
    assert run(capsys, "evaluate", *words, "--output", tmp_path / "command", "--quiet").status == 0
    model = sentence_transformers.SentenceTransformer(minilm, device="cpu")
    EmbedscopeEvaluator(data, output=tmp_path / "training", draws=300)(model)
    ours, theirs = (
        json.loads((folder / "report.json").read_text(encoding="utf-8"))
        for folder in (tmp_path / "command", tmp_path / "training" / "model")
    )
    # A model in memory has no files, whose tensors would be accounted for.
    of_files = {key for key in keys_of(ours) if key.startswith("/model/tensors/")}
    assert keys_of(ours) - of_files - {"/inputs/checkpoint"} == keys_of(theirs)
    assert ours["findings"]
    for name in set(ours) - OF_THE_MODEL:
        require_equal(ours[name], theirs[name], name)
    files = [{path.name for path in folder.iterdir()} for folder in (tmp_path / "command", tmp_path / "training/model")]
    assert files[0] == files[1]


def test_settings_and_options_by_name_are_one(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "test.json", 40)
    vectors = write_vectors(tmp_path / "v.npz", data, 0.6)
    quick = {"draws": 200, "skip_tsne": True, "skip_umap": True}
    settings = embedscope.Settings.of(data=data, embeddings=vectors, **quick)
    one, other = embedscope.run(settings), embedscope.run(data=str(data), embeddings=str(vectors), **quick)
    assert as_json(report(one)) == as_json(report(other))
    assert np.array_equal(one.queries.rank, other.queries.rank)
    with pytest.raises(embedscope.InputError, match="no option 'sead'"):
        embedscope.run(settings, sead=3)
