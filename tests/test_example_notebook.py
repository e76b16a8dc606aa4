"""The notebook in ``examples/``: it runs, and what is committed of it is small and of no one machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("anywidget")

from tools.executed_notebook import NOTEBOOK, executed, without_pages  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # of Jupyter, about its sockets and event loops

MOST_BYTES = 300_000


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_the_committed_notebook_is_executed_small_and_without_pages_or_places_of_a_machine() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(text.encode()) < MOST_BYTES
    assert not re.search(r"<iframe|widget-view|/home/|/root/|/tmp/|Traceback", text)
    assert any("image/png" in output.get("data", {}) for output in outputs_of(notebook))


@pytest.mark.slow
@pytest.mark.integration
def test_the_notebook_runs_and_shows_summary_page_pictures_and_widget(minilm: str, tmp_path: Path) -> None:
    pytest.importorskip("polars")
    notebook = executed(nbformat.read(NOTEBOOK, as_version=4), tmp_path)
    kinds = [kind for output in outputs_of(notebook) for kind in output.get("data", {})]
    assert kinds.count("image/png") == 2
    assert "application/vnd.jupyter.widget-view+json" in kinds
    pages = [
        output for output in outputs_of(notebook) if "<iframe srcdoc=" in output.get("data", {}).get("text/html", "")
    ]
    assert len(pages) == 1
    assert (tmp_path / "run" / "report.html").is_file()
    assert "<iframe" not in nbformat.writes(without_pages(notebook))
