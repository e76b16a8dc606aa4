"""Collections of random texts with vectors that are built to show one thing: what the analysis has to find is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from embedscope.data.collection import Collection, Negative, Row, build_collection
from embedscope.log import SILENT, Log, Silent
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.models.embed import Embeddings
from embedscope.pipeline import TrainingFile, begin_maps, diagnose, measure, with_maps
from embedscope.result import Diagnosed, Mapped, ModelFacts, extended
from embedscope.settings import Settings
from embedscope.systems import Embedded

SETTINGS = Settings.of(draws=500, skip_tsne=True, skip_umap=True)
DIM = 64


def words(generator: np.random.Generator, n: int = 8) -> str:
    """Random words: two of these texts share few n-grams."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return " ".join("".join(generator.choice(letters, size=7)) for _ in range(n))


def rows_of(
    n_clusters: int,
    *,
    n_queries_each: int = 1,
    n_negatives: int = 3,
    shared_words: float = 0.0,
    types: Sequence[tuple[str, ...]] = ((),),
    weights: Sequence[float] = (1.0,),
    seed: int = 0,
) -> list[Row]:
    """Rows of ``n_clusters`` positives, each with its own queries and hard negatives.

    ``shared_words`` is the share of queries that repeat the words of their positive; the types and the weights are
    given to the hard negatives in turn.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for cluster in range(n_clusters):
        positive = words(generator)
        negatives = tuple(
            Negative(words(generator), types[i % len(types)], weights[i % len(weights)]) for i in range(n_negatives)
        )
        for _ in range(n_queries_each):
            own = words(generator, 3)
            query = f"{own} {positive}" if cluster < shared_words * n_clusters else own
            rows.append(Row(query, (positive,), negatives))
    return rows


def collection_of(n_clusters: int, **options: object) -> Collection:
    """The collection of `rows_of`."""
    return build_collection(rows_of(n_clusters, **options), format="planted")  # type: ignore[arg-type]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Unit rows in float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def documents_of(collection: Collection, *, seed: int = 1) -> np.ndarray:
    """A random direction for each document."""
    return unit(np.random.default_rng(seed).standard_normal((len(collection.documents), DIM)))


def first_positive(collection: Collection) -> np.ndarray:
    """The first relevant document of each query."""
    return collection.relevant[collection.indptr[:-1]]


def embedded(queries: np.ndarray, documents: np.ndarray, name: str = "planted.npz") -> Embeddings:
    """Vectors as a run hands them over."""
    return Embeddings(queries, documents, ModelFacts(checkpoint=name, layout="given", dim=documents.shape[1]))


def model(
    collection: Collection,
    *,
    similarity: float = 0.95,
    share_wrong: float = 0.0,
    share_random: float = 0.0,
    seed: int = 1,
    name: str = "planted.npz",
) -> Embeddings:
    """A model whose queries have the cosine ``similarity`` to their positive.

    The first ``share_wrong`` of the queries lie nearer to one of their hard negatives; the last ``share_random`` lie
    anywhere.
    """
    generator = np.random.default_rng(seed + 100)
    documents, n = documents_of(collection, seed=seed), len(collection.queries)
    positive = documents[first_positive(collection)].astype(np.float64)
    noise = generator.standard_normal(positive.shape)
    noise -= (noise * positive).sum(axis=1, keepdims=True) * positive
    queries = similarity * positive + np.sqrt(1 - similarity**2) * unit(noise)
    negatives = collection.negatives
    for query in range(round(share_wrong * n)):
        nearest = negatives.documents[np.flatnonzero(negatives.queries == query)[0]]
        queries[query] = positive[query] + 1.1 * documents[nearest]
    n_random = round(share_random * n)
    if n_random:
        queries[-n_random:] = generator.standard_normal((n_random, DIM))
    return embedded(unit(queries), documents, name)


def collapsed(collection: Collection, name: str = "collapsed.npz") -> Embeddings:
    """A model that gives every text the same vector."""
    row = unit(np.random.default_rng(3).standard_normal((1, DIM)))
    return embedded(
        np.repeat(row, len(collection.queries), axis=0), np.repeat(row, len(collection.documents), axis=0), name
    )


def analyse(
    collection: Collection,
    embeddings: Embeddings,
    *,
    settings: Settings = SETTINGS,
    base: Embeddings | None = None,
    baselines: Mapping[str, Embeddings] | None = None,
    train: tuple[str, Collection] | None = None,
    log: Log = SILENT,
) -> Mapped:
    """What is measured of a collection, and its maps; nothing is diagnosed."""
    embedded = Embedded(embeddings, base, baselines or {})
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    ranked = rank(collection, embeddings, query_set, settings)
    points, layouts = begin_maps(ranked, settings, log)
    training = None if train is None else TrainingFile(*train)
    scored = measure(collection, embedded, ranked, settings, training=training, log=log)
    return with_maps(extended(scored, Diagnosed), points, layouts)


def diagnosed(
    collection: Collection,
    embeddings: Embeddings,
    *,
    settings: Settings = SETTINGS,
    base: Embeddings | None = None,
    log: Log = SILENT,
) -> Diagnosed:
    """What is measured of a collection, and why its failures fail."""
    embedded = Embedded(embeddings, base)
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    ranked = rank(collection, embeddings, query_set, settings)
    scored = measure(collection, embedded, ranked, settings, log=log)
    return diagnose(scored, collection, embedded, ranked, settings, log=log)


class Heard(Silent):
    """A log that remembers every step."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


def findings_of(collection: Collection, embeddings: Embeddings, **options: object) -> Mapped:
    """What is measured with few draws and no maps."""
    return analyse(collection, embeddings, **options)  # type: ignore[arg-type]
