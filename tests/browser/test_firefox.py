"""The report in Firefox, from its file and without a network. Left out where Firefox is not installed."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.browser.test_report import MARGIN, QUERY_BLUE, VIEWS, is_near
from tests.browser.test_sets_page import payload as sets_payload
from tests.support import tiny_run as tiny
from tests.support.marionette import Firefox, firefox

from embedscope.output.page import html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("no Firefox on this machine (apt-get install firefox-esr)")
    with firefox(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def written(folder: Path, payload: dict[str, Any]) -> str:
    """The address of a page."""
    file = folder / "report.html"
    file.write_text(html.render(payload, title="test"), encoding="utf-8")
    return file.as_uri()


def test_every_view_has_its_heading_and_no_width_is_lost(window: Firefox, tmp_path: Path) -> None:
    address = written(tmp_path, tiny.payload())
    for view in VIEWS:
        window.open(f"{address}#{view}")
        heading = window.wait_for("document.querySelector('h1')?.textContent")
        assert heading == ("Retrain" if view == "verdict" else view.capitalize())
        assert window.value("document.documentElement.scrollWidth <= innerWidth"), view


def test_the_points_of_the_map_are_drawn_where_they_belong(window: Firefox, tmp_path: Path) -> None:
    window.open(f"{written(tmp_path, tiny.payload())}#map?labels=none")
    box = window.wait_for("document.querySelector('.map-overlay')?.getBoundingClientRect().toJSON()")
    window.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    picture = Image.open(io.BytesIO(window.screenshot())).convert("RGB")
    scale = min(box["width"], box["height"]) / 2 * MARGIN
    pixel = picture.getpixel((round(box["x"] + box["width"] / 2 - scale), round(box["y"] + box["height"] / 2 + scale)))
    assert isinstance(pixel, tuple)
    assert is_near(tuple(int(part) for part in pixel), QUERY_BLUE)


def test_a_query_opens_by_its_address_and_a_page_of_several_sets_by_its_file(window: Firefox, tmp_path: Path) -> None:
    window.open(f"{written(tmp_path, tiny.payload())}#queries?query=q1")
    assert "Rank 3" in window.wait_for("document.querySelector('.detail')?.innerText")
    window.open(written(tmp_path, sets_payload()))
    assert window.wait_for("document.querySelector('h1')?.textContent") == "Retrain"
