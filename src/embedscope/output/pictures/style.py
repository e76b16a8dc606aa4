"""Colours, sizes and the few moves that all pictures share.

The palette is that of Okabe and Ito ("Color universal design", 2008), which people with any common colour vision can
tell apart. Right and wrong always differ by a second sign as well: a tick or a cross, a hatch, a dash, a shape.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from embedscope.output.pictures.fonts import can_draw, families, measure
from embedscope.output.pictures.text_layout import PLACEHOLDER, ellipsis, plain
from embedscope.protocols import Role
from embedscope.result import Estimate, formatting

INK = "#1f2328"
MUTED = "#5c6570"
FAINT = "#d5dae0"
PAPER = "#ffffff"
SHADE = "#f6f7f9"

BLUE = "#0072b2"
GREEN = "#009e73"
VERMILLION = "#d55e00"
GREY = "#9aa3ad"
PURPLE = "#a64d86"
AMBER = "#9a6400"  # the orange of the palette, darkened until it can be read as text
SKY = "#3a7ca5"  # its sky blue, darkened likewise

RIGHT = GREEN
WRONG = VERMILLION
ROLE_COLOURS = {Role.QUERY: BLUE, Role.POSITIVE: GREEN, Role.HARD_NEGATIVE: VERMILLION, Role.DOCUMENT: GREY}
ROLE_MARKERS = {Role.QUERY: "o", Role.POSITIVE: "^", Role.HARD_NEGATIVE: "X", Role.DOCUMENT: "s"}

VALUE_COLOURS = (BLUE, VERMILLION, PURPLE, GREEN, "#e69f00", "#56b4e9", "#7a5c3c")
"""Of the most frequent values of a column; the page has the same."""

TICK = "\N{CHECK MARK}"
CROSS = "\N{BALLOT X}"
MINUS = "\N{MINUS SIGN}"
DOT = " \N{MIDDLE DOT} "
EN_DASH = "\N{EN DASH}"

DPI = 200
SCREEN_DPI = 100
"""Of a picture in a notebook."""
MARGIN = 0.45  # inches
TITLE_SIZE = 15.0
SUBTITLE_SIZE = 9.5
_LEAST_SIZE = 0.75  # of the size of a title or subtitle, where it is long
BODY_SIZE = 9.0
SMALL_SIZE = 8.0
_SIGNATURE_SIZE = 6.5

RC: dict[str, object] = {
    "font.size": BODY_SIZE,
    "text.color": INK,
    "text.parse_math": False,
    "text.hinting": "no_hinting",  # hinted letters are up to 4 % wider than they were measured
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titley": 1.0,  # else every drawing lays out all ticks once more, to see whether a title is in their way
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "svg.hashsalt": "embedscope",
}


@contextmanager
def look() -> Iterator[None]:
    """The look of the pictures, whatever the user's own settings are; those come back unchanged.

    In a ``with`` statement, or as a decorator of what draws.
    """
    with matplotlib.style.context(["default", {**RC, "font.family": list(families())}]):
        yield


def save(figure: Figure, path: str | PathLike[str] | IO[bytes], *, dpi: float = DPI, format: str | None = None) -> None:  # noqa: A002
    """Write ``figure`` to a path or an open binary file, the same bytes for the same picture.

    ``format`` is ``png``, ``svg`` or ``pdf``; by default the suffix of the path, and PNG for an open file.
    """
    if isinstance(path, str | PathLike):
        kind = format or Path(path).suffix.removeprefix(".").lower() or "png"
        Path(path).write_bytes(drawn(figure, dpi=dpi, format=kind)())
    else:
        path.write(drawn(figure, dpi=dpi, format=format or "png")())


def drawn(figure: Figure, *, dpi: float = DPI, format: str = "png") -> Callable[[], bytes]:  # noqa: A002
    """Draw ``figure`` now; what comes back makes the content of its file, in any thread.

    Packing a PNG takes a quarter of the time and leaves the interpreter to others.
    """
    with look():
        if format == "png":
            return partial(_png, _pixels(figure, dpi), dpi)
        buffer = BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(buffer, dpi=dpi, format=format, metadata=metadata.get(format))
    return buffer.getvalue


def _pixels(figure: Figure, dpi: float) -> NDArray[np.uint8]:
    """Red, green, blue and opacity, which is full: the paper is opaque; shape (height, width, 4)."""
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    before = figure.dpi
    figure.dpi = dpi
    try:
        canvas.draw()  # type: ignore[no-untyped-call]
        return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    finally:
        figure.dpi = before


def _png(pixels: NDArray[np.uint8], dpi: float) -> bytes:
    """A PNG of 8-bit colours (ISO/IEC 15948) whose lines are packed as they are; opacity is left out.

    Pillow tries five filters on every line, which helps photographs; drawings take twice the time and come out larger.
    """
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # a line begins with the number of its filter: none
    for colour in range(3):  # by turns: of three at once NumPy would copy each point by itself
        lines[:, 1 + colour :: 3] = pixels[:, :, colour]
    per_metre = round(dpi / 0.0254)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)),
        (b"IDAT", zlib.compress(lines.data, 3)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
        for name, content in chunks
    )


class Picture(Figure):
    """A figure that a notebook shows although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        return drawn(self, dpi=SCREEN_DPI)()


