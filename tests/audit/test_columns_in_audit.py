"""An audit shows what the columns are, and repairs through them: labels, numbered negatives, cells that write lists."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from embedscope.audit import Subject, audit, repair, restored
from embedscope.audit.patching import patched
from embedscope.audit.raw_rows import read_rows
from embedscope.cli import main as cli
from embedscope.data.collection import digest
from embedscope.data.readers import read_collection
from embedscope.errors import InvalidOptionError

QUERIES = ("how is wool washed", "where does rain begin", "what do moles eat")
ANSWERS = ("by hand in cool water", "in clouds with heavy drops", "the worms of their tunnels")


def as_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return out.getvalue()


def written(folder: Path, rows: list[dict[str, Any]], container: str) -> Path:
    path = folder / f"data.{container}"
    text = as_csv(rows) if container == "csv" else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def fixed(path: Path) -> Path:
    """The file after ``--fix``, which the rows of the repair are said to be."""
    subject = Subject(read_rows(path))
    made = repair(subject)
    assert subject.raw.source is not None
    text, _ = patched(subject.raw.source, made.changes, restore=restored)
    target = path.with_name(f"fixed{path.suffix}")
    target.write_text(text, encoding="utf-8", newline="")
    again = read_rows(target)
    assert [(row.query, row.positives, row.negatives, row.gains) for row in again.rows] == [
        (row.query, row.positives, row.negatives, row.gains) for row in made.rows
    ]
    return target


LABELLED = [
    {"query": query, "positive": text, "label": label}
    for query, answer in zip(QUERIES, ANSWERS, strict=True)
    for text, label in ((answer, 1), (f"another word of {query}", 0))
]


@pytest.mark.parametrize("container", ["csv", "jsonl"])
def test_rows_under_the_label_0_are_no_fault_and_stay(tmp_path: Path, container: str) -> None:
    path = written(tmp_path, LABELLED, container)
    codes = [finding.code for finding in audit(Subject(read_rows(path))).findings]
    (tmp_path / "plain").mkdir()
    plain = [
        {"query": relevant["query"], "pos": relevant["positive"], "neg": other["positive"]}
        for relevant, other in zip(LABELLED[::2], LABELLED[1::2], strict=True)
    ]
    as_columns = read_rows(written(tmp_path / "plain", plain, container))
    assert codes == [finding.code for finding in audit(Subject(as_columns)).findings]
    assert fixed(path).read_text() == path.read_text()


@pytest.mark.parametrize("container", ["csv", "jsonl"])
def test_a_text_that_is_labelled_both_ways_goes_with_its_row_and_its_label(tmp_path: Path, container: str) -> None:
    rows = [*LABELLED, {"query": QUERIES[0], "positive": ANSWERS[0], "label": 0}]
    path = written(tmp_path, rows, container)
    assert "positive-also-negative" in {finding.code for finding in audit(Subject(read_rows(path))).findings}
    assert fixed(path).read_text() == written(tmp_path, LABELLED, container).read_text()


@pytest.mark.parametrize(
    ("texts", "labels", "texts_left", "labels_left"),
    [
        (["x y", "", "n m", "x y"], [2, 1, 0, 0], ["x y", "n m"], [2, 0]),
        (["n m", "x y", "", "z"], [0, 1, 0, 3], ["n m", "x y", "z"], [0, 1, 3]),
        (["", "n m", "", "x y"], [0, 0, 1, 1], ["n m", "x y"], [0, 1]),
    ],
)
def test_a_text_of_a_labelled_list_takes_its_label_along(
    tmp_path: Path, texts: list[str], labels: list[int], texts_left: list[str], labels_left: list[int]
) -> None:
    rows = [
        {"query": QUERIES[0], "positive": texts, "labels": labels},
        {"query": QUERIES[1], "positive": [ANSWERS[1]], "labels": [1]},
    ]
    first = json.loads(fixed(written(tmp_path, rows, "jsonl")).read_text().splitlines()[0])
    assert (first["positive"], first["labels"]) == (texts_left, labels_left)


def test_a_label_is_never_left_without_its_text(tmp_path: Path) -> None:
    rows = [{**row, "negative": f"a word of {n}"} for n, row in enumerate(LABELLED)]
    rows[1]["positive"] = rows[0]["positive"]
    subject = Subject(read_rows(written(tmp_path, rows, "jsonl")))
    assert subject.raw.source is not None
    with pytest.raises(InvalidOptionError, match="its label in 'label' would be left without a text"):
        patched(subject.raw.source, repair(subject).changes, restore=restored)


@pytest.mark.parametrize("container", ["csv", "jsonl"])
def test_a_numbered_negative_that_is_a_positive_is_emptied(tmp_path: Path, container: str) -> None:
    rows = [
        {"Question": q, "neg-1": f"word of {q}", "Answer": a, "neg-2": a} for q, a in zip(QUERIES, ANSWERS, strict=True)
    ]
    found = read_collection(fixed(written(tmp_path, rows, container)))
    without = [{**row, "neg-2": None} for row in rows]
    assert digest(found) == digest(read_collection(written(tmp_path, without, container)))


@pytest.mark.parametrize("write", [repr, json.dumps])
def test_cells_that_write_lists_are_written_in_their_manner(tmp_path: Path, write: Any) -> None:
    rows = [
        {"query": q, "pos": write([a]), "neg": write([f"it's a word of {q}", a, 'a "quoted" one'])}
        for q, a in zip(QUERIES, ANSWERS, strict=True)
    ]
    target = fixed(written(tmp_path, rows, "csv"))
    expected = [
        {**row, "neg": write([f"it's a word of {q}", 'a "quoted" one'])} for q, row in zip(QUERIES, rows, strict=True)
    ]
    assert target.read_text() == as_csv(expected)


def test_the_audit_shows_the_columns_and_the_first_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"nr": n, "frage": q, "fundstelle": a + " and so on" * 30, "source": "web"}
        for n, (q, a) in enumerate(zip(QUERIES * 2, ANSWERS * 2, strict=True))
    ]
    path = written(tmp_path, rows, "csv")
    words = ["audit", "--data", str(path), "--columns", "query=frage,positive=fundstelle"]
    assert cli.main([*words, "--output", str(tmp_path / "out")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "columns: query = frage, positive = fundstelle | metadata = source | not used = nr" in said
    assert said.count("nr = ") == 3
    data = json.loads((tmp_path / "out" / "report.json").read_text())["data"]
    assert data["columns"] == {
        "query": ["frage"], "positive": ["fundstelle"], "metadata": ["source"], "not used": ["nr"],
    }  # fmt: skip
    assert len(data["first_rows"]) == 3
    assert data["first_rows"][1]["frage"] == f"'{QUERIES[1]}'"
    assert all(len(text) < 70 for row in data["first_rows"] for text in row.values())
