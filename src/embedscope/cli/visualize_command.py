"""``embedscope visualize``: the pictures, the statistics, the checklist, the verdict and the page."""

from __future__ import annotations

import time

from embedscope.cli.data_sets import data_sets, visualize_sets, with_data
from embedscope.output.picture_process import PICTURES, Drawing
from embedscope.settings import SetsSettings, Settings


def run(settings: Settings, sets: SetsSettings) -> int:
    """Measure, judge, draw, write; the exit status."""
    named = data_sets(sets, settings)
    return visualize_sets(settings, named) if len(named) > 1 else visualize(with_data(settings, named))


def visualize(settings: Settings) -> int:
    """The same of one data set, the one that the settings name."""
    started = time.perf_counter()
    output = settings.output
    with Drawing.of(settings) as drawing:
        # Loaded here, so that the second process loads Matplotlib meanwhile.
        from embedscope import pipeline
        from embedscope.cli import ending
        from embedscope.output.run_files import write_run
        from embedscope.result.report import report

        terminal = ending.terminal_of(settings)
        ending.require_writable(settings, PICTURES)
        result = pipeline.run(settings, terminal, on_stage=drawing.begin)
        drawing.begin(result)
        terminal.step(drawing.plan)
        names = write_run(
            result,
            str(output.output),
            options=settings.as_options(),
            elapsed_s=time.perf_counter() - started,
            pictures=drawing.files,
        )
    written = ending.write_side_files(result, settings)
    terminal.files(str(output.output), names, first="report.html")
    terminal.side_files(written)
    terminal.report(result, has_evidence=output.findings)
    terminal.verdict_line(result.verdict_line)
    return ending.finish(settings, result.verdict, report(result), terminal, started)
