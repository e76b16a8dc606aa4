"""The answers of the tools on folders that somebody broke, or made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.support.scene import rows, write_rows, write_vectors

from embedscope.agents.answer_records import MOST_CHARACTERS, MOST_ENTRIES, bounded, quoted
from embedscope.agents.readable_folders import ReadableFolders
from embedscope.agents.run_answers import RunAnswers
from embedscope.cli.main import main
from embedscope.errors import EmbedscopeError

ODD: tuple[Any, ...] = (None, 1, "x", [], {}, [None], {"a": 1}, {"a": None}, [[]])
"""Values that stand where another kind of value belongs."""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = tmp_path_factory.mktemp("desk")
    data = desk / "data.json"
    data.write_text(json.dumps(rows(40)), encoding="utf-8")
    vectors = write_vectors(desk / "vectors.npz", data, 0.5)
    words = ["--embeddings", vectors, "--data", data, "--output", desk / "runs" / "run", "--draws", "200", "--quiet"]
    assert main(["evaluate", *map(str, words)]) == 0
    return desk / "runs" / "run"


def changed(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Reports in which a value that the tools read is another."""
    for odd in ODD:
        for key in ("verdict", "model", "inputs", "checkpoint", "explanations", "not_measured"):
            yield {**report, key: odd}
        for key in ("failures", "n_failures"):
            yield {**report, "explanations": {"failures": [], "n_failures": 0, key: odd}}
        for table, key in (("verdict", "outcome"), ("model", "checkpoint"), ("inputs", "data")):
            yield {**report, table: {**report[table], key: odd}}


def test_a_report_with_odd_values_is_listed_and_read_or_refused(run_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run_folder, tmp_path / "run"))
    report = json.loads((copy / "report.json").read_text(encoding="utf-8"))
    answers = RunAnswers(ReadableFolders.of([str(tmp_path)]))
    for broken in changed(report):
        (copy / "report.json").write_text(json.dumps(broken), encoding="utf-8")
        assert [found.run for found in answers.list_runs().runs] == ["run"]
    for odd in ODD:
        broken = {**report, "explanations": odd}
        (copy / "report.json").write_text(json.dumps(broken), encoding="utf-8")
        refused_or_answered(lambda: answers.explain_query("run", "q00001"))


def test_what_is_no_report_of_several_sets_or_of_an_audit_is_refused(tmp_path: Path) -> None:
    answers = RunAnswers(ReadableFolders.of([str(tmp_path)]))
    (tmp_path / "run").mkdir()
    for odd in ODD:
        for report in (
            odd,
            {"sets": odd},
            {"sets": [{"name": "a", "folder": "/"}]},
            {"command": "audit", "findings": odd},
        ):
            (tmp_path / "run" / "report.json").write_text(json.dumps(report), encoding="utf-8")
            assert answers.list_runs().n == 1
            with pytest.raises(EmbedscopeError):
                answers.judge("run")
            refused_or_answered(lambda: answers.list_findings("run"))


def refused_or_answered(ask: Callable[[], object]) -> None:
    """Nothing but a refusal is raised."""
    with suppress(EmbedscopeError):
        ask()


def test_a_damaged_page_is_refused_by_its_name(run_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run_folder, tmp_path / "run"))
    page = json.loads((copy / "page.json").read_text(encoding="utf-8"))
    answers = RunAnswers(ReadableFolders.of([str(tmp_path)]))
    for odd in (*ODD, {"n": 1, "data": "AAAA"}, {"n": 1, "data": "no base64"}):
        page["documents"]["texts"] = odd
        (copy / "page.json").write_text(json.dumps(page), encoding="utf-8")
        with pytest.raises(EmbedscopeError, match=r"page\.json is "):
            answers.explain_query("run", "q00001")


def test_a_run_without_a_page_is_explained_without_texts_of_documents(run_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run_folder, tmp_path / "run"))
    (copy / "page.json").unlink()
    found = RunAnswers(ReadableFolders.of([str(tmp_path)])).explain_query("run", "q00001")
    assert found.top
    assert [document.text for document in found.relevant] == [None]


def test_a_run_without_failures_has_an_empty_page(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json")
    vectors = write_vectors(tmp_path / "vectors.npz", data, 1.0)
    words = [
        "--embeddings",
        vectors,
        "--data",
        data,
        "--output",
        tmp_path / "runs" / "run",
        "--draws",
        "200",
        "--quiet",
    ]
    assert main(["evaluate", *map(str, words)]) == 0
    answers = RunAnswers(ReadableFolders.of([str(tmp_path / "runs")]))
    found = answers.list_failures("run")
    assert (found.n, found.failures, found.next_offset) == (0, [], None)


def test_a_page_behind_the_last_is_empty(run_folder: Path) -> None:
    found = RunAnswers(ReadableFolders.of([str(run_folder.parent)])).list_failures("run", offset=10**30)
    assert found.n > 0
    assert (found.failures, found.next_offset) == ([], None)


def test_a_folder_below_another_is_listed_once(run_folder: Path) -> None:
    folders = ReadableFolders.of([str(run_folder), str(run_folder.parent), str(run_folder)])
    assert [found.run for found in RunAnswers(folders).list_runs().runs] == ["run"]


def test_every_text_of_an_answer_is_bounded_and_shows_its_codes(run_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run_folder, tmp_path / "run"))
    report = json.loads((copy / "report.json").read_text(encoding="utf-8"))
    report["checklist"][0]["title"] = "\u202e" + "x" * 100_000
    report["not_measured"] = {f"part {i}\u202e": "why" for i in range(3 * MOST_ENTRIES)}
    (copy / "report.json").write_text(json.dumps(report), encoding="utf-8")
    shown = bounded(RunAnswers(ReadableFolders.of([str(tmp_path)])).judge("run"))
    assert len(shown.checks[0].title) == MOST_CHARACTERS + 1
    assert len(shown.not_measured) == MOST_ENTRIES
    assert "\u202e" not in json.dumps(asdict(shown), ensure_ascii=False)


def test_the_length_of_a_text_is_that_of_what_is_shown() -> None:
    assert len(quoted(chr(0xE0041) * 1_000, 100)) == 101
