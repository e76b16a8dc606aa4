"""Make the fonts of the pictures from the upstream fonts: ``python -m tools.subset_fonts UPSTREAM_FOLDER``.

Needs fonttools, which comes with Matplotlib. The wheel stays under 3 MB because each font holds what its texts need:

- Droid Sans Fallback: the characters that the national standards call common. Chinese: GB 2312 level 1 and Big5 level
  1; Japanese: JIS X 0208 level 1 and kana; Korean: the syllables of KS X 1001; their punctuation and full-width forms.
- Noto Sans of seven scripts: every character and rule of the script, without hints, which the pictures do not use, and
  without the signs of Vedic Sanskrit and the extensions of Burmese for other languages.
- Noto Emoji: those that texts use most (faces, hands, hearts, people, food, houses, traffic, things, flags) and their
  joined forms. Outlines are rounded to 256 units an em: a picture has 25 pixels an em.

Characters that DejaVu Sans has, which is asked first, are left out. All others fall back to installed fonts, and to a
sign that the picture explains (``embedscope.output.pictures.fonts``). The result is the same on every machine.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import matplotlib
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.scaleUpem import scale_upem

FOLDER = Path(__file__).resolve().parents[1] / "src" / "embedscope" / "output" / "pictures" / "fonts"

UPSTREAM = {
    "DroidSansFallback.ttf": "56d3edfb377a8bc3c4b77f4476405c770173c0e31221ad7c77d0a8e1f3039a3e",
    "NotoEmoji-Regular.ttf": "24aaa2a20c9c06ffe9bf04284bfd1f14376a329d10122f902abe2770817eb504",
    "NotoSansBengali-Regular.ttf": "9bb35b3547829ecc42041b6017e87fd4c5f1da1edcd00f59171777050f346018",
    "NotoSansDevanagari-Regular.ttf": "79a470365ccb210fa3c7d8d8ff2e005ef9d983cfd067f735a0caf7e15070ca9f",
    "NotoSansKhmer-Regular.ttf": "bc9a5e2afcee249849e409aabe6e22330c479b878ea3e59bf5e7c84482d7ee53",
    "NotoSansLao-Regular.ttf": "6c3de7db369e85cba20255d161eeeb3d934ea3c4c51e2574c2ddcce79a25025c",
    "NotoSansMyanmar-Regular.ttf": "3fe9a4babc12081adc979e0313433e6ec85bb3ad069681c23ee8d8ea8b91332b",
    "NotoSansTamil-Regular.ttf": "a7bb7f92f165479af2f0556c4fd669b74c5959f464f603e18389b532f4d07a71",
    "NotoSansThai-Regular.ttf": "dfbd5ed0f1e68c3cbc51aa08f646d1ab0e68e7c4ceab70a69e465225ff701f93",
}
"""SHA-256 of the files that were subset: fonts-droid-fallback of Debian, and the repositories of Noto fonts."""

_HANZI_OF_BIG5 = [(row, cell) for row in range(0xA4, 0xC7) for cell in (*range(0x40, 0x7F), *range(0xA1, 0xFF))]
_EMOJI = (
    (0x2300, 0x2BFF),  # signs
    (0x1F1E6, 0x1F1FF),  # letters of flags
    (0x1F30A, 0x1F30A), (0x1F319, 0x1F31F), (0x1F330, 0x1F339), (0x1F345, 0x1F382), (0x1F389, 0x1F38A),  # plants, food
    (0x1F393, 0x1F393), (0x1F3C6, 0x1F3C6), (0x1F3CB, 0x1F3CB), (0x1F3E0, 0x1F3EB), (0x1F3F3, 0x1F3F3),  # houses
    (0x1F3FB, 0x1F3FF), (0x1F408, 0x1F408), (0x1F415, 0x1F415), (0x1F430, 0x1F439), (0x1F43E, 0x1F43E),  # animals
    (0x1F440, 0x1F450), (0x1F464, 0x1F469), (0x1F476, 0x1F476), (0x1F48B, 0x1F48B), (0x1F493, 0x1F4A1),  # people
    (0x1F4A5, 0x1F4B8), (0x1F4BB, 0x1F4BC), (0x1F4C5, 0x1F4CD), (0x1F4DE, 0x1F4E3), (0x1F4F1, 0x1F4F7),  # things
    (0x1F511, 0x1F514), (0x1F525, 0x1F525), (0x1F600, 0x1F64F), (0x1F680, 0x1F680), (0x1F68C, 0x1F699),  # faces
    (0x1F6AA, 0x1F6C1), (0x1F6CB, 0x1F6D2), (0x1F6F5, 0x1F6F5), (0x1F90D, 0x1F92F), (0x1F970, 0x1F97A),  # rooms
    (0x1F9E1, 0x1F9E1), (0x1F9F9, 0x1F9FC), (0x1FAE0, 0x1FAE8), (0x1FAF0, 0x1FAF6),
)  # fmt: skip
_SEQUENCES = {*map(ord, "#*0123456789"), 0x200D, 0x20E3, 0xFE0F}
"""Of keycaps, joined emoji and the choice of style: a sequence is drawn with one font, so DejaVu's do not serve."""

