"""Filters by looking: brushes, chips, filters of columns, chosen columns, more like this."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import Opener, Report
from tests.output.page.test_payload import many_points
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser

N = 60
CITIES = ("Rome", "Oslo", "Hue")
SHOWN = "bars => bars.map(bar => Number(bar.getAttribute('height')))"
IDS = """rows => rows.map(row => [parseFloat(row.style.transform.slice(11)), row.dataset.query])
    .sort((a, b) => a[0] - b[0]).map(([, id]) => id)"""


def payload() -> dict[str, Any]:
    """60 queries: ranks 1 to 30, each twice; similarities that rise; every third of one city."""
    found = many_points(2 * N, 40)
    rank = 1.0 + np.arange(N) // 2
    queries = replace(
        found.queries,
        texts=tuple(f"query {'x' * (row % 10)}" for row in range(N)),
        rank=rank,
        is_correct=rank == 1,
        positive_similarity=np.linspace(0.2, 0.8, N),
        metadata={
            "city": tuple(None if row % 10 == 9 else CITIES[row % 3] for row in range(N)),
            "year": tuple(str(2020 + row % 5) for row in range(N)),
        },
    )
    return tiny.payload(replace(found, queries=queries))


def histogram(report: Report, label: str) -> Any:
    return report.page.locator(f".filter[aria-label='{label}']")


def drag(report: Report, label: str, start: float, end: float) -> None:
    """Draw with the pointer from one part of the width of a histogram to another."""
    box = histogram(report, label).locator("svg").bounding_box()
    y = box["y"] + 20
    report.page.mouse.move(box["x"] + start * box["width"], y)
    report.page.mouse.down()
    report.page.mouse.move(box["x"] + end * box["width"], y, steps=5)
    report.page.mouse.up()


def chips(report: Report) -> list[str]:
    return [text.removesuffix("×").strip() for text in report.page.locator(".chip").all_inner_texts()]


def wait_for_selected(report: Report, n: int) -> None:
    report.page.wait_for_function(
        "n => document.querySelector('.selection-count strong')?.innerText === String(n)", arg=n
    )


def wait_for_chip(report: Report, end: str) -> None:
    report.page.wait_for_function(
        "end => document.querySelector('.chip > span')?.innerText.trim().replace(/0+$/, '').endsWith(end)", arg=end
    )


def test_a_brush_narrows_the_selection_and_the_other_histograms_but_not_its_own(open_report: Opener) -> None:
    report = open_report(payload(), "queries")
    own = histogram(report, "Best relevant").locator(".bar-shown").evaluate_all(SHOWN)
    other = histogram(report, "Rank").locator(".bar-shown").evaluate_all(SHOWN)
    drag(report, "Best relevant", 0.5, 0.99)
    report.wait_for_address("range=similarity+")
    wait_for_chip(report, "0.8")  # the end of the drag
    assert 15 < report.selected() < 45
    assert histogram(report, "Best relevant").locator(".bar-shown").evaluate_all(SHOWN) == own
    narrowed = histogram(report, "Rank").locator(".bar-shown").evaluate_all(SHOWN)
    assert narrowed[0] == 0
    assert sum(narrowed) < sum(other)
    assert histogram(report, "Rank").locator(".bar-whole").evaluate_all(SHOWN) == other
    [chip] = chips(report)
    assert chip.startswith("Best relevant 0.")
    report.page.click("[aria-label='Clear Best relevant']")
    wait_for_selected(report, N)
    assert report.complaints == []


def test_a_range_is_moved_resized_and_a_press_on_a_bar_selects_it_alone(open_report: Opener) -> None:
    report = open_report(payload(), "queries?range=similarity+0.3+0.5")
    width = histogram(report, "Best relevant").locator(".brush").bounding_box()["width"]
    middle, end = 1 / 3, 1 / 2  # the axis goes from 0.2 to 0.8
    drag(report, "Best relevant", middle, middle + 0.2)
    report.page.wait_for_function("() => !location.href.includes('similarity+0.3+0.5')")
    moved = histogram(report, "Best relevant").locator(".brush").bounding_box()
    assert moved["width"] == pytest.approx(width, abs=2)
    report.go("queries?range=similarity+0.3+0.5")
    drag(report, "Best relevant", end, 0.74)
    report.page.wait_for_function("() => /similarity\\+0.3\\+0.6/.test(location.href)")
    report.go("queries")
    box = histogram(report, "Rank").locator("svg").bounding_box()
    report.page.mouse.click(box["x"] + 12, box["y"] + 20)
    report.wait_for_address("range=rank+1+1")
    assert report.selected() == 2
    report.page.mouse.click(box["x"] + 14, box["y"] + 20)
    wait_for_selected(report, N)


def test_keys_move_both_ends_of_a_range_which_say_what_they_are(open_report: Opener) -> None:
    report = open_report(payload(), "queries")
    ends = histogram(report, "Rank").get_by_role("slider")
    low, high = ends.nth(0), ends.nth(1)
    assert [low.get_attribute("aria-label"), high.get_attribute("aria-label")] == ["Rank, at least", "Rank, at most"]
    low.focus()
    report.page.keyboard.press("ArrowRight")
    report.wait_for_address("range=rank+2+30")
    assert low.get_attribute("aria-valuetext") == "2"
    report.page.keyboard.press("Tab")
    report.page.keyboard.press("PageDown")
    report.wait_for_address("range=rank+2+20")
    assert report.selected() == 38
    report.page.keyboard.press("Home")  # not under the other end
    report.wait_for_address("range=rank+2+2")
    report.page.keyboard.press("End")
    report.wait_for_address("range=rank+2+30")
    low.focus()
    report.page.keyboard.press("Home")
    wait_for_selected(report, N)


def test_names_of_a_column_are_pressed_and_a_missing_one_is_a_name(open_report: Opener) -> None:
    report = open_report(payload(), "queries")
    city = histogram(report, "city")
    city.get_by_role("button", name="Oslo").click()
    report.wait_for_address("where=field+city&is=Oslo")
    assert chips(report) == ["city: Oslo"]
    assert city.get_by_role("button", name="Oslo").get_attribute("aria-pressed") == "true"
    city.get_by_role("button", name="none").click()
    report.wait_for_address("is=Oslo&none=")
    rows = range(N)
    assert report.selected() == sum(row % 10 == 9 or row % 3 == 1 for row in rows)
    assert chips(report) == ["city: Oslo, none"]


def test_every_kind_of_filter_is_a_chip_in_the_address_and_can_be_taken_away(open_report: Opener) -> None:
    address = "queries?search=x&show=failing&range=rank+2+20&range=length+7+12&where=field+city&is=Rome&contains=id+q"
    report = open_report(payload(), address)
    named = ["search “x”", "failing", "Rank 2 to 20", "Length 7 to 12", "city: Rome", "Id contains “q”"]
    assert chips(report) == named
    selected = report.selected()
    assert 0 < selected < N
    for left in range(len(named), 0, -1):
        assert report.page.locator(".chip").count() == left
        report.page.locator(".chip button").first.click()
        report.page.wait_for_function("n => document.querySelectorAll('.chip').length === n", arg=left - 1)
    assert report.selected() == N
    report.go(address)
    assert report.selected() == selected
    report.page.click("text=Clear all")
    wait_for_selected(report, N)
    report.page.wait_for_function("() => location.hash === '#queries'")


def test_an_address_that_another_report_wrote_leaves_out_what_this_one_lacks(open_report: Opener) -> None:
    report = open_report(
        payload(), "queries?range=field+price+1+2&where=field+city&is=Paris&sort=-field+price&column=zz"
    )
    assert chips(report) == []
    assert report.selected() == N


def test_the_menu_of_a_header_filters_its_column(open_report: Opener) -> None:
    report = open_report(payload(), "queries?column=text&column=rank&column=field+city")
    page = report.page
    page.click("[aria-label='Filter Rank']")
    page.get_by_role("spinbutton", name="Rank, at most").fill("3")
    page.keyboard.press("Enter")
    report.wait_for_address("range=rank+1+3")
    assert report.selected() == 6
    page.keyboard.press("Escape")
    page.locator(".menu-box").wait_for(state="detached")
    assert report.selected() == 6  # Esc closed the menu, not the selection
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Filter Rank (set)"
    page.click("[aria-label='Filter city']")
    page.get_by_role("checkbox", name="Hue").check()
    report.wait_for_address("is=Hue")
    page.keyboard.press("Escape")
    page.click("[aria-label='Filter Query']")
    page.fill("[aria-label='Query contains']", "xxxxx")
    report.wait_for_address("contains=text+xxxxx")
    wanted = [f"q{row}" for row in range(6) if row % 3 == 2 and row % 10 >= 5]
    assert page.locator(".table-row").evaluate_all(IDS) == wanted
    page.locator("main").click(position={"x": 700, "y": 600})
    page.wait_for_function("() => !document.querySelector('.menu-box')")


def test_columns_are_chosen_and_metadata_is_shown_and_sorted_by(open_report: Opener) -> None:
    report = open_report(payload(), "queries")
    page = report.page
    page.click("text=Columns")
    page.get_by_role("checkbox", name="year").check()
    page.get_by_role("checkbox", name="Best wrong document").uncheck()
    report.wait_for_address("column=field+year")
    page.keyboard.press("Escape")
    heads = page.locator("[role=columnheader]").all_inner_texts()
    assert [text.rstrip(" ↑↓") for text in heads][-1] == "year"
    assert "Best wrong document" not in heads
    page.click("[role=columnheader] >> text=year")
    report.wait_for_address("sort=field+year")
    assert page.locator(".table-row").evaluate_all(IDS)[:3] == ["q0", "q5", "q10"]
    assert page.inner_text("[data-query=q0] >> nth=0").split()[-1] == "2020"
    report.go(page.url.split("#")[1])
    assert [text.rstrip(" ↑↓") for text in page.locator("[role=columnheader]").all_inner_texts()][-1] == "year"
    page.click("text=Columns")
    page.click("text=Usual columns")
    page.wait_for_function("() => !location.href.includes('column=')")


def test_chosen_columns_that_do_not_fit_are_scrolled_to(open_report: Opener) -> None:
    chosen = "&".join(f"column={name}" for name in ("text", "rank", "similarity", "wrong", "length", "field+city"))
    report = open_report(payload(), f"queries?{chosen}", viewport={"width": 390, "height": 844})
    sizes = report.page.locator(".query-table .table").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert sizes[0] > sizes[1] > 0
    assert report.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_queries_like_one_are_listed_by_their_lists_and_selected(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "queries?query=q0")
    top = tiny.result().queries.top_documents
    weights = np.zeros((len(top), 6))
    np.put_along_axis(weights, top, 1 / np.log2(2 + np.arange(top.shape[1])), axis=1)
    unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    likeness = unit @ unit[0]
    order = [int(row) for row in np.argsort(-likeness, kind="stable") if row != 0 and likeness[row] > 0]
    section = report.page.locator(".detail [aria-label='More like this']")
    shown = section.locator("ul >> nth=0").locator("li").all_inner_texts()
    texts = tiny.result().queries.texts
    assert [next(row for row in order if texts[row] in line) for line in shown] == order
    assert all(f"{likeness[row]:.2f}" in line for row, line in zip(order, shown, strict=True))
    assert "Likeness is the cosine of the top lists" in section.inner_text()
    section.get_by_role("button", name="select these").click()
    report.wait_for_address("like=query+q0")
    assert report.selected() == len(order) + 1
    assert chips(report) == [f"like “{texts[0]}”"]


def test_documents_like_one_select_their_queries(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?document=d0")
    report.page.click("text=select their queries")
    report.wait_for_address("like=document+d0")
    assert chips(report) == [f"about documents like “{tiny.result().documents.texts[0]}”"]


def test_every_view_follows_a_brush(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "similarity?range=rank+1+1")
    report.page.wait_for_selector("text=2 of 4 queries")
    report.go("map?range=rank+1+1")
    assert report.selected() == 2
    assert chips(report) == ["Rank 1"]


def test_on_a_narrow_window_the_histograms_are_folded_until_asked_for(open_report: Opener) -> None:
    report = open_report(payload(), "queries", viewport={"width": 390, "height": 844})
    unfold = report.page.get_by_role("button", name="Filter by looking")
    assert unfold.get_attribute("aria-expanded") == "false"
    assert report.page.locator(".filter").count() == 0
    unfold.press("Enter")
    histogram(report, "Rank").locator("svg").wait_for()
    assert report.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert report.complaints == []


def test_a_button_that_is_released_outside_of_the_window_ends_the_brush(open_report: Opener) -> None:
    report = open_report(payload(), "queries")
    svg = histogram(report, "Best relevant").locator("svg")
    box = svg.bounding_box()
    y = box["y"] + 20
    report.page.mouse.move(box["x"] + 0.3 * box["width"], y)
    report.page.mouse.down()
    report.page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=3)
    before = report.selected()
    # What the browser says when the pointer comes back without a button pressed.
    moved = {"bubbles": True, "pointerId": 1, "buttons": 0, "clientX": box["x"] + 0.9 * box["width"], "clientY": y}
    svg.dispatch_event("pointermove", moved)
    svg.dispatch_event("pointermove", {**moved, "buttons": 1})
    assert report.selected() == before


def test_the_usual_histograms_fit_beside_each_other_and_leave_most_of_the_window_to_the_table(
    open_report: Opener,
) -> None:
    report = open_report(tiny.payload(), "queries", viewport={"width": 1440, "height": 900})
    row = report.page.locator(".filters-row").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert row[0] <= row[1]
    assert report.page.locator(".table-body").bounding_box()["height"] > 900 / 2
