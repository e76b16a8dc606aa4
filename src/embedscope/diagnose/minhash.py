"""Texts of many that may be alike: MinHash with banding, computed by columns over words, and the exact similarity.

Broder, "On the resemblance and containment of documents" (1997): the least hash of two sets is the same with a
probability of their Jaccard similarity. Indyk & Motwani (1998): texts that agree in all hashes of one of several bands
are compared. The n-grams of a text are those of its words, so that its least hash is the least of those of its words:
each distinct word is hashed once, and a band of all texts is two reductions over arrays.

Of a band at most :data:`MOST_PARTNERS` texts are compared with each text, so that the work grows as the number of texts
whatever they say; what is found is exact, and only missed by chance.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from embedscope.measure.ngrams import Grams, SplitTexts, gram_counts
from embedscope.metrics.threads import in_threads
from embedscope.protocols import BoolArray, Float64Array, IntArray

MOST_PARTNERS = 100
"""Near duplicates of one text that are looked at."""

BANDS, ROWS = 14, 11
"""Two texts of Jaccard similarity s are compared with probability ``1 - (1 - s^11)^14``: 0.995 at 0.9, 0.24 at 0.7."""

LENGTH = 3
_BANDS = 2  # computed at once: each takes some 30 bytes a text, and 8 a pair
_TEXTS = 1 << 14  # hashed at once: their words stay in the processor's cache
_PAIRS = 1 << 13  # compared at once: a few tens of megabytes of n-grams
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = 0x9E3779B97F4A7C15

Keys: TypeAlias = npt.NDArray[np.uint64]


class GramSets:
    """The sets of character 3-grams of many texts, held by their words: a text of 100 letters takes 60 bytes.

    Parameters
    ----------
    texts : iterable of str
        Each with at least one character that is not a blank; iterated once.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        split = SplitTexts.of(texts)
        self._places, self._ends = split.places.indices, split.places.indptr.astype(np.int64)
        grams: Grams = {}
        self._grams = gram_counts(split.alone, (LENGTH, LENGTH), grams)  # (words, grams)
        self._grams.data[:] = 1.0
        self._hashes = np.array([zlib.crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams], dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def band(self, number: int) -> Keys:
        """The key of each text in a band, shape (n,); the same for texts with the same sets."""
        keys = np.zeros(len(self), dtype=np.uint64)
        for row in range(ROWS):
            hashes = _mixed(self._hashes + np.uint64((1 + number * ROWS + row) * _STEP % (1 << 64)))
            of_words = np.minimum.reduceat(hashes[self._grams.indices], self._grams.indptr[:-1])
            for start in range(0, len(self), _TEXTS):
                ends = self._ends[start : start + _TEXTS + 1]
                own = of_words[self._places[ends[0] : ends[-1]]]
                keys[start : start + _TEXTS] ^= np.minimum.reduceat(own, ends[:-1] - ends[0])
            keys = _mixed(keys)  # in order: two rows that change places make another key
        return keys

    def jaccard(self, first: IntArray, second: IntArray) -> Float64Array:
        """``|A & B| / |A | B|`` of the sets of pairs of texts, shape (P,)."""
        parts = [np.zeros(0)]
        for start in range(0, len(first), _PAIRS):
            ours, theirs = first[start : start + _PAIRS], second[start : start + _PAIRS]
            texts, places = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
            sets = self._sets(texts)
            sizes = np.diff(sets.indptr)
            shared = np.asarray(sets[places[: len(ours)]].multiply(sets[places[len(ours) :]]).sum(axis=1)).ravel()
            union = sizes[places[: len(ours)]] + sizes[places[len(ours) :]] - shared
            parts.append(shared / union)
        return np.concatenate(parts)

    def _sets(self, texts: IntArray) -> sparse.csr_array:
        """Which n-grams the chosen texts hold: 1 where one does, shape (len(texts), grams)."""
        counts = self._ends[texts + 1] - self._ends[texts]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        entries = np.repeat(self._ends[texts] - indptr[:-1], counts) + np.arange(indptr[-1])
        ones = np.ones(len(entries), dtype=np.float32)
        shape = (len(texts), self._grams.shape[0])
        sets = sparse.csr_array(sparse.csr_array((ones, self._places[entries], indptr), shape=shape) @ self._grams)
        sets.data[:] = 1.0
        return sets


def pairs_within(sets: GramSets, threshold: float) -> IntArray:
    """Pairs of texts (i < j) that are compared and reach the threshold, sorted, shape (P, 2).

    Of each j the first :data:`MOST_PARTNERS` stand here; once as many are found, no more are looked for.
    """
    n, seen, near = len(sets), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    is_open = np.ones(n, dtype=np.bool_)

    def proposed(band: int) -> IntArray:
        return _in_buckets(sets.band(band), is_open)

    for start in range(0, BANDS, _BANDS):
        for codes in in_threads(proposed, range(start, min(start + _BANDS, BANDS))):
            # A text may have been closed since they were proposed: left out, whatever the number of threads.
            codes = codes[is_open[codes // n]]
            places = np.searchsorted(seen, codes)
            codes = codes[seen.take(places, mode="clip") != codes] if len(seen) else codes
            del places
            seen = np.concatenate([seen, codes])
            seen.sort(kind="stable")  # merges what is sorted
            second, first = np.divmod(codes, n)
            near = np.concatenate([near, codes[sets.jaccard(first, second) >= threshold]])
            is_open = np.bincount(near // n, minlength=n) < MOST_PARTNERS  # else: texts all alike, enough of them
    second, first = np.divmod(np.sort(near), n)
    kept = np.arange(len(second)) - np.searchsorted(second, second) < MOST_PARTNERS
    pairs = np.column_stack([first[kept], second[kept]])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _in_buckets(keys: Keys, is_open: BoolArray) -> IntArray:
    """Pairs of an open text j and another i < j with its key as ``j * n + i``, ascending."""
    order, n = np.argsort(keys, kind="stable"), len(keys)
    ranked, found = keys[order], [np.zeros(0, dtype=np.int64)]
    later = np.flatnonzero(is_open[order])
    for lag in range(1, MOST_PARTNERS + 1):  # a text and those before it in its bucket, the nearest first
        later = later[later >= lag]
        later = later[ranked[later] == ranked[later - lag]]
        if not len(later):
            break
        found.append(order[later] * n + order[later - lag])
    codes = np.concatenate(found)
    codes.sort()
    return codes


def nearest_across(sets: GramSets, n_first: int, threshold: float) -> tuple[IntArray, IntArray]:
    """Of the first ``n_first`` texts those with a text of the others that reaches the threshold, and the most alike.

    Of several the first; places count from the first text of all. Both of shape (P,), the former ascending.
    """
    n, codes = len(sets), np.zeros(0, dtype=np.int64)
    for keys in map(sets.band, range(BANDS)):
        order = np.argsort(keys[n_first:], kind="stable")
        ranked, found = keys[n_first:][order], [codes]
        start, end = (np.searchsorted(ranked, keys[:n_first], side=side) for side in ("left", "right"))
        ours = np.flatnonzero(start < end)
        for lag in range(MOST_PARTNERS):
            ours = ours[start[ours] + lag < end[ours]]
            if not len(ours):
                break
            found.append(ours * n + order[start[ours] + lag] + n_first)
        codes = _distinct(np.concatenate(found))
    first, second = np.divmod(codes, n)
    alike = sets.jaccard(first, second)
    order = np.lexsort((second, -alike, first))
    order = order[alike[order] >= threshold]
    best = order[np.unique(first[order], return_index=True)[1]]
    return first[best], second[best]


def _distinct(codes: IntArray) -> IntArray:
    """The different ones of some numbers of 0 or more, ascending.

    ``np.unique`` may hash them, and codes of pairs fall together there: a hundred thousand take seconds.
    """
    codes = np.sort(codes)
    return codes[np.diff(codes, prepend=-1) > 0]


def _mixed(values: Keys) -> Keys:
    """A bijection of 64 bits that spreads what is near (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return np.asarray(values ^ (values >> np.uint64(31)))
