"""Letters without their marks, and Vietnamese letters as the keys that type them."""

from __future__ import annotations

import unicodedata

_STROKED = str.maketrans("đĐ", "dD")

_TELEX_LETTERS = {"ă": "aw", "â": "aa", "ê": "ee", "ô": "oo", "ơ": "ow", "ư": "uw", "đ": "dd"}
_TELEX_TONES = {
    "\N{COMBINING ACUTE ACCENT}": "s",
    "\N{COMBINING GRAVE ACCENT}": "f",
    "\N{COMBINING HOOK ABOVE}": "r",
    "\N{COMBINING TILDE}": "x",
    "\N{COMBINING DOT BELOW}": "j",
}


def without_diacritics(text: str) -> str:
    """``text`` with every letter's marks taken off, in NFC: ``Phòng ở Đà Nẵng`` becomes ``Phong o Da Nang``.

    Combining marks (Unicode category Mn) that stand on Latin, Greek or Cyrillic letters go, and the stroke of đ. In
    other scripts marks are letters of their own right (Thai, Arabic, Devanagari) and stay.
    """
    kept: list[str] = []
    base = ""
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.category(char) != "Mn":
            base = char
        elif _is_alphabetic_latin(base):
            continue
        kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_STROKED)


def has_diacritics(text: str) -> bool:
    """Whether `without_diacritics` would change ``text``."""
    return without_diacritics(text) != unicodedata.normalize("NFC", text)


def telex(word: str) -> str:
    """A Vietnamese word as the keys that type it in Telex, the tone key last: ``phòng`` becomes ``phongf``.

    Letters: aw, aa, ee, oo, ow, uw, dd. Tones: s acute, f grave, r hook, x tilde, j dot. This is what stands in a
    search box whose input method is off. A word without Vietnamese marks stays as it is.
    """
    keys: list[str] = []
    tone = ""
    for letter in unicodedata.normalize("NFC", word):
        parts = unicodedata.normalize("NFD", letter)
        marks = [mark for mark in parts[1:] if mark in _TELEX_TONES]
        plain = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TELEX_TONES))
        typed = _TELEX_LETTERS.get(plain.lower(), plain) if marks or plain.lower() in _TELEX_LETTERS else letter
        keys.append(typed.capitalize() if typed != plain and plain.isupper() else typed)
        tone = _TELEX_TONES[marks[0]] if marks else tone
    return "".join(keys) + tone


def _is_alphabetic_latin(char: str) -> bool:
    name = unicodedata.name(char, "") if char else ""
    return name.startswith(("LATIN ", "GREEK ", "CYRILLIC "))
