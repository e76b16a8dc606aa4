"""The live view of a served run, in a browser: a tiny model answers from a real server on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.served import WORDS, rows_of_tiny, write_tiny_run

QUERY = " ".join(WORDS[3:8])


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address at which the folder is served by a process of its own."""
    words = [sys.executable, "-m", "embedscope", "serve", str(folder), "--quiet", "--rate", "1000"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        address = running.stdout.readline().strip()
        if not address:
            pytest.fail(running.communicate()[1])
        yield address
    finally:
        running.terminate()
        running.communicate(timeout=60)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served run with a map."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        with serving(write_tiny_run(tmp_path_factory.mktemp("made"), with_maps=True)) as found:
            yield found


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Any]:
    """The live view, and what the browser complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: page.complaints.append(said.text) if "Security Policy" in said.text else None)
    page.goto(f"{address}#live")
    page.wait_for_selector("#live-query")
    yield page
    assert page.complaints == []
    context.close()


def search(page: Any, text: str = QUERY) -> None:
    page.fill("#live-query", text)
    page.press("#live-query", "Enter")
    page.wait_for_selector(".live-answer[aria-busy=false] .live-list")


def test_the_token_leaves_the_address_and_the_page_can_be_loaded_again(opened: Any, address: str) -> None:
    assert "token" not in opened.url
    opened.reload()
    opened.wait_for_selector("#live-query")
    assert "token" not in opened.url
    search(opened)


def test_without_the_token_the_page_says_where_it_is(browser: Any, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address.partition("?")[0])
    assert "Open the address" in page.inner_text("body")
    assert page.locator("#embedscope-payload").count() == 0
    context.close()


def test_a_query_typed_in_has_documents_a_place_and_deciding_words(opened: Any) -> None:
    search(opened)
    scores = [
        float(score.replace("−", "-"))
        for score in opened.locator(".live-list header > .number").all_inner_texts()[1::2]
    ]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    opened.wait_for_selector(".live-map canvas:not([hidden])")
    opened.wait_for_selector(".live .explained .deletion")
    assert "Leaving out" in opened.inner_text(".live .readout")


def test_a_changed_document_shows_rank_and_score_before_and_after(opened: Any) -> None:
    search(opened)
    opened.click(".live-list > li:nth-child(5) >> text=edit")
    opened.fill(".live-editor textarea", QUERY)
    opened.press(".live-editor textarea", "Control+Enter")
    said = opened.inner_text(".live-moved")
    assert re.search(r"▲ rank 5 → 1, score .* → 1\.000 \(\+", said)
    opened.press(".live-editor textarea", "Escape")
    opened.wait_for_selector(".live-editor", state="detached")


def test_a_query_of_the_test_set_is_edited_and_its_document_moves(opened: Any) -> None:
    opened.evaluate("location.hash = '#queries'")
    opened.click("[data-query] >> nth=0")
    opened.wait_for_function("location.hash.includes('query=')")
    opened.click("nav >> text=Try")
    opened.click("text=edit this query")
    opened.wait_for_selector(".live-relevant")
    assert opened.input_value("#live-query") in [row["query"] for row in rows_of_tiny()]
    search(opened, "a b c d")
    opened.wait_for_function("document.querySelector('.live-relevant').innerText.match(/[▲▼=] rank/)")
    opened.click("text=a query of your own")
    search(opened, "a b c d")
    opened.wait_for_selector(".live-relevant", state="detached")


def test_what_was_asked_stays_while_another_view_is_open(opened: Any) -> None:
    search(opened)
    opened.click("nav >> text=Queries")
    opened.click("nav >> text=Try")
    assert opened.input_value("#live-query") == QUERY
    opened.wait_for_selector(".live-list")


def test_a_refusal_is_said_in_words(opened: Any) -> None:
    opened.press("#live-query", "Enter")
    assert opened.inner_text(".live-fault") == "Type a text first."
    opened.evaluate("sessionStorage.clear()")
    opened.fill("#live-query", QUERY)
    opened.press("#live-query", "Enter")
    opened.wait_for_selector(".live-fault >> text=open the address")


@pytest.mark.parametrize("width", [390, 768, 1920])
def test_the_view_fits_every_width(opened: Any, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 844})
    search(opened)
    opened.wait_for_selector(".live .explained")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_field_and_button_is_reached_by_the_keyboard_and_has_a_name(opened: Any) -> None:
    search(opened)
    opened.focus("#live-query")
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.innerText") == "Search"
    unnamed = "e => e.filter(e => !(e.innerText.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"
    assert opened.eval_on_selector_all(".live :is(button, textarea)", unnamed) == 0


def test_a_page_in_a_file_has_no_live_view(open_report: Any) -> None:
    import json

    from tests.support.tiny_run import GOLDEN

    report = open_report(json.loads((GOLDEN / "page.json").read_text(encoding="utf-8")))
    assert "Try" not in report.page.inner_text("nav")
