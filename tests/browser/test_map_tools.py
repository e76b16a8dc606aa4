"""Tools of the map: contours, the card, neighbours, zoom to a selection, two maps, pictures, colour by any column."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tests.browser.conftest import Opener, Report
from tests.browser.test_report import MARGIN
from tests.browser.test_signs import planted
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
INK_OF_CANVAS = """([selector, index]) => {
    const canvas = document.querySelectorAll(selector)[index];
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) n++;
    return n;
}"""
ALONG = """([index, ax, ay, bx, by]) => {
    const canvas = document.querySelectorAll('.map-overlay')[index];
    const pen = canvas.getContext('2d');
    let n = 0;
    for (let i = 1; i < 60; i++) {
        const [x, y] = [ax + (bx - ax) * i / 60, ay + (by - ay) * i / 60];
        const { data } = pen.getImageData(Math.round(x) - 1, Math.round(y) - 1, 3, 3);
        if (data.some((value, at) => at % 4 === 3 && value > 60)) n++;
    }
    return n;
}"""


def wait_for_ink(report: Report, selector: str, index: int = 0) -> None:
    """Wait until something is drawn on a canvas."""
    report.page.wait_for_function(f"arg => ({INK_OF_CANVAS})(arg) > 0", arg=[selector, index])


def on_map(report: Report, xy: Any, index: int = 0) -> tuple[float, float]:
    """Pixels of the window of a place on one of the maps, given in its frame ([-1, 1], y up)."""
    box = report.page.locator(".map-overlay").nth(index).bounding_box()
    scale = min(box["width"], box["height"]) / 2 * MARGIN
    return box["x"] + box["width"] / 2 + xy[0] * scale, box["y"] + box["height"] / 2 - xy[1] * scale


def framed(name: str) -> np.ndarray:
    """The positions of a map of the tiny run, as the page draws them."""
    xy = tiny.result().maps[name].xy.astype(float)
    low, high = xy.min(axis=0), xy.max(axis=0)
    return (xy - (low + high) / 2) / ((high - low).max() / 2)


def open_map(open_report: Opener, payload: dict[str, Any], query: str = "", **options: Any) -> Report:
    """The map of a payload, when its points are drawn."""
    report = open_report(payload, f"map?labels=none&{query}", **options)
    report.page.wait_for_selector(".map-overlay")
    report.page.wait_for_timeout(300)
    return report


def complaints(report: Report) -> list[str]:
    """What the browser said, but for what it thinks of these tests reading pixels."""
    return [line for line in report.complaints if "willReadFrequently" not in line]


def hover(report: Report, at: tuple[float, float]) -> dict[str, float]:
    """Move the pointer to a place until a card is there; its box."""
    report.page.mouse.move(at[0] + 1, at[1])
    report.page.mouse.move(*at)
    report.page.wait_for_selector(".map-canvas .card")
    box = report.page.locator(".map-canvas .card").bounding_box()
    assert box is not None
    return dict(box)


def test_contours_stand_on_a_map_of_many_points_and_on_others_when_asked_for(open_report: Opener) -> None:
    report = open_map(open_report, planted(21_000), "links=none")
    wait_for_ink(report, ".map-overlay")
    assert "hold 50, 80, 95 %" in report.page.inner_text(".map-side")
    report.page.click(".map-tools >> text=Contours")
    report.wait_for_address("contours=none")
    report.page.wait_for_function(f"arg => ({INK_OF_CANVAS})(arg) === 0", arg=[".map-overlay", 0])
    report = open_map(open_report, tiny.payload())
    button = report.page.locator(".map-tools >> text=Contours")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    report.wait_for_address("contours=all")
    wait_for_ink(report, ".map-contours")
    assert complaints(report) == []


def test_contours_are_of_what_is_selected(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "contours=all")
    wait_for_ink(report, ".map-contours")
    before = report.page.evaluate(INK_OF_CANVAS, [".map-contours", 0])
    report.page.click(".legend button >> nth=0")
    report.page.wait_for_function(
        f"([before, ...arg]) => {{ const n = ({INK_OF_CANVAS})(arg); return n > 0 && n !== before; }}",
        arg=[before, ".map-contours", 0],
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_card_says_what_a_point_is_and_lies_on_no_point_that_it_names(open_report: Opener, width: int) -> None:
    report = open_map(open_report, tiny.payload(), viewport={"width": width, "height": 1200})
    xy = framed("tsne")
    for point in range(len(xy)):
        x, y = on_map(report, xy[point])
        card = hover(report, (x, y))
        inside = card["x"] <= x <= card["x"] + card["width"] and card["y"] <= y <= card["y"] + card["height"]
        assert not inside, point
        assert card["x"] >= 0
        assert card["x"] + card["width"] <= width
        report.page.mouse.move(x + 60 if x < width / 2 else x - 60, y)
        report.page.keyboard.press("Escape")
    hover(report, on_map(report, xy[1]))
    card_text = report.page.inner_text(".map-canvas .card")
    assert "query" in card_text
    assert "rank 3" in card_text
    assert "Nearest on the map" in card_text
    assert report.page.locator(".card-near li").count() == 3


def test_no_card_stays_where_its_point_is_gone(open_report: Opener) -> None:
    leaving: dict[str, Callable[[Report], None]] = {
        "another map": lambda report: report.page.evaluate("location.hash = '#map?labels=none&map=1'"),
        "the wheel": lambda report: report.page.mouse.wheel(0, -300),
        "Esc": lambda report: report.page.keyboard.press("Escape"),
        "another view": lambda report: report.page.keyboard.press("3"),
    }
    report = open_map(open_report, tiny.payload())
    for name, leave in leaving.items():
        report.go("map?labels=none")
        report.page.wait_for_timeout(300)
        hover(report, on_map(report, framed("tsne")[1]))
        leave(report)
        report.page.wait_for_selector(".map-canvas .card", state="detached")
        assert complaints(report) == [], name


def test_a_tap_names_a_point_and_another_elsewhere_takes_the_card_away(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), has_touch=True)
    report.page.touchscreen.tap(*on_map(report, framed("tsne")[1]))
    report.page.wait_for_selector(".map-canvas .card")
    assert "rank 3" in report.page.inner_text(".map-canvas .card")
    report.wait_for_address("query=q1")
    report.page.touchscreen.tap(*on_map(report, (0.5, 0.1)))
    report.page.wait_for_selector(".map-canvas .card", state="detached")


@pytest.mark.parametrize("opened", ["query=q1", "document=d0"])
def test_neighbours_of_the_open_point_are_lines_and_a_list(open_report: Opener, opened: str) -> None:
    report = open_map(open_report, tiny.payload(), f"links=none&{opened}")
    points = tiny.result().points
    assert points is not None
    is_query = np.array([str(role) == "query" for role in points.roles])
    own = int(np.flatnonzero((points.rows == int(opened[-1])) & (is_query == opened.startswith("query")))[0])
    xy = framed("tsne")
    distance = np.linalg.norm(xy - xy[own], axis=1)
    distance[own] = np.inf
    nearest = np.argsort(distance, kind="stable")[:8]
    listed = report.page.locator(".detail section[aria-label='Nearest on the map'] li")
    assert listed.count() == 8
    box = report.page.locator(".map-overlay").bounding_box()
    start, end = (np.subtract(on_map(report, xy[p]), (box["x"], box["y"])) for p in (own, nearest[0]))
    report.page.wait_for_function(f"arg => ({ALONG})(arg) > 30", arg=[0, *start, *end])
    report.page.keyboard.press("Escape")
    report.page.wait_for_function(f"arg => ({ALONG})(arg) < 15", arg=[0, *start, *end])
    report.page.reload()
    report.page.wait_for_selector(".map-overlay")
    texts = (tiny.result().queries.texts, tiny.result().documents.texts)
    report.go(f"map?labels=none&{opened}")
    first = report.page.locator(".detail section[aria-label='Nearest on the map'] li").first.inner_text()
    assert first.startswith(texts[0 if is_query[nearest[0]] else 1][points.rows[nearest[0]]])


def test_z_zooms_to_the_selection_and_back_and_the_button_does_too(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map?search=phong+tro")
    page = report.page
    page.wait_for_selector(".map-labels bdi")
    transforms = "() => [...document.querySelectorAll('.map-labels bdi')].map(e => e.style.transform).join()"
    page.wait_for_function(f"() => ({transforms})() !== ''")
    page.wait_for_timeout(300)
    start = page.evaluate(transforms)
    for press in (
        lambda: page.keyboard.press("z"),
        lambda: page.click("[aria-label='Zoom to selection, and back']"),
    ):
        press()
        page.wait_for_function(f"start => ({transforms})() !== start", arg=start)
        press()
        page.wait_for_function(f"start => ({transforms})() === start", arg=start)
    page.focus("#search")
    page.keyboard.press("z")
    assert page.input_value("#search") == "phong troz"


def test_what_is_zoomed_to_fills_the_map(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "links=none&lasso=0+-1.1+-1.1+-0.9+-1.1+-0.9+1.1+-1.1+1.1")
    report.page.keyboard.press("z")
    xy = framed("tsne")
    column = xy[np.abs(xy[:, 0] + 1) < 0.05]
    box = report.page.locator(".map-overlay").bounding_box()
    middle = (column[:, 1].max() + column[:, 1].min()) / 2
    scale = (box["height"] - 80) / (column[:, 1].max() - column[:, 1].min())
    for x, y in (column[column[:, 1].argmax()], column[column[:, 1].argmin()]):
        at = box["x"] + box["width"] / 2 + (x + 1) * scale, box["y"] + box["height"] / 2 - (y - middle) * scale
        hover(report, at)
        report.page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
        report.page.wait_for_selector(".map-canvas .card", state="detached")


def test_two_maps_share_selection_hover_and_lasso_and_stand_in_the_address(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "links=none")
    page = report.page
    page.select_option("[aria-label='Second map']", label="Beside: UMAP")
    report.wait_for_address("beside=1")
    page.wait_for_timeout(400)
    assert page.locator(".map-name").all_inner_texts() == ["t-SNE", "UMAP"]
    before = page.evaluate(INK_OF_CANVAS, [".map-overlay", 1])
    hover(report, on_map(report, framed("tsne")[1], 0))
    page.wait_for_function(f"([before, ...arg]) => ({INK_OF_CANVAS})(arg) > before", arg=[before, ".map-overlay", 1])
    x, y = on_map(report, framed("umap")[1], 1)
    box = page.locator(".map-overlay").nth(1).bounding_box()
    edge = [x - box["x"], y - box["y"] - 14, x - box["x"], y - box["y"] + 14]
    assert page.evaluate(ALONG, [1, *edge]) > 0
    page.click(".map-tools >> text=Lasso")
    mouse = page.mouse
    for i, (dx, dy) in enumerate([(-12, -12), (12, -12), (12, 12), (-12, 12), (-12, -12)]):
        mouse.move(x + dx, y + dy, steps=3)
        if i == 0:
            mouse.down()
    mouse.up()
    report.wait_for_address("lasso=1")
    assert report.selected() == 1
    report.go(page.evaluate("location.hash.slice(1)"))
    assert report.selected() == 1
    assert page.locator(".map-overlay").count() == 2
    page.click(".map-tools >> text=UMAP")
    report.wait_for_address("map=1", "beside=0")
    assert complaints(report) == []


def test_the_maps_of_other_checkpoints_stand_beside_the_model(open_report: Opener) -> None:
    payload = json.loads((tiny.GOLDEN / "training.json").read_text("utf-8"))
    report = open_map(open_report, payload, "beside=2&colour=outcome")
    page = report.page
    options = page.locator("[aria-label='Second map'] option").all_inner_texts()
    assert options == ["One map", "Beside: UMAP, epoch 3", "Beside: t-SNE, epoch 1", "Beside: t-SNE, epoch 2"]
    assert page.locator(".map-name").all_inner_texts() == ["t-SNE, epoch 3", "t-SNE, epoch 1"]
    report.go("map?beside=99")
    assert page.locator(".map-overlay").count() == 1
    assert complaints(report) == []


def test_on_a_narrow_screen_the_maps_stand_one_under_the_other(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "beside=1", viewport={"width": 390, "height": 844})
    first, second = (report.page.locator(".map-overlay").nth(i).bounding_box() for i in (0, 1))
    assert second["y"] >= first["y"] + first["height"]
    assert first["width"] == second["width"] <= 390
    assert report.page.evaluate("document.documentElement.scrollWidth") <= 390


def saved(report: Report, ending: str, folder: Path) -> tuple[str, bytes]:
    """The name and the content of the picture that is saved of the map."""
    report.page.click(".map-tools .export summary")
    with report.page.expect_download() as download:
        report.page.click(f".map-tools .export-menu >> text={ending}")
    file = folder / "saved"
    download.value.save_as(file)
    return download.value.suggested_filename, file.read_bytes()


def test_a_png_is_twice_as_fine_as_the_map_and_named_after_the_model(open_report: Opener, tmp_path: Path) -> None:
    report = open_map(open_report, tiny.payload())
    name, content = saved(report, "PNG", tmp_path)
    assert name == "runs-epoch3.pt-tsne.png"
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    box = report.page.locator(".map-overlay").bounding_box()
    assert picture.width >= 2 * box["width"]
    assert picture.height >= 2 * box["height"]
    assert len(picture.getcolors(1 << 20) or []) > 50
    assert complaints(report) == []
    assert {url.split(":")[0] for url in report.requests} <= {"file", "about", "data", "blob"}


def test_an_svg_has_points_as_shapes_and_words_as_text(open_report: Opener, tmp_path: Path) -> None:
    report = open_report(tiny.payload(), "map?links=all&contours=all&beside=1&query=q1")
    report.page.wait_for_selector(".map-labels bdi")
    wait_for_ink(report, ".map-contours", 1)
    name, content = saved(report, "SVG", tmp_path)
    assert name == "runs-epoch3.pt-tsne-umap.svg"
    root = ElementTree.fromstring(content)  # noqa: S314 - made by the page, a moment ago
    words = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    assert words[0] == "runs/epoch3.pt"
    assert {"t-SNE", "UMAP", "phòng trọ", "Query", "Positive"} <= set(words)
    assert any(word.startswith("t-SNE of 10 points") for word in words)
    assert len(list(root.iter(f"{SVG}line"))) >= 8  # links and neighbours, on each map
    fills = [each.get("fill") for each in root.iter(f"{SVG}circle")]
    assert fills.count("#0072b2") == 2 * 4 + 1  # queries on both maps, and the legend
    assert list(root.iter(f"{SVG}image")) == []


def test_a_hostile_text_leaves_the_svg_well_formed(open_report: Opener, tmp_path: Path) -> None:
    report = open_report(tiny.hostile_payload(), "map")
    report.page.wait_for_selector(".map-overlay")
    root = ElementTree.fromstring(saved(report, "SVG", tmp_path)[1])  # noqa: S314
    assert {each.tag.replace(SVG, "") for each in root.iter()} <= {
        "svg", "title", "rect", "text", "circle", "path", "line", "g", "clipPath"
    }  # fmt: skip


def test_too_many_points_for_shapes_become_a_picture_in_the_svg_and_the_menu_says_so(
    open_report: Opener, tmp_path: Path
) -> None:
    report = open_map(open_report, planted(51_000))
    report.page.click(".map-tools .export summary")
    assert "50,000" in report.page.inner_text(".map-tools .export-menu")
    report.page.keyboard.press("Escape")
    root = ElementTree.fromstring(saved(report, "SVG", tmp_path)[1])  # noqa: S314
    (image,) = root.iter(f"{SVG}image")
    assert (image.get("href") or "").startswith("data:image/png;base64,")
    assert complaints(report) == []


def test_every_column_of_the_data_can_colour_the_map_and_numbers_do_so_in_classes(open_report: Opener) -> None:
    found = tiny.result()
    metadata = {"channel": ("web", "app", None, "app"), "size": ("20", "5.5", None, "7")}
    payload = tiny.payload(replace(found, queries=replace(found.queries, metadata=metadata)))
    report = open_map(open_report, payload)
    page = report.page
    labels = page.locator("[aria-label='Colour'] option").all_inner_texts()
    assert {"channel", "size"} <= set(labels)
    page.select_option("[aria-label='Colour']", label="size")
    page.wait_for_selector(".legend >> text=Not stated")
    assert page.locator(".legend bdi").all_inner_texts() == ["5.5", "7", "20", "Not stated", "Document"]


def test_names_of_themes_are_seen_whole_on_a_narrow_screen_wherever_the_map_is_dragged(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "map", viewport={"width": 390, "height": 844})
    page = report.page
    page.wait_for_selector(".map-labels bdi")
    box = page.locator(".map-overlay").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for by in (0, -150, -40, 300):
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + by, middle[1], steps=3)
        page.mouse.up()
        page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        labels = page.locator(".map-labels bdi").all()
        for label in (own.bounding_box() for own in labels if own.is_visible()):
            assert box["x"] <= label["x"], by
            assert label["x"] + label["width"] <= box["x"] + box["width"], by


def test_the_menu_of_files_is_closed_by_esc_and_by_leaving_it_and_the_selection_stays(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "show=failing")
    page = report.page
    menu = page.locator(".map-tools .export")
    for leave in (lambda: page.keyboard.press("Escape"), lambda: page.focus(".map-overlay")):
        menu.locator("summary").click()
        menu.locator("button").first.wait_for()
        leave()
        menu.locator("button").first.wait_for(state="detached")
    assert report.selected() == 1


def test_two_fingers_zoom_the_map_and_press_no_point(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), has_touch=True)
    x, y = on_map(report, framed("tsne")[1])
    session = report.page.context.new_cdp_session(report.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = report.page.locator(".map-overlay").screenshot()
    touch("touchStart", (x, y))
    touch("touchStart", (x, y), (x, y - 60))
    touch("touchEnd")
    assert "query=" not in report.page.url
    touch("touchStart", (x, y), (x, y - 60))
    touch("touchMove", (x, y), (x, y - 160))
    touch("touchEnd")
    assert "query=" not in report.page.url
    report.page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert report.page.locator(".map-overlay").screenshot() != before


def test_an_address_with_the_same_map_twice_shows_it_once(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "map=1&beside=1")
    assert report.page.locator(".map-overlay").count() == 1


def test_on_the_map_the_neighbours_of_a_query_stand_before_its_lists(open_report: Opener) -> None:
    report = open_map(open_report, tiny.payload(), "query=q1")
    heads = report.page.locator(".detail h3").all_inner_texts()
    near = next(i for i, head in enumerate(heads) if head.startswith("Nearest"))
    assert near < next(i for i, head in enumerate(heads) if head.startswith("Top"))
