"""``--model-card``, ``--eval-results``, ``--mteb-result``: written where asked for, or refused before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.support.scene import run, write_two_models

import embedscope

FEW = ["--draws", "200", "--examples", "1"]
NO_MAPS = ["--skip-umap", "--skip-tsne"]
TASK = ["--eval-task", "owner/rooms:rooms"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets, and two models of them."""
    folder = tmp_path_factory.mktemp("published")
    write_two_models(folder)
    return folder


def words_of(command: str, scene: Path, folder: Path) -> list[str | Path]:
    old, new = scene / "old.npz", scene / "new.npz"
    words: dict[str, list[str | Path]] = {
        "evaluate": ["evaluate", "--embeddings", new],
        "visualize": [
            "visualize",
            "--embeddings",
            new,
            "--output",
            folder / "out",
            "--skip-umap",
            "--max-samples",
            "0",
        ],
        "compare": ["compare", old, new],
        "evaluate on sets": ["evaluate", "--embeddings", new, "--baseline", old],
    }
    sets = [scene / "test.json", scene / "valid.json"] if command == "evaluate on sets" else [scene / "test.json"]
    return [*words[command], "--data", *sets, *FEW]


@pytest.mark.parametrize("command", ["evaluate", "visualize", "compare", "evaluate on sets"])
def test_every_command_that_judges_writes_the_section_and_writes_it_again(
    command: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = tmp_path / "model" / "README.md"
    words = words_of(command, scene, tmp_path)
    assert run(capsys, *words, "--model-card", card).status == 0
    first = card.read_bytes()
    done = run(capsys, *words, "--model-card", card)
    assert (done.status, f"Written: {card}" in done.out) == (0, True), done.err
    assert card.read_bytes() == first


@pytest.mark.parametrize("command", ["evaluate", "visualize", "compare"])
def test_results_for_leaderboards_are_those_of_the_report(
    command: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry, task = tmp_path / ".eval_results" / "rooms.yaml", tmp_path / "Rooms.json"
    words = [*words_of(command, scene, tmp_path), "--json", "--eval-results", entry, *TASK, "--mteb-result", task]
    done = run(capsys, *words)
    assert done.status == 0, done.err
    value = json.loads(done.out)["metrics"]["nDCG@10"]["value"]
    written = json.loads(task.read_text(encoding="utf-8"))
    assert written["task_name"] == "Rooms"
    assert written["scores"]["test"][0]["main_score"] == value
    assert yaml.safe_load(entry.read_text(encoding="utf-8"))[0]["value"] == pytest.approx(100 * value, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--eval-results", "e.yaml"], "--eval-results FILE.yaml and --eval-task OWNER/NAME:TASK go together"),
        (TASK, "--eval-results FILE.yaml and --eval-task OWNER/NAME:TASK go together"),
        (["--eval-results", "e.yaml", "--eval-task", "scifact"], "expected OWNER/NAME:TASK"),
        (["--eval-results", "e.json", *TASK], "expected the name of a .yaml file"),
        (["--mteb-result", "m.json", "--max-samples", "20"], "--max-samples is 20"),
        (["--mteb-result", "m.json", "--metrics", "MRR"], "--mteb-result reports nDCG@10, and --metrics leaves it out"),
        (["--model-card", "card.txt"], "expected the name of a .md file"),
        (["--model-card", "broken.md"], "broken.md cannot take a section"),
    ],
)
def test_what_cannot_be_published_is_refused_before_any_work(
    words: list[str],
    said: str,
    scene: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.md").write_text("---\na: [\n---\n", encoding="utf-8")
    done = run(capsys, *words_of("evaluate", scene, tmp_path), *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["broken.md"]


@pytest.mark.parametrize("words", [["--eval-results", "e.yaml", *TASK], ["--mteb-result", "m.json"]])
def test_a_result_on_one_data_set_is_not_written_of_several(
    words: list[str], scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(capsys, *words_of("evaluate on sets", scene, tmp_path), *words)
    assert (done.status, list(tmp_path.iterdir())) == (2, [])
    assert "is a result on one data set, and --data names 2" in done.err


@pytest.mark.parametrize("command", ["evaluate", "visualize", "compare", "evaluate on sets"])
def test_the_line_for_monitors_is_the_same_on_the_screen_and_in_python(
    command: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = str(scene / "old.npz"), str(scene / "new.npz")
    words = words_of(command, scene, tmp_path)
    done = run(capsys, *words, *(["--baseline", old] if command in ("evaluate", "visualize") else []))
    (line,) = [line for line in done.out.splitlines() if line.startswith("VERDICT: ")]
    options = {"draws": 200, "max_samples": 0, "skip_tsne": True, "skip_umap": True}
    data = str(scene / "test.json")
    if command == "compare":
        assert embedscope.compare(old, new, data=data, **options).verdict_line == line
    elif command == "evaluate on sets":
        found = embedscope.run_sets([data, scene / "valid.json"], embeddings=new, baseline=old, **options)
        assert found.verdict_line == line
    else:
        assert embedscope.run(embeddings=new, baseline=old, data=data, **options).verdict_line == line
        assert embedscope.run(embeddings=new, data=data, **options).verdict_line is None
