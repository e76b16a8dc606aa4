"""The report in a real browser, from its file and without a network."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.browser.conftest import Opener, Report
from tests.output.page.test_payload import many_points
from tests.support import tiny_run as tiny

from embedscope.output.page import html
from embedscope.output.page.packing import text_column
from embedscope.result import Theme

pytestmark = pytest.mark.browser

VIEWS = ("verdict", "map", "queries", "similarity", "failures", "space", "serving", "compare")
EVERY_VIEW = (*VIEWS, "training")
QUERY_BLUE = (0x00, 0x72, 0xB2)
MARGIN = 0.92  # share of the smaller side that the map fills


def place(report: Report, x: float, y: float) -> tuple[float, float]:
    """Pixels of the window of a place on the map, given in its frame ([-1, 1], y up)."""
    box = report.page.locator(".map-overlay").bounding_box()
    scale = min(box["width"], box["height"]) / 2 * MARGIN
    return box["x"] + box["width"] / 2 + x * scale, box["y"] + box["height"] / 2 - y * scale


def colour_at(report: Report, x: float, y: float) -> tuple[int, ...]:
    picture = Image.open(io.BytesIO(report.page.screenshot())).convert("RGB")
    pixel = picture.getpixel((round(x), round(y)))
    assert isinstance(pixel, tuple)
    return tuple(int(part) for part in pixel)


def is_near(colour: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 45) -> bool:
    return max(abs(a - b) for a, b in zip(colour, wanted, strict=True)) <= tolerance


def draw_lasso(report: Report, corners: list[tuple[float, float]]) -> None:
    mouse = report.page.mouse
    for i, corner in enumerate([*corners, corners[0]]):
        mouse.move(*place(report, *corner), steps=4)
        if i == 0:
            mouse.down()
    mouse.up()


def test_it_opens_from_its_file_without_a_network_a_request_or_a_complaint(open_report: Opener) -> None:
    report = open_report(tiny.payload())
    for view in VIEWS:
        report.go(view)
        report.page.wait_for_timeout(150)
    assert report.complaints == []
    assert {url.split(":")[0] for url in report.requests} <= {"file", "about", "data"}


def test_the_verdict_is_one_word_and_one_sentence(open_report: Opener) -> None:
    page = open_report(tiny.payload()).page
    assert page.inner_text("h1") == "Retrain"
    assert page.inner_text(".headline") == "Mean off-diagonal similarity: 0.7, must be < 0.6."
    assert page.locator(".check").count() == 4
    assert page.locator(".check-outcome").all_inner_texts() == ["pass", "fail", "undecided", "not computable"]


def test_views_are_switched_by_their_links_and_kept_in_the_address(open_report: Opener) -> None:
    report = open_report(tiny.payload())
    for view in VIEWS[1:]:
        report.page.click(f"nav a[href='#{view}']")
        report.wait_for_address(f"#{view}")
        assert report.page.get_attribute(f"nav a[href='#{view}']", "aria-current") == "page"
    report.page.go_back()
    report.wait_for_address("#serving")
    assert report.page.locator(".serving").is_visible()


def test_views_without_findings_are_not_shown(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["points"] = None
    payload["report"] |= {"comparisons": [], "negative_types": {}, "leakage": None, "maps_absent": {}, "findings": []}
    payload["report"] |= {"failure_modes": {}, "geometry": None, "thresholds": None, "robustness": None}
    payload["report"] |= {"deployment": None, "explanations": None}
    payload["report"]["data"] |= {"contradictions": [], "warnings": []}
    page = open_report(payload).page
    assert page.locator("nav a").all_inner_texts() == ["Verdict", "Queries", "Similarity"]


def test_the_points_of_the_map_are_drawn_where_they_belong(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none")
    report.page.wait_for_timeout(300)
    assert is_near(colour_at(report, *place(report, -1, -1)), QUERY_BLUE)
    assert is_near(colour_at(report, *place(report, 0, 0)), (0, 0x9E, 0x73))
    assert is_near(colour_at(report, *place(report, 0.2, 0.7)), (255, 255, 255))


def test_without_webgl_the_map_is_drawn_all_the_same(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none", webgl=False)
    report.page.wait_for_timeout(300)
    assert report.page.evaluate("document.createElement('canvas').getContext('webgl2')") is None
    assert "without WebGL2" in report.page.inner_text(".faith")
    assert is_near(colour_at(report, *place(report, -1, -1)), QUERY_BLUE)
    report.page.mouse.move(*place(report, -1, -1))
    assert "phòng trọ quận 1" in report.page.inner_text(".map-canvas .card")
    assert [line for line in report.complaints if "WebGL" not in line] == []


def test_a_lasso_filters_the_table(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map")
    report.page.click("text=Lasso")
    draw_lasso(report, [(-1.06, -1.06), (-0.8, -1.06), (-0.8, 1.06), (-1.06, 1.06)])
    assert report.selected() == 2
    report.page.click("nav a[href='#queries']")
    shown = report.page.locator(".table-row").evaluate_all("rows => rows.map(r => r.dataset.query)")
    assert sorted(shown) == ["q0", "q2"]
    report.page.click("[aria-label='Remove this filter']")
    assert report.selected() == 4


def test_a_lasso_comes_back_from_the_address(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "queries?lasso=0+-1.1+-1.1+-0.9+-1.1+-0.9+1.1+-1.1+1.1")
    assert report.selected() == 2


def test_hovering_a_query_says_its_rank_and_what_beat_it(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map")
    report.page.wait_for_timeout(200)
    report.page.mouse.move(*place(report, 1, -1))
    card = report.page.inner_text(".map-canvas .card")
    assert "rank 3" in card
    assert "thuê nhà 3 tầng" in card
    assert "nhà nguyên căn, 2 tầng" in card


def test_clicking_a_point_opens_it(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map")
    report.page.wait_for_timeout(200)
    report.page.mouse.click(*place(report, 1, -1))
    assert "Rank 3" in report.page.inner_text(".detail")
    report.wait_for_address("query=q1")
    report.page.mouse.click(*place(report, 0, 0))
    assert "chung cư mini" in report.page.inner_text(".detail")
    assert report.page.locator(".detail .listed >> nth=0").locator("li").count() == 2


def test_switching_maps_moves_the_points(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none")
    report.page.wait_for_timeout(200)
    report.page.click("text=UMAP")
    report.page.wait_for_timeout(1_600)
    report.wait_for_address("map=1")
    assert is_near(colour_at(report, *place(report, 1, 1)), QUERY_BLUE)
    report.page.mouse.move(*place(report, 1, 1))
    assert "phòng trọ quận 1" in report.page.inner_text(".map-canvas .card")


def test_the_legend_counts_what_is_selected_and_selects(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?show=failing")
    legend = report.page.locator(".legend")
    assert legend.inner_text().split() == ["Query", "1", "Positive", "1", "Hard", "negative", "1"]
    report.go("map?colour=outcome")
    report.page.click(".legend button >> nth=1")
    assert report.selected() == 1


def test_the_slider_fades_what_the_map_distorts(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none")
    report.page.wait_for_timeout(200)
    before = colour_at(report, *place(report, -1, -1))
    report.page.fill(".faith input", "0.5")
    report.page.wait_for_timeout(200)
    assert "4 under 50 %" in report.page.inner_text(".faith output")
    after = colour_at(report, *place(report, -1, -1))
    assert is_near(before, QUERY_BLUE)
    assert min(after) > 180


def shown_labels(page: Any) -> dict[str, dict[str, float]]:
    """The names on the map that are seen, and where."""
    found = page.locator(".map-labels bdi").evaluate_all(
        "all => all.filter(e => e.checkVisibility({visibilityProperty: true}))"
        ".map(e => [e.textContent, e.getBoundingClientRect().toJSON()])"
    )
    return dict(found)


def test_names_of_themes_lie_over_no_other_and_grow_in_number_with_the_zoom(open_report: Opener) -> None:
    report = open_report(themed_payload(), "map")
    page = report.page
    page.wait_for_selector(".map-labels bdi")
    before = shown_labels(page)
    assert 2 < len(before) <= 12
    for _ in range(4):
        page.click("[aria-label='Zoom in']")
    page.wait_for_timeout(600)
    after = shown_labels(page)
    assert len(after) > len(before)
    for boxes in (list(before.values()), list(after.values())):
        for a, b in itertools.combinations(boxes, 2):
            assert (
                a["right"] <= b["left"] or b["right"] <= a["left"] or a["bottom"] <= b["top"] or b["bottom"] <= a["top"]
            )
    assert report.complaints == []


def test_names_of_themes_catch_no_pointer_are_hidden_from_screen_readers_and_can_be_left_out(
    open_report: Opener,
) -> None:
    report = open_report(tiny.payload(), "map")
    report.page.wait_for_selector(".map-labels bdi")
    assert set(shown_labels(report.page)) == {"phòng trọ", "nhà nguyên căn", "chung cư"}
    assert report.page.get_attribute(".map-labels", "aria-hidden") == "true"
    report.page.mouse.click(*place(report, 0, 0))
    assert "chung cư mini" in report.page.inner_text(".detail")
    report.page.click(".map-tools button:has-text('Themes')")
    report.page.wait_for_selector(".map-labels bdi", state="detached")
    report.wait_for_address("labels=none")
    report.go("map?labels=none&colour=column0")
    assert shown_labels(report.page) == {}
    assert "web" in report.page.inner_text(".legend")


def themed_payload() -> dict[str, Any]:
    """A page of 400 points with forty themes, of which the broad ones are twenty."""
    found = many_points(400, 10)
    generator = np.random.default_rng(0)
    layout = replace(found.maps["tsne"], xy=generator.normal(size=(400, 2)).astype(np.float32))
    themes = tuple(Theme(f"name of theme {i}", i // 20, 40 - i, 3, {"tsne": 9 * i}) for i in range(40))
    points = replace(found.points, themes=np.arange(400) % 20)
    return tiny.payload(replace(found, maps={"tsne": layout}, themes=themes, points=points))


def test_search_without_marks_finds_texts_with_marks(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "queries")
    report.page.fill("#search", "phong tro")
    assert report.selected() == 1
    assert report.page.locator(".table-row").get_attribute("data-query") == "q0"
    report.page.fill("#search", "no such words")
    assert "No query passes every filter" in report.page.inner_text(".table-body")
    report.page.click("text=Clear")
    assert report.selected() == 4


def test_a_row_opens_its_query_with_the_words_that_differ(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "queries").page
    page.click("[data-query=q1]")
    detail = page.locator(".detail")
    page.click("text=Words that differ")
    assert detail.locator(".versus mark").all_inner_texts() == ["3", "2"]
    assert detail.locator("ol.hits .hit").count() == 3
    assert detail.locator("ol.hits .hit.is-right").count() == 1
    assert "location" in detail.inner_text()
    assert "weight 2.00" in detail.inner_text()
    page.click("ol.hits .hit:nth-child(2) >> text=compare")
    assert "quận" in detail.locator(".versus-side.is-wrong .pieces").inner_text()


def test_the_table_sorts_by_every_column(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "queries").page
    order = """rows => rows
        .map(row => [parseFloat(row.style.transform.slice(11)), row.dataset.query])
        .sort((a, b) => a[0] - b[0])
        .map(([, id]) => id)"""
    rows = page.locator(".table-row")
    assert rows.evaluate_all(order) == ["q1", "q2", "q0", "q3"]
    page.click("[role=columnheader] >> text=Rank")
    assert rows.evaluate_all(order) == ["q1", "q2", "q0", "q3"]
    page.click("[role=columnheader] >> text=Rank")
    assert rows.evaluate_all(order) == ["q0", "q3", "q2", "q1"]
    assert page.get_attribute("[role=columnheader]:has-text('Rank')", "aria-sort") == "ascending"


def test_the_table_of_many_queries_holds_only_the_rows_in_view(open_report: Opener) -> None:
    report = open_report(tiny.payload(many_points(40_000, 500), point_budget=500), "queries?sort=row")
    page = report.page
    assert report.selected() == 20_000
    assert page.locator(".table-row").count() < 60
    page.focus(".table-row >> nth=0")
    page.keyboard.press("End")
    page.wait_for_selector("[data-query=q19999]")
    assert page.locator(".table-row").count() < 60


def test_a_threshold_is_moved_by_pointer_and_by_keys(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "similarity").page
    slider = page.locator("[role=slider]")
    before = float(slider.get_attribute("aria-valuenow"))
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(before - 0.01, abs=2e-3)
    box = page.locator(".density svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 100, steps=4)
    page.mouse.up()
    moved = float(slider.get_attribute("aria-valuenow"))
    assert 0.0 < moved < 0.6
    assert f"{moved:.3f}" in page.inner_text(".accepted caption")


def test_a_threshold_of_a_half_has_the_hand_worked_precision(open_report: Opener) -> None:
    # Positives above 0.5: 3 of 4; hard negatives: 2 of 4; negatives: 0.5 / 2 of 20 = 5.
    page = open_report(tiny.payload(), "similarity?threshold=0.500").page
    hard, every = page.locator(".accepted tbody tr").all_inner_texts()
    assert hard.split("\t")[1:4] == ["0.600", "0.750", "0.667"]
    assert every.split("\t")[1:4] == ["0.375", "0.750", "0.500"]


def test_the_matrix_says_what_a_cell_is_and_opens_its_query(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "similarity")
    report.page.focus(".heatmap-canvas")
    for key in ("ArrowDown", "ArrowRight"):
        report.page.keyboard.press(key)
    card = report.page.inner_text(".matrix .card")
    assert "0.600" in card
    assert "relevant" in card
    report.page.keyboard.press("Enter")
    report.wait_for_address("query=q1")


def test_a_type_selects_the_queries_that_it_beats_in_every_view(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "failures")
    report.page.click("tr:has-text('location') >> text=queries")
    assert report.selected() == 1
    assert report.page.locator(".table-row").get_attribute("data-query") == "q1"
    report.page.click("nav a[href='#map']")
    assert report.selected() == 1


def test_everything_can_be_reached_by_keyboard(open_report: Opener) -> None:
    report = open_report(tiny.payload())
    page = report.page
    page.keyboard.press("3")
    report.wait_for_address("#queries")
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.id === 'search'")
    page.keyboard.type("nhà")
    assert report.selected() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert report.selected() == 4
    page.focus(".table-row[tabindex='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".detail").is_visible()
    opened = page.evaluate("location.href")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("opened => location.href !== opened", arg=opened)
    page.keyboard.press("Escape")
    assert page.locator(".detail").count() == 0
    page.keyboard.press("2")
    page.focus(".map-overlay")
    page.keyboard.press("l")
    assert page.get_attribute("text=Lasso", "aria-pressed") == "true"


def test_every_control_and_picture_has_a_name(open_report: Opener) -> None:
    report = open_report(tiny.payload())
    nameless = """() => [...document.querySelectorAll('button, a, input, select, summary, [role=img], [role=slider]')]
        .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')))
        .map(e => e.outerHTML)"""
    for view in (*VIEWS, "map?query=q1", "queries?query=q1"):
        report.go(view)
        assert report.page.evaluate(nameless) == [], view


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_what_is_selected_can_be_saved(open_report: Opener, tmp_path: Path, ending: str) -> None:
    report = open_report(tiny.payload(), "queries?show=failing")
    report.page.click("summary")
    with report.page.expect_download() as download:
        report.page.click(f".export-menu >> text={ending.upper()}")
    file = tmp_path / f"saved.{ending}"
    download.value.save_as(file)
    assert download.value.suggested_filename == f"runs-epoch3.pt-1.{ending}"
    text = file.read_text(encoding="utf-8-sig")
    if ending == "jsonl":
        row = json.loads(text)
        assert row["query"] == "thuê nhà 3 tầng"
        assert row["hard_neg"][0]["type"] == ["location", "price"]
    else:
        assert text.splitlines()[1].startswith("q1,thuê nhà 3 tầng,false,3,-0.2,")


def test_hostile_texts_stay_texts_in_every_view(open_report: Opener) -> None:
    payload = tiny.hostile_payload()
    report = open_report(payload)
    page = report.page
    ids = [f"queries?query={i}" for i in range(4)]
    for view in (*EVERY_VIEW, "map?colour=type&links=all", "map?colour=writing", *ids):
        report.go(view)
        page.wait_for_timeout(100)
        rows = page.locator(".table-row")
        for i in range(rows.count()):
            rows.nth(i).click(position={"x": 60, "y": 20})
        buttons = page.locator(".hit-text.is-clamped")
        for _ in range(min(buttons.count(), 12)):
            buttons.first.click()
        assert page.evaluate("window.pwned") is None, view
        assert page.locator("img, iframe, object, embed, base, form").count() == 0, view
        assert page.locator("script").count() == 2, view
        assert page.locator("a[href^='javascript']").count() == 0, view
    assert report.complaints == []
    assert {url.split(":")[0] for url in report.requests} <= {"file", "about", "data"}


def test_a_direction_override_does_not_leave_its_own_text(open_report: Opener) -> None:
    report = open_report(tiny.hostile_payload(), "failures")
    loose = """() => {
        const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
        const found = [];
        while (walker.nextNode()) {
            const { data, parentElement } = walker.currentNode;
            if (/[\\u202a-\\u202e\\u2066-\\u2069]/.test(data) && !parentElement.closest('bdi')) found.push(data);
        }
        return found;
    }"""
    for view in EVERY_VIEW:
        report.go(view)
        assert report.page.evaluate(loose) == [], view


def test_a_text_of_a_hundred_thousand_characters_is_cut_until_asked_for(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["queries"]["texts"] = text_column(["ấ" * 100_000, "b", "c", "d"])
    page = open_report(payload, "queries?query=q0").page
    assert len(page.inner_text(".detail-query")) < 2_000
    page.click("text=show all 100,000 characters")
    assert len(page.inner_text(".detail-query")) == 100_000


@pytest.mark.parametrize("width", [400, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(open_report: Opener, width: int, scheme: str) -> None:
    report = open_report(tiny.payload(), viewport={"width": width, "height": 800}, color_scheme=scheme)
    for view in (*VIEWS, "map?query=q1", "queries?query=q1"):
        report.go(view)
        report.page.wait_for_timeout(60)
        assert report.page.evaluate("document.documentElement.scrollWidth") <= width, view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(open_report: Opener, scheme: str) -> None:
    page = open_report(tiny.payload(), color_scheme=scheme).page
    names = ("--paper", "--ink", "--muted", "--accent", "--right", "--wrong", "--open", "--unfit")
    found = {
        name: page.evaluate("name => getComputedStyle(document.documentElement).getPropertyValue(name)", name)
        for name in names
    }
    paper = luminance(found["--paper"])
    for name in names[1:]:
        low, high = sorted((luminance(found[name]), paper))
        assert (high + 0.05) / (low + 0.05) >= 4.5, f"{name} {found[name]} (WCAG AA)"


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb (WCAG 2)."""
    digits = colour.strip().lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_theme_can_be_chosen(open_report: Opener) -> None:
    page = open_report(tiny.payload(), color_scheme="light").page
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.click(".theme")
    page.click(".theme")
    assert page.evaluate(paper) != "rgb(255, 255, 255)"


