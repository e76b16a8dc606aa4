"""A small sample of a collection: queries, what is relevant to them, and other documents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embedscope.data.collection import Collection, Negatives, keep_queries
from embedscope.metrics.judgments import Cells
from embedscope.protocols import IntArray


def sample_texts(collection: Collection, n: int, generator: np.random.Generator) -> Collection:
    """About ``n`` texts of ``collection``: up to half of them queries, the others documents, in their old order.

    Queries are drawn from those with a relevant document; the relevant documents come first, so that both sides can be
    ranked. Hard negatives are left out.

    Raises
    ------
    TooFewPointsError
        If fewer than two queries have a relevant document.
    """
    ranked = np.flatnonzero(np.diff(collection.indptr))
    n_queries = min(len(ranked), max(2, n // 2))
    chosen = keep_queries(collection, np.sort(generator.choice(ranked, size=n_queries, replace=False)))
    n_documents = min(len(collection.documents), max(2, n - n_queries))
    relevant = generator.permutation(np.unique(chosen.relevant))
    others = generator.permutation(np.setdiff1d(np.arange(len(collection.documents)), relevant))
    return _keep_documents(chosen, np.sort(np.concatenate([relevant, others])[:n_documents]))


def _keep_documents(collection: Collection, chosen: IntArray) -> Collection:
    """The collection with some of its documents, (n,) ascending; judgments of the others are left out."""
    place = np.full(len(collection.documents), -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    is_kept = place[collection.relevant] >= 0
    owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))[is_kept]
    counts = np.bincount(owners, minlength=len(collection.queries))
    own = collection.own
    if own is not None:
        kept = np.flatnonzero(place[own.documents] >= 0)
        own = Cells.of_pairs(own.query_of_pair[kept], place[own.documents[kept]], own.n_queries)
    return replace(
        collection,
        document_ids=tuple(collection.document_ids[d] for d in chosen),
        documents=tuple(collection.documents[d] for d in chosen),
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        relevant=place[collection.relevant[is_kept]],
        gains=collection.gains[is_kept],
        negatives=Negatives.none(),
        own=own,
        own_negatives=Negatives.none(),
    )
