"""``embedscope visualize``: five pictures, the statistics, the checklist, the verdict and the page."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from embedscope.cli.drawing import Drawing
from embedscope.cli.pictures import PICTURES

if TYPE_CHECKING:
    from embedscope.result import Result


def run(options: argparse.Namespace) -> int:
    """Measure, judge, draw, write; the exit status."""
    started = time.perf_counter()
    with Drawing(dpi=options.dpi, format=options.format) as drawing:
        return _run(options, drawing, started)


def _run(options: argparse.Namespace, drawing: Drawing, started: float) -> int:
    # Loaded here, so that the second process loads Matplotlib meanwhile.
    from embedscope.cli import inputs, outputs
    from embedscope.cli.measured import measure
    from embedscope.data.run_folder import staged_output

    terminal = inputs.terminal_of(options)
    maps = tuple(name for name in ("tsne", "umap") if not getattr(options, f"skip_{name}"))
    measured = measure(options, terminal, maps=maps, pictures=PICTURES, known=drawing.begin)
    result, report = measured.result, measured.report
    with staged_output(options.output) as staging:
        tables = outputs.write_tables(staging, report, result, options, started)
        tables += write_page(staging, report, result)
        terminal.step("Waiting for the last pictures")
        names = [*write_pictures(drawing.files(), staging, options), *tables]
    terminal.report(result, measured.checks, measured.verdict, has_evidence=options.findings)
    for reason in result.maps_absent.values():
        terminal.warn(reason)
    written = outputs.write_side_files(options, result, measured.checks, measured.verdict)
    terminal.files(Path(options.output), names)
    terminal.side_files(written)
    return outputs.finish(options, measured.verdict, report, terminal, started)


def write_pictures(pictures: Mapping[str, bytes], folder: Path, options: argparse.Namespace) -> list[str]:
    """Write the pictures in the order of ``PICTURES``; their file names."""
    names = []
    for name in PICTURES:
        if name in pictures:
            names.append(f"{name}.{options.format}")
            (folder / names[-1]).write_bytes(pictures[name])
    return names


def write_page(folder: Path, report: dict[str, object], result: Result) -> list[str]:
    """The page, and the data it is drawn from, so that ``embedscope report`` can draw it again; the file names."""
    from embedscope.output.page import html
    from embedscope.output.page import payload as page

    payload = page.page_payload(report, result)
    (folder / page.PAGE_FILE).write_text(page.to_json(payload), encoding="utf-8")
    (folder / "report.html").write_text(html.render(payload, title=html.page_title(report)), encoding="utf-8")
    return ["report.html", page.PAGE_FILE]
