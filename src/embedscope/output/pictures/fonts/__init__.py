"""Which fonts the pictures use, which characters they can draw, and how wide a text will be.

DejaVu Sans, which ships with Matplotlib, has Latin (Vietnamese too), Greek, Cyrillic, Arabic and Hebrew. Beside this
file lie Droid Sans Fallback (Chinese, Japanese, Korean; Apache-2.0), Noto Sans of seven scripts of India and Southeast
Asia and Noto Emoji (one colour; both SIL OFL 1.1), so that a picture looks the same on a machine without such fonts.
They were changed: ``tools/subset_fonts.py`` kept the letters that texts commonly use, and gave the fonts names of their
own. Installed fonts come last, for rare letters and other scripts. Matplotlib (3.11 and later) shapes and orders Arabic
and other complex scripts itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

from matplotlib.font_manager import FontEntry, FontProperties, fontManager, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

from embedscope.output.pictures.text_layout import ALONE

_FOLDER = Path(__file__).parent
_BASE = "DejaVu Sans"
_DPI = 200
_UNIT = 1000.0
_SCRIPTS = ("Thai", "Lao", "Devanagari", "Bengali", "Tamil", "Khmer", "Myanmar")
_SHIPPED = {
    "embedscope CJK": "DroidSansFallback.ttf",
    **{f"embedscope {script}": f"NotoSans{script}-Regular.ttf" for script in _SCRIPTS},
    "embedscope Emoji": "NotoEmoji-Regular.ttf",
}
_INSTALLED = (
    "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC",
    "Droid Sans Fallback", "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans GB", "Apple SD Gothic Neo",
    "Microsoft YaHei", "Microsoft JhengHei", "Yu Gothic", "Malgun Gothic", "Nirmala UI", "Noto Sans Telugu",
    "Noto Sans Gujarati", "Noto Sans Gurmukhi", "Noto Sans Kannada", "Noto Sans Malayalam", "Noto Sans Sinhala",
    "Noto Sans Ethiopic", "Noto Sans Symbols2", "Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Apple Symbols",
    "Arial Unicode MS", "Unifont",
)  # fmt: skip


@cache
def families() -> tuple[str, ...]:
    """Font families in the order in which a glyph is looked for; all of them are installed or shipped.

    The shipped files are made known to Matplotlib under names of their own, in both weights, so that nobody else's
    choice of fonts changes and a bold title does not complain that they have no bold cut.
    """
    known = set(fontManager.get_font_names())
    for name, file in _SHIPPED.items():
        for weight in (400, 700) if name not in known else ():
            fontManager.ttflist.append(FontEntry(fname=str(_FOLDER / file), name=name, weight=weight))
    return (_BASE, *_SHIPPED, *(name for name in _INSTALLED if name in known))


def can_draw(char: str) -> bool:
    """Whether one of the fonts has a glyph for ``char``."""
    return ord(char) in _covered()


def measure(size: float, *, is_bold: bool = False) -> Callable[[str], float]:
    """A function that gives the width in points of a text set in ``size`` points.

    A text of Latin letters is taken to be as wide as its letters one by one. Kerning, which is left out, makes running
    text a thousandth narrower as a rule and at most a hundredth wider (a row of A alone 4 %), which the room around
    every text allows. Laying it out takes a hundred times as long, and cutting a text to fit asks for many widths.
    """

    @lru_cache(maxsize=4096)
    def width(text: str) -> float:
        advances = _advances(is_bold)
        if ALONE.fullmatch(text) and advances.keys() >= set(text):
            return sum(map(advances.__getitem__, text)) * size
        font = _font(is_bold)
        font.set_size(size, _DPI)
        font.set_text(text, flags=LoadFlags.NO_HINTING)  # as style.RC draws it
        return float(font.get_width_height()[0]) / 64 * 72 / _DPI

    return width


@cache
def _advances(is_bold: bool) -> dict[str, float]:
    """How far each Latin letter takes the next one, in parts of the size."""
    font = FT2Font(_files(is_bold)[0])
    font.set_size(_UNIT, 72)
    letters = (chr(code) for code in font.get_charmap() if ALONE.fullmatch(chr(code)))
    glyphs = {char: font.load_char(ord(char), flags=LoadFlags.NO_HINTING) for char in letters}
    return {char: glyph.linearHoriAdvance / 65536 / _UNIT for char, glyph in glyphs.items()}


@cache
def _files(is_bold: bool) -> tuple[str, ...]:
    weight = "bold" if is_bold else "normal"
    properties = (FontProperties(family=[name], weight=weight) for name in families())
    return tuple(str(fontManager.findfont(each, fallback_to_default=False)) for each in properties)


@cache
def _covered() -> frozenset[int]:
    return frozenset().union(*(FT2Font(file).get_charmap() for file in _files(is_bold=False)))


@cache
def _font(is_bold: bool) -> FT2Font:
    return get_font(list(_files(is_bold)))
