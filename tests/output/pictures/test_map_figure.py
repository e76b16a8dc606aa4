"""The maps, by their artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from tests.support.drawn_runs import make_findings

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import draw_map, style
from embedscope.output.pictures.map_figure import links_drawn
from embedscope.protocols import Role


def points_of(figure: Figure) -> dict[str, PathCollection]:
    return {each.get_gid(): each for each in figure.axes[0].collections if isinstance(each, PathCollection)}


def links_of(figure: Figure) -> dict[str, LineCollection]:
    return {each.get_gid(): each for each in figure.axes[0].collections if isinstance(each, LineCollection)}


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_every_point_is_drawn_once_under_its_role() -> None:
    result = make_findings(40, with_extra_documents=True)
    points = points_of(draw_map(result, "tsne"))
    assert {name: len(each.get_offsets()) for name, each in points.items()} == {
        str(role): result.points.roles.count(role) for role in Role
    }
    np.testing.assert_allclose(points["query"].get_offsets(), result.maps["tsne"].xy[:40], rtol=1e-6)


def test_roles_differ_by_colour_and_by_marker() -> None:
    points = points_of(draw_map(make_findings(40, with_extra_documents=True), "umap")).values()
    assert len({to_hex(each.get_facecolor()[0]) for each in points}) == 4
    assert len({each.get_paths()[0].vertices.tobytes() for each in points}) == 4


def test_queries_lie_over_positives_over_negatives_over_links() -> None:
    figure = draw_map(make_findings(40, difficulty=0.6), "tsne")
    order = {name: each.get_zorder() for name, each in (points_of(figure) | links_of(figure)).items()}
    assert order["query"] > order["positive"] > order["hard negative"] > order["links wrong"] > order["links right"]


def test_links_run_from_query_to_relevant_document_and_tell_right_from_wrong_twice() -> None:
    result = make_findings(60, difficulty=0.6)
    links = links_of(draw_map(result, "tsne"))
    is_correct = result.points.link_is_correct
    assert len(links["links right"].get_segments()) == is_correct.sum()
    assert len(links["links wrong"].get_segments()) == (~is_correct).sum()
    assert to_hex(links["links right"].get_color()[0]) == style.RIGHT
    assert to_hex(links["links wrong"].get_color()[0]) == style.WRONG
    assert links["links wrong"].get_linewidth()[0] == 2 * links["links right"].get_linewidth()[0]
    first = np.flatnonzero(is_correct)[0]
    ends = result.maps["tsne"].xy[[result.points.link_queries[first], result.points.link_documents[first]]]
    np.testing.assert_allclose(links["links right"].get_segments()[0], ends, rtol=1e-6)


def test_of_many_long_links_only_as_many_are_drawn_as_their_ink_allows_spread_over_all() -> None:
    rng = np.random.default_rng(0)
    result = make_findings(400)
    points = replace(result.points, link_is_correct=np.arange(400) % 4 == 0)
    xy = rng.uniform(size=result.maps["tsne"].xy.shape).astype(np.float32)
    drawn = links_drawn(xy, points)
    lengths = np.linalg.norm(xy[points.link_queries] - xy[points.link_documents], axis=1)
    assert lengths[drawn & ~points.link_is_correct].sum() <= 17
    assert np.count_nonzero(drawn & points.link_is_correct) == 30
    thirds = [np.count_nonzero(part) for part in np.array_split(drawn, 3)]
    assert max(thirds) - min(thirds) <= 4


@pytest.mark.parametrize(("difficulty", "missing"), [(0.01, "links wrong"), (30.0, "links right")])
def test_all_right_and_all_wrong_draw_only_one_kind_of_link(difficulty: float, missing: str) -> None:
    result = make_findings(30, difficulty=difficulty)
    if missing == "links right":
        result = replace(result, points=replace(result.points, link_is_correct=np.zeros(30, dtype=bool)))
    assert missing not in links_of(draw_map(result, "tsne"))


def test_the_legend_stands_outside_the_map_with_all_numbers() -> None:
    result = make_findings(1_200, n_positives=300)
    figure = draw_map(result, "tsne")
    n_right = int(result.points.link_is_correct.sum())
    assert legend_texts(figure) == [
        "1,200 queries",
        "300 positives",
        "2,000 hard negatives",
        f"link: relevant document at rank 1 ({n_right:,}, 343 drawn)",
        f"link: another document at rank 1 ({1_200 - n_right:,})",
    ]
    map_bottom = figure.axes[0].get_window_extent().y0
    assert all(legend.get_window_extent().y1 <= map_bottom for legend in figure.legends)


def test_the_title_names_the_map_and_the_subtitle_says_how_far_to_believe_it() -> None:
    figure = draw_map(make_findings(40), "umap")
    texts = [text.get_text() for text in figure.texts]
    assert texts[0] == "UMAP map of queries and documents"
    assert texts[1] == "180 points · trustworthiness 0.953, continuity 0.931 (k = 15)"
    assert "mean nothing" in texts[2]


def test_points_left_out_are_counted() -> None:
    result = make_findings(40)
    figure = draw_map(replace(result, points=replace(result.points, n_left_out=1_234)), "tsne")
    assert "(1,234 more not drawn)" in figure.texts[1].get_text()


def test_a_map_that_was_fitted_on_a_sample_says_so() -> None:
    result = make_findings(40)
    maps = {name: replace(layout, n_fitted=50) for name, layout in result.maps.items()}
    subtitle = draw_map(replace(result, maps=maps), "tsne").texts[1].get_text()
    assert subtitle.startswith("fitted on 50 of 180 points, the rest placed by their neighbours · trust")


def test_axes_have_no_ticks_one_scale_and_room_for_every_point() -> None:
    result = make_findings(40)
    axes = draw_map(result, "tsne").axes[0]
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0
    box = axes.get_window_extent()
    assert np.ptp(axes.get_xlim()) / box.width == pytest.approx(np.ptp(axes.get_ylim()) / box.height)
    xy = result.maps["tsne"].xy
    assert (xy >= [axes.get_xlim()[0], axes.get_ylim()[0]]).all()
    assert (xy <= [axes.get_xlim()[1], axes.get_ylim()[1]]).all()


def test_points_shrink_as_they_become_many() -> None:
    sizes = [
        points_of(draw_map(make_findings(n, n_positives=100, n_hard_negatives=1), "tsne"))["query"].get_sizes()[0]
        for n in (50, 500, 5_000)
    ]
    assert sizes[0] > sizes[1] > sizes[2] >= 3


def test_a_missing_map_is_refused_with_the_reason() -> None:
    result = replace(make_findings(10), maps={})
    with pytest.raises(InvalidOptionError, match="--skip-umap"):
        draw_map(result, "umap")


def test_points_that_all_coincide_are_drawn() -> None:
    result = make_findings(10)
    layout = replace(result.maps["tsne"], xy=np.zeros_like(result.maps["tsne"].xy))
    figure = draw_map(replace(result, maps={"tsne": layout}), "tsne")
    assert np.ptp(figure.axes[0].get_xlim()) > 0
