"""Circle, triangle, cross and square stay apart on the map, or the page says that colour alone tells."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.browser.conftest import Opener, Report
from tests.browser.test_report import place
from tests.output.page.test_payload import many_points
from tests.support import tiny_run as tiny

from embedscope.protocols import Role

pytestmark = pytest.mark.browser

CORNERS = {"query": (-1, -1), "positive": (1, -1), "hard negative": (-1, 1), "document": (1, 1)}
RADIUS = 7


def planted(n: int) -> dict[str, Any]:
    """``n`` points in the middle but for one of each role, in a corner of its own."""
    found = many_points(n, 10)
    assert found.points is not None
    roles = list(found.points.roles)
    first = n // 2
    roles[first : first + 3] = [Role.POSITIVE, Role.HARD_NEGATIVE, Role.DOCUMENT]
    xy = np.random.default_rng(0).uniform(-0.1, 0.1, (n, 2)).astype(np.float32)
    xy[0] = CORNERS["query"]
    xy[first : first + 3] = [CORNERS[role] for role in ("positive", "hard negative", "document")]
    layout = replace(found.maps["tsne"], xy=xy)
    points = replace(found.points, roles=tuple(roles))
    return tiny.payload(replace(found, maps={"tsne": layout}, points=points))


def sign(report: Report, role: str) -> str:
    """What the point of a role looks like: how its ink lies around its centre."""
    x, y = place(report, *CORNERS[role])
    area = {"x": round(x) - RADIUS, "y": round(y) - RADIUS, "width": 2 * RADIUS, "height": 2 * RADIUS}
    picture = np.asarray(Image.open(io.BytesIO(report.page.screenshot(clip=area))).convert("RGB"), dtype=float)
    ink = np.abs(255 - picture).max(axis=2)
    ink /= ink.max()
    rows, columns = np.indices(ink.shape)
    v, u = ((a - np.average(a, weights=ink)) for a in (rows, columns))
    height = np.average(np.abs(v), weights=ink)
    skew = np.average(v**3, weights=ink) / height**3  # a triangle has more ink below its middle
    if abs(skew) > 0.35:
        return "triangle"
    angle = np.cos(4 * np.arctan2(v, u))  # 1 along the axes, -1 along the diagonals
    weight = ink * np.hypot(u, v) ** 4
    fourfold = np.sum(weight * angle) / np.sum(weight)
    return "circle" if fourfold > -0.1 else "square" if fourfold > -0.45 else "cross"


def signs(report: Report) -> list[str]:
    report.page.wait_for_timeout(500)
    return [sign(report, role) for role in CORNERS]


SIGNS = ["circle", "triangle", "cross", "square"]


@pytest.mark.parametrize("n", [12, 800, 5212])
def test_signs_stay_distinct_at_every_count_that_has_room_for_them(open_report: Opener, n: int) -> None:
    report = open_report(planted(n), "map?labels=none&links=none")
    assert signs(report) == SIGNS
    assert report.page.locator(".map-signs").count() == 0


def test_of_more_points_the_map_says_that_colour_alone_tells_and_draws_signs_when_asked(open_report: Opener) -> None:
    report = open_report(planted(30_000), "map?labels=none&links=none")
    page = report.page
    page.wait_for_selector(".map-signs")
    assert "colour alone tells them apart" in page.inner_text(".map-side .map-signs")
    assert signs(report) != SIGNS
    page.click("text=Draw signs")
    page.wait_for_selector("text=Smaller points")
    assert signs(report) == SIGNS
    page.click("text=Smaller points")
    page.wait_for_selector("text=Draw signs")
    assert report.complaints == []
