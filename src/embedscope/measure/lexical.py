"""The lexical baselines: what words and letters reach without any model, by character n-grams and by BM25."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embedscope.measure.bm25 import BM25Index, queries_a_block
from embedscope.measure.ngrams import GramWeights, SplitTexts
from embedscope.measure.scoring import block_values
from embedscope.metrics.judgments import Judgments
from embedscope.protocols import Float32Array, Float64Array, FloatArray

NGRAMS = (2, 4)
"""Lengths of the character n-grams (inside word boundaries): short enough for q10, 5tr5 and words without accents."""

_DECIDES = "MRR"
_DECIMALS = 12
"""To which two means are equal: beyond, they depend on the order of the queries."""


def lexical_score_blocks(
    queries: SplitTexts, documents: SplitTexts, *, block: int = 128
) -> Iterator[tuple[int, Float32Array]]:
    """Blocks (first query, scores of shape (q, N)) of TF-IDF cosine similarity over character n-grams.

    Sublinear term frequency, smoothed inverse document frequency fitted on the documents alone (as a search engine
    would have it), rows of unit length (Salton & Buckley 1988). A text without any n-gram scores 0 everywhere.

    ``block`` is how many queries a block has at most; of many documents it has fewer (`queries_a_block`).
    """
    weights = GramWeights(documents, NGRAMS)
    by_query = weights.rows(queries)  # (Q, terms)
    block = queries_a_block(len(documents), most=block)
    for start in range(0, len(queries), block):
        yield start, np.ascontiguousarray(gram_products(by_query[start : start + block], weights.documents))


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
    blocks: dict[str, Iterator[tuple[int, FloatArray]]] = {"n-grams": lexical_score_blocks(queries, documents)}
    if with_bm25:
        blocks["BM25"] = BM25Index(documents).score_blocks(queries)
    return LexicalValues(
        {name: block_values(own, judgments, measures, tolerance=tolerance) for name, own in blocks.items()}
    )
