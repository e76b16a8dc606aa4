"""The vectors of a sample as each side gives them: norms and all, before anything is made a unit row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedscope.data.collection import Collection
from embedscope.log import Log
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import Prompting, encode_roles
from embedscope.models.model import Model
from embedscope.models.precomputed import is_precomputed_file, read_precomputed
from embedscope.models.projectors import Step
from embedscope.protocols import Float32Array, ProgressCallback
from embedscope.result import ModelFacts
from embedscope.settings import Settings
from embedscope.systems import load


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of the queries and documents of a sample, as they come."""

    queries: Float32Array  # (Q, dim)
    documents: Float32Array  # (N, dim)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.queries.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two ways to encode: where its vectors come from, and the model where there is one."""

    facts: ModelFacts
    vectors: Vectors
    model: Model | None = None  # None for precomputed vectors
    store: EmbeddingStore | None = None


def side_of(name: str, sample: Collection, settings: Settings, log: Log) -> Side:
    """The sample under the checkpoint or embedding file ``name``; raises as ``load`` and ``load_precomputed``."""
    if is_precomputed_file(name):
        found = read_precomputed(name, sample)
        log.model(found.facts)
        return Side(found.facts, Vectors(found.queries, found.documents))
    store, model = load(name, settings, log)
    with log.progress("Encoding", unit="texts") as progress:
        vectors = encoded(
            sample, model, model.projector.steps, store, batch_size=settings.model.batch_size, progress=progress
        )
    return Side(model.facts, vectors, model, store)


def encoded(
    sample: Collection,
    encoding: Prompting,
    steps: Sequence[Step],
    store: EmbeddingStore | None,
    *,
    batch_size: int,
    progress: ProgressCallback | None = None,
) -> Vectors:
    """The sample encoded in some way, after the steps of a head."""
    pooled = encode_roles(sample.queries, sample.documents, encoding, store, batch_size=batch_size, progress=progress)
    queries, documents = pooled.queries, pooled.documents
    for step in steps:
        queries, documents = step.apply(queries), step.apply(documents)
    return Vectors(queries, documents)
