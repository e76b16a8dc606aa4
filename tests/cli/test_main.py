"""The command line as a user meets it: files, exit statuses, what is printed where."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.support.scene import Done, run, snapshot, write_rows, write_vectors

from embedscope.cli.arguments import COMMANDS
from embedscope.cli.main import main
from embedscope.data.sample import sample_path

PICTURES = (
    "tsne_projection",
    "umap_projection",
    "similarity_heatmap",
    "similarity_distribution",
    "top_k_predictions",
    "negative_types",
    "spectrum",
    "thresholds",
)
TABLES = {
    "report.html", "report.json", "queries.parquet", "run.trec", "qrels.trec", "points.parquet", "manifest.json",
    "page.json",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows with vectors that are perfect, good, fair or random for them; and 12 rows, too few to judge."""
    folder = tmp_path_factory.mktemp("scene")
    data = write_rows(folder / "test.json")
    for name, quality in (("perfect", 1.0), ("good", 0.8), ("fair", 0.5), ("random", 0.0)):
        write_vectors(folder / f"{name}.npz", data, quality)
    few = write_rows(folder / "few.json", 12)
    write_vectors(folder / "few.npz", few)
    return folder


@pytest.fixture(scope="module")
def visualized(scene: Path) -> Path:
    """The output folder of one run of ``visualize``."""
    words = ["visualize", "--embeddings", scene / "good.npz", "--data", scene / "test.json", "--quiet"]
    assert main([str(word) for word in [*words, "--output", scene / "out"]]) == 0
    return scene / "out"


def judged(scene: Path, name: str, *words: str | Path, data: str = "test.json") -> list[str | Path]:
    return ["evaluate", "--embeddings", scene / f"{name}.npz", "--data", scene / data, "--draws", "500", *words]


# --- help ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["visualize", "--help"], ["compare", "--help"], ["--version"]])
def test_help_loads_nothing_that_takes_time(words: list[str]) -> None:
    slow = ("numpy", "rich", "scipy", "torch", "matplotlib", "sklearn", "numba", "pyarrow", "faiss", "umap")
    program = (
        f"import sys, embedscope.cli.main\n"
        f"try: embedscope.cli.main.main({words!r})\n"
        f"except SystemExit: pass\n"
        f"print('loaded:', *[name for name in {slow!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, command, "--help")
    assert done.status == 0
    assert done.out.startswith(f"usage: embedscope {command}")


@pytest.mark.parametrize("command", ["report", "serve"])
def test_no_default_is_told_of_a_word_that_has_to_be_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(run(capsys, command, "--help").out.split())
    assert "RUN_FOLDER folder of a run" in shown
    assert "(default: .)" not in shown
    assert run(capsys, command).status == 2


def test_no_command_prints_the_help_and_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys)
    assert done.status == 2
    assert "embedscope demo" in done.out


def test_the_package_can_be_run_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "embedscope", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("embedscope ")


# --- visualize ----------------------------------------------------------------------------------------------------


def test_visualize_writes_every_file_of_the_contract(visualized: Path) -> None:
    names = {path.name for path in visualized.iterdir()}
    assert names == TABLES | {f"{name}.png" for name in PICTURES}


