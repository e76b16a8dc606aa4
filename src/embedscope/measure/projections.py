"""What a head of some width is held against: PCA of the base model, and a random projection of it."""

from __future__ import annotations

import numpy as np

from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, IntArray
from embedscope.settings import SimilarityFunction


def projected_spaces(
    base: Embeddings, rows: IntArray, width: int, generator: np.random.Generator
) -> dict[str, tuple[Float32Array, Float32Array]]:
    """The base model projected to ``width`` by PCA and at random: name -> (queries ``rows``, documents).

    Unit rows, or as they are where the base model is compared by dot product.

    A head that ranks no better than either has learnt nothing that its width alone would not give. Nothing where the
    base model is not wider.
    """
    if width >= base.documents.shape[1]:
        return {}
    project = _project if base.similarity == SimilarityFunction.COSINE else np.matmul
    return {
        name: (project(base.queries[rows], weights), project(base.documents, weights))
        for name, weights in _projections(base.documents, width, generator).items()
    }


def _projections(documents: Float32Array, width: int, generator: np.random.Generator) -> dict[str, Float32Array]:
    """Maps of shape (dim, width): the principal directions of the documents, and random ones of the same number."""
    random = generator.standard_normal((documents.shape[1], width))
    return {"PCA": principal_directions(documents)[:, :width], "random": random.astype(np.float32)}


def principal_directions(documents: Float32Array) -> Float32Array:
    """Eigenvectors of the covariance of the documents, columns of shape (dim, dim), by falling variance."""
    total, gram = sum_and_gram(documents)
    mean = total / len(documents)
    _, directions = np.linalg.eigh(gram / len(documents) - np.outer(mean, mean))  # ascending
    return np.asarray(directions[:, ::-1], dtype=np.float32)


def _project(vectors: Float32Array, weights: Float32Array) -> Float32Array:
    projected = vectors @ weights
    norms = np.linalg.norm(projected, axis=1, keepdims=True)
    unit: Float32Array = projected / np.maximum(norms, 1e-12)  # a row that is projected to nothing stays zero
    return unit
