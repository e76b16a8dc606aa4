"""The lexical baselines: what words and letters reach without any model, by character n-grams and by BM25."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embedscope.measure.bm25 import BM25Index
from embedscope.measure.ngrams import SplitTexts
from embedscope.measure.scoring import block_values, cell_values
from embedscope.metrics.judgments import Judgments
from embedscope.protocols import Float32Array, Float64Array, IntArray

NGRAMS = (2, 4)
"""Lengths of the character n-grams (inside word boundaries): short enough for q10, 5tr5 and words without accents."""

_QUERIES = 128  # multiplied at once: the n-grams that they ask for, dense, stay in the processor's cache
_PAIRS = 128
_DECIDES = "MRR"
_DECIMALS = 12
"""To which two means are equal: beyond, they depend on the order of the queries."""


class GramScores:
    """TF-IDF cosine similarity of queries and documents over character n-grams.

    Sublinear term frequency, smoothed inverse document frequency fitted on the documents alone (as a search engine
    would have it), rows of unit length (Salton & Buckley 1988). A text without any n-gram scores 0 everywhere. The rows
    of the queries are held, those of the documents made a block at a time.
    """

    def __init__(self, queries: SplitTexts, documents: SplitTexts) -> None:
        weights = documents.weights(NGRAMS)
        self._queries, self._documents = weights.rows(queries), weights.documents

    def pairs(self, query_rows: IntArray, document_rows: IntArray) -> Float64Array:
        """Scores of chosen pairs, shape (P,), to the last bit those of the blocks; quick where queries are sorted."""
        scores = np.zeros(len(query_rows))
        for start in range(0, len(scores), _PAIRS):
            own = slice(start, start + _PAIRS)
            queries, rows = np.unique(query_rows[own], return_inverse=True)
            documents, columns = np.unique(document_rows[own], return_inverse=True)
            scores[own] = gram_products(self._queries[queries], self._documents[documents])[rows, columns]
        return scores

    def blocks(self, n_entries: int | None = None) -> Iterator[tuple[int, int, Float32Array]]:
        """Blocks (first query, first document, scores of shape (q, n)), all queries of a block of documents first.

        ``n_entries`` as for `DocumentRows.blocks`.
        """
        for start, rows in self._documents.blocks(n_entries):
            for first in range(0, self._queries.shape[0], _QUERIES):
                products = gram_products(self._queries[first : first + _QUERIES], rows)
                yield first, start, np.ascontiguousarray(products)


def gram_products(queries: sparse.csr_array, documents: sparse.csr_array) -> Float32Array:
    """Inner products of sparse rows over the same terms, shape (Q, N); quick for up to some hundred queries.

    Where each row has its terms in ascending order a product is the same to the last bit in any block.
    """
    # Most documents share a pair of letters with a query, so that a product of sparse rows would be full anyway.
    asked = np.unique(queries.indices)
    products: Float32Array = documents[:, asked] @ queries[:, asked].toarray().T  # (N, Q)
    return products.T


@dataclass(frozen=True, slots=True, eq=False)
class LexicalValues:
    """Each measure for each query under every lexical baseline, "n-grams" and "BM25": name -> measure -> (Q,).

    BM25 stands here only where no system beside them is BM25.
    """

    of: Mapping[str, Mapping[str, Float64Array]]

    @property
    def means(self) -> dict[str, dict[str, float]]:
        """Name -> measure -> mean over the queries that have a value."""
        return {name: {m: float(np.nanmean(v)) for m, v in values.items()} for name, values in self.of.items()}

    @property
    def stronger(self) -> str:
        """The baseline with the higher MRR (the first measure where MRR is none of them); n-grams where it is the same.

        This is what a model has to beat. Its choice among two favours the baseline a little, never the model.
        """
        means = self.means
        measure = _DECIDES if _DECIDES in means["n-grams"] else next(iter(means["n-grams"]))
        return max(means, key=lambda name: round(means[name][measure], _DECIMALS))


def lexical_values(
    queries: SplitTexts,
    documents: SplitTexts,
    judgments: Judgments,
    measures: Sequence[str],
    *,
    tolerance: float,
    with_bm25: bool = True,
) -> LexicalValues:
    """Each measure for each query under both lexical baselines; scores that differ by ``tolerance`` or less are tied.

    A document that shares nothing with a query scores 0, and all such documents tie. ``with_bm25`` is False where BM25
    itself is judged or is the reference.
    """
    grams = GramScores(queries, documents)
    pair_scores = grams.pairs(judgments.query_of_pair, judgments.documents)
    values = {"n-grams": cell_values(grams.blocks(), pair_scores, judgments, measures, tolerance=tolerance)}
    if with_bm25:
        blocks = BM25Index(documents).score_blocks(queries)
        values["BM25"] = block_values(blocks, judgments, measures, tolerance=tolerance)
    return LexicalValues(values)
