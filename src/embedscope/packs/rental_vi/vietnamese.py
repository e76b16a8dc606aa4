"""Vietnamese as people type it, with and without its marks: a text beside its bare letters, and what is Vietnamese."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from embedscope.data.text_features import strip_diacritics

_ONLY_VIETNAMESE = re.compile("[ơƠưƯ\u1ea0-\u1ef9]")  # the block of letters made for Vietnamese, and two horned ones
_WORD = re.compile(r"[^\W\d_]+")
_AMOUNT = re.compile(r"\d\s?(?:đ|vnđ|đồng|triệu|trieu|nghìn|ngàn|tr\d{0,3})(?!\w)")
_SHORT = re.compile(r"(?<![^\W_])(?:[qp]\.?\s?\d{1,2}|\d\s?pn|ko|đh|sv)(?![^\W_])")
"""How Vietnamese shorten, which supports everyday words and proves nothing alone: Q4 is also a quarter."""

_SYLLABLE = re.compile(
    r"(?:b|c|ch|d|g|gh|gi|h|k|kh|l|m|n|ng|ngh|nh|p|ph|qu|r|s|t|th|tr|v|x)?[aeiouy]{1,3}(?:c|ch|m|n|ng|nh|p|t)?"
)
_EVERYDAY = frozenset(
    re.findall(
        r"\w+",
        # Without marks, and no words of English or of the languages that share letters with Vietnamese.
        "phong tro nha thue quan huyen phuong duong trieu khong duoc gan tim muon nguoi nuoc dien truong hoc sinh vien "
        "gia rieng chung rong dep khu cong ngo hem gac lanh giat bep thang nhung cua nay nhieu voi trong ngoai khoang "
        "duoi tren tam viec nam moi toi cach bao nhieu nhat ngay giuong ngu khach hang giay dung xay nguyen tang tot "
        "sach quanh quen thoang thoai benh vien cho dai noi that nhe can ho",
    )
)
_ALSO_FOREIGN = frozenset(("can", "ho", "cho", "tot", "tang", "dung", "dai", "hang", "gia", "tam", "nam"))
"""Everyday words that another language has too: they support others and prove nothing alone."""

TONES = {
    "\N{COMBINING ACUTE ACCENT}": "s",
    "\N{COMBINING GRAVE ACCENT}": "f",
    "\N{COMBINING HOOK ABOVE}": "r",
    "\N{COMBINING TILDE}": "x",
    "\N{COMBINING DOT BELOW}": "j",
}
"""Marks of the tones, and the keys that type them in Telex."""

READ = 1 << 13
"""Texts of which a reader remembers what it read: each is one side of many pairs."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text in three spellings of equal length, so that a place in one is that place in all."""

    letters: str
    """In NFC."""
    folded: str
    """In lower case, with marks."""
    shown: str
    """In lower case without marks, punctuation kept, "²" as 2: what patterns are matched against."""
    is_marked: bool
    """Whether a letter carries a mark: then words without their marks are other words."""


@lru_cache(64)  # several readers read one text in turn
def written(text: str) -> Written:
    """``text`` in its spellings."""
    letters = unicodedata.normalize("NFC", text)
    folded = "".join(map(_lower, letters))
    shown = "".join(map(_bare, folded))
    is_marked = any(a != b and a.isalpha() for a, b in zip(folded, shown, strict=True))
    return Written(letters, folded, shown, is_marked)


def syllables(name: str) -> tuple[tuple[str, str], ...]:
    """Each syllable of ``name`` as its letters without the tone, and the tone: wherever the tone mark is put."""
    decomposed = (unicodedata.normalize("NFD", part) for part in name.split())
    return tuple(
        (
            unicodedata.normalize("NFC", "".join(c for c in part if c not in TONES)),
            "".join(c for c in part if c in TONES),
        )
        for part in decomposed
    )


def is_spelling_of(typed: str, name: str) -> bool:
    """Whether ``typed`` is ``name`` with all, some or none of its marks; both in lower case."""
    ours, theirs = syllables(typed), syllables(name)
    return len(ours) == len(theirs) and all(
        len(a) == len(b) and all(x in (y, _bare(y)) for x, y in zip(a, b, strict=True)) and tone in ("", full)
        for (a, tone), (b, full) in zip(ours, theirs, strict=True)
    )


def is_vietnamese(text: str) -> bool:
    """Whether ``text`` is Vietnamese, with its marks or typed without.

    It has a letter that only Vietnamese uses, or at least two everyday words or amounts of money (one where there is
    no other word), and these outnumber the longer words that cannot be Vietnamese syllables.
    """
    letters = unicodedata.normalize("NFC", text).lower()
    found = _WORD.findall(letters)
    has_own_letter = _ONLY_VIETNAMESE.search(letters) is not None
    bare = [strip_diacritics(word) for word in found]
    everyday = [word for word in bare if word in _EVERYDAY]
    n_amounts = len(_AMOUNT.findall(letters))
    n_short = len(_SHORT.findall(letters))
    n_proofs = len({*everyday} - _ALSO_FOREIGN) + n_amounts
    n_foreign = sum(len(word) > 3 and _SYLLABLE.fullmatch(word) is None for word in bare)
    n_own = len(everyday) + n_amounts + n_short
    if has_own_letter:
        n_own += sum(word != plain and plain not in _EVERYDAY for word, plain in zip(found, bare, strict=True))
    elif n_proofs == 0 or len({*everyday}) + n_amounts + n_short < min(2, max(1, sum(len(word) > 1 for word in found))):
        return False
    return n_own > n_foreign


@lru_cache(READ)
def _lower(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 else letter


@lru_cache(READ)
def _bare(letter: str) -> str:
    if letter.isascii():
        return letter
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter).replace("đ", "d") if not unicodedata.combining(c))
    return bare.lower() if len(bare) == 1 else letter
