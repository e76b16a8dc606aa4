"""Geometry of a run: the model's space beside the base model's, and what the head lost on the way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embedscope.measure.linear_split import LinearSplit, linear_split
from embedscope.measure.neighbor_lists import chance_hubness, hubness, k_occurrences, overlap_at_k, wrong_occurrences
from embedscope.measure.space_statistics import (
    alignment_by_pair,
    centroid_distance,
    mean_cosine_of_pairs,
    spectrum,
    uniformity,
)
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import search_top_k
from embedscope.metrics.norms import directions_of
from embedscope.metrics.threads import one_thread_products
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import CloudShape, Estimate, Geometry, Hubness, SpaceGeometry
from embedscope.stats.resampler import Resampler

MODEL, BASE = "model", "base"
N_NEIGHBORS = 10
N_HUBS = 10

Space = tuple[Float32Array, Float32Array]
"""Query rows of shape (Q, dim) and document rows of shape (N, dim), as their model compares them."""


@one_thread_products()
def measure_geometry(
    spaces: Mapping[str, Space],
    judgments: Judgments,
    resampler: Resampler,
    *,
    generator: np.random.Generator,
    ranking: IntArray | None = None,
) -> Geometry:
    """The shape of each space, how queries lie to documents in it, its hubs, and the neighbours it keeps.

    Shapes are those of the directions: alignment, uniformity and the mean cosine are defined on the sphere. Hubs and
    neighbours are those of the ranking, by dot product where the model compares so.

    Parameters
    ----------
    spaces : mapping of name to (queries, documents)
        ``"model"`` and, where there is one, ``"base"``, to whose neighbours the others are compared; references such
        as ``"PCA"`` and ``"random"`` may follow. All over the same queries and documents.
    judgments, resampler
        Of these queries, each of which has a relevant document, and of their clusters.
    generator : numpy.random.Generator
        One number is drawn from it: every space has the same rows drawn and the same folds dealt.
    ranking : ndarray of shape (Q, k'), int64, optional
        The ranked lists of the model: where they are long enough, its neighbours are not searched again.
    """
    k = min(N_NEIGHBORS, int(judgments.n_ranked.min()))
    seed = int(generator.integers(2**63))
    neighbors = {
        name: ranking[:, :k]
        if name == MODEL and ranking is not None and ranking.shape[1] >= k
        else search_top_k(*space, k, excluded=judgments.excluded).documents
        for name, space in spaces.items()
    }
    before = neighbors.get(BASE)
    directions = {name: tuple(map(directions_of, space)) for name, space in spaces.items()}
    return Geometry(
        spaces={
            name: SpaceGeometry(
                queries=_cloud(queries, seed),
                documents=_cloud(documents, seed),
                alignment=_alignment(queries, documents, judgments, resampler),
                centroid_distance=centroid_distance(queries, documents),
                **_split(linear_split(queries, documents, generator=np.random.default_rng(seed))),
                hubness=_hubness(neighbors[name], judgments),
                overlap=None
                if before is None or name == BASE
                else resampler.means({"overlap": overlap_at_k(before, neighbors[name])})["overlap"],
            )
            for name, (queries, documents) in directions.items()
        },
        k=k,
    )


def _cloud(vectors: Float32Array, seed: int) -> CloudShape:
    directions = spectrum(vectors)
    evenness = uniformity(vectors, generator=np.random.default_rng(seed))
    return CloudShape(
        n=len(vectors),
        dim=vectors.shape[1],
        effective_rank=directions.effective_rank,
        participation_ratio=directions.participation_ratio,
        n_directions=directions.n_directions,
        uniformity=evenness.value,
        n_uniformity=evenness.n_rows,
        mean_cosine=mean_cosine_of_pairs(vectors),
        spectrum=directions.shares,
    )


def _alignment(queries: Float32Array, documents: Float32Array, judgments: Judgments, resampler: Resampler) -> Estimate:
    rows = judgments.query_of_pair
    distances = alignment_by_pair(queries, documents, rows, judgments.documents)
    sums = np.bincount(rows, weights=distances, minlength=judgments.n_queries)
    (figure,) = resampler.ratio(np.column_stack([sums, judgments.n_relevant]))
    return figure


def _split(found: LinearSplit | None) -> dict[str, Estimate]:
    if found is None:
        absent = Estimate.absent("too few queries or documents to hold a part out, or they do not vary")
        return {"split_auc": absent, "split_accuracy": absent}
    return {"split_auc": Estimate(found.auc), "split_accuracy": Estimate(found.accuracy)}


def _hubness(neighbors: IntArray, judgments: Judgments) -> Hubness:
    n_documents = judgments.n_documents
    counts = k_occurrences(neighbors, n_documents)
    wrong = wrong_occurrences(neighbors, judgments.are_relevant(neighbors), n_documents)
    found = hubness(counts)
    chance = chance_hubness(len(neighbors), neighbors.shape[1], n_documents)
    hubs = np.lexsort((-counts, -wrong))[:N_HUBS]
    hubs = hubs[wrong[hubs] > 0]
    return Hubness(
        k=neighbors.shape[1],
        skewness=found.skewness,
        anti_hub_share=found.anti_hub_share,
        gini=found.gini,
        chance_skewness=chance.skewness,
        chance_anti_hub_share=chance.anti_hub_share,
        chance_gini=chance.gini,
        relevant_anti_hub_share=float(np.mean(counts[np.unique(judgments.documents)] == 0)),
        hubs=hubs,
        hub_occurrences=counts[hubs],
        hub_wrong_occurrences=wrong[hubs],
    )
