"""Summaries for a cell: every text escaped, the page in a frame, something to read where frames are taken out."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.output.notebook.test_shown_tables import shown
from tests.support import tiny_run as tiny

from embedscope.output.notebook import summary_html
from embedscope.output.notebook.summary_html import comparison_summary, figures_summary, framed, page_of, sets_summary
from embedscope.result import Finding, Severity, Verdict, VerdictOutcome

TAGS = {"div", "p", "b", "br", "table", "thead", "tbody", "tr", "th", "td", "ol", "li", "iframe", "code"}


class Parsed(HTMLParser):
    """The tags of a text, its words, and the attributes of its frame."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.frame: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "iframe":
            self.frame = dict(attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_result_shows_verdict_figures_and_what_to_do_before_its_page() -> None:
    result = shown(tiny.result())
    parsed = Parsed(result._repr_html_())
    words = " ".join(parsed.words)
    assert words.startswith("Retrain Mean off-diagonal similarity: 0.7, must be < 0.6 runs/epoch3.pt: 4 queries")
    for part in ("MRR 0.7000 [0.5000, 0.8500]", "Success@1", "Differences in location are ignored", "Train longer"):
        assert part in words
    assert parsed.frame["srcdoc"] == page_of(result)
    assert (parsed.frame["sandbox"], parsed.frame["loading"]) == ("allow-scripts allow-downloads", "lazy")


def test_no_text_becomes_markup() -> None:
    finding = Finding("code", tiny.HOSTILE[0], Severity.HIGH, 1, None, None, None, (0,), tiny.HOSTILE[1])
    verdict = Verdict(VerdictOutcome.UNFIT, "ranks", "".join(text[:99] for text in tiny.HOSTILE), ())
    result = shown(replace(tiny.result(), findings=(finding,) * 5, verdict=verdict))
    for text in (
        result._repr_html_(),
        comparison_summary(result, tiny.comparison().comparisons, {tiny.CANDIDATE: tiny.HOSTILE[0]}),
        sets_summary(replace(tiny.sets(), verdict=verdict)),
        figures_summary(tiny.HOSTILE[1], result.metrics.values(), tiny.HOSTILE),
    ):
        assert Parsed(text).tags <= TAGS
        assert "window.pwned" in "".join(Parsed(text).words)
        text.encode()
    assert "(3 of 5)" in result._repr_html_()


def test_a_page_that_is_too_large_for_a_notebook_is_left_out_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_html, "MOST_PAGE_BYTES", 1_000)
    text = framed("x" * 1_001)
    assert "iframe" not in text
    assert "more than the 1 kB that go into a notebook" in text
    assert "result.save(folder)" in text


def test_a_comparison_shows_its_differences_and_sets_a_line_each() -> None:
    result = tiny.result()
    rows = tiny.comparison().comparisons
    words = " ".join(Parsed(comparison_summary(result, rows, {})).words)
    assert f"{rows[0].difference:+.4f}" in words
    found = tiny.sets()
    assert sets_summary(found).count("<tr>") == 1 + len(found.sets) + 1
