"""Every view for everybody: what axe-core finds, what the keyboard reaches, what forced colours leave, less motion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import Opener, Report, absent
from tests.browser.test_migration_page import moved_payload
from tests.browser.test_report import EVERY_VIEW, place
from tests.browser.test_sets_page import payload as sets_payload
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
WHAT_AXE_FINDS = """async only => {
    // Tabs are links to addresses of views, not to places in the page.
    const rules = only ? { runOnly: only } : { rules: { 'skip-link': { enabled: false } } };
    const { violations } = await axe.run(document, { resultTypes: ['violations'], ...rules });
    const worded = ({ impact, id, nodes }) => nodes.map(({ target }) => `${impact} ${id}: ${target.join(' ')}`);
    return violations.flatMap(worded);
}"""

WIDE = 1440
OPENED = ("queries?query=q1", "queries?document=d1", "map?query=q1&colour=outcome", "map?document=d1")
PAGES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "single": (tiny.payload, (*EVERY_VIEW[:-1], *OPENED)),
    "failing": (tiny.payload, ("verdict?show=failing", "similarity?show=failing", "failures?show=failing")),
    "compare": (tiny.comparison_payload, ("verdict", "compare", "compare?query=q1")),
    "training": (tiny.training_payload, ("training", "training?query=q1")),
    "sets": (sets_payload, ("",)),
    "migration": (moved_payload, ("",)),
}
EACH_PAGE = pytest.mark.parametrize("name", PAGES)


UNFOLD = """async () => {
    document.querySelectorAll('details.section').forEach(fold => fold.open = true);
    for (let i = 0; i < 2; i++) await new Promise(done => requestAnimationFrame(done));
}"""


def views(open_report: Opener, name: str, **options: Any) -> Iterator[tuple[str, Report]]:
    """Each view of a page in turn, with every fold open."""
    payload, addresses = PAGES[name]
    report = open_report(payload(), addresses[0], **options)
    report.page.add_init_script(NOTE_WHO_LISTENS)
    for view in addresses:
        report.go(view)
        report.page.evaluate(UNFOLD)
        yield view, report
    assert report.complaints == []


@EACH_PAGE
@pytest.mark.parametrize("width", [390, WIDE])
def test_axe_finds_nothing_in_any_view_light_or_dark(open_report: Opener, name: str, width: int) -> None:
    if not AXE.is_file():
        absent("axe-core is not installed (cd web && npm ci)")
    found = []
    source = AXE.read_text(encoding="utf-8")
    for view, report in views(open_report, name, viewport={"width": width, "height": 844}, color_scheme="light"):
        report.page.evaluate(source)
        found += [f"{view}, {fault}" for fault in report.page.evaluate(WHAT_AXE_FINDS, None)]
        if width == WIDE:  # colours do not depend on the width
            report.page.emulate_media(color_scheme="dark")
            found += [f"{view}, dark, {fault}" for fault in report.page.evaluate(WHAT_AXE_FINDS, ["color-contrast"])]
            report.page.emulate_media(color_scheme="light")
    assert found == []


NOTE_WHO_LISTENS = """
const listen = EventTarget.prototype.addEventListener;
const GESTURES = ['click', 'pointerdown', 'mousedown', 'wheel', 'pointermove', 'pointerover', 'mousemove'];
window.listening = new Set();
EventTarget.prototype.addEventListener = function (type, ...others) {
    if (this instanceof Element && GESTURES.includes(type)) window.listening.add(this);
    return listen.call(this, type, ...others);
};
"""
REACHABLE = "a[href], button, input, select, textarea, summary, [tabindex]"
PLACES = f"""() => [...document.querySelectorAll('{REACHABLE}')]
    .filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({{ visibilityProperty: true }}))
    .map((e, i) => {{
        e.dataset.place = i;
        return `${{e.tagName}} ${{e.getAttribute('aria-label') ?? e.textContent}}`.slice(0, 60);
    }})"""
FOCUSED = """() => {
    const e = document.activeElement;
    if (e === document.body) return null;
    const { top, bottom } = e.getBoundingClientRect();
    const ringed = [e, ...e.querySelectorAll('circle')].map(part => getComputedStyle(part));
    return {
        place: Number(e.dataset.place ?? -1),
        isRinged: ringed.some(({ outlineStyle, strokeWidth }) => outlineStyle !== 'none' || strokeWidth === '4px'),
        isInSight: bottom > 0 && top < innerHeight,
    };
}"""
BY_POINTER_ALONE = f"""() => [...window.listening]
    .filter(e => e.isConnected && !e.closest('{REACHABLE}, label') && !e.querySelector('[tabindex]'))
    .map(e => e.outerHTML.slice(0, 100))"""


@EACH_PAGE
def test_tab_reaches_everything_in_the_order_of_the_page_with_a_ring_and_leaves_it(
    open_report: Opener, name: str
) -> None:
    for view, report in views(open_report, name):
        names = report.page.evaluate(PLACES)
        walked = []
        for _ in range(len(names) + 1):
            report.page.keyboard.press("Tab")
            focused = report.page.evaluate(FOCUSED)
            if focused is None or focused["place"] in [before["place"] for before in walked]:
                break
            walked.append(focused)
        assert [names[each["place"]] for each in walked] == names, view
        assert [names[each["place"]] for each in walked if not each["isRinged"]] == [], view
        assert [names[each["place"]] for each in walked if not each["isInSight"]] == [], view
        assert report.page.evaluate(BY_POINTER_ALONE) == [], view


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_what_is_pressed_by_a_pointer_is_pressed_by_enter_and_space(open_report: Opener, key: str) -> None:
    report = open_report(tiny.payload(), "map?colour=outcome")
    page = report.page
    page.focus(".legend button >> nth=0")
    page.keyboard.press(key)
    assert report.selected() == 3
    page.focus(".chip button")
    page.keyboard.press(key)
    assert report.selected() == 4
    page.focus(".export summary")
    page.keyboard.press(key)
    page.wait_for_selector(".export-menu", state="visible")
    page.focus(".listed button >> nth=0")
    page.keyboard.press(key)
    page.wait_for_selector(".detail")


def test_arrows_move_what_a_pointer_drags(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "similarity")
    page = report.page
    before = page.get_attribute(".threshold", "aria-valuenow")
    page.focus(".threshold")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('.threshold').ariaValueNow !== before", arg=before)
    report.go("map")
    page.focus(".faith input")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.faith output').innerText !== 'off'")


def test_escape_leaves_the_search_then_the_document_then_the_query_then_the_selection(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "queries?query=q1&document=d1&show=failing")
    page = report.page
    page.focus("#search")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    assert page.get_attribute(".detail", "aria-label") == "Document"
    page.keyboard.press("Escape")
    page.wait_for_selector(".detail[aria-label=Query]")
    page.keyboard.press("Escape")
    page.wait_for_selector(".detail", state="detached")
    assert report.selected() == 1
    page.keyboard.press("Escape")
    page.wait_for_selector("text=Clear", state="detached")
    assert report.selected() == 4


def test_the_first_stop_leads_past_the_tabs(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "failures")
    page = report.page
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to the content"
    assert page.locator(":focus").bounding_box()["width"] > 50
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    report.wait_for_address("#failures")


def test_forced_colours_leave_scales_signs_and_choices_to_be_seen(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?colour=outcome", forced_colors="active")
    page = report.page
    background = "e => getComputedStyle(e).backgroundColor"
    paper = page.locator("body").evaluate(background)
    swatches = [each.evaluate(background) for each in page.locator(".legend .swatch").all()]
    assert len(set(swatches)) == len(swatches)
    assert paper not in swatches
    page.click(".legend button >> nth=0")
    assert page.locator(".legend [aria-pressed=true]").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    report.go("verdict")
    for part in (".scale-value", ".scale-interval", ".scale-threshold"):
        assert page.locator(part).first.evaluate(background) != paper, part


def test_points_go_to_another_map_at_once_where_less_motion_is_wanted(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none", reduced_motion="reduce")
    page = report.page
    page.click("text=UMAP")
    report.wait_for_address("map=1")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.mouse.move(*place(report, 1, 1))
    page.wait_for_selector(".map-canvas .card")
    assert "phòng trọ quận 1" in page.inner_text(".map-canvas .card")
