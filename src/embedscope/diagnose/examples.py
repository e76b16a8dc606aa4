"""Which queries to show: the ones a person learns most from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from embedscope.errors import InvalidOptionError
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
    pools = _pools(queries)
    picked: dict[ExampleKind, list[Example]] = {kind: [] for kind in pools}
    while pools and sum(map(len, picked.values())) < n:
        for kind, pool in list(pools.items()):
            row = next((row for row in pool if int(queries.clusters[row]) not in taken), None)
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


def _pools(queries: QueryTable) -> dict[ExampleKind, Iterator[int]]:
    """Rows by kind: wrong at rank 1, by rank or by the smallest deficit; right, by a lead close to the median lead.

    A query whose relevant documents stand in no list has no deficit, and is no near miss.
    """
    lead = queries.positive_similarity - queries.wrong_similarity
    is_ranked = ~np.isnan(queries.rank)
    wrong = np.flatnonzero(~queries.is_correct & is_ranked)
    right = np.flatnonzero(queries.is_correct & is_ranked)
    near = wrong[~np.isnan(lead[wrong])]
    has_lead = ~np.isnan(lead[right])  # none where nothing else was listed
    from_median = np.abs(lead[right] - np.median(lead[right][has_lead])) if has_lead.any() else lead[right]
    return {
        kind: iter(rows[np.argsort(key, kind="stable")].tolist())
        for kind, rows, key in (
            (ExampleKind.WORST_FAILURE, wrong, -queries.rank[wrong]),
            (ExampleKind.NEAR_MISS, near, -lead[near]),
            (ExampleKind.SUCCESS, right, from_median),
        )
    }
