"""An index whose documents are encoded in several ways, as one matrix of vectors.

Each part of the documents has its own form of the queries. Put beside one another, with zeros where a document is not
of the part, the inner product of a query and a document is that of the document's own part, so that one pass ranks them
all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.protocols import Float32Array, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class IndexPart:
    """Some documents of an index with the queries that search them; scores are ``scale * <q, d> + shift``."""

    rows: IntArray  # (n,) of the collection
    queries: Float32Array  # (Q, d)
    documents: Float32Array  # (N, d), of which ``rows`` are used
    scale: float = 1.0
    shift: float = 0.0


def joined(parts: Sequence[IndexPart]) -> tuple[Float32Array, Float32Array]:
    """Queries (Q, D) and documents (N, D) whose inner products are the scores of the parts, float32.

    ``rows`` of the parts are all rows of the collection, each once.
    """
    widths = [part.queries.shape[1] for part in parts]
    has_shift = any(part.shift for part in parts)
    n_queries, n_documents = len(parts[0].queries), sum(len(part.rows) for part in parts)
    queries = np.ones((n_queries, sum(widths) + has_shift), dtype=np.float32)
    documents = np.zeros((n_documents, sum(widths) + has_shift), dtype=np.float32)
    start = 0
    for part, width in zip(parts, widths, strict=True):
        columns = slice(start, start + width)
        queries[:, columns] = part.queries * np.float32(part.scale)
        documents[part.rows, columns] = part.documents[part.rows]
        if has_shift:
            documents[part.rows, -1] = part.shift
        start += width
    return queries, documents


@dataclass(frozen=True, slots=True)
class Level:
    """Mean and standard deviation of the scores of all pairs of queries and documents."""

    mean: float
    std: float

    @classmethod
    def of(cls, queries: Float32Array, documents: Float32Array) -> Level:
        """``mean = mean(q) . mean(d)``; ``mean of squares = tr((Q'Q / n) (D'D / N))``, in float64, without a pair."""
        (query_sum, query_gram), (document_sum, document_gram) = sum_and_gram(queries), sum_and_gram(documents)
        n_pairs = len(queries) * len(documents)
        mean = float(query_sum @ document_sum) / n_pairs
        square = float((query_gram * document_gram).sum()) / n_pairs
        return cls(mean, float(np.sqrt(max(square - mean**2, 0.0))))
