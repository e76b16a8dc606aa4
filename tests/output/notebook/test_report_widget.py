"""The widget in Python: what its traits take, and what is said where it cannot be made."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.output.notebook.test_shown_tables import shown
from tests.support import tiny_run as tiny

from embedscope.errors import InvalidOptionError, MissingExtraError
from embedscope.output.notebook import report_widget, summary_html

traitlets = pytest.importorskip("traitlets")
pytest.importorskip("anywidget")


@pytest.fixture
def widget() -> Any:
    return shown(tiny.result()).widget()


def test_it_holds_the_page_and_selects_nothing_at_first(widget: Any) -> None:
    assert widget.page == shown(tiny.result()).page()
    assert (widget.selected, widget.opened) == ([], None)
    assert repr(widget) == "<Report of 4 queries, 0 selected>"


def test_a_selection_is_heard_by_who_observes_it(widget: Any) -> None:
    heard: list[Any] = []
    widget.observe(lambda change: heard.append(change["new"]), names=["selected", "opened"])
    widget.selected = ["q1", "q3"]
    widget.opened = "q2"
    widget.opened = None
    assert heard == [["q1", "q3"], "q2", None]


@pytest.mark.parametrize(("name", "value"), [("selected", ["q1", "nobody"]), ("opened", "nobody")])
def test_an_id_of_no_query_is_refused(name: str, value: Any, widget: Any) -> None:
    with pytest.raises(traitlets.TraitError, match=r"1 of [12] ids are of no query in this run \(first: 'nobody'\)"):
        setattr(widget, name, value)
    assert (widget.selected, widget.opened) == ([], None)


def test_a_page_that_is_too_large_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_html, "MOST_PAGE_BYTES", 1_000)
    with pytest.raises(InvalidOptionError, match=r"more than the 1 kB that go into a notebook.*result\.save"):
        shown(tiny.result()).widget()


def test_without_anywidget_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    report_widget._widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingExtraError, match=r" install .*\[notebook\]"):
        shown(tiny.result()).widget()
