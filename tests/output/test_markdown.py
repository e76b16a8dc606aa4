"""The Markdown summary: the figures of the run in tables that no text of a user can break."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from tests.support import tiny_run as tiny
from tests.support.planted import collection_of, findings_of, model

from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge
from embedscope.output.markdown import markdown_of_sets, markdown_summary
from embedscope.result import Check, Outcome, Verdict, VerdictOutcome, run_label

COLLECTION = collection_of(12)
FINDINGS = findings_of(COLLECTION, model(COLLECTION))
CHECKS, VERDICT = judge(FINDINGS, load_criteria("checklist"))
HOSTILE = "a|b\n\n@octocat #12 `x` <img src=x> [y](z) **bold** _it_ ~~no~~ !5 &amp; \\| | --- |"


def table(text: str, header: str) -> list[list[str]]:
    """Cells of the rows under the header that starts so."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(header))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert len({len(row) for row in rows}) == 1
    return rows[2:]


def shown(text: str) -> str:
    """What a reader sees of an escaped text."""
    return html.unescape(text).replace("\u200b", "")


def test_the_summary_has_the_verdict_the_metrics_and_the_checks() -> None:
    text = markdown_summary(FINDINGS, CHECKS, VERDICT, FINDINGS.comparisons)
    assert text.startswith("## embedscope: unfit\n\n**too few independent queries to judge by: 12,")
    assert (
        "12 queries (12 effectively independent), 48 documents; checkpoint `planted.npz`, profile `checklist`." in text
    )
    metrics = table(text, "| metric |")
    assert [row[0] for row in metrics] == list(FINDINGS.metrics)
    mrr = FINDINGS.metrics["MRR"]
    assert mrr.chance is not None
    lexical = FINDINGS.lexical_baselines
    assert mrr.lexical == max(values["MRR"] for values in lexical.values())
    stronger = FINDINGS.lexical_baseline
    (other,) = set(lexical) - {stronger}
    assert metrics[0] == [
        "MRR", "1.0000", f"[{mrr.low:.4f}, {mrr.high:.4f}]", f"{mrr.chance:.4f}", f"{mrr.lexical:.4f}",
        f"{lexical[other]['MRR']:.4f}", "",
    ]  # fmt: skip
    assert f"| chance | {stronger} | {other} | base model |" in text
    checks = table(text, "| | check |")
    assert [row[1] for row in checks] == [check.title for check in CHECKS]
    assert [row[0] for row in checks] == ["✅", "✅", "❔", "✅", "✅", "❔", "✅"]
    assert checks[0][4] == "> 0.25"
    name = FINDINGS.baseline_names["lexical"]
    assert [row[:2] for row in table(text, "| compared with |")] == [[f"`{name}`", "MRR"], [f"`{name}`", "Success@1"]]


def test_without_comparisons_there_is_no_table_of_them() -> None:
    assert "compared with" not in markdown_summary(FINDINGS, CHECKS, VERDICT, ())


def test_the_headline_is_not_told_twice_and_reasons_are_few() -> None:
    many = Verdict(VerdictOutcome.RETRAIN, "own", "first", ("first", *(f"reason {i}" for i in range(20))))
    text = markdown_summary(FINDINGS, CHECKS, many, ())
    assert text.count("first") == 1
    assert [line for line in text.splitlines() if line.startswith("- ")] == [f"- reason {i}" for i in range(5)]
    alone = Verdict(VerdictOutcome.RETRAIN, "own", "first", ("first",))
    assert "\n- " not in markdown_summary(FINDINGS, CHECKS, alone, ())


def test_an_advisory_check_says_so_and_one_without_a_value_leaves_it_empty() -> None:
    advisory = Check("x", "Extra", None, None, None, 0.5, "<=", Outcome.NOT_COMPUTABLE, "no data", gating=False)
    (row,) = table(markdown_summary(FINDINGS, [advisory], VERDICT, ()), "| | check |")
    assert row == ["➖", "Extra (advisory)", "", "", "<= 0.5"]


def test_text_of_the_user_breaks_no_table_and_mentions_nobody() -> None:
    hostile = Check("x", HOSTILE, 0.1, 0.0, 0.2, 0.5, ">", Outcome.FAIL, "r")
    judged = Verdict(VerdictOutcome.RETRAIN, HOSTILE, HOSTILE, (HOSTILE, HOSTILE))
    result = replace(FINDINGS, model=replace(FINDINGS.model, checkpoint=HOSTILE))
    compared = [replace(FINDINGS.comparisons[0], b=HOSTILE)]
    text = markdown_summary(result, [hostile], judged, compared)
    (row,) = table(text, "| | check |")
    assert shown(row[1]) == " ".join(HOSTILE.split())
    assert len(table(text, "| compared with |")) == 1
    lines = text.splitlines()
    assert shown(lines[2]) == f"**{' '.join(HOSTILE.split())}**"
    plain = "\n".join(re.sub(r"`[^`]*`", "", line) for line in lines)
    for markup in ("<img", "[y]", "`x`", "~~", "_it_"):
        assert markup not in plain
    for reference in ("@octocat", "#12", "!5"):  # looked for in the finished page
        assert reference not in html.unescape(plain)
    assert "**bold" not in plain.replace(lines[2], "")


@pytest.mark.parametrize("name", ["a`b", "a|b", "a\nb"])
def test_a_name_in_code_stays_on_its_line(name: str) -> None:
    result = replace(FINDINGS, model=replace(FINDINGS.model, checkpoint=name))
    (line,) = [line for line in markdown_summary(result, CHECKS, VERDICT, ()).splitlines() if "checkpoint" in line]
    assert line.count("`") == 4
    assert "|" not in line


def test_several_sets_are_a_row_each_with_the_means_below() -> None:
    found = tiny.sets()
    text = markdown_of_sets(found)
    assert shown(text.splitlines()[2]) == f"**{found.verdict.headline}**"
    first, second = table(text, "| set |")
    assert [first[0], first[4], first[-1]] == ["first", "+0.4000", "retrain"]
    assert [second[0], second[4], shown(second[6])] == ["second", "-0.2000", "0.0200"]
    assert [row[0] for row in table(text, "| mean over the sets |")] == list(found.macro.metrics)
    ((other, metric, difference, *_),) = table(text, "| mean difference to |")
    assert (other, metric, difference) == ("`a/epoch3.pt`", "MRR", "+0.1000")


def test_differences_of_several_runs_say_whose_they_are() -> None:
    found = tiny.sets()
    (own,) = found.macro.comparisons
    rows = (own, replace(own, a="b/epoch9.pt"))
    means = markdown_of_sets(replace(found, macro=replace(found.macro, comparisons=rows)))
    for text, to in (
        (means, "mean difference to"),
        (markdown_summary(tiny.result(), CHECKS, VERDICT, rows), "compared with"),
    ):
        first, second = table(text, f"| run | {to} |")
        assert [first[0], second[0]] == [f"`{run_label(own.a)}`", "`b/epoch9.pt`"]
        assert first[1:] == second[1:]


def test_a_set_of_any_name_breaks_no_table() -> None:
    found = tiny.sets()
    text = markdown_of_sets(replace(found, sets=(replace(found.sets[0], name=HOSTILE), *found.sets[1:])))
    assert shown(table(text, "| set |")[0][0]) == " ".join(HOSTILE.split())
