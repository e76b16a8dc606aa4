"""Which words of a query its right and its winning document have, and how much each word tells.

What a word tells is read from the collection alone: how few documents have it, and whether they write it as a name.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from scipy import sparse

from embedscope.data.text_arrays import CodePoints, Pieces, blocks, letters_and_numbers
from embedscope.data.text_features import is_unspaced, strip_diacritics
from embedscope.protocols import BoolArray, IntArray

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
        self._asked = {query: terms(query) for query in queries}
        self._written: dict[str, str] = {}
        for term, written in chain.from_iterable(asked.items() for asked in self._asked.values()):
            self._written.setdefault(term, written)
        self._denials = denials
        self._n = len(documents)
        found = _Found(list(self._written))
        for first, texts in blocks(documents):
            found.read(first, texts)
        self._held, self._names = found.held(len(documents)), found.names()
        self._words, self._place = found.terms, {word: column for column, word in enumerate(found.terms)}
        self._documents = self._held.tocsc()
        n_documents = np.diff(self._documents.indptr).tolist()
        self._df: dict[str, int] = dict(zip(self._words, n_documents, strict=True))
        self._telling: dict[str, bool] = {}
        self._n_with: dict[frozenset[str], int] = {}

    def written(self, query: str) -> Mapping[str, str]:
        """The words of one of the queries, each as the query writes it."""
        return self._asked[query]

    def knows_none(self, query: str) -> bool:
        """Whether no document has a word of a query."""
        return not any(self._df[term] for term in self._asked[query])

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
        if term not in self._telling:
            most = TELLING if self.kind(term) in {WordKind.RARE, WordKind.WORD} else _OFTEN
            self._telling[term] = 0 < self._df[term] <= max(1.0, most * self._n)
        return self._telling[term]

    def held(self, document: int) -> frozenset[str]:
        """The words of the queries that a document has."""
        first, end = self._held.indptr[document : document + 2].tolist()
        return frozenset(map(self._words.__getitem__, self._held.indices[first:end].tolist()))

    def shared(self, query: str, right: Container[str], wrong: Container[str]) -> Shared:
        """The telling words of a query by which of two documents have them."""
        asked = self._asked[query]
        by_place: dict[tuple[bool, bool], list[str]] = {}
        for term in sorted(filter(self.is_telling, asked), key=lambda term: (-self.weight(term), term)):
            by_place.setdefault((term in right, term in wrong), []).append(term)
        return Shared(
            missed=tuple(by_place.get((True, False), ())),
            lured=tuple(by_place.get((False, True), ())),
            both=tuple(by_place.get((True, True), ())),
            neither=tuple(by_place.get((False, False), ())),
            unknown=tuple(term for term in asked if not self._df[term]),
        )

    def n_with(self, chosen: frozenset[str]) -> int:
        """How many documents have all of these words."""
        if chosen not in self._n_with:
            rarest, *others = sorted(map(self._documents_with, chosen), key=len) or [np.arange(self._n)]
            for documents in others:
                rarest = rarest[np.isin(rarest, documents, assume_unique=True)]
            self._n_with[chosen] = len(rarest)
        return self._n_with[chosen]

    def _documents_with(self, term: str) -> IntArray:
        column = self._place[term]
        return np.asarray(self._documents.indices[slice(*self._documents.indptr[column : column + 2])])


def quoted(chosen: Sequence[str], written: Mapping[str, str], joint: str = "and") -> str:
    """The first three words, as they are written: "'sftp', 'port' and 'key'"."""
    shown = [f"'{written.get(term, term)}'" for term in chosen[:MOST_QUOTED]]
    return f" {joint} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


class _Found:
    """Which of some terms stand in texts that are read one block after another, and how they begin there."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.terms = list(wanted)
        self._place = {term: column for column, term in enumerate(wanted)}
        self._indices: list[IntArray] = [np.zeros(0, dtype=np.int32)]
        self._counts: list[IntArray] = [np.zeros(0, dtype=np.int64)]
        self._inside, self._capital = np.zeros((2, len(wanted)), dtype=np.int64)

    def read(self, first: int, texts: Sequence[str]) -> None:
        """Take in the texts that follow ``first`` others."""
        compatible = [unicodedata.normalize("NFKC", text) for text in texts]
        pieces = letters_and_numbers(CodePoints.of(compatible))
        written, number = _numbered(pieces)
        columns = [[self._place[t] for w in _words_of(p) if (t := _folded(w)) in self._place] for p in written]
        counts = np.array([len(own) for own in columns], dtype=np.int64)[number]
        flat = np.fromiter(chain.from_iterable(columns), np.int64)
        starts = (np.cumsum([0, *map(len, columns)])[:-1])[number]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        width = max(len(self.terms), 1)
        pairs = np.sort(np.repeat(pieces.texts, counts) * width + flat[np.repeat(starts, counts) + within])
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)]]
        self._indices.append((pairs % width).astype(np.int32))
        self._counts.append(np.bincount(pairs // width, minlength=len(texts)))
        is_same = np.array([ours == theirs for ours, theirs in zip(texts, compatible, strict=True)], dtype=bool)
        self._count_capitals(pieces, written, number, is_same[pieces.texts])
        if not is_same.all():  # capitals are those of the texts as they are
            others = letters_and_numbers(CodePoints.of([texts[row] for row in np.flatnonzero(~is_same).tolist()]))
            self._count_capitals(others, *_numbered(others), np.ones(len(others.starts), dtype=bool))

    def _count_capitals(self, pieces: Pieces, written: Sequence[str], number: IntArray, counts: BoolArray) -> None:
        """Count the words that stand inside a sentence, of pieces that count, and those with a capital."""
        is_cased = (piece[0].lower() != piece[0].upper() and not piece[0].isdigit() for piece in written)
        columns = [
            self._place.get(_folded(piece), -1) if cased else -1 for piece, cased in zip(written, is_cased, strict=True)
        ]
        column = np.array(columns, dtype=np.int64)[number]
        shown = np.flatnonzero(counts & (column >= 0))
        starts = pieces.starts[shown]
        place, ends = starts - pieces.points.starts[pieces.texts[shown]], list(map(ord, _ENDS_SENTENCE))
        before = [np.isin(pieces.points.codes[starts - back], ends) & (place >= back) for back in (1, 2)]
        shown = shown[(place > 0) & ~before[0] & ~before[1]]
        is_capital = np.array([piece[0].isupper() for piece in written], dtype=bool)[number[shown]]
        self._inside += np.bincount(column[shown], minlength=len(self.terms))
        self._capital += np.bincount(column[shown[is_capital]], minlength=len(self.terms))

    def held(self, n: int) -> sparse.csr_array:
        """Which of the ``n`` texts hold which terms, (n, terms)."""
        indices, indptr = np.concatenate(self._indices), np.cumsum(np.concatenate([[0], *self._counts]))
        ones = np.ones(len(indices), dtype=np.int8)
        return sparse.csr_array((ones, indices, indptr.astype(np.int64)), shape=(n, len(self.terms)))

    def names(self) -> frozenset[str]:
        """Words that the texts begin with a capital wherever no sentence does."""
        is_name = (self._inside > 0) & (self._capital >= _AS_NAME * self._inside)
        return frozenset(self.terms[column] for column in np.flatnonzero(is_name).tolist())


def _numbered(pieces: Pieces) -> tuple[list[str], IntArray]:
    """The distinct pieces, and which of them each is."""
    strings = pieces.strings()
    place = {piece: number for number, piece in enumerate(dict.fromkeys(strings))}
    return list(place), np.fromiter(map(place.__getitem__, strings), np.int64, len(strings))
