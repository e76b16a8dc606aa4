"""Vietnamese or English: which of the two a short text in Latin script is, where that can be told cheaply."""

from __future__ import annotations

from embedscope.data.text_features import words
from embedscope.packs.rental_vi.vietnamese import is_vietnamese

_FUNCTION_WORDS = (
    "the an in near with for of and is at under from no not or by less than around about that this which are has have "
    "within where between up per my your want need looking what how who why does"
)
_ENGLISH = frozenset(_FUNCTION_WORDS.split())
"""None of them is a Vietnamese syllable that is common without its marks ("on", "to" and "can" are)."""


def language(text: str) -> str | None:
    """ "Vietnamese", "English" where it is not and has a function word of English, else None."""
    if is_vietnamese(text):
        return "Vietnamese"
    return "English" if any(word in _ENGLISH for word in words(text)) else None
