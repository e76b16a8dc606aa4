"""``--card``: written beside everything else, or refused before any work."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.support.scene import run, write_two_models

FEW = ["--draws", "200", "--examples", "1"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, and two models of it."""
    folder = tmp_path_factory.mktemp("card")
    write_two_models(folder)
    return folder


@pytest.mark.parametrize("command", ["evaluate", "visualize", "compare", "evaluate on sets"])
def test_every_command_that_judges_writes_a_card_where_it_was_asked_for(
    command: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, data = scene / "old.npz", scene / "new.npz", scene / "test.json"
    words = {
        "evaluate": ["evaluate", "--embeddings", new],
        "visualize": ["visualize", "--embeddings", new, "--output", tmp_path / "out", "--skip-umap"],
        "compare": ["compare", old, new],
        "evaluate on sets": ["evaluate", "--embeddings", new, "--baseline", old],
    }
    sets = [data, scene / "valid.json"] if command == "evaluate on sets" else [data]
    card = tmp_path / "deep" / "card.PNG"
    done = run(capsys, *words[command], "--data", *sets, *FEW, "--card", card)
    assert (done.status, f"Written: {card}" in done.out) == (0, True), done.err
    content = card.read_bytes()
    assert struct.unpack(">II", content[16:24]) == (1200, 630)
    assert not (tmp_path / "out" / "card.PNG").exists()


@pytest.mark.parametrize(("name", "expected"), [("card.svg", "expected the name of a .png file"), ("d.png", "--card")])
def test_a_card_that_cannot_be_written_is_refused_before_any_work(
    name: str, expected: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.png").mkdir()
    words = ["evaluate", "--embeddings", scene / "new.npz", "--data", scene / "test.json", "--junit", tmp_path / "j"]
    done = run(capsys, *words, "--card", tmp_path / name)
    assert (done.status, done.out) == (2, "")
    assert expected in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["d.png"]
