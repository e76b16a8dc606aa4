"""BM25: the lexical baseline of search engines, and a system that can be judged like any other.

``score(q, d) = sum_t qtf(t) * ln(1 + (N - df(t) + 1/2) / (df(t) + 1/2)) * tf / (tf + k1 * (1 - b + b * |d| / avgdl))``

over the tokens t of the query, with tf how often t stands in d and avgdl the mean number of tokens of a document: BM25
as Lucene has it, with the exact length of a document; the weights are tested equal to those of bm25s (Lu 2024).

Sources
-------
Robertson & Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009.
Kamphuis et al., "Which BM25 do you mean?", ECIR 2020: the variants.
Lu, "BM25S: orders of magnitude faster lexical search via eager sparse scoring", arXiv:2407.03618 (2024).
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse

from embedscope.data.collection import Collection
from embedscope.data.text_arrays import CodePoints, blocks, words_and_characters
from embedscope.measure.ngrams import Grams, SplitTexts, term_counts
from embedscope.metrics.fusion import places
from embedscope.metrics.listing import SCORE
from embedscope.metrics.ranked_lists import LISTED, RankedLists
from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.result import ModelFacts
from embedscope.settings import TIE_TOLERANCE

NAME = "bm25"
"""What names BM25 where a run or a checkpoint may stand."""

K1, B = 1.2, 0.75
"""The defaults of Lucene, which search engines run with."""

_BLOCK = 128
_BLOCK_CELLS = 1 << 21
"""Scores that are held at a time, 16 MB in float64."""


def tokens(text: str) -> list[str]:
    """Words and numbers of ``text`` in lower case with their diacritics; neighbouring pairs of unspaced characters.

    Scripts without blanks give pairs of neighbouring characters, and one character where it stands alone.

    >>> tokens("Café No.10")
    ['café', 'no', '10']
    >>> tokens("iPad充電器")
    ['ipad', '充電', '電器']
    """
    return tokens_of([text])[0]


def tokens_of(texts: Sequence[str]) -> list[list[str]]:
    """`tokens` of every text."""
    found: list[list[str]] = [[] for _ in texts]
    for first, block in blocks(texts):
        pieces = words_and_characters(CodePoints.of([unicodedata.normalize("NFC", text).casefold() for text in block]))
        rows = (pieces.texts + first).tolist()
        run: list[str] = []  # characters that follow one another
        row = end = -1
        for piece, is_one, own, start in zip(
            pieces.strings(), pieces.is_other.tolist(), rows, pieces.starts.tolist(), strict=True
        ):
            if run and not (is_one and start == end):
                found[row] += _pairs(run)
                run = []
            row, end = own, start + len(piece)
            (run if is_one else found[row]).append(piece)
        if run:
            found[row] += _pairs(run)
    return found


def _pairs(run: list[str]) -> list[str]:
    return run if len(run) < 2 else [a + b for a, b in pairwise(run)]


class BM25Index:
    """The documents as a search engine would have them: a weight for every token of each.

    A text without any token, and a query none of whose tokens stands in a document, scores 0 everywhere.
    """

    def __init__(self, documents: SplitTexts) -> None:
        self._columns: Grams = {}
        counts = term_counts(documents, tokens_of, self._columns)
        self._by_token = _weights(counts).T.tocsr()  # (tokens, N)

    def score_blocks(self, queries: SplitTexts, *, block: int = _BLOCK) -> Iterator[tuple[int, Float64Array]]:
        """Blocks (first query, scores of shape (q, N), float64), scores of at least 0."""
        for start, scores in self.sparse_blocks(queries, block=block):
            yield start, scores.toarray()

    def sparse_blocks(self, queries: SplitTexts, *, block: int = _BLOCK) -> Iterator[tuple[int, sparse.csr_array]]:
        """The same with the positive scores alone."""
        by_query = term_counts(queries, tokens_of, self._columns, is_closed=True).astype(np.float64)  # (Q, tokens)
        block = queries_a_block(self._by_token.shape[1], most=block)
        for start in range(0, len(queries), block):
            yield start, by_query[start : start + block] @ self._by_token


def queries_a_block(n_documents: int, *, most: int) -> int:
    """Queries whose scores of all documents are held at a time, ``most`` of them unless the documents are many."""
    return max(1, min(most, _BLOCK_CELLS // max(n_documents, 1)))


def _weights(counts: sparse.csr_array) -> sparse.csr_array:
    """BM25 weight of every token in every document, shape (N, tokens), float64."""
    n_documents, n_tokens = counts.shape
    if counts.nnz == 0:
        return counts.astype(np.float64)
    frequency, lengths = counts.data.astype(np.float64), counts.sum(axis=1).astype(np.float64)
    damping = K1 * ((1 - B) + B * lengths / lengths.mean())  # (N,)
    n_with = np.bincount(counts.indices, minlength=n_tokens).tolist()
    rarity = np.array([math.log(1 + (n_documents - n + 0.5) / (n + 0.5)) for n in n_with])
    of_entry = np.repeat(damping, np.diff(counts.indptr))
    weights = rarity[counts.indices] * (frequency / (of_entry + frequency))
    return sparse.csr_array((weights, counts.indices, counts.indptr), shape=counts.shape)


def is_bm25(name: str) -> bool:
    """Whether ``name`` stands for BM25: "bm25", unless a file or folder is called so."""
    return name == NAME and not Path(name).exists()


def is_of_bm25(facts: ModelFacts) -> bool:
    """Whether these are the facts of `bm25_lists`, fused with nothing and not reranked."""
    return facts.layout == _FACTS.layout


def bm25_lists(collection: Collection) -> RankedLists:
    """The documents of a collection ranked by BM25 for each query, at most `LISTED`, those of score 0 left out.

    A document that is the query itself (`Collection.own`) is left out too.
    """
    index, parts = BM25Index(SplitTexts.of(collection.documents)), []
    for start, block in index.sparse_blocks(SplitTexts.of(collection.queries)):
        entries = block.tocoo()
        queries, documents, scores = entries.row.astype(np.int64) + start, entries.col.astype(np.int64), entries.data
        order = np.lexsort((-documents, -scores, queries))
        order = order[~_is_own(collection, queries[order], documents[order])]
        kept = order[places(queries[order]) < LISTED]
        parts.append((queries[kept], documents[kept], scores[kept]))
    queries, documents, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    return RankedLists.of_scores(queries, documents, scores, len(collection.queries), _FACTS, tolerance=TIE_TOLERANCE)


def _is_own(collection: Collection, queries: IntArray, documents: IntArray) -> BoolArray:
    """Whether each (query, document) pair is a query and itself, shape (P,)."""
    own, width = collection.own, len(collection.documents)
    if own is None:
        return np.zeros(len(queries), dtype=np.bool_)
    return np.isin(queries * width + documents, own.query_of_pair * width + own.documents)


_FACTS = ModelFacts(
    checkpoint=NAME,
    layout="BM25",
    dim=0,
    similarity=SCORE,
    notes=(
        f"BM25 with k1 = {K1:g}, b = {B:g} and the inverse document frequency of Lucene",
        "tokens: words in lower case with their diacritics; pairs of characters of scripts without blanks",
    ),
)
