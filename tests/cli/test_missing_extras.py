"""Without the packages of an extra a command says which and how to install it, ends with status 2, writes nothing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from embedscope.cli import main as cli
from embedscope.data.sample import sample_path
from embedscope.installation import install_command

TEST = str(sample_path("test"))
NEED_MODELS = {
    "evaluate": ["evaluate", "--checkpoint", "{model}", "--data", TEST, "--output", "run"],
    "a baseline": ["compare", "bm25", "{model}", "--data", TEST, "--output", "run"],
    "a name of the hub": ["evaluate", "--checkpoint", "owner/name", "--data", TEST, "--output", "run"],
    "train": ["train", "--data", TEST, "--valid", TEST, "--base-model", "{model}", "--output-dir", "run"],
    "shard": ["shard", "--checkpoint", "{model}", "--data", TEST, "--output", "run"],
    "parity": ["parity", "{model}", "{model}", "--data", TEST, "--texts", "4", "--output", "run"],
}


def leave_out(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``package`` is not found; ``sys.modules`` stays, because SciPy looks for torch in it."""
    monkeypatch.setattr("embedscope.errors.find_spec", lambda name: None if name == package else find_spec(name))


@pytest.mark.parametrize("package", ["torch", "transformers", "sentence_transformers"])
@pytest.mark.parametrize("command", NEED_MODELS)
def test_a_command_that_needs_a_model_names_the_extra_and_writes_nothing(
    command: str,
    package: str,
    minilm: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    leave_out(package, monkeypatch)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert cli.main([word.replace("{model}", minilm) for word in NEED_MODELS[command]]) == 2
    said = capsys.readouterr().err
    assert f"needs the package '{package.replace('_', '-')}'" in said
    assert said.endswith(f"Install it with: {install_command('models')}\n")
    assert list(Path.cwd().iterdir()) == []


def test_encoding_on_ray_without_ray_names_the_extra_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out("ray", monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["shard", "--checkpoint", "owner/name", "--data", TEST, "--engine", "ray", "--output", "run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("embedscope: --engine ray needs the package 'ray'")
    assert said.endswith(f"Install it with: {install_command('ray')}\n")
    assert list(tmp_path.iterdir()) == []
