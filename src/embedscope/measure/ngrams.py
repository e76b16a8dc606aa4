"""Character n-grams inside word boundaries: which a text holds, and how telling each of them is.

The n-grams are those of scikit-learn's ``char_wb``, and the weights those of its ``TfidfVectorizer``; both are tested
equal. Every distinct word is cut up once and not at each place where it stands, so that a collection is counted in a
third of the time, and nothing has to be loaded for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from embedscope.protocols import Float32Array, Float64Array, IntArray

Grams = dict[str, int]
"""Columns of n-grams."""

_ENTRIES = 1 << 20
"""N-grams that are weighed at a time, 50 MB with all that they are made from."""

_KEPT = 1 << 22
"""N-grams of all documents up to which their rows are kept, 32 MB."""


class _Numbered(dict[str, int]):
    """Words with their numbers, in the order in which they are first asked for."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


@dataclass(frozen=True, slots=True, eq=False)
class SplitTexts:
    """Texts cut at blanks, once for all the kinds of n-grams that are counted of them."""

    words: Sequence[str]  # distinct
    places: sparse.csr_array  # (n, words) how often each stands in each text
    _weighed: list[GramWeights] = field(default_factory=list)

    @classmethod
    def of(cls, texts: Iterable[str]) -> SplitTexts:
        """``texts`` cut."""
        words = _Numbered()
        places, ends = array("i"), array("q", [0])  # numbers and not lists of them: of a million texts a tenth
        for text in texts:
            places.extend(map(words.__getitem__, text.split()))
            ends.append(len(places))
        return cls(list(words), _of_ends(places, ends, len(words)))

    @property
    def alone(self) -> SplitTexts:
        """Each of the words as a text of its own."""
        return SplitTexts(self.words, sparse.eye_array(len(self.words), dtype=np.float32, format="csr"))

    def __len__(self) -> int:
        return int(self.places.shape[0])

    def weights(self, lengths: tuple[int, int], prepare: Callable[[str], str] = str.lower) -> GramWeights:
        """The `GramWeights` of these texts, counted once for all that prepare the words to the same."""
        for known in self._weighed:
            if known.fits(lengths, prepare):
                return known.prepared_by(prepare)
        self._weighed.append(GramWeights.of(self, lengths, prepare))
        return self._weighed[-1]


@dataclass(frozen=True, slots=True, eq=False)
class GramWeights:
    """TF-IDF rows over character n-grams, the inverse document frequencies those of some documents.

    ``w(t, d) = (1 + ln tf(t, d)) * (1 + ln((1 + N) / (1 + df(t))))``, rows of unit length (Salton & Buckley 1988, term
    frequency sublinear, document frequency smoothed). N-grams that no document holds count nothing; a text without any
    known n-gram has a row of zeros.

    Held are the n-grams of the distinct words; the rows of many documents would take gigabytes (`DocumentRows`).
    """

    _words: Sequence[str]  # of the documents
    _lengths: tuple[int, int]
    _prepare: Callable[[str], str]
    _grams: Grams
    _rarity: Float64Array  # (terms,)
    documents: DocumentRows
    """Rows of the documents, shape (N, terms)."""

    @classmethod
    def of(cls, documents: SplitTexts, lengths: tuple[int, int], prepare: Callable[[str], str]) -> GramWeights:
        """Those of ``documents``: a first pass over them counts, and their rows are weighed where they are asked for.

        Parameters
        ----------
        lengths : (int, int)
            Shortest and longest n-gram, both included.
        prepare : callable
            What is done to every word first.
        """
        grams: Grams = {}
        words = gram_counts(documents.alone, lengths, grams, prepare)
        places, by_term = documents.places, words.T.tocsr()
        ends = np.concatenate([[0.0], np.cumsum(places @ np.diff(words.indptr).astype(np.float64))])
        n_with, kept = np.zeros(len(grams), dtype=np.int64), []
        for start, end in _blocks(ends, _ENTRIES):
            counts = _turned(by_term, places[start:end])
            n_with += np.diff(counts.indptr)
            if ends[-1] <= _KEPT:
                kept.append(counts.T.tocsr())
        rare = rarity(n_with, len(documents))
        whole = sparse.vstack([unit_rows(counts, rare) for counts in kept], format="csr") if kept else None
        return cls(documents.words, lengths, prepare, grams, rare, DocumentRows(places, by_term, ends, rare, whole))

    def fits(self, lengths: tuple[int, int], prepare: Callable[[str], str]) -> bool:
        """Whether n-grams of these lengths of the documents so prepared are the same."""
        same = (prepare(word) == self._prepare(word) for word in self._words)
        return lengths == self._lengths and all(same)

    def prepared_by(self, prepare: Callable[[str], str]) -> GramWeights:
        """The same for texts that are prepared in another way, which changes no word of the documents."""
        return replace(self, _prepare=prepare)

    def rows(self, texts: SplitTexts) -> sparse.csr_array:
        """Rows of ``texts``, shape (Q, terms), float32."""
        counts = gram_counts(texts, self._lengths, self._grams, self._prepare, is_closed=True)
        return unit_rows(counts, self._rarity)


