"""Promises of single views: the legend, the reasons, narrow windows, words that differ, sentences said once."""

from __future__ import annotations

import pytest
from tests.browser.conftest import Opener
from tests.browser.test_report import VIEWS
from tests.support import tiny_run as tiny

from embedscope.output.page.packing import text_column

pytestmark = pytest.mark.browser


def test_entries_of_the_legend_are_added_and_taken_away_one_by_one(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?colour=outcome")
    right, wrong = (report.page.locator(".legend button").nth(i) for i in (0, 1))
    right.click()
    assert report.selected() == 3
    wrong.click()
    assert report.selected() == 4
    report.wait_for_address("legend=outcome+0+0+1")
    assert report.page.inner_text(".chip").startswith("Query, right at ran… and 1 more")
    right.click()
    assert report.selected() == 1
    report.go(report.page.evaluate("location.hash.slice(1)"))
    assert report.selected() == 1
    assert [button.get_attribute("aria-pressed") for button in (right, wrong)] == ["false", "true"]
    wrong.click()
    assert report.page.locator(".chip").count() == 0


def test_a_check_that_passes_is_no_reason(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["report"]["verdict"]["reasons"] += ["Positive-negative margin: 0.4, must be > 0.25"]
    page = open_report(payload).page
    assert page.locator(".reasons li").all_inner_texts() == ["A second reason."]


@pytest.mark.parametrize("width", [390, 1440])
def test_the_figures_of_the_space_are_seen_in_every_width(open_report: Opener, width: int) -> None:
    page = open_report(tiny.payload(), "space", viewport={"width": width, "height": 844}).page
    cells = page.locator(".space-figures tbody tr td:nth-child(2)")
    assert cells.count() > 8
    for cell in cells.all():
        box = cell.bounding_box()
        assert box["x"] + box["width"] <= width, cell.inner_text()


def test_the_tab_of_the_view_is_in_sight_on_a_phone(open_report: Opener) -> None:
    report = open_report(tiny.payload(), viewport={"width": 390, "height": 844})
    for view in ("compare", "space", "verdict", "serving"):
        report.go(view)
        box = report.page.locator("nav [aria-current]").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390, view


def test_texts_that_share_few_words_have_none_marked_and_say_so(open_report: Opener) -> None:
    payload = tiny.payload()
    texts = list(tiny.result().documents.texts)
    texts[1], texts[3] = "alpha beta gamma delta epsilon", "alpha one two three four"
    payload["documents"]["texts"] = text_column(texts)
    payload["explanations"] = None
    payload["report"]["explanations"] = None
    page = open_report(payload, "queries?query=q1").page
    assert page.locator(".versus mark").count() == 0
    assert "More than 60 % of the words differ" in page.inner_text(".versus")
    sides = [side.bounding_box() for side in page.locator(".versus-side").all()]
    assert sides[0]["y"] == sides[1]["y"]
    texts[3] = "alpha beta gamma three four"  # 4 of 10 words differ
    payload["documents"]["texts"] = text_column(texts)
    page = open_report(payload, "queries?query=q1").page
    assert page.locator(".versus mark").all_inner_texts() == ["delta epsilon", "three four"]


def test_serving_gives_one_reason_once(open_report: Opener) -> None:
    payload = tiny.payload()
    report = payload["report"]
    report["not_measured"] = {"robustness": "not asked for", "deployment": "not asked for"}
    report |= {"robustness": None, "deployment": None}
    first, last = report["thresholds"]["choices"]
    report["thresholds"]["choices"] = [first, *({**last, "wanted": wanted} for wanted in (0.8, 0.9, 0.95))]
    page = open_report(payload, "serving").page
    rows = page.locator(".cuts tbody tr").all_inner_texts()
    assert len(rows) == 2
    assert rows[1].split("\t") == ["80 %, 90 %, 95 %", "too few"]
    assert page.inner_text(".serving").count("not asked for") == 1
    assert "Bytes, Spellings: not asked for." in page.inner_text(".serving")


@pytest.mark.parametrize("name", ["single", "compare"])
def test_no_view_is_wider_than_the_window(open_report: Opener, name: str) -> None:
    report = open_report(tiny.payload() if name == "single" else tiny.training_payload())
    for view in (*VIEWS, "queries?query=q1") if name == "single" else ("compare", "training"):
        report.go(view)
        for width in (390, 820, 1440, 1920):
            report.page.set_viewport_size({"width": width, "height": 1000})
            report.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


def test_on_a_phone_a_finding_has_the_whole_width_for_its_words(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "failures", viewport={"width": 390, "height": 844}).page
    titles = page.locator(".finding-title")
    assert titles.count() > 0
    assert min(title.bounding_box()["width"] for title in titles.all()) > 330


def test_a_table_that_is_cut_is_reached_and_scrolled_by_keys_and_one_that_fits_is_no_stop(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "verdict", viewport={"width": 390, "height": 844}).page
    box = page.locator(".scroll-x[tabindex='0']").first
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.activeElement.scrollLeft > 0")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_selector(".scroll-x[tabindex]", state="detached")
