"""What was ranked and what is relevant as TREC files, which trec_eval, ir_measures and ranx read.

An id or a model's name is one column, so that its blanks are percent-encoded.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from embedscope.protocols import Float64Array
from embedscope.result import Scored, run_label
from embedscope.result.formatting import one_word

_MOST_DECIMALS = 6


def run_text(result: Scored) -> str:
    """The first documents of every query, best first: query, Q0, document, rank, score, model.

    A score has the digits that tell it from every other number of its format. A document that the collection does not
    have is called ``outside-1``, ``outside-2``, ... in each list.
    """
    q = result.queries
    tag = one_word(run_label(result.model.checkpoint))
    names = [one_word(name) for name in result.documents.ids]
    lines = []
    for query, documents, scores in zip(q.ids, q.listed_documents, q.listed_scores, strict=False):
        n = int(np.count_nonzero(~np.isnan(scores)))
        numbers = np.cumsum(documents < 0).tolist()
        listed = [names[d] if d >= 0 else f"outside-{numbers[place]}" for place, d in enumerate(documents[:n].tolist())]
        start = f"{one_word(query)} Q0"
        ranked = enumerate(zip(listed, scores[:n].tolist(), strict=True), 1)
        lines += [f"{start} {d} {rank} {s} {tag}\n" for rank, (d, s) in ranked]
    return "".join(lines)


def qrels_text(result: Scored) -> str:
    """The relevant documents of every query: query, 0, document, gain as a whole number, as trec_eval takes it.

    Gains with decimals are multiplied by the smallest power of ten that makes them whole, which changes no metric.
    """
    q = result.queries
    names = [one_word(name) for name in result.documents.ids]
    gains = whole_gains(q.relevant_gains)
    lines = []
    for query, (start, stop) in zip(q.ids, pairwise(q.relevant_indptr.tolist()), strict=True):
        pairs = zip(q.relevant_documents[start:stop].tolist(), gains[start:stop], strict=False)
        lines += [f"{one_word(query)} 0 {names[d]} {gain}\n" for d, gain in pairs]
    return "".join(lines)


def whole_gains(gains: Float64Array) -> list[int]:
    """The gains times 1, 10, 100, ..., whichever first makes them whole, at most 1,000,000; 1 at least.

    >>> whole_gains(np.array([1.0, 2.0])), whole_gains(np.array([0.5, 1.0]))
    ([1, 2], [5, 10])
    """
    for scale in 10.0 ** np.arange(_MOST_DECIMALS + 1):
        scaled = gains * scale
        whole = np.maximum(np.rint(scaled), 1.0)
        if np.allclose(whole, scaled, rtol=1e-9, atol=0.0):
            break
    return [int(gain) for gain in whole]
