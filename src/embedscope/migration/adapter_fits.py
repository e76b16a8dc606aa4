"""Adapters from NEW to OLD, fitted so that no document is scored by a map that has seen it.

The documents are divided at random into two halves. A map is fitted on each; a document of one half is scored by the
map of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, identity
from embedscope.errors import TooFewPointsError
from embedscope.metrics.vectors import unit_rows
from embedscope.migration.model_swap import IndexPart, ModelSwap
from embedscope.migration.space_adapters import SpaceAdapter, affine_adapter, orthogonal_adapter
from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.result import AdapterFit, PathKind
from embedscope.settings import Settings
from embedscope.stats.resampler import Resampler

FITS = {PathKind.ORTHOGONAL: orthogonal_adapter, PathKind.AFFINE: affine_adapter}
_FEWEST = 2
_BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class HalvedAdapter:
    """Two maps of one kind, and which documents each of them may score."""

    adapters: tuple[SpaceAdapter, SpaceAdapter]
    scored: tuple[IntArray, IntArray]  # documents of the other half, by map
    fit: AdapterFit

    def parts(self, swap: ModelSwap) -> list[IndexPart]:
        """The OLD index, searched by adapted NEW queries."""
        return [
            IndexPart(adapter.carried(swap.new_queries, is_unit=swap.is_old_unit), swap.old_documents[rows], rows)
            for adapter, rows in zip(self.adapters, self.scored, strict=True)
        ]


def chosen_adapter(adapters: Sequence[HalvedAdapter]) -> HalvedAdapter:
    """The one that leads more unseen documents to their own OLD vectors; no query has a say in it."""
    return max(adapters, key=lambda each: each.fit.identified.value or 0.0)


def fit_adapters(
    swap: ModelSwap, collection: Collection, settings: Settings, *, most: int, generator: np.random.Generator
) -> tuple[HalvedAdapter, ...]:
    """An orthogonal and an affine map, each fitted twice on up to ``most / 2`` documents.

    Documents that are the text of a query as well are left out, unless they are more than half of all.

    Raises TooFewPointsError if a half has fewer than two documents.
    """
    order = generator.permutation(swap.n_documents)
    halves = [np.sort(order[start::2]) for start in (0, 1)]
    if len(halves[1]) < _FEWEST:
        raise TooFewPointsError(
            f"An adapter is fitted on half of the documents, {_FEWEST} or more; the data set has {swap.n_documents}. "
            f"Add documents to it."
        )
    texts = set(map(identity, collection.queries))
    is_query = np.array([identity(text) in texts for text in collection.documents])
    keeps_queries = 2 * int(is_query.sum()) > swap.n_documents
    samples = [
        np.sort(generator.permutation(half if keeps_queries else half[~is_query[half]])[: most // 2]) for half in halves
    ]
    return tuple(_fitted(kind, swap, (halves[1], halves[0]), samples, is_query, settings) for kind in FITS)


def _fitted(
    kind: PathKind,
    swap: ModelSwap,
    scored: tuple[IntArray, IntArray],
    samples: Sequence[IntArray],
    is_query: BoolArray,
    settings: Settings,
) -> HalvedAdapter:
    first, second = (FITS[kind](swap.new_documents[rows], swap.old_documents[rows]) for rows in samples)
    found = [_unseen(adapter, swap, rows) for adapter, rows in ((first, samples[1]), (second, samples[0]))]
    cosine, is_nearest = (np.concatenate(columns) for columns in zip(*found, strict=True))
    resampler = Resampler(np.arange(len(cosine)), settings.measure.draws, settings.measure.seed)
    ridges = [adapter.ridge for adapter in (first, second) if adapter.ridge is not None]
    fit = AdapterFit(
        kind=kind,
        n_fitted=sum(map(len, samples)),
        n_queries=sum(int(is_query[rows].sum()) for rows in samples),
        cosine=resampler.means({"cosine": cosine}, bounds=(-1.0, 1.0))["cosine"],
        identified=resampler.share(is_nearest),
        ridge=max(ridges, default=None),
    )
    return HalvedAdapter((first, second), scored, fit)


def _unseen(adapter: SpaceAdapter, swap: ModelSwap, rows: IntArray) -> tuple[Float64Array, BoolArray]:
    """Cosine of each carried document with its own OLD vector, and whether no other of ``rows`` lies nearer."""
    carried = adapter.carried(swap.new_documents[rows], is_unit=True)
    targets = unit_rows(swap.old_documents[rows])
    nearest = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK_ROWS):
        nearest[start : start + _BLOCK_ROWS] = np.argmax(carried[start : start + _BLOCK_ROWS] @ targets.T, axis=1)
    cosine: Float64Array = np.einsum("nd,nd->n", carried.astype(np.float64), targets.astype(np.float64))
    return cosine, nearest == np.arange(len(rows))
