"""Which queries to show: the ones a person learns most from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.protocols import IntArray
from embedscope.result import Example, ExampleKind, QueryTable


def choose_examples(queries: QueryTable, *, n: int, asked: Sequence[str] = ()) -> tuple[Example, ...]:
    """Examples in the order in which they should be read: asked for, worst failures, near misses, typical successes.

    The last three take turns until ``n`` are found, so each kind that exists is shown. One query a cluster: four
    paraphrases of one question teach once. Ties are broken by row, so the choice is the same on every run.

    Parameters
    ----------
    queries : QueryTable
    n : int
        Examples at most, beside those asked for.
    asked : sequence of str
        Each is part of the text of a query, in any letter case; an equal text goes before one that contains it.

    Raises
    ------
    InvalidOptionError
        If a text of ``asked`` is contained in no query.
    """
    chosen = [Example(row, ExampleKind.ASKED) for row in dict.fromkeys(_find(text, queries) for text in asked)]
    taken = {int(queries.clusters[example.query]) for example in chosen}
    pools = {
        ExampleKind.WORST_FAILURE: iter(_worst_failures(queries)),
        ExampleKind.NEAR_MISS: iter(_near_misses(queries)),
        ExampleKind.SUCCESS: iter(_typical_successes(queries)),
    }
    picked: dict[ExampleKind, list[Example]] = {kind: [] for kind in pools}
    while pools and sum(map(len, picked.values())) < n:
        for kind, pool in list(pools.items()):
            row = _next_new(pool, queries.clusters, taken)
            if row is None:
                del pools[kind]
            elif sum(map(len, picked.values())) < n:
                picked[kind].append(Example(row, kind))
                taken.add(int(queries.clusters[row]))
    return tuple(chosen + [example for examples in picked.values() for example in examples])


def _find(text: str, queries: QueryTable) -> int:
    wanted = text.strip().casefold()
    exact = [i for i, query in enumerate(queries.texts) if query.casefold() == wanted]
    matches = exact or [i for i, query in enumerate(queries.texts) if wanted and wanted in query.casefold()]
    if not matches:
        raise InvalidOptionError(
            f"--query '{text}' is contained in none of the {len(queries.texts)} queries that were evaluated. "
            f"Pass part of a query's text; with --max-samples 0 all queries are evaluated."
        )
    return matches[0]


def _worst_failures(queries: QueryTable) -> IntArray:
    wrong = np.flatnonzero(~queries.is_correct & np.isfinite(queries.rank))
    return wrong[np.argsort(-queries.rank[wrong], kind="stable")]


def _near_misses(queries: QueryTable) -> IntArray:
    """Wrong at rank 1 by the smallest deficit in similarity."""
    wrong = np.flatnonzero(~queries.is_correct & np.isfinite(queries.rank))
    deficit = queries.wrong_similarity[wrong] - queries.positive_similarity[wrong]
    return wrong[np.argsort(deficit, kind="stable")]


def _typical_successes(queries: QueryTable) -> IntArray:
    """Right at rank 1 by a lead close to the median lead."""
    right = np.flatnonzero(queries.is_correct & np.isfinite(queries.rank))
    lead = queries.positive_similarity[right] - queries.wrong_similarity[right]
    if not right.size:
        return right
    return right[np.argsort(np.abs(lead - np.median(lead)), kind="stable")]


def _next_new(rows: Iterable[int], clusters: IntArray, taken: set[int]) -> int | None:
    return next((int(row) for row in rows if int(clusters[row]) not in taken), None)
