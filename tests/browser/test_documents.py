"""An open document: its address, the key that closes it, the queries that list it, its neighbours."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.browser.conftest import Opener, Report
from tests.browser.test_report import place
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser


def listed(report: Report, label: str) -> list[list[str]]:
    """The entries of a list of the open document: its words, line by line."""
    entries = report.page.locator(f".detail section[aria-label='{label}'] li").all_inner_texts()
    return [[part for part in entry.split("\n") if part not in ("✓", "✗")] for entry in entries]


@pytest.mark.parametrize("view", ["map", "queries"])
def test_a_document_opens_by_its_address_and_escape_closes_it(open_report: Opener, view: str) -> None:
    report = open_report(tiny.payload(), f"{view}?document=d3")
    page = report.page
    assert page.inner_text(".detail .detail-query") == "nhà nguyên căn, 2 tầng"
    page.keyboard.press("Escape")
    assert page.locator(".detail").count() == 0
    assert "document" not in page.evaluate("location.hash")
    assert report.complaints == []


def test_a_document_opened_from_a_query_gives_way_to_that_query(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "queries?query=q1")
    page = report.page
    page.click("ol.hits .hit >> nth=0 >> text=document")
    report.wait_for_address("query=q1", "document=d3")
    assert page.get_attribute(".detail", "aria-label") == "Document"
    page.keyboard.press("Escape")
    assert page.get_attribute(".detail", "aria-label") == "Query"
    page.keyboard.press("Escape")
    assert page.locator(".detail").count() == 0


def test_a_document_pressed_on_the_map_stands_in_the_address(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none")
    report.page.wait_for_timeout(300)
    report.page.mouse.click(*place(report, 0, 0))
    report.wait_for_address("document=d5")
    report.page.keyboard.press("Escape")
    assert report.page.locator(".detail").count() == 0


def test_a_document_lists_who_names_it_and_who_has_it_in_the_list_with_its_rank(open_report: Opener) -> None:
    # d2 is a hard negative of q0 (listed second) and of q1 (listed second); d5 is relevant to q2 and q3.
    report = open_report(tiny.payload(), "queries?document=d2")
    assert listed(report, "Queries") == [
        ["phòng trọ quận 1", "hard negative, rank 2"],
        ["thuê nhà 3 tầng", "hard negative, rank 2"],
    ]
    report.go("queries?document=d5")
    assert listed(report, "Queries") == [["chung cư", "relevant, rank 1"], ["can ho gan cho", "relevant, rank 2"]]
    report.go("queries?document=d0")  # of the lists of q2 and q3 too
    assert [words for _, words in listed(report, "Queries")] == ["relevant, rank 1", "rank 2", "rank 3"]


def test_documents_of_the_same_lists_and_nearest_on_the_map_are_a_press_away(open_report: Opener) -> None:
    payload = tiny.payload()
    report = open_report(payload, "map?document=d0")
    found = tiny.result()
    assert found.points is not None
    top = found.queries.top_documents
    weights = np.zeros((len(top), 6))  # of each document in each list, as in nDCG
    np.put_along_axis(weights, top, 1 / np.log2(2 + np.arange(top.shape[1])), axis=1)
    shared = ((weights > 0) & (weights[:, :1] > 0)).sum(axis=0)
    likeness = weights[:, 0] @ weights / (np.linalg.norm(weights[:, 0]) * np.linalg.norm(weights, axis=0))
    order = [int(d) for d in np.argsort(-likeness, kind="stable") if d != 0 and shared[d]]
    texts = found.documents.texts
    wanted = {texts[d]: f"{likeness[d]:.2f} {shared[d]} list{'' if shared[d] == 1 else 's'}" for d in order}
    assert dict(listed(report, "More like this")) == wanted
    assert [text for text, _ in listed(report, "More like this")] == [*wanted]
    xy = found.maps["tsne"].xy
    is_document = np.array([role != "query" for role in map(str, found.points.roles)])
    own = np.flatnonzero(is_document & (found.points.rows == 0))[0]
    distance = np.linalg.norm(xy - xy[own], axis=1)
    distance[own] = np.inf
    nearest = int(np.argmin(distance))
    row = found.points.rows[nearest]
    first = listed(report, "Nearest on the map")[0]
    assert first[0] == (texts[row] if is_document[nearest] else found.queries.texts[row])
    report.page.click(".detail section[aria-label='More like this'] li button >> nth=0")
    report.wait_for_address("document=")
    assert report.page.inner_text(".detail .detail-query") in wanted


def test_no_ring_stays_where_the_pointer_was(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?labels=none&links=none")
    page = report.page
    page.wait_for_timeout(400)
    page.mouse.move(1200, 400)
    x, y = place(report, 0, 0)
    area = {"x": x - 40, "y": y - 40, "width": 80, "height": 80}

    def picture() -> np.ndarray:
        page.wait_for_timeout(300)
        return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=area))).convert("L"), dtype=int)

    def differs(before: np.ndarray) -> bool:
        return bool(np.any(np.abs(picture() - before) > 30))

    before = picture()
    page.mouse.move(x, y)
    page.wait_for_selector(".map-canvas .card")
    assert differs(before)
    page.mouse.move(1200, 400)
    page.wait_for_selector(".map-canvas .card", state="detached")
    assert not differs(before)
    page.mouse.move(x, y)
    page.wait_for_selector(".map-canvas .card")
    page.mouse.wheel(0, -500)
    page.wait_for_selector(".map-canvas .card", state="detached")
