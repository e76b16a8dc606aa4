"""Which characters can be drawn, and how wide they will be."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from matplotlib.font_manager import fontManager
from tests.support.drawn_runs import TOPICS
from tools.subset_fonts import common_cjk, of_matplotlib

from embedscope.output.pictures import fonts, style


@pytest.mark.parametrize("text", TOPICS)
def test_every_language_of_the_samples_can_be_drawn(text: str) -> None:
    shown = style.shown(text)
    assert "\N{WHITE SQUARE}" not in shown
    assert len(shown) == len(text)


def test_shipped_fonts_cover_chinese_and_emoji_without_any_installed_font() -> None:
    files = {Path(file).name for file in fonts._files(False)}
    assert {"DejaVuSans.ttf", "DroidSansFallback.ttf", "NotoEmoji-Regular.ttf"} <= files


def test_licences_lie_beside_the_fonts() -> None:
    folder = Path(fonts.__file__).parent
    assert "Apache License" in (folder / "DroidSansFallback-LICENSE.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in (folder / "NotoEmoji-LICENSE.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in (folder / "NotoSans-LICENSE.txt").read_text(encoding="utf-8")
    for file in folder.glob("*.ttf"):
        name = TTFont(file)["name"]
        assert name.getDebugName(1).startswith("embedscope "), file.name
        assert "Changed" in name.getDebugName(10)
        assert "License" in name.getDebugName(13) + name.getDebugName(5)


def test_known_families_are_only_added_to_and_only_once() -> None:
    before = [entry for entry in fontManager.ttflist if entry.name.startswith("embedscope")]
    fonts.families()
    fonts.families()
    after = [entry for entry in fontManager.ttflist if entry.name.startswith("embedscope")]
    assert len(after) == max(len(before), 18) == 18


SCRIPTS = ("ห้องพักใกล้มหาวิทยาลัย", "ຫ້ອງພັກ", "विश्वविद्यालय के पास कमरा", "ঘর ভাড়া", "அறை வாடகைக்கு", "បន្ទប់ជួល", "အခန်းငှားရန်")


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_of_india_and_southeast_asia_are_drawn_without_any_installed_font(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_INSTALLED", ())
    caches = (fonts.families, fonts._files, fonts._covered)
    for each in caches:
        each.cache_clear()
    try:
        assert style.shown(text) == text
    finally:
        for each in caches:
            each.cache_clear()


def test_common_letters_of_chinese_japanese_and_korean_are_shipped() -> None:
    common = common_cjk()
    assert set(map(ord, "嗎夠妳臺灣龜电爱々駅沢갛")) <= common
    shipped = set(TTFont(Path(fonts.__file__).parent / "DroidSansFallback.ttf").getBestCmap())
    missing = map(chr, common - shipped - of_matplotlib())
    assert [char for char in missing if unicodedata.category(char).startswith("L")] == []


def test_a_picture_says_what_no_font_has() -> None:
    with style.look():
        figure = style.sign(style.titled_figure(6, 2, style.shown("\U00012000 king")), "best.pt on test.json")
        plain = style.sign(style.titled_figure(6, 2, "king"), "best.pt on test.json")
    signatures = [each.texts[-1].get_text() for each in (figure, plain)]
    assert signatures == ["□: a letter that no font here has · best.pt on test.json", "best.pt on test.json"]


@pytest.mark.parametrize("text", ["a" * 90, *TOPICS])
@pytest.mark.parametrize("is_bold", [False, True])
def test_a_text_is_drawn_as_wide_as_it_was_measured(text: str, is_bold: bool) -> None:
    with style.look():
        figure = style.titled_figure(10, 1, "")
        figure.dpi = style.DPI
        artist = figure.text(0, 0.5, style.shown(text), fontsize=8.5, weight="bold" if is_bold else "normal")
        drawn = artist.get_window_extent().width / style.DPI * 72
    assert fonts.measure(8.5, is_bold=is_bold)(style.shown(text)) == pytest.approx(drawn, rel=0.01)


def test_choosing_fonts_logs_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    fonts._files.cache_clear()
    with caplog.at_level(logging.WARNING, logger="matplotlib.font_manager"):
        fonts._files(True)
        fonts._files(False)
    assert caplog.records == []
