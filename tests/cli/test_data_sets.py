"""``--data`` with several data sets: what is printed, written and given back, and what stays as it was with one."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from tests.support import tiny_run as tiny
from tests.support.scene import rows, run, snapshot, write_rows, write_vectors

from embedscope.output.run_folder import write_json
from embedscope.output.terminal import Terminal

SCHEMA = json.loads(files("embedscope.output.page").joinpath("schema.json").read_text(encoding="utf-8"))
FEW = ["--draws", "500"]
QUALITY = {"alpha": (0.5, 0.9), "beta": (0.5, 0.3)}  # of the old model and of the new one


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two sets, and two models of which the new one has forgotten ``beta``."""
    folder = tmp_path_factory.mktemp("sets")
    for place, (name, (old, new)) in enumerate(QUALITY.items()):
        data = folder / "all" / f"{name}.json"
        data.parent.mkdir(exist_ok=True)
        write_json(data, rows(120)[60 * place : 60 * (place + 1)])
        write_vectors(folder / f"old-{name}.npz", data, old)
        write_vectors(folder / f"new-{name}.npz", data, new)
    return folder


def with_both(scene: Path, *words: str) -> list[str | Path]:
    new = ["--embeddings", str(scene / "new-{set}.npz"), "--baseline", str(scene / "old-{set}.npz")]
    return ["--data", scene / "all", *new, *FEW, *words]


def test_the_exit_status_is_that_of_the_verdict_on_all(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "evaluate", *with_both(scene, "--gate")).status == 1
    assert run(capsys, "evaluate", *with_both(scene)).status == 0
    same = ["--embeddings", scene / "old-{set}.npz", "--baseline", scene / "old-{set}.npz"]
    done = run(capsys, "evaluate", "--data", scene / "all", *same, *FEW, "--gate")
    assert (done.status, "Verdict: UNDECIDED" in done.out) == (3, True)
    good = ["--embeddings", scene / "new-alpha.npz", "--data", scene / "all" / "alpha.json", *FEW, "--gate"]
    assert run(capsys, "evaluate", *good).status == 0


