"""Clusters of an embedding space, named by the words that set each apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from embedscope.data.text_features import words
from embedscope.metrics.threads import one_thread_loops
from embedscope.protocols import Float32Array, IntArray

N_WORDS = 3

_STARTS, _STEPS = 3, 25


def cluster_rows(vectors: Float32Array, n_clusters: int, *, seed: int) -> IntArray:
    """k-means cluster of each unit row, shape (n,); the same for the same seed.

    Raises nothing for few rows: there are at most as many clusters as rows.
    """
    import faiss

    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    n_clusters = min(n_clusters, len(rows))
    fitted = faiss.Kmeans(
        rows.shape[1],
        n_clusters,
        niter=_STEPS,
        nredo=_STARTS,
        seed=seed % 2**31,  # a C int
        min_points_per_centroid=1,  # below 39 it would print a warning, and above 256 leave rows out
        max_points_per_centroid=len(rows),
    )
    with one_thread_loops():  # short ones: beside maps, threads would wait for one another
        fitted.train(rows)
        return np.asarray(fitted.assign(rows)[1], dtype=np.int64)


def name_clusters(texts: Sequence[str], labels: IntArray) -> dict[int, str]:
    """The words that distinguish each cluster, the strongest first: "red sports car".

    Class-based TF-IDF: ``tf(t, c) * log(1 + A / f(t))`` with tf the share of t among the words of cluster c, f its
    count over all clusters, and A the mean number of words a cluster (Grootendorst, arXiv:2203.05794, 2022). Each
    text counts a word once.
    """
    by_cluster: dict[int, Counter[str]] = {int(label): Counter() for label in np.unique(labels)}
    for text, label in zip(texts, labels.tolist(), strict=True):
        by_cluster[label].update(set(words(text)))
    total: Counter[str] = Counter()
    for counts in by_cluster.values():
        total.update(counts)
    mean_words = sum(total.values()) / max(len(by_cluster), 1)
    return {
        label: " ".join(_strongest(counts, total, mean_words)) or f"cluster {label}"
        for label, counts in by_cluster.items()
    }


def _strongest(counts: Counter[str], total: Counter[str], mean_words: float) -> list[str]:
    n = max(sum(counts.values()), 1)
    weight = {word: count / n * float(np.log1p(mean_words / total[word])) for word, count in counts.items()}
    return sorted(weight, key=lambda word: (-weight[word], word))[:N_WORDS]
