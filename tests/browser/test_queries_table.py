"""The table of queries: what is lost to which document, and in which order the queries stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import Opener
from tests.support import tiny_run as tiny

from embedscope.output.page.packing import number_column

pytestmark = pytest.mark.browser

ORDER = """rows => rows.map(row => [parseFloat(row.style.transform.slice(11)), row.dataset.query])
    .sort((a, b) => a[0] - b[0]).map(([, id]) => id)"""


def lost_elsewhere() -> dict[str, Any]:
    """Query 0 beats its own hard negative and loses most to a document that is none; 3 is right by the least."""
    payload = tiny.payload()
    payload["queries"] |= {
        "is_correct": number_column(np.array([0, 0, 1, 1]), "uint8"),
        "rank": number_column(np.array([2, 3, 1, 1]), "float32"),
        "margin": number_column(np.array([0.3, -0.2, 0.4, np.nan]), "float32"),
        "positive_similarity": number_column(np.array([0.5, 0.4, 0.9, 0.6]), "float32"),
        "wrong_similarity": number_column(np.array([0.9, 0.6, 0.5, 0.5]), "float32"),
    }
    return payload


def test_the_first_query_is_the_one_that_loses_most_whatever_its_own_hard_negatives(open_report: Opener) -> None:
    page = open_report(lost_elsewhere(), "queries").page
    rows = page.locator(".table-row")
    assert rows.evaluate_all(ORDER) == ["q0", "q1", "q3", "q2"]
    heads = [text.split("\n")[0].rstrip(" ↑↓") for text in page.locator("[role=columnheader]").all_inner_texts()]
    assert heads[2:5] == ["Rank", "To hard negative", "To best wrong"]
    cells = page.locator("[data-query=q0] .cell-number").all_inner_texts()
    assert cells == ["2", "+0.300", "−0.400"]
    page.click("[role=columnheader] >> text=To hard negative")
    assert rows.evaluate_all(ORDER) == ["q1", "q0", "q2", "q3"]


def test_a_relevant_document_that_a_run_did_not_return_is_the_greatest_loss(open_report: Opener) -> None:
    payload = lost_elsewhere()
    payload["queries"] |= {
        "rank": number_column(np.array([2, np.inf, 1, 1]), "float32"),
        "is_correct": number_column(np.array([0, 0, 1, 1]), "uint8"),
        "positive_similarity": number_column(np.array([0.5, np.nan, 0.9, 0.6]), "float32"),
    }
    page = open_report(payload, "queries").page
    assert page.locator(".table-row").evaluate_all(ORDER) == ["q1", "q0", "q3", "q2"]
    page.click("[data-query=q1]")
    assert "Not in the list" in page.inner_text(".detail-state")


@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_the_loss_is_seen_in_every_width(open_report: Opener, width: int) -> None:
    page = open_report(lost_elsewhere(), "queries", viewport={"width": width, "height": 800}).page
    cell = page.locator("[data-query=q0] .cell-number:has-text('−0.400')").bounding_box()
    assert cell["x"] + cell["width"] <= width
    cut = "cells => cells.filter(cell => cell.offsetWidth && cell.scrollWidth > cell.clientWidth).map(e => e.innerText)"
    assert page.locator("[role=columnheader]").evaluate_all(cut) == []


def test_a_column_that_says_nothing_of_any_query_is_neither_shown_nor_offered(open_report: Opener) -> None:
    payload = lost_elsewhere()
    payload["queries"] |= {
        "margin": number_column(np.full(4, np.nan), "float32"),
        "wrong_document": number_column(np.full(4, -1), "int32"),
        "wrong_similarity": number_column(np.full(4, np.nan), "float32"),
    }
    page = open_report(payload, "queries").page
    heads = {text.rstrip(" ↑↓") for text in page.locator("[role=columnheader]").all_inner_texts()}
    assert {"Query", "Rank"} <= heads
    page.click("text=Columns")
    offered = set(page.locator(".choices label").all_inner_texts())
    for nothing in ("To hard negative", "To best wrong", "Best wrong", "Best wrong document"):
        assert nothing not in heads | offered


def test_the_table_is_a_grid_of_cells(open_report: Opener) -> None:
    page = open_report(lost_elsewhere(), "queries").page
    grid = page.get_by_role("grid", name="Queries")
    assert grid.get_by_role("row").count() == 5
    assert grid.get_by_role("row").nth(1).get_by_role("gridcell").count() == grid.get_by_role("columnheader").count()
