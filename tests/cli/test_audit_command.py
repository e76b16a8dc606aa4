"""`embedscope audit` as a user meets it: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.scene import write_rows

from embedscope.audit import Subject, audit, repair
from embedscope.audit.raw_rows import read_rows
from embedscope.cli import main as cli
from embedscope.data.sample import sample_path
from embedscope.result import Severity


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
    assert re.search(r"\n     effect 0\.033 \[0\.\d{3}, 0\.\d{3}\] on 30\n", said)


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


def test_the_repaired_file_keeps_its_container_and_all_fields_of_all_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {
            "id": number,
            "query": f"thuê phòng quận {number}",
            "pos": [f"Phòng trọ quận {number} có gác"],
            "neg": [f"Phòng quận {number + 5}", f"phòng trọ QUẬN {number} có gác!"][: 1 + (number == 2)],
            "pos_scores": [0.9],
            "neg_scores": [0.2, 0.1][: 1 + (number == 2)],
            "prompt": "Represent",
            "tags": ["a", {"b": True}],
            "note": "dài " * 40,
        }
        for number in range(1, 5)
    ]
    file, fixed = tmp_path / "flag.jsonl", tmp_path / "fixed.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert cli.main(["audit", "--data", str(file), "--fix", str(fixed)]) == 0
    assert "the field 'prompt' of 4 rows is not applied" in " ".join(capsys.readouterr().err.split())
    after = fixed.read_text(encoding="utf-8").splitlines()
    assert [after[0], *after[2:]] == [lines[0], *lines[2:]]
    assert json.loads(after[1]) == {**rows[1], "neg": rows[1]["neg"][:1], "neg_scores": [0.2]}
    changes = json.loads((tmp_path / "fixed.changes.json").read_text(encoding="utf-8"))
    assert [(change["row"], change["field"], change["before"]) for change in changes] == [
        (2, "neg[1]", "phòng trọ QUẬN 2 có gác!"),
        (2, "neg_scores[1]", 0.1),
    ]


def test_the_repaired_file_reads_as_the_rows_that_the_repair_states(tmp_path: Path) -> None:
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:40]
    rows[0]["hard_neg"][0]["weight"] = "hoch"
    rows[1]["query"] = rows[1]["query"].encode().decode("cp1252", errors="ignore")
    rows[2]["hard_neg"][0] = {"text": rows[2]["pos"].upper(), "type": "price", "weight": 2}
    rows[3]["pos"] = [rows[3]["pos"], "N/A"]
    rows[4]["hard_neg"][0]["text"] = ""
    rows[5]["hard_neg"][0]["type"] = ["location", "location", "price"]
    rows += [{**rows[6], "id": "again"}, {**rows[7], "source": "web"}]
    file, fixed = tmp_path / "broken.json", tmp_path / "fixed.json"
    file.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    subject = Subject(read_rows(file))
    expected = repair(subject).rows
    assert cli.main(["audit", "--data", str(file), "--fix", str(fixed), "--quiet"]) == 0
    found = read_rows(fixed).rows
    assert [replace(row, number=0) for row in found] == [replace(row, number=0) for row in expected]
    assert repair(Subject(read_rows(fixed))).changes == ()


def test_the_zero_weights_of_the_real_training_file_become_one_and_nothing_else_changes(
    real_data: Path, tmp_path: Path
) -> None:
    rows = json.loads((real_data / "train.json").read_text(encoding="utf-8"))[:300]
    file, fixed = tmp_path / "train.json", tmp_path / "fixed.json"
    file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    assert cli.main(["audit", "--data", str(file), "--fix", str(fixed), "--quiet"]) == 0
    changes = json.loads((tmp_path / "fixed.changes.json").read_text(encoding="utf-8"))
    others = {change["row"] for change in changes if not change["field"].endswith(".weight")}
    assert {(change["before"], change["after"]) for change in changes if change["row"] not in others} == {(0, 1)}
    left = json.loads(fixed.read_text(encoding="utf-8"))
    for number, row in enumerate(rows, start=1):
        if number not in others:
            filled = [{**one, "weight": one.get("weight") or 1} if "weight" in one else one for one in row["hard_neg"]]
            assert {**row, "hard_neg": filled} in left


@pytest.mark.parametrize("other", ["--data", "--train"])
def test_a_repair_over_its_own_input_is_refused(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    before = broken.read_bytes()
    data = broken if other == "--data" else sample_path("test")
    words = ["audit", "--data", str(data), "--train", str(broken), "--fix", str(broken)]
    assert cli.main(words if other == "--train" else words[:3] + words[5:]) == 2
    assert f"--fix would write {broken}, which is read too" in capsys.readouterr().err
    assert broken.read_bytes() == before


def test_a_list_of_changes_over_the_input_is_refused(broken: Path, tmp_path: Path) -> None:
    data = broken.rename(tmp_path / "d.changes.json")
    assert cli.main(["audit", "--data", str(data), "--fix", str(tmp_path / "d.json")]) == 2
    assert not (tmp_path / "d.json").exists()


def test_a_repair_of_a_portion_is_refused(broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = tmp_path / "fixed.json"
    assert cli.main(["audit", "--data", str(broken), "--split", "last:5", "--fix", str(fixed)]) == 2
    assert "Leave --split or --fix out" in " ".join(capsys.readouterr().err.split())
    assert not fixed.exists()


def test_a_repair_of_a_folder_is_refused_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    corpus = "\n".join(json.dumps({"_id": f"d{i}", "title": "", "text": f"văn bản {i}"}) for i in range(3))
    queries = "\n".join(json.dumps({"_id": f"q{i}", "text": f"câu hỏi {i}"}) for i in range(3))
    (folder / "corpus.jsonl").write_text(corpus, encoding="utf-8")
    (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
    judged = "query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\n"
    (folder / "qrels" / "test.tsv").write_text(judged, encoding="utf-8")
    assert cli.main(["audit", "--data", str(folder), "--fix", str(tmp_path / "fixed.json")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is a BEIR folder" in said
    assert "Run audit without --fix" in said
    assert not (tmp_path / "fixed.json").exists()
    assert cli.main(["audit", "--data", str(folder)]) == 0
    assert "1 query has no judgment" in " ".join(capsys.readouterr().err.split())


def test_a_repair_of_a_parquet_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:5]
    file = tmp_path / "data.parquet"
    pq.write_table(pa.table({"anchor": [r["query"] for r in rows], "positive": [r["pos"] for r in rows]}), file)
    assert cli.main(["audit", "--data", str(file), "--fix", str(tmp_path / "fixed.json")]) == 2
    assert "as JSONL first" in " ".join(capsys.readouterr().err.split())


def test_several_files_are_audited_one_by_one(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["audit", "--data", str(sample_path("valid")), str(broken)]) == 0
    said = capsys.readouterr().out
    assert said.index("rental_valid.json") < said.index("No findings") < said.index("broken.json")
    assert said.index("broken.json") < said.index("placeholder-text")


@pytest.mark.parametrize("option", [["--json"], ["--output", "out"], ["--fix", "fixed.json"]])
def test_what_is_written_of_one_file_is_refused_for_several(
    option: list[str], broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["audit", "--data", str(sample_path("valid")), str(broken), *option]) == 2
    assert "one file is repaired, reported or printed as JSON at a time" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [broken]


def test_the_gate_stops_at_what_is_surely_wrong_and_lets_a_suspicion_pass(broken: Path, tmp_path: Path) -> None:
    assert cli.main(["audit", "--data", str(broken)]) == 0
    assert cli.main(["audit", "--gate", "--data", str(sample_path("test")), str(broken)]) == 3
    suspect = write_rows(tmp_path / "suspect.json", 50)  # queries and documents share no letter
    found = audit(Subject(read_rows(str(suspect))))
    assert [(finding.code, finding.severity) for finding in found.findings] == [("positive-suspect", Severity.HIGH)]
    assert cli.main(["audit", "--gate", "--data", str(suspect)]) == 0
