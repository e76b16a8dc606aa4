"""The heat map, by its artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from tests.support.drawn_runs import make_findings

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import draw_heatmap
from embedscope.output.pictures.text_layout import display_width
from embedscope.result import Result


def labels(figure: Figure) -> tuple[list[str], list[str]]:
    axes = figure.axes[0]
    return [t.get_text() for t in axes.get_yticklabels()], [t.get_text() for t in axes.get_xticklabels()]


def with_range(result: Result, low: float, high: float) -> Result:
    heatmap = result.heatmap
    similarity = np.linspace(low, high, heatmap.similarity.size, dtype=np.float32).reshape(heatmap.similarity.shape)
    return replace(result, heatmap=replace(heatmap, similarity=similarity))


def test_shows_the_matrix_with_queries_as_rows_and_positives_as_columns() -> None:
    result = make_findings(20)
    figure = draw_heatmap(result)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), result.heatmap.similarity)
    rows, columns = labels(figure)
    assert (len(rows), len(columns)) == result.heatmap.similarity.shape
    assert rows[0].startswith("quiet studio")


def test_a_cell_without_a_value_is_empty_and_explained() -> None:
    result = make_findings(20)
    plain = draw_heatmap(result)
    similarity = result.heatmap.similarity.copy()
    similarity[1, 2] = np.nan
    figure = draw_heatmap(replace(result, heatmap=replace(result.heatmap, similarity=similarity)))
    assert np.ma.getmaskarray(np.ma.masked_invalid(figure.axes[0].images[0].get_array())).sum() == 1
    said = [" ".join(text.get_text() for text in each.texts) for each in (plain, figure)]
    assert ["An empty cell is a query and its own text." in each for each in said] == [False, True]
    values = [[text for text in each.axes[0].texts if text.get_gid() == "cell value"] for each in (plain, figure)]
    assert len(values[0]) - len(values[1]) == bool(values[0])


def test_every_relevant_cell_has_a_black_frame_at_its_place() -> None:
    result = make_findings(20)
    axes = draw_heatmap(result).axes[0]
    frames = next(each for each in axes.collections if isinstance(each, PatchCollection))
    expected = {(column, row) for row, column in np.argwhere(result.heatmap.is_relevant)}
    centres = {tuple((path.vertices.min(axis=0) + 0.5).astype(int)) for path in frames.get_paths()}
    assert centres == expected
    assert frames.get_edgecolor()[0].tolist() == [0, 0, 0, 1]


def test_the_scale_runs_from_zero_to_one_with_one_half_in_the_middle() -> None:
    figure = draw_heatmap(with_range(make_findings(20), 0.1, 1.0000001))
    image = figure.axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax, float(image.norm(0.5))) == (0.0, 1.0, 0.5)
    assert "stretched" not in figure.axes[1].get_ylabel()


@pytest.mark.parametrize(("low", "high", "expected"), [(-0.4, 0.9, (-0.4, 1.0)), (0.2, 1.5, (0.0, 1.5))])
def test_a_scale_that_must_be_stretched_keeps_its_middle_and_says_so(
    low: float, high: float, expected: tuple[float, float]
) -> None:
    figure = draw_heatmap(with_range(make_findings(20), low, high))
    image = figure.axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax) == pytest.approx(expected)
    assert float(image.norm(0.5)) == 0.5
    assert "stretched" in figure.axes[1].get_ylabel()


def test_labels_are_short_and_stay_inside_the_picture() -> None:
    figure = draw_heatmap(make_findings(200))
    rows, columns = labels(figure)
    assert max(display_width(label) for label in rows + columns) <= 28
    figure.canvas.draw()
    texts = [*figure.axes[0].get_yticklabels(), *figure.axes[0].get_xticklabels()]
    assert min(text.get_window_extent().x0 for text in texts) >= 0
    assert min(text.get_window_extent().y0 for text in texts) >= 0


def test_says_how_many_of_how_many_are_shown_and_shows_at_most_forty() -> None:
    result = make_findings(500)
    figure = draw_heatmap(result)
    assert "40 of 500 queries (rows) and 40 of 250 positives (columns)" in [text.get_text() for text in figure.texts]
    assert figure.axes[0].images[0].get_array().shape == (40, 40)


def test_numbers_are_written_into_cells_that_are_large_enough() -> None:
    def values(n: int) -> int:
        return sum(text.get_gid() == "cell value" for text in draw_heatmap(make_findings(n)).axes[0].texts)

    assert values(8) == 32
    assert values(200) == 0


def test_without_a_heat_map_the_reason_is_given() -> None:
    with pytest.raises(InvalidOptionError, match="no heat map"):
        draw_heatmap(replace(make_findings(5), heatmap=None))
