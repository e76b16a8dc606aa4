"""Texts to vectors: each distinct text once, only those that are not in the store, and nothing lost when interrupted.

Texts are encoded longest first, so that a batch that does not fit into memory is met at once; the batch size is then
halved and the run goes on. What is done is written to the store every 1,000 texts or ten seconds.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embedscope.data.collection import Collection
from embedscope.errors import EmbedscopeError, InvalidEmbeddingsError, InvalidOptionError
from embedscope.machine import is_out_of_memory, release_device_memory
from embedscope.models.cache import EmbeddingStore, text_keys
from embedscope.protocols import (
    Encoder,
    Float32Array,
    Float64Array,
    IntArray,
    ProgressCallback,
    Work,
    WorkCallback,
)
from embedscope.result import ModelFacts

if TYPE_CHECKING:
    from embedscope.models.model import Model

FLUSH_TEXTS = 1000
FLUSH_SECONDS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Vectors of a collection, ready to be compared by their inner product, and where they come from.

    Unit rows where the similarity is the cosine; rows as they are where it is the dot product.

    ``n_encoded`` and ``n_cached`` count distinct texts (a text with two prompts counts twice).
    """

    queries: Float32Array  # (Q, dim), in the order of Collection.queries
    documents: Float32Array  # (N, dim), in the order of Collection.documents
    facts: ModelFacts
    n_encoded: int = 0
    n_cached: int = 0
    elapsed_s: float = 0.0

    @property
    def similarity(self) -> str:
        """ "cosine" or "dot"."""
        return self.facts.similarity


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTexts:
    """Pooled vectors of texts, not normalised, and how many of the distinct texts were in the store."""

    vectors: Float32Array  # (n, dim), in the order of the texts
    n_encoded: int
    n_cached: int


def _silent(done: int, total: int, message: str | None = None) -> None:
    """Reports nothing."""


def encode_texts(
    texts: Sequence[str],
    encoder: Encoder,
    store: EmbeddingStore | None = None,
    *,
    batch_size: int = 32,
    progress: ProgressCallback | None = None,
    prompt: str = "",
) -> EncodedTexts:
    """Pooled vectors of ``texts``, each distinct text encoded once and only where the store lacks it.

    Parameters
    ----------
    texts : sequence of str
        Compared and encoded in Unicode NFC.
    store : EmbeddingStore, optional
        Nothing is kept without one.
    batch_size : int
        Texts encoded at a time, at most; halved where a batch does not fit into memory.
    progress : callable, optional
        Told the number of distinct texts done and to do; also when the batch size is halved.
    prompt : str
        Put before each text; part of its identity.

    Raises
    ------
    InvalidOptionError
        If ``batch_size`` is not positive, or the encoder takes no prompt and one is given.
    InvalidEmbeddingsError
        If the encoder gives vectors of another shape, or numbers that are not finite.
    EmbedscopeError
        If a single text does not fit into memory.
    """
    if batch_size < 1:
        raise InvalidOptionError(f"--batch-size is {batch_size}; expected 1 or more texts a batch.")
    if prompt:
        if not hasattr(encoder, "with_prompt"):
            raise InvalidOptionError(
                f"{type(encoder).__name__} takes no prompt, but the prompt {prompt!r} was asked for."
            )
        encoder = encoder.with_prompt(prompt)
    keys, first, inverse = np.unique(text_keys(texts), axis=0, return_index=True, return_inverse=True)
    distinct = [unicodedata.normalize("NFC", texts[row]) for row in first]
    store = store if store is not None else EmbeddingStore(is_enabled=False)
    found = store.find(encoder.fingerprint, keys, dim=encoder.dim)
    vectors = np.empty((len(distinct), encoder.dim), dtype=np.float32)
    vectors[found.rows] = found.vectors
    to_do = np.setdiff1d(np.arange(len(distinct)), found.rows)
    tell = progress or _silent
    pending: list[int] = []
    done, last_flush = len(found.rows), time.monotonic()
    tell(done, len(distinct))
    try:
        for batch, encoded in _batches(distinct, to_do, encoder, batch_size, tell):
            vectors[batch] = encoded
            pending.extend(batch.tolist())
            done += len(batch)
            tell(done, len(distinct))
            if len(pending) >= FLUSH_TEXTS or time.monotonic() - last_flush >= FLUSH_SECONDS:
                store.add(encoder.fingerprint, keys[pending], vectors[pending])
                pending, last_flush = [], time.monotonic()
    finally:  # what is done is kept, also when the run is interrupted
        store.add(encoder.fingerprint, keys[pending], vectors[pending])
    return EncodedTexts(vectors[inverse.reshape(-1)], n_encoded=len(to_do), n_cached=len(found.rows))


