"""Points and their two-dimensional maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from embedscope.protocols import BoolArray, Float32Array, IntArray, Role
from embedscope.result.codec import ENTRY_NAME, IF_ANY, UNWRITTEN, written

MAP_NAMES = {"tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True, slots=True, repr=False)
class Points:
    """What stands on the maps: M points, each a row of the query or of the document table."""

    roles: tuple[Role, ...]
    rows: IntArray  # (M,) row in QueryTable for Role.QUERY, else in DocumentTable
    link_queries: IntArray  # (L,) point index of a query ...
    link_documents: IntArray  # (L,) ... and of one of its relevant documents
    link_is_correct: BoolArray  # (L,)
    neighbor_ids: IntArray  # (M, k) point indices, nearest first, by cosine distance
    neighbor_distances: Float32Array  # (M, k) cosine distance = 1 - cosine similarity
    n_left_out: int  # points that exist but are not drawn (budget)
    themes: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Place of the broad theme of each point in ``Mapped.themes``, -1 for none, shape (M,); empty without themes."""

    def __repr__(self) -> str:
        return f"<{len(self.rows):,} points, {len(self.link_queries):,} links>"


@dataclass(frozen=True, slots=True)
class Theme:
    """A cluster of queries and documents in the space of the model, named by the words that set it apart.

    ``label_points`` holds, for each map on which half of the theme lies close together, the point (row of
    ``points.parquet``) amid that half; on another map its name would mislead.
    """

    name: str
    level: int  # 0: one of the broad ones, 1: one of the finer ones
    n_queries: int
    n_documents: int
    label_points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MapLayout:
    """A 2-D map of ``Points`` and how far it may be believed (Venna & Kaski 2001)."""

    name: str = field(metadata=ENTRY_NAME)  # "tsne" or "umap"
    xy: Float32Array = field(metadata=written(int, lambda layout, run: len(layout.xy), name="n"), repr=False)  # (M, 2)
    trustworthiness: float
    continuity: float
    k: int
    kept: Float32Array = field(
        metadata=UNWRITTEN, repr=False
    )  # (M,) share of the k original neighbours that are kept on the map
    elapsed_s: float
    parameters: Mapping[str, float | int | str]
    n_fitted: int | None = field(default=None, metadata=IF_ANY)  # the rest was placed by its neighbours; None: all


@dataclass(frozen=True, slots=True)
class MapAnimation:
    """One map a checkpoint, each started from the one before and turned onto it; the same points in all.

    ``moved`` is the median distance that a point went since the map before (0 for the first), and ``turnover`` the
    mean share of a point's neighbours in the original space that changed since then.
    """

    method: str  # "tsne" or "umap"
    names: tuple[str, ...]
    epochs: tuple[int, ...]
    points: Points
    maps: tuple[MapLayout, ...]
    moved: tuple[float, ...]
    turnover: tuple[float, ...]
