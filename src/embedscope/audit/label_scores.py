"""Scores of the queries whose labels are compared with all documents: of few queries all, of many a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import sparse

from embedscope.data.text_features import strip_diacritics
from embedscope.diagnose.second_opinion import LEXICAL, Scorer
from embedscope.measure.lexical import NGRAMS, gram_products
from embedscope.measure.ngrams import Grams, SplitTexts, gram_counts, rarity, unit_rows
from embedscope.protocols import Float32Array, Float64Array, IntArray

ALL_PAIRS = 1 << 29
"""Pairs of a query and a document up to which all queries are compared: seconds to minutes."""

LEAST_QUERIES = 1_000
"""Queries that are compared however many documents there are: of a share of 5 % the interval is then 1.4 % wide."""

_DOCUMENTS = 1 << 12  # weighed at once: some million n-grams
_CELLS = 1 << 23  # scores of a block: 32 MiB; of more queries fewer documents
_QUERIES = 128  # multiplied at once: the n-grams that they ask for, dense, stay in the processor's cache
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
        self._places = split.places.astype(np.int8)  # ones
        self._grams = gram_counts(split.alone, NGRAMS, grams, _prepared)
        n_with = np.zeros(len(grams), dtype=np.int64)
        for _, counts in self._counts(self._places, _DOCUMENTS):
            n_with += np.bincount(counts.indices, minlength=len(grams))
        self._rarity = rarity(n_with, len(documents))
        asked = SplitTexts.of(queries)
        self.queries = unit_rows(gram_counts(asked, NGRAMS, grams, _prepared, is_closed=True), self._rarity)

    def _counts(self, places: sparse.csr_array, n: int) -> Iterator[tuple[int, sparse.csr_array]]:
        for start in range(0, places.shape[0], n):
            yield start, sparse.csr_array(places[start : start + n] @ self._grams)

    def pairs(self, query_rows: IntArray, document_rows: IntArray) -> Float64Array:
        """Similarity of chosen pairs, shape (P,)."""
        parts = [np.zeros(0)]
        for start in range(0, len(query_rows), _ENTRIES):
            right = unit_rows(self._places[document_rows[start : start + _ENTRIES]] @ self._grams, self._rarity)
            product = self.queries[query_rows[start : start + _ENTRIES]].multiply(right).sum(axis=1)
            parts.append(np.asarray(product, dtype=np.float64).ravel())
        return np.concatenate(parts)

    def blocks(self, documents: IntArray | None = None) -> Iterator[tuple[int, Float32Array]]:
        """Blocks (first document, similarities of all queries to some documents, shape (Q, b)).

        ``documents`` are those that are scored, by default all; a score is the same to the last bit in any block.
        """
        places = self._places if documents is None else self._places[documents]
        for start, counts in self._counts(places, max(1, min(_DOCUMENTS, _CELLS // self.queries.shape[0]))):
            rows = unit_rows(counts, self._rarity)
            rows = rows.T.tocsr().T.tocsr()  # sorts each row, so that n-grams are added in one order in every block
            scores = np.empty((self.queries.shape[0], rows.shape[0]), dtype=np.float32)
            for first in range(0, len(scores), _QUERIES):
                scores[first : first + _QUERIES] = gram_products(self.queries[first : first + _QUERIES], rows)
            yield start, scores


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
    best, n = _best_relevant(scorer, relevant), len(relevant)
    below, equal, n_documents = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), 0
    top, places = np.full((n, n_best), -np.inf, dtype=np.float32), np.zeros((n, n_best), dtype=np.int64)
    for start, block in scorer.blocks():
        n_documents += block.shape[1]
        below += np.count_nonzero(block < best[:, None], axis=1)
        equal += np.count_nonzero(block == best[:, None], axis=1)
        if not n_best:
            continue
        # Of equal scores the first document stands, so that a later one must exceed the last that does.
        for q in np.flatnonzero(block.max(axis=1) > top[:, -1]).tolist():
            found = _best(block[q], n_best)
            scores, own = np.concatenate([top[q], block[q, found]]), np.concatenate([places[q], found + start])
            kept = np.argsort(-scores, kind="stable")[:n_best]
            top[q], places[q] = scores[kept], own[kept]
    level = np.where(np.isnan(best), np.nan, (below + 0.5 * equal) / n_documents)
    return Standing(level, places[:, :n_documents])


def _best_relevant(scorer: BlockedGrams, relevant: Sequence[Sequence[int]]) -> Float32Array:
    """The greatest score of the relevant documents of each query, NaN without one, shape (n,)."""
    owners = np.repeat(np.arange(len(relevant)), [len(own) for own in relevant])
    documents, columns = np.unique(np.fromiter(chain.from_iterable(relevant), dtype=np.int64), return_inverse=True)
    best = np.full(len(relevant), np.nan, dtype=np.float32)
    for start, block in scorer.blocks(documents):
        here = (columns >= start) & (columns < start + block.shape[1])
        np.fmax.at(best, owners[here], block[owners[here], columns[here] - start])
    return best
