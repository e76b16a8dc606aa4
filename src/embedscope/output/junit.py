"""The checklist as JUnit XML, so that a CI system shows each check by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from embedscope.result import Check, Outcome, SeveralSets, Verdict, VerdictOutcome

_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(checks: Sequence[Check], verdict: Verdict) -> str:
    """A ``<testsuites>`` document: one test case a check, and one for the verdict.

    A failed gating check is a failure, an undecided or advisory one is skipped with its reason, one that cannot be
    computed is an error. The verdict's case fails unless the verdict is deploy.
    """
    return _document([_suite(f"embedscope.{verdict.profile}", checks, verdict)])


def junit_of_sets(found: SeveralSets) -> str:
    """The same of several sets: a test suite a set, and one whose only case is the verdict on all."""
    suites = [_suite(f"embedscope.{each.name}", each.checklist, each.verdict) for each in found.sets]
    return _document([*suites, _suite(f"embedscope.{found.verdict.profile}", (), found.verdict)])


def _suite(name: str, checks: Sequence[Check], verdict: Verdict) -> ElementTree.Element:
    cases = [_case(check) for check in checks] + [_verdict_case(verdict)]
    suite = ElementTree.Element(
        "testsuite",
        name=_legal(name),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
    )
    suite.extend(cases)
    return suite


def _document(suites: Sequence[ElementTree.Element]) -> str:
    root = ElementTree.Element("testsuites", name="embedscope")
    root.extend(suites)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(check: Check) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="embedscope.checklist", name=_legal(f"{check.id}: {check.title}"))
    message = _legal(check.sentence)
    if check.outcome is Outcome.NOT_COMPUTABLE and check.gating:
        ElementTree.SubElement(case, "error", message=message, type="not computable")
    elif check.outcome is Outcome.FAIL and check.gating:
        ElementTree.SubElement(case, "failure", message=message, type="fail").text = message
    elif check.outcome is not Outcome.PASS:
        ElementTree.SubElement(case, "skipped", message=message)
    else:
        ElementTree.SubElement(case, "system-out").text = message
    return case


def _verdict_case(verdict: Verdict) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="embedscope.verdict", name="verdict")
    text = _legal("\n".join([verdict.outcome.value, *verdict.reasons]))
    if verdict.outcome is VerdictOutcome.DEPLOY:
        ElementTree.SubElement(case, "system-out").text = text
    else:
        message = _legal(f"{verdict.outcome.value}: {verdict.headline}")
        ElementTree.SubElement(case, "failure", message=message, type=verdict.outcome.value).text = text
    return case


def _legal(text: str) -> str:
    """``text`` without the characters that XML 1.0 forbids: they would make the whole file unreadable."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
