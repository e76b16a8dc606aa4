"""The terms of texts: words, what belongs together of them, and where each stands; whole arrays at a time.

Words that stand side by side far more often than by chance are one phrase; scripts that are written without spaces are
cut into pieces of two to four characters, of which those count that hold together in the same way.

Source
------
Bouma, "Normalized (pointwise) mutual information in collocation extraction", GSCL 2009.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.text_arrays import CodePoints, Pieces, words_and_characters
from embedscope.protocols import BoolArray, Float64Array, IntArray

LONGEST = 5
"""Words in a phrase."""

MAX_CHARACTERS = 400
"""Of a text: the beginning says what it is about."""

COHESION = 0.5
"""Normalised pointwise mutual information, in [-1, 1], from which neighbours belong together: at 1 they never stand
apart, at 0 they meet by chance."""

WHOLE = 0.7
"""Share of the texts with a term in which the same neighbour makes it a longer one, from which it is only a part."""

LEAST_TEXTS = 2

_JOINTS = " -_.'’/"
"""What may stand within a phrase, beside two colons."""

Term = tuple[str, ...]
"""Words, or characters of a script without spaces, in lower case."""


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """Which texts hold which terms: each pair of both once."""

    texts: IntArray  # (H,)
    terms: IntArray  # (H,)
    n_terms: int

    @classmethod
    def of(cls, texts: IntArray, terms: IntArray, n_terms: int) -> Holdings:
        """Those of occurrences."""
        pairs = np.sort(texts * n_terms + terms)  # np.unique would hash them, in several times the time
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)]]
        return cls(pairs // max(n_terms, 1), pairs % max(n_terms, 1), n_terms)


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Runs of so many parts that belong together, as numbers."""

    at: IntArray  # (O,) the first part of each occurrence
    of_occurrence: IntArray  # (O,) which run it is
    keys: IntArray  # (R,) rising, of each run: what is left without its last part, and that part
    first: IntArray  # (R,) an occurrence of each
    n_texts: Float64Array  # (R,) infinity where it says nothing alone


