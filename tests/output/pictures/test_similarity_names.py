"""Pictures say by what vectors are compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from tests.support import tiny_run as tiny
from tests.support.drawn_runs import make_findings

from embedscope.output import pictures
from embedscope.result import Result


def texts(figure: Figure) -> str:
    """All that is written: titles, labels, and the label of a colour bar."""
    of_axes = [part for axes in figure.axes for part in (axes.get_xlabel(), axes.get_ylabel())]
    return "\n".join([*(text.get_text() for text in figure.texts), *of_axes])


def compared_by(similarity: str) -> Result:
    found = make_findings()
    assert found.heatmap is not None
    heatmap = replace(found.heatmap, similarity=found.heatmap.similarity * (30 if similarity == "dot" else 1))
    return replace(found, model=replace(found.model, similarity=similarity), heatmap=heatmap)


@pytest.mark.parametrize(("similarity", "name"), [("cosine", "cosine similarity"), ("dot", "dot product")])
def test_every_axis_of_similarities_has_their_name(similarity: str, name: str) -> None:
    found = compared_by(similarity)
    thresholds, cost = tiny.result().thresholds, tiny.result().deployment
    assert thresholds is not None
    assert cost is not None
    assert name in texts(pictures.draw_similarity_distribution(found))
    assert name in texts(pictures.draw_heatmap(found))
    plural = {"cosine": "cosine similarities", "dot": "dot products"}[similarity]
    assert f"difference of {plural}" in texts(pictures.draw_negative_types(found))
    drawn = pictures.draw_thresholds(thresholds, similarity=similarity)
    assert drawn.axes[0].get_xlabel() == {"cosine": "cosine threshold", "dot": "dot product threshold"}[similarity]
    is_said = "Laid out by direction" in texts(pictures.draw_map(found, "tsne"))
    assert is_said == (similarity == "dot")
    is_again = "made unit vectors again" in texts(pictures.draw_deployment_cost(cost, similarity=similarity))
    assert is_again == (similarity == "cosine")


def test_the_colours_of_dot_products_run_from_the_lowest_to_the_highest() -> None:
    found = compared_by("dot")
    assert found.heatmap is not None
    image = pictures.draw_heatmap(found).axes[0].images[0]
    shown = found.heatmap.similarity[:40, :40]
    assert image.get_clim() == (pytest.approx(shown.min()), pytest.approx(shown.max()))
