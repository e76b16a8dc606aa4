"""The pictures: ``draw_*(findings, ...)`` returns a Matplotlib figure, ``save`` writes it, ``drawn`` makes its file.

A picture shows what is in ``Findings`` and computes no statistic of its own. Nothing here touches pyplot or the
user's ``rcParams``.
"""

from __future__ import annotations

from embedscope.plots.comparison import draw_metric_comparison, draw_rank_slopes
from embedscope.plots.deployment_cost import draw_deployment_cost, draw_thresholds
from embedscope.plots.distribution import draw_similarity_distribution
from embedscope.plots.geometry import draw_spectrum
from embedscope.plots.heatmap import draw_heatmap
from embedscope.plots.maps import draw_map
from embedscope.plots.negative_types import draw_negative_types
from embedscope.plots.robustness import draw_robustness
from embedscope.plots.style import drawn, save
from embedscope.plots.timeline import draw_map_films, draw_timeline
from embedscope.plots.top_k import draw_top_k

__all__ = [
    "draw_deployment_cost",
    "draw_heatmap",
    "draw_map",
    "draw_map_films",
    "draw_metric_comparison",
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
]
