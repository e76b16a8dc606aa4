"""A training from Python: the same files as from the command line, and not a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedscope.errors import InvalidOptionError
from embedscope.settings import TrainSettings
from embedscope.train import fit

pytest.importorskip("torch")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"query": f"a lamp of {n} watts", "pos": f"lamp, {n} W", "hard_neg": [f"lamp, {n + 50} W"]} for n in range(12)
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_a_training_from_python_says_nothing_and_gives_what_its_files_hold(
    minilm: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "head"
    fitted = fit(
        TrainSettings(
            data=str(data),
            base_model=minilm,
            output_dir=str(folder),
            split=0,
            select="loss",
            epochs=2,
            d_out=8,
            device="cpu",
        )
    )
    assert tuple(capsys.readouterr()) == ("", "")
    assert fitted.folder == folder
    assert fitted.report == json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert fitted.record.best_epoch == fitted.report["best_epoch"]
    assert set(fitted.files) == {path.name for path in folder.iterdir()}


def test_settings_that_make_no_sense_together_are_refused_before_any_work(data: Path, tmp_path: Path) -> None:
    settings = TrainSettings(data=str(data), output_dir=str(tmp_path / "head"), d_out=8, matryoshka=(16,))
    with pytest.raises(
        InvalidOptionError, match=r"--matryoshka is 16; expected prefix lengths from 1 to --d-out \(8\)"
    ):
        fit(settings)
    assert not (tmp_path / "head").exists()
