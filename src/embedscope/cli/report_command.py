"""``embedscope report RUN_FOLDER``: draw the page of an old run again, with the page of this version."""

from __future__ import annotations

import argparse
from pathlib import Path

from embedscope.data.run_folder import staged_output
from embedscope.output.page import html
from embedscope.output.terminal import Terminal


def run(options: argparse.Namespace) -> int:
    """Render ``report.html`` anew from what the run wrote; the exit status."""
    folder = Path(options.run_folder)
    page = html.render_run_folder(folder)
    with staged_output(folder) as staging:
        (staging / "report.html").write_text(page, encoding="utf-8")
    Terminal(quiet=options.quiet).files(folder, ["report.html"])
    return 0
