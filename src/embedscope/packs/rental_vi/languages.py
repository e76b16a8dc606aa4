"""Vietnamese and English: which of the two a short text in Latin script is, and the words that the core asks for."""

from __future__ import annotations

from embedscope.data.text_features import script, words
from embedscope.packs.rental_vi.vietnamese import is_vietnamese

_FUNCTION_WORDS = (
    "the an in near with for of and is at under from no not or by less than around about that this which are has have "
    "within where between up per my your want need looking what how who why does"
)
_ENGLISH = frozenset(_FUNCTION_WORDS.split())
"""None of them is a Vietnamese syllable that is common without its marks ("on", "to" and "can" are)."""

UNITS = frozenset(["tr", "triệu", "trieu", "million", "mil", "k", "vnd", "đ", "usd", "sqm"])
"""Words that after a number are units or currencies."""

DENIALS = frozenset(
    ["không", "khong", "ko", "hông", "chưa", "chua", "chẳng", "chang", "miễn", "no", "not", "without", "never"]
)
"""Words by which one of two texts denies what the other says."""


def language(text: str) -> str | None:
    """ "Vietnamese", "English" where it is not and has a function word of English, else None; None in other scripts."""
    if script(text) != "Latin":
        return None
    if is_vietnamese(text):
        return "Vietnamese"
    return "English" if any(word in _ENGLISH for word in words(text)) else None
