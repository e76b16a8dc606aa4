"""No file of a run takes the place of another one, or of an input."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.scene import run, write_rows, write_vectors

SIDE_FILES = ("--junit", "--summary", "--card", "--export-failures", "--export-unjudged")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set and vectors of it."""
    folder = tmp_path_factory.mktemp("same")
    data = write_rows(folder / "test.json")
    write_vectors(folder / "new.npz", data, 0.9)
    return folder


def refused(capsys: pytest.CaptureFixture[str], scene: Path, *words: str | Path) -> str:
    """What is said; nothing was written."""
    before = {path: path.read_bytes() for path in scene.iterdir()}
    done = run(capsys, *words)
    assert (done.status, done.out) == (2, ""), done.err
    assert {path: path.read_bytes() for path in scene.iterdir()} == before
    return done.err


@pytest.mark.parametrize("option", SIDE_FILES)
@pytest.mark.parametrize("command", ["evaluate", "visualize", "evaluate on sets"])
def test_an_input_is_never_written_to(
    option: str, command: str, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene.parent)
    picture = scene / "test.png"  # another name of the same file
    picture.unlink(missing_ok=True)
    picture.symlink_to("test.json")
    data = [scene / "test.json"] if command != "evaluate on sets" else [scene / "test.json", write_more(scene)]
    words = [command.partition(" ")[0], "--embeddings", scene / "new.npz", "--data", *data]
    said = refused(capsys, scene, *words, option, f"{scene.name}/test.png")
    assert f"{option} would write {scene.name}/test.png, which is read too." in said


def write_more(folder: Path) -> Path:
    """A second data set."""
    return write_rows(folder / "more.json", 30)


def test_a_run_that_is_compared_is_never_written_to(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = scene / "new.npz"
    said = refused(capsys, scene, "compare", new, "bm25", "--data", scene / "test.json", "--summary", new)
    assert f"--summary would write {new}, which is read too." in said


@pytest.mark.parametrize(("first", "second"), [("--junit", "--card"), ("--export-failures", "--export-unjudged")])
def test_two_options_never_write_one_file(
    first: str, second: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--embeddings", scene / "new.npz", "--data", scene / "test.json"]
    said = refused(capsys, scene, *words, first, tmp_path / "o.png", second, f"{tmp_path}/./o.png")
    assert f"{second} would write {tmp_path}/./o.png, which {first} writes too." in said
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("option", "name"), [("--card", "tsne_projection.png"), ("--export-failures", "report.json")])
def test_no_side_file_has_the_name_of_a_file_of_the_run(
    option: str, name: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["visualize", "--embeddings", scene / "new.npz", "--data", scene / "test.json"]
    said = refused(capsys, scene, *words, "--output", tmp_path / "out", option, tmp_path / "out" / name)
    assert "which --output writes too." in said
