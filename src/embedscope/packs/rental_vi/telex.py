"""Vietnamese words as the keys that type them."""

from __future__ import annotations

import unicodedata

import numpy as np

from embedscope.measure.perturbations import hit_words
from embedscope.packs.rental_vi.vietnamese import TONES, is_vietnamese

_LETTERS = {"ă": "aw", "â": "aa", "ê": "ee", "ô": "oo", "ơ": "ow", "ư": "uw", "đ": "dd"}


def telex(word: str) -> str:
    """A Vietnamese word as the keys that type it in Telex, the tone key last: ``phòng`` becomes ``phongf``.

    Letters: aw, aa, ee, oo, ow, uw, dd. Tones: s acute, f grave, r hook, x tilde, j dot. This is what stands in a
    search box whose input method is off. A word without Vietnamese marks stays as it is.
    """
    keys: list[str] = []
    tone = ""
    for letter in unicodedata.normalize("NFC", word):
        parts = unicodedata.normalize("NFD", letter)
        tone = next((TONES[mark] for mark in parts if mark in TONES), tone)
        bare = unicodedata.normalize("NFC", "".join(part for part in parts if part not in TONES))
        typed = _LETTERS.get(bare.lower(), bare.lower())
        keys.append(typed.capitalize() if bare.isupper() else typed if bare.lower() in _LETTERS else bare)
    return "".join(keys) + tone


def telex_keys(text: str, generator: np.random.Generator) -> str:
    """Some words of a Vietnamese text as the keys that type them: ``đường`` becomes ``dduwowngf``."""
    if not is_vietnamese(text):
        return text
    return hit_words(text, generator, lambda word: telex(word) != word, telex)
