"""Character n-grams inside word boundaries: which a text holds, and how telling each of them is.

The n-grams are those of scikit-learn's ``char_wb``, and the weights those of its ``TfidfVectorizer``; both are tested
equal. Every distinct word is cut up once and not at each place where it stands, so that a collection is counted in a
third of the time, and nothing has to be loaded for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
from scipy import sparse

from embedscope.protocols import Float32Array, Float64Array, IntArray

Grams = dict[str, int]
"""Columns of n-grams."""


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

    @classmethod
    def of(cls, texts: Iterable[str]) -> SplitTexts:
        """``texts`` cut."""
        words = _Numbered()
        places, ends = array("i"), array("q", [0])  # numbers and not lists of them: of a million texts a tenth
        for text in texts:
            places.extend(map(words.__getitem__, text.split()))
            ends.append(len(places))
        return cls(list(words), _of_ends(np.asarray(places, dtype=np.int32), np.array(ends), len(words)))

    @property
    def alone(self) -> SplitTexts:
        """Each of the words as a text of its own."""
        return SplitTexts(self.words, sparse.eye_array(len(self.words), dtype=np.float32, format="csr"))

    def __len__(self) -> int:
        return int(self.places.shape[0])


class GramWeights:
    """TF-IDF rows over character n-grams, the inverse document frequencies those of some documents.

    ``w(t, d) = (1 + ln tf(t, d)) * (1 + ln((1 + N) / (1 + df(t))))``, rows of unit length (Salton & Buckley 1988, term
    frequency sublinear, document frequency smoothed). N-grams that no document holds count nothing; a text without any
    known n-gram has a row of zeros.

    Parameters
    ----------
    lengths : (int, int)
        Shortest and longest n-gram, both included.
    prepare : callable, optional
        What is done to every word first; lower case by default.
    """

    def __init__(
        self, documents: SplitTexts, lengths: tuple[int, int], prepare: Callable[[str], str] = str.lower
    ) -> None:
        self._lengths = lengths
        self._prepare = prepare
        self._grams: Grams = {}
        counts = gram_counts(documents, lengths, self._grams, prepare)
        n_with = np.bincount(counts.indices, minlength=len(self._grams))  # (terms,)
        self._rarity = rarity(n_with, len(documents))
        self.documents = unit_rows(counts, self._rarity)
        """Rows of the documents, shape (N, terms), float32."""

    def rows(self, texts: SplitTexts) -> sparse.csr_array:
        """Rows of ``texts``, shape (Q, terms), float32."""
        counts = gram_counts(texts, self._lengths, self._grams, self._prepare, is_closed=True)
        return unit_rows(counts, self._rarity)


def rarity(n_with: IntArray, n_documents: int) -> Float64Array:
    """``1 + ln((1 + N) / (1 + df(t)))`` of each term, from the number of documents that hold it."""
    return np.asarray(1.0 + np.log((1 + n_documents) / (1 + n_with)))


def unit_rows(counts: sparse.csr_array, rare: Float64Array) -> sparse.csr_array:
    """Rows of counts weighed by the rarity of each term and brought to unit length, float32."""
    weights: Float64Array = (1.0 + np.log(counts.data)) * rare[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    squared = np.bincount(row, weights=weights**2, minlength=counts.shape[0])
    weights /= np.sqrt(squared)[row]
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
    pieces = cut(texts.words)
    if is_closed:
        columns = [[column for term in found if (column := terms.get(term)) is not None] for found in pieces]
    else:
        columns = [[terms.setdefault(term, len(terms)) for term in found] for found in pieces]
    by_term = _rows(columns, len(terms)).T.tocsr() @ texts.places.T.tocsr()
    return sparse.csr_array(by_term.T.tocsr())  # turning sorts the columns of each row, quicker than sort_indices


def _cut(word: str, lengths: tuple[int, int]) -> list[str]:
    """The n-grams of a word with its blanks; a word shorter than the shortest is one n-gram, whole."""
    padded = f" {word} "
    low, high = lengths
    longest = min(high, max(low, len(padded)))
    return [padded[start : start + n] for n in range(low, longest + 1) for start in range(max(1, len(padded) - n + 1))]


def _rows(columns: Sequence[Sequence[int]], n_columns: int) -> sparse.csr_array:
    """A row for each list of columns, with how often each column stands in it."""
    ends = np.concatenate([[0], np.cumsum([len(row) for row in columns], dtype=np.int64)])
    return _of_ends(np.fromiter(chain.from_iterable(columns), dtype=np.int32, count=int(ends[-1])), ends, n_columns)


def _of_ends(indices: npt.NDArray[np.int32], ends: IntArray, n_columns: int) -> sparse.csr_array:
    """A row between each two ends, with how often each column stands in it."""
    kind = np.int32 if max(int(ends[-1]), n_columns) < 2**31 else np.int64
    ones: Float32Array = np.ones(len(indices), dtype=np.float32)
    entries = indices.astype(kind, copy=False)
    return sparse.csr_array((ones, entries, ends.astype(kind)), shape=(len(ends) - 1, n_columns))
