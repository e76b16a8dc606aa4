"""The pictures of ``visualize``: which there are, what each needs to be known, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from embedscope.findings import Findings

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
"""Names of the pictures, in the order in which they are written."""


class Stage(StrEnum):
    """What a run has found, in the order in which it finds it: the pictures of each can be drawn from then on."""

    RANKS = "ranks"
    EXAMINATION = "examination"
    MAPS = "maps"


def files_of(stage: Stage, findings: Findings, *, dpi: float, format: str) -> dict[str, bytes]:  # noqa: A002
    """The content of the picture files of a stage, by name; one is packed while the next is drawn."""
    from embedscope import plots

    with ThreadPoolExecutor(1) as packing:
        files = {
            name: packing.submit(plots.drawn(figure, dpi=dpi, format=format))
            for name, figure in _FIGURES[stage](findings)
        }
    return {name: file.result() for name, file in files.items()}


def _of_ranks(findings: Findings) -> Iterator[tuple[str, Figure]]:
    from embedscope import plots

    if findings.examples:
        yield "top_k_predictions", plots.draw_top_k(findings)
    if findings.heatmap is not None:
        yield "similarity_heatmap", plots.draw_heatmap(findings)
    yield "similarity_distribution", plots.draw_similarity_distribution(findings)
    if findings.negative_types:
        yield "negative_types", plots.draw_negative_types(findings)


def _of_examination(findings: Findings) -> Iterator[tuple[str, Figure]]:
    from embedscope import plots

    if findings.geometry is not None:
        yield "spectrum", plots.draw_spectrum(findings.geometry)
    if findings.thresholds is not None:
        yield "thresholds", plots.draw_thresholds(findings.thresholds)
    if findings.robustness is not None and any(effect.changes for effect in findings.robustness.effects):
        yield "robustness", plots.draw_robustness(findings.robustness)
    if findings.deployment is not None:
        yield "deployment_cost", plots.draw_deployment_cost(findings.deployment)


def _of_maps(findings: Findings) -> Iterator[tuple[str, Figure]]:
    from embedscope import plots

    for name in findings.maps:
        yield f"{name}_projection", plots.draw_map(findings, name)


_FIGURES: dict[Stage, Callable[[Findings], Iterator[tuple[str, Figure]]]] = {
    Stage.RANKS: _of_ranks,
    Stage.EXAMINATION: _of_examination,
    Stage.MAPS: _of_maps,
}
