"""Themes: clusters of queries and documents in the space of the model, with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.diagnose.theme_names import TermCounts
from embedscope.metrics.threads import one_thread_loops
from embedscope.protocols import Float32Array, IntArray

LEAST_TEXTS = 40
"""Queries and documents below which there are no themes: each would be a handful."""

MAX_THEMES, N_FINER = 16, 4
"""Themes at most, and finer ones for each of them."""

_LEAST_FINER = 12  # texts for each finer theme
_MAX_FITTED = 5_000  # texts that centroids and names come from; the others go to the nearest centroid
_STARTS, _STEPS = 3, 25


@dataclass(frozen=True, slots=True)
class ThemeLevel:
    """Themes of one fineness: their names, and the theme of each text, -1 where its cluster has no name."""

    names: tuple[str, ...]
    queries: IntArray  # (Q,)
    documents: IntArray  # (N,)


@dataclass(frozen=True, slots=True)
class TextVectors:
    """Texts of one role and their unit rows."""

    texts: Sequence[str]
    vectors: Float32Array


def find_themes(queries: TextVectors, documents: TextVectors, *, seed: int) -> tuple[ThemeLevel, ...]:
    """Clusters of queries and documents alike, the broad ones and then finer ones; () for few texts.

    The same whatever the order of the texts. There are about a third of the root of their number of broad ones.
    """
    texts = [*queries.texts, *documents.texts]
    n, n_queries = len(texts), len(queries.texts)
    if n < LEAST_TEXTS:
        return ()
    order = np.array(sorted(range(n), key=lambda row: (texts[row], row >= n_queries)))
    fitted = order if n <= _MAX_FITTED else order[np.linspace(0, n - 1, _MAX_FITTED).astype(np.int64)]
    is_document = fitted >= n_queries
    vectors = np.empty((len(fitted), queries.vectors.shape[1]), dtype=np.float32)
    vectors[~is_document] = queries.vectors[fitted[~is_document]]
    vectors[is_document] = documents.vectors[fitted[is_document] - n_queries]
    terms = TermCounts([texts[row] for row in fitted], is_document.tolist())
    n_broad = int(np.clip(round(np.sqrt(n) / 3), 2, MAX_THEMES))
    levels: list[ThemeLevel] = []
    for n_clusters, starts in ((n_broad, _STARTS), (N_FINER * n_broad, 1)):
        if levels and n < _LEAST_FINER * n_clusters:
            break
        of_fitted, of_query, of_document = _clusters(
            (vectors, queries.vectors, documents.vectors), n_clusters, seed=seed, starts=starts
        )
        names = terms.names(of_fitted.tolist(), [name for level in levels for name in level.names])
        place = np.full(n_clusters, -1, dtype=np.int64)
        place[list(names)] = np.arange(len(names))
        levels.append(ThemeLevel(tuple(names.values()), place[of_query], place[of_document]))
    return tuple(levels)


def _clusters(rows: Sequence[Float32Array], n_clusters: int, *, seed: int, starts: int) -> list[IntArray]:
    """k-means cluster of each row of each array; centroids come from the first array."""
    import faiss

    fitted = np.ascontiguousarray(rows[0], dtype=np.float32)
    kmeans = faiss.Kmeans(
        fitted.shape[1],
        n_clusters,
        niter=_STEPS,
        nredo=starts,
        seed=seed % 2**31,  # a C int
        min_points_per_centroid=1,  # below 39 it would print a warning, and above 256 leave rows out
        max_points_per_centroid=len(fitted),
    )
    with one_thread_loops():  # short ones: beside maps, threads would wait for one another
        kmeans.train(fitted)
        found = [kmeans.assign(np.ascontiguousarray(each, dtype=np.float32))[1] for each in rows]
    return [labels.astype(np.int64) for labels in found]
