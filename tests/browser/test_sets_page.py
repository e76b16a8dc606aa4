"""The page of several sets in a real browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.browser.conftest import Opener
from tests.support import tiny_run as tiny

from embedscope.output.page.sets_payload import sets_payload
from embedscope.result.report import sets_report

pytestmark = pytest.mark.browser


def payload(**changes: Any) -> Any:
    return sets_payload(sets_report(replace(tiny.sets(), **changes)))


def test_each_set_is_a_row_with_a_link_to_its_page_and_the_mean_stands_last(open_report: Opener) -> None:
    report = open_report(payload())
    page = report.page
    assert page.inner_text("h1") == "Retrain"
    assert page.inner_text(".headline").startswith("Forgetting: surely worse than a/epoch3.pt on second")
    rows = [row.split("\t")[0] for row in page.locator(".sets tbody tr").all_inner_texts()]
    assert rows == ["first", "second", "mean of the sets"]
    links = [link.get_attribute("href") for link in page.locator(".sets tbody a").all()]
    assert links == ["sets/first/report.html", "sets/second/report.html"]
    assert "+0.400" in page.inner_text(".sets tbody tr >> nth=0")
    assert page.locator(".sets tbody tr >> nth=1").locator(".tone-wrong").count() == 1
    assert report.complaints == []


def test_another_metric_shows_its_figures(open_report: Opener) -> None:
    report = open_report(payload())
    page = report.page
    page.select_option("select[aria-label=Metric]", "Success@1")
    shown = tiny.result().metrics["Success@1"].value
    assert f"{shown:.3f}" in page.inner_text(".sets tbody tr >> nth=0")
    assert "Success@1" in page.inner_text(".sets thead")


def test_a_model_on_its_own_has_no_differences(open_report: Opener) -> None:
    found = tiny.sets()
    sets = tuple(replace(each, comparisons=()) for each in found.sets)
    page = open_report(payload(reference=None, sets=sets, macro=replace(found.macro, comparisons=()))).page
    assert "Difference" not in page.inner_text(".sets thead")
    assert page.locator("h2").all_inner_texts() == ["Sets", "Means over the sets", "Every reason"]


def test_no_name_or_folder_of_a_set_becomes_program_or_leads_elsewhere(open_report: Opener) -> None:
    first, *_ = tiny.sets().sets
    folders = ("javascript:window.pwned=1", "sets/../..", "https://example.org", "sets/fine")
    texts = [text[:2000] for text in tiny.HOSTILE]
    sets = tuple(replace(first, name=text, folder=folders[place % len(folders)]) for place, text in enumerate(texts))
    report = open_report(payload(sets=sets))
    page = report.page
    assert page.evaluate("window.pwned") is None
    assert {link.get_attribute("href") for link in page.locator(".sets a").all()} == {"sets/fine/report.html"}
    assert report.complaints == []


def test_long_names_stay_apart_and_the_page_stays_within_a_phone(open_report: Opener) -> None:
    found = tiny.sets()
    names = [f"a_set_whose_name_is_long_and_has_no_blank_at_all_{number}" for number in range(len(found.sets))]
    sets = tuple(replace(each, name=name) for each, name in zip(found.sets, names, strict=True))
    page = open_report(payload(sets=sets), viewport={"width": 390, "height": 844}).page
    shown = page.locator(".sets tbody th a").all_inner_texts()
    assert len(set(shown)) == len(names)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    score = page.locator(".sets tbody tr >> nth=0").locator("td.strong").first.bounding_box()
    assert score["x"] + score["width"] <= 390


def test_the_lexical_baseline_is_named_as_it_was_measured(open_report: Opener) -> None:
    found = tiny.sets()
    both = tuple(
        replace(each, lexical_baseline=name) for each, name in zip(found.sets, ("BM25", "n-grams"), strict=True)
    )
    page = open_report(payload(sets=both)).page
    said = "Lexical is the stronger baseline of each set: BM25 on 1 set and n-grams on 1 set."
    assert page.locator("section", has_text="Means over the sets").locator(".note").inner_text() == said
    page = open_report(payload(sets=tuple(replace(each, lexical_baseline="n-grams") for each in both))).page
    assert "Lexical is n-grams on every set." in page.inner_text("main")
