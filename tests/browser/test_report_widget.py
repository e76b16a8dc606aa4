"""The widget in a real browser: its module with a model that a test holds in place of a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import Report
from tests.support import tiny_run as tiny

from embedscope.output.notebook.summary_html import FRAME_HEIGHT, SANDBOX, framed
from embedscope.output.page import html

pytestmark = pytest.mark.browser

_MODULE = "report_widget.js"

_NOTEBOOK = """\
<!doctype html><meta charset="utf-8"><div id="first"></div><div id="second"></div>
<script type="application/json" id="page">{page}</script>
<script type="module">
{module}
const state = {{ page: JSON.parse(document.getElementById('page').textContent), sandbox: '{sandbox}', height: {height},
                 selected: [], opened: null }};
const listeners = {{}};
const model = {{
  get: (name) => state[name],
  set(name, value) {{
    if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
    state[name] = value;
    for (const listener of listeners[`change:${{name}}`] ?? []) listener();
  }},
  save_changes() {{ model.n_saved += 1; }},
  on: (name, listener) => (listeners[name] ??= new Set()).add(listener),
  off: (name, listener) => listeners[name].delete(listener),
  n_saved: 0,
}};
window.model = model;
window.closeWidget = widget.render({{ model, el: document.getElementById('first') }});
window.showAgain = () => widget.render({{ model, el: document.getElementById('second') }});
</script>
"""


@pytest.fixture
def notebook(browser: Any, tmp_path: Path) -> Iterator[Report]:
    """A page with the widget in it, in place of a notebook; offline."""
    module = files("embedscope.output.notebook").joinpath(_MODULE).read_text(encoding="utf-8")
    page = html.to_json({"text": html.render(tiny.payload(), title="test")}).translate(html._ESCAPES)
    text = _NOTEBOOK.format(
        page=page.removeprefix('{"text":').removesuffix("}"),
        module=module.replace("export default {", "const widget = {"),
        sandbox=SANDBOX,
        height=FRAME_HEIGHT,
    )
    (tmp_path / "notebook.html").write_text(text, encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    report = Report(context.new_page(), (tmp_path / "notebook.html").as_uri())
    report.page.on("console", lambda m: report.complaints.append(m.text) if m.type == "error" else None)
    report.page.on("pageerror", lambda error: report.complaints.append(str(error)))
    report.page.goto(report.address)
    frame_of(report).locator("main").wait_for()
    yield report
    assert report.complaints == []
    context.close()


def frame_of(report: Report, place: str = "first") -> Any:
    return report.page.frame_locator(f"#{place} iframe")


def wait_for(report: Report, name: str, value: Any) -> None:
    report.page.wait_for_function(
        "([name, value]) => JSON.stringify(model.get(name)) === JSON.stringify(value)", arg=[name, value]
    )


def count_of(report: Report, place: str = "first") -> Any:
    return frame_of(report, place).locator(".selection-count strong")


def test_what_the_reader_selects_and_opens_goes_into_the_model(notebook: Report) -> None:
    frame = frame_of(notebook)
    frame.locator("nav a[href='#queries']").click()
    frame.get_by_text("Failing").click()
    wait_for(notebook, "selected", ["q1"])
    frame.locator("tbody tr, [role=row]").nth(-1).click()
    wait_for(notebook, "opened", "q1")
    assert (
        frame.locator(".chip", has_text="notebook").count() == 0
    )  # what the page said itself does not come back as a command
    frame.get_by_role("button", name="Clear").click()
    wait_for(notebook, "selected", [])


def test_what_the_model_selects_is_a_chip_that_can_be_taken_away(notebook: Report) -> None:
    frame = frame_of(notebook)
    notebook.page.evaluate("model.set('selected', ['q0', 'q2'])")
    frame.locator(".chip").get_by_text("2 queries from the notebook").wait_for()
    assert count_of(notebook).inner_text() == "2"
    assert notebook.page.evaluate("model.n_saved") == 0
    frame.get_by_role("button", name="Remove this filter").click()
    wait_for(notebook, "selected", [])


def test_selections_that_follow_fast_on_one_another_end_with_the_last(notebook: Report) -> None:
    notebook.page.evaluate("for (const id of ['q0', 'q1', 'q2', 'q3']) model.set('selected', [id])")
    notebook.page.evaluate("model.set('selected', ['q0', 'q1', 'q2'])")
    frame_of(notebook).locator(".chip").get_by_text("3 queries from the notebook").wait_for()
    wait_for(notebook, "selected", ["q0", "q1", "q2"])
    assert notebook.page.evaluate("model.n_saved") == 0


def test_a_query_that_the_model_opens_is_shown(notebook: Report) -> None:
    notebook.page.evaluate("model.set('opened', 'q3')")
    frame_of(notebook).locator("nav a[href='#queries'][aria-current=page]").wait_for()
    frame_of(notebook).locator(".detail").first.wait_for()
    assert notebook.page.evaluate("model.get('opened')") == "q3"


def test_a_second_view_shows_what_the_first_has_selected_and_both_agree(notebook: Report) -> None:
    notebook.page.evaluate("model.set('selected', ['q0', 'q2'])")
    notebook.page.evaluate("void showAgain()")
    frame_of(notebook, "second").locator(".chip").get_by_text("2 queries from the notebook").wait_for()
    frame_of(notebook, "second").get_by_role("button", name="Clear").click()
    wait_for(notebook, "selected", [])
    frame_of(notebook, "first").locator(".chip").wait_for(state="detached")


def test_a_message_of_another_frame_changes_nothing_and_a_closed_widget_hears_none(notebook: Report) -> None:
    notebook.page.evaluate("postMessage('embedscope-ready', '*')")
    notebook.page.evaluate("closeWidget(); model.set('selected', ['q1'])")
    assert frame_of(notebook).locator(".chip").count() == 0


def test_the_output_of_a_cell_holds_the_page_in_a_frame_that_reaches_nothing(browser: Any, tmp_path: Path) -> None:
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html>{framed(html.render(tiny.payload(), title='test'))}", encoding="utf-8")
    context = browser.new_context(offline=True)
    page, requests = context.new_page(), []
    page.on("request", lambda sent: requests.append(sent.url))
    page.goto(cell.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("main").wait_for()
    frame.locator("nav a[href='#map']").click()
    frame.locator(".map-overlay").wait_for()
    assert page.frames[1].evaluate("origin") == "null"
    assert {url.split(":")[0] for url in requests} <= {"file", "about", "data"}
    context.close()
