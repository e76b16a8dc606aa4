"""A run, a comparison and an audit of a data set that is no file: the figures of the file with the same rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.support.scene import rows, write_rows, write_vectors

import embedscope
from embedscope.audit.raw_rows import read_rows
from embedscope.cli.main import main
from embedscope.errors import InputError
from embedscope.integrations import EmbedscopeEvaluator
from embedscope.output.run_files import write_run
from embedscope.result import run_label

OPTIONS = {"max_samples": 0, "draws": 100, "examples": 0, "skip_tsne": True, "skip_umap": True}


def figures(result: embedscope.Result) -> dict[str, float | None]:
    return {name: metric.value for name, metric in result.metrics.items()}


@pytest.mark.parametrize("make", [list, pd.DataFrame, pa.Table.from_pylist], ids=["rows", "pandas", "Arrow"])
def test_a_run_on_an_object_gives_the_figures_of_the_file(make: Any, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json", 12)
    vectors = write_vectors(tmp_path / "v.npz", data, 0.7)
    of_file = embedscope.run(data=data, train=data, embeddings=vectors, **OPTIONS)
    result = embedscope.run(data=make(rows(12)), train=make(rows(12)), embeddings=vectors, **OPTIONS)
    assert figures(result) == figures(of_file)
    assert result.data.digest == of_file.data.digest
    assert result.leakage is not None
    kind = {"list": "list of rows", "DataFrame": "pandas.DataFrame"}.get(getattr(make, "__name__", ""), "pyarrow.Table")
    assert (result.inputs["data"], result.inputs["train"]) == (kind, kind)


def test_the_report_and_the_manifest_of_a_run_on_an_object_say_its_kind_and_nothing_of_it(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json", 12)
    vectors = write_vectors(tmp_path / "v.npz", data)
    result = embedscope.run(embeddings=vectors, data=pd.DataFrame(rows(12)), **OPTIONS)
    write_run(result, tmp_path / "out", options={}, elapsed_s=0.0, page=False)
    report, manifest = (json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("report", "manifest"))
    assert report["inputs"]["data"] == "pandas.DataFrame"
    assert rows(12)[0]["query"] not in json.dumps([report["inputs"], manifest])


def test_a_comparison_on_an_object_gives_the_figures_of_the_file(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json", 12)
    a, b = (str(write_vectors(tmp_path / f"{q}.npz", data, q)) for q in (0.4, 0.9))
    of_file = embedscope.compare(a, b, data=data, draws=100, skip_maps=True)
    found = embedscope.compare(a, b, data=rows(12), train=rows(12), draws=100, skip_maps=True)
    assert figures(found.result) == figures(of_file.result)
    assert found.result.inputs["data"] == "list of rows"


def test_a_notebook_shows_a_comparison_with_its_difference_and_its_page(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json", 12)
    a, b = (str(write_vectors(tmp_path / f"{q}.npz", data, q)) for q in (0.4, 0.9))
    found = embedscope.compare(a, b, data=data, draws=100, skip_maps=True)
    first = found.comparison.comparisons[0]
    assert f"<ComparedRuns of 2: {run_label(b)} against {run_label(a)}, MRR {first.difference:+.4f}" in repr(found)
    assert "<iframe srcdoc=" in found._repr_html_()
    assert len(repr(found)) < 300


def test_options_of_reading_apply_in_a_run(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json", 12)
    vectors = write_vectors(tmp_path / "v.npz", data)
    result = embedscope.run(data=pd.DataFrame(rows(12)), split="first:8", embeddings=vectors, **OPTIONS)
    assert result.data.n_queries == 8
    with pytest.raises(InputError, match="int of rows: this is no data set"):
        embedscope.run(data=7, embeddings=vectors, **OPTIONS)


def test_the_evaluator_of_a_trainer_takes_objects() -> None:
    assert len(EmbedscopeEvaluator(pd.DataFrame(rows(12))).queries) == 12


def test_every_command_takes_a_name_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "data.json", 12)
    vectors = write_vectors(tmp_path / "v.npz", data)

    def load_dataset(name: str, configuration: str = "default") -> dict[str, Any]:
        return {"test": {"default": pa.Table.from_pylist(rows(12))}[configuration]}

    fake = SimpleNamespace(
        get_dataset_config_names=lambda name: ["default"],
        load_dataset=load_dataset,
    )
    monkeypatch.setitem(sys.modules, "datasets", fake)
    name = "hub:owner/name"
    assert main(["evaluate", "--data", name, "--embeddings", str(vectors), "--output", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["inputs"]["data"] == name
    assert main(["audit", "--data", name, "--output", str(tmp_path / "audit")]) == 0
    assert len(read_rows(name).rows) == 12
    assert main(["audit", "--data", name, "--fix", str(tmp_path / "fixed.json")]) == 2
    assert "--fix" in capsys.readouterr().err
