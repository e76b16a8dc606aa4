"""Every picture at the ends of what a data set can be; a warning of any kind is an error here."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import partial

import pytest
from matplotlib.figure import Figure
from tests.support.drawn_runs import HOSTILE, TOPICS, make_findings

from embedscope.output import pictures as plots
from embedscope.result import Result

PICTURES: dict[str, Callable[[Result], Figure]] = {
    "tsne": partial(plots.draw_map, name="tsne"),
    "umap": partial(plots.draw_map, name="umap"),
    "heatmap": plots.draw_heatmap,
    "distribution": plots.draw_similarity_distribution,
    "top_k": plots.draw_top_k,
    "negative_types": plots.draw_negative_types,
}
CASES: dict[str, Callable[[], Result]] = {
    "one query": partial(make_findings, 1, n_hard_negatives=1, n_examples=1),
    "all right": partial(make_findings, 30, difficulty=0.01),
    "all wrong": partial(make_findings, 30, difficulty=30.0),
    "every script": partial(make_findings, 30, texts=TOPICS),
    "hostile texts": partial(make_findings, 30, texts=HOSTILE),
    "five thousand queries": partial(make_findings, 5_000, n_positives=300, n_hard_negatives=1),
}


def saved(figure: Figure, **options: object) -> bytes:
    file = io.BytesIO()
    plots.save(figure, file, **{"dpi": 50, **options})
    return file.getvalue()


@pytest.mark.parametrize("case", CASES)
def test_every_picture_is_drawn_without_a_warning_or_a_complaint(case: str, caplog: pytest.LogCaptureFixture) -> None:
    result = CASES[case]()
    with caplog.at_level(logging.INFO, logger="matplotlib"):
        for draw in PICTURES.values():
            assert len(saved(draw(result))) > 1_000
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("picture", ["tsne", "heatmap", "distribution", "top_k"])
def test_pictures_without_hard_negatives_are_drawn(picture: str) -> None:
    assert saved(PICTURES[picture](make_findings(20, n_hard_negatives=0)))


@pytest.mark.parametrize("picture", PICTURES)
def test_texts_of_every_script_can_be_written_as_vector_graphics(picture: str) -> None:
    assert b"</svg>" in saved(PICTURES[picture](make_findings(20)), format="svg")


@pytest.mark.parametrize("picture", PICTURES)
def test_titles_and_subtitles_stay_inside_the_picture(picture: str) -> None:
    for result in (make_findings(20), make_findings(1_500, n_positives=100)):
        figure = PICTURES[picture](result)
        figure.canvas.draw()
        heads = [text for text in figure.texts if text.get_gid() in ("title", "subtitle")]
        assert heads
        assert all(text.get_window_extent().x1 <= figure.bbox.width for text in heads)
