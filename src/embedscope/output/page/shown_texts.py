"""The texts of a page, within a budget of characters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from embedscope.result import Result

TEXT_BUDGET = 64 << 20
"""Characters of all texts on a page at most: about 25 MB of a page, which browsers open in seconds."""

LEAST_TEXT = 80
"""Characters that are always shown of a text."""


@dataclass(frozen=True, slots=True)
class ShownTexts:
    """Texts as a page shows them; ``limit`` is the length to which longer ones are cut, None where none is."""

    queries: Sequence[str]  # Q entries
    documents: Sequence[str]  # of the documents that the page shows
    limit: int | None


def shown_texts(result: Result, documents: Sequence[int], budget: int = TEXT_BUDGET) -> ShownTexts:
    """The texts of all queries and of some rows of documents, with at most ``budget`` characters in all.

    Above it, all texts that are longer than one length are cut to it, the largest that the budget allows, and end in
    "…". `LEAST_TEXT` characters of each text are shown whatever the budget, and texts of explained failures stay whole:
    their words are found by their places.
    """
    q, d = result.queries, result.documents
    limit = _limit([len(text) for text in chain(q.texts, (d.texts[row] for row in documents))], budget)
    failures = () if result.explanations is None else result.explanations.failures
    return ShownTexts(
        _cut(q.texts, range(len(q.texts)), limit, {one.query for one in failures}),
        _cut(d.texts, documents, limit, set(chain.from_iterable((one.right, one.wrong) for one in failures))),
        limit,
    )


def _limit(lengths: Sequence[int], budget: int) -> int | None:
    """The largest L with ``sum(min(length, L)) <= budget``; None where all lengths fit as they are."""
    rising = np.sort(np.asarray(lengths, dtype=np.int64))
    if rising.sum() <= budget:
        return None
    shorter = np.cumsum(rising) - rising  # characters of all texts before
    n_from = np.arange(len(rising), 0, -1)  # texts from this one on
    first = int(np.argmax(shorter + rising * n_from > budget))  # the first that cannot set the length of those behind
    return max(LEAST_TEXT, int(budget - shorter[first]) // int(n_from[first]))


def _cut(texts: Sequence[str], rows: Iterable[int], limit: int | None, whole: Collection[int]) -> list[str]:
    """The texts of some rows, cut where they are longer than the limit, but for those of ``whole``."""
    if limit is None:
        return [texts[row] for row in rows]
    return [texts[row] if len(texts[row]) <= limit or row in whole else f"{texts[row][: limit - 1]}…" for row in rows]
