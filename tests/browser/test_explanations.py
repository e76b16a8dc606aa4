"""Which words decide a failure, in a real browser: pointed at, struck, restored, selected by."""

from __future__ import annotations

import pytest
from tests.browser.conftest import Opener
from tests.support import tiny_run as tiny

from embedscope.output.page.packing import text_column

pytestmark = pytest.mark.browser

WINNER = ".explained .versus-side.is-wrong"


def test_pointing_at_a_word_says_what_leaving_it_out_does(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "queries?query=q1").page
    readout = page.locator(".readout")
    decisive = "Leaving out “2” of the wrong document moves the difference from −0.200 to +0.050; "
    assert readout.inner_text() == decisive + "the relevant document is then first."
    page.hover(f"{WINNER} .deletion >> text=nhà")
    assert "from −0.200 to −0.080; the wrong document stays ahead." in readout.inner_text()
    page.hover(f"{WINNER} [aria-label='Whole passage']")
    assert "“nhà nguyên căn” of the wrong document moves the difference from −0.200 to +0.010" in readout.inner_text()
    assert readout.inner_text().endswith("then passes the wrong one, but another is first.")


def test_words_are_marked_by_more_than_colour(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "queries?query=q1").page
    style = "e => { const s = getComputedStyle(e); return [s.borderBottomStyle, s.fontWeight, s.outlineStyle]; }"
    assert page.locator(f"{WINNER} .deletion >> text=2").evaluate(style) == ["solid", "700", "none"]
    assert page.locator(".explained .versus-side.is-right .deletion >> text=tầng").evaluate(style)[0] == "dotted"
    assert page.locator(".explained .detail-query .deletion >> text=3").evaluate(style)[2] == "dashed"
    assert page.locator(".explained .deletion[aria-label]").all_inner_texts() == ["§"]
    assert "Not seen by the model, dashed above: “3”." in page.inner_text(".explained")
    legend = page.locator(".deletion-legend .deletion").all_inner_texts()
    assert legend == ["−0.150", "−0.075", "−0.025", "+0.025", "+0.075", "+0.150"]


def test_one_word_is_struck_at_a_time_and_restored_by_escape_or_a_second_press(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "queries?query=q1")
    page = report.page
    struck = page.locator(".explained .is-struck")
    page.click(f"{WINNER} .deletion >> text=tầng")
    assert struck.all_inner_texts() == ["tầng"]
    page.click(".explained .detail-query .deletion >> text=thuê")
    assert struck.all_inner_texts() == ["thuê"]
    assert struck.get_attribute("aria-pressed") == "true"
    page.mouse.move(1, 1)
    assert "“thuê” of the query" in page.inner_text(".readout")
    page.keyboard.press("Escape")
    assert struck.count() == 0
    assert page.locator(".detail").count() == 1
    page.click(".explained .detail-query .deletion >> text=thuê")
    page.click(".explained .detail-query .deletion >> text=thuê")
    assert struck.count() == 0
    page.keyboard.press("Escape")
    assert page.locator(".detail").count() == 0
    assert report.complaints == []


def test_a_text_is_one_stop_of_the_tab_key_and_arrows_go_from_word_to_word(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "queries?query=q1").page
    focused = "() => document.activeElement.textContent"
    assert page.locator(".explained [tabindex='0']").all_inner_texts() == ["nhà", "nhà", "2"]
    page.focus(".explained .detail-query [tabindex='0']")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "3"
    assert "“3” of the query" in page.inner_text(".readout")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.locator(".explained .is-struck").all_inner_texts() == ["tầng"]
    page.keyboard.press("Home")
    assert page.evaluate(focused) == "thuê"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('.versus-side').className") == "versus-side is-right"


def test_another_document_is_compared_by_the_words_that_differ_and_back(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "queries?query=q1").page
    page.click("ol.hits .hit:nth-child(2) >> text=compare")
    assert page.locator(".explained").count() == 0
    assert page.locator(".versus .pieces").count() == 2
    page.click("text=Words that decide")
    assert page.locator(".explained").count() == 1


def test_a_failure_that_was_not_looked_at_says_so_and_a_right_query_nothing(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["report"]["explanations"] |= {"failures": [], "n_failures": 7}
    payload["explanations"] = None
    report = open_report(payload, "queries?query=q1")
    assert "Which words decide is not known: 0 of 7 failures were looked at" in report.page.inner_text(".detail")
    report.go("queries?query=q0")
    assert "not known" not in report.page.inner_text(".detail")
    payload["report"] |= {"explanations": None, "not_measured": {"explanations": "vectors without a model"}}
    page = open_report(payload, "queries?query=q1").page
    assert "Which words decide is not known: vectors without a model." in page.inner_text(".detail")
    assert page.locator(".versus mark").all_inner_texts() == ["3", "2"]


def test_a_word_selects_the_failures_that_it_decides_in_every_view(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "failures")
    page = report.page
    assert page.locator(".deciding tbody tr").inner_text().split("\t")[:4] == [
        "“2”",
        "the wrong document",
        "1",
        "100 %",
    ]
    page.click(".deciding >> text=“2”")
    assert report.selected() == 1
    assert "decided by “2”" in page.inner_text(".chips")
    report.wait_for_address("word=0")
    page.click(".deciding >> text=queries")
    assert page.locator(".table-row").get_attribute("data-query") == "q1"


def test_minimal_pairs_show_their_share_and_what_was_changed(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "failures").page
    number, negation = page.locator(".minimal-pairs tbody tr").all()
    assert number.inner_text().split("\t")[:3] == ["number", "30", "60 %"]
    assert number.locator("mark").all_inner_texts() == ["3", "4", "ba"]
    assert "no text states one" in negation.inner_text()


def test_the_queries_of_a_mode_show_what_speaks_for_it(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["queries"]["failure_evidence"] = text_column(["", "“3” is ignored: the winner has “2”", "", ""])
    report = open_report(payload, "failures")
    report.page.click(".modes button >> nth=0")
    assert "thuê nhà 3 tầng" in report.page.inner_text(".mode-evidence")
    assert "“3” is ignored: the winner has “2”" in report.page.inner_text(".mode-evidence")
    report.go("queries?query=q1")
    assert "“3” is ignored: the winner has “2”" in report.page.inner_text(".detail")


def test_right_and_wrong_stand_side_by_side_and_on_a_phone_under_each_other(open_report: Opener) -> None:
    for width, is_beside in ((1280, True), (390, False)):
        page = open_report(tiny.payload(), "queries?query=q1", viewport={"width": width, "height": 800}).page
        right, wrong = (page.locator(f".versus-side.is-{side}").bounding_box() for side in ("right", "wrong"))
        assert (right["y"] == wrong["y"]) is is_beside
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
