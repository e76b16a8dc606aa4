"""Execute ``examples/notebook.ipynb`` and keep what its cells show, but for the page.

``python -m tools.executed_notebook`` writes the notebook again. The page is half a megabyte, and code hosts do not show
frames; where it would stand the notebook says so.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "notebook.ipynb"
TIMEOUT_S = 300

_FRAME = re.compile(r"<iframe.*?</iframe>", re.DOTALL)
_INSTEAD = "<p>(Here is the page when the cell is run.)</p>"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def executed(notebook: Any, folder: Path) -> Any:
    """``notebook`` with the outputs of its cells, run in ``folder``; CellExecutionError where one fails."""
    client = NotebookClient(
        notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": str(folder)}},
        store_widget_state=False, record_timing=False,
    )  # fmt: skip
    return client.execute()


def without_pages(notebook: Any) -> Any:
    """``notebook`` with a sentence in place of each page, and nothing that only this machine knows."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = _FRAME.sub(_INSTEAD, data["text/html"])
            if data.pop(_WIDGET, None) is not None:
                data["text/html"] = _INSTEAD
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def main() -> None:
    """Execute the notebook and write it again."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(without_pages(executed(notebook, Path(folder))), NOTEBOOK)


if __name__ == "__main__":
    main()
