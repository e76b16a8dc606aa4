"""Ranked lists of scores that come in blocks of documents, and of vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics.accumulators import cells_in
from embedscope.metrics.judgments import Cells
from embedscope.metrics.local_pass import search_top_k
from embedscope.metrics.ranked_lists import LISTED, RankedLists
from embedscope.metrics.top_k import TopK, TopKAccumulator
from embedscope.protocols import Float32Array, FloatArray
from embedscope.result import ModelFacts
from embedscope.settings import TIE_TOLERANCE

SCORE = "score"
"""``ModelFacts.similarity`` of a system whose scores have a scale of their own."""


def lists_of_blocks(
    blocks: Iterable[tuple[int, Float32Array]],
    n_queries: int,
    n_documents: int,
    facts: ModelFacts,
    own: Cells | None = None,
) -> RankedLists:
    """The best ``LISTED`` documents of every query, or all where there are fewer.

    Parameters
    ----------
    blocks : iterable of (int, ndarray of shape (n_queries, n), float32)
        The first document of a block, and the scores of its documents; minus infinity where one is not returned.
    own : Cells, optional
        Documents that stand in no list of their query.

    Returns
    -------
    RankedLists
        Tied up to ``TIE_TOLERANCE`` of the largest score of all lists.

    Raises
    ------
    InvalidEmbeddingsError
        If a score is NaN or plus infinity.
    """
    top = TopKAccumulator(n_queries, min(LISTED, n_documents))
    for start, block in blocks:
        if np.isnan(block).any() or np.isposinf(block).any():
            raise InvalidEmbeddingsError(
                f"'{facts.checkpoint}' gives scores that are not finite. Half precision overflows in some models: pass "
                f"--precision float32, and check the checkpoint for NaN."
            )
        if own is not None:
            block[cells_in(own, block, 0, start)] = -np.inf
        top.update(block, 0, start)
    return _lists_of_top(top.result(), facts)


def lists_of_vectors(
    queries: Float32Array, documents: Float32Array, facts: ModelFacts, *, tolerance: float, own: Cells | None = None
) -> RankedLists:
    """The best ``LISTED`` documents of every query by inner product, exact; ``own`` as for `lists_of_blocks`."""
    best = search_top_k(queries, documents, LISTED, excluded=own)
    return _lists_of_top(best, replace(facts, similarity=SCORE), tolerance)


def _lists_of_top(best: TopK, facts: ModelFacts, tolerance: float | None = None) -> RankedLists:
    """``best`` without the places that no document took."""
    is_taken = best.documents >= 0
    scores = best.scores[is_taken].astype(np.float64)
    queries, documents = np.nonzero(is_taken)[0], best.documents[is_taken]
    chosen = tolerance_of(scores) if tolerance is None else tolerance
    return RankedLists.of_scores(queries, documents, scores, len(is_taken), facts, tolerance=chosen)


def tolerance_of(scores: FloatArray) -> float:
    """The difference up to which ``scores`` of any size are tied: that of unit vectors, times the largest of them."""
    return TIE_TOLERANCE * float(np.abs(scores).max(initial=0.0))
