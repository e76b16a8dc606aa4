"""Which words of a query its right and its winning document have, and how much each word tells.

What a word tells is read from the collection alone: how few documents have it, and whether they write it as a name.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from embedscope.data.text_features import is_unspaced, strip_diacritics

TELLING = 0.1
"""Share of the documents up to which a word tells one from another; numbers and names up to half of them."""

RARE = 0.01
MOST_QUOTED = 3
_OFTEN = 0.5
_AS_NAME = 0.8
"""Share of its occurrences inside sentences that a name begins with a capital."""

_PIECE = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_ENDS_SENTENCE = frozenset(".!?:;\n\"'([{*-#")


class WordKind(StrEnum):
    """What a word is, by the collection's own spelling and frequencies."""

    NEGATION = "negation"  # one of the reader's denials
    NUMBER = "number"
    NAME = "name"
    RARE = "rare word"  # at most 1 % of the documents have it
    WORD = "word"


def terms(text: str) -> dict[str, str]:
    """Words of ``text`` without case and diacritics, letters and digits apart, each with how it is first written.

    "P10, 2,5 kg" gives p, 10, 2.5, kg. Scripts without blanks give pairs of neighbouring letters.
    """
    found: dict[str, str] = {}
    for match in _PIECE.finditer(unicodedata.normalize("NFKC", text)):
        for written in _words_of(match[0]):
            found.setdefault(_folded(written), written)
    return found


@lru_cache(maxsize=1 << 15)
def _folded(written: str) -> str:
    return strip_diacritics(written.casefold()).replace(",", ".")


def _words_of(piece: str) -> Iterator[str]:
    if piece.isascii() or len(piece) < 3 or not is_unspaced(piece[0]):
        yield piece
    else:
        yield from (a + b for a, b in pairwise(piece))


@dataclass(frozen=True, slots=True)
class Shared:
    """The telling words of one query by which of its two documents have them, the most telling first."""

    missed: tuple[str, ...]  # the right document alone
    lured: tuple[str, ...]  # the wrong one alone
    both: tuple[str, ...]
    neither: tuple[str, ...]
    unknown: tuple[str, ...]  # words, telling or not, that no document has


class Vocabulary:
    """The words of some queries in all documents.

    A word weighs ``ln((1 + N) / (1 + df))``, the inverse document frequency (Sparck Jones 1972, smoothed).
    """

    def __init__(self, queries: Sequence[str], documents: Sequence[str], denials: Container[str] = frozenset()) -> None:
        self._written: dict[str, str] = {}
        for query in queries:
            for term, written in terms(query).items():
                self._written.setdefault(term, written)
        self._denials = denials
        self._n = len(documents)
        self._held = [frozenset(terms(text).keys() & self._written.keys()) for text in documents]
        self._df = Counter(term for held in self._held for term in held)
        self._names = _names(documents, self._written.keys())

    def knows_none(self, query: str) -> bool:
        """Whether no document has a word of a query."""
        return not any(self._df[term] for term in terms(query))

    def weight(self, term: str) -> float:
        """Inverse document frequency of a word."""
        return math.log((1 + self._n) / (1 + self._df[term]))

    def weights(self, chosen: Sequence[str]) -> float:
        """Sum over words."""
        return sum(map(self.weight, chosen))

    def lead(self, words: Shared) -> float:
        """Weight of what the right document alone has minus that of what the wrong one alone has; 0 up to rounding."""
        return round(self.weights(words.missed) - self.weights(words.lured), 9)

    def is_in_other_words(self, words: Shared) -> bool:
        """Whether the right document lacks most of the telling words, and the wrong one has no more of them."""
        if not words.missed and not words.both:
            return bool(words.lured or words.neither or words.unknown)
        return not self.lead(words) and self.weights(words.neither) > self.weights(words.both)

    def kind(self, term: str) -> WordKind:
        """What a word of the queries is."""
        if self._written[term].casefold() in self._denials:
            return WordKind.NEGATION
        if term[0].isdigit():
            return WordKind.NUMBER
        if term in self._names:
            return WordKind.NAME
        return WordKind.RARE if self._df[term] <= max(1, RARE * self._n) else WordKind.WORD

    def is_telling(self, term: str) -> bool:
        """Whether a word tells documents apart; one that no document has does not."""
        most = TELLING if self.kind(term) in {WordKind.RARE, WordKind.WORD} else _OFTEN
        return 0 < self._df[term] <= max(1.0, most * self._n)

    def held(self, document: int) -> frozenset[str]:
        """The words of the queries that a document has."""
        return self._held[document]

    def shared(self, query: str, right: Container[str], wrong: Container[str]) -> Shared:
        """The telling words of a query by which of two documents have them."""
        asked = terms(query)
        telling = sorted(filter(self.is_telling, asked), key=lambda term: (-self.weight(term), term))

        def where(*, ours: bool, theirs: bool) -> tuple[str, ...]:
            return tuple(term for term in telling if (term in right) is ours and (term in wrong) is theirs)

        return Shared(
            missed=where(ours=True, theirs=False),
            lured=where(ours=False, theirs=True),
            both=where(ours=True, theirs=True),
            neither=where(ours=False, theirs=False),
            unknown=tuple(term for term in asked if not self._df[term]),
        )

    def n_with(self, chosen: frozenset[str]) -> int:
        """How many documents have all of these words."""
        return sum(chosen <= held for held in self._held)


def quoted(chosen: Sequence[str], written: Mapping[str, str], joint: str = "and") -> str:
    """The first three words, as they are written: "'sftp', 'port' and 'key'"."""
    shown = [f"'{written.get(term, term)}'" for term in chosen[:MOST_QUOTED]]
    return f" {joint} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _names(documents: Sequence[str], wanted: Container[str]) -> frozenset[str]:
    """Words that documents begin with a capital wherever no sentence does."""
    capital: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    for text in documents:
        for match in _PIECE.finditer(text):
            piece = match[0]
            if piece[0].isdigit() or piece[0].lower() == piece[0].upper() or (term := _folded(piece)) not in wanted:
                continue
            start = match.start()
            if not start or _ENDS_SENTENCE & set(text[max(0, start - 2) : start]):
                continue
            inside[term] += 1
            capital[term] += piece[0].isupper()
    return frozenset(term for term, n in capital.items() if n >= _AS_NAME * inside[term])
