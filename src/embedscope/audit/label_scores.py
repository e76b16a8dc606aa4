"""Scores of the queries whose labels are compared with all documents: of few queries all, of many a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import sparse

from embedscope.data.text_features import strip_diacritics
from embedscope.diagnose.second_opinion import LEXICAL, Scorer
from embedscope.measure.lexical import NGRAMS
from embedscope.measure.ngrams import Grams, SplitTexts, gram_counts, rarity, unit_rows
from embedscope.protocols import Float32Array, Float64Array, IntArray

ALL_PAIRS = 1 << 29
"""Pairs of a query and a document up to which all queries are compared: seconds to minutes."""

LEAST_QUERIES = 1_000
"""Queries that are compared however many documents there are: of a share of 5 % the interval is then 1.4 % wide."""

_DOCUMENTS = 1 << 13  # weighed at once: some 2 million n-grams, and scores of 32 MiB a thousand queries
_ENTRIES = 4_096  # pairs scored at once


def n_compared(n_queries: int, n_documents: int, wanted: int | None) -> int:
    """How many queries are compared with all documents; ``wanted`` of 0 says all, of None as many as is quick."""
    if wanted is None:
        wanted = max(LEAST_QUERIES, ALL_PAIRS // max(n_documents, 1))
    return n_queries if wanted == 0 else min(wanted, n_queries)


class BlockedGrams:
    """TF-IDF rows over character n-grams as :func:`~embedscope.diagnose.second_opinion.lexical_scorer` has them.

    The rows of the documents are made a block at a time, again each time that they are asked for: those of a million
    texts would take gigabytes.
    """

    name = LEXICAL

    def __init__(self, queries: Sequence[str], documents: Sequence[str]) -> None:
        grams: Grams = {}
        split = SplitTexts.of(documents)
        self._places = split.places
        self._grams = gram_counts(split.alone, NGRAMS, grams, _prepared)
        n_with = np.zeros(len(grams), dtype=np.int64)
        for _, counts in self._counts():
            n_with += np.bincount(counts.indices, minlength=len(grams))
        self._rarity = rarity(n_with, len(documents))
        asked = SplitTexts.of(queries)
        self.queries = unit_rows(gram_counts(asked, NGRAMS, grams, _prepared, is_closed=True), self._rarity)

    def _counts(self) -> Iterator[tuple[int, sparse.csr_array]]:
        for start in range(0, self._places.shape[0], _DOCUMENTS):
            yield start, sparse.csr_array(self._places[start : start + _DOCUMENTS] @ self._grams)

    def pairs(self, query_rows: IntArray, document_rows: IntArray) -> Float64Array:
        """Similarity of chosen pairs, shape (P,)."""
        parts = [np.zeros(0)]
        for start in range(0, len(query_rows), _ENTRIES):
            right = unit_rows(self._places[document_rows[start : start + _ENTRIES]] @ self._grams, self._rarity)
            product = self.queries[query_rows[start : start + _ENTRIES]].multiply(right).sum(axis=1)
            parts.append(np.asarray(product, dtype=np.float64).ravel())
        return np.concatenate(parts)

    def blocks(self) -> Iterator[tuple[int, Float32Array]]:
        """Blocks (first document, similarities of all queries to some documents, shape (Q, b))."""
        for start, counts in self._counts():
            yield start, self._products(unit_rows(counts, self._rarity))

    def to_documents(self, documents: IntArray) -> Float32Array:
        """Similarities of all queries to chosen documents, as the blocks have them to the last bit."""
        return self._products(unit_rows(self._places[documents] @ self._grams, self._rarity))

    def _products(self, rows: sparse.csr_array) -> Float32Array:
        return np.asarray((self.queries @ rows.T.tocsr()).toarray(), dtype=np.float32)


def _prepared(word: str) -> str:
    return strip_diacritics(word).casefold()


@dataclass(frozen=True, slots=True)
class Standing:
    """How the compared queries stand to all documents."""

    level: Float64Array  # (n,) share of the documents that the best positive scores above; NaN without a positive
    best: IntArray  # (n, m) the documents that score best, of equal ones the first


def standing(scorer: Scorer | BlockedGrams, relevant: Sequence[Sequence[int]], n_best: int) -> Standing:
    """How each query stands whose relevant documents are given, in the order of the scorer's queries."""
    if isinstance(scorer, Scorer):
        parts = [_of_rows(block, relevant[start : start + len(block)], n_best) for start, block in scorer.blocks()]
        return Standing(np.concatenate([p.level for p in parts]), np.concatenate([p.best for p in parts]))
    return _of_blocks(scorer, relevant, n_best)


def _of_rows(scores: Float32Array, relevant: Sequence[Sequence[int]], n_best: int) -> Standing:
    level = np.full(len(scores), np.nan)
    for q, (row, own) in enumerate(zip(scores, relevant, strict=True)):
        if own:
            best = row[own].max()
            level[q] = float((row < best).mean() + 0.5 * (row == best).mean())
    return Standing(level, np.array([_best(row, n_best) for row in scores], dtype=np.int64))


def _best(row: Float32Array, n: int) -> IntArray:
    """Places of the ``n`` highest scores, the highest first, of equal ones the first: a stable sort cut short."""
    if n >= len(row):
        return np.argsort(-row, kind="stable")
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    least = -np.partition(-row, n - 1)[n - 1]
    above = np.flatnonzero(row > least)
    chosen = np.concatenate([above, np.flatnonzero(row == least)[: n - len(above)]])
    return chosen[np.lexsort((chosen, -row[chosen]))]


def _of_blocks(scorer: BlockedGrams, relevant: Sequence[Sequence[int]], n_best: int) -> Standing:
    own = np.unique(np.fromiter(chain.from_iterable(relevant), dtype=np.int64))
    scores = scorer.to_documents(own)  # (n, documents that are relevant to one of the queries)
    best = np.array(
        [row[np.searchsorted(own, docs)].max() if docs else np.nan for row, docs in zip(scores, relevant, strict=True)],
        dtype=np.float32,
    )
    n = len(relevant)
    below, equal, n_documents = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), 0
    top, places = np.zeros((n, 0), dtype=np.float32), np.zeros((n, 0), dtype=np.int64)
    for start, block in scorer.blocks():
        n_documents += block.shape[1]
        below += (block < best[:, None]).sum(axis=1)
        equal += (block == best[:, None]).sum(axis=1)
        found = np.array([_best(row, n_best) for row in block])
        top = np.concatenate([top, np.take_along_axis(block, found, axis=1)], axis=1)
        places = np.concatenate([places, found + start], axis=1)
        kept = np.argsort(-top, axis=1, kind="stable")[:, :n_best]  # earlier documents stand before later ones
        top, places = np.take_along_axis(top, kept, axis=1), np.take_along_axis(places, kept, axis=1)
    level = np.where(np.isnan(best), np.nan, (below + 0.5 * equal) / n_documents)
    return Standing(level, places)
