"""Models of which every word's part in a vector is known: sums of word vectors, with planted faults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from embedscope.data.collection import Collection, Row, build_collection
from embedscope.data.text_features import words
from embedscope.log import SILENT, Log
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import Ranked, rank
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import embed_collection
from embedscope.models.model import Model
from embedscope.models.projectors import Identity
from embedscope.pipeline import diagnose, measure
from embedscope.result import Diagnosed, ModelFacts
from embedscope.settings import Settings
from embedscope.systems import Embedded

DIM = 256
SETTINGS = Settings.of(draws=500, skip_tsne=True, skip_umap=True, explain=10_000)


@cache
def word_vector(word: str) -> np.ndarray:
    """A random direction, the same for the same word; nearly orthogonal to those of others."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32) / np.float32(DIM**0.5)


class WordBag:
    """An `Encoder`: the sum of the vectors of a text's words, each times its weight.

    ``weight`` is asked for the weight of a word; a word of weight 0 is not seen. ``read_as`` names words that are read
    as others.
    """

    dim = DIM

    def __init__(
        self, weight: Callable[[str], float] = lambda word: 1.0, *, read_as: Mapping[str, str] | None = None
    ) -> None:
        self._weight, self._read_as = weight, read_as or {}
        self.n_encoded = 0

    @property
    def fingerprint(self) -> str:
        return f"word bag {id(self)}"

    def encode(self, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
        self.n_encoded += len(texts)
        return np.array([self._vector(words(text)) for text in texts], dtype=np.float32).reshape(-1, DIM)

    def _vector(self, read: Iterable[str]) -> np.ndarray:
        return sum(
            (self._weight(word) * word_vector(self._read_as.get(word, word)) for word in read),
            np.zeros(DIM, dtype=np.float32),
        )


def model_of(encoder: WordBag) -> Model:
    """The encoder as a model whose vectors are compared by their cosine."""
    return Model(encoder, Identity(DIM), ModelFacts(checkpoint="word bag", layout="none", dim=DIM))  # type: ignore[arg-type]


def collection_of(rows: Iterable[tuple[str, str]], *more: str) -> Collection:
    """Pairs of a query and its document, and further documents."""
    extra = {f"more{place}": text for place, text in enumerate(more)}
    return build_collection([Row(query, (own,)) for query, own in rows], format="planted", extra_documents=extra)


def ranked_under(collection: Collection, model: Model, settings: Settings = SETTINGS) -> Ranked:
    """The collection ranked by the model."""
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    return rank(collection, embed_collection(collection, model), query_set, settings)


def diagnosed_under(
    collection: Collection,
    model: Model,
    settings: Settings = SETTINGS,
    *,
    store: EmbeddingStore | None = None,
    log: Log = SILENT,
) -> Diagnosed:
    """What is diagnosed of the collection under the model, explanations included."""
    embeddings = embed_collection(collection, model, store)
    embedded = Embedded(embeddings, model=model, store=store or EmbeddingStore(is_enabled=False))
    ranked = ranked_under(collection, model, settings)
    scored = measure(collection, embedded, ranked, settings)
    return diagnose(scored, collection, embedded, ranked, settings, log=log)
