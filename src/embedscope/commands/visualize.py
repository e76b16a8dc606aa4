"""``embedscope visualize``: five pictures, the statistics, the checklist, the verdict and the page."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
    pictures: dict[str, bytes] = {}

    def draw_beside_maps(findings: Findings) -> None:  # on one core, while the maps are laid out on the others
        terminal.step("Drawing the pictures")
        pictures.update(drawn(figures_without_maps(findings), options))

    measured = measure(options, terminal, maps=maps, pictures=PICTURES, meanwhile=draw_beside_maps)
    findings, report = measured.findings, measured.report
    pictures.update(drawn(figures_of_maps(findings), options))
    with staged_output(options.output) as staging:
        names = write_pictures(pictures, staging, options)
        names += outputs.write_tables(staging, report, findings, options, started)
        names += write_page(staging, report, findings)
    terminal.report(findings, measured.checks, measured.verdict, has_evidence=options.findings)
    for reason in findings.maps_absent.values():
        terminal.warn(reason)
    written = outputs.write_side_files(options, findings, measured.checks, measured.verdict)
    terminal.files(Path(options.output), names)
    terminal.side_files(written)
    return outputs.finish(options, measured.verdict, report, terminal, started)


def figures_of_maps(findings: Findings) -> Iterator[tuple[str, Figure]]:
    """The maps, by the names of their pictures."""
    from embedscope import plots

    for name in findings.maps:
        yield f"{name}_projection", plots.draw_map(findings, name)


def figures_without_maps(findings: Findings) -> Iterator[tuple[str, Figure]]:
    """Every other picture that the findings have, by name."""
    from embedscope import plots

    if findings.heatmap is not None:
        yield "similarity_heatmap", plots.draw_heatmap(findings)
    yield "similarity_distribution", plots.draw_similarity_distribution(findings)
    if findings.examples:
        yield "top_k_predictions", plots.draw_top_k(findings)
    if findings.negative_types:
        yield "negative_types", plots.draw_negative_types(findings)
    if findings.geometry is not None:
        yield "spectrum", plots.draw_spectrum(findings.geometry)
    if findings.thresholds is not None:
        yield "thresholds", plots.draw_thresholds(findings.thresholds)
    if findings.robustness is not None and any(effect.changes for effect in findings.robustness.effects):
        yield "robustness", plots.draw_robustness(findings.robustness)
    if findings.deployment is not None:
        yield "deployment_cost", plots.draw_deployment_cost(findings.deployment)


def drawn(figures: Iterable[tuple[str, Figure]], options: argparse.Namespace) -> dict[str, bytes]:
    """The content of the picture files, by name; one is packed while the next is drawn."""
    from embedscope import plots

    with ThreadPoolExecutor(1) as packing:
        files = {
            name: packing.submit(plots.drawn(figure, dpi=options.dpi, format=options.format))
            for name, figure in figures
        }
    return {name: file.result() for name, file in files.items()}


def write_pictures(pictures: Mapping[str, bytes], folder: Path, options: argparse.Namespace) -> list[str]:
    """Write the pictures in the order of ``PICTURES``; their file names."""
    names = []
    for name in PICTURES:
        if name in pictures:
            names.append(f"{name}.{options.format}")
            (folder / names[-1]).write_bytes(pictures[name])
    return names


def write_page(folder: Path, report: dict[str, object], findings: Findings) -> list[str]:
    """The page, and the data it is drawn from, so that ``embedscope report`` can draw it again; the file names."""
    payload = page.page_payload(report, findings)
    (folder / page.PAGE_FILE).write_text(page.to_json(payload), encoding="utf-8")
    (folder / "report.html").write_text(html.render(payload, title=html.page_title(report)), encoding="utf-8")
    return ["report.html", page.PAGE_FILE]
