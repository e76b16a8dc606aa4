"""The ways to serve during and after a swap, each measured on the same queries and compared with OLD and with NEW.

Scores are computed once for a block of queries: OLD, NEW, NEW queries against OLD documents as they are and adapted.
Every path is a choice among them, document by document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.measure.scoring import block_values, values_of_lists
from embedscope.metrics.fusion import reciprocal_rank_fusion
from embedscope.metrics.listing import lists_of_vectors
from embedscope.migration.adapter_fits import HalvedAdapter, chosen_adapter
from embedscope.migration.model_swap import IndexPart, ModelSwap, ScoreLevel, scores_of
from embedscope.protocols import BoolArray, Float64Array, FloatArray, ProgressCallback
from embedscope.result import Comparison, Estimate, MigrationCost, MigrationPath, ModelFacts, PathKind
from embedscope.stats.resampler import Resampler, Stream, holm_over

METRICS = ("MRR", "Success@1", "nDCG@10")
SHARES = (0.25, 0.5, 0.75)
DRAWS = 5
MIXED = (PathKind.MIXED_UNADAPTED, PathKind.MIXED_ADAPTED, PathKind.MIXED_BOTH, PathKind.MIXED_SCALED)
NEEDS_ONE_WIDTH = (PathKind.UNADAPTED, PathKind.MIXED_UNADAPTED)
OTHER_WIDTH = "the vectors of OLD and NEW are of unequal width"

_CELLS = 1 << 22

_FUSED_QUERIES = 1024
"""Queries whose two lists of a thousand documents each are held at once: their tables take 200 kB a query."""

Values = dict[str, Float64Array]
"""Each metric for each query, (Q,)."""

Block = Mapping[PathKind, FloatArray]
"""Scores of some queries and all documents, (q, N), by the path that serves them alone."""

Combine = Callable[[Block], FloatArray]
"""From the scores of a block to those of a path."""


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A path and how its scores are made, once for each random choice of documents."""

    kind: PathKind
    share: float
    draws: Sequence[Combine]  # empty where it cannot be served
    n_fitted: int = 0  # documents that its adapter was fitted on


def served_paths(
    swap: ModelSwap, adapters: Sequence[HalvedAdapter], generator: np.random.Generator
) -> tuple[list[Served], dict[PathKind, Sequence[IndexPart]]]:
    """Every path but the fused one, OLD and NEW first, and the indexes whose scores they are made of.

    Mixed indexes take `DRAWS` random choices of the documents that are NEW, the same for every rule.
    """
    sources: dict[PathKind, Sequence[IndexPart]] = {
        PathKind.OLD: [IndexPart(swap.old_queries, swap.old_documents)],
        PathKind.NEW: [IndexPart(swap.new_queries, swap.new_documents)],
    }
    if swap.is_one_width:
        sources[PathKind.UNADAPTED] = [IndexPart(swap.new_queries, swap.old_documents)]
    sources |= {adapter.fit.kind: adapter.parts(swap) for adapter in adapters}
    fitted = {adapter.fit.kind: adapter.fit.n_fitted for adapter in adapters}
    alone = (PathKind.OLD, PathKind.NEW, PathKind.UNADAPTED, *fitted)
    to_score = sources.keys() - {PathKind.OLD, PathKind.NEW}  # these two are ranked as every other command does it
    paths = [
        Served(kind, float(kind is PathKind.NEW), [_alone(kind)] if kind in to_score else [], fitted.get(kind, 0))
        for kind in alone
    ]
    chosen = chosen_adapter(adapters).fit
    levels = {kind: ScoreLevel.of(sources[kind]) for kind in (PathKind.OLD, PathKind.NEW, chosen.kind)}
    choices = {share: [_drawn(swap.n_documents, share, generator) for _ in range(DRAWS)] for share in SHARES}
    for kind in MIXED:
        for share, draws in choices.items():
            made = [] if kind in NEEDS_ONE_WIDTH and not swap.is_one_width else draws
            combined = [_mixed(kind, is_new, chosen.kind, levels) for is_new in made]
            paths.append(Served(kind, share, combined, chosen.n_fitted if kind is PathKind.MIXED_ADAPTED else 0))
    return paths, sources


def _drawn(n: int, share: float, generator: np.random.Generator) -> BoolArray:
    """A random choice of a share of n documents, at least one and not all."""
    is_new = np.zeros(n, dtype=np.bool_)
    is_new[generator.permutation(n)[: min(max(round(share * n), 1), n - 1)]] = True
    return is_new


def _alone(kind: PathKind) -> Combine:
    return lambda block: block[kind]


def _mixed(kind: PathKind, is_new: BoolArray, adapter: PathKind, levels: Mapping[PathKind, ScoreLevel]) -> Combine:
    """NEW scores where a document is NEW, and where it is OLD those of the rule.

    Scores of two models, or of one model and an adapter, have scales of their own; two rules bring NEW scores to the
    mean and spread of the others.
    """
    others = {PathKind.MIXED_UNADAPTED: PathKind.UNADAPTED, PathKind.MIXED_ADAPTED: adapter}
    other = others.get(kind, PathKind.OLD)
    scale, shift = 1.0, 0.0
    if kind in (PathKind.MIXED_ADAPTED, PathKind.MIXED_SCALED):
        scale, shift = levels[PathKind.NEW].onto(levels[other])
    factor, summand = np.float32(scale), np.float32(shift)
    return lambda block: np.where(is_new, block[PathKind.NEW] * factor + summand, block[other])


