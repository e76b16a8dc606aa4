"""What all pictures share: the look, numbers as text, saving."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from tests.support.drawn_runs import make_findings

from embedscope.output.pictures import draw_map, save, style
from embedscope.result import Estimate


def test_the_users_settings_are_neither_changed_nor_obeyed() -> None:
    with matplotlib.rc_context({"text.usetex": True, "axes.facecolor": "black", "font.size": 30}):
        before = dict(matplotlib.rcParams)
        figure = draw_map(make_findings(10), "tsne")
        save(figure, io.BytesIO(), dpi=40)
        assert dict(matplotlib.rcParams) == before
    assert matplotlib.colors.to_hex(figure.axes[0].get_facecolor()) == style.PAPER


def test_drawing_loads_no_pyplot() -> None:
    code = "import sys, embedscope.output.pictures; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_picture_is_saved_as_the_same_bytes(kind: str) -> None:
    saved = []
    for _ in range(2):
        file = io.BytesIO()
        save(draw_map(make_findings(10), "tsne"), file, dpi=40, format=kind)
        saved.append(file.getvalue())
    assert saved[0] == saved[1]


def test_the_format_comes_from_the_suffix_and_defaults_to_png(tmp_path: Path) -> None:
    figure = draw_map(make_findings(10), "tsne")
    save(figure, tmp_path / "map.svg")
    assert b"<svg" in (tmp_path / "map.svg").read_bytes()
    file = io.BytesIO()
    save(figure, file, dpi=40)
    assert file.getvalue().startswith(b"\x89PNG")


def test_the_png_has_two_hundred_dots_an_inch_by_default() -> None:
    figure = draw_map(make_findings(10), "tsne")
    file = io.BytesIO()
    save(figure, file)
    width = int.from_bytes(file.getvalue()[16:20], "big")
    assert width == round(figure.get_size_inches()[0] * 200)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.314, 2, "0.31"), (-0.314, 2, "\N{MINUS SIGN}0.31"), (-0.001, 2, "0.00"), (1234.5, 1, "1234.5")],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(value: float, decimals: int, text: str) -> None:
    assert style.number(value, decimals) == text


def test_an_interval_stands_in_brackets_where_there_is_one() -> None:
    assert style.interval(Estimate(0.3, 0.25, 0.35)) == "0.30 [0.25, 0.35]"
    assert style.interval(Estimate(0.3)) == "0.30"
    assert style.interval(Estimate.absent("too few")) == style.EN_DASH


def test_a_png_holds_the_pixels_and_their_size_as_pillow_reads_them() -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, size=(7, 5, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(style._png(pixels, 200.0))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.mode == "RGB"
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)


def test_a_picture_is_drawn_now_and_packed_when_asked_for() -> None:
    figure = draw_map(make_findings(10), "tsne")
    packed = style.drawn(figure, dpi=40)
    figure.clear()
    file = io.BytesIO()
    save(draw_map(make_findings(10), "tsne"), file, dpi=40)
    assert packed() == file.getvalue()
    assert figure.dpi != 40
