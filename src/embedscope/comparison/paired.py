"""Several runs on the same queries: what changed, whether it is more than chance, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from embedscope.measure.negatives import UNTYPED
from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.measure.same_data import require_same_data
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import BestOfMany, Estimate, LevelShift, QueryTable, RunComparison, Scored, TypeChange
from embedscope.settings import Settings
from embedscope.stats.dependence import Dependence
from embedscope.stats.resampler import Resampler, Stream, holm_over


def compare_runs(runs: Mapping[str, Scored], *, reference: str, settings: Settings) -> RunComparison:
    """Every run against ``reference``, paired on the same queries.

    Parameters
    ----------
    runs : mapping of name to Scored
        At least two, measured on the same collection.
    reference : str
        The run that the others are compared with.
    settings : Settings
        Seed and draws of the intervals and tests.

    Returns
    -------
    RunComparison
        Differences are candidate minus reference. ``best`` is there where three or more runs were compared: the
        p-value of the best candidate has to pay for the choice (single-step max-T). A run that compares by another
        similarity than the reference has no shift of level.

    Raises
    ------
    IncomparableRunsError
        If the runs do not hold the same queries, relevant documents, hard negatives and pool.
    """
    first = runs[reference]
    for name, result in runs.items():
        require_same_data((reference, name), (first.queries, result.queries), (first.data, result.data))
    candidates = [name for name in runs if name != reference]
    resampler = resampler_of(first.queries, settings, Stream.COMPARISON)
    references = {reference: first.queries.values}
    comparisons = tuple(
        comparison
        for name in candidates
        for comparison in resampler.compare(name, runs[name].queries.values, references, tuple(first.metrics))
    )
    return RunComparison(
        reference=reference,
        candidates=tuple(candidates),
        comparisons=holm_over(comparisons, PRIMARY_METRICS),
        lost={name: moved_queries(first, runs[name], lost=True) for name in candidates},
        gained={name: moved_queries(first, runs[name], lost=False) for name in candidates},
        type_changes=tuple(
            change for name in candidates for change in _type_changes(name, first, runs[name], resampler)
        ),
        level_shifts=tuple(_level_shifts(first, {name: runs[name] for name in candidates})),
        best=_best_of_many(runs, reference, candidates, resampler) if len(candidates) > 1 else None,
    )


def resampler_of(queries: QueryTable, settings: Settings, stream: Stream) -> Resampler:
    """Of the queries of a run, as far as they share relevant documents or a group."""
    dependence = Dependence.of_judgments(queries.relevant_indptr, queries.relevant_documents, queries.groups)
    return Resampler(queries.clusters, settings.measure.draws, settings.measure.seed, stream, dependence)


def moved_queries(reference: Scored, candidate: Scored, *, lost: bool) -> IntArray:
    """Queries that one run has right at rank 1 and the other has not, the largest fall (or rise) in rank first."""
    before, after = reference.queries, candidate.queries
    changed = before.is_correct & ~after.is_correct if lost else ~before.is_correct & after.is_correct
    rows = np.flatnonzero(changed)
    size = np.abs(after.rank[rows] - before.rank[rows])
    return rows[np.argsort(-size, kind="stable")]


def _type_changes(name: str, reference: Scored, candidate: Scored, resampler: Resampler) -> Sequence[TypeChange]:
    """Change of the violation rate of each negative type, candidate minus reference, with its interval."""
    before = reference.queries
    queries = np.repeat(np.arange(len(before.texts)), np.diff(before.negative_indptr))
    change = _violations(candidate, queries) - _violations(reference, queries)
    changes = []
    for kind in reference.negative_types:
        rows = np.flatnonzero([kind in (types or (UNTYPED,)) for types in before.negative_types])
        n = len(before.texts)
        columns = np.column_stack(
            [np.bincount(queries[rows], weights=change[rows], minlength=n), np.bincount(queries[rows], minlength=n)]
        )
        (figure,) = resampler.ratio(columns.astype(np.float64))
        changes.append(TypeChange(candidate=name, type=kind, n=len(rows), change=figure))
    return changes


def _violations(result: Scored, queries: IntArray) -> Float64Array:
    """Pairs whose negative reaches the positive; of a run, those that it returned and no better positive."""
    positive, negative = result.queries.positive_similarity[queries], result.queries.negative_scores
    reaches = np.isnan(positive) | (positive - negative <= result.tie_tolerance)
    return (reaches & ~np.isnan(negative)).astype(np.float64)


def _level_shifts(reference: Scored, candidates: Mapping[str, Scored]) -> Iterator[LevelShift]:
    """How far the raw similarities moved: a change of level is a change of temperature, not of ranking.

    Levels of two kinds have no difference, and a run has none.
    """
    before = reference.similarity
    for name, candidate in candidates.items():
        after = candidate.similarity
        if before is None or after is None or candidate.model.similarity != reference.model.similarity:
            continue
        yield LevelShift(
            candidate=name,
            positive=after.positive.mean - before.positive.mean,
            negative=after.negative.mean - before.negative.mean,
            separation=_difference(after.separation, before.separation),
            auc=_difference(after.auc, before.auc),
        )


def _difference(after: Estimate, before: Estimate) -> float | None:
    return None if after.value is None or before.value is None else after.value - before.value


def _best_of_many(
    runs: Mapping[str, Scored], reference: str, candidates: Sequence[str], resampler: Resampler
) -> BestOfMany:
    metric = PRIMARY_METRICS[0]
    ours = runs[reference].queries.values[metric]
    differences = np.column_stack([runs[name].queries.values[metric] - ours for name in candidates])
    test = resampler.best_of(differences)
    best = int(np.argmax(test.difference))
    return BestOfMany(
        metric=metric,
        best=candidates[best],
        difference=float(test.difference[best]),
        p_adjusted=float(test.p_adjusted[best]),
        n_candidates=len(candidates),
    )
