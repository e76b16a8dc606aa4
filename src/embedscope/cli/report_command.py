"""``embedscope report RUN_FOLDER``: draw the page of an old run again, with the page of this version."""

from __future__ import annotations

from embedscope.cli import ending
from embedscope.output.page import html
from embedscope.output.run_folder import staged_output, write_text
from embedscope.settings import ReportSettings, Settings


def run(settings: Settings, chosen: ReportSettings) -> int:
    """Render ``report.html`` again from what the run wrote; the exit status."""
    page = html.render_run_folder(chosen.run_folder)
    with staged_output(chosen.run_folder) as staging:
        write_text(staging / "report.html", page)
    ending.terminal_of(settings).files(chosen.run_folder, ["report.html"])
    return 0
