"""A small collection with random base vectors: enough to train on in a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedscope.data.collection import Collection, Negative, Row, build_collection
from embedscope.protocols import Float32Array
from embedscope.settings import TrainSettings
from embedscope.train import TrainingData, Validator, training_data
from embedscope.train.selection import measures_of

DIM = 12


def rows(
    n: int = 30, *, n_negatives: int = 2, n_shared: int = 0, weights: Sequence[float] = (1.0, 2.0, 0.5)
) -> list[Row]:
    """``n`` queries, each with a positive and negatives of its own; the last ``n_shared`` share one positive."""
    return [
        Row(
            f"query {i}",
            (f"positive {min(i, n - n_shared)}",),
            tuple(
                Negative(f"negative {i}.{k}", (("price",), ("area",))[k % 2], weights[(i + k) % len(weights)])
                for k in range(n_negatives)
            ),
        )
        for i in range(n)
    ]


def collection(n: int = 30, **options: object) -> Collection:
    """The collection of `rows`."""
    return build_collection(rows(n, **options), format="tiny")  # type: ignore[arg-type]


def vectors(c: Collection, *, seed: int = 0, dim: int = DIM) -> tuple[Float32Array, Float32Array]:
    """Pooled vectors in which a positive is its query, turned by one fixed map and blurred: something to learn."""
    generator = np.random.default_rng(seed)
    queries = generator.standard_normal((len(c.queries), dim))
    documents = generator.standard_normal((len(c.documents), dim))
    turn = np.linalg.qr(generator.standard_normal((dim, dim)))[0]
    owner = np.repeat(np.arange(len(c.queries)), np.diff(c.indptr))
    documents[c.relevant] = queries[owner] @ turn + 0.3 * generator.standard_normal((len(owner), dim))
    return queries.astype(np.float32), documents.astype(np.float32)


def data(c: Collection, **options: bool) -> TrainingData:
    """Training data of ``c`` over those vectors."""
    return training_data(c, *vectors(c), **options)[0]


def validator(c: Collection, options: TrainSettings) -> Validator:
    """Measures heads on ``c`` itself."""
    return Validator(c, *vectors(c), measures=measures_of(options), seed=options.seed, n_draws=options.n_draws)


def options(**changes: object) -> TrainSettings:
    """Options of a short run."""
    settings: dict[str, object] = {"epochs": 4, "batch_size": 8, "d_out": 6, "learning_rate": 1e-2, "n_draws": 100}
    return TrainSettings(**(settings | changes))  # type: ignore[arg-type]
