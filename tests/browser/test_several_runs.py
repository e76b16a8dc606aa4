"""The report of a comparison, of findings, and of a training, in a real browser."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.browser.conftest import Opener, Report
from tests.browser.test_report import QUERY_BLUE, colour_at, is_near, place
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser

LEFT, RIGHT, TOP, BOTTOM, LARGEST = 58, 18, 14, 48, 26  # margins and largest bubble of the picture of ranks
MOST_RANK = 40


def rank_place(report: Report, before: float, after: float) -> tuple[float, float]:
    """Pixels of the window of two ranks."""
    canvas = report.page.locator(".ranks-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    side = min(box["width"] - LEFT - RIGHT, box["height"] - TOP - BOTTOM) - LARGEST
    end = math.log10(MOST_RANK) * 1.03
    x = box["x"] + LEFT + LARGEST + math.log10(before) / end * side
    return x, box["y"] + TOP + (1 - math.log10(after) / end) * side


def outcomes(report: Report) -> list[str]:
    """The counts in the legend of the map: right, wrong."""
    return [n.strip() for n in report.page.locator(".epoch-tools .keys .number").all_inner_texts()][:2]


def test_the_verdict_of_a_comparison_names_both_runs(open_report: Opener) -> None:
    page = open_report(tiny.comparison_payload()).page
    assert page.inner_text("h1") == "Undecided"
    assert page.inner_text(".verdict-main > .note >> nth=0") == "b/epoch3.pt against a/epoch3.pt"
    assert "cannot tell b/epoch3.pt from a/epoch3.pt" in page.inner_text(".headline")


def test_a_comparison_shows_differences_metrics_types_and_levels(open_report: Opener) -> None:
    page = open_report(tiny.comparison_payload(), "compare").page
    heads = page.locator("h2").all_inner_texts()
    assert heads == [
        "b/epoch3.pt against a/epoch3.pt",
        "Rank of the first relevant document",
        "Hard negatives that reach the positive, by type",
        "Levels",
        "Every run",
        "model against character n-grams",
    ]
    for title in ("by type", "Levels", "Every run"):
        page.click(f"summary:has-text('{title}')")
    mrr, success = page.locator("section:first-of-type .types tbody tr").all_inner_texts()
    assert mrr.split("\t")[:3] == ["MRR", "−0.100", "[−0.300, 0.100]"]
    assert success.split("\t")[0] == "Success@1"
    runs = page.locator(".runs tbody >> nth=0").locator("tr")
    assert runs.count() == 3
    assert "a/epoch3.pt" in runs.nth(0).inner_text()
    assert "0.813" in runs.nth(0).inner_text()
    assert "one pair" in page.inner_text("tr:has-text('untyped')")
    assert page.locator(".figures strong").all_inner_texts() == ["+0.100", "−0.050", "–", "+0.020"]


def test_a_comparison_of_two_has_no_choice_and_one_of_three_has(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload((tiny.CANDIDATE,)), "compare")
    assert report.page.locator(".chooser").count() == 0
    report = open_report(tiny.comparison_payload(), "compare")
    page = report.page
    assert "Best of 2 by MRR: b/epoch3.pt" in page.inner_text(".chooser")
    page.click(".chooser >> text=c/epoch9.pt")
    report.wait_for_address("candidate=1")
    assert page.inner_text("h2 >> nth=0") == "c/epoch9.pt against a/epoch3.pt"
    assert page.inner_text(".moved .is-lost h3").split() == ["Went", "wrong", "2"]


def test_what_moved_is_listed_with_its_ranks_and_opens(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload(), "compare")
    page = report.page
    assert page.inner_text(".moved .is-gained li").split("\n") == ["can ho gan cho", "40 → 1.5"]
    assert page.inner_text(".moved .is-lost li").split("\n") == ["thuê nhà 3 tầng", "1 → 3"]
    page.click(".moved .is-lost li button")
    drawer = page.locator(".drawer")
    drawer.get_by_text("Words that differ").click()
    assert drawer.locator(".versus mark").all_inner_texts() == ["3", "2"]
    ranks = [" ".join(text.split()) for text in drawer.locator(".ranks-of > div").all_inner_texts()]
    assert ranks == ["a/epoch3.pt ✓ rank 1", "b/epoch3.pt ✗ rank 3", "c/epoch9.pt ✗ rank 3"]
    page.keyboard.press("Escape")
    assert drawer.count() == 0
    page.click(".chooser >> text=c/epoch9.pt")
    page.click(".moved .is-lost li button >> nth=0")
    page.click("[aria-label='Next query']")
    report.wait_for_address("query=q0")


def test_what_moved_can_be_selected_everywhere(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload(), "compare")
    report.page.click(".moved .is-lost >> text=select")
    assert report.selected() == 1
    assert "0 selected" in report.page.inner_text(".moved .is-gained h3")
    report.page.click("nav a[href='#queries']")
    assert report.page.locator(".table-row").get_attribute("data-query") == "q1"
    report.page.click("[aria-label='Remove this filter']")
    assert report.selected() == 4


def test_hovering_a_bubble_says_its_ranks_and_texts(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload(), "compare")
    report.page.mouse.move(*rank_place(report, 40, 1.5))
    card = report.page.inner_text(".ranks .card")
    assert "40 → 1.5" in card
    assert "can ho gan cho" in card
    report.page.mouse.move(*rank_place(report, 1, 1))
    assert "2 queries" in report.page.inner_text(".ranks .card")


def test_clicking_a_bubble_selects_its_queries_and_opens_a_single_one(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload(), "compare")
    report.page.mouse.click(*rank_place(report, 1, 1))
    assert report.selected() == 2
    assert report.page.locator(".drawer").count() == 0
    report.page.mouse.click(*rank_place(report, 1, 3))
    assert report.selected() == 1
    assert "thuê nhà 3 tầng" in report.page.inner_text(".drawer .detail-query")


def test_a_lasso_among_the_ranks_filters_the_table(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload(), "compare")
    mouse = report.page.mouse
    mouse.move(*rank_place(report, 20, 4))
    mouse.down()
    for corner in ((40, 4), (44, 1.01), (20, 1.01), (20, 4)):
        mouse.move(*rank_place(report, *corner), steps=4)
    mouse.up()
    assert report.selected() == 1
    report.page.click("nav a[href='#queries']")
    assert report.page.locator(".table-row").get_attribute("data-query") == "q2"
    address = report.page.evaluate("location.hash.slice(1)")
    report.go(address)
    assert report.selected() == 1


def test_bubbles_are_reached_by_keys(open_report: Opener) -> None:
    report = open_report(tiny.comparison_payload(), "compare")
    report.page.focus(".ranks-canvas")
    report.page.keyboard.press("ArrowRight")
    assert "2 queries" in report.page.inner_text(".ranks .card")
    report.page.keyboard.press("ArrowRight")
    report.page.keyboard.press("Enter")
    assert report.selected() == 1
    report.wait_for_address("query=")


def test_findings_have_their_severity_in_words_and_their_effect(open_report: Opener) -> None:
    page = open_report(tiny.payload(), "failures").page
    high, low = (" ".join(text.split()) for text in page.locator(".finding").all_inner_texts())
    assert high.startswith("▲ high Differences in location are ignored Add pairs that differ in location only 0.500")
    assert "[0.100, 0.900]" in high
    assert high.endswith("1 query of 2")
    assert low.startswith("● low")


def test_a_finding_selects_its_queries_in_table_map_and_export(open_report: Opener) -> None:
    report = open_report(tiny.payload(), "failures")
    report.page.click(".finding >> nth=1")
    assert report.selected() == 2
    assert report.page.get_attribute(".finding >> nth=1 >> button", "aria-pressed") == "true"
    report.page.click("nav a[href='#queries']")
    shown = report.page.locator(".table-row").evaluate_all("rows => rows.map(r => r.dataset.query)")
    assert sorted(shown) == ["q0", "q2"]
    report.page.click("nav a[href='#map']")
    assert report.page.inner_text(".legend li >> nth=0").split() == ["Query", "2"]
    report.page.click("summary")
    with report.page.expect_download() as download:
        report.page.click(".export-menu >> text=JSONL")
    assert download.value.suggested_filename == "runs-epoch3.pt-2.jsonl"


def test_without_findings_there_is_no_list_of_them(open_report: Opener) -> None:
    payload = tiny.payload()
    payload["report"]["findings"] = []
    page = open_report(payload, "failures").page
    assert page.locator(".findings").count() == 0
    assert "Findings" not in page.locator("h2").all_inner_texts()


def test_a_training_shows_lines_and_what_is_known_of_every_epoch(open_report: Opener) -> None:
    page = open_report(tiny.training_payload(), "training").page
    assert "since epoch 2 the MRR has fallen" in page.inner_text(".training > .warning")
    assert page.inner_text(".player output").startswith("Epoch 3 runs/epoch3.pt, shown in the other views")
    names = [" ".join(text.split()) for text in page.locator(".line-keys button").all_inner_texts()]
    assert names == [
        "MRR 0.700 [0.500, 0.850]",
        "Success@1 0.625",
        "location 1.000 [0.800, 1.000]",
        "price 0.300 [0.200, 0.400]",
    ]
    assert page.locator(".lines >> nth=0").locator("polyline").count() == 2
    page.click(".line-keys button >> nth=1")
    assert page.locator(".lines >> nth=0").locator("polyline").count() == 1
    price = page.locator(".lines >> nth=1").locator("circle")
    assert price.count() == 5  # two types, three epochs, one without a value


def test_the_slider_moves_the_points_from_epoch_to_epoch(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training?epoch=0")
    report.page.select_option(".epoch-tools select", "role")
    report.page.locator(".epoch-map").scroll_into_view_if_needed()
    report.page.wait_for_timeout(400)
    assert is_near(colour_at(report, *place(report, -1, 0)), QUERY_BLUE)
    report.page.focus(".player input")
    report.page.keyboard.press("ArrowRight")
    report.page.keyboard.press("ArrowRight")
    report.wait_for_address("#training")  # the epoch of the page itself
    report.page.wait_for_timeout(1_500)
    assert is_near(colour_at(report, *place(report, 1, 0)), QUERY_BLUE)
    assert is_near(colour_at(report, *place(report, -1, 0)), (255, 255, 255))


def test_queries_are_coloured_by_their_outcome_at_the_epoch(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training?epoch=0")
    assert outcomes(report) == ["3", "1"]
    report.page.focus(".player input")
    report.page.keyboard.press("ArrowRight")
    report.page.wait_for_selector("text=Epoch 2")
    assert outcomes(report)[0] == "4"


def test_playing_runs_through_the_epochs_and_stops(open_report: Opener) -> None:
    page = open_report(tiny.training_payload(), "training?epoch=0").page
    page.click("text=Play")
    assert page.inner_text(".player button") == "Pause"
    page.wait_for_selector(".player output:has-text('Epoch 3')", timeout=6_000)
    page.wait_for_selector(".player button:has-text('Play')")


def test_with_reduced_motion_points_stand_at_once_where_they_belong(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training?epoch=0", reduced_motion="reduce")
    report.page.select_option(".epoch-tools select", "role")
    report.page.locator(".epoch-map").scroll_into_view_if_needed()
    report.page.wait_for_timeout(300)
    report.page.fill(".player input", "2")
    report.page.wait_for_timeout(120)
    assert is_near(colour_at(report, *place(report, 1, 0)), QUERY_BLUE)


def test_an_epoch_is_chosen_in_a_picture_of_lines(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training")
    report.page.locator(".lines svg >> nth=0").click(position={"x": 50, "y": 60})
    report.wait_for_address("#training?epoch=0")


def test_a_point_of_the_animation_opens_its_query(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training")
    report.page.locator(".epoch-map").scroll_into_view_if_needed()
    report.page.wait_for_timeout(300)
    report.page.mouse.move(*place(report, 1, 0))
    assert "thuê nhà 3 tầng" in report.page.inner_text(".epoch-map .card")
    report.page.mouse.click(*place(report, 1, 0))
    assert "Rank 3" in report.page.inner_text(".drawer .detail")


def test_runs_compared_have_a_animation_and_no_lines_between_them(open_report: Opener) -> None:
    payload = tiny.comparison_payload() | {"timeline": tiny.training_payload()["timeline"]}
    payload["timeline"] |= {"unit": "run", "stretches": []}
    page = open_report(payload, "training?epoch=0").page
    assert page.inner_text("nav [aria-current]") == "Runs"
    assert page.inner_text(".player output").startswith("Run 1 runs/epoch1.pt")
    assert page.locator(".epoch-map canvas:visible").count() == 2
    assert page.locator(".lines, .segments").count() == 0


def test_epochs_compared_have_a_animation_lines_and_what_each_stretch_moved(open_report: Opener) -> None:
    payload = tiny.comparison_payload() | {"timeline": tiny.training_payload()["timeline"]}
    page = open_report(payload, "training").page
    assert page.inner_text("nav [aria-current]") == "Training"
    assert page.locator("h2").all_inner_texts() == [
        "What each segment gained and lost",
        "Metrics",
        "Hard negatives that reach the positive",
    ]


def test_the_slider_goes_through_what_came_right_and_went_wrong_from_epoch_to_epoch(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training")
    page = report.page
    assert "From epoch 2 to 3: MRR" in page.inner_text(".segment-note")
    assert page.inner_text(".moved .is-lost li") == "thuê nhà 3 tầng"
    assert page.locator(".moved .is-gained li").count() == 0
    page.focus(".player input")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("text=From epoch 1 to 2")
    assert page.inner_text(".moved .is-gained li") == "can ho gan cho"
    assert page.locator(".moved .is-lost li").count() == 0
    bars = page.locator(".segments g")
    heights = [
        [float(bar.get_attribute("height")) for bar in group.locator("rect[class^=is]").all()] for group in bars.all()
    ]
    assert [[height > 0 for height in pair] for pair in heights] == [[True, False], [False, True]]
    width = page.locator(".player input").bounding_box()["width"]
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("text=shown in the other views")
    assert page.locator(".player input").bounding_box()["width"] == width


def test_queries_of_a_stretch_can_be_selected_everywhere_and_open(open_report: Opener) -> None:
    report = open_report(tiny.training_payload(), "training")
    page = report.page
    page.click(".moved .is-lost >> text=select")
    assert report.selected() == 1
    report.wait_for_address("stretch=1+lost")
    assert page.inner_text(".chip").startswith("went wrong from epoch 2 to 3")
    page.click(".moved .is-lost li button")
    assert "thuê nhà 3 tầng" in page.inner_text(".drawer .detail-query")
    page.click(".segments svg", position={"x": 60, "y": 60})
    assert "From epoch 1 to 2" in page.inner_text(".segment-note")


def test_a_training_without_maps_has_its_lines(open_report: Opener) -> None:
    payload = tiny.training_payload()
    payload["timeline"] |= {"maps": {}, "is_correct": None, "note": None}
    report = open_report(payload, "training")
    assert report.page.locator(".epoch-map").count() == 0
    assert report.page.locator(".lines").count() == 2
    assert report.complaints == []


@pytest.mark.parametrize("made", [tiny.comparison_payload, tiny.training_payload])
def test_pages_of_several_runs_fit_the_window_name_every_control_and_complain_of_nothing(
    open_report: Opener, made: Any
) -> None:
    nameless = """() => [...document.querySelectorAll('button, a, input, select, summary, [role=img], [role=slider]')]
        .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')))
        .map(e => e.outerHTML)"""
    for width, scheme in ((400, "light"), (1280, "dark")):
        report = open_report(made(), viewport={"width": width, "height": 800}, color_scheme=scheme)
        for view in ("verdict", "compare", "compare?query=q1", "failures", "training", "training?query=q1"):
            report.go(view)
            report.page.wait_for_timeout(80)
            assert report.page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)
            assert report.page.evaluate(nameless) == [], view
        assert report.complaints == []


def test_pages_of_several_runs_are_printed_whole(open_report: Opener) -> None:
    for made, parts in (
        (tiny.comparison_payload, ("Every run", "Went wrong", "40 → 1.5")),
        (tiny.training_payload, ("Findings", "Metrics", "location")),
    ):
        report = open_report(made())
        report.page.emulate_media(media="print")
        report.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        text = report.page.inner_text(".page")
        for part in parts:
            assert part in text
        assert report.page.locator(".player").count() == 0


def test_hostile_names_and_texts_of_several_runs_stay_texts(open_report: Opener) -> None:
    report = open_report(tiny.hostile_payload(), "compare")
    page = report.page

    def is_inert() -> bool:
        return (
            page.evaluate("window.pwned") is None
            and page.locator("img, iframe, object, embed, base, form").count() == 0
            and page.locator("script").count() == 2
            and page.locator("a[href^='javascript']").count() == 0
        )

    page.click(".chooser button >> nth=1")
    for step in ("ArrowRight", "ArrowRight", "Enter"):
        page.focus(".ranks-canvas")
        page.keyboard.press(step)
        assert is_inert()
    page.keyboard.press("Escape")
    page.click(".moved .is-lost >> text=select")
    page.click(".moved .is-lost li button >> nth=0")
    assert page.locator(".drawer .ranks-of > div").count() == 3
    assert is_inert()
    report.go("failures")
    page.click(".finding >> nth=0")
    assert page.locator(".chip").count() == 1
    assert is_inert()
    assert report.complaints == []
    alone = tiny.hostile_payload() | {"compare": None}
    report = open_report(alone, "training?epoch=0")
    page = report.page
    page.click("text=Play")
    page.locator(".epoch-map").scroll_into_view_if_needed()
    page.wait_for_timeout(1_500)
    page.click(".line-keys button >> nth=0")
    page.mouse.click(*place(report, 0, 0))
    assert is_inert()
    assert report.complaints == []
    assert {url.split(":")[0] for url in report.requests} <= {"file", "about", "data"}


def test_long_names_of_runs_leave_the_figures_in_sight_on_a_phone(open_report: Opener) -> None:
    payload = tiny.comparison_payload()
    for number, run in enumerate(payload["compare"]["runs"]):
        run["label"] = f"models/{'a-long-name-without-a-blank-' * 3}{number}/epoch{number}.safetensors"
    page = open_report(payload, "compare", viewport={"width": 390, "height": 844}).page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.click("summary:has-text('Every run')")
    names = page.locator(".runs tbody >> nth=0").locator("th[scope=row]").all_inner_texts()
    assert len(set(names)) == 3
    value = page.locator(".runs tbody tr >> nth=0").locator("td.number").first.bounding_box()
    assert value["x"] + value["width"] <= 390
