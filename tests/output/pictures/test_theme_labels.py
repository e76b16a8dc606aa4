"""Names of themes on the maps, by their artists."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from tests.support.drawn_runs import make_findings

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import draw_map, style
from embedscope.output.pictures.theme_labels import MAX_LABELS
from embedscope.result import Result, Theme


def labels_of(figure: Figure) -> list[Text]:
    return [text for text in figure.axes[0].texts if text.get_gid() == "theme"]


def with_themes(n: int, *, level: int = 0) -> Result:
    result = make_findings(200)
    points = np.random.default_rng(0).integers(0, 400, n).tolist()
    themes = tuple(
        Theme(f"theme {i} of $x_y$", level, n - i, 0, {"tsne": point, "umap": point}) for i, point in enumerate(points)
    )
    return replace(result, themes=themes)


def test_no_name_lies_over_another_or_leaves_the_map() -> None:
    figure = draw_map(with_themes(60), "tsne")
    boxes = [label.get_window_extent() for label in labels_of(figure)]
    assert 3 < len(boxes) <= MAX_LABELS
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    frame = figure.axes[0].get_window_extent()
    assert all(frame.contains(*box.min) and frame.contains(*box.max) for box in boxes)
    legends = [legend.get_window_extent() for legend in figure.legends]
    assert not any(box.overlaps(legend) for box in boxes for legend in legends)


def test_the_largest_broad_theme_stands_at_its_point() -> None:
    result = with_themes(60)
    fine = Theme("a finer one", 1, 10_000, 0, result.themes[0].label_points)
    labels = {
        label.get_text(): label for label in labels_of(draw_map(replace(result, themes=(fine, *result.themes)), "tsne"))
    }
    assert "a finer one" not in labels
    first = result.themes[0]
    box = labels[first.name].get_window_extent()
    at = labels[first.name].axes.transData.transform(result.maps["tsne"].xy[first.label_points["tsne"]])
    assert np.linalg.norm(at - [box.x0 + box.width / 2, box.y0 + box.height / 2]) < 1


def test_a_theme_that_is_scattered_on_a_map_has_no_label_there() -> None:
    result = replace(make_findings(40), themes=(Theme("only here", 0, 5, 5, {"umap": 3}),))
    assert labels_of(draw_map(result, "tsne")) == []
    assert [label.get_text() for label in labels_of(draw_map(result, "umap"))] == ["only here"]


def test_names_in_other_scripts_are_drawn_with_their_letters() -> None:
    result = replace(make_findings(40), themes=(Theme("下雨, ban công", 0, 5, 5, {"tsne": 3}),))
    assert labels_of(draw_map(result, "tsne"))[0].get_text() == "下雨, ban công"


def colored(values: list[str | None]) -> Result:
    result = make_findings(len(values))
    return replace(result, queries=replace(result.queries, metadata={"channel": tuple(values)}))


def test_queries_are_coloured_by_a_column_and_documents_are_grey() -> None:
    result = colored([*["web"] * 20, *["app"] * 10, None])
    figure = draw_map(result, "tsne", color_by="channel")
    drawn = {each.get_gid(): [to_hex(c) for c in each.get_facecolor()] for each in figure.axes[0].collections}
    web, app = style.VALUE_COLOURS[:2]
    assert drawn["query"] == [*[web] * 20, *[app] * 10, style.FAINT]
    assert set(drawn["positive"]) == {style.GREY}
    assert "links right" not in drawn
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts[:3] == ["web (20)", "app (10)", "not stated (1)"]
    bottom = figure.axes[0].get_window_extent().y0
    assert all(legend.get_window_extent().y1 <= bottom for legend in figure.legends)


def test_rare_values_share_a_colour() -> None:
    result = colored([f"v{i}" for i in range(9) for _ in range(20 - i)])
    figure = draw_map(result, "umap", color_by="channel")
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts[:8] == [*(f"v{i} ({20 - i})" for i in range(7)), "other values (25)"]
    box = figure.bbox
    assert all(legend.get_window_extent().x1 <= box.x1 for legend in figure.legends)


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidOptionError, match=r"no column 'city'.*known are channel"):
        draw_map(colored(["web", "app"] * 5), "tsne", color_by="city")