def _batches(
    texts: Sequence[str], rows: IntArray, encoder: Encoder, batch_size: int, progress: ProgressCallback
) -> Iterator[tuple[IntArray, Float32Array]]:
    """Batches of rows with their vectors; a batch that does not fit into memory is tried again at half the size."""
    to_do = _ToDo.of([texts[row] for row in rows], encoder)
    n_done_before = len(texts) - len(rows)
    start = 0
    while start < len(rows):
        batch = to_do.batch(start, batch_size)
        try:
            encoded = to_do.encode(batch, batch_size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            release_device_memory()
            if len(batch) == 1:
                raise EmbedscopeError(
                    f"A single text of {len(to_do.texts[batch[0]]):,} characters does not fit into memory. Pass "
                    f"--max-length to cut texts shorter, or --device cpu."
                ) from error
            batch_size = len(batch) // 2
            message = f"Out of memory: going on with {batch_size} texts a batch."
            progress(n_done_before + start, len(texts), message)
            continue
        found = _checked(encoded, to_do.texts, batch, encoder)
        start += len(batch)
        if to_do.tokenised is not None and isinstance(progress, WorkCallback):
            progress.work(to_do.work(start))
        yield rows[batch], found


@dataclass(frozen=True, slots=True, eq=False)
class _ToDo:
    """Texts to be encoded, longest first: by their tokens where the encoder counts them, else by their characters."""

    texts: Sequence[str]
    encoder: Any
    order: IntArray
    tokenised: Any = None  # None where the encoder counts no tokens
    spent: Float64Array = field(default_factory=lambda: np.zeros(1))  # (n + 1,): the cost of the texts before, in order
    n_tokens: IntArray = field(default_factory=lambda: np.zeros(1, np.int64))  # (n + 1,): their tokens

    @classmethod
    def of(cls, texts: Sequence[str], encoder: Any) -> _ToDo:
        tokenise = getattr(encoder, "tokenised", None)
        tokenised = None if tokenise is None or not texts else tokenise(texts)
        if tokenised is None:
            return cls(texts, encoder, np.argsort([-len(text) for text in texts], kind="stable"))
        order = np.argsort(-tokenised.n_tokens, kind="stable")
        sums = (np.concatenate([[0], np.cumsum(each[order])]) for each in (tokenised.cost, tokenised.n_tokens))
        return cls(texts, encoder, order, tokenised, *sums)

    def batch(self, start: int, batch_size: int) -> IntArray:
        """The texts from place ``start`` on that are encoded at a time.

        An encoder that works on several batches side by side (``n_parallel``) is given as many at a time.
        """
        if self.tokenised is not None:
            return self.order[start : start + self.tokenised.n_in_batch(self.order[start], batch_size)]
        return self.order[start : start + batch_size * getattr(self.encoder, "n_parallel", 1)]

    def encode(self, batch: IntArray, batch_size: int) -> Float32Array:
        if self.tokenised is not None:
            return np.asarray(self.encoder.encode_tokenised(self.tokenised, batch))
        return np.asarray(self.encoder.encode([self.texts[row] for row in batch], batch_size=batch_size))

    def work(self, n_done: int) -> Work:
        """What the first ``n_done`` texts were of the work."""
        return Work(float(self.spent[n_done]), float(self.spent[-1]), int(self.n_tokens[n_done]))


def _checked(vectors: Float32Array, texts: Sequence[str], rows: IntArray, encoder: Encoder) -> Float32Array:
    """``vectors`` once they are known to be finite and of the right shape: only such are kept in the store."""
    if vectors.shape != (len(rows), encoder.dim):
        raise InvalidEmbeddingsError(
            f"The encoder gave vectors of shape {vectors.shape} for {len(rows)} texts; "
            f"expected ({len(rows)}, {encoder.dim})."
        )
    is_finite = np.isfinite(vectors).all(axis=1)
    if not is_finite.all():
        raise InvalidEmbeddingsError(
            f"The encoder gave numbers that are not finite for {np.count_nonzero(~is_finite)} of {len(rows)} texts, "
            f"first: {texts[rows[int(np.argmin(is_finite))]][:80]!r}. Half precision overflows in some models: pass "
            f"--precision float32, and check the checkpoint for NaN."
        )
    return vectors


class Prompting(Protocol):
    """An encoder with the prompt of each role: a whole model, or the base of one in training."""

    @property
    def encoder(self) -> Encoder: ...
    @property
    def query_prompt(self) -> str: ...
    @property
    def document_prompt(self) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRoles:
    """Pooled vectors of queries and documents, not normalised, and how many of the distinct texts were in the store."""

    queries: Float32Array  # (Q, dim)
    documents: Float32Array  # (N, dim)
    n_encoded: int
    n_cached: int


def encode_roles(
    queries: Sequence[str],
    documents: Sequence[str],
    prompting: Prompting,
    store: EmbeddingStore | None = None,
    *,
    batch_size: int = 32,
    progress: ProgressCallback | None = None,
) -> EncodedRoles:
    """Pooled vectors of queries and documents, each behind the prompt of its role; raises as ``encode_texts``.

    A text that is a query and a document is encoded once where both roles have the same prompt.
    """
    roles = [(tuple(queries), prompting.query_prompt), (tuple(documents), prompting.document_prompt)]
    if prompting.query_prompt == prompting.document_prompt:
        roles = [((*queries, *documents), prompting.query_prompt)]
    parts = [
        encode_texts(texts, prompting.encoder, store, batch_size=batch_size, progress=progress, prompt=prompt)
        for texts, prompt in roles
    ]
    pooled = np.concatenate([part.vectors for part in parts])
    return EncodedRoles(
        pooled[: len(queries)],
        pooled[len(queries) :],
        n_encoded=sum(part.n_encoded for part in parts),
        n_cached=sum(part.n_cached for part in parts),
    )


Encode = Callable[[Sequence[str]], Float32Array]
"""Texts to rows of the space that is measured."""


def text_encoder(
    model: Model,
    store: EmbeddingStore | None = None,
    *,
    prompt: str,
    batch_size: int = 32,
    progress: ProgressCallback | None = None,
) -> Encode:
    """A function from changed texts to their vectors under ``model``, behind ``prompt``; only new ones are encoded."""

    def encode(texts: Sequence[str]) -> Float32Array:
        found = encode_texts(texts, model.encoder, store, batch_size=batch_size, progress=progress, prompt=prompt)
        return model.projector.project(found.vectors, what="changed text", ids=texts)

    return encode


def embed_collection(
    collection: Collection,
    model: Model,
    store: EmbeddingStore | None = None,
    *,
    batch_size: int = 32,
    progress: ProgressCallback | None = None,
) -> Embeddings:
    """Vectors of every query and document of ``collection``, as the model compares them.

    Raises
    ------
    InvalidEmbeddingsError
        If a text has no vector under the model (its vector is zero or not finite); its id is named.
    InvalidOptionError, EmbedscopeError
        As ``encode_texts``.
    """
    started = time.monotonic()
    pooled = encode_roles(
        collection.queries, collection.documents, model, store, batch_size=batch_size, progress=progress
    )
    project = model.projector.project
    return Embeddings(
        queries=project(pooled.queries, what="query", ids=collection.query_ids),
        documents=project(pooled.documents, what="document", ids=collection.document_ids),
        facts=model.facts,
        n_encoded=pooled.n_encoded,
        n_cached=pooled.n_cached,
        elapsed_s=time.monotonic() - started,
    )