def test_the_pictures_are_real_ones(visualized: Path) -> None:
    for name in PICTURES:
        content = (visualized / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(content) > 20_000
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        assert min(width, height) > 600


def test_the_report_has_every_key_of_the_contract(visualized: Path) -> None:
    report = json.loads((visualized / "report.json").read_text(encoding="utf-8"))
    assert report["schema_version"] == 1
    assert {"inputs", "data", "similarity", "metrics", "negative_types", "checklist", "verdict"} <= set(report)
    assert {"maps", "findings", "embedscope_version"} <= set(report)
    counts = {"n_rows": 40, "n_queries": 40, "n_documents": 80, "n_relevant_documents": 40, "n_hard_negatives": 40}
    assert counts.items() <= report["data"].items()
    assert report["data"]["n_clusters"] == 40
    assert {"positive", "negative", "hard_negative", "margin", "separation", "auc", "overlap"} <= set(
        report["similarity"]
    )
    assert {"value", "low", "high", "optimistic", "pessimistic", "chance", "lexical", "base"} <= set(
        report["metrics"]["MRR"]
    )
    assert [check["id"] for check in report["checklist"]] == [
        "margin", "separation", "clustering", "diagonal", "off_diagonal", "rank1", "gap",
    ]  # fmt: skip
    assert set(report["negative_types"]) == {"location", "price", "area"}
    assert report["verdict"]["outcome"] in ("deploy", "retrain", "undecided", "unfit")
    assert {"trustworthiness", "continuity"} <= set(report["maps"]["tsne"])
    assert {"trustworthiness", "continuity"} <= set(report["maps"]["umap"])


def test_the_tables_hold_a_row_for_each_query_and_each_point(visualized: Path) -> None:
    queries, points = (pq.read_table(visualized / f"{name}.parquet") for name in ("queries", "points"))
    assert queries.num_rows == 40
    assert points.num_rows == 120
    assert {"text", "rank", "margin"} <= set(queries.column_names)
    assert {"text", "role", "projection_x", "projection_y", "neighbors"} <= set(points.column_names)
    neighbors = points.column("neighbors")[0].as_py()
    assert len(neighbors["ids"]) == len(neighbors["distances"]) == 15


def test_the_manifest_has_hashes_versions_options_and_the_seed(visualized: Path) -> None:
    manifest = json.loads((visualized / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 42
    assert manifest["options"]["max_samples"] == 500
    assert {"python", "numpy"} <= set(manifest["versions"])
    for role in ("embeddings", "data"):
        assert len(manifest["inputs"][role]["sha256"]) == 64


def test_report_draws_the_page_again_and_touches_nothing_else(
    visualized: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(visualized)
    (visualized / "report.html").unlink()
    done = run(capsys, "report", visualized)
    assert done.status == 0
    assert "report.html" in done.out
    assert snapshot(visualized) == before


def test_pictures_come_in_the_format_that_was_asked_for(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["visualize", "--embeddings", scene / "good.npz", "--data", scene / "test.json", "--draws", "500"]
    done = run(capsys, *words, "--format", "svg", "--skip-umap", "--output", scene / "svg")
    assert done.status == 0
    expected = {f"{name}.svg" for name in PICTURES if name != "umap_projection"}
    assert {path.name for path in (scene / "svg").iterdir()} == TABLES | expected
    for name in expected:
        assert ElementTree.parse(scene / "svg" / name).getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_both_maps_can_be_left_out(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["visualize", "--embeddings", scene / "good.npz", "--data", scene / "test.json", "--draws", "500"]
    done = run(capsys, *words, "--skip-umap", "--skip-tsne", "--output", scene / "no-maps")
    assert done.status == 0
    assert "t-SNE" not in done.err
    names = {path.name for path in (scene / "no-maps").iterdir()}
    assert not names & {"tsne_projection.png", "umap_projection.png", "points.parquet"}


def test_a_sample_of_the_queries_leaves_the_pool_whole(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *judged(scene, "good", "--max-samples", "33", "--json"))
    data = json.loads(done.out)["data"]
    assert (data["n_queries"], data["n_documents"]) == (33, 80)
    other = run(capsys, *judged(scene, "good", "--max-samples", "33", "--json", "--seed", "7"))
    assert json.loads(other.out)["data"]["digest"] != data["digest"]


def test_the_same_seed_gives_the_same_report_apart_from_times(
    scene: Path, visualized: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["visualize", "--embeddings", scene / "good.npz", "--data", scene / "test.json", "--quiet"]
    assert run(capsys, *words, "--output", scene / "again").status == 0
    first, second = (timeless(json.loads((f / "report.json").read_text())) for f in (visualized, scene / "again"))
    assert first == second
    for name in ("queries.parquet", "points.parquet"):
        assert pq.read_table(visualized / name).equals(pq.read_table(scene / "again" / name))


def timeless(value: Any) -> Any:
    """``value`` without the times that it records."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in ("elapsed_s", "queries_per_second")}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def test_a_run_into_an_old_folder_replaces_its_own_files_and_leaves_others(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scene / "old"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "report.json").write_text("old")
    assert run(capsys, *judged(scene, "good", "--output", folder)).status == 0
    assert (folder / "notes.txt").read_text() == "mine"
    assert json.loads((folder / "report.json").read_text())["schema_version"] == 1


# --- what is printed ----------------------------------------------------------------------------------------------


def test_evaluate_prints_statistics_metrics_checks_and_the_verdict(
    scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = run(capsys, *judged(scene, "good", "--verbose"))
    assert done.status == 0
    for words in ("Positive:", "±", "Margin:", "MRR", "Success@1", "Checklist", "Relevant document at rank 1"):
        assert words in done.out
    assert "Verdict: " in done.out
    assert "Ranking of 80 documents for 40 queries (40 effectively independent)" in done.out
    assert "original JSON, 40 rows" in done.err


@pytest.mark.parametrize("columns", [60, 80, 100, 150])
def test_no_printed_line_is_wider_than_the_terminal_and_no_number_is_broken(
    columns: int, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = run(capsys, *judged(scene, "random", "--baseline", scene / "good.npz", "--train", sample_path("valid")))
    compared = run(
        capsys, "compare", scene / "good.npz", scene / "random.npz", "--data", scene / "test.json", "--draws", "500"
    )
    lines = [line for text in (done.out, done.err, compared.out, compared.err) for line in text.splitlines()]
    free = ("comparison", "Writt", "VERDICT:")  # names of files, and the line for monitors, are never broken
    assert [line for line in lines if len(line) > max(columns, 80) and not line.startswith(free)] == []
    assert not re.search(r"\d…", done.out)


def test_quiet_prints_nothing(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *judged(scene, "good", "--quiet", "--output", scene / "quiet"))
    assert done == Done(0, "", "")


def test_json_is_the_only_thing_on_stdout_and_equals_the_file(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *judged(scene, "good", "--json", "--output", scene / "json"))
    assert json.loads(done.out) == json.loads((scene / "json" / "report.json").read_text(encoding="utf-8"))
    assert "Done in" in done.err


def test_no_empty_line_stands_where_a_progress_bar_was(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "visualize", "--skip-umap", "--skip-tsne", "--embeddings", scene / "good.npz", "--data",
               scene / "test.json", "--draws", "500", "--output", scene / "lines")  # fmt: skip
    assert "" not in done.err.splitlines()


def test_the_examples_show_the_query_that_was_asked_for(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = json.loads((scene / "test.json").read_text())[7]["query"]
    done = run(capsys, *judged(scene, "good", "--query", query, "--examples", "0"))
    assert "Asked for, rank of the first relevant document: " in done.out
    assert query in done.out
    assert "margin to the best hard negative" in done.out


# --- metrics that are named -----------------------------------------------------------------------------------------


def test_the_metrics_that_are_named_are_measured_beside_those_that_the_verdict_needs(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, *judged(scene, "good", "--metrics", "nDCG@5,P@1", "map,success@3", "--json"))
    report = json.loads(done.out)
    assert list(report["metrics"]) == ["nDCG@5", "P@1", "MAP", "Success@3", "MRR", "Success@1", "Success@10"]
    assert report["metrics"]["P@1"]["value"] == report["metrics"]["Success@1"]["value"]
    assert report["metrics"]["MAP"]["value"] == report["metrics"]["MRR"]["value"], "one relevant document a query"
    wrong = run(capsys, *judged(scene, "good", "--metrics", "nDGC@5"))
    assert wrong.status == 2
    assert "--metrics: No rank metric is called 'nDGC'. Known: MRR, MRR@k, Success@k" in wrong.err


def test_metrics_of_criteria_are_measured_and_judged(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    criteria = scene / "named.toml"
    names = ("metrics.nDCG@5", "metrics.P@1", "metrics.Success@3", "metrics.MAP", "comparisons.lexical.nDCG@7")
    table = '[[criterion]]\nid = "{0}"\nmetric = "{0}"\ndirection = ">"\nthreshold = 0.3\n'
    criteria.write_text("".join(table.format(name) for name in names))
    done = run(capsys, *judged(scene, "perfect", "--criteria", criteria, "--gate", "--json"))
    assert [check["outcome"] for check in json.loads(done.out)["checklist"]] == ["pass"] * 5
    assert done.status == 0


# --- the gate -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "status", "outcome"),
    [
        ("perfect", "test.json", 0, "deploy"),
        ("random", "test.json", 1, "retrain"),
        ("few", "few.json", 3, "unfit"),
    ],
)
def test_the_gate_ends_with_the_status_of_the_verdict(
    name: str, data: str, status: int, outcome: str, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = judged(scene, name, "--draws", "2000", data=data)
    done = run(capsys, *words, "--gate", "--json")
    assert json.loads(done.out)["verdict"]["outcome"] == outcome
    assert done.status == status
    assert f"exit status {status} (--gate: {outcome})" in done.err
    assert run(capsys, *words).status == 0


def test_an_undecided_verdict_ends_with_status_3(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    criteria = scene / "close.toml"
    # The interval of MRR straddles a threshold that is set to its very value.
    value = json.loads(run(capsys, *judged(scene, "fair", "--json")).out)["metrics"]["MRR"]["value"]
    criteria.write_text(
        f'name = "close"\n[[criterion]]\nid = "mrr"\nmetric = "metrics.MRR"\ndirection = ">"\nthreshold = {value}\n'
    )
    done = run(capsys, *judged(scene, "fair", "--criteria", criteria, "--gate", "--json"))
    assert json.loads(done.out)["verdict"]["outcome"] == "undecided"
    assert done.status == 3


def test_junit_and_summary_are_written_where_they_were_asked_for(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit, summary = scene / "ci" / "junit.xml", scene / "ci" / "deep" / "summary.md"
    done = run(capsys, *judged(scene, "random", "--junit", junit, "--summary", summary, "--gate"))
    assert done.status == 1
    root = ElementTree.parse(junit).getroot()  # noqa: S314 - our own file
    suite = root.find("testsuite")
    assert suite is not None
    assert int(suite.get("tests", "0")) == len(suite.findall("testcase")) == 8
    assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure")) > 0
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("## embedscope: retrain")
    assert "| MRR |" in text
    assert f"Written: {junit}" in done.out
    assert f"Written: {summary}" in done.out
    assert [path.name for path in sorted((scene / "ci").rglob("*")) if path.name.startswith(".")] == []


# --- compare ------------------------------------------------------------------------------------------------------


def test_compare_says_which_is_better_and_writes_it(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", scene / "random.npz", scene / "perfect.npz", "--data", scene / "test.json", "--draws", "500"]
    done = run(capsys, *words, "--gate", "--output", scene / "compared")
    assert done.status == 0
    assert "better than" in " ".join(done.out.split())
    report = json.loads((scene / "compared" / "report.json").read_text(encoding="utf-8"))
    mrr = next(row for row in report["comparisons"] if row["metric"] == "MRR")
    assert mrr["a"].endswith("perfect.npz")
    assert mrr["b"].endswith("random.npz")
    assert 0 < mrr["low"] < mrr["difference"] < mrr["high"]
    assert {"p", "p_adjusted", "wins", "losses", "ties"} <= set(mrr)
    assert {"queries.parquet", "metrics_comparison.png", "rank_changes.png", "manifest.json"} <= {
        path.name for path in (scene / "compared").iterdir()
    }


def test_the_worse_of_two_is_not_let_through_the_gate(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", scene / "perfect.npz", scene / "random.npz", "--data", scene / "test.json", "--draws", "500"]
    done = run(capsys, *words, "--gate")
    assert done.status == 1
    assert "worse than" in " ".join(done.out.split())


@pytest.mark.parametrize(("old", "new", "status"), [("random", "good", 0), ("perfect", "fair", 1), ("good", "good", 3)])
@pytest.mark.parametrize("criteria", ["ranks", "checklist"])
def test_evaluate_with_a_baseline_says_what_compare_says(
    old: str, new: str, status: int, criteria: str, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_vectors(scene / "same.npz", scene / "test.json", 0.8)
    first, second = scene / f"{old}.npz", scene / ("same.npz" if old == new else f"{new}.npz")
    common = ["--data", scene / "test.json", "--draws", "500", "--criteria", criteria, "--gate", "--json"]
    one = run(capsys, "evaluate", "--embeddings", second, "--baseline", first, *common)
    two = run(capsys, "compare", first, second, *common)
    ours, theirs = json.loads(one.out)["verdict"], json.loads(two.out)["verdict"]
    assert (ours["outcome"], ours["profile"], ours["reasons"][:2]) == (
        theirs["outcome"],
        theirs["profile"],
        theirs["reasons"][:2],
    )
    assert one.status == two.status == status


@pytest.mark.parametrize(
    ("old", "new", "word"), [("random", "good", "WIN"), ("perfect", "fair", "REGRESSION"), ("good", "same", "MARGINAL")]
)
def test_the_last_line_of_a_comparison_is_the_one_for_monitors(
    old: str, new: str, word: str, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_vectors(scene / "same.npz", scene / "test.json", 0.8)
    first, second = scene / f"{old}.npz", scene / f"{new}.npz"
    common = ["--data", scene / "test.json", "--draws", "500"]
    for words in (["evaluate", "--embeddings", second, "--baseline", first], ["compare", first, second]):
        report = json.loads(run(capsys, *words, *common, "--json").out)
        (row,) = [row for row in report["comparisons"] if row["metric"] == "MRR" and row["b"] == str(first)]
        score, delta = report["metrics"]["MRR"]["value"], row["difference"]
        *_, line = run(capsys, *words, *common).out.splitlines()
        assert line == (
            f"VERDICT: {word} | score={score:.4f} | baseline={score - delta:.4f} | "
            f"delta={delta:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
        )
        assert run(capsys, *words, *common, "--quiet").out == ""


def test_without_a_reference_there_is_no_line_for_monitors(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "VERDICT:" not in run(capsys, *judged(scene, "good")).out


def test_the_baseline_may_be_the_folder_of_an_old_run_and_says_what_its_vectors_say(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = scene / "old_baseline"
    assert run(capsys, *judged(scene, "random", "--output", old, "--quiet", "--draws", "500")).status == 0
    words = judged(scene, "good", "--draws", "500", "--json")
    told = [json.loads(run(capsys, *words, "--baseline", name).out) for name in (old, scene / "random.npz")]
    assert told[0]["verdict"]["reasons"][1:] == told[1]["verdict"]["reasons"][1:]
    found = [[{**row, "b": ""} for row in report["comparisons"]] for report in told]
    assert found[0] == found[1]
    assert str(old) in {row["b"] for row in told[0]["comparisons"]}


def test_an_old_run_on_other_data_is_refused_as_baseline_as_it_is_by_compare(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = scene / "old_sample"
    assert run(capsys, *judged(scene, "random", "--output", old, "--quiet", "--max-samples", "20")).status == 0
    one = run(capsys, *judged(scene, "good", "--baseline", old))
    two = run(capsys, "compare", old, scene / "good.npz", "--data", scene / "test.json")
    assert one.status == two.status == 2
    assert "were measured on different queries" in " ".join(one.err.split())
    assert one.err.split("'")[-1] == two.err.split("'")[-1]


def test_an_old_run_that_lacks_a_metric_is_compared_on_the_others(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = scene / "old_run"
    assert run(capsys, *judged(scene, "random", "--output", old, "--quiet")).status == 0
    words = ["compare", old, scene / "good.npz", "--data", scene / "test.json", "--draws", "500"]
    done = run(capsys, *words, "--metrics", "nDCG@5,MRR", "--output", scene / "compared_to_old")
    assert done.status == 0
    assert "the reference was measured without nDCG@5, which cannot be compared" in " ".join(done.err.split())
    report = json.loads((scene / "compared_to_old" / "report.json").read_text(encoding="utf-8"))
    assert {row["metric"] for row in report["comparisons"]} == {"MRR", "Success@1", "Success@10"}
    assert "nDCG@5" in report["metrics"]


def test_baseline_names_the_reference_whatever_the_order(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [scene / "perfect.npz", scene / "good.npz"]
    words = ["compare", *files, "--data", scene / "test.json", "--draws", "500", "--json"]
    report = json.loads(run(capsys, *words, "--baseline", scene / "random.npz").out)
    assert {row["b"] for row in report["comparisons"]} == {str(scene / "random.npz")}
    assert {row["a"] for row in report["comparisons"]} == {str(file) for file in files}


def test_the_same_vectors_under_two_names_are_undecided_with_differences_of_zero(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = scene / "copy.npz"
    copy.write_bytes((scene / "good.npz").read_bytes())
    words = ["compare", scene / "good.npz", copy, "--data", scene / "test.json", "--draws", "500", "--json", "--gate"]
    done = run(capsys, *words)
    assert done.status == 3
    assert {row["difference"] for row in json.loads(done.out)["comparisons"]} == {0.0}


def test_the_reference_may_be_the_folder_of_an_old_run(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *judged(scene, "random", "--output", scene / "in-production")).status == 0
    words = ["compare", scene / "in-production", scene / "perfect.npz", "--data", scene / "test.json"]
    done = run(capsys, *words, "--draws", "500", "--gate", "--output", scene / "against-old")
    assert done.status == 0
    assert "better than" in " ".join(done.out.split())


def test_the_folder_of_a_run_on_other_data_is_refused_as_reference(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = judged(scene, "good", "--split", "first:30", "--output", scene / "other-data")
    assert run(capsys, *words).status == 0
    done = run(capsys, "compare", scene / "other-data", scene / "good.npz", "--data", scene / "test.json", "--quiet")
    assert done.status == 2
    assert done.err.startswith("embedscope: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("names", [["good.npz"], ["good.npz", "good.npz"]])
def test_compare_refuses_fewer_than_two_runs(names: list[str], scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "compare", *(scene / name for name in names), "--data", scene / "test.json")
    assert done.status == 2
    assert "two or more different checkpoints" in done.err


def test_compare_refuses_vectors_of_another_data_set(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "compare", scene / "good.npz", scene / "few.npz", "--data", scene / "test.json", "--quiet")
    assert done.status == 2
    assert "few.npz' lacks" in done.err


# --- portions of a file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("last:0.1", range(36, 40)),
        ("first:0.9", range(36)),
        ("first:0.1", range(4)),
        ("last:7", range(33, 40)),
        ("first:5", range(5)),
        ("last:1.0", range(40)),
        ("last:400", range(40)),
    ],
)
def test_a_portion_of_a_file_is_a_share_or_a_count_of_its_rows_in_file_order(
    split: str, expected: range, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, *judged(scene, "good", "--split", split, "--output", scene / "split"))
    assert done.status == 0
    rows = json.loads((scene / "test.json").read_text())
    found = pq.read_table(scene / "split" / "queries.parquet").column("text").to_pylist()
    assert found == [rows[i]["query"] for i in expected]
    assert f"Rows {expected[0] + 1} to {expected[-1] + 1} of 40 (--split {split})" in done.err


@pytest.mark.parametrize("n", [10, 15, 30, 33])
def test_the_first_nine_tenths_and_the_last_tenth_hold_every_row_once(n: int, tmp_path: Path) -> None:
    from embedscope.data.readers import read_collection

    data = write_rows(tmp_path / "test.json", max(n, 20))
    first, last = (read_collection(data, split=split) for split in ("first:0.9", "last:0.1"))
    assert [*first.queries, *last.queries] == list(read_collection(data).queries)


# --- the original program and real models ----------------------------------------------------------------------------


def test_the_original_program_takes_the_original_flags_and_writes_the_original_files(
    scene: Path, tmp_path: Path, minilm: str
) -> None:
    data = write_rows(tmp_path / "test.json", 12)
    words = ["--checkpoint", minilm, "--data", data, "--output", tmp_path / "out", "--max-samples", "11"]
    words += ["--batch-size", "8", "--device", "cpu", "--skip-umap"]
    program = [sys.executable, ROOT / "visualize_embeddings.py", *words]
    done = subprocess.run([str(word) for word in program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert "Verdict: UNFIT" in done.stdout
    assert {"tsne_projection.png", "similarity_heatmap.png", "similarity_distribution.png"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert (tmp_path / "out" / "top_k_predictions.png").stat().st_size > 20_000


def test_a_second_run_encodes_nothing(tmp_path: Path, minilm: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_rows(tmp_path / "test.json", 6)
    words = ["evaluate", "--checkpoint", minilm, "--data", data, "--device", "cpu", "--draws", "500"]
    words += ["--cache-dir", tmp_path / "cache"]
    assert "Encoded 18 texts, 0 from the cache" in run(capsys, *words).err
    assert "Encoded 0 texts, 18 from the cache" in run(capsys, *words).err


def test_a_head_is_held_against_its_base_model_and_against_projections_of_its_width(
    tmp_path: Path, minilm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("COLUMNS", "100")
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 384)).astype("float32"))
    torch.save({"model_state_dict": {"head.linear.weight": weights}, "epoch": 3}, tmp_path / "epoch3.pt")
    data = write_rows(tmp_path / "test.json", 6)
    words = ["evaluate", "--checkpoint", tmp_path / "epoch3.pt", "--base-model", minilm, "--data", data]
    done = run(capsys, *words, "--device", "cpu", "--draws", "500", "--output", tmp_path / "out")
    assert done.status == 0
    said = " ".join(done.err.split())
    assert "head Linear 384 -> 64" in said
    assert "epoch 3" in said
    table = run(capsys, *words, "--device", "cpu", "--draws", "500", "--verbose").out.splitlines()
    header = next(line for line in table if line.startswith("  metric") and "PCA" in line)
    assert header.split()[-2:] == ["PCA", "random"]


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (ZeroDivisionError("division by zero"), 70, "a fault of embedscope, not of your input (ZeroDivisionError"),
        (SystemError("\x00"), 70, "a fault of embedscope"),
        (MemoryError(), 2, "out of memory"),
        (PermissionError(13, "Permission denied", "/data/x.json"), 2, "'/data/x.json': Permission denied"),
        (OSError(28, "No space left on device"), 2, "OSError: No space left on device"),
    ],
)
def test_no_error_ends_with_the_status_of_retrain(
    raised: Exception,
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> int:
        raise raised

    monkeypatch.setattr("embedscope.cli.evaluate_command.run", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = run(capsys, "evaluate", "--data", "a file.json", "--gate")
    assert done.status == status
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    stories = list(tmp_path.glob("embedscope-fault-*.txt"))
    assert len(stories) == (status == 70)
    for story in stories:
        assert story.name in done.err
        assert "embedscope evaluate --data 'a file.json' --gate" in story.read_text(encoding="utf-8")
        assert "raise raised" in story.read_text(encoding="utf-8")


def test_a_fault_is_told_in_full_where_no_file_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("embedscope.cli.evaluate_command.run", lambda *_: 1 // 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    done = run(capsys, "evaluate", "--data", "x")
    assert done.status == 70
    assert "ZeroDivisionError" in done.err
    assert "Please report it with the lines above" in done.err
