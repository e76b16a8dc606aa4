"""The queries of a collection that can be measured, and the resamples that every interval of them shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, identity_order
from embedscope.errors import TooFewPointsError
from embedscope.metrics.judgments import Judgments
from embedscope.protocols import IntArray
from embedscope.stats.clusters import clusters_from_judgments, numbered_along
from embedscope.stats.dependence import Dependence
from embedscope.stats.resampler import Resampler


@dataclass(frozen=True, slots=True, eq=False)
class QuerySet:
    """Rows of the queries that have a relevant document, their judgments, and the resampler of their clusters."""

    rows: IntArray  # (Q,) rows in Collection.queries, ascending
    judgments: Judgments
    resampler: Resampler

    @classmethod
    def of(cls, collection: Collection, *, seed: int, draws: int, least: int = 2) -> QuerySet:
        """The queries of ``collection`` with a relevant document; the same seed and draws give the same resamples.

        Raises TooFewPointsError if fewer than ``least`` queries have a relevant document.
        """
        rows = rows_with_relevant(collection, least)
        n_documents = len(collection.documents)
        every = Judgments(collection.indptr, collection.relevant, collection.gains, n_documents, collection.own)
        judgments = every.select(rows)
        groups = [collection.groups[row] for row in rows] if collection.groups else None
        common = judgments.common
        clusters = clusters_from_judgments(common.indptr, common.documents, n_documents, groups)
        clusters = numbered_along(clusters, identity_order([collection.queries[row] for row in rows]))
        dependence = Dependence.of_judgments(common.indptr, common.documents, groups)
        return cls(rows, judgments, Resampler(clusters, draws, seed, dependence=dependence))

    @property
    def n_clusters(self) -> int:
        """Independent groups of these queries."""
        return len(np.unique(self.resampler.clusters))


def rows_with_relevant(collection: Collection, least: int = 2) -> IntArray:
    """Rows of the queries that have a relevant document.

    Raises TooFewPointsError if there are fewer than ``least``.
    """
    rows = np.flatnonzero(np.diff(collection.indptr) > 0)
    if len(rows) < least:
        raise TooFewPointsError(
            f"{len(rows)} of {len(collection.queries)} distinct queries have a relevant document; at least {least} "
            f"must: a mean, a spread and an interval of fewer say nothing. Add rows to the data set."
        )
    return rows
