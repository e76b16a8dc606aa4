"""``compare`` of the checkpoints of one training: what is encoded, said and written, and in which order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from tests.output.page.test_payload import numbers
from tests.support.scene import Done, run, write_rows, write_vectors
from tests.support.scene import rows as scene_rows

from embedscope.cli.main import main
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.output.page.html import render_run_folder

SCHEMA = json.loads(files("embedscope.output.page").joinpath("schema.json").read_text(encoding="utf-8"))
COURSE = {"epoch2": 0.0, "epoch4": 0.4, "epoch10": 0.6, "epoch12": 0.2}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of a training that rises until epoch 10 and falls after it, and of another model."""
    folder = tmp_path_factory.mktemp("course")
    data = write_rows(folder / "test.json")
    for name, quality in COURSE.items():
        write_vectors(folder / "run" / f"{name}.npz", data, quality)
    write_vectors(folder / "other.npz", data, 0.7)
    return folder


def course(scene: Path) -> list[Path]:
    """As a shell gives them: epoch10, epoch12, epoch2, epoch4."""
    return sorted((scene / "run").glob("epoch*.npz"))


def rest(scene: Path, *words: str | Path) -> list[str | Path]:
    return ["--data", scene / "test.json", "--draws", "500", *words]


@pytest.fixture(scope="module")
def written(scene: Path) -> Path:
    """The output folder of a comparison of the whole course with t-SNE alone."""
    words = ["compare", *course(scene), *rest(scene, "--output", scene / "out", "--quiet", "--skip-umap")]
    assert main([str(word) for word in [*words, "--dpi", "50"]]) == 0
    return scene / "out"


