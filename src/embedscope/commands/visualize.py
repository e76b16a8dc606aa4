"""``embedscope visualize``: five pictures, the statistics, the checklist, the verdict and the page."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from embedscope.commands import inputs, outputs
from embedscope.commands.measured import measure
from embedscope.data.run_folder import staged_output
from embedscope.findings import Findings
from embedscope.report import html, page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (
    "tsne_projection",
    "umap_projection",
    "similarity_heatmap",
    "similarity_distribution",
    "top_k_predictions",
    "negative_types",
    "spectrum",
    "thresholds",
    "robustness",
    "deployment_cost",
)


def run(options: argparse.Namespace) -> int:
    """Measure, judge, draw, write; the exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    maps = tuple(name for name in ("tsne", "umap") if not getattr(options, f"skip_{name}"))
    measured = measure(options, terminal, maps=maps, pictures=PICTURES)
    findings, report = measured.findings, measured.report
    terminal.step("Drawing the pictures")
    with staged_output(options.output) as staging:
        names = draw_pictures(findings, staging, options)
        names += outputs.write_tables(staging, report, findings, options, started)
        names += write_page(staging, report, findings)
    terminal.report(findings, measured.checks, measured.verdict, has_evidence=options.findings)
    for reason in findings.maps_absent.values():
        terminal.warn(reason)
    written = outputs.write_side_files(options, findings, measured.checks, measured.verdict)
    terminal.files(Path(options.output), names)
    terminal.side_files(written)
    return outputs.finish(options, measured.verdict, report, terminal, started)


def draw_pictures(findings: Findings, folder: Path, options: argparse.Namespace) -> list[str]:
    """Every picture that the findings have, written into ``folder``; their file names."""
    from embedscope import plots

    drawn: dict[str, Figure] = {}
    for name in findings.maps:
        drawn[f"{name}_projection"] = plots.draw_map(findings, name)
    if findings.heatmap is not None:
        drawn["similarity_heatmap"] = plots.draw_heatmap(findings)
    drawn["similarity_distribution"] = plots.draw_similarity_distribution(findings)
    if findings.examples:
        drawn["top_k_predictions"] = plots.draw_top_k(findings)
    if findings.negative_types:
        drawn["negative_types"] = plots.draw_negative_types(findings)
    if findings.geometry is not None:
        drawn["spectrum"] = plots.draw_spectrum(findings.geometry)
    if findings.thresholds is not None:
        drawn["thresholds"] = plots.draw_thresholds(findings.thresholds)
    if findings.robustness is not None and any(effect.changes for effect in findings.robustness.effects):
        drawn["robustness"] = plots.draw_robustness(findings.robustness)
    if findings.deployment is not None:
        drawn["deployment_cost"] = plots.draw_deployment_cost(findings.deployment)
    names = []
    for name, figure in drawn.items():
        file = f"{name}.{options.format}"
        plots.save(figure, folder / file, dpi=options.dpi, format=options.format)
        names.append(file)
    return names


def write_page(folder: Path, report: dict[str, object], findings: Findings) -> list[str]:
    """The page, and the data it is drawn from, so that ``embedscope report`` can draw it again; the file names."""
    payload = page.page_payload(report, findings)
    (folder / page.PAGE_FILE).write_text(page.to_json(payload), encoding="utf-8")
    (folder / "report.html").write_text(html.render(payload, title=html.page_title(report)), encoding="utf-8")
    return ["report.html", page.PAGE_FILE]
