"""Texts that are nearly the same: pairs whose character 3-gram sets have a Jaccard similarity of at least 0.9.

Few texts are compared exhaustively. Of many, MinHash (:mod:`~embedscope.diagnose.minhash`) proposes candidates and the
exact Jaccard similarity decides, so that a pair is never reported by chance, only missed by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from embedscope.data.text_features import has_diacritics, strip_diacritics, words
from embedscope.diagnose.leakage import EXHAUSTIVE, NEAR_JACCARD, jaccard_blocks, normalised
from embedscope.diagnose.minhash import MOST_PARTNERS, GramSets, pairs_within
from embedscope.measure.ngrams import gram_sets

_PAIRS = 1 << 15  # made Python objects at once
SAME_WORDS = 0.97
_LETTERS_OR_DIGITS = re.compile(r"[^\W\d_]+|\d+")
_NUMBER = re.compile(r"\d+")
_MARKS = re.compile(r"(?<!\d)[^\w\s+#%&@$€£₫°=<>~^|]+|[^\w\s+#%&@$€£₫°=<>~^|]+(?!\d)|_+")


def near_duplicates(
    texts: Sequence[str], *, threshold: float = NEAR_JACCARD, exhaustive: int = EXHAUSTIVE
) -> Iterator[tuple[int, int]]:
    """Places of two texts that nearly agree, in order; case, diacritics and punctuation do not count.

    Of each text at most :data:`MOST_PARTNERS` are named: a thousand texts that are all alike make half a million pairs,
    which say no more.

    Parameters
    ----------
    texts : sequence of str
    threshold : float
        Jaccard similarity of the sets of character 3-grams, ``|A & B| / |A | B|``, in (0, 1]; the search among many
        texts is made for 0.9 and more.
    exhaustive : int
        More texts than this are searched with MinHash.
    """
    if len(texts) < 2:
        return
    forms = (normalised(text).strip() or "\N{REPLACEMENT CHARACTER}" for text in texts)
    if len(texts) <= exhaustive:
        yield from sorted(_all_pairs(gram_sets(list(forms), 3), threshold))
        return
    pairs = pairs_within(GramSets(forms), threshold)
    for start in range(0, len(pairs), _PAIRS):
        yield from map(tuple, pairs[start : start + _PAIRS].tolist())


def folded(text: str) -> str:
    """``text`` without case, punctuation, repeated white space and compatible forms; diacritics stay.

    Marks between two digits stay ("4-5" is not "4.5"), and so do symbols ("C++", "C#"). A text without anything else is
    kept as it is.
    """
    return " ".join(filter(None, map(_folded, text.split()))) or text


@lru_cache(maxsize=1 << 15)  # the words of a collection come again and again; a mark between digits stands in one
def _folded(word: str) -> str:
    compatible = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    return " ".join(_MARKS.sub(" ", compatible).split())


def say_the_same(first: str, second: str, denials: Container[str] = frozenset()) -> bool:
    """Whether two near duplicates differ in nothing that counts: no number, no denial, hardly a word.

    The Jaccard similarity of the multisets of their words (without case and diacritics) must reach
    :data:`SAME_WORDS`: in a description of twenty words one feature more is already another thing. ``denials`` are the
    words by which one of them denies what the other says (``AttributeReader.denials``).
    """
    ours, theirs = _word_counts(first), _word_counts(second)
    sizes = sorted((ours.total(), theirs.total()))
    if sizes[0] < SAME_WORDS * sizes[1]:  # quick: the similarity is at most the ratio of the sizes
        return False
    return (ours & theirs).total() >= SAME_WORDS * (ours | theirs).total() and not tells_apart(first, second, denials)


def ask_the_same(first: str, second: str, denials: Container[str] = frozenset()) -> bool:
    """Whether two queries say the same (:func:`say_the_same`); where both carry diacritics, in these too."""
    if not say_the_same(first, second, denials):
        return False
    both = has_diacritics(first) and has_diacritics(second)
    return not both or Counter(words(first)) == Counter(words(second))


def differ_by_slips(first: str, second: str, denials: Container[str] = frozenset()) -> bool:
    """Whether two texts are the same but for slips: their words pair up, each pair at most one letter apart.

    A slip is a letter more, less, other or swapped with its neighbour, in words of at least four letters; numbers and
    denials must agree.
    """
    if tells_apart(first, second, denials):
        return False
    ours, theirs = _word_counts(first), _word_counts(second)
    left, right = sorted((ours - theirs).elements()), sorted((theirs - ours).elements())
    return len(left) == len(right) and all(map(_is_one_slip, left, right))


def _is_one_slip(first: str, second: str) -> bool:
    short, long = sorted((first, second), key=len)
    if len(short) < 4 or len(long) - len(short) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    is_swapped = short[start : start + 2] == long[start : start + 2][::-1]
    return short[start + 1 :] == long[start + 1 :] or (is_swapped and short[start + 2 :] == long[start + 2 :])


@lru_cache(maxsize=1 << 15)
def _word_counts(text: str) -> Counter[str]:
    return Counter(split_words(text))


def split_words(text: str) -> list[str]:
    """Words without case and diacritics, letters and digits apart: "P11" is the "P.11" of another text."""
    return _LETTERS_OR_DIGITS.findall(strip_diacritics(" ".join(words(text))))


def tells_apart(first: str, second: str, denials: Container[str] = frozenset()) -> bool:
    """Whether two texts differ in a number or a denial: small in letters, everything in meaning."""
    return Counter(_NUMBER.findall(first)) != Counter(_NUMBER.findall(second)) or (
        n_denials(first, denials) != n_denials(second, denials)
    )


def n_denials(text: str, denials: Container[str]) -> int:
    """How many words of ``text`` are denials."""
    return sum(word in denials for word in words(text)) if denials else 0


def _all_pairs(grams: Any, threshold: float) -> Iterator[tuple[int, int]]:
    for start, jaccard in jaccard_blocks(grams, grams):
        is_near = np.triu(jaccard >= threshold, k=start + 1)  # columns after the row's own place
        is_near &= np.cumsum(is_near, axis=1) <= MOST_PARTNERS
        for row, column in np.argwhere(is_near):
            yield int(start + row), int(column)