# --- from scores to values ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PathValues:
    """The metrics of a path for each query, averaged over its draws, and the MRR of each draw; empty if not served."""

    path: Served
    values: Values
    draws: tuple[float, ...]


def measured(
    swap: ModelSwap,
    paths: Sequence[Served],
    sources: Mapping[PathKind, Sequence[IndexPart]],
    progress: ProgressCallback = lambda done, total, message=None: None,
) -> list[PathValues]:
    """Every path in one pass over the queries, and last the two indexes fused."""
    judgments = swap.query_set.judgments
    n_queries, step = len(swap.query_set.rows), max(1, _CELLS // swap.n_documents)
    values = [[{name: np.empty(n_queries) for name in METRICS} for _ in path.draws] for path in paths]
    for start in range(0, n_queries, step):
        rows = slice(start, start + step)
        own = judgments.select(np.arange(n_queries)[rows])
        block = {kind: scores_of(parts, rows, swap.n_documents) for kind, parts in sources.items()}
        for path, draws in zip(paths, values, strict=True):
            for combine, out in zip(path.draws, draws, strict=True):
                found = block_values([(0, combine(block))], own, METRICS, tolerance=swap.tolerance)
                for name, column in found.items():
                    out[name][rows] = column
        progress(min(start + step, n_queries), n_queries)
    fused = PathValues(Served(PathKind.FUSED, 1.0, ()), _fused_values(swap), ())
    return [*(_averaged(path, draws) for path, draws in zip(paths, values, strict=True)), fused]


def _fused_values(swap: ModelSwap) -> Values:
    """The metrics of the lists of OLD and of NEW, fused by reciprocal ranks, some queries at a time."""
    facts = ModelFacts(checkpoint="OLD + NEW", layout="two indexes", dim=0)
    parts: list[Values] = []
    for start in range(0, len(swap.old_queries), _FUSED_QUERIES):
        rows = np.arange(start, min(start + _FUSED_QUERIES, len(swap.old_queries)))
        own = swap.query_set.judgments.select(rows)
        lists = [
            lists_of_vectors(queries[rows], documents, facts, tolerance=swap.tolerance, own=own.excluded)
            for queries, documents in (
                (swap.old_queries, swap.old_documents),
                (swap.new_queries, swap.new_documents),
            )
        ]
        parts.append(values_of_lists(reciprocal_rank_fusion(lists, facts), own, METRICS))
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def _averaged(path: Served, draws: Sequence[Values]) -> PathValues:
    if not draws:
        return PathValues(path, {}, ())
    values: Values = {name: np.mean([each[name] for each in draws], axis=0) for name in METRICS}
    of_draws = tuple(float(each["MRR"].mean()) for each in draws) if len(draws) > 1 else ()
    return PathValues(path, values, of_draws)


# --- from values to records ---------------------------------------------------------------------------------------


def path_records(found: Sequence[PathValues], resampler: Resampler, cost: MigrationCost) -> tuple[MigrationPath, ...]:
    """Each path with its intervals, and its paired differences to OLD and to NEW.

    Each path against each of the two is a question of its own: Holm corrects over the primary metrics of one.
    """
    old, new = found[0].values, found[1].values
    paired = resampler.on(Stream.COMPARISON)
    gain = next(each for each in _against(paired, "NEW", new, "OLD", old) if each.metric == "MRR")
    is_other = gain.is_surely(1) or gain.is_surely(-1)
    records = []
    for each in found:
        path, values = each.path, each.values
        label = f"{path.kind} {path.share:.0%}" if path.kind in MIXED else str(path.kind)
        records.append(
            MigrationPath(
                kind=path.kind,
                share=path.share,
                metrics=resampler.means(values) if values else {},
                from_old=_against(paired, label, values, "OLD", old) if path.kind is not PathKind.OLD else (),
                from_new=_against(paired, label, values, "NEW", new) if path.kind is not PathKind.NEW else (),
                kept=_kept(values, old, new, resampler, is_other=is_other),
                n_texts=_n_texts(path, cost.n_documents),
                n_bytes=_n_bytes(path, cost),
                query_encodings=2 if path.kind in (PathKind.MIXED_BOTH, PathKind.MIXED_SCALED, PathKind.FUSED) else 1,
                draws=each.draws,
                reason=None if values else OTHER_WIDTH,
            )
        )
    return tuple(records)


def _against(resampler: Resampler, a: str, ours: Values, b: str, theirs: Values) -> tuple[Comparison, ...]:
    return holm_over(resampler.compare(a, ours, {b: theirs}, METRICS), PRIMARY_METRICS)


def _kept(values: Values, old: Values, new: Values, resampler: Resampler, *, is_other: bool) -> Estimate:
    """Share of the difference from OLD to NEW that a path has, in MRR."""
    if not values:
        return Estimate.absent(OTHER_WIDTH)
    if not is_other:
        return Estimate.absent("no difference in MRR between OLD and NEW is shown")
    (found,) = resampler.ratio(np.column_stack([values["MRR"] - old["MRR"], new["MRR"] - old["MRR"]]))
    return found


def _n_texts(path: Served, n_documents: int) -> int:
    if path.kind in MIXED:
        return max(round(path.share * n_documents), min(path.n_fitted, n_documents))
    return n_documents if path.kind in (PathKind.NEW, PathKind.FUSED) else min(path.n_fitted, n_documents)


def _n_bytes(path: Served, cost: MigrationCost) -> int:
    if path.kind is PathKind.FUSED:
        return cost.old_bytes + cost.new_bytes
    return round((1 - path.share) * cost.old_bytes + path.share * cost.new_bytes)
