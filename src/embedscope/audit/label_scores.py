"""Scores of the queries whose labels are compared with all documents: of few queries all, of many a sample."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from threading import Lock

import numpy as np
from scipy import sparse

from embedscope.data.text_features import strip_diacritics
from embedscope.diagnose.second_opinion import LEXICAL, Scorer
from embedscope.measure.lexical import NGRAMS, gram_products
from embedscope.measure.ngrams import Grams, SplitTexts, gram_counts, rarity, unit_rows
from embedscope.metrics.threads import in_threads
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
        ones = np.ones(split.places.nnz, dtype=np.int8)  # a fifth of the memory of float32, with the places as they are
        self._places = sparse.csr_array((ones, split.places.indices, split.places.indptr), shape=split.places.shape)
        self._grams = gram_counts(split.alone, NGRAMS, grams, _prepared)
        self._rarity = rarity(self._n_with(len(grams)), len(documents))
        asked = SplitTexts.of(queries)
        self.queries = unit_rows(gram_counts(asked, NGRAMS, grams, _prepared, is_closed=True), self._rarity)

    def _n_with(self, n_grams: int) -> IntArray:
        """How many documents hold each n-gram, shape (terms,)."""
        found, adding = np.zeros(n_grams, dtype=np.int64), Lock()

        def count(start: int) -> None:
            own = np.bincount(self._counts(self._places[start : start + _DOCUMENTS]).indices, minlength=n_grams)
            with adding:
                np.add(found, own, out=found)

        deque(in_threads(count, range(0, self._places.shape[0], _DOCUMENTS)), maxlen=0)
        return found

    def _counts(self, places: sparse.csr_array) -> sparse.csr_array:
        return sparse.csr_array(places @ self._grams)

    def pairs(self, query_rows: IntArray, document_rows: IntArray) -> Float64Array:
        """Similarity of chosen pairs, shape (P,)."""
        parts = [np.zeros(0)]
        for start in range(0, len(query_rows), _ENTRIES):
            right = unit_rows(self._counts(self._places[document_rows[start : start + _ENTRIES]]), self._rarity)
            product = self.queries[query_rows[start : start + _ENTRIES]].multiply(right).sum(axis=1)
            parts.append(np.asarray(product, dtype=np.float64).ravel())
        return np.concatenate(parts)

    def starts(self) -> range:
        """The first document of each block."""
        return range(0, self._places.shape[0], self._block)

    @property
    def _block(self) -> int:
        return max(1, min(_DOCUMENTS, _CELLS // int(self.queries.shape[0])))

    def block(self, start: int) -> Float32Array:
        """Similarities of all queries to the documents of a block, shape (Q, b)."""
        return self.scores(slice(start, start + self._block))

    def scores(self, documents: slice | IntArray) -> Float32Array:
        """Similarities of all queries to chosen documents, shape (Q, b); the same to the last bit in any choice."""
        rows = unit_rows(self._counts(self._places[documents]), self._rarity)
        rows = rows.T.tocsr().T.tocsr()  # sorts each row, so that n-grams are added in one order in every block
        scores = np.empty((self.queries.shape[0], rows.shape[0]), dtype=np.float32)
        for first in range(0, len(scores), _QUERIES):
            scores[first : first + _QUERIES] = gram_products(self.queries[first : first + _QUERIES], rows)
        return scores


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
    """The standing by blocks of documents, dealt to threads: what they find may come in any order."""
    best, n = _best_relevant(scorer, relevant), len(relevant)
    below, equal = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    top, places = np.full((n, n_best), -np.inf, dtype=np.float32), np.full((n, n_best), np.iinfo(np.int64).max)
    adding = Lock()

    def take(start: int) -> int:
        block = scorer.block(start)
        less, same = (np.count_nonzero(test(block, best[:, None]), axis=1) for test in (np.less, np.equal))
        with adding:
            np.add(below, less, out=below)
            np.add(equal, same, out=equal)
            for q in np.flatnonzero(block.max(axis=1) >= top[:, -1]).tolist() if n_best else ():
                found = _best(block[q], n_best)
                scores, own = np.concatenate([top[q], block[q, found]]), np.concatenate([places[q], found + start])
                kept = np.lexsort((own, -scores))[:n_best]  # of equal scores the first document
                top[q], places[q] = scores[kept], own[kept]
        return len(block[0])

    n_documents = sum(in_threads(take, scorer.starts()))
    level = np.where(np.isnan(best), np.nan, (below + 0.5 * equal) / n_documents)
    return Standing(level, places[:, :n_documents])


def _best_relevant(scorer: BlockedGrams, relevant: Sequence[Sequence[int]]) -> Float32Array:
    """The greatest score of the relevant documents of each query, NaN without one, shape (n,)."""
    owners = np.repeat(np.arange(len(relevant)), [len(own) for own in relevant])
    documents, columns = np.unique(np.fromiter(chain.from_iterable(relevant), dtype=np.int64), return_inverse=True)
    best = np.full(len(relevant), np.nan, dtype=np.float32)
    ends = [*range(0, len(documents), scorer.starts().step), len(documents)]
    for start, end in pairwise(ends):
        block = scorer.scores(documents[start:end])
        here = (columns >= start) & (columns < end)
        np.fmax.at(best, owners[here], block[owners[here], columns[here] - start])
    return best
