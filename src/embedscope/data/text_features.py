"""What can be seen in a text without any model: script, diacritics, digits, units, and the marks of broken text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_AFTER_NUMBER = re.compile(r"\d\s*([^\W\d_]+(?:\^?[23])?|[^\w\s])(?!\w)")
_CURRENCY_BEFORE = re.compile(r"([^\w\s])\s?\d")
_UNITS = frozenset(["m2", "m²", "m^2", "km", "cm", "mm", "kg", "g", "ml", "l", "%", "gb", "mb", "h", "min"])
"""Symbols of units that are the same in every language."""

_NOTHING = re.compile(
    r"""\W*(?:n/?a|null|none|nan|undefined|todo|tbd|xxx+|lorem\ ipsum.*)\W*               # a word for nothing
    |\W*[<\[](?:query|text|positive|negative|pos|neg|title|document|passage)[>\]]\W*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_VARIABLES: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"\{\{[^{}]*\}\}|<%[^%]*%>"), 2),
    (re.compile(r"\$\{[^{}]*\}|%\(\w+\)s|\{[A-Za-z_][A-Za-z0-9_.]*\}"), 1),
)
"""Template variables, and for each how many words beside it still make a template. The second kind also stands in texts
about programming, which have words of their own."""

_AS_BYTE = {bytes([byte]).decode("cp1252", errors="ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_AS_BYTE |= {chr(byte): byte for byte in range(0x80, 0x100)}
_LATER = "[" + re.escape("".join(c for c, byte in _AS_BYTE.items() if byte < 0xC0)) + "]"
_TRACE = re.compile(f"{_LATER}|\N{REPLACEMENT CHARACTER}")
"""One of these stands in every text whose letters were destroyed so; most texts have none."""

_SURE = re.compile(f"á[º»]{_LATER}|â[€‚„]{_LATER}|ð[Ÿ\x9f]{_LATER}{_LATER}|[\x80-\x84\x86-\x9f]")
"""UTF-8 of three and four bytes read as Windows-1252: letters with two marks, typographic signs, emoji; controls."""

_PAIR = re.compile(f"[ÃÂÄÅÆ](?![”’»](?![^\\W_])){_LATER}")
_LIKELY_PAIR = re.compile(
    f"(?:(?<=[a-z])|(?<![^\\W_]))[ÃÂÄÅÆ]{_LATER}(?=[a-z])|(?<=[a-z])[ÃÂÄÅÆ]{_LATER}(?![^\\W_])|[ÃÂÄÅÆ][\xa0-\xbf](?=[a-z])"
)
"""UTF-8 of two bytes: also what stands before a closing quotation mark in capitals ("SERTÃ”"), so that lower case
must stand beside it."""

_RESTORABLE = re.compile(f"ð[Ÿ\x9f]{_LATER}{_LATER}|(?:á[º»]|â[€‚„]){_LATER}|{_PAIR.pattern}")
_VOWELS = set("aeiouy")
_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA ", "THAI ", "LAO ", "KHMER ", "MYANMAR ", "TIBETAN ")
"""Scripts without blanks, as the names of their letters begin."""

_CHARACTER = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts without blanks that are taken one by one; katakana writes words of other languages whole."""


def words(text: str) -> list[str]:
    """Words and numbers of ``text`` in lower case, diacritics kept: "Café P.10" gives café, p, 10."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def strip_diacritics(text: str) -> str:
    """``text`` without diacritics: "Crème brûlée" gives "Creme brulee"."""
    return text if text.isascii() else _stripped(text)


def is_character(letter: str) -> bool:
    """Whether ``letter`` is taken by itself and not as a part of a word: its script is written without blanks."""
    return _CHARACTER.match(letter) is not None


class _Bare(dict[int, str | None]):
    """What each character of a decomposed text leaves without diacritics, found when it is first asked for."""

    def __missing__(self, code: int) -> str | None:
        self[code] = None if unicodedata.combining(chr(code)) else chr(code)
        return self[code]


BARE = _Bare({ord("đ"): "d", ord("Đ"): "D"})


@lru_cache(maxsize=1 << 15)  # the words of a collection come again and again
def _stripped(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).translate(BARE))


def has_diacritics(text: str) -> bool:
    """Whether a letter of ``text`` carries a diacritic (đ counts)."""
    if text.isascii():
        return False
    decomposed = unicodedata.normalize("NFD", text)
    return any(map(unicodedata.combining, decomposed)) or "đ" in decomposed or "Đ" in decomposed


@lru_cache(maxsize=1 << 14)  # a document that beats many queries is asked for with each of them
def script(text: str) -> str:
    """The script of most letters, as Unicode names it ("Latin", "Han", "Cyrillic"); "none" without a letter."""
    counts: Counter[str] = Counter()
    for letter, n in Counter(text).items():
        if letter.isalpha():
            counts[_script_of(letter)] += n
    return counts.most_common(1)[0][0] if counts else "none"


def is_unspaced(letter: str) -> bool:
    """Whether ``letter`` is of a script that is written without blanks between words."""
    return unicodedata.name(letter, "").startswith(_UNSPACED)


@lru_cache(maxsize=1 << 15)
def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "unknown")
    return "Han" if name.startswith("CJK") else name.split(" ")[0].capitalize()