def report_of(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    done = run(capsys, *words, "--json")
    assert done.status == 0
    report: dict[str, Any] = json.loads(done.out)
    return report


# --- order and reference ------------------------------------------------------------------------------------------


def test_epochs_given_in_the_order_of_a_shell_are_put_in_theirs_and_the_earliest_is_the_reference(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = course(scene)
    assert [path.stem for path in given] == ["epoch10", "epoch12", "epoch2", "epoch4"]
    report = report_of(capsys, "compare", *given, *rest(scene))
    assert Path(report["reference"]).stem == "epoch2"
    assert [Path(name).stem for name in report["timeline"]["checkpoints"]] == list(COURSE)
    assert report["timeline"]["epochs"] == [2, 4, 10, 12]
    assert [Path(name).stem for name in report["runs"]] == list(COURSE)


def test_the_baseline_stays_the_reference_also_where_it_is_an_epoch(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = scene / "run" / "epoch4.npz"
    report = report_of(capsys, "compare", *course(scene), *rest(scene, "--baseline", baseline))
    assert report["reference"] == str(baseline)
    assert report["timeline"]["epochs"] == [2, 4, 10, 12]


def test_another_model_given_first_stays_the_reference_and_is_not_on_the_timeline(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = scene / "other.npz"
    report = report_of(capsys, "compare", other, *course(scene), *rest(scene))
    assert report["reference"] == str(other)
    assert str(other) not in report["timeline"]["checkpoints"]
    assert len(report["timeline"]["epochs"]) == 4


def test_two_epochs_are_a_comparison_without_a_timeline_and_keep_their_order(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, old = scene / "run" / "epoch10.npz", scene / "run" / "epoch2.npz"
    report = report_of(capsys, "compare", new, old, *rest(scene))
    assert "timeline" not in report
    assert report["reference"] == str(new)


# --- what is said -------------------------------------------------------------------------------------------------


def test_the_terminal_tells_the_course_and_only_the_judged_epoch_in_full(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "compare", *course(scene), *rest(scene))
    said = " ".join(done.out.split())
    assert "4 checkpoints of one training make a timeline, epoch 2 to 12; the reference is run/epoch2.npz" in done.err
    assert "Training over 4 checkpoints: 40 queries (40 effectively independent)" in said
    assert "Over-fitting: MRR was best after epoch 10" in said
    table = [line.split() for line in done.out.split("\n") if line.startswith(("  2 ", "  4 ", "  10 ", "  12 "))]
    assert [row[0] for row in table] == ["2", "4", "10", "12"]
    assert "lost at rank 1 by run/epoch10.npz" in done.out
    assert "lost at rank 1 by run/epoch4.npz" not in done.out
    assert "The other 2 of these checkpoints against the reference" in done.err


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
def test_the_table_of_epochs_stands_whole_on_any_terminal(
    columns: str, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done: Done = run(capsys, "compare", *course(scene), *rest(scene))
    (head,) = [line for line in done.out.split("\n") if line.lstrip().startswith("epoch ") and "gained" in line]
    assert ("Success@1" in head) == (int(columns) >= 100)
    assert head.split()[:2] == ["epoch", "MRR"]


def test_two_checkpoints_with_one_name_in_two_trainings_are_differing_parts(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for where, quality in (("a", 0.2), ("b", 0.8)):
        write_vectors(scene / where / "heads" / "best.npz", scene / "test.json", quality)
    done = run(capsys, "compare", *(scene / where / "heads" / "best.npz" for where in "ab"), *rest(scene))
    said = " ".join(done.out.split())
    assert "better than a/heads/best.npz: deploy" in said
    assert "(1) a/heads/best.npz, the reference (2) b/heads/best.npz" in said


# --- what is written ----------------------------------------------------------------------------------------------


def test_the_folder_holds_the_pictures_of_the_timeline_and_the_movements_of_the_judged_epoch(written: Path) -> None:
    pictures = {path.name for path in written.iterdir() if path.suffix == ".png"}
    assert pictures == {"metrics_comparison.png", "rank_changes_3.png", "timeline.png", "timeline_maps.png"}
    assert {"queries.parquet", "queries_2.parquet", "queries_3.parquet", "queries_4.parquet"} <= {
        path.name for path in written.iterdir()
    }


def test_the_timeline_of_the_report_fits_the_schema_and_agrees_with_the_runs(written: Path) -> None:
    report = json.loads((written / "report.json").read_text(encoding="utf-8"))
    found = report["timeline"]
    jsonschema.Draft202012Validator({"$ref": "#/$defs/timeline_report", "$defs": SCHEMA["$defs"]}).validate(found)
    for place, name in enumerate(found["checkpoints"]):
        for metric, figures in found["metrics"].items():
            assert figures[place]["value"] == report["runs"][name]["metrics"][metric]["value"]
    right = [round(40 * figure["value"]) for figure in found["metrics"]["Success@1"]]
    steps = [len(stretch["gained"]) - len(stretch["lost"]) for stretch in found["stretches"]]
    assert steps == [b - a for a, b in pairwise(right)]
    assert (found["best_epoch"], found["since_best"]["a"]) == (10, found["checkpoints"][-1])
    assert found["over_fitting"].startswith("over-fitting: MRR was best after epoch 10")
    assert list(found["maps"]) == ["tsne"]
    assert [entry["moved"] == 0 for entry in found["maps"]["tsne"]] == [True, False, False, False]


def test_the_page_shows_the_judged_epoch_on_the_timeline_with_a_frame_of_the_animation_for_each(written: Path) -> None:
    payload = json.loads((written / "page.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(payload)
    section = payload["timeline"]
    assert (section["unit"], section["epochs"], section["shown"]) == ("epoch", [2, 4, 10, 12], 2)
    assert section["labels"] == [f"run/{name}.npz" for name in COURSE]
    assert [len(frames) for frames in section["maps"].values()] == [4]
    assert section["maps"]["tsne"][2] == payload["points"]["maps"][0]["xy"]
    outcomes = numbers(section["is_correct"])
    assert (outcomes[2] == numbers(payload["queries"]["is_correct"])).all()
    for place, stretch in enumerate(section["stretches"]):
        assert set(numbers(stretch["gained"])) == set((outcomes[place] < outcomes[place + 1]).nonzero()[0])
        assert set(numbers(stretch["lost"])) == set((outcomes[place] > outcomes[place + 1]).nonzero()[0])
    assert (written / "report.html").read_text(encoding="utf-8") == render_run_folder(written)


def test_where_the_judged_run_is_not_of_the_training_the_page_shows_runs_and_the_timeline_is_drawn(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    perfect = write_vectors(scene / "perfect.npz", scene / "test.json", 1.0)
    words = ["--output", scene / "mixed", "--skip-umap", "--dpi", "50"]
    assert run(capsys, "compare", *course(scene), perfect, *rest(scene, *words)).status == 0
    payload = json.loads((scene / "mixed" / "page.json").read_text(encoding="utf-8"))
    assert payload["timeline"]["unit"] == "run"
    assert payload["timeline"]["labels"][-1].endswith("perfect.npz")
    report = json.loads((scene / "mixed" / "report.json").read_text(encoding="utf-8"))
    assert (len(report["timeline"]["epochs"]), report["timeline"]["maps"]) == (4, {})
    assert (scene / "mixed" / "timeline.png").exists()
    assert not (scene / "mixed" / "timeline_maps.png").exists()


@pytest.mark.parametrize(
    ("skipped", "expected"),
    [
        ((), ["tsne", "umap"]),
        (("--skip-tsne",), ["umap"]),
        (("--skip-maps",), []),
        (("--skip-tsne", "--skip-umap"), []),
    ],
)
def test_maps_that_are_skipped_are_neither_drawn_nor_in_the_page(
    skipped: tuple[str, ...], expected: list[str], scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = scene / f"skip{''.join(skipped)}"
    words = ["--output", output, "--dpi", "50", "--quiet", *skipped]
    assert run(capsys, "compare", *course(scene)[1:], *rest(scene, *words)).status == 0
    payload = json.loads((output / "page.json").read_text(encoding="utf-8"))
    assert list(payload["timeline"]["maps"]) == expected
    assert (output / "timeline.png").exists()
    assert (output / "timeline_maps.png").exists() == bool(expected)


# --- heads of a real training -------------------------------------------------------------------------------------


def test_a_base_model_is_run_once_for_all_heads_and_not_at_all_from_the_cache(
    minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []

    def encode(_: object, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
        encoded.extend(texts)
        seeds = [list(hashlib.sha256(text.encode()).digest()) for text in texts]
        return np.array([np.random.default_rng(seed).standard_normal(384) for seed in seeds], dtype=np.float32)

    monkeypatch.setattr(SentenceTransformerEncoder, "tokenised", lambda *_: None)
    monkeypatch.setattr(SentenceTransformerEncoder, "encode", encode)
    for name, rows in (("train", scene_rows(30)), ("test", scene_rows(70)[30:])):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    cache = ["--cache-dir", tmp_path / "cache"]
    words = ["--base-model", minilm, "--epochs", "4", "--split", "0", "--d-out", "16", "--select", "loss"]
    words += ["--save-every", "1", "--output-dir", tmp_path / "ck"]
    assert run(capsys, "train", "--data", tmp_path / "train.json", *words, *cache).status == 0
    compare = ["compare", *sorted((tmp_path / "ck").glob("*epoch*.pt")), "--data", tmp_path / "test.json"]
    encoded.clear()
    first = run(capsys, *compare, "--draws", "200", *cache)
    assert len(encoded) == len(set(encoded)) == 120  # 40 queries, positives and negatives, for four heads together
    assert "4 checkpoints of one training make a timeline, epoch 1 to 4" in first.err
    encoded.clear()
    again = run(capsys, *compare, "--draws", "200", *cache)
    assert encoded == []
    assert (again.status, again.out) == (0, first.out)


def test_a_run_that_is_cut_off_before_the_other_is_a_reason_of_the_verdict(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "evaluate", "--embeddings", scene / "other.npz", *rest(scene), "--output", tmp_path / "whole")
    lines = (tmp_path / "whole" / "run.trec").read_text(encoding="utf-8").splitlines(keepends=True)
    short = tmp_path / "short.trec"
    short.write_text("".join(line for line in lines if int(line.split()[3]) <= 2), encoding="utf-8")
    report = report_of(capsys, "compare", short, scene / "run" / "epoch10.npz", *rest(scene))
    assert any("lists up to 2 documents a query" in reason for reason in report["verdict"]["reasons"])
    assert report["verdict"]["reasons"][2:3] == report["caveats"]
