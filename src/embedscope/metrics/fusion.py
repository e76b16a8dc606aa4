"""Several ranked lists of a query made into one: by the reciprocals of their ranks, or by a weighted sum of scores.

A document that one system does not return gets nothing from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.metrics.listing import SCORE
from embedscope.metrics.ranked_lists import LISTED, RankedLists
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import ModelFacts
from embedscope.settings import TIE_TOLERANCE, Fusion

RRF_CONSTANT = 60
"""Cormack, Clarke & Buettcher 2009 fixed it in a pilot and found that it matters little."""

_ROUNDING = 1e-12
"""Sums of the same reciprocals in another order differ by less, in units of the largest sum."""


def fused(systems: Sequence[RankedLists], how: Fusion, weights: Sequence[float] = ()) -> RankedLists:
    """The systems made into one by `reciprocal_rank_fusion` or `weighted_fusion`, which say what is raised."""
    names = [lists.facts.checkpoint for lists in systems]
    facts = ModelFacts(
        checkpoint=" + ".join(names),
        layout="reciprocal rank fusion" if how is Fusion.RRF else "weighted fusion",
        dim=0,
        similarity=SCORE,
        notes=tuple(dict.fromkeys(note for lists in systems for note in lists.facts.notes)),
    )
    if how is Fusion.RRF:
        if weights:
            raise InvalidOptionError("--fusion-weights would change nothing: --fusion rrf has none. Leave one out.")
        lists = reciprocal_rank_fusion(systems, facts)
    else:
        chosen = weights_for("--fuse", names, weights)
        shown = ", ".join(f"{weight:g}" for weight in chosen)
        lists = weighted_fusion(systems, replace(facts, layout=f"{facts.layout} {shown}"), chosen)
    return replace(lists, notes=tuple(dict.fromkeys(note for each in systems for note in each.notes)))


def reciprocal_rank_fusion(systems: Sequence[RankedLists], facts: ModelFacts) -> RankedLists:
    """Lists by the sum of the reciprocals of the ranks.

    ``score[q, d] = sum_s 1 / (60 + rank_s[q, d])``, ranks from 1 (Cormack, Clarke & Buettcher, SIGIR 2009). Documents
    that a system ties get the mean of the reciprocals of the places that they share, which is the expected value over
    all their orders.

    Raises InvalidOptionError if the systems do not rank the same queries.
    """
    return _fused(systems, [_reciprocals(lists) for lists in systems], facts, len(systems) / RRF_CONSTANT * _ROUNDING)


def weighted_fusion(systems: Sequence[RankedLists], facts: ModelFacts, weights: Sequence[float] = ()) -> RankedLists:
    """Lists by a weighted sum of scores, brought to [0, 1] within each list.

    ``score[q, d] = sum_s w_s (score_s[q, d] - min_s[q]) / (max_s[q] - min_s[q])``, minimum and maximum over what the
    system returned for the query. Documents of a list whose scores are all equal get ``w_s`` each.

    Parameters
    ----------
    weights : sequence of float
        One for each system, 0 or more; 1 each by default.

    Raises
    ------
    InvalidOptionError
        If there is another number of weights than of systems, all are 0, or the systems do not rank the same queries.
    """
    chosen = weights_for("--fuse", [lists.facts.checkpoint for lists in systems], weights)
    values = [weight * _scaled(lists) for weight, lists in zip(chosen, systems, strict=True)]
    return _fused(systems, values, facts, sum(chosen) * TIE_TOLERANCE)


def weights_for(option: str, names: Sequence[str], weights: Sequence[float]) -> tuple[float, ...]:
    """``weights``, one for each of ``names``; 1 each where there are none.

    Raises InvalidOptionError if their number is another, or all are 0.
    """
    if weights and (len(weights) != len(names) or not any(weights)):
        came = " ".join(f"{weight:g}" for weight in weights)
        raise InvalidOptionError(
            f"--fusion-weights is {came}; {option} needs {len(names)} weights, not all of them 0: {', '.join(names)}."
        )
    return tuple(weights) or (1.0,) * len(names)


def _fused(
    systems: Sequence[RankedLists], values: Sequence[Float64Array], facts: ModelFacts, tolerance: float
) -> RankedLists:
    """Lists by the sum of ``values``, which stand beside the entries of each system; the best ``LISTED`` of them."""
    n_queries = {len(lists.indptr) - 1 for lists in systems}
    if len(n_queries) != 1:
        counts = " and ".join(f"{n:,}" for n in sorted(n_queries))
        raise InvalidOptionError(f"Only lists of the same queries can be fused; these are of {counts} queries.")
    pairs = np.concatenate([np.stack([lists.query_of_entry, lists.documents]) for lists in systems], axis=1)
    order = np.lexsort((pairs[1], pairs[0]))  # stable: the sum of a pair is taken in the order of the systems
    pairs, summands = pairs[:, order], np.concatenate(values)[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(pairs, axis=1) != 0).any(axis=0) | (pairs[1, 1:] < 0)  # unknown ones are no two the same
    starts = np.flatnonzero(is_first)
    scores = np.add.reduceat(summands, starts) if len(starts) else summands
    queries, documents = pairs[:, starts]
    best = np.lexsort((-documents, -scores, queries))
    kept = best[places(queries[best]) < LISTED]
    return RankedLists.of_scores(
        queries[kept], documents[kept], scores[kept], n_queries.pop(), facts, tolerance=tolerance
    )


def places(queries: IntArray) -> IntArray:
    """Place of each entry in the list of its query, from 0; ``queries`` do not fall."""
    starts = np.searchsorted(queries, queries)
    return np.arange(len(queries), dtype=np.int64) - starts


def tie_groups(lists: RankedLists) -> IntArray:
    """Number of the group of tied documents that each entry is in; it rises by 1 from group to group."""
    is_first = np.ones(len(lists.scores), dtype=bool)
    is_first[1:] = (np.diff(lists.query_of_entry) != 0) | (-np.diff(lists.scores) > lists.tolerance)
    return np.cumsum(is_first) - 1


def _reciprocals(lists: RankedLists) -> Float64Array:
    """Reciprocal of 60 and the rank of each entry, the mean of those that it is tied with."""
    group = tie_groups(lists)
    values = 1.0 / (RRF_CONSTANT + 1 + places(lists.query_of_entry))
    means = np.bincount(group, values) / np.maximum(np.bincount(group), 1)
    return np.asarray(means[group], dtype=np.float64)


def _scaled(lists: RankedLists) -> Float64Array:
    """Scores of each entry, of which the least of a list is 0 and the largest 1."""
    queries = lists.query_of_entry
    largest, least = lists.scores[lists.indptr[:-1][queries]], lists.scores[lists.indptr[1:][queries] - 1]
    is_spread = largest > least
    return np.where(is_spread, (lists.scores - least) / np.where(is_spread, largest - least, 1.0), 1.0)


def reordered(
    lists: RankedLists, scores: Float64Array, depth: int, facts: ModelFacts, *, tolerance: float
) -> RankedLists:
    """``lists`` with the first ``depth`` documents of each in the order of new scores, and the others behind them.

    Parameters
    ----------
    scores : ndarray, float64
        Those of the first documents, in the order of their entries.
    tolerance : float
        The difference of two new scores up to which they are tied.

    Returns
    -------
    RankedLists
        The others keep their order and their ties. Their scores go down from the least new one of their query, a step
        of 1 (or of twice the tolerance) for each group of tied documents.
    """
    queries, group = lists.query_of_entry, tie_groups(lists)
    place = places(queries)
    is_first = place < depth
    new = np.empty(len(queries))
    new[is_first] = scores
    least = np.full(len(lists.indptr) - 1, np.inf)
    np.minimum.at(least, queries[is_first], scores)
    rest = ~is_first
    behind = 1 + group[rest] - group[lists.indptr[:-1][queries[rest]] + depth]
    new[rest] = least[queries[rest]] - max(1.0, 2.0 * tolerance) * behind
    return RankedLists.of_scores(
        queries, lists.documents, new, len(least), facts, tolerance=tolerance, notes=lists.notes
    )
