"""Hard negatives that a base model prefers to the positive, and whether its preference is any evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.audit.label_scores import BlockedGrams
from embedscope.data.collection import Collection
from embedscope.data.text_features import placeholder
from embedscope.diagnose.second_opinion import Scorer
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import Estimate
from embedscope.stats.resampler import Resampler

BELIEVED_FROM = 0.9
"""Share of pairs in which a model must prefer the positive: the false negatives of a data set are a few per cent, so
that a model that errs more often than one time in ten is mostly wrong where it contradicts the label."""

CLEARLY = 3.0
"""Robust standard deviations above the usual difference from which a preference is not noise."""

_PER_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a second opinion says of (query, hard negative) pairs."""

    name: str
    n: int  # pairs
    prefers_positive: Estimate  # share of the pairs
    clearly: frozenset[tuple[str, str]]  # (query, negative) where the negative wins by far; empty where not believed

    @property
    def is_believed(self) -> bool:
        """Whether the model agrees with the labels so often that its disagreement says something."""
        return self.prefers_positive.at_least >= BELIEVED_FROM


def preferences(collection: Collection, scorer: Scorer, resampler: Resampler) -> Preferences | None:
    """How ``scorer`` judges every hard negative; None without a pair that can be judged.

    The difference of a pair is ``m = s(q, negative) - max s(q, positive)``. A negative is clearly preferred where
    ``m > max(0, median(m) + 3 * 1.4826 * MAD(m))``, the median and the median absolute deviation taken over all pairs.
    The resampler is that of the queries.
    """
    queries, documents, differences = compared(collection, scorer)
    if not queries.size:
        return None
    middle = float(np.median(differences))
    spread = _PER_SIGMA * float(np.median(np.abs(differences - middle)))
    found = resampler.among(queries).rate(differences < 0, np.ones(len(differences)))
    limit = max(0.0, middle + CLEARLY * spread)
    pairs = [
        (collection.queries[q], collection.documents[d])
        for q, d in zip(queries[differences > limit].tolist(), documents[differences > limit].tolist(), strict=True)
    ]
    preferred = Preferences(scorer.name, len(differences), found, frozenset(pairs))
    return preferred if preferred.is_believed else Preferences(scorer.name, len(differences), found, frozenset())


def compared(collection: Collection, scorer: Scorer | BlockedGrams) -> tuple[IntArray, IntArray, Float64Array]:
    """The hard negatives of queries whose positives all say something: query, document, and the difference ``m``."""
    counts = np.diff(collection.indptr)
    owners = np.repeat(np.arange(len(counts)), counts)
    best = np.full(len(counts), -np.inf)
    np.maximum.at(best, owners, scorer.pairs(owners, collection.relevant))
    empty = [placeholder(collection.documents[d]) is not None for d in collection.relevant]
    best[owners[np.array(empty, dtype=bool)]] = np.nan
    queries, documents = collection.negatives.queries, collection.negatives.documents
    known = np.isfinite(best[queries])
    queries, documents = queries[known], documents[known]
    return queries, documents, scorer.pairs(queries, documents) - best[queries]
