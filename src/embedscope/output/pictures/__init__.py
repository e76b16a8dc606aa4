"""The pictures: ``draw_*(result, ...)`` returns a Matplotlib figure, ``save`` writes it, ``drawn`` makes its file.

A picture shows what is in a result and computes no statistic of its own. Nothing here touches pyplot or the
user's ``rcParams``.
"""

from __future__ import annotations

from embedscope.output.pictures.animation_figure import draw_map_animations
from embedscope.output.pictures.card_figure import DPI as CARD_DPI
from embedscope.output.pictures.card_figure import draw_card, draw_card_of_sets
from embedscope.output.pictures.comparison_figure import draw_metric_comparison, draw_rank_slopes
from embedscope.output.pictures.distribution_figure import draw_similarity_distribution
from embedscope.output.pictures.heatmap_figure import draw_heatmap
from embedscope.output.pictures.map_figure import draw_map
from embedscope.output.pictures.migration_figure import draw_migration
from embedscope.output.pictures.negative_types_figure import draw_negative_types
from embedscope.output.pictures.robustness_figure import draw_robustness
from embedscope.output.pictures.spectrum_figure import draw_spectrum
from embedscope.output.pictures.storage_figure import draw_deployment_cost, draw_thresholds
from embedscope.output.pictures.style import drawn, save, sign
from embedscope.output.pictures.timeline_figure import draw_timeline
from embedscope.output.pictures.top_k_figure import draw_top_k

__all__ = [
    "CARD_DPI",
    "draw_card",
    "draw_card_of_sets",
    "draw_deployment_cost",
    "draw_heatmap",
    "draw_map",
    "draw_map_animations",
    "draw_metric_comparison",
    "draw_migration",
    "draw_negative_types",
    "draw_rank_slopes",
    "draw_robustness",
    "draw_similarity_distribution",
    "draw_spectrum",
    "draw_thresholds",
    "draw_timeline",
    "draw_top_k",
    "drawn",
    "save",
    "sign",
]
