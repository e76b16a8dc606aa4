"""The one loop over the query x document matrix, in this process.

Blocks are matrix products into one reused buffer: memory stays at one block and what the accumulators keep, and the
product runs about twice as fast as when every block is allocated anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.numerics.streaming import Accumulator, TopK, TopKAccumulator
from embedscope.numerics.vectors import require_same_dim
from embedscope.protocols import FloatArray, ProgressCallback

QUERY_BLOCK = 128
DOCUMENT_BLOCK = 8192
"""Default block: 4 MiB of float32, measured quickest between 1 and 16 MiB; small enough to stay in cache while the
accumulators read it, large enough for the product."""


def for_each_block(
    queries: FloatArray,
    documents: FloatArray,
    consumers: Sequence[Accumulator],
    *,
    query_block: int = QUERY_BLOCK,
    document_block: int = DOCUMENT_BLOCK,
    query_offset: int = 0,
    document_offset: int = 0,
    progress: ProgressCallback | None = None,
) -> None:
    """Show every block of ``queries @ documents.T`` to every consumer.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), same dtype
        Unit rows (`vectors.unit_rows`), where the scores are to be cosines.
    consumers : sequence of Accumulator
        Each is updated with every block, rows of queries outermost, documents in rising order. A block is valid
        during the call only.
    query_block, document_block : int
        Rows and columns of a block.
    query_offset, document_offset : int
        Where these rows stand in the whole matrix, when they are a shard of it.
    progress : ProgressCallback, optional
        Is told after every block of rows how many queries are done.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    InvalidOptionError
        If a block would be empty.

    Notes
    -----
    Memory beyond the arguments: ``query_block * document_block`` scores, and up to three times as much scratch in
    the consumers.
    """
    require_same_dim(queries, documents)
    if query_block < 1 or document_block < 1:
        raise InvalidOptionError(f"Expected blocks of at least 1 x 1, got {query_block} x {document_block}.")
    shape = min(query_block, len(queries)), min(document_block, len(documents))
    buffer: FloatArray = np.empty(shape[0] * shape[1], dtype=np.result_type(queries, documents))
    for query_start in range(0, len(queries), query_block):
        rows = queries[query_start : query_start + query_block]
        for document_start in range(0, len(documents), document_block):
            columns = documents[document_start : document_start + document_block]
            block = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            np.matmul(rows, columns.T, out=block)
            for consumer in consumers:
                consumer.update(block, query_offset + query_start, document_offset + document_start)
        if progress is not None:
            progress(query_start + len(rows), len(queries))


def search_top_k(
    queries: FloatArray,
    documents: FloatArray,
    k: int,
    *,
    query_block: int = QUERY_BLOCK,
    document_block: int = DOCUMENT_BLOCK,
    progress: ProgressCallback | None = None,
) -> TopK:
    """The k best documents of every query by inner product, exact; ties go to the smaller index.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, dim), float32 or float64
    documents : ndarray of shape (n_documents, dim), same dtype
        Unit rows, where the scores are to be cosines.
    k : int
        At most ``n_documents`` are returned.
    query_block, document_block, progress
        As `for_each_block`.

    Returns
    -------
    TopK
        ``scores`` and ``documents`` of shape (n_queries, min(k, n_documents)).

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    InvalidOptionError
        If k is less than 1 or there are no documents.
    """
    require_same_dim(queries, documents)
    best = TopKAccumulator(len(queries), min(k, len(documents)), dtype=np.result_type(queries, documents))
    for_each_block(
        queries, documents, [best], query_block=query_block, document_block=document_block, progress=progress
    )
    return best.result()
