"""The pictures of a training over its checkpoints, by their artists."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure as Picture
from tests.support.drawn_runs import HOSTILE, make_findings

from embedscope.output.pictures import style
from embedscope.output.pictures.animation_figure import MAX_FRAMES, draw_map_animations
from embedscope.output.pictures.timeline_figure import draw_timeline
from embedscope.protocols import Role
from embedscope.result import Comparison, Estimate, MapAnimation, MapLayout, Metric, Points, Segment, Timeline

GAINED, LOST = (5, 0, 3), (1, 0, 7)


def change(a: str, b: str) -> Comparison:
    return Comparison(a, b, "MRR", 0.1, 0.05, 0.15, 0.01, 0.01, 0.2, 5, 1, 94)


def timeline(
    *, epochs: tuple[int, ...] = (1, 2, 4, 10), over_fitting: str | None = None, types: tuple[str, ...] = ("price",)
) -> Timeline:
    n = len(epochs)
    names = tuple(f"ck/epoch{epoch}.pt" for epoch in epochs)
    mrr = tuple(Estimate(0.2 + 0.5 * i / n, 0.1 + 0.5 * i / n, 0.3 + 0.5 * i / n) for i in range(n))
    return Timeline(
        names=names,
        epochs=epochs,
        metric="MRR",
        metrics={"MRR": mrr, "Success@1": tuple(replace(figure, low=None, high=None) for figure in mrr)},
        violation_rates={name: (Estimate.absent("none"), *(Estimate(0.3, 0.2, 0.4),) * (n - 1)) for name in types},
        segments=tuple(
            Segment(a, b, change(b, a), np.arange(GAINED[i % 3]), np.arange(LOST[i % 3]))
            for i, (a, b) in enumerate(pairwise(names))
        ),
        best=n - 2,
        since_best=change(names[-1], names[-2]),
        over_fitting=over_fitting,
        n_queries=100,
        n_effective=60.0,
    )


def panels(figure: Picture) -> dict[str, Axes]:
    return {str(axes.get_gid()): axes for axes in figure.axes}


def words(figure: Picture) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def test_lines_and_bands_are_the_metrics_over_the_epochs() -> None:
    shown = timeline()
    axes = panels(draw_timeline(shown))["metrics"]
    (line,) = [one for one in axes.lines if one.get_gid() == "MRR"]
    np.testing.assert_array_equal(np.asarray(line.get_xdata()), shown.epochs)
    np.testing.assert_array_equal(np.asarray(line.get_ydata()), [f.value for f in shown.metrics["MRR"]])
    (band,) = [one for one in axes.collections if one.get_gid() == "MRR interval"]
    corners = band.get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(0.1)
    assert corners.max() == pytest.approx(max(f.high or 0 for f in shown.metrics["MRR"]))


def test_bars_are_the_queries_gained_above_and_lost_below_zero_between_the_checkpoints() -> None:
    axes = panels(draw_timeline(timeline()))["queries"]
    heights = {
        kind: [patch.get_height() for patch in axes.patches if patch.get_gid() == kind] for kind in ("gained", "lost")
    }
    assert heights == {"gained": list(GAINED), "lost": [-n for n in LOST]}
    middles = [patch.get_x() + patch.get_width() / 2 for patch in axes.patches if patch.get_gid() == "gained"]
    np.testing.assert_allclose(middles, [1.5, 3.0, 7.0])
    assert {text.get_text() for text in axes.texts} == {"5", "3", "1", "7", "gained", "lost"}
    assert {patch.get_hatch() for patch in axes.patches if patch.get_gid() == "lost"} == {"////"}


def test_the_best_checkpoint_is_marked_in_every_panel() -> None:
    found = panels(draw_timeline(timeline()))
    for axes in found.values():
        (line,) = [one for one in axes.lines if one.get_gid() == "best checkpoint"]
        assert set(np.asarray(line.get_xdata())) == {4}


def test_over_fitting_stands_under_the_title_and_a_healthy_course_says_nothing_of_it() -> None:
    note = "over-fitting: MRR was best after epoch 4 " + "and so on " * 40
    said = words(draw_timeline(timeline(over_fitting=note)))
    assert "Over-fitting: MRR was best after epoch 4" in said
    assert "ver-fitting" not in words(draw_timeline(timeline()))


def test_without_hard_negatives_there_is_no_panel_of_them() -> None:
    assert list(panels(draw_timeline(timeline(types=())))) == ["metrics", "queries"]


@pytest.mark.parametrize("n", [2, 3, 60])
def test_few_and_many_checkpoints_are_drawn_and_saved(n: int) -> None:
    figure = draw_timeline(timeline(epochs=tuple(range(1, n + 1))))
    style.save(figure, BytesIO(), dpi=50, format="png")


def test_hostile_names_of_types_are_drawn_as_text() -> None:
    style.save(draw_timeline(timeline(types=HOSTILE[:6])), BytesIO(), dpi=50, format="png")


# --- small multiples ----------------------------------------------------------------------------------------------


def animation(method: str = "tsne", n: int = 4) -> MapAnimation:
    found = make_findings(n_queries=12)
    assert found.points is not None
    size = len(found.points.rows)
    generator = np.random.default_rng(0)
    layouts = tuple(
        MapLayout(method, (i + 1) * generator.standard_normal((size, 2)).astype(np.float32), 0.9, 0.9, 15,
                  np.ones(size, dtype=np.float32), 0.1, {})
        for i in range(n)
    )  # fmt: skip
    names = tuple(f"ck/epoch{i + 1}.pt" for i in range(n))
    return MapAnimation(
        method, names, tuple(range(1, n + 1)), found.points, layouts, (0.0,) * n, (0.0,) + (0.25,) * (n - 1)
    )


def drawn_at(axes: Axes, points: Points, role: Role) -> np.ndarray:
    (found,) = [one for one in axes.collections if one.get_gid() == str(role) and isinstance(one, PathCollection)]
    assert len(found.get_offsets()) == sum(one is role for one in points.roles)
    return np.asarray(found.get_offsets())


def test_every_checkpoint_of_every_method_has_its_map_with_its_points() -> None:
    animations = [animation("tsne"), animation("umap")]
    found = panels(draw_map_animations(animations))
    assert list(found) == [f"{m} epoch {e}" for m in ("tsne", "umap") for e in (1, 2, 3, 4)]
    roles = np.array([str(role) for role in animations[1].points.roles])
    expected = animations[1].maps[2].xy[roles == str(Role.QUERY)]
    np.testing.assert_array_equal(drawn_at(found["umap epoch 3"], animations[1].points, Role.QUERY), expected)


def test_maps_of_one_method_share_one_window_that_holds_all_their_points() -> None:
    shown = animation()
    axes = list(panels(draw_map_animations([shown])).values())
    assert len({(*one.get_xlim(), *one.get_ylim()) for one in axes}) == 1
    every = np.concatenate([layout.xy for layout in shown.maps])
    assert axes[0].get_xlim()[0] < every[:, 0].min() < every[:, 0].max() < axes[0].get_xlim()[1]
    assert axes[0].get_ylim()[0] < every[:, 1].min() < every[:, 1].max() < axes[0].get_ylim()[1]


def test_links_are_right_or_wrong_as_the_query_is_at_that_checkpoint() -> None:
    metric = Metric("MRR", 0.625, 0.5, 0.75, 0.7, 0.6, 0.6, 0.6, 0.1)
    shown, base = animation(), replace(make_findings(n_queries=12), metrics={"MRR": metric})
    all_wrong = replace(base, queries=replace(base.queries, is_correct=np.zeros(12, dtype=bool)))
    all_right = replace(base, queries=replace(base.queries, is_correct=np.ones(12, dtype=bool)))
    runs = dict(zip(shown.names, (all_wrong, all_right, all_wrong, all_right), strict=True))
    found = panels(draw_map_animations([shown], runs))
    n_links = len(shown.points.link_queries)
    for name, expected in (("tsne epoch 1", (0, n_links)), ("tsne epoch 2", (n_links, 0))):
        lines = [one for one in found[name].collections if isinstance(one, LineCollection)]
        drawn = {str(one.get_gid()): len(one.get_segments()) for one in lines}
        assert tuple(drawn.get(f"links {kind}", 0) for kind in ("right", "wrong")) == expected
        assert any("MRR 0.625" in text.get_text() for text in found[name].texts)


def test_the_share_of_new_neighbours_is_said_from_the_second_map_on() -> None:
    found = panels(draw_map_animations([animation()]))
    said = {name: " ".join(text.get_text() for text in axes.texts) for name, axes in found.items()}
    assert "new neighbours" not in said["tsne epoch 1"]
    assert "25 % new neighbours" in said["tsne epoch 2"]


def test_of_many_checkpoints_some_are_drawn_the_first_and_the_last_among_them() -> None:
    found = list(panels(draw_map_animations([animation(n=30)])))
    assert len(found) == MAX_FRAMES
    assert (found[0], found[-1]) == ("tsne epoch 1", "tsne epoch 30")


@pytest.mark.parametrize("n", [1, 2, 5, 6, 12])
def test_maps_stand_inside_the_picture_and_apart(n: int) -> None:
    figure = draw_map_animations([animation(n=n), animation("umap", n=n)])
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(box.x0 > 0 and box.x1 < 1 and box.y0 > 0 and box.y1 < 1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    style.save(figure, BytesIO(), dpi=50, format="png")