class TermPlaces:
    """Where the terms of some texts stand.

    Parameters
    ----------
    texts : sequence of str
        Their first `MAX_CHARACTERS` characters are read.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._points = CodePoints.of([unicodedata.normalize("NFC", text[:MAX_CHARACTERS]) for text in texts])
        found = words_and_characters(self._points)
        self._spans, self._of_text, self._is_character = found, found.texts, found.is_other
        self._parts, self.parts = _numbered(found)
        self._place = {part: number for number, part in enumerate(self.parts)}
        self.says = np.array([len(part) > 1 and not part[0].isdigit() for part in self.parts], dtype=bool)
        """Whether each part is more than a letter or a number, (parts,)."""
        is_linked = _linked(self._parts, _joined(found), len(self.parts))
        self._levels = self._cut(is_linked)
        self._begins: list[tuple[int, int]] = []
        self.held = self._held(_rarely_alone(self._parts, is_linked, len(self.parts)))
        """Which texts hold which of the terms that may name a cluster (`named`)."""
        self.held_parts = Holdings.of(self._of_text, self._parts, len(self.parts))

    def named(self, number: int) -> Term:
        """A term of ``held``."""
        begin, length = self._begins[number]
        return tuple(map(self.parts.__getitem__, self._parts[begin : begin + length].tolist()))

    def numbers(self, term: Term) -> list[int]:
        """The parts of a term, as places in ``parts``."""
        return [self._place[part] for part in term]

    def spelling(self, wanted: Collection[Term]) -> Mapping[Term, str]:
        """How most texts spell each of some terms, which stand somewhere."""
        spelt: dict[Term, str] = {}
        for length in {len(term) for term in wanted}:
            level, own = self._levels[length - 1], [term for term in wanted if len(term) == length]
            numbers = {self._number(term): term for term in own}
            forms: dict[Term, Counter[str]] = {term: Counter() for term in own}
            shown = np.flatnonzero(np.isin(level.of_occurrence, list(numbers)))
            starts = self._spans.starts[level.at[shown]].tolist()
            ends = self._spans.ends[level.at[shown] + length - 1].tolist()
            for number, start, end in zip(level.of_occurrence[shown].tolist(), starts, ends, strict=True):
                forms[numbers[number]][self._points.text[start:end]] += 1
            spelt |= {term: min(found, key=lambda form: (-found[form], form)) for term, found in forms.items()}
        return spelt

    def _number(self, term: Term) -> int:
        number = 0
        for level, part in zip(self._levels, self.numbers(term), strict=False):
            number = int(np.searchsorted(level.keys, number * len(self.parts) + part))
        return number

    def _cut(self, is_linked: BoolArray) -> list[_Level]:
        """The runs of every length up to one more than a phrase may have."""
        n, n_parts = len(self._parts), len(self.parts)
        breaks = np.flatnonzero(~is_linked)
        reach = breaks[np.searchsorted(breaks, np.arange(n))] - np.arange(n) + 1  # parts from here to the end of a run
        number, says = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        levels = []
        for length in range(1, LONGEST + 2):
            at = np.flatnonzero(reach >= length)
            last = self._parts[at + length - 1]
            keys, first, found = np.unique(number[at] * n_parts + last, return_index=True, return_inverse=True)
            number[at] = found
            says[at] |= self.says[last]
            is_term = np.where(self._is_character[at], length > 1, says[at])
            held = Holdings.of(self._of_text[at[is_term]], found[is_term], len(keys))
            counts = np.bincount(held.terms, minlength=len(keys)).astype(np.float64)
            levels.append(_Level(at, found, keys, first, np.where(counts > 0, counts, math.inf)))
        return levels

    def _held(self, rarely_alone: BoolArray) -> Holdings:
        """Terms of two texts or more that are no mere parts of longer ones, and which texts hold them."""
        is_part = [np.zeros(len(level.keys), dtype=bool) for level in self._levels]
        for shorter, longer, parts in zip(self._levels, self._levels[1:], is_part, strict=False):
            first = longer.at[longer.first]
            number = np.zeros(len(self._parts), dtype=np.int64)
            number[shorter.at] = shorter.of_occurrence
            for rest in (number[first + 1], number[first]):
                n = longer.n_texts
                parts[rest[np.isfinite(n) & (n >= WHOLE * shorter.n_texts[rest])]] = True
        is_part[0] |= rarely_alone
        texts, terms = [], []
        for length, (level, parts) in enumerate(zip(self._levels[:LONGEST], is_part, strict=False), start=1):
            is_named = np.isfinite(level.n_texts) & (level.n_texts >= LEAST_TEXTS) & ~parts
            place = len(self._begins) + np.cumsum(is_named) - 1
            self._begins += [(begin, length) for begin in level.at[level.first[is_named]].tolist()]
            is_own = is_named[level.of_occurrence]
            texts.append(self._of_text[level.at[is_own]])
            terms.append(place[level.of_occurrence[is_own]])
        return Holdings.of(np.concatenate(texts), np.concatenate(terms), len(self._begins))


def _numbered(found: Pieces) -> tuple[IntArray, list[str]]:
    """A number for each piece, equal where two differ in case alone, and the piece of each number in lower case."""
    written = found.strings()
    place: dict[str, int] = {}
    number = {piece: place.setdefault(piece.casefold(), len(place)) for piece in dict.fromkeys(written)}
    return np.fromiter(map(number.__getitem__, written), np.int64, len(written)), list(place)


def _joined(found: Pieces) -> BoolArray:
    """Whether each piece and the next are of one kind, and nothing stands between them that ends a phrase, (P,)."""
    codes, ends, nexts = found.points.codes, found.ends[:-1], found.starts[1:]
    gap = nexts - ends
    is_joint = (gap == 1) & np.isin(codes[np.minimum(ends, len(codes) - 1)], list(map(ord, _JOINTS)))
    places = np.flatnonzero(gap == 2)
    colon = ord(":")
    is_joint[places] = (codes[ends[places]] == colon) & (codes[ends[places] + 1] == colon)
    kind = found.is_other
    goes_on = (kind[1:] == kind[:-1]) & np.where(kind[1:], gap == 0, is_joint)
    return np.append(goes_on, False)[: len(kind)]


def _linked(parts: IntArray, is_joined: BoolArray, n_parts: int) -> BoolArray:
    """Whether each part and the next belong together, (P,): their NPMI is at least `COHESION`.

    ``npmi(x, y) = log(p(xy) / (p(x) p(y))) / -log p(xy)``, from counts among all words and characters.
    """
    n, single = len(parts), np.bincount(parts, minlength=n_parts)
    at = np.flatnonzero(is_joined)
    keys, pair, counts = np.unique(parts[at] * n_parts + parts[at + 1], return_inverse=True, return_counts=True)
    often = np.flatnonzero(counts >= LEAST_TEXTS)
    both = counts[often]
    first, second = np.divmod(keys[often], max(n_parts, 1))
    strength = _logs(both * n / (single[first] * single[second]))
    holds = np.zeros(len(keys), dtype=bool)
    holds[often] = strength >= COHESION * _logs(n / both)
    is_linked = np.zeros(n, dtype=bool)
    is_linked[at] = holds[pair]
    return is_linked


def _logs(values: Float64Array) -> Float64Array:
    return np.array([math.log(value) for value in values.tolist()], dtype=np.float64)  # the same on every processor


def _rarely_alone(parts: IntArray, is_linked: BoolArray, n_parts: int) -> BoolArray:
    """Words that mostly stand within a phrase, whichever it is, (parts,)."""
    is_within = is_linked | np.concatenate([[False], is_linked[:-1]])[: len(is_linked)]
    within = np.bincount(parts[is_within], minlength=n_parts)
    return np.asarray((within > 0) & (within >= WHOLE * np.bincount(parts, minlength=n_parts)))