def titled_figure(width: float, height: float, title: str, *subtitles: str) -> Figure:
    """A figure of so many inches, outside pyplot, with title and subtitle lines in its upper left corner.

    They take ``header_height(len(subtitles))`` inches. A line that is longer than the figure is wide is set smaller,
    and cut off where that does not suffice.
    """
    figure = Picture(figsize=(width, height))
    FigureCanvasAgg(figure)
    left = MARGIN / width
    limit = (width - 2 * MARGIN) * 72
    title, size = _fitted(title, limit, TITLE_SIZE, is_bold=True)
    figure.text(left, 1 - 0.30 / height, title, fontsize=size, weight="bold", va="top", gid="title")
    for line, subtitle in enumerate(subtitles):
        y = 1 - (0.66 + 0.20 * line) / height
        text, size = _fitted(subtitle, limit, SUBTITLE_SIZE)
        figure.text(left, y, text, fontsize=size, color=MUTED, va="top", gid="subtitle")
    return figure


def _fitted(text: str, limit: float, size: float, *, is_bold: bool = False) -> tuple[str, float]:
    """``text`` and its size in points for a line of ``limit`` points."""
    wanted = measure(size, is_bold=is_bold)(text)
    size *= min(1.0, max(_LEAST_SIZE, limit / max(wanted, 1.0)))
    return ellipsis(text, limit, measure(size, is_bold=is_bold)), size


@look()
def sign(figure: Figure, text: str) -> Figure:
    """``figure`` with a line at its lower right corner: what was measured on what, and what has no letters here."""
    if any(PLACEHOLDER in each.get_text() for each in figure.findobj(Text)):
        text = DOT.join(filter(None, (f"{PLACEHOLDER}: a letter that no font here has", text)))
    width, height = figure.get_size_inches()
    line = ellipsis(shown(text), (width - 2 * MARGIN) * 72, measure(_SIGNATURE_SIZE))
    figure.text(1 - MARGIN / width, 0.06 / height, line, ha="right", va="bottom", fontsize=_SIGNATURE_SIZE, color=MUTED,
                gid="signature")  # fmt: skip
    return figure


def header_height(n_subtitles: int) -> float:
    """Inches from the top of the figure down to where the picture may begin."""
    return 0.80 + 0.20 * n_subtitles


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes placed in inches from the lower left corner of the figure."""
    total_width, total_height = figure.get_size_inches()
    return figure.add_axes((left / total_width, bottom / total_height, width / total_width, height / total_height))


def title_axes(axes: Axes, title: str) -> None:
    """A title over axes that are part of somebody else's figure."""
    axes.set_title(title, loc="left", fontsize=BODY_SIZE, weight="bold")


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes, which may be in a subfigure, belong to."""
    return cast(Figure, axes.get_figure(root=True))


def annotate(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **look: Any) -> None:
    """``text`` at ``offset`` points from a place of the data; small and centred vertically unless ``look`` differs."""
    look = {"fontsize": SMALL_SIZE, "va": "center", **look}
    axes.annotate(text, at, xytext=offset, textcoords="offset points", **look)


def shown(text: str) -> str:
    """``text`` of a data set as it can be drawn."""
    return plain(text, can_draw)


def with_minus(text: str) -> str:
    """``text`` with a minus sign, in place of a hyphen, before each negative number."""
    return re.sub(r"(?<![^ \[])-(?=[\d.])", MINUS, text)


def number(value: float, decimals: int = 2) -> str:
    """``value`` with a true minus sign."""
    return with_minus(formatting.number(value, decimals))


def similarity(value: float, decimals: int = 2) -> str:
    """A similarity with a true minus sign; a dot product of 10 or more with a decimal less for each further digit."""
    digits = math.floor(math.log10(abs(value))) if abs(value) >= 10 else 0
    return number(value, max(0, decimals - digits))


def interval(figure: Estimate, decimals: int = 2) -> str:
    """``0.31 [0.29, 0.33]``, with a true minus sign."""
    return with_minus(formatting.estimate(figure, decimals))
