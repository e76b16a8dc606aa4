"""The pictures of ``visualize``: which there are, what each needs to be known, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from embedscope.result import Result

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


def files_of(stage: Stage, result: Result, *, dpi: float, format: str) -> dict[str, bytes]:  # noqa: A002
    """The content of the picture files of a stage, by name; one is packed while the next is drawn."""
    from embedscope.output import pictures as plots

    with ThreadPoolExecutor(1) as packing:
        files = {
            name: packing.submit(plots.drawn(figure, dpi=dpi, format=format))
            for name, figure in _FIGURES[stage](result)
        }
    return {name: file.result() for name, file in files.items()}


def _of_ranks(result: Result) -> Iterator[tuple[str, Figure]]:
    from embedscope.output import pictures as plots

    if result.examples:
        yield "top_k_predictions", plots.draw_top_k(result)
    if result.heatmap is not None:
        yield "similarity_heatmap", plots.draw_heatmap(result)
    yield "similarity_distribution", plots.draw_similarity_distribution(result)
    if result.negative_types:
        yield "negative_types", plots.draw_negative_types(result)


def _of_examination(result: Result) -> Iterator[tuple[str, Figure]]:
    from embedscope.output import pictures as plots

    if result.geometry is not None:
        yield "spectrum", plots.draw_spectrum(result.geometry)
    if result.thresholds is not None:
        yield "thresholds", plots.draw_thresholds(result.thresholds)
    if result.robustness is not None and any(effect.changes for effect in result.robustness.effects):
        yield "robustness", plots.draw_robustness(result.robustness)
    if result.deployment is not None:
        yield "deployment_cost", plots.draw_deployment_cost(result.deployment)


def _of_maps(result: Result) -> Iterator[tuple[str, Figure]]:
    from embedscope.output import pictures as plots

    for name in result.maps:
        yield f"{name}_projection", plots.draw_map(result, name)


_FIGURES: dict[Stage, Callable[[Result], Iterator[tuple[str, Figure]]]] = {
    Stage.RANKS: _of_ranks,
    Stage.EXAMINATION: _of_examination,
    Stage.MAPS: _of_maps,
}
