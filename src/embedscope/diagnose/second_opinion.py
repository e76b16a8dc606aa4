"""Scores that do not come from the model under test: character n-grams, or the base model.

A model cannot accuse its own test set: where it scores a negative above the positive, that is its error until a
second opinion says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

import numpy as np
from scipy.sparse import issparse

from embedscope.data.text_features import strip_diacritics, words
from embedscope.diagnose.near_duplicates import n_denials
from embedscope.measure.lexical import NGRAMS, gram_products
from embedscope.measure.ngrams import SplitTexts
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, Float32Array, Float64Array, IntArray

LEXICAL = "character n-grams"
_BLOCK = 256
_CELLS = 1 << 26  # scores of a block: of more documents fewer queries
AS_CLOSE = 0.02
"""How far a number may miss an exact wish that the positive meets, relative."""

_LEAST_NAMED = 3
_LEAST_COVERED = 0.8
"""Words of the query, in number and as a share, that the positive must share before anything is said of a second
document: what the query asks for in words that the positive has not would go unseen."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """Similarities of queries and documents under something other than the model that is judged."""

    name: str
    queries: Any  # (Q, terms), rows whose inner products are the scores; sparse or dense
    documents: Any  # (N, terms), as they are or as `DocumentRows`

    def pairs(self, query_rows: IntArray, document_rows: IntArray) -> Float64Array:
        """Similarity of chosen pairs, shape (P,)."""
        parts = [np.zeros(0)]
        for start in range(0, len(query_rows), 4096):
            left = self.queries[query_rows[start : start + 4096]]
            right = self.documents[document_rows[start : start + 4096]]
            product = left.multiply(right).sum(axis=1) if hasattr(left, "multiply") else (left * right).sum(axis=1)
            parts.append(np.asarray(product, dtype=np.float64).ravel())
        return np.concatenate(parts)

    def blocks(self) -> Iterator[tuple[int, Float32Array]]:
        """Blocks (first query, similarities to all documents of shape (q, N))."""
        documents, n = self.documents[:], max(1, min(_BLOCK, _CELLS // max(self.documents.shape[0], 1)))
        for start in range(0, self.queries.shape[0], n):
            own = self.queries[start : start + n]
            block = gram_products(own, documents) if issparse(own) else own @ documents.T
            yield start, np.ascontiguousarray(block, dtype=np.float32)


def lexical_scorer(queries: SplitTexts, documents: SplitTexts) -> Scorer:
    """TF-IDF cosine over character n-grams of texts without diacritics: the lexical baseline, blind to accents."""
    weights = documents.weights(NGRAMS, lambda word: strip_diacritics(word).casefold())
    return Scorer(LEXICAL, weights.rows(queries), weights.documents)


def answers_as_well(query: str, positive: str, document: str, attributes: AttributeReader = NO_ATTRIBUTES) -> bool:
    """Whether ``document`` states everything that ``query`` asks for and ``positive`` states.

    Every word, and every pair of neighbouring words, that query and positive share must stand in the document; no value
    that ``attributes`` reads may conflict with the query, or be missing where the positive meets the query in it; and
    the document may not deny more than the positive. Where query and positive share fewer than three words, or less
    than four fifths of the query, nothing can be said: False.
    """
    single, pairs = _named(query, positive)
    listed = _bare_words(document) if single else []
    if not single or not (single.issubset(listed) and pairs.issubset(pairwise(listed))):
        return False
    if denies_more(document, positive, attributes) or attributes.conflicts(query, document):
        return False
    # Values are written in many ways, so that the words alone do not show that one is missing.
    ours_met, theirs_met = (attributes.met_values(query, text, tolerance=AS_CLOSE) for text in (positive, document))
    return ours_met <= theirs_met


def telling_positives(
    query: str, positives: Iterable[str], attributes: AttributeReader = NO_ATTRIBUTES
) -> tuple[str, ...]:
    """Those of the ``positives`` by which `answers_as_well` can say anything, one for all that ask the same.

    Their number is bounded by the words of the query, whatever the number of positives.
    """
    telling: dict[object, str] = {}
    for text in positives:
        shared = _named(query, text)
        if not shared[0]:
            continue  # nothing can be said by it
        met = frozenset(attributes.met_values(query, text, tolerance=AS_CLOSE))
        telling.setdefault((shared, n_denials(text, attributes.denials), met), text)
    return tuple(telling.values())


def denies_more(document: str, positive: str, attributes: AttributeReader) -> bool:
    """Whether ``document`` holds more words of denial than ``positive``."""
    return n_denials(document, attributes.denials) > n_denials(positive, attributes.denials)


@lru_cache(maxsize=1 << 10)  # a query and its positive are asked for once for each document beside them
def _named(query: str, positive: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The words, and the pairs of neighbours, that both texts have; none where they are too few to say anything."""
    asked, stated = _bare_words(query), _bare_words(positive)
    single = frozenset(asked).intersection(stated)
    if len(single) < max(_LEAST_NAMED, _LEAST_COVERED * len(set(asked))):
        return frozenset(), frozenset()
    return single, frozenset(pairwise(asked)).intersection(pairwise(stated))


def _bare_words(text: str) -> list[str]:
    return list(chain.from_iterable(map(_bare_words_in, text.split())))


@lru_cache(maxsize=1 << 15)  # the words of a collection come again and again
def _bare_words_in(piece: str) -> tuple[str, ...]:
    return tuple(map(strip_diacritics, words(piece)))
