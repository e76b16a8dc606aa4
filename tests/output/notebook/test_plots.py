"""The pictures of a result as methods: figures that a notebook shows, axes of somebody else's figure, reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from tests.support import tiny_run as tiny
from tests.support.drawn_runs import make_findings

from embedscope.errors import InvalidOptionError
from embedscope.output.notebook.plots import NAMES, Plots
from embedscope.output.picture_process import PICTURES

OF_ONE_PANEL = ("tsne", "umap", "heatmap", "thresholds")


def test_every_picture_of_a_run_has_a_method() -> None:
    assert tuple(NAMES.values()) == PICTURES
    assert {name for name in dir(Plots) if name in NAMES} == NAMES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_a_figure_that_shows_itself_without_pyplot_and_names_what_was_measured(name: str) -> None:
    result = make_findings(12) if name in ("top_k", "distribution") else tiny.result()
    figure = getattr(Plots(result), name)()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    signature = figure.findobj(lambda artist: artist.get_gid() == "signature")
    assert "epoch3.pt" in signature[0].get_text() or "synthetic.pt" in signature[0].get_text()


@pytest.mark.parametrize("name", OF_ONE_PANEL)
def test_a_picture_of_one_panel_is_drawn_into_the_axes_of_another_figure(name: str) -> None:
    figure = Figure(figsize=(9, 4))
    one, other = figure.subplots(1, 2)
    assert getattr(Plots(tiny.result()), name)(ax=one) is one
    assert one.get_title(loc="left")
    assert one.has_data() or one.collections
    assert not other.has_data()
    assert figure.axes == [one, other]
    assert not figure.texts


def test_axes_may_be_those_of_a_part_of_a_figure() -> None:
    part, _ = Figure(figsize=(9, 4)).subfigures(1, 2)
    axes = part.add_subplot()
    assert Plots(tiny.result()).tsne(ax=axes) is axes


@pytest.mark.parametrize("name", OF_ONE_PANEL)
@pytest.mark.parametrize("kind", ["text", "array of axes", "figure", "polar", "3d"])
def test_what_is_no_axes_with_straight_x_and_y_is_refused(name: str, kind: str) -> None:
    figure = Figure()
    made: dict[str, Callable[[], object]] = {
        "text": lambda: "ax",
        "array of axes": lambda: figure.subplots(1, 2),
        "figure": lambda: figure,
        "polar": lambda: figure.add_subplot(projection="polar"),
        "3d": lambda: figure.add_subplot(projection="3d"),
    }
    with pytest.raises(InvalidOptionError, match="ax: expected the Axes"):
        getattr(Plots(tiny.result()), name)(ax=made[kind]())


@pytest.mark.parametrize("name", sorted(NAMES.keys() - set(OF_ONE_PANEL)))
def test_a_picture_of_several_panels_refuses_axes(name: str) -> None:
    result = tiny.result()
    with pytest.raises(InvalidOptionError, match=rf"ax: the picture '{name}' has more than one panel"):
        getattr(Plots(result), name)(ax=Figure().add_subplot())


def test_a_picture_that_is_not_there_is_refused_with_the_reason() -> None:
    result = replace(tiny.result(), geometry=None, not_measured={"geometry": "pass --geometry"}, maps={})
    with pytest.raises(InvalidOptionError, match=r"no picture 'spectrum' \(pass --geometry\)"):
        Plots(result).spectrum()
    with pytest.raises(InvalidOptionError, match=r"no picture 'tsne' \(not asked for; leave skip_tsne out\)"):
        Plots(result).tsne()
    assert "spectrum: pass --geometry" in repr(Plots(result))
    assert "heatmap()" in repr(Plots(result))


def test_maps_have_the_colours_of_the_run_or_those_that_are_asked_for() -> None:
    result = tiny.result()
    queries = replace(result.queries, groups=("a", "a", "b", "b"))
    plots = Plots(replace(result, queries=queries), color_by="group")
    title = plots.tsne().texts[0].get_text()
    assert title == "t-SNE map of queries and documents by group"
    with pytest.raises(InvalidOptionError, match="no column 'city'"):
        plots.umap(color_by="city")


def test_a_run_that_was_read_from_its_folder_says_where_its_pictures_are() -> None:
    plots = Plots(tiny.result(), folder="old/run")
    assert repr(plots) == "No pictures: this run was read from old/run, which has its pictures as files."
    with pytest.raises(InvalidOptionError, match="old/run"):
        plots.heatmap()