@dataclass(frozen=True, slots=True, eq=False)
class DocumentRows:
    """Rows of documents as `GramWeights` has them, those of many weighed each time that they are asked for.

    A row is the same to the last bit in any choice, and has its terms in ascending order.
    """

    _places: sparse.csr_array  # (N, words)
    _by_term: sparse.csr_array  # (terms, words)
    _ends: Float64Array  # (N + 1,) n-grams before each document and after the last, those of each word for itself
    _rarity: Float64Array  # (terms,)
    _kept: sparse.csr_array | None  # (N, terms) where they are few

    @property
    def shape(self) -> tuple[int, int]:
        """Documents and terms."""
        return int(self._places.shape[0]), len(self._rarity)

    def __getitem__(self, chosen: IntArray | slice) -> sparse.csr_array:
        """The rows of some documents, shape (n, terms), float32."""
        if self._kept is not None:
            return self._kept[chosen]
        return unit_rows(_turned(self._by_term, self._places[chosen]).T.tocsr(), self._rarity)

    def blocks(self, n_entries: int | None = None) -> Iterator[tuple[int, sparse.csr_array]]:
        """Blocks (first document, rows), none of more than ``n_entries`` n-grams but a document that has them alone.

        By default a block is small, or all where all are kept.
        """
        n_entries = n_entries or (_ENTRIES if self._kept is None else _KEPT)
        for start, end in _blocks(self._ends, n_entries):
            yield start, self[start:end]


def _blocks(ends: Float64Array, n_entries: int) -> Iterator[tuple[int, int]]:
    """First and end of runs of texts with at most so many n-grams."""
    start = 0
    while start < len(ends) - 1:
        end = max(start + 1, int(np.searchsorted(ends, ends[start] + n_entries, side="right")) - 1)
        yield start, end
        start = end


def rarity(n_with: IntArray, n_documents: int) -> Float64Array:
    """``1 + ln((1 + N) / (1 + df(t)))`` of each term, from the number of documents that hold it."""
    return np.asarray(1.0 + np.log((1 + n_documents) / (1 + n_with)))


def unit_rows(counts: sparse.csr_array, rare: Float64Array) -> sparse.csr_array:
    """Rows of counts weighed by the rarity of each term and brought to unit length, float32."""
    weights: Float64Array = rare[counts.indices]
    weights *= 1.0 + np.log(counts.data)
    squares = sparse.csr_array((weights**2, counts.indices, counts.indptr), shape=counts.shape)
    weights /= np.repeat(np.sqrt(squares @ np.ones(counts.shape[1])), np.diff(counts.indptr))
    return sparse.csr_array((weights.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def gram_sets(texts: Sequence[str], length: int) -> sparse.csr_array:
    """Which n-grams of one length each text holds: 1 where it does, shape (n, terms), float32.

    Words have a blank at both ends, so that one shorter than an n-gram has n-grams of its own. Columns stand in the
    order of the n-grams, whatever the order of the texts.
    """
    grams: Grams = {}
    counts = gram_counts(SplitTexts.of(texts), (length, length), grams)
    place = {gram: column for column, gram in enumerate(sorted(grams))}
    moved = np.array([place[gram] for gram in grams], dtype=counts.indices.dtype)
    sets = sparse.csr_array((np.ones_like(counts.data), moved[counts.indices], counts.indptr), shape=counts.shape)
    sets.sort_indices()
    return sets


def gram_counts(
    texts: SplitTexts,
    lengths: tuple[int, int],
    grams: Grams,
    prepare: Callable[[str], str] = str,
    *,
    is_closed: bool = False,
) -> sparse.csr_array:
    """How often each text, its words prepared, holds each n-gram, shape (n, terms), float32.

    ``grams`` takes a new column for each n-gram that it does not know; with ``is_closed`` such n-grams are passed over.
    """

    def cut(words: Sequence[str]) -> Iterator[list[str]]:  # preparing may leave nothing of a word, or blanks in it
        return ([gram for piece in prepare(word).split() for gram in _cut(piece, lengths)] for word in words)

    return term_counts(texts, cut, grams, is_closed=is_closed)


def term_counts(
    texts: SplitTexts,
    cut: Callable[[Sequence[str]], Iterable[Sequence[str]]],
    terms: Grams,
    *,
    is_closed: bool = False,
) -> sparse.csr_array:
    """How often each text holds each term, shape (n, terms), float32; ``cut`` gives the terms of each of some words.

    ``terms`` takes a new column for each term that it does not know; with ``is_closed`` such terms are passed over.
    """
    columns, ends, numbers = array("i"), array("q", [0]), _Numbered(terms)  # numbers and not lists of them, as above
    for found in cut(texts.words):
        columns.extend(map(numbers.__getitem__, filter(terms.__contains__, found) if is_closed else found))
        ends.append(len(columns))
    terms.update(numbers)
    by_term = _turned(_of_ends(columns, ends, len(terms)).T.tocsr(), texts.places)
    return sparse.csr_array(by_term.T.tocsr())


def _cut(word: str, lengths: tuple[int, int]) -> list[str]:
    """The n-grams of a word with its blanks; a word shorter than the shortest is one n-gram, whole."""
    padded = f" {word} "
    low, high = lengths
    longest = min(high, max(low, len(padded)))
    return [padded[start : start + n] for n in range(low, longest + 1) for start in range(max(1, len(padded) - n + 1))]


def _turned(by_term: sparse.csr_array, places: sparse.csr_array) -> sparse.csr_array:
    """How often each term of words, shape (terms, words), stands in each text, shape (terms, n).

    Turning it sorts the columns of each row, which is quicker than `sort_indices`.
    """
    return sparse.csr_array(by_term @ places.T.tocsr())


def _of_ends(columns: array[int], ends: array[int], n_columns: int) -> sparse.csr_array:
    """A row between each two ends, with how often each column stands in it."""
    kind = np.int32 if max(ends[-1], n_columns) < 2**31 else np.int64
    ones: Float32Array = np.ones(len(columns), dtype=np.float32)
    entries = np.array(columns, dtype=kind)
    return sparse.csr_array((ones, entries, np.array(ends, dtype=kind)), shape=(len(ends) - 1, n_columns))