def test_the_table_has_a_row_a_set_and_one_of_the_mean(
    scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = run(capsys, "evaluate", *with_both(scene))
    lines = [line.split() for line in done.out.splitlines()]
    alpha, beta = (next(line for line in reversed(lines) if line[:1] == [name]) for name in QUALITY)
    assert alpha[-1] == "deploy"
    assert beta[-1] == "retrain"
    assert sum(line[:4] == ["mean", "of", "the", "sets"] for line in lines) == 2
    assert "Verdict: RETRAIN (profile comparison)" in done.out
    assert "forgetting" in done.out or "surely worse than" in done.out
    assert done.out.rstrip().splitlines()[-1].startswith("VERDICT: REGRESSION | score=0.")
    assert "What each set says in full: --output DIR" in done.err


def test_the_name_of_the_only_set_is_filled_in_too(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, old, out = str(scene / "new-{set}.npz"), str(scene / "old-{set}.npz"), tmp_path / "out"
    data = ["--data", scene / "all" / "beta.json", *FEW, "--output", out]
    assert run(capsys, "evaluate", "--embeddings", new, "--baseline", old, *data).status == 0
    assert json.loads((out / "report.json").read_text())["inputs"]["baseline"] == str(scene / "old-beta.npz")
    assert run(capsys, "compare", old, new, *data, "--skip-maps", "--dpi", "40").status == 0
    assert set(json.loads((out / "report.json").read_text())["runs"]) == {
        str(scene / "old-beta.npz"), str(scene / "new-beta.npz")
    }  # fmt: skip


def test_a_name_with_codes_leaves_the_columns_where_they_are_and_the_lexical_baseline_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    found = tiny.sets()
    sets = [replace(each, lexical_baseline=name) for each, name in zip(found.sets, ("BM25", "n-grams"), strict=True)]
    sets[0] = replace(sets[0], name="a\x1b[2Jb\u202e")
    Terminal().sets(replace(found, sets=tuple(sets)))
    shown = capsys.readouterr().out
    head, first, second = shown.splitlines()[2:5]
    assert first.startswith(r"  a\x1b[2Jb\u202e ")
    assert len(head.rstrip()) >= len(first.rstrip())
    assert first.index(" 4 ") == second.index(" 4 ")
    assert "lexical is the stronger baseline on each set: BM25 on 1 set and character n-grams on 1 set" in shown
    Terminal().sets(replace(found, sets=tuple(replace(each, lexical_baseline="n-grams") for each in sets)))
    assert "on each set: character n-grams\n" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_the_table_stands_whole_on_any_terminal(
    columns: str, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = run(capsys, "evaluate", *with_both(scene))
    heads = [line for line in done.out.splitlines() if line.startswith("  set ")]
    assert ["difference" in head for head in heads] == {
        "60": [False, True, False], "80": [False, True], "200": [True]
    }[columns]  # fmt: skip
    assert "retrain" in done.out


def test_the_folder_holds_the_report_of_all_and_a_folder_a_set(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    sides = ["--junit", tmp_path / "j.xml", "--summary", tmp_path / "s.md", "--export-failures", tmp_path / "f.json"]
    done = run(capsys, "evaluate", *with_both(scene, "--output", str(out)), *sides, "--json")
    assert done.status == 0
    report = json.loads((out / "report.json").read_text())
    assert json.loads(done.out) == report
    assert [each["name"] for each in report["sets"]] == ["alpha", "beta"]
    assert report["verdict"]["outcome"] == "retrain"
    assert set(report["macro"]) == {"metrics", "lexical", "comparisons"}
    for each in report["sets"]:
        own = json.loads((out / each["folder"] / "report.json").read_text())
        assert own["metrics"] == each["metrics"]
        assert own["verdict"] == each["verdict"]
        assert own["inputs"]["data"] == each["path"]
        assert (out / each["folder"] / "queries.parquet").exists()
        assert (out / each["folder"] / "report.html").exists()
    manifest = json.loads((out / "manifest.json").read_text())
    assert {role for role in manifest["inputs"] if role.startswith("data")} == {"data: alpha", "data: beta"}
    suites = ElementTree.parse(tmp_path / "j.xml").getroot().findall("testsuite")  # noqa: S314
    assert [suite.get("name") for suite in suites] == [
        "embedscope.alpha", "embedscope.beta", "embedscope.comparison",
    ]  # fmt: skip
    summary = (tmp_path / "s.md").read_text()
    assert summary.startswith("## embedscope: retrain")
    assert "| beta | 60 |" in summary
    failed = [json.loads((out / each["folder"] / "report.json").read_text()) for each in report["sets"]]
    n_failed = sum(sum(own["failure_modes"].values()) for own in failed)
    assert 0 < len(json.loads((tmp_path / "f.json").read_text())) <= n_failed


def test_the_page_fits_the_schema_and_is_drawn_again_from_its_folder(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, "evaluate", *with_both(scene, "--output", str(out)))
    payload = json.loads((out / "page.json").read_text())
    jsonschema.validate(payload, {**SCHEMA["$defs"]["sets_payload"], "$defs": SCHEMA["$defs"]})
    before = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert run(capsys, "report", out).status == 0
    assert (out / "report.html").read_bytes() == before
    assert b"<title>Retrain: new-{set}.npz" in before
    del payload["report"]["macro"]
    (out / "page.json").write_text(json.dumps(payload))
    refused = run(capsys, "report", out)
    assert (refused.status, "macro: it is missing" in refused.err) == (2, True)


def test_compare_says_the_same_and_writes_its_files_of_each_set(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, models = tmp_path / "out", [scene / "old-{set}.npz", scene / "new-{set}.npz"]
    words = ["--data", scene / "all" / "alpha.json", scene / "all" / "beta.json", *FEW, "--skip-maps", "--dpi", "50"]
    done = run(capsys, "compare", *models, *words, "--output", out, "--gate")
    assert done.status == 1
    assert "VERDICT: REGRESSION" in done.out
    for name in QUALITY:
        own = {path.name for path in (out / "sets" / name).iterdir()}
        assert {"queries_2.parquet", "report.json", "report.html", "metrics_comparison.png"} <= own
        assert "comparisons" in json.loads((out / "sets" / name / "report.json").read_text())


def test_visualize_draws_the_pictures_of_each_set(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = with_both(scene, "--output", str(tmp_path / "out"), "--dpi", "50", "--skip-umap", "--skip-tsne")
    assert run(capsys, "visualize", *words).status == 0
    for name in QUALITY:
        pictures = {path.name for path in (tmp_path / "out" / "sets" / name).glob("*.png")}
        assert {"similarity_heatmap.png", "similarity_distribution.png", "top_k_predictions.png"} <= pictures


@pytest.mark.parametrize("command", ["evaluate", "visualize"])
def test_an_unreadable_set_is_refused_by_name_and_nothing_is_written(
    command: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("[{")
    words = ["--embeddings", scene / "new-{set}.npz", "--output", tmp_path / "out"]
    done = run(capsys, command, "--data", scene / "all" / "alpha.json", broken, *words)
    assert done.status == 2
    assert "broken: " in done.err
    assert list(snapshot(tmp_path)) == ["broken.json"]


def test_the_rankings_of_an_old_run_give_the_figures_of_its_vectors(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "evaluate", *with_both(scene, "--output", str(tmp_path / "out")))
    before = json.loads((tmp_path / "out" / "report.json").read_text())
    lists = ["--run", tmp_path / "out" / "sets" / "{set}" / "run.trec"]
    done = run(capsys, "evaluate", "--data", scene / "all", *lists, *FEW, "--json")
    after = json.loads(done.out)
    for metric, mean in before["macro"]["metrics"].items():
        assert after["macro"]["metrics"][metric]["value"] == pytest.approx(mean["value"], abs=1e-6)


def test_a_set_that_is_named_twice_and_options_of_a_shard_folder_are_refused(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alpha = scene / "all" / "alpha.json"
    twice = run(capsys, "evaluate", "--data", alpha, alpha, "--embeddings", scene / "new-{set}.npz")
    assert (twice.status, "twice" in twice.err) == (2, True)
    memory = run(capsys, "evaluate", *with_both(scene, "--memory", "4GB"))
    assert (memory.status, "--memory is for a shard folder" in memory.err) == (2, True)


def test_one_data_set_is_as_before_also_before_the_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "test.json")
    models = [write_vectors(tmp_path / f"{name}.npz", data, quality) for name, quality in (("a", 0.4), ("b", 0.9))]
    before = run(capsys, "compare", *models, "--data", data, *FEW, "--json")
    after = run(capsys, "compare", "--data", data, *models, *FEW, "--json")
    assert before.status == after.status == 0
    assert json.loads(before.out) == json.loads(after.out)
    single = run(capsys, "evaluate", "--data", data, "--embeddings", models[0], *FEW, "--json")
    assert "sets" not in json.loads(single.out)
    none = run(capsys, "compare", "--data", data)
    assert (none.status, "two or more different checkpoints" in none.err) == (2, True)
