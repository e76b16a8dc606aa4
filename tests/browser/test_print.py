"""What a printed page holds: the maps as pictures on white, and the failing queries."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.conftest import Opener
from tests.browser.test_report import QUERY_BLUE, is_near
from tests.output.page.test_payload import many_points
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser


def print_page(page: Any) -> None:
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")


@pytest.mark.parametrize("webgl", [True, False])
def test_every_map_is_a_picture_with_its_legend_in_the_colours_of_paper(open_report: Opener, webgl: bool) -> None:
    page = open_report(tiny.payload(), "map", webgl=webgl, color_scheme="dark").page
    page.click(".theme")
    page.click(".theme")  # dark by choice
    print_page(page)
    maps = page.locator(".section:has(.printed-map)")
    assert maps.locator("h2").all_inner_texts() == ["Map: t-SNE", "Map: UMAP"]
    assert maps.nth(0).locator(".keys").inner_text().split() == ["Query", "4", "Positive", "3", "Hard", "negative", "3"]
    pixel = """canvas => {
        const at = x => canvas.width / 2 * (1 + 0.96 * x);
        return [...canvas.getContext('2d').getImageData(at(-1), canvas.height - at(-1), 1, 1).data];
    }"""
    found = maps.nth(0).locator("canvas").evaluate(pixel)
    assert is_near(tuple(found[:3]), QUERY_BLUE)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.wait_for_selector(".map-overlay")
    assert page.get_attribute("html", "data-theme") == "dark"


@pytest.mark.parametrize(("n_failing", "listed"), [(238, 238), (600, 500)])
def test_failing_queries_are_listed_or_the_rest_is_said_to_stand_elsewhere(
    open_report: Opener, n_failing: int, listed: int
) -> None:
    page = open_report(tiny.payload(many_points(1_400, n_failing))).page
    print_page(page)
    assert page.locator(".printed-query").count() == listed
    said = page.inner_text(".section:has(.printed-query) .note")
    assert said.startswith(f"{n_failing} queries wrong at rank 1")
    assert ("the rest in queries.parquet" in said) == (listed < n_failing)


def test_a_printed_file_has_the_pages_of_the_maps(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "verdict")
    assert len(report.page.pdf()) > 20_000
    assert report.complaints == []


@pytest.mark.parametrize("made", [tiny.payload, tiny.comparison_payload, tiny.training_payload])
def test_paper_cuts_no_chart_and_shows_the_interval_of_every_metric(open_report: Opener, made: Any) -> None:
    page = open_report(made()).page
    print_page(page)
    page.set_viewport_size({"width": 700, "height": 1000})  # A4 between its margins
    ends = page.locator("svg, canvas, .matrix").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    assert ends
    assert max(ends) <= 700
    assert page.locator(".metrics td:nth-child(3)").first.is_visible()
