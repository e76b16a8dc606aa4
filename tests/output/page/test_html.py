"""The page: one file, a policy that lets nothing out, and texts that stay texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.support import tiny_run as tiny

from embedscope.errors import DataFormatError, InputError
from embedscope.output.page import html
from embedscope.output.page import payload as page


class Elements(HTMLParser):
    """Elements of a page, and the text of its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style", "title"):
            self.raw.append((self.tags[-1][0], data))


def parsed(text: str) -> Elements:
    elements = Elements()
    elements.feed(text)
    elements.close()
    return elements


def policy_of(text: str) -> str:
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert found is not None
    return found[1]


def sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def payload_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="embedscope-payload">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_the_payload_as_it_was() -> None:
    payload = tiny.payload()
    assert payload_of(html.render(payload, title="t")) == payload


def test_the_policy_lets_nothing_in_but_this_script_and_this_style() -> None:
    text = html.render(tiny.payload(), title="t")
    policy = policy_of(text)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    script = re.search(r"<script>(.*)</script>\n</body>", text, re.DOTALL)
    assert style is not None
    assert script is not None
    assert f"style-src '{sha256(style[1])}'" in policy
    assert f"script-src '{sha256(script[1])}'" in policy


def test_the_policy_stands_before_anything_it_governs() -> None:
    text = html.render(tiny.payload(), title="t")
    assert text.index("Content-Security-Policy") < text.index("<style")
    assert text.index("Content-Security-Policy") < text.index("<title")


def test_the_page_names_no_other_file() -> None:
    for tag, attributes in parsed(html.render(tiny.payload(), title="t")).tags:
        for name in ("src", "href", "action", "srcset", "data"):
            assert attributes.get(name) in (None, "data:,"), (tag, name)


def test_hostile_texts_make_no_element_and_no_attribute() -> None:
    usual = parsed(html.render(tiny.payload(), title="t")).tags
    hostile = parsed(html.render(tiny.hostile_payload(), title=tiny.HOSTILE[0])).tags
    assert hostile == usual


@pytest.mark.parametrize("text", tiny.HOSTILE)
def test_a_hostile_title_is_a_title(text: str) -> None:
    usual = parsed(html.render(tiny.payload(), title="t")).tags
    assert parsed(html.render(tiny.payload(), title=text)).tags == usual


def test_the_data_block_has_no_character_that_could_end_it() -> None:
    block = html.as_data_block(tiny.hostile_payload())
    assert block.isascii()
    assert not set("<>&\u2028\u2029") & set(block)
    assert json.loads(block) == tiny.hostile_payload()


def test_the_page_of_hostile_texts_can_be_written_as_utf8() -> None:
    for text in tiny.HOSTILE:
        html.render(tiny.hostile_payload(), title=text).encode("utf-8")


def test_without_javascript_the_verdict_is_still_said() -> None:
    text = html.render(tiny.payload(), title="t")
    assert "Verdict: retrain. Mean off-diagonal similarity: 0.7, must be &lt; 0.6" in text


def test_a_run_folder_is_drawn_again_as_it_was(tmp_path: Path) -> None:
    payload = tiny.payload()
    (tmp_path / page.PAGE_FILE).write_text(page.to_json(payload), encoding="utf-8")
    assert html.render_run_folder(tmp_path) == html.render(payload, title="Retrain: epoch3.pt · embedscope")


def test_a_folder_without_the_payload_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"page\.json does not exist.*visualize, evaluate or compare wrote"):
        html.render_run_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "not the payload of a page"),
        ('{"kind": "other"}', "not the payload of a page"),
        (
            '{"kind": "embedscope-page", "page_version": 9, "report": {}}',
            "page_version 9; this program draws version 1",
        ),
        ('{"kind": "embedscope-page", "page_version": 1}', "report: it is missing"),
    ],
)
def test_a_payload_that_cannot_be_drawn_is_refused_with_the_reason(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / page.PAGE_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(DataFormatError, match=re.escape(message)):
        html.render_run_folder(tmp_path)


def test_a_payload_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / page.PAGE_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="can't decode byte 0xff"):
        html.render_run_folder(tmp_path)


@pytest.mark.parametrize(
    ("report", "title"),
    [
        ({"verdict": {"outcome": "deploy"}, "model": {"checkpoint": "runs\\best.pt"}}, "Deploy: best.pt · embedscope"),
        ({"verdict": {"outcome": "unfit"}, "model": {"checkpoint": "/m/minilm/"}}, "Unfit: minilm · embedscope"),
        ({}, "Report · embedscope"),
    ],
)
def test_the_title_says_the_verdict_and_the_checkpoint(report: dict[str, Any], title: str) -> None:
    assert html.page_title(report) == title
