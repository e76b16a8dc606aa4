"""The page that ``embedscope compare`` writes, from vectors to the file."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from tests.output.page.test_payload import numbers
from tests.support.scene import write_rows, write_vectors

from embedscope.cli.main import main
from embedscope.output.page.html import render_run_folder

SCHEMA = json.loads(files("embedscope.output.page").joinpath("schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows, vectors of three qualities for them, and the run folder of the worst."""
    made = tmp_path_factory.mktemp("compare-page")
    data = write_rows(made / "test.json")
    for name, quality in (("good", 0.9), ("fair", 0.5), ("random", 0.0)):
        write_vectors(made / f"{name}.npz", data, quality)
    command(made, "evaluate", "--embeddings", made / "random.npz", "--output", made / "in-production")
    return made


def command(folder: Path, *words: str | Path) -> None:
    rest = ["--data", folder / "test.json", "--draws", "200", "--quiet"]
    assert main([str(word) for word in [*words, *rest]]) == 0


@pytest.mark.parametrize("reference", ["random.npz", "in-production"])
def test_compare_writes_a_page_of_the_best_candidate_with_every_run_in_it(folder: Path, reference: str) -> None:
    output = folder / f"page-{reference}"
    command(folder, "compare", folder / reference, folder / "fair.npz", folder / "good.npz", "--output", output)
    payload = json.loads((output / "page.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(payload)
    section = payload["compare"]
    assert [Path(run["name"]).name for run in section["runs"]] == [reference, "fair.npz", "good.npz"]
    assert Path(section["runs"][section["judged"]]["name"]).name == "good.npz"
    assert payload["report"]["verdict"]["profile"] == "comparison"
    judged = section["runs"][section["judged"]]
    assert (numbers(judged["rank"]) == numbers(payload["queries"]["rank"])).all()
    assert (output / "report.html").read_text(encoding="utf-8") == render_run_folder(output)
