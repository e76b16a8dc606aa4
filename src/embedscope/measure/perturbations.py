"""Ways in which the same question is typed by another hand: each a pure function of a text and a random generator.

A perturbation leaves a text as it is where it has nothing to act on. The generator of a text is seeded by the run's
seed, the perturbation and the text itself, so that a text is perturbed alike whatever stands beside it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from embedscope.data.text_features import has_diacritics, is_unspaced, strip_diacritics
from embedscope.measure.abbreviations import Abbreviations
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, Perturbation

WORDS_PER_SLIP = 5
"""One word in so many that could be hit is hit, and at least one."""

SHORTEST_SLIP = 4
"""Letters that a word needs to be hit: shorter ones would become another word."""

_WORD = re.compile(r"[^\W\d_]+")
_NO_PROSE = re.compile(r"\S*(?:://|www\.|[@_\\<>{}=#$]|\w\(|[^\W\d_]\d|[^\W\d_][./][^\W\d_]|[a-z][A-Z])\S*")
"""Addresses, names in code and the like: nobody slips in what is pasted."""

_SPELT = ("LATIN ", "GREEK ", "CYRILLIC ", "ARMENIAN ", "HEBREW ", "ARABIC ", "GEORGIAN ")
"""Scripts typed letter by letter; in the others a letter is a syllable or a word, or carries marks."""

_MARKED = ("LATIN ", "GREEK ", "CYRILLIC ")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def perturb(texts: Sequence[str], perturbation: Perturbation, *, seed: int) -> tuple[str, ...]:
    """Each text perturbed, in NFC and stripped as the texts of a collection are."""
    return tuple(
        unicodedata.normalize("NFC", perturbation.apply(text, text_generator(seed, perturbation.name, text))).strip()
        for text in texts
    )


def standard_perturbations(
    attributes: AttributeReader = NO_ATTRIBUTES, abbreviations: Abbreviations | None = None
) -> tuple[Perturbation, ...]:
    """The perturbations that a run tries: those of every language, of the chosen domain, and of a user's abbreviations.

    Of two that have one name the later is tried: a user's abbreviations take the place of those of the domain.
    """
    tried = (
        Perturbation("no-diacritics", "diacritics left out", lambda text, _: without_diacritics(text)),
        Perturbation("neighbour-key", "a neighbouring key hit", neighbour_key),
        Perturbation("swap", "two letters swapped", swapped_letters),
        Perturbation("lower-case", "all lower case", lambda text, _: text.lower()),
        Perturbation("upper-case", "all upper case", lambda text, _: text.upper()),
        Perturbation("spacing", "a space lost or put in", spacing_slip),
        *attributes.perturbations,
        *(() if abbreviations is None else abbreviations.perturbations),
    )
    return tuple({perturbation.name: perturbation for perturbation in tried}.values())


def without_diacritics(text: str) -> str:
    """``text`` with the marks of its Latin, Greek and Cyrillic letters left out: ``Ein Madchen in Orebro``.

    In other scripts marks are letters of their own right (Thai, Arabic, Devanagari) and stay.
    """
    letters = unicodedata.normalize("NFC", text)
    return "".join(strip_diacritics(letter) if _is_of(letter, _MARKED) else letter for letter in letters)


def neighbour_key(text: str, generator: np.random.Generator) -> str:
    """A letter of some words replaced by one beside it on a QWERTY keyboard, in the same case."""

    def slip(word: str) -> str:
        places = [i for i, letter in enumerate(word) if _neighbours(letter)]
        place = places[int(generator.integers(len(places)))]
        near = _neighbours(word[place])
        key = near[int(generator.integers(len(near)))]
        return word[:place] + (key.upper() if word[place].isupper() else key) + word[place + 1 :]

    def can_slip(word: str) -> bool:
        return len(word) >= SHORTEST_SLIP and any(map(_neighbours, word))

    return hit_words(text, generator, can_slip, slip)


def swapped_letters(text: str, generator: np.random.Generator) -> str:
    """Two different letters that follow one another swapped in some words, the first letter kept in its place."""

    def places(word: str) -> list[int]:
        return [i for i in range(1, len(word) - 1) if word[i] != word[i + 1]]

    def slip(word: str) -> str:
        chosen = places(word)
        i = chosen[int(generator.integers(len(chosen)))]
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]

    def can_slip(word: str) -> bool:
        return len(word) >= SHORTEST_SLIP and all(_is_of(letter, _SPELT) for letter in word) and bool(places(word))

    return hit_words(text, generator, can_slip, slip)


def spacing_slip(text: str, generator: np.random.Generator) -> str:
    """Spaces lost between two words or put into a word of letters, about one in ``WORDS_PER_SLIP`` words.

    Two numbers keep their space, or they would be one; addresses, code and scripts without spaces stay.
    """
    words = text.split()
    is_prose = [_NO_PROSE.fullmatch(word) is None and not any(map(is_unspaced, word)) for word in words]
    slips = [
        ("lost", i)
        for i, (word, following) in enumerate(pairwise(words))
        if is_prose[i] and is_prose[i + 1] and not (word[-1].isnumeric() and following[0].isnumeric())
    ]
    can_split = [is_prose[i] and len(word) >= SHORTEST_SLIP and word.isalpha() for i, word in enumerate(words)]
    slips += [("put in", i) for i in range(len(words)) if can_split[i]]
    n_slips = len(_chosen(len(words), generator))
    chosen = {slips[int(i)] for i in generator.choice(len(slips), min(n_slips, len(slips)), replace=False)}
    parts = []
    for place, word in enumerate(words):
        cut = int(generator.integers(1, len(word))) if ("put in", place) in chosen else 0
        parts.append(f"{word[:cut]} {word[cut:]}" if cut else word)
        parts.append("" if ("lost", place) in chosen else " ")
    return "".join(parts).rstrip()


def hit_words(
    text: str, generator: np.random.Generator, can_slip: Callable[[str], bool], slip: Callable[[str], str]
) -> str:
    """``text`` with a slip in one of ``WORDS_PER_SLIP`` of the words where one can happen, at least one."""
    composed = unicodedata.normalize("NFC", text)
    pasted = {place for match in _NO_PROSE.finditer(composed) for place in range(match.start(), match.end())}
    words = [match for match in _WORD.finditer(composed) if match.start() not in pasted and can_slip(match[0])]
    hit = {words[int(i)].start() for i in _chosen(len(words), generator)}
    return _WORD.sub(lambda match: slip(match[0]) if match.start() in hit else match[0], composed)


def _chosen(n: int, generator: np.random.Generator) -> Sequence[int]:
    """Places of the words to hit among n, ascending; none of 0."""
    if n == 0:
        return ()
    size = max(1, round(n / WORDS_PER_SLIP))
    return [int(place) for place in np.sort(generator.choice(n, size, replace=False))]


def _neighbours(letter: str) -> str:
    """Keys beside that of a plain letter in its row."""
    if has_diacritics(letter):
        return ""
    key = letter.lower()
    for row in _ROWS:
        place = row.find(key) if len(key) == 1 else -1
        if place >= 0:
            return row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
    return ""


def _is_of(letter: str, scripts: tuple[str, ...]) -> bool:
    return unicodedata.name(letter, "").startswith(scripts)


def text_generator(seed: int, name: str, text: str) -> np.random.Generator:
    """The random numbers of one change of one text, whatever stands beside it."""
    digest = hashlib.sha256(f"{seed}\n{name}\n{text}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