_LEFT_OUT = {
    "Devanagari": range(0x1CD0, 0x1D00),
    "Bengali": range(0x1CD0, 0x1D00),
    "Myanmar": (*range(0xA9E0, 0xAA00), *range(0xAA60, 0xAA80)),
}
_UNUSED_TABLES = ["DSIG", "STAT", "vhea", "vmtx", "gasp"]
_CHANGE = "Changed for embedscope: a subset of the characters, without hints, under a name of its own."


def decoded(codec: str, pairs: Iterable[tuple[int, int]]) -> set[int]:
    """Code points of the two-byte characters of a codec."""
    return {ord(char) for pair in pairs for char in bytes(pair).decode(codec, errors="ignore")}


def rows(first: int, last: int) -> list[tuple[int, int]]:
    """The byte pairs of rows of an EUC codec, numbered as its standard numbers them."""
    return [(0xA0 + row, cell) for row in range(first, last + 1) for cell in range(0xA1, 0xFF)]


def common_cjk() -> set[int]:
    """Code points that the standards of China, Taiwan, Japan and Korea count as common, and their signs."""
    chinese = decoded("gb2312", rows(1, 9)) | decoded("gb2312", rows(16, 55)) | decoded("big5", _HANZI_OF_BIG5)
    japanese = decoded("euc_jp", rows(1, 8)) | decoded("euc_jp", rows(16, 47))
    korean = decoded("euc_kr", rows(1, 12)) | decoded("euc_kr", rows(16, 40))
    return chinese | japanese | korean


def of_matplotlib() -> set[int]:
    """Code points that DejaVu Sans has in both weights."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return set.intersection(
        *(set(TTFont(folder / f"{name}.ttf").getBestCmap()) for name in ("DejaVuSans", "DejaVuSans-Bold"))
    )


def subset(file: Path) -> TTFont:
    """The font of ``file`` with what the module's docstring says."""
    font = TTFont(file, recalcTimestamp=False)
    codes = set(font.getBestCmap())
    script = file.stem.removeprefix("NotoSans").partition("-")[0]
    is_emoji, is_cjk = file.stem.startswith("NotoEmoji"), file.stem.startswith("Droid")
    if is_cjk:
        codes &= common_cjk() - of_matplotlib()
    elif is_emoji:
        chosen = {code for first, last in _EMOJI for code in range(first, last + 1)}
        codes &= (chosen - of_matplotlib()) | _SEQUENCES
    codes -= set(_LEFT_OUT.get(script, ()))
    options = Options(hinting=False, layout_features=["*"], glyph_names=False, name_IDs=["*"])
    options.notdef_outline = True
    options.drop_tables += [*_UNUSED_TABLES, *(["GSUB", "GPOS", "GDEF"] if is_cjk else [])]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    if is_emoji:
        scale_upem(font, 256)
    _rename(font, f"embedscope {'CJK' if is_cjk else 'Emoji' if is_emoji else script}")
    return font


def _rename(font: TTFont, family: str) -> None:
    """A name of its own, and the statement of the change that the licences ask for; the copyright lines stay."""
    names = font["name"]
    kept = {number: names.getDebugName(number) for number in (0, 5, 13, 14)}
    font["name"] = names = newTable("name")
    names.names = []
    stated = {**kept, 1: family, 2: "Regular", 4: family, 6: family.replace(" ", "-"), 10: _CHANGE}
    for number, text in sorted(stated.items()):
        if text:
            names.setName(text, number, 3, 1, 0x409)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("upstream", type=Path, help="folder of the upstream fonts")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder to write to (default: that of the package)")
    stated = parser.parse_args()
    for name, expected in UPSTREAM.items():
        file = stated.upstream / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            parser.error(f"{file} is not there, or is another version than the one this script was written for")
        subset(file).save(stated.output / name)
        print(f"{name}: {file.stat().st_size:,} -> {(stated.output / name).stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
