"""The geometry of a space of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embedscope.protocols import Float64Array, IntArray
from embedscope.result.codec import UNWRITTEN, written
from embedscope.result.estimate import Estimate

MAX_DIRECTIONS = 64
"""Directions of a spectrum that are listed: evenly spaced on the logarithmic axis on which it is read."""

LONGEST_HUB = 500
"""Characters of a hub's text."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Some principal directions, counted from 1, and their shares of the variance."""

    directions: IntArray
    shares: Float64Array

    @classmethod
    def of(cls, shares: Float64Array) -> Spectrum:
        """The directions that a file lists of those whose shares are given."""
        n = len(shares)
        spaced = np.geomspace(1, max(n, 1), MAX_DIRECTIONS).round().astype(np.int64)
        directions = np.unique(spaced[spaced <= n])
        return cls(directions, shares[directions - 1])


@dataclass(frozen=True, slots=True)
class Hub:
    """A document that stands in many lists, and in how many without being relevant."""

    id: str
    text: str
    occurrences: int
    wrong_occurrences: int


def _hubs(hubness: Hubness, run: Any) -> list[Hub]:
    if not run.documents.ids:  # a run that was read from its folder
        return []
    ids, texts = run.documents.ids, run.documents.texts
    rows = zip(hubness.hubs.tolist(), hubness.hub_occurrences, hubness.hub_wrong_occurrences, strict=True)
    return [Hub(ids[hub], texts[hub][:LONGEST_HUB], int(n), int(n_wrong)) for hub, n, n_wrong in rows]


@dataclass(frozen=True, slots=True)
class CloudShape:
    """The shape of one cloud of unit vectors: the queries or the documents of one space.

    ``effective_rank`` is RankMe, ``participation_ratio`` that of the covariance, ``n_directions`` the fewest
    principal directions that hold 90 % of the variance (both None where all vectors are equal). ``uniformity`` is
    exact where ``n_uniformity`` equals ``n``, else that of so many rows drawn at random. ``mean_cosine`` is over all
    pairs. ``spectrum`` holds the share of the variance of each principal direction, descending, shape (dim,).
    """

    n: int
    dim: int
    effective_rank: float
    participation_ratio: float | None
    n_directions: int | None
    uniformity: float
    n_uniformity: int
    mean_cosine: float
    spectrum: Float64Array = field(
        metadata=written(Spectrum, lambda cloud, run: Spectrum.of(cloud.spectrum)), repr=False
    )


@dataclass(frozen=True, slots=True)
class Hubness:
    """How the places among the queries' k nearest documents are shared out (Radovanovic et al. 2010).

    ``skewness`` is None where every document is listed equally often. ``chance_...`` is what lists drawn at random
    have. ``relevant_anti_hub_share`` is the share of documents with a query of their own that are in no list at all.
    Hubs are the documents that stand in most lists without being relevant, the worst first; rows of DocumentTable.
    """

    k: int
    skewness: float | None
    anti_hub_share: float
    gini: float
    chance_skewness: float | None
    chance_anti_hub_share: float
    chance_gini: float
    relevant_anti_hub_share: float
    hubs: IntArray = field(metadata=written(tuple[Hub, ...], _hubs))  # (H,) rows of DocumentTable
    hub_occurrences: IntArray = field(metadata=UNWRITTEN)  # (H,) lists that the hub stands in
    hub_wrong_occurrences: IntArray = field(metadata=UNWRITTEN)  # (H,) of these, lists of queries it is not relevant to


@dataclass(frozen=True, slots=True)
class SpaceGeometry:
    """One space: the model's own, the base model's, or a projection of the base to the same width.

    ``alignment`` is the mean squared distance of relevant pairs; ``centroid_distance`` and ``split_auc`` /
    ``split_accuracy`` (a held-out linear split, 0.5 is a guess) say how far queries and documents lie apart;
    ``overlap`` is the share of the base model's k nearest documents of a query that are also the nearest here, None
    for the base model itself and where there is none.
    """

    queries: CloudShape
    documents: CloudShape
    alignment: Estimate
    centroid_distance: float
    split_auc: Estimate
    split_accuracy: Estimate
    hubness: Hubness
    overlap: Estimate | None


@dataclass(frozen=True, slots=True)
class Geometry:
    """Geometry of the model's space beside those that it is held against: name -> space, "model" first."""

    spaces: Mapping[str, SpaceGeometry]
    k: int
