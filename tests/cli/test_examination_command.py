"""What `visualize` and `evaluate` say of failures, space, thresholds, spellings and bytes, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.support.scene import run, write_rows, write_vectors

from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path

QUICK = ("--draws", "200")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 rows, with vectors that rank all of them and vectors that rank few."""
    folder = tmp_path_factory.mktemp("scene")
    data = write_rows(folder / "test.json", 60)
    write_vectors(folder / "perfect.npz", data, 1.0)
    write_vectors(folder / "fair.npz", data, 0.45)
    return folder


def words(scene: Path, name: str, *more: str | Path) -> list[str | Path]:
    return ["evaluate", "--embeddings", scene / f"{name}.npz", "--data", scene / "test.json", *QUICK, *more]


def report(scene: Path, capsys: pytest.CaptureFixture[str], name: str, *more: str | Path) -> dict[str, Any]:
    done = run(capsys, *words(scene, name, "--json", *more))
    assert done.status == 0
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_failures_are_counted_by_cause_in_the_report_and_named_in_the_table(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, *words(scene, "fair", "--quiet", "--output", tmp_path)).status == 0
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    modes = pq.read_table(tmp_path / "queries.parquet").column("failure_mode").to_pylist()
    is_correct = pq.read_table(tmp_path / "queries.parquet").column("is_correct").to_pylist()
    assert [mode is None for mode in modes] == is_correct
    assert written["failure_modes"] == {mode: modes.count(mode) for mode in written["failure_modes"]}
    assert sum(written["failure_modes"].values()) == is_correct.count(False) > 5


def test_findings_are_a_short_list_and_on_request_all_with_the_texts_that_show_them(
    scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    found = report(scene, capsys, "fair")["findings"]
    assert found
    assert {"code", "title", "severity", "n", "effect", "low", "high", "rows", "action"} <= found[0].keys()
    short = run(capsys, *words(scene, "fair", "--verbose")).out
    whole = run(capsys, *words(scene, "fair", "--findings")).out
    assert "Why " in short
    assert "queries are not right at rank 1" in short
    assert found[0]["title"] in short
    query = pq_text(scene, found[0]["rows"][0])
    assert f"row {found[0]['rows'][0]}, rank " not in short
    assert all(finding["title"] in whole for finding in found)
    assert f"row {found[0]['rows'][0]}, rank " in whole
    assert query in whole


def pq_text(scene: Path, row: int) -> str:
    return read_collection(scene / "test.json").queries[row]


def test_a_model_without_fault_is_met_with_silence(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(scene, capsys, "perfect")
    assert (found["findings"], found["failure_modes"]) == ([], {})
    said = run(capsys, *words(scene, "perfect")).out
    assert "What is wrong" not in said
    assert "Why " not in said
    assert "No findings" in run(capsys, *words(scene, "perfect", "--findings")).out


def test_space_and_thresholds_come_unasked_bytes_and_wanted_precisions_on_request(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report(scene, capsys, "fair")
    assert list(found["geometry"]["spaces"]) == ["model"]
    assert [choice["wanted"] for choice in found["thresholds"]["choices"]] == [0.5, 0.8, 0.9, 0.95]
    assert (found["robustness"], found["deployment"]) == (None, None)
    assert set(found["not_measured"]) == {"robustness", "deployment", "explanations", "maps"}
    asked = report(scene, capsys, "fair", "--deployment-cost", "--wanted-precision", "0.6", "1")
    assert [choice["wanted"] for choice in asked["thresholds"]["choices"]] == [0.6, 1.0]
    assert [each["name"] for each in asked["deployment"]["formats"]][:2] == ["float32 x 16", "float16 x 16"]
    assert set(asked["not_measured"]) == {"robustness", "explanations", "maps"}
    said = run(capsys, *words(scene, "fair", "--deployment-cost")).out
    assert "The space" in said
    assert "Cosine threshold for a wanted precision" in said
    assert "Fewer bytes a document" in said


def test_failed_queries_are_written_as_rows_that_train_reads(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "failures.json"
    done = run(capsys, *words(scene, "fair", "--export-failures", target))
    assert done.status == 0
    assert str(target) in done.out.replace("\n", "")
    rows = json.loads(target.read_text(encoding="utf-8"))
    again = read_collection(target)
    assert len(again.queries) == len(rows) > 5
    assert all(negative["type"] for row in rows for negative in row["hard_neg"])
    stated = set(read_collection(scene / "test.json").queries)
    assert {row["query"] for row in rows} <= stated
    mined = [n for row in rows for n in row["hard_neg"] if n["type"] == ["mined"]]
    assert mined


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--robustness",), "--checkpoint"),
        (("--abbreviations", "short.toml"), "--robustness"),
        (("--wanted-precision", "1.5"), "above 0 and at most 1"),
        (("--export-failures", "deep.json/x.json"), "--export-failures"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_work(
    scene: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep.json").write_text("", encoding="utf-8")
    done = run(capsys, *words(scene, "fair", "--output", tmp_path / "out", *more))
    assert done.status == 2
    assert expected in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_other_spellings_are_encoded_ranked_and_drawn(
    minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "test.json"
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:30]
    data.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    short = tmp_path / "short.toml"
    short.write_text('[pairs]\n"phòng" = "pg"\n', encoding="utf-8")
    done = run(
        capsys, "visualize", "--checkpoint", minilm, "--data", data, *QUICK, "--skip-tsne", "--skip-umap", "--device",
        "cpu", "--robustness", "--abbreviations", short, "--deployment-cost", "--output", tmp_path / "out",
    )  # fmt: skip
    assert done.status == 0, done.err
    found = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    effects = {effect["name"]: effect for effect in found["robustness"]["effects"]}
    assert "pg" in effects["abbreviated"]["example"][1].lower().split()
    assert effects["no-diacritics"]["n_changed"] > 0
    assert "typed differently" in done.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"spectrum.png", "thresholds.png", "robustness.png", "deployment_cost.png"} <= names
