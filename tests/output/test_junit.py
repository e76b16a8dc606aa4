"""JUnit XML: readers understand it, its counts are right, and no text of a user can break it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import tiny_run as tiny

from embedscope.output.junit import junit_of_sets, junit_xml
from embedscope.result import Check, Outcome, Verdict, VerdictOutcome


def check(
    outcome: Outcome, *, gating: bool = True, identifier: str = "rank1", reason: str = "0.9, must be > 0.85"
) -> Check:
    return Check(identifier, "Rank 1", 0.9, 0.8, 1.0, 0.85, ">", outcome, reason, gating)


def verdict(
    outcome: VerdictOutcome = VerdictOutcome.DEPLOY, headline: str = "all is well", profile: str = "own"
) -> Verdict:
    return Verdict(outcome, profile, headline, (headline, "and more"))


CHECKS = (
    check(Outcome.PASS, identifier="a"),
    check(Outcome.FAIL, identifier="b"),
    check(Outcome.UNDECIDED, identifier="c"),
    check(Outcome.NOT_COMPUTABLE, identifier="d"),
    check(Outcome.FAIL, identifier="e", gating=False),
    check(Outcome.NOT_COMPUTABLE, identifier="f", gating=False),
)


def parsed(document: str) -> ElementTree.Element:
    return ElementTree.fromstring(document)  # noqa: S314 - written by ourselves


def cases_of(checks: Sequence[Check], judged: Verdict) -> dict[str, ElementTree.Element]:
    root = parsed(junit_xml(checks, judged))
    return {case.get("name", ""): case for case in root.iter("testcase")}


def state(case: ElementTree.Element) -> str:
    return next((tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None), "passed")


def test_each_outcome_has_its_state_and_only_gating_checks_fail() -> None:
    cases = cases_of(CHECKS, verdict(VerdictOutcome.RETRAIN, "it fails"))
    assert {name: state(case) for name, case in cases.items()} == {
        "a: Rank 1": "passed",
        "b: Rank 1": "failure",
        "c: Rank 1": "skipped",
        "d: Rank 1": "error",
        "e: Rank 1": "skipped",
        "f: Rank 1": "skipped",
        "verdict": "failure",
    }
    failure = cases["verdict"].find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("retrain", "retrain: it fails")
    assert (failure.text or "").splitlines() == ["retrain", "it fails", "and more"]


@pytest.mark.parametrize("outcome", list(VerdictOutcome))
def test_the_verdict_passes_only_where_it_is_deploy(outcome: VerdictOutcome) -> None:
    case = cases_of((), verdict(outcome))["verdict"]
    assert state(case) == ("passed" if outcome == "deploy" else "failure")


def test_counts_are_those_of_the_cases() -> None:
    suite = parsed(junit_xml(CHECKS, verdict(VerdictOutcome.UNFIT))).find("testsuite")
    assert suite is not None
    assert suite.attrib == {
        "name": "embedscope.own", "tests": "7", "failures": "2", "errors": "1", "skipped": "3",
    }  # fmt: skip


def test_another_reader_finds_the_same(tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    path = tmp_path / "checks.xml"
    path.write_text(junit_xml(CHECKS, verdict(VerdictOutcome.RETRAIN)), encoding="utf-8")
    read = junitparser.JUnitXml.fromfile(str(path))
    (suite,) = read
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 2, 1, 3)
    results = {case.name: [type(result).__name__ for result in case.result] for case in suite}
    assert results["b: Rank 1"] == ["Failure"]
    assert results["d: Rank 1"] == ["Error"]
    assert results["c: Rank 1"] == ["Skipped"]
    assert results["a: Rank 1"] == []


@given(st.text(alphabet=st.characters(max_codepoint=sys.maxunicode), max_size=40))
def test_any_text_leaves_the_file_readable(text: str) -> None:
    document = junit_xml(
        [check(Outcome.FAIL, identifier=text, reason=text)], verdict(VerdictOutcome.RETRAIN, text, text)
    )
    root = parsed(document)
    assert len(list(root.iter("testcase"))) == 2


def test_characters_that_xml_forbids_are_replaced_and_all_others_kept() -> None:
    text = "bell\x07 null\x00 half\ud800 \ufffe <&\"'> ]]> ấ 🏠\ttab\nline"
    case = next(iter(cases_of([check(Outcome.FAIL, reason=text)], verdict()).values()))
    failure = case.find("failure")
    assert failure is not None
    expected = text
    for illegal in "\x07\x00\ud800\ufffe":
        expected = expected.replace(illegal, "\ufffd")
    assert failure.text == failure.get("message") == f"Rank 1: {expected}"


def test_the_document_says_its_encoding_and_ends_with_a_line() -> None:
    document = junit_xml(CHECKS, verdict())
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="embedscope">')
    assert document.endswith("</testsuites>\n")


def test_several_sets_are_a_suite_each_and_one_for_the_verdict_on_all() -> None:
    found = tiny.sets()
    suites = parsed(junit_of_sets(found)).findall("testsuite")
    assert [suite.get("name") for suite in suites] == [
        "embedscope.first", "embedscope.second", "embedscope.comparison",
    ]  # fmt: skip
    assert [suite.get("tests") for suite in suites] == [str(len(tiny.checks()) + 1)] * 2 + ["1"]
    (case,) = suites[-1].findall("testcase")
    assert case.find("failure").get("type") == "retrain"  # type: ignore[union-attr]
