"""What can be seen in a text without any model: script, diacritics, digits, units, and the marks of broken text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_UNIT = re.compile(
    r"\d\s*(?:m2|m²|m\^2|sqm|km|cm|mm|kg|g|ml|l|%|tr|triệu|trieu|k|vnd|đ|usd|\$|€|million|mil|gb|mb|h|min)(?!\w)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"""^\W*(?:n/?a|null|none|nan|undefined|todo|tbd|xxx+|lorem\ ipsum.*)\W*$   # nothing but a word for nothing
    |\{\{[^{}]*\}\}|\$\{[^{}]*\}|%\(\w+\)s|<%[^%]*%>                            # unfilled template variables
    |\{[A-Za-z_][A-Za-z0-9_.]*\}
    |^\W*[<\[](?:query|text|positive|negative|pos|neg|title|document|passage)[>\]]\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_BROKEN = re.compile("\N{REPLACEMENT CHARACTER}|[\x80-\x9f]|Ã[\x80-\xbf¡-¿€-™]|á[º»][\x80-\xff€-™]|â€|Ä‘|Æ°|Æ¡")
_VOWELS = set("aeiouy")


def words(text: str) -> list[str]:
    """Words and numbers of ``text`` in lower case, diacritics kept: "Phòng Q.10" gives phòng, q, 10."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def strip_diacritics(text: str) -> str:
    """``text`` without diacritics: "Phòng đẹp" gives "Phong dep"."""
    return text if text.isascii() else _stripped(text)


@lru_cache(maxsize=1 << 15)  # the words of a collection come again and again
def _stripped(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))


def has_diacritics(text: str) -> bool:
    """Whether a letter of ``text`` carries a diacritic (đ counts)."""
    return strip_diacritics(text) != unicodedata.normalize("NFC", text)


def script(text: str) -> str:
    """The script of most letters, as Unicode names it ("Latin", "Han", "Cyrillic"); "none" without a letter."""
    counts = Counter(
        "Han" if (name := unicodedata.name(c, "unknown")).startswith("CJK") else name.split(" ")[0].capitalize()
        for c in text
        if c.isalpha()
    )
    return counts.most_common(1)[0][0] if counts else "none"


class DiacriticWords:
    """The words of a collection that are written with diacritics: tells a text that lost them from a foreign one.

    A text lacks its diacritics where none of its letters has one although at least half of its words of two letters
    or more are words of the collection that have some.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        plain: Counter[str] = Counter()
        marked: Counter[str] = Counter()
        for text in texts:
            if not has_diacritics(text):
                continue  # a text typed without diacritics is no evidence for how its words are spelt
            for word in set(words(text)):
                bare = strip_diacritics(word)
                (plain if bare == word else marked)[bare] += 1
        self._marked = {word for word, n in marked.items() if n > plain[word]}

    def lacks(self, text: str) -> bool:
        """Whether ``text`` was typed without the diacritics that its words have elsewhere."""
        if has_diacritics(text):
            return False
        long = [word for word in words(text) if len(word) > 1 and word.isalpha()]
        return bool(long) and 2 * sum(word in self._marked for word in long) >= len(long)


def has_digits(text: str) -> bool:
    """Whether ``text`` holds a digit."""
    return any(c.isdigit() for c in text)


def has_unit(text: str) -> bool:
    """Whether ``text`` holds a number with a unit or a currency."""
    return _UNIT.search(text) is not None


def has_abbreviation(text: str) -> bool:
    """Whether ``text`` holds a word of two letters or more without a vowel ("wc", "đh", "tphcm")."""
    bare = (strip_diacritics(word) for word in words(text))
    return any(len(word) > 1 and word.isalpha() and word.isascii() and not _VOWELS & set(word) for word in bare)


def placeholder(text: str) -> str | None:
    """What in ``text`` was to be replaced by content (a template variable, "N/A"); None if nothing."""
    found = _PLACEHOLDER.search(text)
    return None if found is None else found.group(0).strip()


def is_nfc(text: str) -> bool:
    """Whether ``text`` is in Unicode NFC, the form in which texts are compared."""
    return unicodedata.is_normalized("NFC", text)


def is_mojibake(text: str) -> bool:
    """Whether ``text`` looks like UTF-8 that was read as Windows-1252, or holds replacement characters."""
    return _BROKEN.search(text) is not None and (unmangled(text) is not None or "\N{REPLACEMENT CHARACTER}" in text)


def unmangled(text: str) -> str | None:
    """``text`` read again as the UTF-8 that it once was; None where that is not possible or changes nothing."""
    raw = bytearray()
    for character in text:
        try:
            raw += character.encode("cp1252")
        except UnicodeEncodeError:
            if ord(character) > 0xFF:
                return None
            raw.append(ord(character))  # the five bytes that Windows-1252 leaves undefined
    try:
        mended = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return mended if mended != text else None