class DiacriticWords:
    """The words of a collection that are written with diacritics: tells a text that lost them from a foreign one.

    A text lacks its diacritics where none of its letters has one although at least half of its words of two letters
    or more are words of the collection that have some.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        n_texts: Counter[str] = Counter()
        for text in texts:
            if has_diacritics(text):  # a text typed without diacritics is no evidence for how its words are spelt
                n_texts.update(set(words(text)))
        plain: Counter[str] = Counter()
        marked: Counter[str] = Counter()
        for word, n in n_texts.items():
            bare = strip_diacritics(word)
            (plain if bare == word else marked)[bare] += n
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


def has_unit(text: str, more: Container[str] = frozenset()) -> bool:
    """Whether ``text`` holds a number with a unit (``more``: words in lower case beside the symbols) or a currency."""
    after = (match[1].lower() for match in _AFTER_NUMBER.finditer(text))
    if any(unit in _UNITS or unit in more or unicodedata.category(unit[0]) == "Sc" for unit in after):
        return True
    return any(unicodedata.category(match[1]) == "Sc" for match in _CURRENCY_BEFORE.finditer(text))


def has_abbreviation(text: str) -> bool:
    """Whether ``text`` holds a word of two letters or more without a vowel ("wc", "bldg")."""
    bare = (strip_diacritics(word) for word in words(text))
    return any(len(word) > 1 and word.isalpha() and word.isascii() and not _VOWELS & set(word) for word in bare)


def placeholder(text: str) -> str | None:
    """What stands in ``text`` in place of content (a template variable, "N/A"); None if nothing.

    A template variable counts where hardly a word stands beside it: "{{title}} in {{city}}" was never filled in, while
    "an f-string replaces {name} by its value" speaks of one.
    """
    stripped = text.strip()
    if _NOTHING.fullmatch(stripped):
        return stripped
    if "{" not in stripped and "%" not in stripped:  # each kind of variable has one of them
        return None
    found: list[str] = []
    allowed = 0
    for pattern, n_words in _VARIABLES:
        own = pattern.findall(stripped)
        stripped = pattern.sub(" ", stripped)
        found += own
        allowed += n_words * len(own)
    return found[0] if found and len(words(stripped)) <= allowed else None


def is_nothing_but_placeholder(text: str) -> bool:
    """Whether no word of content stands in ``text`` beside a placeholder."""
    if placeholder(text) is None:
        return False
    rest = text
    for pattern, _ in _VARIABLES:
        rest = pattern.sub(" ", rest)
    return _NOTHING.fullmatch(text.strip()) is not None or not words(rest)


def is_nfc(text: str) -> bool:
    """Whether ``text`` is in Unicode NFC, the form in which texts are compared."""
    return unicodedata.is_normalized("NFC", text)


def is_mojibake(text: str) -> bool:
    """Whether ``text`` holds UTF-8 that was read as Windows-1252, in whole or in part, or replacement characters."""
    if text.isascii() or _TRACE.search(text) is None:
        return False
    is_sure = "\N{REPLACEMENT CHARACTER}" in text or "â€" in text or _SURE.search(text) is not None
    return is_sure or _LIKELY_PAIR.search(text) is not None or len(_PAIR.findall(text)) > 1


def unmangled(text: str) -> str | None:
    """``text`` read again as the UTF-8 that it once was; None where that is not possible or changes nothing.

    Where not all of it can be read so, each typical sequence that can is, and the rest stays.
    """
    whole = _decoded(text)
    if whole is None:
        whole = _RESTORABLE.sub(lambda match: _decoded(match.group(0)) or match.group(0), text)
    return whole if whole != text else None


def _decoded(text: str) -> str | None:
    try:
        return bytes(_AS_BYTE.get(c, ord(c)) for c in text).decode("utf-8")
    except ValueError:  # a character that no byte was read as, or bytes that are not UTF-8
        return None
