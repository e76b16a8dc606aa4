"""The lexical baseline: what character n-grams reach without any model."""

from __future__ import annotations

from collections.abc import Iterator

from embedscope.measure.ngrams import GramWeights, SplitTexts
from embedscope.protocols import Float32Array

NGRAMS = (2, 4)
"""Lengths of the character n-grams (inside word boundaries): short enough for q10, 5tr5 and words without accents."""


def lexical_score_blocks(
    queries: SplitTexts, documents: SplitTexts, *, block: int = 256
) -> Iterator[tuple[int, Float32Array]]:
    """Blocks (first query, scores of shape (q, N)) of TF-IDF cosine similarity over character n-grams.

    Sublinear term frequency, smoothed inverse document frequency fitted on the documents alone (as a search engine
    would have it), rows of unit length (Salton & Buckley 1988). A text without any n-gram scores 0 everywhere.
    """
    weights = GramWeights(documents, NGRAMS)
    by_document = weights.documents.T.tocsr()  # (terms, N)
    by_query = weights.rows(queries)  # (Q, terms)
    for start in range(0, len(queries), block):
        yield start, (by_query[start : start + block] @ by_document).toarray()
