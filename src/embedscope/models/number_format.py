"""bfloat16 on a processor: whether it is worth asking for, and how far it moves vectors and ranks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from embedscope.data.collection import Collection
from embedscope.machine import bfloat16_instructions
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import Embeddings, encode_roles
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.model import Model
from embedscope.protocols import BoolArray, Float32Array
from embedscope.settings import Backend, Device, Precision

_SECONDS_WORTH_A_LINE = 10.0
_QUERIES, _DOCUMENTS = 32, 128


@dataclass(frozen=True, slots=True)
class Shift:
    """What a number format changes on a few texts, beside float32."""

    n_queries: int
    n_documents: int
    least_cosine: float  # between the two vectors of a text, over the texts
    mrr: tuple[float, float]  # in float32, and in the format; of these queries among these documents


def precision_line(
    model: Model, collection: Collection, found: Embeddings, store: EmbeddingStore | None, *, batch_size: int
) -> str | None:
    """One line on bfloat16, where there is something to say: that it would be quicker, or what it changed."""
    encoder = model.encoder
    if not isinstance(encoder, SentenceTransformerEncoder) or encoder.device != Device.CPU:
        return None
    if encoder.dtype == Precision.BFLOAT16:
        moved = shift(model, collection, store, batch_size=batch_size)
        if moved is None:
            return None
        return (
            f"bfloat16 beside float32, on {moved.n_queries} queries and {moved.n_documents} documents: the cosine of a "
            f"text's two vectors is {moved.least_cosine:.4f} or more; MRR {moved.mrr[0]:.4f} -> {moved.mrr[1]:.4f}"
        )
    is_slow = found.n_encoded > 0 and found.elapsed_s >= _SECONDS_WORTH_A_LINE
    if not is_slow or encoder.dtype != Precision.FLOAT32 or encoder.backend is not Backend.TORCH:
        return None
    names = bfloat16_instructions()
    return f"This processor has {' and '.join(names)}: --precision bfloat16 encodes faster" if names else None


def shift(model: Model, collection: Collection, store: EmbeddingStore | None, *, batch_size: int) -> Shift | None:
    """The first queries with their relevant documents, and the first other ones, under ``model`` and in float32.

    A rank is ``1 + (documents with a greater score) + (others with the same) / 2``, of the best relevant document.
    None where no query has a relevant document, or ``model`` is of no number format.
    """
    encoder = model.encoder
    rows = np.flatnonzero(np.diff(collection.indptr) > 0)[:_QUERIES]
    if not isinstance(encoder, SentenceTransformerEncoder) or not len(rows):
        return None
    relevant = [collection.relevant[collection.indptr[row] : collection.indptr[row + 1]] for row in rows]
    others = np.arange(min(_DOCUMENTS, len(collection.documents)))
    documents = np.unique(np.concatenate([*(each[:2] for each in relevant), others]))[: 2 * _DOCUMENTS]
    exact = replace(model, encoder=replace(encoder, dtype=Precision.FLOAT32.value, loaded=[]))
    vectors = []
    for each in (exact, model):
        texts = [collection.queries[row] for row in rows], [collection.documents[row] for row in documents]
        pooled = encode_roles(*texts, each, store, batch_size=batch_size)
        vectors.append((model.projector.project(pooled.queries), model.projector.project(pooled.documents)))
    is_relevant = np.stack([np.isin(documents, each) for each in relevant])
    before, after = (np.concatenate(pair) for pair in vectors)
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosines = (before * after).sum(axis=1) / lengths
    mrr = (_mrr(*vectors[0], is_relevant), _mrr(*vectors[1], is_relevant))
    return Shift(len(rows), len(documents), float(cosines.min()), mrr)


def _mrr(queries: Float32Array, documents: Float32Array, is_relevant: BoolArray) -> float:
    """Mean reciprocal rank of the best relevant document, over the queries that have one here."""
    has_relevant = is_relevant.any(axis=1)
    scores, is_relevant = (queries @ documents.T)[has_relevant], is_relevant[has_relevant]
    best = np.where(is_relevant, scores, -np.inf).max(axis=1, keepdims=True)
    ranks = 1 + (scores > best).sum(axis=1) + ((scores == best) & ~is_relevant).sum(axis=1) / 2
    return float((1 / ranks).mean())
