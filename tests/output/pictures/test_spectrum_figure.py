"""The spectrum, by its artists."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from embedscope.output.pictures.spectrum_figure import draw_spectrum
from embedscope.result import CloudShape, Estimate, Geometry, Hubness, SpaceGeometry


def cloud(dim: int, used: int) -> CloudShape:
    shares = np.zeros(dim)
    shares[:used] = 0.7 ** np.arange(used)
    shares /= max(shares.sum(), 1e-9)
    reached = int(np.searchsorted(np.cumsum(shares), 0.9)) + 1 if used else None
    return CloudShape(100, dim, float(used), float(used), reached, -3.0, 100, 0.1, shares)


def geometry(**clouds: CloudShape) -> Geometry:
    none = np.zeros(0, dtype=np.int64)
    hubs = Hubness(10, 1.0, 0.1, 0.2, 0.5, 0.0, 0.1, 0.0, none, none, none)
    number = Estimate(0.5)
    return Geometry(
        {name: SpaceGeometry(c, c, number, 0.1, number, number, hubs, None) for name, c in clouds.items()}, 10
    )


def lines(figure: Figure, side: int) -> dict[str, np.ndarray]:
    found = {str(line.get_gid()): np.asarray(line.get_ydata()) for line in figure.axes[side].lines}
    return {name.removeprefix("spectrum "): y for name, y in found.items() if name.startswith("spectrum ")}


def test_every_space_has_a_line_of_its_shares_on_both_sides() -> None:
    model, base = cloud(16, 16), cloud(64, 64)
    figure = draw_spectrum(geometry(model=model, base=base))
    for side in (0, 1):
        drawn = lines(figure, side)
        assert set(drawn) == {"model", "base"}
        assert np.array_equal(drawn["model"], model.spectrum)


def test_empty_directions_are_not_drawn_so_that_the_line_breaks_off() -> None:
    drawn = lines(draw_spectrum(geometry(model=cloud(128, 9))), 1)
    assert len(drawn["model"]) == 9


def test_the_marker_stands_where_nine_tenths_are_reached_and_the_legend_names_the_rank() -> None:
    shape = cloud(16, 16)
    figure = draw_spectrum(geometry(model=shape, PCA=shape, other=shape))
    marks = {c.get_gid(): c.get_offsets() for c in figure.axes[0].collections}
    assert marks["directions model"][0].tolist() == pytest.approx(
        [shape.n_directions, shape.spectrum[shape.n_directions - 1]]
    )
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [
        "this model: effective rank 16 of 16",
        "PCA of the base: effective rank 16 of 16",
        "other: effective rank 16 of 16",
    ]


def test_a_space_without_variance_is_drawn_without_a_line_or_marker() -> None:
    figure = draw_spectrum(geometry(model=cloud(8, 0)))
    assert len(lines(figure, 0)["model"]) == 0
    assert not figure.axes[0].collections
