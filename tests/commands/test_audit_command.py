"""`embedscope audit` as a user meets it: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedscope import cli
from embedscope.sample import sample_path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The first rows of the sample file with a placeholder and a positive among its negatives."""
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:30]
    rows[3]["pos"] = "{pos}"
    rows[5]["hard_neg"].append({"text": rows[5]["pos"], "type": ["location"], "weight": 3.0})
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return file


def test_findings_are_printed_with_their_rows_and_what_to_do(
    broken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["audit", "--data", str(broken)]) == 0
    said = capsys.readouterr().out
    assert "placeholder-text" in said
    assert "row 4: positive '{pos}'" in said
    assert "-> Remove them from the hard negatives" in said
    assert "Not checked: leakage" in said


def test_the_report_is_written_and_printed_alike(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ["audit", "--data", str(broken), "--train", str(sample_path("train")), "--output", str(output), "--json"]
    assert cli.main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert printed == written
    assert written["command"] == "audit"
    assert written["leakage"]["train"] == "rental_train.json"
    finding = next(f for f in written["findings"] if f["code"] == "placeholder-text")
    assert {"code", "title", "severity", "n", "effect", "low", "high", "rows", "action"} <= finding.keys()
    assert finding["rows"] == [4]
    assert json.loads((output / "manifest.json").read_text(encoding="utf-8"))["options"]["data"] == str(broken)


def test_the_repaired_file_has_no_mendable_fault_and_every_change_is_listed(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = tmp_path / "fixed.json"
    assert cli.main(["audit", "--data", str(broken), "--fix", str(fixed), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    changes = json.loads((tmp_path / "fixed.changes.json").read_text(encoding="utf-8"))
    found = {(change["row"], change["code"]) for change in changes}
    assert {(4, "placeholder-text"), (6, "positive-also-negative")} <= found
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (broken, fixed))
    assert len(after) == 29
    assert after[0] == before[0]
    assert cli.main(["audit", "--data", str(fixed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_a_model_counts_tokens_and_a_base_model_gives_a_second_opinion(
    broken: Path, minilm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", "--data", str(broken), "--base-model", minilm, "--max-length", "64", "--device", "cpu", "--json"]
    assert cli.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert "over-long-text" in {finding["code"] for finding in found["findings"]}
    assert found["second_opinion"] != "character n-grams"


def test_the_audited_model_itself_gives_no_second_opinion(
    broken: Path, minilm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "--data", str(broken), "--checkpoint", minilm, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["second_opinion"] == "character n-grams"
    assert "no second opinion" in " ".join(said.err.split())


def test_a_file_that_cannot_be_written_is_refused_before_any_work(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert cli.main(["audit", "--data", str(broken), "--fix", str(tmp_path / "file" / "out.json")]) == 2
    assert "--fix" in capsys.readouterr().err


def test_a_file_that_is_not_there_ends_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["audit", "--data", str(tmp_path / "none.json")]) == 2
    assert "does not exist" in capsys.readouterr().err