def test_on_paper_everything_follows_one_after_the_other(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map", color_scheme="dark")
    report.page.emulate_media(media="print")
    report.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    text = report.page.inner_text(".page")
    for part in ("Retrain", "Similarity", "Margin by negative type", "Failing queries", "thuê nhà 3 tầng"):
        assert part in text
    assert not report.page.locator(".top").is_visible()
    assert report.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    report.page.evaluate("dispatchEvent(new Event('afterprint'))")
    report.page.wait_for_selector(".map-overlay")


def spoil_version(payload: dict[str, Any]) -> None:
    payload["page_version"] = 99


def spoil_column(payload: dict[str, Any]) -> None:
    payload["queries"]["rank"]["data"] = "AAAA"


@pytest.mark.parametrize("spoil", [spoil_version, spoil_column])
def test_a_payload_that_cannot_be_read_is_said_in_words(open_report: Opener, tmp_path: Path, spoil: Any) -> None:
    payload = tiny.payload()
    report = open_report(payload)
    spoil(payload)
    (tmp_path / "report.html").write_text(html.render(payload, title="t"), encoding="utf-8")
    report.page.goto("about:blank")
    report.page.goto(report.address)
    report.page.wait_for_selector("[role=alert]")
    assert "version" in report.page.inner_text("[role=alert]") or "cut short" in report.page.inner_text("[role=alert]")


def test_a_finding_shows_its_queries_with_what_should_have_come_and_what_came(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "failures")
    page = report.page
    page.click(".finding >> nth=0 >> button")
    assert report.selected() == 1
    shown = page.inner_text(".evidence")
    for text in ("thuê nhà 3 tầng", "nhà nguyên căn, 3 tầng", "nhà nguyên căn, 2 tầng"):
        assert text in shown
    page.click(".evidence li button")
    report.wait_for_address("#queries")
    assert "attribute ignored" in page.inner_text(".detail-state")
    assert report.complaints == []


def test_every_query_of_a_failure_mode_is_one_press_away_and_the_address_keeps_it(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "failures")
    page = report.page
    page.click(".modes li >> text=queries")
    assert page.locator(".table-row").evaluate_all("rows => rows.map(r => r.dataset.query)") == ["q1"]
    assert "attribute ignored" in page.inner_text(".cell-why >> nth=1")
    report.go(page.evaluate("location.hash.slice(1)"))
    assert report.selected() == 1
    page.click("[aria-label='Remove this filter']")
    assert report.selected() == 4


def test_space_and_serving_show_what_was_measured_and_what_was_not(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["report"]["not_measured"] = {"robustness": "not asked for; pass --robustness"}
    report = open_report(payload, "space")
    page = report.page
    assert page.locator(".space-figures thead th").all_inner_texts()[1:] == [
        "This model", "Base model", "PCA of the base",
    ]  # fmt: skip
    assert page.locator(".plot polyline").count() == 3
    assert "phòng trọ quận 2" in page.inner_text(".hubs")
    report.go("serving")
    assert page.locator(".cuts tbody tr").count() == 2
    assert "too few" in page.inner_text(".cuts")
    assert [page.locator(".formats").nth(place).locator("tbody tr").count() for place in (0, 1)] == [3, 3]
    assert page.locator(".spellings tbody tr").count() == 2
    assert "pass --robustness" in page.inner_text(".serving")
    payload["report"] |= {"geometry": None, "thresholds": None, "robustness": None, "deployment": None}
    other = open_report(payload)
    assert not {"Space", "Serving"} & set(other.page.locator("nav a").all_inner_texts())
    assert report.complaints == []
