"""The comparison: what decided, names that stay apart, sections that fold."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.conftest import Opener
from tests.support import tiny_run as tiny

pytestmark = pytest.mark.browser

EPOCHS = [f"checkpoints/a_long_name_of_a_projection_head_epoch{n}.pt" for n in (2, 10, 20)]


def epochs_compared(*, profile: str = "comparison") -> dict[str, Any]:
    """Three epochs whose names differ at their ends only; deploy, while one of four checks passes."""
    payload = tiny.comparison_payload()
    for run, label in zip(payload["compare"]["runs"], EPOCHS, strict=True):
        run["label"] = label
    payload["report"]["verdict"] |= {"outcome": "deploy", "profile": profile}
    return payload


def test_a_word_by_the_difference_says_what_decided_and_is_no_larger_than_two_lines(open_report: Opener) -> None:
    page = open_report(epochs_compared()).page
    said = page.inner_text(".verdict-main > .note >> nth=1")
    assert said == (
        "Decided by the paired difference to the reference on the same queries. "
        "1 of 3 checks of this model alone pass, and did not decide."
    )
    assert page.inner_text(".verdict-main h2") == "Checks of this model alone"
    word, sentence = (page.locator(where).bounding_box() for where in ("h1", ".headline"))
    assert word["height"] <= 45
    assert word["height"] < 2 * sentence["height"]
    page = open_report(epochs_compared(profile="comparison and ranks")).page
    assert "had a part in it" in page.inner_text(".verdict-main > .note >> nth=1")


@pytest.mark.parametrize("width", [390, 1440])
def test_names_that_differ_at_their_ends_are_told_apart_wherever_they_are_cut(open_report: Opener, width: int) -> None:
    report = open_report(epochs_compared(), "compare", viewport={"width": width, "height": 844})
    page = report.page
    names = page.locator(".chooser button").all_inner_texts()
    assert names == ["…epoch10.pt", "…epoch20.pt"]
    assert page.inner_text("h2 >> nth=0") == "…epoch10.pt against …epoch2.pt"
    page.click("summary:has-text('Every run')")
    shown = page.locator(".runs tbody >> nth=0").locator("tr bdi").all_inner_texts()
    assert [name for name in shown if "epoch" in name] == ["…epoch2.pt", "…epoch10.pt", "…epoch20.pt"]
    assert page.get_attribute(".runs bdi:has-text('epoch10') >> nth=0", "title") == EPOCHS[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_that_differ_in_their_middle_keep_both_ends(open_report: Opener) -> None:
    payload = epochs_compared()
    for run, n in zip(payload["compare"]["runs"], "abc", strict=True):
        run["label"] = f"a-folder-with-a-name-that-is-longer/{n}/of-many-letters-of-which-all-runs-have-the-same.pt"
    page = open_report(payload, "compare").page
    first, second = page.locator(".chooser button").all_inner_texts()
    assert (first[:3], second[:3]) == ("…b/", "…c/")
    assert first.endswith("same.pt")
    assert len(first) <= 32


def test_titles_of_long_names_stay_in_a_narrow_window(open_report: Opener) -> None:
    payload = epochs_compared()
    for run, n in zip(payload["compare"]["runs"], "abc", strict=True):
        run["label"] = f"checkpoints/projection_{n}_of_40_epochs.pt"
    page = open_report(payload, "compare", viewport={"width": 390, "height": 844}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_comparison_is_short_until_a_section_is_opened_and_whole_on_paper(open_report: Opener) -> None:
    report = open_report(epochs_compared(), "compare", viewport={"width": 1440, "height": 900})
    page = report.page
    by_type = "Hard negatives that reach the positive, by type"
    folded = [by_type, "Levels", "Every run", "model against character n-grams"]
    assert page.locator("details.section:not([open]) h2").all_inner_texts() == folded
    short = page.evaluate("document.documentElement.scrollHeight")
    for title in folded:
        page.click(f"summary:has-text('{title}')")
    assert page.locator(".runs").is_visible()
    assert page.evaluate("document.documentElement.scrollHeight") > short + 400
    report.go("compare")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".runs").is_visible()
    assert page.locator("details.section").count() == 0
    assert report.complaints == []
